"""Which notifiers a worker has, by its settings, and what `millwright doctor` says of them."""

from pathlib import Path

from millwright.adapters.embedded.checks import check_notification
from millwright.adapters.notification.command import CommandNotifier
from millwright.adapters.notification.webhook import WebhookNotifier
from millwright.notification_setup import notifiers_configured
from millwright.settings import Settings

WEBHOOK = {"MILLWRIGHT_NOTIFY_URL": "https://ada:hush@hooks.example/T0KEN?k=hush", "MILLWRIGHT_NOTIFY_SECRET": "hush"}
COMMAND = {"MILLWRIGHT_NOTIFY_COMMAND": "sh -c 'echo hush'"}


def test_a_worker_has_the_notifiers_that_are_configured() -> None:
    """Either, both or none; their names tell them apart."""
    for environment, kinds in (
        ({}, []),
        (WEBHOOK, [WebhookNotifier]),
        (COMMAND, [CommandNotifier]),
        ({**WEBHOOK, **COMMAND}, [WebhookNotifier, CommandNotifier]),
    ):
        made = notifiers_configured(Settings.read(environment), environment)
        assert [type(one) for one in made] == kinds
        assert len({one.name for one in made}) == len(kinds)


def test_doctor_says_who_tells_people() -> None:
    """It names the host and the program, asks neither, and shows nothing secret."""
    check = check_notification(Settings.read({**WEBHOOK, **COMMAND}))
    assert (check.ok, check.detail) == (True, "webhook at https://hooks.example, command sh")


def test_doctor_says_that_nobody_does() -> None:
    """That is no fault: people can look into the inbox."""
    check = check_notification(Settings.read({}))
    assert check.ok
    assert "nobody is told" in check.detail


def test_doctor_misses_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    """A file that may not be executed is none."""
    (tmp_path / "tell").write_text("#!/bin/sh\n", encoding="utf-8")
    check = check_notification(Settings.read({"MILLWRIGHT_NOTIFY_COMMAND": f"{tmp_path}/tell --to=hush"}))
    assert not check.ok
    assert check.detail == f"{tmp_path}/tell is no program that can be run here"
    assert check.remedy.startswith("export MILLWRIGHT_NOTIFY_COMMAND=")
