"""Puts the candidates that behave alike into groups, and says which behaviour is no vote at all.

It counts no votes and picks no winner. What a call did to its arguments is no part of a behaviour: contracts judge it.
"""

import hashlib
import json
import math
import re
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from millwright.core.examples import accepts
from millwright.core.signature import SIGNIFICANT_DIGITS, Records, behaviour_signature, canonical, equal, is_useless
from millwright.core.specification_vocabulary import result_type
from millwright.core.verification.parts import floats
from schemas.election import Flag
from schemas.execution import Outcome, OutcomeKind
from schemas.identity import Digest
from schemas.specification import TaskSpecification
from schemas.types import Kind, Type
from schemas.values import Value

Behaviour = Sequence[Outcome]
"""What one candidate did on each input; all candidates of an election are tried on the same inputs."""

Row = tuple[int | None, ...]
"""A behaviour as the number of its class on each input; None where it was lost."""

BROKEN = frozenset({"NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError"})
"""What code raises that is not whole: no specification promises it."""

_RELATIVE = 10.0 ** (1 - SIGNIFICANT_DIGITS)
"""What two floats may differ by without a tolerance, as a share of the least one beside them: where they fall to two
sides of a boundary, what the significant digits hide in the worst case."""

_NOISE = 1e-13
"""What rounding makes of sums of some hundred floats, as a share of the largest: 450 units in the last place."""

_MOST_RECENT = 16
_FLOAT = re.compile(r'\["float","([^"]*)"\]')
_PLAIN = frozenset({Kind.INT, Kind.BOOL, Kind.STR, Kind.BYTES, Kind.NONE, Kind.LIST, Kind.TUPLE, Kind.VARIADIC})
_UNPLAIN = re.compile(r"'(?:float|set|dict|record|object)'")


@dataclass(frozen=True)
class _Known:
    """A value in its canonical text; ``floats`` are the finite ones in it, ascending.

    Values with the same ``key`` are equal: the text, or without a tolerance the text with its significant digits alone.
    """

    key: str
    text: str
    floats: tuple[float, ...]
    comparable: bool


@dataclass
class _Column:
    """The classes of one input.

    Numbers by text, the first member of each, where floats are by the least one, and the first few values as they came:
    most candidates do what another one did to the letter, which is seen soonest by comparing.
    """

    recent: list[tuple[Value, int]] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    firsts: list[tuple[str, Value | None, Sequence[float]]] = field(default_factory=list)
    least: list[tuple[float, int]] = field(default_factory=list)
    noise: float = 0.0

    def add(self, key: str, text: str, value: Value | None = None, numbers: Sequence[float] = ()) -> int:
        number = len(self.firsts)
        self.numbers.setdefault(key, number)
        self.firsts.append((text, value, numbers))
        if numbers:
            insort(self.least, (numbers[0], number))
        return number


class Classes:
    """Numbers what candidates do on each input: equal outcomes of one input get the same number.

    A tolerance is not transitive, so each value is compared with the first member of each class, in order; the classes
    depend on the order in which outcomes are shown, and on nothing else. Without a tolerance, floats may differ in
    what lies beyond ``SIGNIFICANT_DIGITS``. ``noise``, input by input, is what floats may differ by in any case
    (``rounding_noise``); none where it is left out.
    """

    def __init__(
        self,
        inputs: int,
        of: Type,
        tolerance: float | None = None,
        records: Records | None = None,
        noise: Sequence[float] = (),
    ) -> None:
        self._of, self._tolerance, self._records = of, tolerance, records or {}
        self._columns = [_Column(noise=noise[index] if noise else 0.0) for index in range(inputs)]
        self._known: dict[str, _Known] = {}
        self._plain = _is_plain(of)

    def row(self, behaviour: Behaviour) -> Row:
        """Return a behaviour's classes, input by input."""
        return tuple(self.number(index, outcome) for index, outcome in enumerate(behaviour))

    def number(self, index: int, outcome: Outcome) -> int | None:
        """Return the class of an outcome of one input, a new one where nothing like it was seen; None: lost."""
        column = self._columns[index]
        if outcome.kind is OutcomeKind.RAISED:
            text = json.dumps(["raised", outcome.exception], separators=(",", ":"))
            return column.numbers[text] if text in column.numbers else column.add(text, text)
        if outcome.kind is OutcomeKind.LOST or outcome.value is None:
            return None
        for value, number in column.recent:
            if value == outcome.value:
                return number
        return self._classed(column, outcome.value)

    def text(self, index: int, number: int) -> str:
        """Return the text of a class, which no other class of the input has.

        It is the canonical text of its first member, a value's or ``["raised","<class>"]``; with a number behind it
        where that equals nothing.
        """
        return self._columns[index].firsts[number][0]

    def _classed(self, column: _Column, value: Value) -> int:
        known = self._read(value)
        if not known.comparable:
            return column.add(known.key, f"{known.text}#{len(column.firsts)}")
        number = column.numbers.get(known.key)
        if number is None:
            number = self._near(column, value, known)
        if number is None:
            number = column.add(known.key, known.text, value, known.floats)
        column.numbers.setdefault(known.key, number)
        if len(column.recent) < _MOST_RECENT:
            column.recent.append((value, number))
        return number

    def _read(self, value: Value) -> _Known:
        raw = repr(value)
        known = self._known.get(raw)
        if known is None:
            known = self._canonical(value, raw)
            self._known[raw] = known
        return known

    def _canonical(self, value: Value, raw: str) -> _Known:
        if self._plain and not _UNPLAIN.search(raw):  # then a value has one spelling only
            text = json.dumps(value, separators=(",", ":"))
            return _Known(text, text, (), comparable=True)
        text = canonical(value, self._of, None, self._records)
        numbers = (_number(found) for found in _FLOAT.findall(text))
        floats = tuple(sorted(number for number in numbers if math.isfinite(number)))
        comparable = "object" not in text or equal(value, value, self._of, None, self._records)
        key = text if self._tolerance is not None or not floats else _FLOAT.sub(_significant, text)
        return _Known(key, text, floats, comparable)

    def _near(self, column: _Column, value: Value, known: _Known) -> int | None:
        """Return the first class whose first member is equal within the tolerance."""
        if not known.floats:
            return None
        slack = self._tolerance
        if slack is None:
            slack = _RELATIVE * min((abs(number) for number in known.floats if number), default=0.0)
        slack = max(slack, column.noise)
        reach = 2 * slack  # what counts is a rounded difference, and the bounds here are rounded too
        start = bisect_left(column.least, (known.floats[0] - reach, -1))
        stop = bisect_right(column.least, (known.floats[0] + reach, len(column.firsts)))
        for number in sorted(number for _, number in column.least[start:stop]):
            _, first, floats = column.firsts[number]
            if first is None or not _alongside(floats, known.floats, reach):
                continue
            if equal(first, value, self._of, slack, self._records):
                return number
        return None


def rounding_noise(arguments: Sequence[Value]) -> float:
    """Return what the results of one input may differ by though they are the same: rounding, in another order.

    A share of the largest float that went in. A difference of nearly equal numbers keeps the absolute error of the
    numbers: the mean deviation of eight times 93.92 is 0 for one right program and 1.4e-14 for another.
    """
    largest = max((abs(number) for value in arguments for number in floats(value) if math.isfinite(number)), default=0)
    return _NOISE * largest


def group(
    behaviours: Sequence[Behaviour],
    of: Type,
    tolerance: float | None = None,
    records: Records | None = None,
    noise: Sequence[float] = (),
) -> tuple[int, ...]:
    """Return each candidate's group, numbered by first member.

    Two candidates agree if on every input they returned equal values (``signature.equal``; floats as ``Classes`` says)
    or raised the same exception class, or was lost: a call that never ends is no agreement with one that does. Inputs
    that all lost are left out. A candidate that answered nothing, or returned an object that equals nothing, stands
    alone; with nothing to compare, all do. ``noise`` is as ``Classes`` takes it.
    """
    classes = Classes(len(behaviours[0]) if behaviours else 0, of, tolerance, records, noise)
    return group_rows([classes.row(behaviour) for behaviour in behaviours])


def group_rows(rows: Sequence[Row]) -> tuple[int, ...]:
    """Return each candidate's group as ``group`` does, from the classes of its outcomes."""
    answered = [index for index, seen in enumerate(zip(*rows, strict=True)) if any(item is not None for item in seen)]
    numbers: dict[object, int] = {}
    groups: list[int] = []
    for position, row in enumerate(rows):
        kept = tuple(row[index] for index in answered)
        alone = all(item is None for item in kept)
        groups.append(numbers.setdefault(position if alone else kept, len(numbers)))
    return tuple(groups)


def signatures(
    behaviours: Sequence[Behaviour],
    of: Type,
    tolerance: float | None = None,
    records: Records | None = None,
    noise: Sequence[float] = (),
) -> tuple[Digest, ...]:
    """Return each candidate's signature: that of the behaviour of its group's first member.

    Members of one group have one signature, of different groups different ones: where two groups look alike and yet
    are no equals (objects, nothing compared), the later one's digest is taken once more with its rank among them.
    """
    found: dict[int, Digest] = {}
    alike: Counter[Digest] = Counter()
    groups = group(behaviours, of, tolerance, records, noise)
    for number, behaviour in zip(groups, behaviours, strict=True):
        if number not in found:
            digest = behaviour_signature(behaviour, of, tolerance, records)
            rank = alike[digest]
            alike[digest] += 1
            found[number] = digest if rank == 0 else _ranked(digest, rank)
    return tuple(found[number] for number in groups)


def is_constant(behaviour: Behaviour, of: Type, records: Records | None = None) -> bool:
    """Say whether a candidate answered two inputs or more, and gave one and the same value wherever it gave any."""
    answered = [outcome for outcome in behaviour if outcome.kind is not OutcomeKind.LOST]
    values = [outcome.value for outcome in answered if outcome.value is not None]
    if len(answered) < 2 or not values:
        return False
    first = canonical(values[0], of, None, records)
    return all(value == values[0] or canonical(value, of, None, records) == first for value in values[1:])


def is_broken(behaviour: Behaviour) -> bool:
    """Say whether a candidate lacked a name or a module on at least half of the inputs that it answered."""
    answered = [outcome for outcome in behaviour if outcome.kind is not OutcomeKind.LOST]
    return bool(answered) and 2 * sum(outcome.exception in BROKEN for outcome in answered) >= len(answered)


def useless(behaviours: Sequence[Behaviour], task: TaskSpecification) -> tuple[Flag | None, ...]:
    """Flag each candidate whose behaviour is no vote, judged beside the others.

    It answered and gave no value on any input (``signature.is_useless``); or it is ``is_broken``; or it gave the same
    value wherever it gave any, as code does that only gets through the trivial inputs, where fewer than half of those
    left did so; unless the examples demand just that.

    Raises:
        TypeSyntaxError, ValueFault: the specification's types or examples cannot be read.
    """
    of, records = result_type(task), {record.name: record for record in task.known_records}
    broken = not any(case.raises in BROKEN for case in task.test_cases)
    idle = [
        any(outcome.kind is not OutcomeKind.LOST for outcome in behaviour)  # else the machine may have caused it
        and (is_useless(behaviour, task) or (broken and is_broken(behaviour)))
        for behaviour in behaviours
    ]
    constant = [
        not nothing and is_constant(behaviour, of, records) for nothing, behaviour in zip(idle, behaviours, strict=True)
    ]
    rare = 2 * sum(constant) < len(behaviours) - sum(idle)
    return tuple(
        Flag.USELESS if nothing or (same and rare and not _demanded(behaviour, task)) else None
        for nothing, same, behaviour in zip(idle, constant, behaviours, strict=True)
    )


def _demanded(behaviour: Behaviour, task: TaskSpecification) -> bool:
    """Say whether every example demands the one value of a behaviour, or an exception."""
    returned = next(outcome for outcome in behaviour if outcome.kind is OutcomeKind.RETURNED)
    cases = task.test_cases
    return bool(cases) and all(case.raises is not None or accepts(task, case, returned) for case in cases)


def _ranked(digest: Digest, rank: int) -> Digest:
    return Digest(hashlib.sha256(f"{digest}:{rank}".encode("ascii")).hexdigest())


def _significant(found: re.Match[str]) -> str:
    return f'["float","{_number(found[1]):.{SIGNIFICANT_DIGITS}g}"]'


def _number(text: str) -> float:
    return float(text) if text in ("nan", "inf", "-inf") else float.fromhex(text)


def _alongside(some: Sequence[float], others: Sequence[float], reach: float) -> bool:
    """Say whether floats in order of size lie within reach of each other, as those of equal values must."""
    return len(some) == len(others) and all(abs(a - b) <= reach for a, b in zip(some, others, strict=True))


def _is_plain(of: Type) -> bool:
    return of.kind in _PLAIN and all(map(_is_plain, of.arguments))
