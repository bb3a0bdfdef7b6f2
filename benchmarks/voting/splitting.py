"""Searches for inputs that tell apart recorded answers which agree on all others, as an election does, once a task.

It judges nothing by hidden tests, and keeps what the product would keep at the node.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence

from activities.comparing import BUDGET
from millwright.core.grouping import Classes, group, rounding_noise
from millwright.core.mutation import Vector
from millwright.core.signature import records_of
from millwright.core.specification import input_types, result_type
from millwright.core.splitting import begin, learn, propose
from schemas.execution import Outcome
from schemas.specification import TaskSpecification

Call = Callable[[str, Sequence[Vector]], Awaitable[Sequence[Outcome]]]
"""Runs one answer, by its text, on some inputs."""


async def splitting_inputs(
    task: TaskSpecification,
    known: Mapping[str, Sequence[Outcome]],
    examples: Sequence[Vector],
    inputs: Sequence[Vector],
    seed: int,
    call: Call,
) -> tuple[Vector, ...]:
    """Return the inputs that told some of the answers apart; ``known`` is what each did on examples and inputs."""
    of, records = result_type(task), records_of(task)
    tolerance = min((case.tolerance for case in task.test_cases if case.tolerance is not None), default=None)
    texts = list(known)
    members: defaultdict[int, list[str]] = defaultdict(list)
    noise = list(map(rounding_noise, (*examples, *inputs)))
    for place, number in enumerate(group(list(known.values()), of, tolerance, records, noise)):
        members[number].append(str(place))
    alike = [names for names in members.values() if len(names) > 1]
    running = set(map(str, range(len(texts))))
    state = begin(examples, inputs, input_types(task), records, seed, BUDGET, alike)
    while not state.done:
        vectors = propose(state)
        classes = Classes(len(vectors), of, tolerance, records, list(map(rounding_noise, vectors)))
        told: dict[str, list[str | None]] = {name: [None] * len(vectors) for name in state.names}
        names = [name for name in state.names if name in running] if vectors else []
        ran = await asyncio.gather(*(call(texts[int(name)], vectors) for name in names))
        for name, outcomes in zip(names, ran, strict=True):
            row = classes.row(outcomes)
            told[name] = ["lost" if number is None else str(number) for number in row]
            if None in row:
                running.discard(name)  # as in an election, what is lost on an input is not run on any more
        state = learn(state, vectors, told)
    return state.kept
