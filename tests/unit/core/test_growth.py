"""How time grows is recognised through noise, and not guessed where it cannot be told."""

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.verification.growth import NOISE_FLOOR_SECONDS, Growth, Timing, growth_of

_NOISE = st.tuples(*[st.floats(0.85, 1.15)] * 3)
_BASE = st.integers(8, 5000)


def _timings(
    law: Callable[[int], float], base: int, noise: Sequence[float], first_seconds: float = 0.05
) -> list[Timing]:
    """Measure a law at three sizes that double, each measurement off by a factor."""
    sizes = [base, 2 * base, 4 * base]
    seconds = [first_seconds * law(size) / law(base) * factor for size, factor in zip(sizes, noise, strict=True)]
    return [Timing(size, second, second) for size, second in zip(sizes, seconds, strict=True)]


@given(
    st.sampled_from(
        [
            (lambda n: 1.0, Growth.CONSTANT),
            (lambda n: math.log(n), Growth.CONSTANT),
            (lambda n: n, Growth.LINEAR),
            (lambda n: n**2, Growth.QUADRATIC),
            (lambda n: n**3, Growth.CUBIC),
            (lambda n: n**5, Growth.POWER),
        ]
    ),
    _BASE,
    _NOISE,
)
def test_powers_are_recognised_through_noise(
    law: tuple[Callable[[int], float], Growth], base: int, noise: tuple[float, ...]
) -> None:
    """Each time may be off by a seventh in either direction."""
    assert growth_of(_timings(law[0], base, noise)) == (law[1], "")


@given(st.integers(64, 5000), _NOISE)
def test_n_log_n_counts_as_linear(base: int, noise: tuple[float, ...]) -> None:
    """Three points tell the two from nothing but a square."""
    assert growth_of(_timings(lambda n: n * math.log(n), base, noise))[0] is Growth.LINEAR


@given(st.integers(4, 30), st.floats(1.8, 3.0), _NOISE)
def test_exponentials_are_recognised_through_noise(base: int, root: float, noise: tuple[float, ...]) -> None:
    """From a few elements on they outgrow every power."""
    assert growth_of(_timings(lambda n: root**n, base, noise))[0] is Growth.EXPONENTIAL


@given(st.sampled_from([(1, Growth.LINEAR), (2, Growth.QUADRATIC), (3, Growth.CUBIC)]), _BASE, st.floats(0.0, 0.3))
def test_a_fixed_cost_hides_no_power(law: tuple[int, Growth], base: int, share: float) -> None:
    """Nor does it make an exponential of one."""
    power, expected = law
    timings = _timings(lambda n: share * base**power + n**power, base, (1.0, 1.0, 1.0))
    assert growth_of(timings)[0] is expected


@given(st.lists(st.floats(1e-9, 1e3), min_size=3, max_size=6))
def test_any_times_have_an_answer(seconds: list[float]) -> None:
    """A growth, or a reason why there is none."""
    timings = [Timing(10 * 2**index, second, second) for index, second in enumerate(seconds)]
    growth, reason = growth_of(timings)
    assert (growth is Growth.UNKNOWN) == bool(reason)


def test_below_the_floor_nothing_is_told() -> None:
    """A microsecond's clock measures itself there."""
    timings = _timings(lambda n: n, 100, (1, 1, 1), NOISE_FLOOR_SECONDS / 2)
    assert growth_of(timings) == (Growth.UNKNOWN, "too fast to tell")
    repeated = [Timing(item.size, item.seconds, item.seconds * 4) for item in timings]
    assert growth_of(repeated)[0] is Growth.LINEAR


@pytest.mark.parametrize("sizes", [(), (10,), (10, 20), (10, 10, 20), (40, 20, 10)])
def test_too_few_sizes_tell_nothing(sizes: tuple[int, ...]) -> None:
    """Three that grow are needed."""
    growth, reason = growth_of([Timing(size, 1.0, 1.0) for size in sizes])
    assert growth is Growth.UNKNOWN
    assert "3 growing sizes" in reason


def test_a_call_that_was_stopped_tells_growth_only_where_that_is_certain() -> None:
    """It would have taken at least so long: enough for an exponential, and for nothing below it."""
    begun = [Timing(20, 0.03, 0.03), Timing(40, 0.1, 0.1)]
    growth, reason = growth_of([*begun, Timing(80, 1.0, 1.0, at_least=True)])
    assert (growth, reason) == (Growth.UNKNOWN, "no answer within 1 s at size 80")
    assert growth_of([*begun, Timing(80, 100.0, 100.0, at_least=True)])[0] is Growth.EXPONENTIAL
    stopped = [Timing(20, 1.0, 1.0, at_least=True), *begun[1:], Timing(80, 1.0, 1.0)]
    assert growth_of(stopped)[1] == "no answer within 1 s at size 20"
