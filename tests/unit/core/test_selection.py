"""Which candidate is chosen where no margin decides."""

from hypothesis import given
from hypothesis import strategies as st

from millwright.core.selection import STANDARD, Contender, Weighing, choose, ranking, scores

VOTES = Weighing(claims=0.0, alike=0.0)


def contender(outcomes: str, passed: int = 0, lines: int = 0) -> Contender:
    """Make a contender of one letter an input; ``!`` raises and ``?`` is lost."""
    words = {"!": '["raised","ValueError"]', "?": None}
    return Contender(tuple(words.get(letter, letter) for letter in outcomes), passed, (lines,))


def test_nobody_is_chosen_of_none() -> None:
    """An empty field has no best."""
    assert choose(()) is None


def test_agreement_counts_input_by_input() -> None:
    """The most typical candidate wins, though two others do the same on all inputs."""
    field = [contender("xyz"), contender("xyz"), contender("abw"), contender("avc"), contender("ubc"), contender("abc")]
    assert choose(field, weighing=VOTES) == 5


def test_those_that_agree_on_everything_can_count_more() -> None:
    """A group that is whole stands beside the most typical one."""
    field = [contender("xyz"), contender("xyz"), contender("abw"), contender("avc"), contender("ubc"), contender("abc")]
    assert choose(field, weighing=Weighing(claims=0.0, alike=1.0)) == 0


def test_passed_examples_come_before_any_agreement() -> None:
    """The crowd is not asked about what the specification says."""
    field = [contender("aa"), contender("aa"), contender("bb", passed=1), contender("cc", passed=2)]
    assert ranking(field) == (3, 2, 0, 1)


def test_who_passes_fewer_examples_has_no_say_among_those_that_pass_more() -> None:
    """A crowd of failures does not choose among the others."""
    field = [contender("aa")] * 5 + [contender("ab", 1), contender("bb", 1), contender("bb", 1)]
    assert choose(field) == 6


def test_a_claim_decides_between_equal_crowds() -> None:
    """What many asserts claim counts more than what few do."""
    field = [contender("a"), contender("b")]
    assert choose(field, [(0, "b")]) == 1
    assert choose(field, [(0, "a"), (0, "b"), (0, "b")]) == 1
    assert choose(field, [(0, "b")], VOTES) == 0


def test_a_claim_that_nobody_meets_changes_no_order() -> None:
    """It takes the same from all."""
    field = [contender("ab"), contender("ac"), contender("ac")]
    assert ranking(field, [(0, "x"), (1, "x")]) == ranking(field)


def test_ties_go_by_merit_then_by_order() -> None:
    """The same field has the same ranking, always."""
    assert ranking([contender("a", lines=3), contender("a", lines=2), contender("a", lines=2)]) == (1, 2, 0)


def test_what_is_lost_agrees_with_nobody() -> None:
    """Two that hang are no crowd."""
    field = [contender("?"), contender("?"), contender("a")]
    assert scores(field, weighing=VOTES) == (0.0, 0.0, 1 / 3)


def test_a_lone_claim_outweighs_no_crowd() -> None:
    """Many claims do, though: some inputs are known to all that write asserts."""
    field = [contender("a")] * 3 + [contender("b")]
    assert choose(field, [(0, "b")]) == 0
    assert choose(field, [(0, "b")] * 20) == 3
    assert choose(field, [(0, "b")], Weighing(doubt=0.0)) == 3


FIELDS = st.integers(1, 4).flatmap(
    lambda inputs: st.lists(
        st.builds(
            contender,
            st.text("ab!?", min_size=inputs, max_size=inputs),
            st.integers(0, 1),
            st.integers(0, 2),
        ),
        min_size=1,
        max_size=8,
    )
)
CLAIMS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab")), max_size=6)


@given(FIELDS, CLAIMS)
def test_a_ranking_names_everyone_once_and_scores_are_bounded(
    field: list[Contender], claims: list[tuple[int, str]]
) -> None:
    """Nobody is forgotten, and no score leaves its range."""
    assert sorted(ranking(field, claims)) == list(range(len(field)))
    assert all(0.0 <= score <= 1.0 + STANDARD.claims + STANDARD.alike + 1e-9 for score in scores(field, claims))


@given(FIELDS, CLAIMS, st.randoms(use_true_random=False))
def test_the_order_of_drawing_decides_ties_only(
    field: list[Contender], claims: list[tuple[int, str]], chance: object
) -> None:
    """Shuffled, the same kind of candidate is chosen."""
    shuffled = list(field)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
    before, after = choose(field, claims), choose(shuffled, claims)
    assert before is not None
    assert after is not None
    first, second = field[before], shuffled[after]
    assert (first.examples_passed, first.merit) == (second.examples_passed, second.merit)


@given(FIELDS, CLAIMS)
def test_a_copy_of_the_chosen_changes_no_choice(field: list[Contender], claims: list[tuple[int, str]]) -> None:
    """One more vote for the best leaves it the best."""
    before = choose(field, claims)
    assert before is not None
    after = choose([*field, field[before]], claims)
    assert after is not None
    assert [*field, field[before]][after] == field[before]
