"""Plans the search for inputs that tell candidates apart which agree on all others, and judges what each one told.

It runs nothing and checks no precondition: whoever drives it runs the candidates on what ``propose`` returns and tells
``learn`` what they did. What is kept is a minimal set: each input tells a pair apart that the other kept ones do not.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from millwright.core.chance import Chance
from millwright.core.mutation import Vector, mutations
from millwright.core.mutation_values import key_of, weight
from schemas.specification import Record
from schemas.types import Type

_MOST_PARENTS = 12
_GROWTH, _ROOM = 4, 64  # over all rounds, for mutations of mutations grow
_SHARES = (6, 3, 1)
"""Of ten proposals: near inputs that told candidates apart, near examples, near others; what one kind lacks, any
gives."""


@dataclass(frozen=True)
class Budget:
    """When the search ends: after so many rounds or inputs, or ``patience`` batches in a row that split nothing."""

    rounds: int = 10
    inputs: int = 200
    batch: int = 20
    patience: int = 3


@dataclass(frozen=True)
class Told:
    """An input, and the pairs of candidates that it tells apart (a bit for each pair)."""

    vector: Vector
    pairs: int


@dataclass(frozen=True)
class Splitting:
    """Where a search stands. ``groups`` are the candidates that still agree, ``kept_inputs`` what told them apart."""

    types: tuple[Type, ...]
    records: Mapping[str, Record]
    seed: int
    budget: Budget
    names: tuple[str, ...]
    began: tuple[tuple[int, ...], ...]
    groups: tuple[tuple[int, ...], ...]
    examples: tuple[Vector, ...]
    inputs: tuple[Vector, ...]
    fresh: tuple[Vector, ...]
    parents: tuple[Vector, ...]
    most: int
    tried: frozenset[str]
    kept_inputs: tuple[Told, ...] = ()
    splits: tuple[int, ...] = ()
    used: int = 0
    idle: int = 0
    nothing_left: bool = False

    @property
    def done(self) -> bool:
        """Whether the search has ended."""
        return bool(self.reason)

    @property
    def reason(self) -> str:
        """Say why the search has ended, in words; empty while it goes on."""
        if all(len(group) < 2 for group in self.groups):
            return "no two candidates agree any more"
        if self.nothing_left:
            return "there is no further input to try"
        if self.idle >= self.budget.patience:
            return f"no input of the last {self.idle} batches told candidates apart"
        if len(self.splits) >= self.budget.rounds:
            return f"{len(self.splits)} rounds are used up"
        return f"{self.used} inputs are used up" if self.used >= self.budget.inputs else ""

    @property
    def kept(self) -> tuple[Vector, ...]:
        """The inputs that told candidates apart, without those that the others make superfluous."""
        return tuple(told.vector for told in self.kept_inputs)

    @property
    def grouped(self) -> tuple[tuple[str, ...], ...]:
        """The names of the candidates that still agree, group by group."""
        return tuple(tuple(self.names[member] for member in group) for group in self.groups)


def begin(
    examples: Sequence[Vector],
    inputs: Sequence[Vector],
    types: Sequence[Type],
    records: Mapping[str, Record],
    seed: int,
    budget: Budget,
    groups: Iterable[Collection[str]],
    *,
    telling: Sequence[Vector] = (),
    fresh: Sequence[Vector] = (),
) -> Splitting:
    """Begin a search: ``groups`` holds the names of distinct candidates that agree on all ``examples`` and ``inputs``.

    ``telling`` are those of the inputs that are known to tell some candidates apart, ``fresh`` further ones that no
    candidate was run on. Inputs that are large on purpose (sized ones) do not belong here: mutations would be as large.

    Raises:
        ValueError: a candidate is in two groups.
    """
    named = [sorted(set(group)) for group in groups]
    names = tuple(sorted(name for group in named for name in group))
    if len(set(names)) < len(names):
        raise ValueError("a candidate is in two groups")
    place = {name: number for number, name in enumerate(names)}
    members = tuple(sorted(tuple(place[name] for name in group) for group in named if group))
    known = (*examples, *inputs)
    return Splitting(
        types=tuple(types),
        records=records,
        seed=seed,
        budget=budget,
        names=names,
        began=members,
        groups=members,
        examples=tuple(examples),
        inputs=tuple(inputs),
        fresh=tuple(fresh),
        parents=tuple(telling)[:_MOST_PARENTS],
        most=_GROWTH * max(map(weight, (*known, *fresh)), default=0) + _ROOM,
        tried=frozenset(map(key_of, known)),
    )


def propose(state: Splitting) -> tuple[Vector, ...]:
    """Return the next inputs to run the candidates on, none that was tried; none at all when the search has ended."""
    if state.done:
        return ()
    wanted = min(state.budget.batch, state.budget.inputs - state.used)
    chosen: dict[str, Vector] = {}
    others = (*state.inputs, *state.fresh)
    until = 0
    for number, kind in enumerate((state.parents, state.examples, others)):
        until += wanted * _SHARES[number] // sum(_SHARES) if kind else 0
        if number == len(_SHARES) - 1:
            _take(chosen, state.fresh, state, until)
        _take(chosen, _mutated(state, kind, number, wanted), state, until)
    _take(chosen, state.fresh, state, wanted)
    for number, kind in enumerate((state.parents, state.examples, others)):
        _take(chosen, _mutated(state, kind, len(_SHARES) + number, wanted), state, wanted)
    return tuple(chosen.values())


def learn(
    state: Splitting,
    vectors: Sequence[Vector],
    behaviours: Mapping[str, Sequence[str | None]],
    refused: Sequence[Vector] = (),
) -> Splitting:
    """Return the state after one batch: what each candidate did on each of the vectors, by its name.

    Behaviours are canonical texts, equal for equal behaviour; None is one that was lost, which tells nothing apart.
    ``refused`` were proposed but not run, since they break what is promised; they are not proposed again. A batch with
    neither says that nothing is left to try.

    Raises:
        ValueError: a candidate is missing, or has not one behaviour for each of the vectors.
    """
    rows = [behaviours.get(name, ()) for name in state.names]
    if any(len(row) != len(vectors) for row in rows):
        raise ValueError("each candidate needs one behaviour for each of the inputs")
    groups = state.groups
    told: list[Told] = []
    split: list[Vector] = []
    for number, vector in enumerate(vectors):
        seen = [row[number] for row in rows]
        finer = tuple(part for group in groups for part in _parted(group, seen))
        if len(finer) > len(groups):
            split.append(vector)
        groups = finer
        told.append(Told(vector, _pairs(state, seen)))
    parents = {key_of(vector): vector for vector in (*split[::-1], *state.parents)}
    tried = state.tried | {key_of(vector) for vector in (*vectors, *refused)}
    return replace(
        state,
        groups=groups,
        parents=tuple(parents.values())[:_MOST_PARENTS],
        tried=tried,
        fresh=tuple(vector for vector in state.fresh if key_of(vector) not in tried),
        kept_inputs=_minimal((*state.kept_inputs, *told)) if split else state.kept_inputs,
        splits=(*state.splits, len(split)),
        used=state.used + len(vectors),
        idle=0 if split else state.idle + 1,
        nothing_left=not vectors and not refused,
    )


def _mutated(state: Splitting, kind: Sequence[Vector], number: int, count: int) -> Iterable[Vector]:
    """Return mutations of some inputs, other ones each round; those that come first have more of them."""
    chance = Chance("splitting", state.seed, len(state.splits), number)
    start = 0 if number == 0 or not kind else chance.below(len(kind))
    turned = (*kind[start:], *kind[:start])
    return mutations(turned, state.types, chance.below(2**63), 2 * count, state.records)


def _take(chosen: dict[str, Vector], vectors: Iterable[Vector], state: Splitting, until: int) -> None:
    for vector in vectors:
        if len(chosen) >= until:
            return
        key = key_of(vector)
        if key not in state.tried and weight(vector) <= state.most:
            chosen.setdefault(key, vector)


def _parted(group: tuple[int, ...], seen: Sequence[str | None]) -> list[tuple[int, ...]]:
    """Part a group by behaviour; those that were lost stay with the largest part, the first of these."""
    parts: dict[str, list[int]] = {}
    for member in group:
        key = seen[member]
        if key is not None:
            parts.setdefault(key, []).append(member)
    if len(parts) < 2:
        return [group]
    largest = max(parts.values(), key=len)
    largest += [member for member in group if seen[member] is None]
    return sorted(tuple(sorted(part)) for part in parts.values())


def _pairs(state: Splitting, seen: Sequence[str | None]) -> int:
    """Return the pairs of candidates that agreed at the beginning and that one input tells apart, a bit for each."""
    found = 0
    size = len(state.names)
    for group in state.began:
        for at, one in enumerate(group):
            for other in group[at + 1 :]:
                if seen[one] is not None and seen[other] is not None and seen[one] != seen[other]:
                    found |= 1 << (one * size + other)
    return found


def _minimal(told: Sequence[Told]) -> tuple[Told, ...]:
    """Choose inputs that together tell apart all that these do, and none that the others chosen make superfluous.

    Greedy: the one that tells most of the rest apart, of equals the lightest, of these the first.
    """
    left = 0
    for each in told:
        left |= each.pairs
    chosen: list[Told] = []
    while left:
        best = min(told, key=lambda each: (-(each.pairs & left).bit_count(), weight(each.vector)))
        chosen.append(best)
        left &= ~best.pairs
    for each in reversed(list(chosen)):  # greed may have made an early choice superfluous later
        rest = [other for other in chosen if other is not each]
        together = 0
        for other in rest:
            together |= other.pairs
        if not each.pairs & ~together:
            chosen = rest
    return tuple(chosen)
