"""Simulated voters of known quality: what the formulas foretell, and what batches cost."""

from random import Random

import pytest

from benchmarks.voting import simulation
from benchmarks.voting.simulation import MANY, RULES, Cell, Drawing, Voters


@pytest.mark.parametrize("p", simulation.CHANCES)
@pytest.mark.parametrize("k", [1, 3, 6])
def test_one_rival_loses_as_often_and_as_late_as_the_formulas_say(p: float, k: int) -> None:
    """Success and mean ballots lie within an interval that all cells together leave once in a hundred times."""
    cell = simulation.cell(Voters(p), k, runs=120, seed=1)
    assert not cell.fails(0.01 / 18), cell.words


@pytest.mark.parametrize("p", simulation.CHANCES)
def test_many_rivals_are_beaten_at_least_as_often_as_one(p: float) -> None:
    """Wrong votes that do not agree only help."""
    cell = simulation.cell(Voters(p, MANY), 3, runs=120, seed=1)
    assert not cell.fails(0.01 / 6), cell.words


@pytest.mark.parametrize("name", RULES)
def test_batches_use_hardly_more_samples_than_one_by_one(name: str) -> None:
    """The ends are the same, won elections took the same samples, and all together at most a twentieth more."""
    drawing = simulation.drawing(name, runs=3, seed=1)
    assert drawing.otherwise == 0
    assert drawing.batched_won == drawing.single_won
    assert drawing.ratio <= simulation.MOST_SAMPLES


def test_voters_are_what_they_are_said_to_be() -> None:
    """Shares of right, wrong and flagged outcomes are near their chances, and all rivals get some."""
    outcomes = Voters(0.7, rivals=3, share=0.5).outcomes(Random(1))
    drawn = [next(outcomes) for _ in range(4000)]
    assert drawn.count(-1) / 4000 == pytest.approx(0.5, abs=0.03)
    assert drawn.count(0) / 4000 == pytest.approx(0.35, abs=0.03)
    assert set(drawn) == {-1, 0, 1, 2, 3}


class TestReporting:
    """The demands can be missed."""

    @pytest.mark.parametrize(
        "cell",
        [
            Cell(Voters(0.7), 3, runs=1000, successes=850, ballots=6.4),
            Cell(Voters(0.7), 3, runs=1000, successes=990, ballots=6.4),
            Cell(Voters(0.7), 3, runs=1000, successes=927, ballots=5.5),
            Cell(Voters(0.7, MANY), 3, runs=1000, successes=850, ballots=6.4),
        ],
    )
    def test_a_wrong_figure_is_told(self, cell: Cell, capsys: pytest.CaptureFixture[str]) -> None:
        """Too few and too many successes, too few ballots: each is outside."""
        assert len(simulation.report_formulas([cell])) == 2
        assert "outside its own 99% interval" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "cell",
        [
            Cell(Voters(0.7), 3, runs=1000, successes=927, ballots=6.45),
            Cell(Voters(0.7, MANY), 3, runs=1000, successes=999, ballots=5.0),
            Cell(Voters(0.99), 8, runs=1000, successes=1000, ballots=8.16),
        ],
    )
    def test_a_right_figure_is_not(self, cell: Cell) -> None:
        """Figures near the formulas pass, and more success with many rivals than with one is no fault."""
        assert simulation.report_formulas([cell]) == []

    @pytest.mark.parametrize(
        "changed", [{"batched": 106}, {"batched_won": 61}, {"otherwise": 1}], ids=["samples", "late", "other winner"]
    )
    def test_wasted_samples_are_told(self, changed: dict[str, int]) -> None:
        """More than a twentieth, any sample after the deciding one, and any other end."""
        figures = {
            "batched": 105,
            "single": 100,
            "batched_won": 60,
            "single_won": 60,
            "won": 9,
            "elections": 10,
            "otherwise": 0,
            "rounds": 30,
        }
        assert simulation.report_drawing([Drawing(name="rule", **figures)]) == []
        assert len(simulation.report_drawing([Drawing(name="rule", **(figures | changed))])) == 1

    def test_the_command_ends_with_zero_when_all_is_met(self, capsys: pytest.CaptureFixture[str]) -> None:
        """It needs no data, and prints a line for each rule."""
        assert simulation.main(["--runs", "25"]) == 0
        printed = capsys.readouterr().out
        assert all(f"  {name} " in printed for name in RULES)
