"""Reads what reviewer agents propose of a winner: inputs on which it may fail, each with a reason of one line.

It believes nothing: an input counts only where it is run, and what is said of its result is a claim.
"""

import json
from dataclasses import dataclass

from pydantic import JsonValue

from millwright.core.proposals import read_cases
from schemas.claims import Claim
from schemas.election import Flag, RedFlag
from schemas.specification import TaskSpecification

MOST_REVIEWED = 12
"""Inputs that one review adds to a node's own: each is run with every candidate that votes."""

LONGEST_WHY = 200
"""Characters of a reason that are kept."""


@dataclass(frozen=True)
class Review:
    """What one reviewer proposes; ``reasons`` say why, case by case; ``dropped`` counts what does not fit the types."""

    claims: tuple[Claim, ...]
    reasons: tuple[str, ...] = ()
    dropped: int = 0


def read_review(answer: JsonValue, task: TaskSpecification) -> Review | RedFlag:
    """Read ``{"cases": [{"inputs": {…}, "expected": …, "why": "…"}]}``; an empty list says that nothing is doubtful."""
    cases = answer.get("cases") if isinstance(answer, dict) else None
    if not isinstance(cases, list):
        return RedFlag(flag=Flag.MALFORMED, detail="the answer has no list of cases")
    claims: list[Claim] = []
    reasons: list[str] = []
    for item in cases[:MOST_REVIEWED]:
        read = read_cases([item], task)
        claims += read
        reasons += [_why(item)] * len(read)
    return Review(tuple(claims), tuple(reasons), dropped=len(cases) - len(claims))


def _why(item: JsonValue) -> str:
    why = item.get("why") if isinstance(item, dict) else None
    return " ".join(why.split())[:LONGEST_WHY] if isinstance(why, str) else ""


def stored(review: Review) -> str:
    """Write a review as text to be stored."""
    claims = [claim.model_dump(mode="json") for claim in review.claims]
    data = {"claims": claims, "reasons": list(review.reasons), "dropped": review.dropped}
    return json.dumps(data, sort_keys=True, ensure_ascii=True)


def unstored(text: str) -> Review:
    """Read what ``stored`` wrote."""
    data = json.loads(text)
    claims = tuple(Claim.model_validate_json(json.dumps(item)) for item in data["claims"])
    return Review(claims, tuple(data["reasons"]), data["dropped"])
