"""What a coordinator is told, what is read of its answer, and which words say what became of it.

It takes no step: ``fallback`` says which are open, and a proposal that is not open changes nothing.
"""

import json
from collections.abc import Sequence

from pydantic import JsonValue

from millwright.core.escalation import account, refused_since
from schemas.coordination import Advice, Remedy, Situation
from schemas.election import Election, Flag, RedFlag
from schemas.identity import NodePath
from schemas.shortening import shortened
from schemas.verification import Verdict

LONGEST_REASON = 160
"""Characters of a reason: it stands in questions, in notes and in the prompt for another plan."""

MOST_TRIED = 8
"""Earlier steps that a coordinator is told of, the latest."""

_WORDS = {
    Remedy.REPLAN: "another plan",
    Remedy.SIMPLIFY: "a simpler task",
    Remedy.PERSON: "to ask a person",
}


def situation(
    path: NodePath,
    election: Election,
    findings: Sequence[Verdict],
    flagged: Sequence[str],
    *,
    k: int,
    tried: Sequence[str],
    open_: Sequence[Remedy],
) -> Situation:
    """Collect the facts of an exhausted election; ``flagged`` are the reasons of its red flags, one for each."""
    refused = refused_since(flagged)
    facts = (
        *account(path, election, findings, k or None),
        f"Red flags: {refused}." if refused else "",
        "What was tried before:\n" + "\n".join(f"- {item}" for item in tried[-MOST_TRIED:]) if tried else "",
    )
    return Situation(facts=tuple(fact for fact in facts if fact), open=tuple(open_))


def read_advice(answer: JsonValue) -> Advice | RedFlag:
    """Read ``{"step": "replan", "reason": "…"}``."""
    step = answer.get("step") if isinstance(answer, dict) else None
    reason = answer.get("reason") if isinstance(answer, dict) else None
    if not isinstance(step, str) or step not in list(Remedy):
        return RedFlag(flag=Flag.MALFORMED, detail=f"the answer names none of {', '.join(Remedy)}")
    if not isinstance(reason, str) or not reason.strip():
        return RedFlag(flag=Flag.MALFORMED, detail="the answer gives no reason")
    return Advice(proposed=Remedy(step), reason=shortened(" ".join(reason.split()), LONGEST_REASON))


def stored(advice: Advice) -> str:
    """Write advice as text to be stored."""
    data = {"step": str(advice.proposed), "reason": advice.reason}
    return json.dumps(data, sort_keys=True, ensure_ascii=True)


def unstored(text: str) -> Advice:
    """Read what ``stored`` wrote."""
    data = json.loads(text)
    return Advice(proposed=Remedy(data["step"]), reason=data["reason"])


def outcome(proposed: Remedy, taken: Remedy, reason: str) -> str:
    """Say in a line what a coordinator proposed and what became of it."""
    said = f"the coordinator proposed {_WORDS[proposed]} ({' '.join(reason.split())})"
    if taken is proposed:
        return said
    return f"{said}, which was not open: the policy's own step, {_WORDS[taken]}, was taken"
