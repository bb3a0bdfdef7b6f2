"""What the activity makes of notifiers: whom it reached, whom it must try again, and what an earlier attempt did."""

import dataclasses
from collections.abc import Sequence

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.notification import Notification
from millwright.errors import MillwrightError, NotifierRefused, NotifierUnavailable
from schemas.people import Notice, Told
from tests.notices import notice


class Listener:
    """A notifier that does what it is told to, in turn; None: it tells."""

    def __init__(self, name: str, *conduct: MillwrightError | None) -> None:
        self.name = name
        self.notices: list[Notice] = []
        self._conduct = list(conduct)

    async def notify(self, notice: Notice) -> None:
        """Tell, or raise."""
        self.notices.append(notice)
        error = self._conduct.pop(0) if self._conduct else None
        if error is not None:
            raise error


async def attempt(
    notifiers: Sequence[Listener], before: Told | None = None
) -> tuple[Told | int | ApplicationError, list[Told]]:
    """Make one attempt, after one whose last heartbeat said ``before``; returns how it ended, and its heartbeats."""
    environment = ActivityEnvironment()
    # As the server gives them back: plain JSON.
    details = [] if before is None else [before.model_dump(mode="json")]
    environment.info = dataclasses.replace(ActivityEnvironment.default_info(), heartbeat_details=details)
    beats: list[Told] = []
    environment.on_heartbeat = beats.append
    try:
        return await environment.run(Notification(notifiers).notify, notice()), beats
    except ApplicationError as error:
        return error, beats


async def test_everybody_is_told_once() -> None:
    """Each notifier hears of the question, and the result has their names."""
    both = [Listener("webhook"), Listener("command")]
    told, _ = await attempt(both)
    assert told == Told(reached=("webhook", "command"))
    assert [one.notices for one in both] == [[notice()], [notice()]]


async def test_without_notifiers_nobody_is_told() -> None:
    """That is no failure: the question is in the inbox."""
    assert await attempt([]) == (Told(), [])


async def test_one_that_is_away_holds_up_no_other_and_is_tried_again() -> None:
    """The attempt fails with the reason, and remembers whom it reached."""
    away, present = Listener("webhook", NotifierUnavailable("h answered 503")), Listener("command")
    failed, beats = await attempt([away, present])
    assert isinstance(failed, ApplicationError)
    assert (failed.type, failed.message, failed.non_retryable) == (
        "NotifierUnavailable",
        "webhook: h answered 503",
        False,
    )
    assert beats[-1] == Told(reached=("command",))
    told, _ = await attempt([away, present], beats[-1])
    assert told == Told(reached=("command", "webhook"))
    assert (len(away.notices), len(present.notices)) == (2, 1)


async def test_one_that_refuses_is_named_and_not_asked_again() -> None:
    """No attempt would bring more; a later attempt for another's sake leaves it alone."""
    wrong = Listener("webhook", NotifierRefused("h answered 404"))
    away = Listener("command", NotifierUnavailable("later"), NotifierUnavailable("later"))
    failed, beats = await attempt([wrong, away])
    assert isinstance(failed, ApplicationError)
    remembered = Told(refused={"webhook": "h answered 404"})
    assert beats[-1] == remembered
    failed, _ = await attempt([wrong, away], remembered)
    assert isinstance(failed, ApplicationError)
    told, _ = await attempt([wrong, away], remembered)
    assert told == Told(reached=("command",), refused={"webhook": "h answered 404"})
    assert len(wrong.notices) == 1


async def test_a_refusal_alone_is_a_result() -> None:
    """The workflow says it beside what waits."""
    told, _ = await attempt([Listener("command", NotifierRefused("no such program"))])
    assert told == Told(refused={"command": "no such program"})


async def test_an_error_of_no_kind_of_ours_is_not_swallowed() -> None:
    """A fault of a notifier is seen as what it is."""

    class Broken(Listener):
        async def notify(self, notice: Notice) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await attempt([Broken("webhook")])
