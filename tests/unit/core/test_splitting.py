"""The search for inputs that tell candidates apart: what it proposes, what it learns, what it keeps, when it ends."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.mutation import Vector
from millwright.core.mutation_values import key_of, weight
from millwright.core.splitting import Budget, Splitting, begin, learn, propose
from millwright.core.verification.shrinking import fits
from schemas.types import Type, parse_type
from schemas.values import Value, decode_json

Candidate = Callable[..., object]
SMALL = Budget(rounds=6, inputs=60, batch=12, patience=2)


def plain(value: Value) -> Any:
    """Read a tagged value of the few types used here as a Python value."""
    match value:
        case ["int", str() as text]:
            return int(text)
        case ["list", list() as items]:
            return [plain(cast(Value, item)) for item in items]
        case [_, content]:
            return content
    raise AssertionError(f"{value} is not used here")


def vectors_of(annotations: Sequence[str], *values: Sequence[Any]) -> tuple[list[Vector], list[Type]]:
    """Decode JSON values into argument lists."""
    types = [parse_type(text) for text in annotations]
    return [tuple(decode_json(item, of, {}) for item, of in zip(each, types, strict=True)) for each in values], types


def started(annotations: Sequence[str], examples: Sequence[Sequence[Any]], names: str, **more: Any) -> Splitting:
    """Begin with the examples and one group of candidates, one for each letter."""
    vectors, types = vectors_of(annotations, *examples)
    return begin(vectors, (), types, {}, more.pop("seed", 0), more.pop("budget", SMALL), [set(names)], **more)


def behaviours(candidates: dict[str, Candidate], vectors: Sequence[Vector]) -> dict[str, list[str | None]]:
    """Run Python functions on argument lists."""
    return {name: [_done(function, vector) for vector in vectors] for name, function in candidates.items()}


def _done(function: Candidate, vector: Vector) -> str:
    try:
        return repr(function(*map(plain, vector)))
    except (ValueError, IndexError, ZeroDivisionError) as error:
        return type(error).__name__


def searched(state: Splitting, candidates: dict[str, Candidate]) -> Splitting:
    """Drive a search to its end."""
    while not state.done:
        batch = propose(state)
        state = learn(state, batch, behaviours(candidates, batch))
    return state


def spoken(*texts: str | None) -> dict[str, list[str | None]]:
    """Behaviours of candidates named a, b, c… by one text each, a character for an input; a dot is a lost one."""
    return {
        chr(ord("a") + number): [None if letter == "." else letter for letter in text or ""]
        for number, text in enumerate(texts)
    }


def numbers(count: int) -> list[Vector]:
    """Argument lists of one integer each."""
    return vectors_of(["int"], *([1000 + number] for number in range(count)))[0]


@pytest.mark.parametrize(
    ("annotations", "example", "right", "wrong"),
    [
        (
            ["int", "int", "int"],
            [3, 9, 20],
            lambda a, b, c: len({a, b, c}) < 3,
            lambda a, b, c: a == b or b == c,
        ),
        (["list[int]"], [[5, 1, 4, 2]], sorted, lambda xs: sorted(set(xs))),
        (["list[int]", "int"], [[5, 1, 4], 2], lambda xs, x: x in xs, lambda xs, x: x in xs[1:]),
        (["list[int]"], [[5, 1, 4]], lambda xs: max(xs, default=0), lambda xs: max(xs)),
        (["str"], ["abcd"], lambda text: text.lower() == text.lower()[::-1], lambda text: text == text[::-1]),
        (["str", "str"], ["hello", "xyz"], lambda a, b: sorted(a) == sorted(b), lambda a, b: set(a) == set(b)),
        (["int"], [7], lambda n: n % 2 == 0, lambda n: n % 2 == 0 and n != 0),
        (["str", "str"], ["banana", "na"], lambda a, b: a.count(b), lambda a, b: int(b in a) * 2),
    ],
)
def test_faults_at_equal_near_or_empty_inputs_are_found(
    annotations: Sequence[str], example: Sequence[Any], right: Candidate, wrong: Candidate
) -> None:
    """Two candidates that agree on the example are told apart within the inputs of the default budget."""
    state = searched(started(annotations, [example], "rw", budget=Budget(patience=9)), {"r": right, "w": wrong})
    assert state.grouped == (("r",), ("w",))
    assert len(state.kept) == 1
    assert state.reason == "no two candidates agree any more"


def test_candidates_that_do_the_same_end_the_search_by_patience() -> None:
    """So many batches in a row without a split are enough."""
    state = searched(started(["int"], [[5]], "ab"), {"a": lambda n: n + 1, "b": lambda n: 1 + n})
    assert state.splits == (0, 0)
    assert state.kept == ()
    assert state.grouped == (("a", "b"),)
    assert state.reason == "no input of the last 2 batches told candidates apart"


def test_a_split_renews_the_patience() -> None:
    """Only batches in a row count."""
    state = started(["int"], [[5]], "abc")
    for texts in (("0", "0", "0"), ("0", "0", "1"), ("0", "0", "0")):
        batch = propose(state)[:1]
        state = learn(state, batch, spoken(*texts))
    assert not state.done
    assert state.splits == (0, 1, 0)


def test_the_rounds_and_the_inputs_are_a_limit() -> None:
    """Whatever is found, the budget ends it."""
    splitting = {"a": lambda n: n, "b": lambda n: n, "c": lambda n: -n}
    by_rounds = searched(started(["int"], [[5]], "abc", budget=Budget(2, 100, 5, 9)), splitting)
    assert by_rounds.reason == "2 rounds are used up"
    by_inputs = searched(started(["int"], [[5]], "abc", budget=Budget(50, 12, 5, 9)), splitting)
    assert by_inputs.reason == "12 inputs are used up"
    assert by_inputs.used == 12


def test_a_type_with_few_values_ends_when_all_are_tried() -> None:
    """An empty proposal, told back, ends the search."""
    state = searched(started(["bool"], [[True]], "ab"), {"a": str, "b": str})
    assert state.reason == "there is no further input to try"
    assert state.used == 1


def test_one_candidate_in_each_group_needs_no_search() -> None:
    """Nothing can be split."""
    vectors, types = vectors_of(["int"], [1])
    state = begin(vectors, (), types, {}, 0, SMALL, [{"a"}, {"b"}])
    assert state.done
    assert propose(state) == ()


def test_a_candidate_in_two_groups_is_refused() -> None:
    """The names are of distinct candidates."""
    with pytest.raises(ValueError, match="two groups"):
        begin((), (), (), {}, 0, SMALL, [{"a", "b"}, {"b"}])


@pytest.mark.parametrize("told", [{"a": ["x"]}, {"a": ["x"], "b": []}])
def test_every_candidate_needs_one_behaviour_for_each_input(told: dict[str, list[str | None]]) -> None:
    """A missing answer is an error of the caller, never taken for agreement."""
    state = started(["int"], [[5]], "ab")
    with pytest.raises(ValueError, match="one behaviour"):
        learn(state, propose(state)[:1], told)


def test_what_is_lost_tells_nothing_apart() -> None:
    """A lost call may be the machine's fault; the candidate stays with the most that agree."""
    state = started(["int"], [[5]], "abcd")
    assert learn(state, numbers(1), spoken(".", "1", "1", "1")).grouped == (("a", "b", "c", "d"),)
    split = learn(state, numbers(1), spoken(".", "2", "1", "1"))
    assert split.grouped == (("a", "c", "d"), ("b",))
    assert split.splits == (1,)


def test_only_candidates_that_agreed_are_told_apart() -> None:
    """That groups differ is known: an input that only shows it again splits nothing and is not kept."""
    vectors, types = vectors_of(["int"], [1])
    state = begin(vectors, (), types, {}, 0, SMALL, [{"a", "b"}, {"c", "d"}])
    state = learn(state, numbers(1), spoken("0", "0", "1", "1"))
    assert (state.splits, state.kept) == ((0,), ())


def test_refused_inputs_are_not_proposed_again_and_cost_no_input() -> None:
    """What breaks a precondition is set aside."""
    state = started(["int"], [[5]], "ab")
    batch = propose(state)
    later = learn(state, (), spoken("", ""), refused=batch)
    assert later.used == 0
    assert not later.done
    assert not {key_of(vector) for vector in propose(later)} & {key_of(vector) for vector in batch}


def test_a_later_input_that_tells_more_apart_replaces_two() -> None:
    """The set that is kept is minimal, not the history."""
    state = started(["int"], [[5]], "abcd")
    one, two, three = numbers(3)
    state = learn(state, [one, two], spoken("00", "10", "01", "00"))
    assert state.kept == (one, two)
    state = learn(state, [three], spoken("0", "1", "2", "3"))
    assert state.kept == (three,)


def test_inputs_near_those_that_split_come_first() -> None:
    """More than half of a batch are mutations of what told candidates apart."""
    state = started(["str"], [["aaaaaaaa"]], "abc", budget=Budget(batch=20))
    (parent,), _ = vectors_of(["str"], ["zzzzzzzz"])
    state = learn(state, [parent], spoken("0", "0", "1"))
    near = [vector for vector in propose(state) if "z" in str(vector[0][1]).lower()]
    assert len(near) >= 12


def test_inputs_known_to_tell_candidates_apart_are_parents_from_the_start() -> None:
    """What split the candidates before the search began is where it begins."""
    (parent,), _ = vectors_of(["str"], ["zzzzzzzz"])
    state = started(["str"], [["aaaaaaaa"]], "ab", telling=[parent])
    assert sum(str(vector[0][1]).lower().count("z") >= 4 for vector in propose(state)) >= 6


def test_fresh_inputs_have_their_share() -> None:
    """Inputs that nobody ran are tried beside the mutations."""
    fresh, _ = vectors_of(["str"], *([f"fresh {number}"] for number in range(30)))
    state = started(["str"], [["aaaaaaaa"]], "ab", fresh=fresh)
    batch = propose(state)
    assert fresh[0] in batch
    later = learn(state, batch, behaviours({"a": len, "b": len}, batch))
    assert set(map(key_of, later.fresh)) == set(map(key_of, fresh)) - set(map(key_of, batch))


def test_without_any_input_there_is_nothing_to_propose() -> None:
    """Mutation needs something to begin with."""
    state = begin((), (), [parse_type("int")], {}, 0, SMALL, [{"a", "b"}])
    assert propose(state) == ()
    assert learn(state, (), spoken("", "")).reason == "there is no further input to try"


def test_what_the_search_is_given_is_not_proposed() -> None:
    """Examples and inputs were run already."""
    vectors, types = vectors_of(["bool", "bool"], [True, True], [True, False])
    state = begin(vectors[:1], vectors[1:], types, {}, 0, SMALL, [{"a", "b"}])
    assert len(propose(state)) == 2


tables = st.lists(
    st.lists(st.sampled_from(["0", "1", "2", None]), min_size=5, max_size=5), min_size=1, max_size=8
)  # one row for each input: what each of five candidates did


def _learned(rows: list[list[str | None]]) -> Splitting:
    state = started(["int"], [[5]], "abcde", budget=Budget(rounds=50, patience=50))
    for row, vector in zip(rows, numbers(len(rows)), strict=True):
        state = learn(state, [vector], {name: [row[place]] for place, name in enumerate("abcde")})
    return state


def _separated(rows: Sequence[Sequence[str | None]]) -> set[tuple[int, int]]:
    return {
        (one, other)
        for row in rows
        for one in range(5)
        for other in range(one + 1, 5)
        if row[one] is not None and row[other] is not None and row[one] != row[other]
    }


@given(tables)
def test_each_kept_input_tells_a_pair_apart_that_the_others_do_not(rows: list[list[str | None]]) -> None:
    """The kept set is irredundant, and tells apart all that the inputs that split did."""
    state = _learned(rows)
    by_key = {key_of(vector): row for vector, row in zip(numbers(len(rows)), rows, strict=True)}
    kept = [by_key[key_of(vector)] for vector in state.kept]
    for number in range(len(kept)):
        assert _separated(kept) > _separated(kept[:number] + kept[number + 1 :])
    splitting = [row for row, split in zip(rows, state.splits, strict=True) if split]
    assert _separated(kept) >= _separated(splitting)


@given(st.lists(st.lists(st.sampled_from("012"), min_size=5, max_size=5), min_size=1, max_size=8))
def test_the_kept_inputs_alone_give_the_same_groups(rows: list[list[str]]) -> None:
    """Where nothing was lost, whatever is not kept tells nothing more."""
    state = _learned(cast(list[list[str | None]], rows))
    by_key = {key_of(vector): row for vector, row in zip(numbers(len(rows)), rows, strict=True)}
    kept = [by_key[key_of(vector)] for vector in state.kept]
    groups: dict[tuple[str, ...], list[str]] = {}
    for place, name in enumerate("abcde"):
        groups.setdefault(tuple(row[place] for row in kept), []).append(name)
    assert sorted(map(tuple, groups.values())) == sorted(state.grouped)


@given(tables)
def test_groups_only_become_finer_and_lose_nobody(rows: list[list[str | None]]) -> None:
    """A split is for ever."""
    before: set[frozenset[str]] = {frozenset("abcde")}
    for length in range(1, len(rows) + 1):
        after = {frozenset(group) for group in _learned(rows[:length]).grouped}
        assert frozenset().union(*after) == frozenset("abcde")
        assert all(any(group <= whole for whole in before) for group in after)
        before = after


@given(st.integers(0, 2**40), st.integers(1, 7), st.integers(1, 30), st.integers(1, 15))
def test_no_search_goes_beyond_its_budget_or_repeats_an_input(seed: int, rounds: int, inputs: int, batch: int) -> None:
    """Proposals are new, of the declared types, bounded, and the same for the same state."""
    budget = Budget(rounds=rounds, inputs=inputs, batch=batch, patience=3)
    state = started(["list[int]", "int"], [[[1, 2, 3], 2], [[4], 0]], "abc", seed=seed, budget=budget)
    candidates: dict[str, Candidate] = {"a": lambda xs, x: x in xs, "b": lambda xs, x: x in xs[1:], "c": lambda *_: 0}
    seen = set(state.tried)
    while not state.done:
        proposed = propose(state)
        assert proposed == propose(state)
        assert len(proposed) <= min(batch, inputs - state.used)
        keys = {key_of(vector) for vector in proposed}
        assert len(keys) == len(proposed)
        assert not keys & seen
        assert all(weight(vector) <= state.most for vector in proposed)
        assert all(fits(item, of, {}) for vector in proposed for item, of in zip(vector, state.types, strict=True))
        seen |= keys
        state = learn(state, proposed, behaviours(candidates, proposed))
    assert state.used <= inputs
    assert len(state.splits) <= rounds
