"""What elections teach: beliefs against known values and rules, and how experience grows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.beta import beta_cdf, beta_quantile
from millwright.core.learning import DISCOUNT, Experience, difficulty, prior
from millwright.errors import BadInput
from schemas.election import Election, ElectionState, Group, Slot, Tally
from schemas.identity import Archetype, TaskId
from schemas.lessons import Difficulty, Kind
from schemas.specification import Parameter, TaskSpecification, TestCase
from tests.strategies import SIGNATURES

SHAPES = st.floats(0.05, 500)
SHARES = st.floats(0.001, 0.999)
EASY = Kind(archetype=Archetype.CODER, model="small", difficulty=Difficulty.EASY)
HARD = Kind(archetype=Archetype.CODER, model="small", difficulty=Difficulty.HARD)


def over(votes: tuple[int, ...], attempts: int, state: ElectionState = ElectionState.WON) -> Election:
    """Make an election that ended with such groups."""
    groups = tuple(
        Group(signature=signature, votes=count, first=Slot(round=0, index=place))
        for place, (signature, count) in enumerate(zip(SIGNATURES, votes, strict=False))
    )
    tally = Tally(attempts=attempts, ballots=sum(votes), rejected=attempts - sum(votes), groups=groups)
    return Election(state=state, tally=tally)


@pytest.mark.parametrize(
    ("x", "alpha", "beta", "expected"),
    [
        (0.5, 2, 3, 0.6875),
        (0.5, 0.5, 0.5, 0.5),
        (0.25, 0.5, 0.5, 1 / 3),
        (0.3, 1, 1, 0.3),
        (0.1, 1, 20, 1 - 0.9**20),
        (0.9, 20, 1, 0.9**20),
        (0.0, 2, 3, 0.0),
        (1.0, 2, 3, 1.0),
    ],
)
def test_the_distribution_has_its_closed_values(x: float, alpha: float, beta: float, expected: float) -> None:
    """Polynomials for whole parameters, the arcsine law for one half."""
    assert beta_cdf(x, alpha, beta) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("share", "alpha", "beta", "expected"),
    [
        (0.05, 2, 3, 0.09761146),
        (0.95, 2, 3, 0.75139537),
        (0.025, 0.5, 0.5, math.sin(math.pi * 0.025 / 2) ** 2),
        (0.95, 1, 20, 1 - 0.05 ** (1 / 20)),
        (0.95, 1, 50, 1 - 0.05 ** (1 / 50)),
        (0.0, 2, 3, 0.0),
        (1.0, 2, 3, 1.0),
    ],
)
def test_the_quantile_has_its_known_values(share: float, alpha: float, beta: float, expected: float) -> None:
    """Tabled values, and the bound of n successes without a failure, 1 - 0.05^(1/n)."""
    assert beta_quantile(share, alpha, beta) == pytest.approx(expected, abs=1e-7)


@given(SHARES, SHAPES, SHAPES)
def test_the_quantile_inverts_the_distribution(share: float, alpha: float, beta: float) -> None:
    """The value found is where the distribution passes the share."""
    x = beta_quantile(share, alpha, beta)
    assert 0 <= x <= 1
    assert beta_cdf(x, alpha, beta) >= share * (1 - 1e-9)
    assert beta_cdf(x * (1 - 1e-6), alpha, beta) <= share * (1 + 1e-9) + 1e-12


@given(SHARES, SHAPES, SHAPES)
def test_the_distribution_is_the_mirror_of_its_mirror(x: float, alpha: float, beta: float) -> None:
    """Misses are hits of the other side."""
    assert beta_cdf(x, alpha, beta) + beta_cdf(1 - x, beta, alpha) == pytest.approx(1, abs=1e-9)


def test_parameters_of_millions_are_no_trouble() -> None:
    """The interval of a million observations is about two thousandths of a standard figure wide."""
    known = prior(0.8, 1e6).interval()
    assert known.high - known.low == pytest.approx(2 * 1.645 * math.sqrt(0.16 / 1e6), rel=0.01)


@given(SHAPES, SHAPES)
def test_an_interval_holds_its_mean_and_the_cautious_share(alpha: float, beta: float) -> None:
    """The cautious share is below the mean and never makes a good voter hopeless."""
    belief = prior(0.5, 1).after(alpha, beta)
    known = belief.interval()
    assert 0 <= known.low <= known.mid == belief.mean <= known.high <= 1
    assert belief.cautious <= belief.mean
    assert (belief.cautious > 0.5) == (belief.mean > 0.5)


@given(st.floats(0.05, 0.95), st.floats(0.5, 50), st.integers(0, 50), st.integers(0, 50))
def test_what_is_seen_pulls_a_belief_towards_it(mean: float, strength: float, hits: int, misses: int) -> None:
    """The mean after lies between the mean before and the share seen."""
    before = prior(mean, strength)
    after = before.after(hits, misses)
    if hits + misses:
        seen = hits / (hits + misses)
        assert min(mean, seen) - 1e-9 <= after.mean <= max(mean, seen) + 1e-9


@pytest.mark.parametrize(("mean", "strength"), [(0, 1), (1, 1), (0.5, 0), (0.5, math.inf), (math.nan, 1), (0.5, -1)])
def test_refuses_beliefs_that_are_none(mean: float, strength: float) -> None:
    """A prior is not certain, and weighs something."""
    with pytest.raises(BadInput, match="give"):
        prior(mean, strength)


def test_refuses_levels_and_shares_out_of_bounds() -> None:
    """Probabilities stay within 0 and 1, and a distribution has positive parameters."""
    with pytest.raises(BadInput, match="level"):
        prior(0.5, 1).interval(1.0)
    with pytest.raises(BadInput, match="share"):
        beta_quantile(1.5, 1, 1)
    with pytest.raises(BadInput, match="above 0"):
        beta_cdf(0.5, 0, 1)


def task(inputs: int, lines: int, complexity: int, examples: int) -> TaskSpecification:
    """Make a specification of such a size."""
    case = TestCase(name="one", inputs={}, expected_output=1)
    return TaskSpecification(
        id=TaskId("t"),
        name="t",
        inputs=tuple(Parameter(name=f"x{number}", type_annotation="int") for number in range(inputs)),
        max_lines=lines,
        max_complexity=complexity,
        test_cases=(case,) * examples,
    )


def test_difficulty_follows_what_is_asked_and_told() -> None:
    """A short function with examples is easy; a long one, or one without any, is not."""
    assert difficulty(task(1, 10, 5, 3)) is Difficulty.EASY
    assert difficulty(task(2, 20, 10, 2)) is Difficulty.MEDIUM
    assert difficulty(task(2, 20, 10, 0)) is Difficulty.HARD
    assert difficulty(task(1, 60, 25, 3)) is Difficulty.HARD


@given(st.integers(0, 9), st.integers(1, 99), st.integers(1, 30), st.integers(0, 3))
def test_more_to_do_is_never_easier(inputs: int, lines: int, complexity: int, examples: int) -> None:
    """More inputs, lines or branches, or fewer examples, do not lower the class."""
    rank = list(Difficulty).index
    here = rank(difficulty(task(inputs, lines, complexity, examples)))
    assert rank(difficulty(task(inputs + 1, lines, complexity, examples))) >= here
    assert rank(difficulty(task(inputs, lines + 5, complexity, examples))) >= here
    assert rank(difficulty(task(inputs, lines, complexity + 3, examples))) >= here
    assert rank(difficulty(task(inputs, lines, complexity, examples + 1))) <= here


def test_a_won_election_counts_its_leader_as_right_at_a_discount() -> None:
    """Four of five ballots, of eight attempts."""
    start = Experience()
    known = start.after(EASY, over((4, 1), 8)).of(EASY)
    assert known.right == start.right.after(4 * DISCOUNT, 1 * DISCOUNT)
    assert known.usable == start.usable.after(5 * DISCOUNT, 3 * DISCOUNT)
    assert known.elections == 1


def test_an_exhausted_election_lowers_what_is_believed() -> None:
    """Only half of its leader's votes count as right; one without ballots tells of usable answers alone."""
    start = Experience()
    hopeless = start.after(HARD, over((3, 3), 20, ElectionState.EXHAUSTED)).of(HARD)
    assert hopeless.right.mean < start.right.mean
    silent = start.after(HARD, over((), 20, ElectionState.EXHAUSTED)).of(HARD)
    assert silent.right == start.right
    assert silent.usable.mean < start.usable.mean


def test_an_open_election_teaches_nothing() -> None:
    """What is not over may still turn."""
    assert Experience().after(EASY, over((2, 0), 3, ElectionState.OPEN)) == Experience()


def test_kinds_are_learned_apart_and_in_any_order() -> None:
    """What is known of one kind says nothing of another, and the order of elections does not matter."""
    first, second, third = over((3,), 3), over((4, 1), 9), over((3, 2), 20, ElectionState.EXHAUSTED)
    one = Experience().after(EASY, first).after(HARD, second).after(EASY, third)
    other = Experience().after(EASY, third).after(EASY, first).after(HARD, second)
    assert one == other
    assert one.of(HARD) == Experience().after(HARD, second).of(HARD)
    assert Experience.model_validate_json(one.model_dump_json()) == one


def test_many_elections_of_good_voters_find_their_share() -> None:
    """After two hundred unanimous-but-one elections the prior hardly shows."""
    known = Experience()
    for _ in range(200):
        known = known.after(EASY, over((9, 1), 20))
    assert known.of(EASY).right.mean == pytest.approx(0.9, abs=0.002)
    assert known.of(EASY).usable.mean == pytest.approx(0.5, abs=0.002)
