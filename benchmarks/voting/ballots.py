"""Takes every recorded answer through verification and comparison, and writes down its vote or what took it away.

``python -m benchmarks.voting.ballots --data DIR --outcomes FILE`` completes the file of ``benchmarks.voting.outcomes``:
each answer gets ``rejected_by``, the layer that rejects it, and ``vote``, its signature among all answers to its task,
both by the product's own ladder and comparison. Which answers are right is not read here.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activities.climbing import Climber
from benchmarks.verification.workload import SPECIFICATIONS, tasks
from benchmarks.voting.outcomes import ASSERTS, COMPLETIONS, proposed_inputs, recorded
from millwright.core.red_flags.dialects import dialect_of
from millwright.core.red_flags.rule_set import CODE_RULES
from millwright.core.specification import digest_of, input_types
from millwright.core.verification.ladder import rejected_by
from millwright.core.verification.languages import language_named
from millwright.core.verification.layer import Subject
from millwright.toolbox import open_toolbox, spare_collections
from schemas.models import FinishReason
from schemas.specification import TaskSpecification
from schemas.verification import InputOrigin, InputSet, InputVector
from starter import Adapters

CALL_MILLISECONDS = 1000
"""For one call, in place of the tasks' five seconds: most of the time goes to waiting for answers that never end."""

MOST_PROPOSED = 60
"""As many proposed inputs as a node keeps."""

Line = dict[str, Any]


@dataclass(frozen=True)
class Fate:
    """What becomes of an answer: the layer that rejects it, or its vote; neither where a flag stopped it."""

    rejected_by: str | None = None
    vote: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Complete the file; returns 0 also when there is no data, which it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting.ballots", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder with {COMPLETIONS}")
    parser.add_argument("--outcomes", type=Path, required=True, metavar="FILE", help="written by voting.outcomes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="programs run at once")
    options = parser.parse_args(arguments)
    for path in (*(options.data / name for name in (SPECIFICATIONS, COMPLETIONS, ASSERTS)), options.outcomes):
        if not path.is_file():
            print(f"skipped: voting/ballots needs {path}")
            return 0
    lines = [json.loads(line) for line in options.outcomes.read_text(encoding="utf-8").splitlines()]
    asyncio.run(_vote(options.data, lines, options.jobs))
    unfinished = options.outcomes.with_name(f"{options.outcomes.name}.{os.getpid()}.part")
    unfinished.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines), encoding="utf-8")
    unfinished.replace(options.outcomes)
    return 0


async def _vote(data: Path, lines: Sequence[Line], jobs: int) -> None:
    """Write into each answer what becomes of it."""
    known, drawn, asserts = tasks(data), recorded(data / COMPLETIONS), recorded(data / ASSERTS)
    started, counts, distinct = time.monotonic(), Counter[str](), 0
    async with open_toolbox(Adapters(os.environ).settings().cache, slots=jobs) as tools:
        climber = Climber(tools.sandbox, tools.analyser, tools.second, programs=tools.programs)
        spare_collections()
        for line in lines:
            task = known[line["task"]].model_copy(update={"timeout_ms": CALL_MILLISECONDS})
            made = await tools.inputs.inputs(task, digest_of(task)) if input_types(task) else None
            inputs = made or InputSet(specification_digest=digest_of(task), generator="none", vectors=())
            further = proposed_inputs(task, asserts.get(line["task"], ()))[:MOST_PROPOSED]
            sources = dict(_sources(line, task, drawn[line["task"]]))
            fates = await _fates(climber, task, list(dict.fromkeys(sources.values())), inputs, further)
            distinct += len(fates)
            counts.update(fate.rejected_by for fate in fates.values() if fate.rejected_by is not None)
            for answer in line["answers"]:
                fate = fates.get(sources.get(answer["index"], ""), Fate())
                answer["rejected_by"], answer["vote"] = fate.rejected_by, fate.vote
            spent = time.monotonic() - started
            print(
                f"{spent:6.0f} s  {task.id}: {sum(fate.vote is not None for fate in fates.values())} of {len(fates)}"
                " distinct answers vote",
                file=sys.stderr,
            )
    told = ", ".join(f"{layer} {count}" for layer, count in counts.most_common()) or "none"
    print(f"{distinct} distinct answers climbed, in {time.monotonic() - started:.0f} s; rejected: {told}")


def _sources(line: Line, task: TaskSpecification, drawn: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Give the source of each answer that is worth a climb; what fails an example already did so, unverified."""
    dialect = dialect_of(language_named(task.target_language), task.name)
    for answer in line["answers"]:
        if votes(answer):
            inspected = CODE_RULES.inspect(drawn[answer["index"]], FinishReason.STOP, dialect)
            if inspected.candidate is not None:
                yield answer["index"], inspected.candidate


def votes(answer: Mapping[str, Any]) -> bool:
    """Say whether an answer loads, is not flagged, and meets the examples where there are any."""
    return bool(answer["loads"]) and answer["flag"] is None and answer["passes_examples"] is not False


async def _fates(
    climber: Climber,
    task: TaskSpecification,
    sources: Sequence[str],
    inputs: InputSet,
    further: Sequence[tuple[Any, ...]],
) -> dict[str, Fate]:
    subjects = [_subject(task, source, inputs) for source in sources]
    verdicts = await climber.climb(subjects)
    fates = {
        source: Fate(rejected_by=layer.value)
        for source, told in zip(sources, verdicts, strict=True)
        if (layer := rejected_by(told)) is not None
    }
    alive = [source for source in sources if source not in fates]
    if not alive:
        return fates
    known = {str(vector.arguments) for vector in inputs.vectors}
    fresh = [InputVector(arguments=item, origin=InputOrigin.PROPOSED) for item in further if str(item) not in known]
    every = inputs.model_copy(update={"vectors": (*inputs.vectors, *fresh)})
    compared = await climber.compare([_subject(task, source, every) for source in alive], seed=1)
    seen = {source: Fate(vote=told.signature) for source, told in zip(alive, compared.observations, strict=True)}
    return {**fates, **seen}


def _subject(task: TaskSpecification, source: str, inputs: InputSet) -> Subject:
    text = language_named(task.target_language).assemble(task, source, (), None)
    modules = {"answer.py": text}
    return Subject(task=task, source=text, modules=modules, target="answer.py", module="answer", inputs=inputs)


if __name__ == "__main__":
    sys.exit(main())
