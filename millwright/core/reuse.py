"""When a part that was accepted before may be accepted again, and when the verdicts on it still hold.

It finds nothing: whoever asks has looked under the node's identity.
"""

import hashlib
import json
from collections.abc import Mapping

from schemas.election import Rule
from schemas.identity import Digest, ProjectId, TaskStatus
from schemas.reuse import AcceptedPart

LADDER_EDITION = 1
"""Of the layers and looks by which verdicts are reached; raised when one of them judges otherwise than before."""


def meets(part: AcceptedPart, rule: Rule) -> bool:
    """Say whether a part was won by a rule at least as strict as this one, in margin, purity and yield.

    The final counts would not tell: votes that came after the decisive one may have lowered the margin. What a person
    accepted stays accepted, whatever the vote was.
    """
    if part.status is TaskStatus.RESOLVED:
        return True
    won_by = part.rule
    return (
        part.status is TaskStatus.WON
        and won_by.k >= rule.k
        and won_by.min_purity >= rule.min_purity
        and won_by.min_yield >= rule.min_yield
    )


def setting_digest(specification: Digest, examples: tuple[str, ...], modules: Mapping[str, str], target: str) -> Digest:
    """Digest all that verdicts on a part were reached on; with the same digest they hold as they are.

    ``specification`` is that of the task as it was given, since the inputs that a part was tried on are drawn from it;
    ``examples`` are those that a vote settled, as JSON; ``modules`` are the part's own, ``target``, and all it meets.
    """
    texts = {name: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for name, text in modules.items()}
    met = json.dumps([LADDER_EDITION, specification, examples, texts, target], sort_keys=True)
    return Digest(hashlib.sha256(met.encode("ascii")).hexdigest())


def origin(part: AcceptedPart, project: ProjectId) -> str:
    """Say where a part's vote was held, as seen from a project that uses it again."""
    where = f"revision {part.revision}" if part.project == project else f"project {part.project}"
    return f"{part.status.value} in {where}"
