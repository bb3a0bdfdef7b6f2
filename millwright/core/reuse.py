"""When a part that was accepted before may be accepted again, and when the verdicts on it still hold.

It finds nothing: whoever asks has looked under the node's identity.
"""

import hashlib
import json
from collections.abc import Mapping

from schemas.election import Rule
from schemas.identity import Digest, ProjectId, TaskStatus
from schemas.reuse import AcceptedPart


def meets(part: AcceptedPart, rule: Rule) -> bool:
    """Say whether the vote that a part won would win under this rule: by margin, purity and yield.

    What a person accepted stays accepted, whatever the vote was.
    """
    if part.status is TaskStatus.RESOLVED:
        return True
    if part.status is not TaskStatus.WON or not part.votes or not part.samples:
        return False
    ballots = max(part.votes, part.samples - part.red_flags - sum(part.rejected_by_layer.values()))
    return (
        part.margin >= rule.k
        and part.votes / ballots >= rule.min_purity
        and part.votes / part.samples >= rule.min_yield
    )


def setting_digest(specification: Digest, examples: tuple[str, ...], modules: Mapping[str, str], target: str) -> Digest:
    """Digest all that verdicts on a part were reached on; with the same digest they hold as they are.

    ``specification`` is that of the task as it was given, since the inputs that a part was tried on are drawn from it;
    ``examples`` are those that a vote settled, as JSON; ``modules`` are the part's own, ``target``, and all it meets.
    """
    texts = {name: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for name, text in modules.items()}
    met = json.dumps([specification, examples, texts, target], sort_keys=True)
    return Digest(hashlib.sha256(met.encode("ascii")).hexdigest())


def origin(part: AcceptedPart, project: ProjectId) -> str:
    """Say where a part's vote was held, as seen from a project that uses it again."""
    where = f"revision {part.revision}" if part.project == project else f"project {part.project}"
    return f"{part.status.value} in {where}"
