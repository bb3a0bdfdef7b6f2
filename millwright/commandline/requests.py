"""Reads what `build`, `demo` and `estimate` are given, and refuses it before anything is started.

It opens files and stdin, and nothing else.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pydantic import ValidationError

from millwright.commandline.composition import Composition
from millwright.commandline.options import seconds
from millwright.commandline.output import note
from millwright.core.project_input import checked_project_id
from millwright.core.verification.languages import language_named
from millwright.errors import BadInput, SpecificationInvalid
from schemas.identity import Gate, ProjectId, project_id_from
from schemas.models import Budget
from schemas.people import OnDeadline, Waiting
from schemas.project import (
    ATOMIC_COMPLEXITY,
    ATOMIC_LINES,
    LadderMode,
    OnExhausted,
    ProjectInput,
    Rejections,
)
from schemas.requirements import FrontMatter
from schemas.specification import Fault

if TYPE_CHECKING:
    from millwright.client import Build, Client
    from schemas.specification import TaskSpecification

STDIN = "-"
_MOST_BYTES = 64 * 1024 * 1024
"""Never read more than this: what the readers accept is far less, and what they refuse must not fill the memory."""


@dataclass(frozen=True)
class Material:
    """What was read: prose with what its head fixes, the text of a specification with its tasks, or both.

    ``language`` is the one to build in: that of the head where it names one, else as asked for.
    """

    requirements: str
    head: FrontMatter
    specification: str
    tasks: "tuple[TaskSpecification, ...]"
    language: str


@dataclass(frozen=True)
class BuildRequest:
    """Everything that a build is started with, checked."""

    project: ProjectId
    material: Material
    k: int | None
    max_attempts: int
    on_exhausted: OnExhausted
    approve: tuple[Gate, ...]
    budget: Budget
    seed: int
    ladder: LadderMode
    rejections: Rejections
    proposals: int
    reviews: int = 1
    atomic_lines: int = ATOMIC_LINES
    atomic_complexity: int = ATOMIC_COMPLEXITY
    target_reliability: float = 0.95
    reuse: bool = True
    based_on: ProjectId | None = None
    waiting: Waiting = field(default_factory=Waiting)
    max_rejections: int = 2

    async def start(self, client: "Client") -> "Build":
        """Start or attach to the build. Raises as ``Client.build`` does."""
        return await client.build(
            self.material.requirements,
            self.material.language,
            specification=self.material.specification,
            project=self.project,
            k=self.k,
            max_attempts=self.max_attempts,
            on_exhausted=self.on_exhausted,
            approve=self.approve,
            budget=self.budget,
            seed=self.seed,
            ladder=self.ladder,
            rejections=self.rejections,
            proposals=self.proposals,
            reviews=self.reviews,
            atomic_lines=self.atomic_lines,
            atomic_complexity=self.atomic_complexity,
            target_reliability=self.target_reliability,
            reuse=self.reuse,
            based_on=self.based_on,
            waiting=self.waiting,
            max_rejections=self.max_rejections,
        )


def read_material(
    composition: Composition, file: str | None, specification: Path | None, language: str | None = None
) -> Material:
    """Read requirements, a specification, or both.

    Every task is in the language that the head names, else in ``language``, where one of them is given.

    Raises:
        BadInput: neither is given, or what is given cannot be read or used.
    """
    if file is None and specification is None:
        raise BadInput("there is nothing to build: give a file with requirements, - for stdin, or --spec FILE")
    requirements, text, head = "", "", FrontMatter()
    tasks: tuple[TaskSpecification, ...] = ()
    if file is not None:
        origin = "stdin" if file == STDIN else file
        requirements = composition.read_requirements(read_bytes(file), origin)
        head = composition.read_head(requirements, origin)
        language = checked_language(head.language) if head.language else language
    if specification is not None:
        content = read_bytes(str(specification))
        tasks = read_tasks(composition, content, str(specification), language)
        text = content.decode("utf-8-sig")
    return Material(requirements, head, text, tasks, language or ProjectInput().target_language)


def read_tasks(
    composition: Composition, content: bytes, origin: str, language: str | None = None
) -> "tuple[TaskSpecification, ...]":
    """Read task specifications whose target languages are known, and are ``language`` where one is given.

    Raises:
        SpecificationInvalid: the specification has faults, or a task is to be written in another language.
    """
    tasks = composition.read_specification(content, origin)
    faults = []
    for task in tasks:
        what = _language_fault(task.target_language, language)
        if what:
            faults.append(Fault(where=f"{origin}: task {task.id}: target_language", what=what))
    if faults:
        raise SpecificationInvalid(faults)
    return tasks


def _language_fault(found: str, wanted: str | None) -> str:
    try:
        language_named(found)
    except BadInput as error:
        return str(error)
    if wanted is not None and found != wanted:
        return f"{found!r} where --language is {wanted!r}: a project is in one language, so change one of the two"
    return ""


def read_bytes(file: str) -> bytes:
    """Read a file, or stdin for ``-``. Raises BadInput when it cannot be read."""
    if file == STDIN:
        if sys.stdin.isatty():
            note("reading from the terminal: end with Ctrl-D on a line of its own")
        return _whole(sys.stdin.buffer, "stdin")
    path = Path(file)
    try:
        if path.is_dir():
            raise BadInput(f"{file!r} is a folder: give the file with the requirements in it")
        with path.open("rb") as stream:
            return _whole(stream, repr(file))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"cannot read {file!r}: {reason}; give a readable text file") from error


def _whole(stream: BinaryIO, name: str) -> bytes:
    content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise BadInput(f"{name} is longer than {_MOST_BYTES} bytes: give less, in several files")
    return content


def project_of(given: str | None, file: str | None, specification: Path | None, head: FrontMatter) -> ProjectId:
    """Name the project: as given, else as the head says, else after the file.

    A file that is called ``requirements`` gives the name of its folder.

    Raises:
        BadInput: the name given is no project id, or none can be made.
    """
    named = given or head.name
    if named is not None:
        return checked_project_id(named)
    path = Path(file) if file not in (None, STDIN) else specification
    if path is None:
        raise BadInput("requirements from stdin have no name: give one with --project ID")
    stem = path.stem
    if stem.lower() == "requirements":
        stem = path.absolute().parent.name
    name = project_id_from(stem)
    if name is None:
        raise BadInput(f"no project id can be made of {str(path)!r}: give one with --project ID")
    return name


def checked_language(name: str) -> str:
    """Accept a target language. Raises BadInput, with the languages there are."""
    return language_named(name).name


def gates(text: str) -> tuple[Gate, ...]:
    """Read ``specification,plan``. Raises BadInput, with the gates there are."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [gate.value for gate in Gate]
    for name in names:
        if name not in known:
            raise BadInput(f"{name!r} is no gate to wait at: --approve takes {', '.join(known)}")
    return tuple(dict.fromkeys(Gate(name) for name in names))


def waiting_of(remind_after: str | None, deadline: str | None, on_deadline: str, assignee: str) -> Waiting:
    """Read how long people are waited for. Raises BadInput, with the bounds, and typer.BadParameter for a duration."""
    fields: dict[str, object] = {
        "remind_after_seconds": None if remind_after is None else seconds(remind_after),
        "deadline_seconds": None if deadline is None else seconds(deadline),
        "on_deadline": OnDeadline(on_deadline),
        "assignee": assignee.strip(),
    }
    if deadline is None and fields["on_deadline"] is not OnDeadline.WAIT:
        raise BadInput(f"--on-deadline {on_deadline} needs a deadline: give --deadline TIME, such as 7d")
    try:
        return Waiting.model_validate(fields)
    except ValidationError as error:
        raise BadInput(_BOUNDS[str(error.errors()[0]["loc"][0])]) from error


_BOUNDS = {
    "remind_after_seconds": "--remind-after is out of bounds: give 1m to 366d",
    "deadline_seconds": "--deadline is out of bounds: give 1s to 3660d",
    "assignee": "--assign is too long: give a name of at most 200 characters",
}
