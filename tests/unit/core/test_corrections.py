"""Corrections: robust, drawn towards 1 while builds are few, with intervals that narrow with evidence and cover it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.basis import CARRIED, basis
from millwright.core.corrections import Correction, Corrections, Figure, correction_of, learned
from millwright.core.estimation import forecast
from millwright.core.learning import Range, lesson
from schemas.evidence import Actual, Forecast
from schemas.identity import Archetype
from schemas.lessons import Difficulty, Kind
from schemas.presets import ModelProfile, Prices

RATIOS = st.floats(0.01, 100)
SEEN = st.lists(RATIOS, min_size=1, max_size=12)
GUESS = Range(50.0, 100.0, 300.0)
PRESET = ModelProfile(prices=Prices(prompt=1, completion=2))


def test_without_builds_nothing_is_corrected() -> None:
    """The judgment stands until something was seen; what was not above 0 was not seen."""
    assert correction_of([]) == correction_of([0.0, -1.0, math.inf]) == Correction()
    assert Correction().applied(GUESS) == GUESS
    assert Corrections().told() == "not corrected yet: no build was finished here"


@given(RATIOS, st.integers(1, 30))
def test_more_builds_that_agree_move_a_forecast_further_and_never_past_them(ratio: float, builds: int) -> None:
    """Two builds move it half way, many almost the whole way."""
    fewer, more = (correction_of([ratio] * count).shift for count in (builds, builds + 1))
    assert abs(fewer) <= abs(more) <= abs(math.log(ratio)) + 1e-12
    assert correction_of([ratio] * 2).shift == pytest.approx(math.log(ratio) / 2)


@given(SEEN)
def test_a_correction_lies_between_nothing_and_what_was_seen(seen: list[float]) -> None:
    """No correction is larger than the largest error, nor against the errors' common direction."""
    shift = correction_of(seen).shift
    assert min(0.0, math.log(min(seen))) - 1e-9 <= shift <= max(0.0, math.log(max(seen))) + 1e-9


@given(st.lists(RATIOS, min_size=3, max_size=12), st.floats(1e-9, 1e9))
def test_one_wild_build_carries_no_correction_away(seen: list[float], wild: float) -> None:
    """The median stays among the others, whatever one of them says."""
    found = correction_of([*seen[1:], wild])
    assert math.log(min(seen[1:])) - 1e-9 <= found.typical <= math.log(max(seen[1:])) + 1e-9


@given(SEEN)
def test_a_corrected_interval_covers_what_was_typical(seen: list[float]) -> None:
    """Drawn towards 1 or not, what builds took stays inside."""
    found = correction_of(seen)
    low, mid, high = found.applied(GUESS)
    assert low <= mid <= high
    assert low * (1 - 1e-9) <= GUESS.mid * math.exp(found.typical) <= high * (1 + 1e-9)


@given(st.integers(1, 20))
def test_intervals_narrow_as_builds_agree_and_widen_as_they_do_not(builds: int) -> None:
    """Right forecasts make surer; forecasts that are off both ways make less sure."""
    widths = [
        math.log(high / low)
        for low, _, high in (correction_of([1.0] * count).applied(GUESS) for count in (builds, builds + 1))
    ]
    assert widths[1] < widths[0] < math.log(GUESS.high / GUESS.low)
    low, _, high = correction_of([0.02, 50.0] * builds).applied(GUESS)
    assert math.log(high / low) > math.log(GUESS.high / GUESS.low)


def test_what_is_known_exactly_is_not_corrected() -> None:
    """A plan's number of tasks stays what it is."""
    assert correction_of([3.0]).applied(Range(5.0, 5.0, 5.0)) == Range(5.0, 5.0, 5.0)


def build(made: Forecast, *, delivered: bool = True, calls: float = 1.0, **fields: object) -> Forecast:
    """End a build that took so many times the calls a task that an uncorrected forecast says."""
    plain = made.calls / made.corrected.get(Figure.CALLS.value, 1.0)
    base = {
        "delivered": delivered,
        "lines": made.lines,
        "tasks": made.tasks,
        "calls": round(plain * calls),
        "tokens": made.tokens,
    }
    return made.model_copy(update={"actual": Actual.model_validate({**base, **fields})})


def test_the_estimator_converges_on_what_builds_take_and_takes_back_what_it_had_applied() -> None:
    """Every build takes thrice the calls of an uncorrected forecast: corrected ones come near, and do not overshoot."""
    ended: list[Forecast] = []
    plain = forecast(basis(PRESET, "m"), lines=(300, 600, 1_200), guessed=True)
    made = plain
    for _ in range(12):
        made = forecast(basis(PRESET, "m", finished=ended), lines=(300, 600, 1_200), guessed=True)
        assert made.calls <= plain.calls * 3.01
        ended.append(build(made, calls=3.0))
    assert made.calls == pytest.approx(plain.calls * 3, rel=0.2)
    assert made.calls_range[0] <= plain.calls * 3 <= made.calls_range[1]
    found = learned(ended)
    assert found.builds == 12
    assert found.of(Figure.CALLS).typical == pytest.approx(math.log(3), abs=0.02)
    assert "corrected by 12 builds" in found.told()


def test_a_build_that_ended_early_teaches_nothing_of_size() -> None:
    """Its figures are those of a part."""
    made = forecast(basis(PRESET, "m"), lines=(300, 600, 1_200), guessed=True)
    assert learned([build(made, delivered=False, calls=0.1)]) == Corrections()


def test_a_plan_teaches_nothing_of_prose() -> None:
    """Tasks and lines are corrected only where they were guessed; time only where nobody was waited for."""
    made = forecast(basis(PRESET, "m"), lines=(300, 600, 1_200))
    found = learned([build(made)])
    assert Figure.TASKS not in found.figures
    assert Figure.SECONDS not in found.figures
    assert Figure.CALLS in found.figures


def test_earlier_projects_inform_a_model_and_never_bind_it() -> None:
    """What other projects taught of the same model counts for forty observations at most; of another one for none."""
    kind = Kind(archetype=Archetype.CODER, model="m", difficulty=Difficulty.EASY)
    other = kind.model_copy(update={"model": "n"})
    taught = (lesson(kind, 4_000, 4_000, 4_000, won=True), lesson(other, 40, 40, 1, won=False))
    made = build(forecast(basis(PRESET, "m"), lines=(1, 2, 3)), lessons=taught)
    plain, informed = basis(PRESET, "m").experience, basis(PRESET, "m", finished=[made]).experience
    before, after = plain.of(kind).right, informed.of(kind).right
    assert after.mean > before.mean
    assert after.alpha + after.beta == pytest.approx(before.alpha + before.beta + CARRIED)
    assert informed.of(other) == plain.of(other)
