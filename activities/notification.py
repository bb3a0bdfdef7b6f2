"""Tells people that something waits for them, through whatever notifiers are configured.

A notifier that fails for now is tried again by Temporal, without those that have told already; one that refuses for
good is named in the result. The question itself is in the store already.
"""

from collections.abc import Sequence

from temporalio import activity

from activities.boundary import translated
from millwright.errors import NotifierRefused, NotifierUnavailable
from millwright.ports import Notifier
from schemas.people import Notice, Told


class Notification:
    """Activities that reach people."""

    def __init__(self, notifiers: Sequence[Notifier]) -> None:
        self._notifiers = tuple(notifiers)

    @activity.defn
    @translated
    async def notify(self, notice: Notice) -> Told | int:
        """Tell every configured notifier of a question, each once where that is possible; returns whom it reached.

        Histories from before there were notifiers have a number in its place.

        Raises NotifierUnavailable where some are to be tried again.
        """
        told = _told_before()
        silent: list[str] = []
        for notifier in self._notifiers:
            if notifier.name in told.reached or notifier.name in told.refused:
                continue
            try:
                await notifier.notify(notice)
            except NotifierRefused as error:
                told = told.model_copy(update={"refused": {**told.refused, notifier.name: str(error)}})
            except NotifierUnavailable as error:
                silent.append(f"{notifier.name}: {error}")
                continue
            else:
                told = told.model_copy(update={"reached": (*told.reached, notifier.name)})
            activity.heartbeat(told)
        if silent:
            raise NotifierUnavailable("; ".join(silent))
        return told


def _told_before() -> Told:
    """Return whom an earlier attempt of this activity reached."""
    details = activity.info().heartbeat_details
    return Told.model_validate(details[0]) if details else Told()
