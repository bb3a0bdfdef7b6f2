"""What every language's packager is given and gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.delivery import PartCoverage, WholeCheck
from schemas.execution import CommandReport, CommandRequest
from schemas.identity import NodePath, ProjectId
from schemas.requirements import Requirements, Trace
from schemas.specification import DeclaredError, Record, TaskSpecification

_NOTHING_ASKED = Requirements()


@dataclass(frozen=True)
class Part:
    """One delivered node: its module's dotted name, path and text, and what it was verified against."""

    path: NodePath
    task: TaskSpecification
    module: str
    file: str
    text: str


@dataclass(frozen=True)
class Whole:
    """Everything that a deliverable is made of."""

    package: str
    version: str
    summary: str
    parts: tuple[Part, ...]
    records: tuple[Record, ...]
    errors: tuple[DeclaredError, ...]
    records_file: tuple[str, str] | None
    requirements: Requirements = _NOTHING_ASKED
    traces: tuple[Trace, ...] = ()
    language: str = "python"


@dataclass(frozen=True)
class Trial:
    """A command to be run in the sandbox over the deliverable, and the checks that its end answers."""

    name: str
    command: CommandRequest
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """What a trial came to; ``uncovered`` says why it measured no coverage where it was to."""

    checks: tuple[WholeCheck, ...]
    coverage: tuple[PartCoverage, ...] = ()
    uncovered: str = ""


def one_line(text: str, longest: int) -> str:
    """Put a text on one line that can stand inside double quotes in any language and in TOML; it may be empty."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(printable.split()).replace("\\", "/").replace('"', "'")
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


class Packager(Protocol):
    """Makes a language's package of the parts, and says how to check it."""

    @property
    def language(self) -> str:
        """The target language's name."""
        ...

    def package_name(self, project: ProjectId) -> str:
        """Return the name of a project's package: importable, and taken by nothing that the language brings along."""
        ...

    def group(self, summary: str, members: Sequence[tuple[str, str]]) -> str:
        """Write the module of a group: it re-exports its members, each (dotted module, name)."""
        ...

    def files(self, whole: Whole) -> dict[str, str]:
        """Return every file of the deliverable by path."""
        ...

    def trials(self, whole: Whole, files: dict[str, str]) -> tuple[Trial, ...]:
        """Return the commands that try the deliverable out, each in a fresh environment of its own."""
        ...

    def judge(self, trial: Trial, report: CommandReport, whole: Whole, files: dict[str, str]) -> Findings:
        """Say what a trial's end means: one result for each check that it answers, laid at parts where it can be."""
        ...
