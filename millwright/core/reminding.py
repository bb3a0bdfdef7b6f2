"""When people are reminded of what waits for them: soon at first, then ever more seldom, so that a year costs little.

It tells nobody.
"""

LONGEST_GAP_SECONDS = 7 * 86_400.0
"""Between reminders, unless the first comes later than that: with daily ones at first 56 notices in a year, at some 11
events of history each (measured: 835 events for a node that was asked about and waited a year)."""


def next_reminder(first_seconds: float | None, done: int) -> float | None:
    """Return how many seconds after a question was put its next reminder comes, after so many; None: never.

    The gaps double from ``first_seconds`` up to ``LONGEST_GAP_SECONDS``.
    """
    if first_seconds is None:
        return None
    longest = max(first_seconds, LONGEST_GAP_SECONDS)
    total, gap = 0.0, first_seconds
    for _ in range(done + 1):
        total += gap
        gap = min(2 * gap, longest)
    return total
