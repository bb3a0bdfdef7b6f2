"""Runs every recorded answer on many inputs and writes down what each one did: the ground of all voting benchmarks.

``python -m benchmarks.voting.outcomes --data DIR --out FILE``. It goes the product's own way (extraction, red flags,
generated inputs, search for splitting ones, sandbox) and judges nothing by hidden tests: which answers are right is not
read here.
"""

import argparse
import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.verification.workload import SPECIFICATIONS, tasks
from benchmarks.voting.splitting import splitting_inputs
from millwright.core.examples import accepts, example_calls
from millwright.core.grouping import Classes, rounding_noise, useless
from millwright.core.mutation import Vector, mutations
from millwright.core.proposals import agreed, read_proposals
from millwright.core.red_flags.dialects import dialect_of
from millwright.core.red_flags.rule_set import CODE_RULES
from millwright.core.signature import records_of
from millwright.core.specification import digest_of, input_types, result_type
from millwright.core.verification.languages import language_named
from millwright.ports import Sandbox
from millwright.toolbox import Toolbox, open_toolbox, spare_collections
from schemas.claims import Claim
from schemas.election import Merit, RedFlag
from schemas.execution import CallReport, CallRequest, Limits, Outcome, OutcomeKind, Program
from schemas.models import FinishReason
from schemas.specification import TaskSpecification
from schemas.values import canonical_text
from schemas.verification import InputOrigin, InputSet
from starter import Adapters

COMPLETIONS = "completions.jsonl"
ASSERTS = "generated_tests.jsonl"
MOST_FROM_ASSERTS = 150
MOST_MUTATED = 60
FEWEST_SEEDS = 5
"""Inputs of asserts below which the generated ones are mutated as well."""
LONGEST_TEXT = 300
"""Characters of a canonical text that are kept; of a longer one, a digest: they are only compared."""

_MODULE = "answer"


@dataclass(frozen=True)
class Way:
    """How answers are run: seconds of one call, calls that may be lost, programs at once."""

    call_seconds: float
    lost_limit: int
    jobs: int


@dataclass(frozen=True)
class Tried:
    """One distinct text: its module or the flag that stopped it, and what it did."""

    source: str
    flag: RedFlag | None
    merit: Merit | None = None
    report: CallReport | None = None
    further: tuple[Outcome, ...] = ()

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What it did, input by input; nothing where it did not load."""
        loaded = self.report is not None and self.report.load_error is None
        return (*self.report.outcomes, *self.further) if self.report is not None and loaded else ()


@dataclass(frozen=True)
class Laid:
    """The inputs of one task with their origins, examples first, and the claims on them by position."""

    vectors: tuple[Vector, ...]
    origins: tuple[str, ...]
    claims: tuple[tuple[int, Claim], ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all answers; returns 0 also when there is no data, which it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting.outcomes", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder with {COMPLETIONS}")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="written at the end, whole")
    parser.add_argument("--limit", type=int, default=None, metavar="N", help="only the first N tasks")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="programs run at once")
    parser.add_argument("--call-seconds", type=float, default=0.5, help="for one call")
    parser.add_argument("--lost-limit", type=int, default=2, help="calls that may be lost before an answer is left")
    options = parser.parse_args(arguments)
    missing = [name for name in (SPECIFICATIONS, COMPLETIONS, ASSERTS) if not (options.data / name).is_file()]
    if missing:
        print(f"skipped: voting/outcomes needs {', '.join(missing)} in {options.data}; give the folder by --data")
        return 0
    way = Way(options.call_seconds, options.lost_limit, options.jobs)
    return asyncio.run(_write(options.data, options.out, options.limit, way))


async def _write(data: Path, out: Path, limit: int | None, way: Way) -> int:
    known, drawn, asserts = tasks(data), recorded(data / COMPLETIONS), recorded(data / ASSERTS)
    unfinished = out.with_name(f"{out.name}.{os.getpid()}.part")
    chosen = list(drawn)[:limit]
    started = time.monotonic()
    try:
        async with open_toolbox(Adapters(os.environ).settings().cache, slots=way.jobs) as toolbox:
            spare_collections()
            with unfinished.open("w", encoding="utf-8") as file:
                for count, task_id in enumerate(chosen, start=1):
                    line = await _outcomes(toolbox, known[task_id], drawn[task_id], asserts.get(task_id, ()), way)
                    file.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n")
                    running = sum(answer["loads"] for answer in line["answers"])
                    print(
                        f"{time.monotonic() - started:6.0f} s  {count:>3} {task_id}: {len(line['inputs'])} inputs, "
                        f"{running} of {len(line['answers'])} answers run",
                        file=sys.stderr,
                    )
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    print(f"{out}: {len(chosen)} tasks in {time.monotonic() - started:.0f} s")
    return 0


def recorded(path: Path) -> dict[str, tuple[str, ...]]:
    """Read the recorded answers of a file, by task."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {line["task"]: tuple(line["completions"]) for line in lines}


async def _outcomes(
    toolbox: Toolbox, task: TaskSpecification, drawn: Sequence[str], asserts: Sequence[str], way: Way
) -> dict[str, Any]:
    laid = _laid_out(task, await toolbox.inputs.inputs(task, digest_of(task)), asserts)
    gate = asyncio.Semaphore(way.jobs)
    distinct = list(dict.fromkeys(drawn))
    tried = await asyncio.gather(*(_try(toolbox.sandbox, task, text, laid, way, gate) for text in distinct))
    known = dict(zip(distinct, tried, strict=True))
    return _line(task, drawn, *await _split(toolbox.sandbox, task, known, laid, way, gate))


async def _split(
    sandbox: Sandbox, task: TaskSpecification, tried: dict[str, Tried], laid: Laid, way: Way, gate: asyncio.Semaphore
) -> tuple[dict[str, Tried], Laid]:
    """Search for inputs that tell apart what may vote, and run every answer on those that were found."""
    running = {text: item.outcomes for text, item in tried.items() if item.outcomes}
    idle = dict(zip(running, useless(list(running.values()), task), strict=True))
    cases = len(task.test_cases)
    voting = {
        text: outcomes
        for text, outcomes in running.items()
        if idle[text] is None and all(map(accepts, [task] * cases, task.test_cases, outcomes))
    }

    async def call(text: str, vectors: Sequence[Vector]) -> Sequence[Outcome]:
        async with gate:
            return (await sandbox.call(_request(task, tried[text].source, vectors, way))).outcomes

    seed = int(hashlib.sha256(task.id.encode()).hexdigest()[8:16], 16)
    found = await splitting_inputs(task, voting, laid.vectors[:cases], laid.vectors[cases:], seed, call)
    if not found:
        return tried, laid
    further = dict(zip(running, await asyncio.gather(*(call(text, found) for text in running)), strict=True))
    told = {text: replace(item, further=tuple(further.get(text, ()))) for text, item in tried.items()}
    origins = (*laid.origins, *[InputOrigin.SPLITTING.value] * len(found))
    return told, replace(laid, vectors=(*laid.vectors, *found), origins=origins)


def _laid_out(task: TaskSpecification, made: InputSet, asserts: Sequence[str]) -> Laid:
    """Put the inputs in order, the likeliest to be promised first: an answer that is lost may not reach the last."""
    types, records = input_types(task), records_of(task)
    claims = _claims(task, asserts)
    proposed = proposed_inputs(task, asserts)
    sources: list[tuple[str, Sequence[Vector]]] = [
        (InputOrigin.EXAMPLE.value, example_calls(task)),
        (InputOrigin.PROPOSED.value, proposed),
        *((vector.origin.value, (vector.arguments,)) for vector in made.vectors if vector.origin != InputOrigin.SIZED),
    ]
    seeds = proposed if len(proposed) >= FEWEST_SEEDS else [*proposed, *(item for _, [item] in sources[2:])]
    seed = int(hashlib.sha256(task.id.encode()).hexdigest()[:8], 16)
    sources.append((InputOrigin.MUTATED.value, mutations(seeds, types, seed, MOST_MUTATED, records)))
    vectors, origins, places = list[Vector](), list[str](), dict[str, int]()
    for origin, some in sources:
        for vector in some:
            # Nothing else is made of examples, nor left out for them: what is measured without them must not see them.
            if origin == InputOrigin.EXAMPLE or _key(vector) not in places:
                if origin != InputOrigin.EXAMPLE:
                    places[_key(vector)] = len(vectors)
                vectors.append(vector)
                origins.append(origin)
    placed = tuple((places[key], claim) for claim in claims if (key := _key(claim.arguments)) in places)
    return Laid(tuple(vectors), tuple(origins), placed)


def _claims(task: TaskSpecification, asserts: Sequence[str]) -> tuple[Claim, ...]:
    read = [read_proposals(text, FinishReason.LENGTH, task) for text in asserts]  # all were cut at some length
    return agreed([() if isinstance(found, RedFlag) else found.claims for found in read])


def proposed_inputs(task: TaskSpecification, asserts: Sequence[str]) -> tuple[Vector, ...]:
    """Return the inputs that recorded asserts are about, each once, in turns."""
    found = {_key(claim.arguments): claim.arguments for claim in _claims(task, asserts)}
    return tuple(found.values())[:MOST_FROM_ASSERTS]


def _key(vector: Vector) -> str:
    return canonical_text(["tuple", list(vector)])


async def _try(
    sandbox: Sandbox, task: TaskSpecification, text: str, laid: Laid, way: Way, gate: asyncio.Semaphore
) -> Tried:
    """Extract an answer as the product does and call it on all the inputs."""
    language = language_named(task.target_language)
    found = CODE_RULES.inspect(text, FinishReason.STOP, dialect_of(language, task.name))
    source = found.candidate or ""
    if found.flag is not None:
        return Tried(source, found.flag)
    async with gate:
        report = await sandbox.call(_request(task, source, laid.vectors, way))
    return Tried(source, None, language.measure(source), report)


def _request(task: TaskSpecification, source: str, calls: Sequence[Vector], way: Way) -> CallRequest:
    whole = way.call_seconds * (way.lost_limit + 1) + 10.0
    program = Program(
        modules={f"{_MODULE}.py": language_named(task.target_language).assemble(task, source, (), None)},
        module=_MODULE,
        function=task.name,
        limits=Limits(call_seconds=way.call_seconds, wall_seconds=whole, cpu_seconds=whole),
    )
    return CallRequest(program=program, calls=tuple(calls), lost_limit=way.lost_limit)


def _line(task: TaskSpecification, drawn: Sequence[str], tried: Mapping[str, Tried], laid: Laid) -> dict[str, Any]:
    of, records = result_type(task), records_of(task)
    tolerance = min((case.tolerance for case in task.test_cases if case.tolerance is not None), default=None)
    classes = Classes(len(laid.vectors), of, tolerance, records, list(map(rounding_noise, laid.vectors)))
    running = [text for text in drawn if tried[text].outcomes]
    idle = dict(zip(running, useless([tried[text].outcomes for text in running], task), strict=True))
    written = {text: _texts(classes, item.outcomes) for text, item in tried.items()}
    claimed = [(index, _claimed(classes, index, claim), claim.votes) for index, claim in laid.claims]
    return {
        "task": task.id,
        "answers": [
            {"index": index, **_answer(task, tried[text], written[text]), "useless": idle.get(text) is not None}
            for index, text in enumerate(drawn)
        ],
        "inputs": list(laid.origins),
        "claims": [[index, text] for index, text, votes in claimed if text is not None for _ in range(votes)],
    }


def _texts(classes: Classes, outcomes: Sequence[Outcome]) -> list[str | None]:
    numbers = enumerate(classes.row(outcomes))
    return [None if number is None else _short(classes.text(index, number)) for index, number in numbers]


def _claimed(classes: Classes, index: int, claim: Claim) -> str | None:
    if claim.expected is None:
        return None
    number = classes.number(index, Outcome(kind=OutcomeKind.RETURNED, value=claim.expected))
    return None if number is None else _short(classes.text(index, number))


def _answer(task: TaskSpecification, tried: Tried, written: list[str | None]) -> dict[str, Any]:
    met = [accepts(task, case, outcome) for case, outcome in zip(task.test_cases, tried.outcomes, strict=False)]
    return {
        "loads": bool(tried.outcomes),
        "passes_examples": (bool(met) and all(met)) if task.test_cases else None,
        "examples_passed": sum(met),
        "outcomes": written,
        "flag": None if tried.flag is None else tried.flag.flag.value,
        "lines": 0 if tried.merit is None else tried.merit.code_lines,
        "merit": None if tried.merit is None else list(tried.merit.model_dump().values()),
    }


def _short(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    return f"sha256:{hashlib.sha256(text.encode('ascii')).hexdigest()}"


if __name__ == "__main__":
    sys.exit(main())
