"""Draws the inputs of a task: boundary vectors first, then generated ones, all within its constraints.

It evaluates expressions of the specification, whose cost nothing bounds, and must therefore run in a process with
limits: ``millwright.adapters.inputs.generate`` is that process.
"""

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from types import CodeType, FrameType
from typing import Any, cast

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument, Unsatisfiable
from pydantic import JsonValue

from millwright.adapters.inputs.boundaries import boundaries_of
from millwright.adapters.inputs.bounds import Bounds, bounds_of
from millwright.adapters.inputs.palette import encode, palette_of
from millwright.adapters.inputs.relations import Argument, related
from millwright.adapters.inputs.scaling import Scaling
from millwright.adapters.inputs.strategies import strategy_of
from millwright.errors import SpecificationInvalid
from schemas.expressions import check_expression, namespace
from schemas.identity import Digest
from schemas.specification import REQUEST, Fault, TaskKind, TaskSpecification
from schemas.types import parse_type
from schemas.values import canonical_text
from schemas.verification import InputOrigin, InputVector

MOST_BOUNDARY_VECTORS = 40
MOST_GENERATED_VECTORS = 60

_ROUNDS = (80, 40, 80, 160, 320, 480, 640)
"""Inputs drawn in each round: the second is short, for what most tasks lack after the first are a few."""
_EVALUATION_SECONDS = 0.5
_MOST_SLOW_EVALUATIONS = 3


class _TooSlow(Exception):
    """An evaluation was interrupted."""


class Condition:
    """A constraint or precondition, ready to be evaluated."""

    def __init__(
        self, where: str, text: str, names: Sequence[str], fields: Sequence[str], classes: Mapping[str, type]
    ) -> None:
        reason = check_expression(text, [*names, *classes], fields)
        if reason is not None:
            raise SpecificationInvalid([Fault(where=where, what=f"{text!r}: {reason}")])
        self.where = where
        self.text = text
        self._code: CodeType = compile(text, "<condition>", "eval", dont_inherit=True)
        self._slow = 0
        self._classes = classes

    def holds(self, names: dict[str, Any]) -> bool:
        """Whether it is true; false too if it raises or takes longer than half a second.

        Raises:
            SpecificationInvalid: it took that long for the third time.
        """
        value = self.known(names)
        if value is None:
            self._slow += 1
        if self._slow >= _MOST_SLOW_EVALUATIONS:
            what = f"{self.text!r} takes longer than {_EVALUATION_SECONDS:g} s to evaluate"
            raise SpecificationInvalid([Fault(where=self.where, what=what)])
        return value is True

    def known(self, names: dict[str, Any]) -> bool | None:
        """Whether it is true; false too if it raises, None if it takes longer than half a second."""
        signal.setitimer(signal.ITIMER_REAL, _EVALUATION_SECONDS)
        try:
            value = eval(self._code, namespace() | {**self._classes, **names})  # noqa: S307 - checked above, and this process has limits
        except _TooSlow:
            return None
        except Exception:  # noqa: BLE001 - whatever an expression raises, it does not hold
            return False
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return value is True


class Drawing:
    """The inputs of one task, drawn from one seed. Call from the main thread: evaluations are timed by a signal."""

    def __init__(self, task: TaskSpecification, digest: Digest) -> None:
        records = {record.name for record in task.known_records}
        self._task = task
        self._digest = digest
        self._seed = int(digest, 16)
        self._names = [parameter.name for parameter in task.inputs]
        self._types = [parse_type(parameter.type_annotation, records) for parameter in task.inputs]
        self._palette = palette_of(task.known_records, _alphabet(task), _bounds_of_methods(task))
        shapes = {shape.name: self._palette.classes[shape.name] for shape in task.shapes}
        fields = [field.name for record in task.known_records for field in record.fields]
        self._own = [
            [
                Condition(f"{task.id}.inputs.{parameter.name}", text, [parameter.name], fields, {})
                for text in parameter.constraints
            ]
            for parameter in task.inputs
        ]
        self._common = [
            Condition(f"{task.id}.preconditions.{condition.name}", condition.expression, self._names, fields, shapes)
            for condition in task.preconditions
        ]
        self._bounds = [
            bounds_of(name, [condition.text for condition in (*own, *self._common)])
            for name, own in zip(self._names, self._own, strict=True)
        ]

    def vectors(self) -> tuple[InputVector, ...]:
        """Return the boundary vectors and the generated ones, no two equal, then those of growing sizes.

        A task without inputs has one vector, empty.

        Raises:
            SpecificationInvalid: nothing that was drawn satisfies the constraints; they are named.
        """
        signal.signal(signal.SIGALRM, _too_slow)
        if not self._names:
            return (InputVector(arguments=(), origin=InputOrigin.BOUNDARY),)
        found: dict[str, InputVector] = {}
        self._take(found, islice(self._edges(), 4 * MOST_BOUNDARY_VECTORS), InputOrigin.BOUNDARY, MOST_BOUNDARY_VECTORS)
        most = len(found) + MOST_GENERATED_VECTORS
        for number, examples in enumerate(_ROUNDS):
            drawn = self._drawn(self._filtered(), self._seed + number, examples)
            self._take(found, drawn, InputOrigin.GENERATED, most)
            if len(found) == most:
                break
        if not found:
            raise SpecificationInvalid(self._blame())
        return (*found.values(), *self._sized())

    def _sized(self) -> Iterator[InputVector]:
        """Yield three stated sizes and three others, where the inputs have any and the conditions allow them."""
        scaling = Scaling(self._types, self._bounds, self._palette, self._digest, self._known)
        for sized in scaling.vectors():
            arguments = tuple(encode(value, self._palette) for value in sized.values)
            yield InputVector(arguments=arguments, origin=InputOrigin.SIZED, size=sized.size, stated=sized.stated)

    def _known(self, values: Sequence[Any]) -> bool | None:
        named = self._named(values)
        answers = (condition.known(named) for condition in self._conditions())
        return next((answer for answer in answers if not answer), True)

    def _take(
        self, found: dict[str, InputVector], drawn: Iterator[Sequence[Any]], origin: InputOrigin, most: int
    ) -> None:
        for values in drawn:
            if len(found) >= most:
                return
            if not all(condition.holds(self._named(values)) for condition in self._conditions()):
                continue
            arguments = tuple(encode(value, self._palette) for value in values)
            key = canonical_text(["tuple", [cast(JsonValue, argument) for argument in arguments]])
            found.setdefault(key, InputVector(arguments=arguments, origin=origin))

    def _conditions(self) -> Iterator[Condition]:
        for own in self._own:
            yield from own
        yield from self._common

    def _named(self, values: Sequence[Any]) -> dict[str, Any]:
        return dict(zip(self._names, values, strict=True))

    def _edges(self) -> Iterator[tuple[Any, ...]]:
        """Yield the edges of all inputs together, then those of each beside an ordinary value of the others."""
        each = []
        for name, of, bounds, own in zip(self._names, self._types, self._bounds, self._own, strict=True):
            edges = [] if bounds.empty else boundaries_of(of, self._palette, bounds)
            each.append([edge for edge in edges if _all_hold(own, name, edge)])
        if not all(each):
            return
        for index in range(max(map(len, each))):
            yield tuple(values[index % len(values)] for values in each)
        ordinary = tuple(values[1 % len(values)] for values in each)
        for index in range(max(map(len, each))):
            for place, values in enumerate(each):
                if index < len(values):
                    yield (*ordinary[:place], values[index], *ordinary[place + 1 :])

    def _filtered(self) -> st.SearchStrategy[tuple[Any, ...]]:
        arguments = []
        for name, of, bounds, own in zip(self._names, self._types, self._bounds, self._own, strict=True):
            fitting = _filter(own, name)
            drawn = strategy_of(of, self._palette, bounds).filter(fitting)
            arguments.append(Argument(drawn, of, bounds, fitting))
        return related(arguments)

    def _drawn(
        self, strategy: st.SearchStrategy[tuple[Any, ...]], number: int, examples: int
    ) -> Iterator[tuple[Any, ...]]:
        """Yield what Hypothesis draws from a seed; nothing when it finds nothing that satisfies the filters."""
        drawn: list[tuple[Any, ...]] = []

        @seed(number)
        @settings(
            max_examples=examples,
            database=None,
            phases=[Phase.generate],
            deadline=None,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def draw(values: tuple[Any, ...]) -> None:
            drawn.append(values)

        try:
            draw()
        except (Unsatisfiable, InvalidArgument):  # bounds that no value can meet are InvalidArgument
            return iter(())
        return iter(drawn)

    def _blame(self) -> list[Fault]:
        """Name the conditions that no drawn input satisfies; all of them, if each is satisfied by some."""
        unfiltered = st.tuples(*(strategy_of(of, self._palette) for of in self._types))
        satisfied: Counter[str] = Counter()
        for values in self._drawn(unfiltered, self._seed, 300):
            satisfied.update(one.text for one in self._conditions() if one.holds(self._named(values)))
        conditions = list(self._conditions())
        blamed = [one for one in conditions if not satisfied[one.text]]
        if blamed:
            return [Fault(where=one.where, what=f"no input was found that satisfies {one.text!r}") for one in blamed]
        together = " and ".join(repr(one.text) for one in conditions)
        return [Fault(where=self._task.id, what=f"no input was found that satisfies all of {together}")]


def _bounds_of_methods(task: TaskSpecification) -> dict[tuple[str, str], Bounds]:
    """Return the bounds of the methods' inputs, which are the fields of the shapes of their calls."""
    return {
        (method.name, item.name): bounds_of(item.name, item.constraints)
        for method in (*task.methods, *((REQUEST,) if task.kind is TaskKind.HTTP_HANDLER else ()))
        for item in method.inputs
        if item.constraints
    }


def _filter(conditions: Sequence[Condition], name: str) -> Callable[[Any], bool]:
    return lambda value: _all_hold(conditions, name, value)


def _all_hold(conditions: Sequence[Condition], name: str, value: Any) -> bool:
    return all(condition.holds({name: value}) for condition in conditions)


def _alphabet(task: TaskSpecification) -> str:
    """Return the characters of the texts in the examples, in their order of appearance."""
    found: dict[str, None] = {}
    waiting: list[JsonValue] = [value for case in task.test_cases for _, value in sorted(case.inputs.items())]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, str):
            found |= dict.fromkeys(value)
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
    return "".join(found)


def _too_slow(signum: int, frame: FrameType | None) -> None:
    raise _TooSlow
