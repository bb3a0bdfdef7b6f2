"""What agents say beside code is held against the red flags of their own archetype."""

import json

from activities.prompting import Prompting
from millwright.adapters.storage.memory import MemoryStore
from millwright.core.red_flags.rule_set import RuleSet, rule_sets
from schemas.election import Flag
from schemas.evidence import CompletionRecord
from schemas.identity import ROOT_PATH, Archetype, Digest, NodePath
from schemas.models import FinishReason
from schemas.red_flags import RuleLimits, RuleSettings
from schemas.requests import ARCHETYPE_OF, ElectionRef, Purpose
from tests.unit.activity_fakes import PROJECT, flat, opened, task

DOUBLE_PATH = NodePath("root.double")
SHORT = RuleSettings(limits=RuleLimits(max_text_bytes=30))

CASES = json.dumps({"cases": [{"inputs": {"n": 4}, "expected": 8}]})
ASSERTS = "assert double(4) == 8\nassert double(5) == 10"
CHOICE = json.dumps({"choice": "A", "reason": "it is the one that holds together"})


async def _label(
    purpose: Purpose, text: str, rules: dict[Archetype, RuleSet], among: tuple[Digest, ...] = ()
) -> CompletionRecord:
    store = MemoryStore()
    await opened(store)
    await flat(store, task("double"))
    election = ElectionRef(project=PROJECT, path=DOUBLE_PATH, purpose=purpose)
    completion = CompletionRecord(
        path=ROOT_PATH,
        purpose=purpose.value,
        round=0,
        index=0,
        archetype=ARCHETYPE_OF[purpose],
        text=text,
        finish_reason=FinishReason.STOP.value,
    )
    labelled, _ = await Prompting(store, store, rules).extract(election, completion, among=among)
    return labelled


async def test_proposed_inputs_are_held_against_the_rules_of_verifiers() -> None:
    """An answer beyond the verifiers' own limit is flagged, whichever form it has; by the defaults it is read."""
    strict = rule_sets({Archetype.VERIFIER: SHORT})
    for text in (CASES, ASSERTS):
        assert (await _label(Purpose.INPUTS, text, rule_sets({}))).flag is None
        assert (await _label(Purpose.INPUTS, text, strict)).flag is Flag.TOO_LONG


async def test_choices_are_held_against_the_rules_of_reviewers() -> None:
    """The limit of one archetype is not that of another."""
    among = (Digest("a" * 64), Digest("b" * 64))
    of_others = rule_sets({Archetype.VERIFIER: SHORT, Archetype.CODER: SHORT})
    assert (await _label(Purpose.CHOOSE, CHOICE, of_others, among)).flag is None
    of_reviewers = rule_sets({Archetype.REVIEWER: SHORT})
    assert (await _label(Purpose.CHOOSE, CHOICE, of_reviewers, among)).flag is Flag.TOO_LONG
