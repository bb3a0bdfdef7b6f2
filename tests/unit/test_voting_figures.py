"""The figures of the voting benchmarks that only read: what sources of inputs tell apart, and how errors correlate."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks.voting import correlation, searching, sources


def _answer(index: int, outcomes: str, **fields: Any) -> dict[str, Any]:
    """Return an answer with one outcome for each character; a dot is one that was lost."""
    usual = {"loads": True, "passes_examples": False, "useless": False, "flag": None}
    texts = [None if letter == "." else letter for letter in outcomes]
    return {"index": index, "outcomes": texts, **usual, **fields}


def _line(task: str, inputs: list[str], *answers: dict[str, Any]) -> dict[str, Any]:
    return {"task": task, "inputs": inputs, "answers": list(answers), "claims": []}


INPUTS = ["example", "generated", "generated", "splitting"]


def _told(*answers: dict[str, Any], right: list[bool]) -> list[set[str]]:
    figures = sources.measure([_line("t", INPUTS, *answers)], {"t": right})
    return [set(wrong.told_by) for wrong in figures.wrong]


def test_a_source_tells_an_answer_apart_by_any_of_its_inputs() -> None:
    """One input where it differs from what all right answers do is enough."""
    right, wrong = _answer(0, "0000"), _answer(1, "0010")
    assert _told(right, wrong, right=[True, False]) == [{"generated"}]


def test_what_was_lost_or_splits_right_answers_tells_nothing() -> None:
    """Neither a lost outcome nor one where the right answers differ is evidence."""
    answers = [_answer(0, "00.0"), _answer(1, "0100"), _answer(2, "02.1")]
    assert _told(*answers, right=[True, True, False]) == [{"splitting"}]


@pytest.mark.parametrize("how", [{"loads": False}, {"flag": "placeholder"}, {"useless": True}])
def test_only_answers_that_vote_are_counted(how: dict[str, Any]) -> None:
    """What a flag stopped is neither wrong nor a standard."""
    assert _told(_answer(0, "0000"), _answer(1, "1111", **how), right=[True, False]) == []
    figures = sources.measure([_line("t", INPUTS, _answer(0, "0000", **how), _answer(1, "1111"))], {"t": [True, False]})
    assert (figures.tasks, figures.without_right) == (0, 1)


def test_the_cost_and_the_unsound_inputs_are_counted_by_source() -> None:
    """Inputs of each source, and those where right answers differ."""
    figures = sources.measure([_line("t", INPUTS, _answer(0, "0000"), _answer(1, "0010"))], {"t": [True, True]})
    assert figures.inputs == {"example": 1, "generated": 2, "splitting": 1}
    assert figures.unsound == {"example": 0, "generated": 1, "splitting": 0}
    assert figures.sources == ["example", "generated", "splitting"]


def _write(folder: Path, lines: list[dict[str, Any]], verdicts: dict[str, str]) -> list[str]:
    outcomes = folder / "outcomes.jsonl"
    outcomes.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    judged = [json.dumps({"task": task, "verdicts": marks}) for task, marks in verdicts.items()]
    (folder / "verdicts.jsonl").write_text("\n".join(judged), encoding="utf-8")
    return ["--data", str(folder), "--outcomes", str(outcomes)]


def test_sources_prints_shares_additions_and_costs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a source: inputs, share told apart, against the examples, by it alone, together so far."""
    answers = [_answer(0, "0000"), _answer(1, "1110"), _answer(2, "0001"), _answer(3, "0000", passes_examples=True)]
    arguments = _write(tmp_path, [_line("t", INPUTS, *answers)], {"t": "1000"})
    assert sources.main(arguments) == 0
    printed = capsys.readouterr().out.partition("\nof these")[0].partition("of these")[0]
    table = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line[:1].isalpha()}
    assert table["example"][:5] == ["1.0", "33.3%", "1.00x", "0.00%", "33.3%"]
    assert table["generated"][:6] == ["2.0", "33.3%", "1.00x", "0.00%", "33.3%", "0.50"]
    assert table["splitting"][:5] == ["1.0", "33.3%", "1.00x", "33.33%", "66.7%"]


@pytest.mark.parametrize("program", [sources, correlation, searching])
def test_without_the_files_each_is_skipped(program: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They say so, and that is no failure."""
    assert program.main(["--data", str(tmp_path), "--outcomes", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out.startswith("skipped: ")


def _pairs(*tasks: list[correlation.Answer], fields: tuple[int, ...] = (0,)) -> dict[Any, correlation.Pairs]:
    return correlation.pairs_of(tasks, fields)


def _vote(model: str, behaviour: str, temperature: str = "0.8") -> correlation.Answer:
    return correlation.Answer((model, temperature, "-"), behaviour == "right", (behaviour,))


def test_errors_that_come_by_task_are_correlated() -> None:
    """Where one task is always right and one always wrong, the second error is certain after the first."""
    found = _pairs([_vote("m", "right")] * 4, [_vote("m", "wrong")] * 4)[("m",), ("m",)]
    assert (found.count, found.both, found.independent, found.phi) == (12, 0.5, 0.25, 1.0)
    assert (found.alike, found.alike_if_even) == (1.0, 1.0)


def test_errors_of_models_that_fail_at_different_tasks_are_anticorrelated() -> None:
    """Two models that are never wrong together are worth more than two of one kind."""
    first = [*[_vote("a", "right")] * 2, *[_vote("b", "wrong")] * 2]
    second = [*[_vote("a", "wrong")] * 2, *[_vote("b", "right")] * 2]
    found = _pairs(first, second)
    assert (found[("a",), ("b",)].both, found[("a",), ("b",)].phi) == (0.0, -1.0)
    assert found[("a",), ("a",)].phi == 1.0
    assert math.isnan(found[("a",), ("b",)].alike)


def test_the_same_way_is_the_same_outcome_on_every_input() -> None:
    """Of three pairs that are wrong, one is so in the same way; evenly spread, it would be one in four."""
    found = _pairs([_vote("m", "x"), _vote("m", "x"), _vote("m", "y"), _vote("m", "right")])[("m",), ("m",)]
    assert found.both == pytest.approx(0.5)
    assert found.alike == pytest.approx(1 / 3)
    assert found.alike_if_even == pytest.approx(1 / 4)


def test_inputs_where_right_answers_differ_do_not_count() -> None:
    """What nothing promises tells no two errors apart."""
    answers = [_answer(0, "00"), _answer(1, "01"), _answer(2, "10"), _answer(3, "12")]
    [found] = correlation.answers_of([_line("t", ["example"] * 2, *answers)], {"t": [True, True, False, False]}, {})
    assert [answer.behaviour for answer in found] == [("0",), ("0",), ("1",), ("1",)]


def test_cells_are_told_by_any_of_the_fields() -> None:
    """Temperatures and models make their own tables out of the same answers."""
    answers = [_vote("a", "x", "0.2"), _vote("a", "x", "0.8"), _vote("b", "y", "0.2"), _vote("b", "right", "0.8")]
    assert set(_pairs(answers, fields=(1,))) == {(("0.2",),) * 2, (("0.2",), ("0.8",)), (("0.8",),) * 2}
    assert len(_pairs(answers, fields=(0, 1, 2))) == 6  # four cells of one answer each have no pair within


def test_fields_are_read_from_answers_lines_and_completions() -> None:
    """The nearest wins; a list in the completions has one for each answer."""
    line = {**_line("t", [], _answer(0, "", model="own"), _answer(1, "")), "temperature": 0.5}
    recorded = {"t": {"model": ["first", "second"], "temperature": 0.1}}
    [answers] = correlation.answers_of([line], {"t": [True, False]}, recorded)
    assert [answer.cell for answer in answers] == [("own", "0.5", "-"), ("second", "0.5", "-")]


def test_correlation_prints_one_table_for_all_cells_and_one_a_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With several models and temperatures, each has its table; a field of one value has none."""
    lines = [
        _line("t", ["example"], *(_answer(n, "01"[n % 2], model="ab"[n % 2], temperature=n // 4) for n in range(8))),
        _line("u", ["example"], *(_answer(n, "0011"[n % 4], model="ab"[n % 2], temperature=n // 4) for n in range(8))),
    ]
    assert correlation.main(_write(tmp_path, lines, {"t": "10101010", "u": "11001100"})) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("16 answers that vote to 2 tasks, 4 cell(s)")
    assert [line.split()[0] for line in printed.splitlines() if "pairs" in line] == ["cell", "model", "temperature"]
    assert "\na x b " in printed
