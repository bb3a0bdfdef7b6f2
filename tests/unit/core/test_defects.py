"""The expected number of wrong parts, against exact counts and simulation, and the likeliest of them."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.defects import Suspect, expected_defects, likeliest
from millwright.core.learning import Range


def certain(*chances: float) -> list[Suspect]:
    """Make parts whose defect probability is known exactly."""
    return [Suspect(f"part {place}", Range(chance, chance, chance)) for place, chance in enumerate(chances)]


def test_of_no_parts_none_is_wrong() -> None:
    """Nothing delivered, nothing wrong."""
    assert expected_defects([]) == Range(0, 0, 0)


def test_certain_parts_are_counted() -> None:
    """Probabilities of 0 and 1 leave no doubt."""
    assert expected_defects(certain(0, 0, 1, 1, 1)) == Range(3, 3, 3)


def test_alike_parts_give_the_binomial_interval() -> None:
    """Of 100 parts at 3 % each, between 1 and 6 are wrong nine times in ten (tabled)."""
    assert list(expected_defects(certain(*[0.03] * 100))) == pytest.approx([1, 3, 6])


@given(st.lists(st.floats(0, 1), max_size=8))
def test_the_interval_holds_what_all_outcomes_add_up_to(chances: list[float]) -> None:
    """All 2^n outcomes, weighed one by one, put at least nine tenths between the bounds."""
    found = expected_defects(certain(*chances))
    inside = 0.0
    for outcome in range(2 ** len(chances)):
        wrong = [bool(outcome >> place & 1) for place in range(len(chances))]
        if found.low <= sum(wrong) <= found.high:
            inside += math.prod(chance if bad else 1 - chance for chance, bad in zip(chances, wrong, strict=True))
    assert found.mid == pytest.approx(sum(chances))
    assert inside >= 0.9 - 1e-9


def test_a_simulation_falls_within_the_interval_about_nine_times_in_ten() -> None:
    """Mixed chances, counted 2,000 times."""
    rng = random.Random(3)
    chances = [rng.random() ** 3 for _ in range(60)]
    found = expected_defects(certain(*chances))
    counts = [sum(rng.random() < chance for chance in chances) for _ in range(2_000)]
    inside = sum(found.low <= count <= found.high for count in counts) / 2_000
    assert 0.88 <= inside <= 0.98


def test_doubt_about_the_predictions_widens_the_interval() -> None:
    """Predictions that err together are not evened out by many parts."""
    sure = expected_defects(certain(*[0.05] * 200))
    doubtful = expected_defects([Suspect(f"{place}", Range(0.01, 0.05, 0.15)) for place in range(200)])
    assert doubtful.mid == sure.mid
    assert doubtful.low < sure.low
    assert doubtful.high > sure.high


def test_a_very_large_project_is_counted_by_the_normal_distribution() -> None:
    """A hundred thousand parts at one half: the interval is that of the normal distribution."""
    found = expected_defects(certain(*[0.5] * 100_000))
    reach = 1.645 * math.sqrt(100_000 / 4)
    assert found.low == pytest.approx(50_000 - reach, abs=2)
    assert found.high == pytest.approx(50_000 + reach, abs=2)


def test_names_the_likeliest_parts_first() -> None:
    """At most five, and of equals by name."""
    parts = certain(0.1, 0.5, 0.3, 0.3, 0.0, 0.9, 0.2)
    assert [part.name for part in likeliest(parts)] == ["part 5", "part 1", "part 2", "part 3", "part 6"]
    assert likeliest(parts[:1], 5) == (parts[0],)
