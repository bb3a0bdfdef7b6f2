"""What agents are told after an election that nobody won.

It names no earlier answer: an agent sees the task and nothing of what others wrote.
"""

_SIMPLIFIED = (
    "Earlier answers disagreed or failed. Take the most direct way that satisfies every example and condition; prefer "
    "plain loops and comparisons to cleverness, and reread the specification for its edge cases."
)


def guidance(simplification: int) -> str:
    """Return the guidance for an election after so many simplifications; empty for the first."""
    return _SIMPLIFIED if simplification else ""
