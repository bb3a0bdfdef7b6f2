"""The part of a report about what was done again, and what a coordinator proposed where nobody won.

It is empty where everything was done once.
"""

from collections.abc import Sequence

from millwright.core.coordination import outcome
from schemas.evidence import NodeRecord
from schemas.shortening import one_line


def rework_section(nodes: Sequence[NodeRecord]) -> str:
    """Write the section; one line a node that was reworked."""
    lines = [f"- `{node.path}`: {'; '.join(done)}" for node in nodes if (done := _done(node))]
    return "## What was done again\n\n" + "\n".join(lines) if lines else ""


def _done(node: NodeRecord) -> list[str]:
    rework = node.rework
    done = [f"specified anew, since a person said: {one_line(note)}" for note in rework.respecified]
    if rework.replans:
        because = "".join(f" ({one_line(reason)})" for reason in rework.given_up)
        done.append(f"planned anew {_times(rework.replans)}{because}")
    done += [f"done again, since a person said: {one_line(note)}" for note in rework.guidance]
    if rework.edition and not rework.guidance:
        done.append("part of a later plan")
    if rework.reopenings:
        why = f", because {'; then '.join(map(one_line, rework.reasons))}" if rework.reasons else ""
        done.append(f"its election was held again {_times(rework.reopenings)}{why}")
    done += [f"`{candidate[:12]}` was barred ({layer.value})" for candidate, layer in sorted(rework.barred.items())]
    return done + [outcome(item.proposed, item.taken, item.reason) for item in rework.advised]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
