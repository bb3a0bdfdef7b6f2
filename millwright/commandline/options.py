"""Options that several commands share, and the words that they accept; nothing heavy is imported for them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from schemas.durations import duration_seconds

ProjectArgument = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's id.", show_default=False)]
RevisionArgument = Annotated[
    str,
    typer.Argument(
        metavar="PROJECT[@REVISION]", help="The project's id; @1 is its first revision.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout; all else goes to stderr.")]
TargetOption = Annotated[
    float, typer.Option("--target", min=0.000001, max=0.999999, help="Wanted chance that every task is right.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite files that Millwright did not write.")]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write the deliverable there at the end.", show_default=False),
]


QuestionArgument = Annotated[
    str,
    typer.Argument(
        metavar="QUESTION", help="Its address, PROJECT/ID, as `millwright inbox` lists it.", show_default=False
    ),
]
NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for the record and for the agents.")]
ByOption = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who decides; else the login name.", show_default=False),
]
DecisionOption = Annotated[
    str | None,
    typer.Option(
        "--decision-id", metavar="ID", help="Makes the same decision twice one, in scripts.", show_default=False
    ),
]


class Exhausted(StrEnum):
    """What follows an election that nobody won."""

    PERSON = "person"
    PARTIAL = "partial"
    FAIL = "fail"


class Deadline(StrEnum):
    """What follows where nobody decided in time."""

    WAIT = "wait"
    PARTIAL = "partial"
    FAIL = "fail"


class Waited(StrEnum):
    """A gate to wait at."""

    SPECIFICATION = "specification"
    PLAN = "plan"
    BUDGET = "budget"
    DELIVERY = "delivery"


GateOption = Annotated[
    Waited | None, typer.Option("--gate", help="Which gate; else the one that is open.", show_default=False)
]


class Ladder(StrEnum):
    """How the ladder is climbed."""

    PER_LAYER = "per-layer"
    FUSED = "fused"


class Role(StrEnum):
    """What a worker does."""

    CONTROL = "control"
    MODEL = "model"
    VERIFY = "verify"
    ALL = "all"


def seconds(text: str) -> float:
    """Read a duration such as ``90``, ``30m`` or ``1.5h``, in seconds."""
    value = duration_seconds(text)
    if value is None:
        raise typer.BadParameter(f"{text!r} is not a duration: write seconds, or 30m, 2h, 1d")
    return value


def login_name() -> str:
    """Return the name that whoever sits here logged in with. Raises BadInput where there is none."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError) as error:  # a container's user may have no entry
        from millwright.errors import BadInput

        raise BadInput("there is no login name here: give --by NAME") from error
