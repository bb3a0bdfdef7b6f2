"""Settles examples by vote: what most agents state of an input, far enough ahead, becomes an example of the task.

It runs nothing and asks nobody: what is not settled here is for a person.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from millwright.core.literals import written_json
from millwright.core.signature import canonical
from millwright.core.specification import input_types, result_type
from millwright.core.specification_vocabulary import BUILTIN_EXCEPTIONS
from millwright.core.verification.evidence import Arguments
from millwright.core.verification.simplicity import size
from schemas.claims import digest_of_values
from schemas.election import Flag, RedFlag
from schemas.specification import TaskSpecification, TestCase
from schemas.types import Kind, Type
from schemas.values import Value, decode_json

MOST_ASKED = 6
"""Inputs that agents are asked about: with more, the later ones are worked out carelessly."""

FEWEST_SETTLED = 2
"""Settled examples below which a person is asked: one alone is too often passed by a wrong answer."""

LEAST_SHARE = 0.8
"""The share of the stated answers that the leading one needs."""

TOLERANCE = 1e-6
"""How far a result with floats may lie from what was stated, and how finely statements are told apart."""

_MOST_PARTS = 30
"""Parts of an argument list that an agent can work out in its mind."""


@dataclass(frozen=True)
class Stated:
    """What one agent states of one input: the result as JSON, or the exception's name."""

    returns: JsonValue = None
    raises: str | None = None


Answer = tuple[Stated | None, ...]
"""What one agent states of each input in order; None where it says nothing."""


def chosen_inputs(inputs: Sequence[Arguments], task: TaskSpecification) -> tuple[Arguments, ...]:
    """Choose the inputs to ask about: simple ones, of different sizes first, that can be written as JSON."""
    distinct = {digest_of_values(arguments): arguments for arguments in inputs}
    simple = sorted(
        (
            arguments
            for arguments in distinct.values()
            if size(arguments)[0] <= _MOST_PARTS and _writable(arguments, task)
        ),
        key=lambda arguments: (size(arguments), digest_of_values(arguments)),
    )
    sizes: Counter[int] = Counter()
    ranked: list[tuple[int, int]] = []
    for number, arguments in enumerate(simple):
        parts = size(arguments)[0]
        ranked.append((sizes[parts], number))
        sizes[parts] += 1
    kept = sorted(number for _, number in sorted(ranked)[:MOST_ASKED])
    return tuple(simple[number] for number in kept)


def _writable(arguments: Arguments, task: TaskSpecification) -> bool:
    try:
        inputs_by_name(arguments, task)
    except (ValueError, OverflowError):
        return False
    return True


def inputs_by_name(arguments: Arguments, task: TaskSpecification) -> dict[str, JsonValue]:
    """Write arguments as an example's inputs. Raises ValueError where no JSON stands for one."""
    records = {record.name: record for record in task.known_records}
    typed = zip(task.inputs, arguments, input_types(task), strict=True)
    return {item.name: written_json(value, of, records) for item, value, of in typed}


def read_answer(answer: JsonValue, task: TaskSpecification, count: int) -> Answer | RedFlag:
    """Read what an agent states of ``count`` inputs; what does not fit the result's type is not stated."""
    outcomes = answer.get("outcomes") if isinstance(answer, dict) else None
    if not isinstance(outcomes, list):
        return RedFlag(flag=Flag.MALFORMED, detail="the answer has no list of outcomes")
    stated: list[Stated | None] = [None] * count
    seen: set[int] = set()
    for item in outcomes:
        number = item.get("input") if isinstance(item, dict) else None
        if not isinstance(item, dict) or isinstance(number, bool) or not isinstance(number, int):
            return RedFlag(flag=Flag.MALFORMED, detail="an outcome does not say of which input")
        if not 1 <= number <= count or number in seen:
            return RedFlag(flag=Flag.MALFORMED, detail=f"there is no input {number}, or two outcomes for it")
        seen.add(number)
        stated[number - 1] = _stated(item, task)
    return tuple(stated)


def _stated(item: dict[str, JsonValue], task: TaskSpecification) -> Stated | None:
    raises = item.get("raises")
    if raises is not None:
        known = BUILTIN_EXCEPTIONS | {error.name for error in task.errors}
        return Stated(raises=raises) if isinstance(raises, str) and raises in known and "returns" not in item else None
    if "returns" not in item:
        return None
    try:
        _decoded(item["returns"], task)
    except (ValueError, OverflowError):
        return None
    return Stated(returns=item["returns"])


def _decoded(value: JsonValue, task: TaskSpecification) -> Value:
    records = {record.name: record for record in task.known_records}
    return decode_json(value, result_type(task), records, "returns")


def written(answer: Answer) -> str:
    """Write an answer as text to be stored."""
    entries: list[JsonValue] = [
        None if item is None else {"raises": item.raises} if item.raises is not None else {"returns": item.returns}
        for item in answer
    ]
    return json.dumps(entries, sort_keys=True, ensure_ascii=True)


def unwritten(text: str) -> Answer:
    """Read what ``written`` wrote."""
    return tuple(None if item is None else Stated(**item) for item in json.loads(text))


@dataclass(frozen=True)
class Count:
    """The count for one input: what leads, by how many, and how many stated anything."""

    leader: Stated | None
    votes: int
    margin: int
    stated: int

    def is_settled(self, k: int) -> bool:
        """Whether the leader is ``k`` ahead and has most of what was stated."""
        return self.leader is not None and self.margin >= k and self.votes >= LEAST_SHARE * self.stated

    def missing(self, k: int) -> int:
        """How many further answers would settle it if all of them agreed with the leader."""
        more = max(0, k - self.margin)
        while self.votes + more < LEAST_SHARE * (self.stated + more):
            more += 1
        return more


def count(answers: Sequence[Answer], number: int, task: TaskSpecification) -> Count:
    """Count what was stated of the input ``number``; of equal answers the one that was stated most stands for all."""
    stated = [answer[number] for answer in answers if answer[number] is not None]
    kept = [item for item in stated if item is not None]
    groups: dict[str, list[Stated]] = {}
    for item in kept:
        groups.setdefault(_vote(item, task), []).append(item)
    if not groups:
        return Count(leader=None, votes=0, margin=0, stated=0)
    ordered = sorted(groups.values(), key=len, reverse=True)
    second = len(ordered[1]) if len(ordered) > 1 else 0
    spelled = Counter(json.dumps(item.returns, sort_keys=True) for item in ordered[0])
    leader = max(ordered[0], key=lambda item: spelled[json.dumps(item.returns, sort_keys=True)])
    return Count(leader=leader, votes=len(ordered[0]), margin=len(ordered[0]) - second, stated=len(kept))


def _vote(item: Stated, task: TaskSpecification) -> str:
    if item.raises is not None:
        return f"raises {item.raises}"
    of = result_type(task)
    records = {record.name: record for record in task.known_records}
    step = TOLERANCE if _holds_float(of, task) else None
    return f"returns {canonical(_decoded(item.returns, task), of, step, records)}"


def _holds_float(of: Type, task: TaskSpecification) -> bool:
    if of.kind in (Kind.FLOAT, Kind.ANY):
        return True
    return of.kind is Kind.RECORD or any(_holds_float(member, task) for member in of.arguments)


def tolerance_of(value: Value) -> float | None:
    """Return how far floats may lie from a stated value, wider for larger ones; None where it holds none."""
    floats = [abs(number) for number in _floats(value) if math.isfinite(number)]
    return TOLERANCE * max([1.0, *floats]) if floats else None


def _floats(value: JsonValue) -> Iterator[float]:
    match value:
        case ["float", str(text)]:
            yield float(text) if text in ("nan", "inf", "-inf") else float.fromhex(text)
        case ["str" | "bytes" | "int", *_]:
            return
        case [*items]:
            for item in items:
                yield from _floats(item)


def draws_needed(answers: Sequence[Answer], asked: int, task: TaskSpecification, *, k: int, cap: int) -> int:
    """Return how many answers to draw next: as many as could settle the nearest input that is open, within the cap.

    0: every input is settled, or none can be any more.
    """
    left = cap - len(answers)
    counts = [count(answers, number, task) for number in range(asked)]
    missing = [found.missing(k) for found in counts if not found.is_settled(k)]
    reachable = [more for more in missing if more <= left]
    return min(reachable) if reachable else 0


def settled_examples(
    answers: Sequence[Answer], inputs: Sequence[Arguments], task: TaskSpecification, k: int
) -> tuple[TestCase, ...]:
    """Make an example of every input that is settled, named by its place among the inputs that were asked about."""
    cases = []
    for number, arguments in enumerate(inputs):
        found = count(answers, number, task)
        if found.leader is None or not found.is_settled(k):
            continue
        fields: dict[str, object] = {
            "name": f"settled_{number + 1}",
            "inputs": inputs_by_name(arguments, task),
            "description": f"Settled by a vote: {found.votes} of {found.stated} agents that stated a result.",
        }
        if found.leader.raises is not None:
            fields["raises"] = found.leader.raises
        else:
            fields["expected_output"] = found.leader.returns
            fields["tolerance"] = tolerance_of(_decoded(found.leader.returns, task))
        cases.append(TestCase.model_validate(fields))
    return tuple(cases)


def with_examples(task: TaskSpecification, cases: Sequence[TestCase]) -> TaskSpecification:
    """Return the task with further examples after its own."""
    return task.model_copy(update={"test_cases": (*task.test_cases, *cases)}) if cases else task
