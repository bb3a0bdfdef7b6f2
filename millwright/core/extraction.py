"""Takes the one JSON object out of a model's text, or says why there is none, by a rule set for answers in JSON.

It never repairs. What the object means is not its question, and code is read by rule sets alone.
"""

from pydantic import JsonValue

from millwright.core.red_flags.rule_set import JSON_RULES, RuleSet
from schemas.election import RedFlag
from schemas.models import FinishReason


def extract_json(text: str, finish_reason: FinishReason, rules: RuleSet = JSON_RULES) -> JsonValue | RedFlag:
    """Extract the one JSON object of an answer: the whole text, or one block fenced as ``json`` or without a tag.

    JSON is read strictly: no NaN, no number beyond a float, no key given twice, no lone surrogate or NUL (no database
    keeps them), at most 100 levels deep.
    """
    found = rules.inspect(text, finish_reason)
    return found.flag or found.document
