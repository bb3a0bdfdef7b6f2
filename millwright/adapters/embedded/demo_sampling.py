"""The demo model's answers: read from files of completions, and drawn by seed and temperature.

It knows no HTTP and writes nothing down: the same call draws the same answer, whatever was asked before it.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import yaml

from millwright.errors import BadInput
from schemas.identity import Archetype
from schemas.models import (
    EARLIER_PLAN_LINE,
    ROLE_LINE,
    TASK_LINE,
    WINNER_LINE,
    Choice,
    FinishReason,
    ModelAnswer,
    ModelRequest,
    Usage,
)

DEMO_MODEL_NAME = "millwright-demo"
"""The name to ask for, as in ``MILLWRIGHT_MODEL_NAME``; any other is answered alike."""

DEMO_MODEL_LABEL = f"{DEMO_MODEL_NAME} (scripted demo, not a language model)"
"""What every answer gives as its model."""

BYTES_PER_TOKEN = 4
"""What stands for a token where no tokenizer exists: about four bytes of English or code."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SUFFIXES = (".yaml", ".yml", ".jsonl")
_WORD = re.compile(r"\w+")
_ENTRY_FIELDS = frozenset({"text", "document", "before", "after", "finish_reason", "weight", "kind", "flaw"})
ANY_TASK = "*"
"""The task of completions that answer reviewers about every task whose code is known, and which has none of its own."""

_TASK_FIELDS = frozenset({"task", "name", "archetype", "again", "completions", "shared"})


@dataclass(frozen=True)
class Completion:
    """One scripted answer: its text, why it ends, how often it is drawn, and what kind of answer it is.

    ``kind`` (``right``, ``wrong``, ``rambling``, …) and ``flaw`` are for people and tests; sampling reads neither.
    """

    text: str
    finish_reason: FinishReason = FinishReason.STOP
    weight: float = 1.0
    kind: str = ""
    flaw: str = ""


@dataclass(frozen=True)
class TaskCompletions:
    """Everything that may be answered to one archetype for one task, the likeliest first.

    ``again``: they answer prompts that tell of an earlier plan which was given up, and no others.
    """

    task: str
    name: str
    archetype: Archetype
    completions: tuple[Completion, ...]
    again: bool = False


class CompletionBook:
    """Scripted answers by archetype, task and, where projects have a task's id in common, the name of its function.

    Once a plan was given up, what is asked about it is answered from entries for that, where there are some.
    """

    def __init__(self, entries: Iterable[TaskCompletions]) -> None:
        """Collect entries. Raises BadInput if two are for the same archetype, task, name and occasion."""
        self._entries: dict[tuple[str, str, bool], dict[str, TaskCompletions]] = {}
        for entry in entries:
            key = (entry.archetype.value, entry.task, entry.again)
            named = self._entries.setdefault(key, {})
            if entry.name in named:
                raise BadInput(f"completions for {key[0]} {key[1]!r} are given twice: leave one of the files out")
            named[entry.name] = entry

    def __len__(self) -> int:
        return sum(map(len, self._entries.values()))

    def __iter__(self) -> Iterator[TaskCompletions]:
        return (entry for named in self._entries.values() for entry in named.values())

    def get(self, archetype: str, task: str, prompt: str = "") -> TaskCompletions | None:
        """Return what may be answered; None for a task that is not known.

        Where several functions have the task's id, it is the one that the prompt names; None where it names not
        exactly one of them. A prompt that tells of an earlier plan has answers of its own, where some are written down,
        and one that shows a winner has those for any task where its task has none.
        """
        lines = prompt.splitlines()
        if EARLIER_PLAN_LINE in lines:
            found = self._among(archetype, task, prompt, again=True)
            if found is not None:
                return found
        found = self._among(archetype, task, prompt, again=False)
        return self._of_any(archetype, task) if found is None and WINNER_LINE in lines else found

    def _of_any(self, archetype: str, task: str) -> TaskCompletions | None:
        """Return what is said of any winner, where the task's code is known."""
        has_code = any(
            (writer.value, task, False) in self._entries for writer in (Archetype.CODER, Archetype.INTEGRATOR)
        )
        return self._among(archetype, ANY_TASK, "", again=False) if has_code else None

    def _among(self, archetype: str, task: str, prompt: str, *, again: bool) -> TaskCompletions | None:
        named = self._entries.get((archetype, task, again), {})
        if len(named) > 1:
            words = frozenset(_WORD.findall(prompt))
            named = {name: entry for name, entry in named.items() if name in words}
        return next(iter(named.values())) if len(named) == 1 else None

    def draw(
        self, archetype: str, task: str, *, seed: int, temperature: float, index: int = 0, prompt: str = ""
    ) -> Completion | None:
        """Draw one answer; None for a task that is not known.

        Temperature 0 always draws the first. Any other chooses by weight, from a SHA-256 of seed, temperature,
        archetype, task and index alone, so that the order in which calls arrive makes no difference. ``index`` counts
        the choices of one call; ``prompt`` only tells functions apart that have a task's id in common,
        and a plan that is made anew.
        """
        known = self.get(archetype, task, prompt)
        if known is None:
            return None
        if temperature == 0:
            return known.completions[0]
        point = _unit_interval(seed, temperature, archetype, task, index)
        marks = list(accumulate(completion.weight for completion in known.completions))
        chosen = next((number for number, mark in enumerate(marks) if point * marks[-1] < mark), len(marks) - 1)
        return known.completions[chosen]

    def answer(self, request: ModelRequest) -> ModelAnswer | None:
        """Answer a request as the demo model's server does; None for a task that is not known."""
        messages = [(message.role.value, message.content) for message in request.prompt.messages]
        archetype, task = addressee(messages)
        prompt = "\n".join(content for _, content in messages)
        drawn = self.draw(
            archetype or "", task or "", seed=request.seed, temperature=request.temperature, prompt=prompt
        )
        if drawn is None:
            return None
        given = cut(drawn, request.max_tokens)
        prompt_tokens = sum(tokens_in(content) for _, content in messages)
        return ModelAnswer(
            choices=(Choice(text=given.text, finish_reason=given.finish_reason),),
            usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=tokens_in(given.text)),
            model=DEMO_MODEL_LABEL,
            endpoint="scripted",
        )


def _unit_interval(seed: int, temperature: float, archetype: str, task: str, index: int) -> float:
    """Map the arguments to [0, 1), evenly."""
    text = json.dumps([seed, float(temperature).hex(), archetype, task, index])
    return int.from_bytes(hashlib.sha256(text.encode("ascii")).digest()[:6], "big") / 2**48


def tokens_in(text: str) -> int:
    """Estimate the tokens of a text from its bytes, rounded up."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def cut(completion: Completion, max_tokens: int | None) -> Completion:
    """Cut a completion that is longer than ``max_tokens``; it then ends with the finish reason ``length``."""
    if max_tokens is None or tokens_in(completion.text) <= max_tokens:
        return completion
    head = completion.text.encode("utf-8", "surrogatepass")[: max_tokens * BYTES_PER_TOKEN]
    return Completion(head.decode("utf-8", "ignore"), FinishReason.LENGTH, completion.weight, completion.kind)


def addressee(messages: Iterable[tuple[str, str]]) -> tuple[str | None, str | None]:
    """Find archetype and task in a prompt, given as (role, content); None for what does not stand in it."""
    archetype = task = None
    for role, content in messages:
        lines = content.splitlines()
        if role == "system" and archetype is None and lines and lines[0].startswith(ROLE_LINE):
            archetype = lines[0].removeprefix(ROLE_LINE).strip()
        if role == "user" and task is None:
            task = next((line.removeprefix(TASK_LINE).strip() for line in lines if line.startswith(TASK_LINE)), None)
    return archetype, task


def bundled_examples() -> dict[str, Path]:
    """Return the folders of the examples that come with this installation, by name: of prose, or of tasks."""
    examples = Path(__file__).resolve().parents[3] / "examples"
    found = (path.parent for file in ("requirements.md", "tasks.yaml") for path in examples.glob(f"*/{file}"))
    return {folder.name: folder for folder in sorted(found)}


def bundled_files() -> tuple[Path, ...]:
    """Return the files of completions that come with the examples."""
    folders = bundled_examples()
    shared = {folder.parent: None for folder in folders.values()}
    found = (path for folder in (*folders.values(), *shared) for path in sorted(folder.glob("completions/**/*")))
    return tuple(path for path in found if path.suffix in _SUFFIXES)


def read_book(files: Sequence[Path]) -> CompletionBook:
    """Read files of completions: JSON lines with an object a task, or YAML with one task; folders are searched.

    Raises:
        BadInput: a file cannot be read or is not of this form; the message names the file and the place.
    """
    return CompletionBook(entry for path in files for file in _files_under(path) for entry in _read_file(file))


def _files_under(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES)
    if not found:
        raise BadInput(f"{path} holds no completions: give a .jsonl or .yaml file, or a folder with some")
    return found


def _read_file(path: Path) -> Iterator[TaskCompletions]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    if path.suffix in (".yaml", ".yml"):
        yield _task(_load_yaml(text, path), str(path))
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _task(_load_json(line, f"{path}:{number}"), f"{path}:{number}")


def _load_yaml(text: str, path: Path) -> object:
    try:
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - the loader is the safe one, in C where there is one
    except yaml.YAMLError as error:
        raise BadInput(f"{path} is not YAML: {' '.join(str(error).split())}") from error


def _load_json(line: str, where: str) -> object:
    try:
        return json.loads(line)
    except ValueError as error:
        raise BadInput(f"{where} is not JSON: {error}") from error


def _task(data: object, where: str) -> TaskCompletions:
    fields = _fields(data, _TASK_FIELDS, where)
    task, completions = fields.get("task"), fields.get("completions")
    if not isinstance(task, str) or not task:
        raise BadInput(f"{where}: `task` must be the task's id")
    if not isinstance(completions, list) or not completions:
        raise BadInput(f"{where}: `completions` must be a list of at least one answer")
    try:
        archetype = Archetype(str(fields.get("archetype", Archetype.CODER)))
    except ValueError as error:
        raise BadInput(f"{where}: {error}") from error
    again = fields.get("again", False)
    if not isinstance(again, bool):
        raise BadInput(f"{where}: `again` must be true or false")
    answers = tuple(_completion(item, f"{where}: completions[{index}]") for index, item in enumerate(completions))
    return TaskCompletions(task, str(fields.get("name", task)), archetype, answers, again)


def _completion(data: object, where: str) -> Completion:
    if isinstance(data, str):
        return Completion(data)
    fields = _fields(data, _ENTRY_FIELDS, where)
    weight = fields.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < float("inf"):
        raise BadInput(f"{where}: `weight` must be a positive number")
    try:
        reason = FinishReason(str(fields.get("finish_reason", FinishReason.STOP)))
    except ValueError as error:
        raise BadInput(f"{where}: {error}") from error
    kind, flaw = str(fields.get("kind", "")), str(fields.get("flaw", ""))
    return Completion(_text(fields, where), reason, float(weight), kind, flaw)


def _text(fields: Mapping[str, object], where: str) -> str:
    """Return an answer's text: as it stands, or a structure written as a fenced JSON block between two sentences."""
    text = fields.get("text")
    if "document" not in fields:
        if not isinstance(text, str):
            raise BadInput(f"{where}: an answer needs `text`, or `document` with a structure")
        return text
    if text is not None:
        raise BadInput(f"{where}: give `text` or `document`, not both")
    block = "```json\n" + json.dumps(fields["document"], indent=2, ensure_ascii=False) + "\n```"
    parts = [fields.get("before"), block, fields.get("after")]
    return "\n\n".join(str(part) for part in parts if part) + "\n"


def _fields(data: object, allowed: frozenset[str], where: str) -> dict[str, object]:
    if not isinstance(data, dict):
        raise BadInput(f"{where}: expected an object")
    unknown = sorted(str(key) for key in data if key not in allowed)
    if unknown:
        raise BadInput(f"{where}: unknown field {unknown[0]!r}; known are {', '.join(sorted(allowed))}")
    return {str(key): value for key, value in data.items()}
