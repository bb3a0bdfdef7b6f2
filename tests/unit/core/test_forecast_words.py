"""A forecast in words: certainty, margins, corrections and errors, each only where it is known."""

from millwright.core.basis import basis
from millwright.core.estimation import forecast
from millwright.core.forecast_words import certainty, error, foretold, margins
from schemas.evidence import Actual, Forecast
from schemas.presets import ModelProfile, Prices, Share

MADE = forecast(
    basis(ModelProfile(right=Share(mean=0.6, strength=4), prices=Prices(prompt=1, completion=1)), "m"),
    lines=(100, 200, 400),
    guessed=True,
)
TOOK = Actual(delivered=True, lines=200, tasks=MADE.tasks, calls=MADE.calls * 100, tokens=10, cost=0.5, seconds=60.0)


def test_a_forecast_says_how_sure_it_is_at_which_margin_and_what_stands_against_it() -> None:
    """A target out of reach is not passed over in silence."""
    told = foretold(MADE)
    assert told[0].startswith(f"Forecast: {MADE.tasks:,} tasks")
    assert told[1] == "The forecast was not corrected yet: no build was finished here."
    assert "0.95 is wanted" in told[2]
    assert f"k = {MADE.k} for {MADE.tasks} tasks (any kind; p taken as" in told[2]
    assert any("short of the target" in line for line in told)
    assert not any(line.startswith("It took") for line in told)


def test_errors_are_told_as_ratios_and_marked_where_the_interval_missed() -> None:
    """What came out as expected is not marked."""
    told = error(MADE.model_copy(update={"actual": TOOK}))
    assert "lines 200 for 200 (×1.00)," in told
    assert "(×100.00), outside its interval" in told
    assert "cost 0.5000" in told
    assert "time" not in error(MADE.model_copy(update={"actual": TOOK.model_copy(update={"seconds": None})}))


def test_a_forecast_from_before_margins_were_planned_says_what_it_has() -> None:
    """Stored ones are read for ever."""
    plain = Forecast.model_validate(
        {**MADE.model_dump(include={name for name, field in Forecast.model_fields.items() if field.is_required()})}
    )
    assert (certainty(plain), error(plain)) == ("", "")
    assert len(foretold(plain)) == 1


def test_many_kinds_are_cut_short() -> None:
    """A report is read by people."""
    kind = MADE.kinds[0]
    assert margins([kind] * 11).endswith("; and 3 kinds more")
