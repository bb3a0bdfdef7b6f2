"""What every language's packager is given and gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.execution import CommandRequest
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

    def checks(self, whole: Whole, files: dict[str, str]) -> tuple[tuple[str, CommandRequest], ...]:
        """Return named commands, each to be run in the sandbox over the files and to exit with 0."""
        ...
