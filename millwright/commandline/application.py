"""The application: every command in the order of its help, and the process's edge where errors become exit codes.

It holds no command itself, and meets no adapter.
"""

import asyncio
import os
import sys
from collections.abc import Sequence

import typer

from millwright.commandline import (
    building,
    calibrating,
    deciding,
    demonstrating,
    differing,
    estimating,
    flagging,
    modelling,
    operating,
    reading,
    replaying,
    verifying,
    waiting,
)
from millwright.commandline.composition import Composition
from millwright.commandline.output import note

PROGRAM = "millwright"
_EPILOG = "Every command's own --help has an example and its exit codes."

GROUPS = {"models": "Plan, download, start and check the models of a preset."}
"""The first words of commands of two, with what their help says."""

COMMANDS = (
    ("up", operating.up),
    ("demo", demonstrating.demo),
    ("build", building.build),
    ("status", reading.status),
    ("watch", building.watch),
    ("inbox", waiting.inbox),
    ("show", waiting.show),
    ("answer", deciding.answer),
    ("approve", deciding.approve),
    ("reject", deciding.reject),
    ("history", waiting.history),
    ("list", reading.list_),
    ("tree", reading.tree),
    ("results", reading.results),
    ("fetch", reading.fetch),
    ("report", reading.report),
    ("diff", differing.diff),
    ("replay", replaying.replay),
    ("estimate", estimating.estimate),
    ("verify", verifying.verify),
    ("redflags", flagging.redflags),
    ("calibrate", calibrating.calibrate),
    ("models plan", modelling.plan),
    ("models pull", modelling.pull),
    ("models check", modelling.check),
    ("doctor", operating.doctor),
    ("cancel", building.cancel),
    ("worker", operating.worker),
    ("demo-model", operating.demo_model),
)


def create() -> typer.Typer:
    """Make the application."""
    app = typer.Typer(name=PROGRAM, add_completion=False, no_args_is_help=True, rich_markup_mode=None, epilog=_EPILOG)

    @app.callback()
    def root(
        version: bool = typer.Option(False, "--version", is_eager=True, help="Print the version.", callback=_version),
    ) -> None:
        """Turn requirements into verified software, durably and with evidence."""

    groups: dict[str, typer.Typer] = {}
    for name, command in COMMANDS:
        group, _, word = name.rpartition(" ")
        if group and group not in groups:
            groups[group] = typer.Typer(help=GROUPS[group], no_args_is_help=True, rich_markup_mode=None)
            app.add_typer(groups[group], name=group)
        (groups[group] if group else app).command(word)(command)
    return app


def run(arguments: Sequence[str], composition: Composition, *, traceback: bool = False) -> int:
    """Run a command line to its end and return the exit code; whatever fails becomes one line on stderr.

    ``traceback`` lets an error of no kind of ours through.
    """
    try:
        code = create()(args=list(arguments), prog_name=PROGRAM, obj=composition, standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read stdout has seen enough; a second complaint at interpreter exit is avoided by this.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt, asyncio.CancelledError) as error:  # noqa: BLE001 - the process's edge: all that fails ends here
        return _failed(error, arguments, traceback=traceback)
    return code if isinstance(code, int) else 0


def _failed(error: BaseException, arguments: Sequence[str], *, traceback: bool) -> int:
    usage = getattr(error, "format_message", None)
    if usage is not None:  # an error of the option parser, whichever Click it was built with
        command = _command_in(arguments)
        text = " ".join(str(usage()).split())
        note(f"{PROGRAM}: {text or 'a command is missing'} Try `{' '.join(filter(None, (PROGRAM, command)))} --help`.")
        return 2
    if isinstance(error, typer.Abort):
        return 130
    from millwright.commandline.failures import explain

    code, line = explain(error)
    note(f"{PROGRAM}: {line}")
    if traceback:
        raise error
    return code


def _command_in(arguments: Sequence[str]) -> str:
    """Return the command that was asked for, as far as it is one."""
    words = [argument for argument in arguments if not argument.startswith("-")]
    names = [name for name, _ in COMMANDS]
    pair = " ".join(words[:2])
    if pair in names:
        return pair
    return next((argument for argument in words if argument in names or argument in GROUPS), "")


def _version(wanted: bool) -> None:
    if wanted:
        from millwright import __version__

        typer.echo(__version__)
        raise typer.Exit
