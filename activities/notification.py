"""Tells people that something waits for them, through whatever notifiers are configured.

A notifier that fails is retried by Temporal; the question itself is in the store already.
"""

from collections.abc import Sequence
from datetime import timedelta

from temporalio import activity

from activities.boundary import translated
from millwright.ports import Notifier
from schemas.evidence import Question


class Notification:
    """Activities that reach people."""

    def __init__(self, notifiers: Sequence[Notifier]) -> None:
        self._notifiers = tuple(notifiers)

    @activity.defn
    @translated
    async def notify(self, question: Question) -> int:
        """Tell every configured notifier of an open question; returns how many there are."""
        for notifier in self._notifiers:
            await notifier.notify(question, timedelta())
        return len(self._notifiers)
