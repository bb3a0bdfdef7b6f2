"""The command `calibrate`: results in, a calibration and its figures out, and one clear line for whatever is wrong."""

import json
import math
import random
from pathlib import Path

import pytest

from millwright.commandline.application import run
from millwright.core.calibration import read_calibration
from tests.unit.commandline_fakes import Pretended, one_line

GOOD = {"margin": 3, "purity": 0.8, "yield": 0.4, "examples": 2, "layers": 8, "right": True}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Write the results of sixty elections, the purer the likelier right."""
    rng, file = random.Random(5), tmp_path / "results.jsonl"
    lines = []
    for number in range(60):
        purity = rng.uniform(0.4, 1.0)
        line = {**GOOD, "purity": purity, "right": rng.random() < purity, "task": f"task {number // 2}"}
        lines.append(json.dumps(line))
    file.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    return file


def test_calibrate_writes_a_calibration_with_its_provenance(
    composition: Pretended, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file reads back; base rate, Brier score and diagram are told."""
    out = tmp_path / "fitted.json"
    assert run(["calibrate", str(results), "--out", str(out)], composition) == 0
    fitted = read_calibration(out.read_bytes(), str(out))
    assert (fitted.provenance.elections, fitted.provenance.tasks) == (60, 30)
    assert fitted.provenance.source == "results.jsonl"
    assert fitted.provenance.date.startswith("20")
    shown = capsys.readouterr()
    assert "60 elections of 30 tasks" in shown.out
    assert "Brier score on tasks held out" in shown.out
    assert "predicted defects" in shown.out
    assert str(out) in shown.err
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["fitted.json", "results.jsonl"]


def test_calibrate_prints_one_json_object(
    composition: Pretended, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The calibration as in the file, and the diagram's bins add up."""
    out = tmp_path / "fitted.json"
    command = ["calibrate", str(results), "--out", str(out), "--json", "--source", "sixty votes"]
    assert run(command, composition) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["calibration"] == json.loads(out.read_text(encoding="utf-8"))
    assert answer["calibration"]["provenance"]["source"] == "sixty votes"
    assert sum(each["size"] for each in answer["diagram"]) == 60


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("not json", "Invalid JSON"),
        ("[1]", "the line"),
        (json.dumps({**GOOD, "margin": "3"}), "margin"),
        (json.dumps({**GOOD, "right": 1}), "right"),
        (json.dumps({**GOOD, "purity": 1.5}), "purity"),
        (json.dumps({**GOOD, "layers": 9}), "layers"),
        (json.dumps({**GOOD, "colour": "red"}), "colour"),
        (json.dumps({key: value for key, value in GOOD.items() if key != "yield"}), "yield"),
        (json.dumps({**GOOD, "purity": math.nan}), "purity"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(
    composition: Pretended, results: Path, line: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr, exit code 2, and nothing is written."""
    lines = results.read_text(encoding="utf-8").splitlines()
    results.write_text("\n".join([*lines[:7], line, *lines[7:]]), encoding="utf-8")
    out = results.with_name("fitted.json")
    assert run(["calibrate", str(results), "--out", str(out)], composition) == 2
    told = one_line(capsys)
    assert f"{results.name}, line 8: " in told
    assert why in told
    assert not out.exists()


def test_calibrate_refuses_too_little_to_fit(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing can be held out of nine results, of none, or of a file that is not there."""
    few, empty = tmp_path / "few.jsonl", tmp_path / "empty.jsonl"
    few.write_text((json.dumps(GOOD) + "\n") * 9, encoding="utf-8")
    empty.write_text("", encoding="utf-8")
    for file, why in ((few, "too few"), (empty, "too few"), (tmp_path / "nowhere.jsonl", "cannot read")):
        assert run(["calibrate", str(file), "--out", str(tmp_path / "fitted.json")], composition) == 2
        assert why in one_line(capsys)


def test_calibrate_overwrites_calibrations_only(
    composition: Pretended, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second run renews its file; the results themselves, or any other file, stay as they are."""
    out = tmp_path / "fitted.json"
    for _ in range(2):
        assert run(["calibrate", str(results), "--out", str(out)], composition) == 0
    capsys.readouterr()
    before = results.read_bytes()
    assert run(["calibrate", str(results), "--out", str(results)], composition) == 2
    assert "--out" in one_line(capsys)
    assert results.read_bytes() == before
    assert run(["calibrate", str(results), "--out", str(tmp_path / "no" / "folder.json")], composition) == 2
    assert "cannot write" in one_line(capsys)
