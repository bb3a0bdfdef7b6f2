"""Calibrations: fitted on made-up elections whose truth is known, kept as data, and read back."""

import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millwright.core.calibration import (
    Calibration,
    Evidence,
    Feature,
    Method,
    Provenance,
    Trial,
    brier,
    evidence_of,
    read_calibration,
    reliability_diagram,
    sigmoid,
    value_of,
)
from millwright.core.fitting import WAYS, Way, contest, fit, fit_by, held_out
from millwright.errors import BadInput
from schemas.election import Group, Slot, Tally
from schemas.identity import LayerName
from schemas.verification import Verdict, VerdictStatus
from tests.strategies import SIGNATURES

NOWHERE = Provenance(source="made up", date="", elections=0, tasks=0, right=0, brier=0, brier_of_base_rate=0)
SHIPPED = Path(__file__).resolve().parents[3] / "config" / "calibration.json"


def evidence(margin: int = 3, purity: float = 0.9, share: float = 0.4, examples: int = 2, layers: int = 8) -> Evidence:
    """Make the evidence of a won task."""
    return Evidence(margin=margin, purity=purity, leaders_yield=share, examples=examples, layers=layers)


def elections(tasks: int, each: int = 5, seed: int = 0, *, telling: bool = True) -> list[Trial]:
    """Make won elections of tasks whose winners share a truth: the likelier right, the more they agree (if telling)."""
    rng, made = random.Random(seed), []
    for number in range(tasks):
        quality = rng.random()
        right = rng.random() < (0.3 + 0.7 * quality if telling else 0.8)
        for _ in range(each):
            share = min(1.0, max(0.05, rng.gauss(0.15 + 0.6 * quality, 0.08)))
            purity = min(1.0, max(0.3, rng.gauss(0.5 + 0.45 * quality, 0.08)))
            made.append(
                Trial(
                    margin=rng.choice((2, 3, 4)),
                    purity=purity,
                    leaders_yield=share,
                    examples=rng.choice((1, 2, 5)),
                    layers=8,
                    right=right,
                    task=f"task {number}",
                )
            )
    return made


def strong() -> st.SearchStrategy[Evidence]:
    """Draw evidence."""
    return st.builds(
        evidence,
        st.integers(1, 20),
        st.floats(0, 1),
        st.floats(0, 1),
        st.integers(0, 12),
        st.integers(0, 8),
    )


TRIALS = elections(60, 3)
FITTED = {way: fit_by(way, TRIALS, NOWHERE) for way in WAYS}


def test_evidence_comes_from_the_count_and_the_verdicts() -> None:
    """Only layers that passed count: not applicable and not run are no evidence."""
    first = Slot(round=0, index=0)
    groups = tuple(Group(signature=SIGNATURES[i], votes=votes, first=first) for i, votes in enumerate((6, 2)))
    verdicts = [
        Verdict(layer=LayerName.SYNTAX, status=VerdictStatus.PASSED),
        Verdict(layer=LayerName.TYPES, status=VerdictStatus.PASSED),
        Verdict(layer=LayerName.CONTRACTS, status=VerdictStatus.NOT_APPLICABLE),
        Verdict(layer=LayerName.SECURITY, status=VerdictStatus.NOT_RUN),
    ]
    found = evidence_of(Tally(attempts=12, ballots=8, rejected=4, groups=groups), 3, verdicts)
    assert found == Evidence(margin=4, purity=0.75, leaders_yield=0.5, examples=3, layers=2)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.method}-{len(way.features)}")
@given(one=strong(), other=strong())
def test_more_of_everything_is_never_likelier_wrong(way: Way, one: Evidence, other: Evidence) -> None:
    """Every kind of fit is monotone in all that it knows, and gives a probability within its interval."""
    more = Evidence(
        margin=max(one.margin, other.margin),
        purity=max(one.purity, other.purity),
        leaders_yield=max(one.leaders_yield, other.leaders_yield),
        examples=max(one.examples, other.examples),
        layers=max(one.layers, other.layers),
    )
    defect = FITTED[way].defect(one)
    assert 0 < defect.mid < 1
    assert 0 <= defect.low <= defect.mid <= defect.high <= 1
    assert FITTED[way].defect_probability(more) <= defect.mid + 1e-12


def test_a_fit_finds_what_tells() -> None:
    """Where agreement tells of truth, held-out tasks are predicted better than by the base rate."""
    found = fit(elections(150, 3), source="made up", date="2026-01-01")
    assert found.provenance.brier < 0.95 * found.provenance.brier_of_base_rate
    weak, sure = evidence(2, 0.5, 0.1), evidence(4, 0.98, 0.8)
    assert found.defect_probability(weak) > 2 * found.defect_probability(sure)
    assert (found.provenance.elections, found.provenance.tasks) == (450, 150)


def test_nothing_is_found_where_nothing_tells() -> None:
    """Evidence that says nothing of the truth is hardly listened to."""
    found = fit(elections(150, 2, telling=False), source="made up", date="")
    assert found.provenance.brier <= found.provenance.brier_of_base_rate
    assert found.provenance.brier == pytest.approx(found.provenance.brier_of_base_rate, rel=0.05)


def test_elections_of_one_task_count_as_one() -> None:
    """The same elections twice make no prediction surer."""
    logistic = WAYS[-1]
    once, twice = fit_by(logistic, TRIALS, NOWHERE), fit_by(logistic, [*TRIALS, *TRIALS], NOWHERE)
    one, other = once.defect(evidence()), twice.defect(evidence())
    assert list(one) == pytest.approx(list(other), rel=1e-6)
    apart = fit_by(logistic, [trial.model_copy(update={"task": ""}) for trial in TRIALS], NOWHERE).defect(evidence())
    assert apart.high - apart.low < one.high - one.low


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.method}-{len(way.features)}")
def test_winners_that_were_all_right_are_still_not_certain(way: Way) -> None:
    """Forty right ones of forty do not promise the next: the interval holds the bound of the rule of three."""
    trials = [trial.model_copy(update={"right": True}) for trial in elections(40, 1)]
    defect = fit_by(way, trials, NOWHERE).defect(evidence())
    assert 0.001 < defect.mid < 0.08
    assert defect.high > 0.02


def test_a_feature_that_is_the_same_everywhere_gets_no_weight() -> None:
    """All made-up winners passed eight layers: that says nothing."""
    assert Feature.LAYERS not in [weight.feature for weight in FITTED[WAYS[-1]].weights]


def test_more_than_was_ever_seen_is_not_trusted_further() -> None:
    """Beyond the widest margin of the data a wider one changes nothing."""
    fitted = FITTED[WAYS[-1]]
    assert fitted.defect(evidence(margin=4)) == fitted.defect(evidence(margin=50))


def test_the_newton_steps_end_where_the_gradient_vanishes() -> None:
    """With one binary feature the weights solve the penalised score equations, worked out by hand."""
    trials = [
        Trial(margin=1, purity=purity, leaders_yield=1.0, examples=0, layers=1, right=right, task=f"{number}")
        for number, (purity, right) in enumerate(
            [(0.2, False)] * 6 + [(0.2, True)] * 4 + [(1.0, True)] * 8 + [(1.0, False)] * 2
        )
    ]
    found = fit_by(Way(Method.LOGISTIC, (Feature.AGREEMENT,)), trials, NOWHERE)
    (weight,) = found.weights
    assert [weight.centre, weight.scale] == pytest.approx([0.6, 0.4])
    low, high = (sigmoid(found.intercept + side * weight.weight) for side in (-1, 1))
    assert (4 - 10 * low) + (8 - 10 * high) + (0.5 - sigmoid(found.intercept)) == pytest.approx(0, abs=1e-6)
    assert -(4 - 10 * low) + (8 - 10 * high) - 0.25 * weight.weight == pytest.approx(0, abs=1e-6)


def test_the_isotonic_steps_are_the_pooled_shares_shrunk() -> None:
    """Of 0, 1, 0.5 and 1 the middle two are pooled; each is drawn to the base rate, with half a task wrong at least."""
    outcomes = {0.1: [False] * 4, 0.2: [True] * 2, 0.3: [True, False], 0.4: [True] * 4}
    trials = [
        Trial(margin=1, purity=purity, leaders_yield=1.0, examples=0, layers=1, right=right, task=f"{purity}/{place}")
        for purity, rights in outcomes.items()
        for place, right in enumerate(rights)
    ]
    found = fit_by(Way(Method.ISOTONIC, (Feature.AGREEMENT,)), trials, NOWHERE)
    rate = (7 + 0.5) / (12 + 1)
    assert [step.least for step in found.steps] == [0.1, 0.2, 0.4]
    shares = [(0 + rate) / 5, (3 + rate) / 5, (4 + rate) / (4 + rate + 0.5)]
    assert [step.right.mean for step in found.steps] == pytest.approx(shares)
    below = found.defect_probability(evidence(purity=0.01, share=1.0))
    assert below == pytest.approx(1 - shares[0])


def test_the_contest_takes_the_least_brier_over_held_out_tasks() -> None:
    """All elections are predicted once, and the simplest wins a tie."""
    won = contest(TRIALS)
    assert len(won.predicted) == len(TRIALS)
    assert won.brier == min(brier(held_out(TRIALS, way)) for way in WAYS)
    assert won.brier_of_base_rate == brier(held_out(TRIALS, WAYS[0]))


def test_the_order_of_results_does_not_matter() -> None:
    """The same results in another order give the same predictions."""
    shuffled = list(TRIALS)
    random.Random(1).shuffle(shuffled)
    one, other = (fit(trials, source="", date="") for trials in (TRIALS, shuffled))
    assert one.method is other.method
    assert one.defect(evidence()) == pytest.approx(other.defect(evidence()), rel=1e-9)


def test_a_calibration_is_data() -> None:
    """It survives its file, letter by letter."""
    for fitted in FITTED.values():
        assert read_calibration(fitted.model_dump_json(), "a file") == fitted


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"format": "millwright-calibration/9"}',
        b"\xff\xfe",
        FITTED[WAYS[0]].model_copy(update={"steps": ()}).model_dump_json(),
        FITTED[WAYS[-1]].model_copy(update={"covariance": ()}).model_dump_json(),
    ],
)
def test_refuses_files_that_are_no_calibration(content: bytes | str) -> None:
    """The line names the file and how to make a right one."""
    with pytest.raises(BadInput, match=r"a file is no calibration .*millwright calibrate"):
        read_calibration(content, "a file")


@pytest.mark.parametrize("trials", [[], elections(9, 1), elections(1, 40)])
def test_refuses_results_that_nothing_can_be_held_out_of(trials: list[Trial]) -> None:
    """Too few, or all of one task."""
    with pytest.raises(BadInput, match="give"):
        fit(trials, source="", date="")


def test_yield_is_read_and_written_by_its_name() -> None:
    """JSON says ``yield``, which Python keeps for itself."""
    line = '{"margin":3,"purity":0.8,"yield":0.4,"examples":2,"layers":8,"right":true,"task":""}'
    assert Trial.model_validate_json(line).leaders_yield == 0.4
    assert Trial.model_validate_json(line).model_dump_json(by_alias=True) == line


def test_the_brier_score_is_the_mean_squared_error() -> None:
    """Certain and right costs nothing, certain and wrong one; nothing cannot be scored."""
    assert brier([(0.0, False), (1.0, True)]) == 0
    assert brier([(0.0, True), (0.5, False)]) == pytest.approx(0.625)
    with pytest.raises(BadInput, match="at least one"):
        brier([])


PREDICTIONS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@given(PREDICTIONS, st.integers(1, 12))
@settings(max_examples=60)
def test_the_diagram_holds_every_prediction_once(predicted: Sequence[tuple[float, bool]], bins: int) -> None:
    """Bins are in order and disjoint, their sizes and defects add up, and there are no more than asked for."""
    found = reliability_diagram(predicted, bins)
    assert len(found) <= bins
    assert sum(each.size for each in found) == len(predicted)
    assert sum(each.observed * each.size for each in found) == pytest.approx(sum(wrong for _, wrong in predicted))
    assert all(one.high < other.low for one, other in pairwise(found))
    assert all(each.low - 1e-12 <= each.predicted <= each.high + 1e-12 for each in found)


def test_a_diagram_has_a_bin() -> None:
    """None at all shows nothing."""
    with pytest.raises(BadInput, match="bins"):
        reliability_diagram([(0.5, True)], 0)


@given(strong())
def test_every_feature_is_finite(one: Evidence) -> None:
    """No evidence breaks a figure."""
    assert all(abs(value_of(feature, one)) < 20 for feature in Feature)


def test_the_shipped_calibration_is_one_and_says_where_it_comes_from() -> None:
    """It is in the package, has a source and a date, and beats the base rate on tasks that it has not seen."""
    shipped: Calibration = read_calibration(SHIPPED.read_bytes(), "config/calibration.json")
    assert shipped.provenance.source
    assert shipped.provenance.date
    assert shipped.provenance.tasks > 0
    assert shipped.provenance.brier <= shipped.provenance.brier_of_base_rate
    assert shipped.defect_probability(evidence(5, 1.0, 0.9, 5)) < shipped.defect_probability(evidence(2, 0.5, 0.1, 0))
