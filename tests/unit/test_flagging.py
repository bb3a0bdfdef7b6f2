"""`redflags` says what a rule set does to a file of answers, and refuses files that it cannot read."""

import io
import json
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from millwright.commandline.answers import read_answers
from millwright.commandline.application import run
from millwright.core.red_flags.rule_set import rule_sets, settings_faults
from schemas.identity import Archetype
from schemas.models import FinishReason
from tests.unit.commandline_fakes import ROOT, Pretended, one_line

RIGHT = "def double(n: int) -> int:\n    return 2 * n\n"
DOUBTFUL = "def double(n: int) -> int:\n    return n + n  # TODO: hopefully enough\n"
EMPTY = "def double(n: int) -> int:\n    pass\n"
PROSE = "Multiply it by two."


def _lines(path: Path, *fields: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in fields))
    return path


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Answers of both kinds of lines."""
    cut = {"text": RIGHT, "finish_reason": "length"}
    return _lines(
        tmp_path / "answers.jsonl",
        {"task": "double", "name": "double", "completions": [RIGHT, DOUBTFUL, EMPTY, PROSE, cut]},
        {"id": "one", "text": RIGHT, "finish_reason": "stop"},
    )


def _json(capsys: pytest.CaptureFixture[str]) -> Any:
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


def test_it_counts_what_each_rule_rejects(
    composition: Pretended, answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ids, details, advice and the rest are in one object; nothing is started."""
    assert run(["redflags", str(answers), "--json"], composition) == 0
    told = _json(capsys)
    keys = ("answers", "rejected", "only_advised", "passed", "archetypes", "exit_code")
    assert [told[key] for key in keys] == [6, 3, 1, 3, ["coder"], 0]
    rejected = {rule["rule"]: rule["rejected"] for rule in told["rules"] if rule["rejected"]}
    assert rejected == {"truncated": 1, "nothing_extractable": 1, "placeholder": 1}
    (empty,) = (rule for rule in told["rules"] if rule["rule"] == "placeholder")
    assert empty["examples"] == [{"id": "double[2]", "detail": "the body is a placeholder"}]
    assert {line["rule"]: line["advised"] for line in told["advice"]} == {"hedging": 1, "unfinished": 1}
    assert all(line["examples"][0]["id"] == "double[1]" for line in told["advice"])
    assert composition.sessions == 0


def test_it_shows_a_table(composition: Pretended, answers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each rule has a row, also one that is off, and the last line sums up."""
    assert run(["redflags", str(answers)], composition) == 0
    out = capsys.readouterr().out
    assert re.search(r"truncated +rejects +1 +16\.7% +double\[4\]: the answer was cut at the token limit", out)
    assert re.search(r"unbalanced +off *\n", out)
    assert re.search(r"unfinished +advises, 0\.3 +1 +16\.7% +double\[1\]: line 2: ", out)
    assert out.endswith("6 answers: 3 rejected, 1 only advised on, 2 untouched\n")


def test_a_file_of_rules_changes_what_is_rejected(
    composition: Pretended, answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rules that are not named are off, and shown so."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("coder:\n  rules: [too_long]\n  limits: {max_lines: 1}\n  advice: {}\n")
    assert run(["redflags", str(answers), "--rules", str(rules), "--json"], composition) == 0
    told = _json(capsys)
    assert {rule["rule"]: rule["rejected"] for rule in told["rules"] if rule["rejected"]} == {"too_long": 5}
    assert {rule["rule"] for rule in told["rules"] if rule["on"]} == {"too_long", "malformed"}
    assert not any(line["on"] or line["advised"] for line in told["advice"])


def test_a_line_says_whose_rules_hold(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the option does not say otherwise."""
    document = json.dumps({"tasks": []})
    file = _lines(
        tmp_path / "answers.jsonl",
        {"task": "root", "archetype": "decomposer", "completions": [document, RIGHT]},
        {"id": "code", "text": RIGHT},
    )
    assert run(["redflags", str(file), "--json"], composition) == 0
    told = _json(capsys)
    assert (told["passed"], told["archetypes"]) == (2, ["coder", "decomposer"])
    assert run(["redflags", str(file), "--archetype", "specifier", "--json"], composition) == 0
    told = _json(capsys)
    assert (told["passed"], told["archetypes"]) == (1, ["specifier"])
    assert "placeholder" not in [rule["rule"] for rule in told["rules"]]


def test_a_text_is_one_answer(composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that does not begin with such a line is taken as it stands, a JSON object of another kind too."""
    file = tmp_path / "answer.md"
    file.write_text(f"Here:\n\n```python\n{RIGHT}```\n")
    assert run(["redflags", str(file), "--json"], composition) == 0
    assert _json(capsys)["passed"] == 1
    file.write_text('{"tasks": []}\n')
    assert run(["redflags", str(file), "--archetype", "decomposer", "--json"], composition) == 0
    assert _json(capsys)["passed"] == 1


def test_it_reads_stdin(
    composition: Pretended, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dash stands for it, and its first line says what it is."""
    content = json.dumps({"id": "one", "text": PROSE}) + "\n\n" + json.dumps({"id": "two", "text": RIGHT}) + "\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert run(["redflags", "-", "--json"], composition) == 0
    assert _json(capsys)["answers"] == 2


def test_a_language_without_a_parser_is_read_by_its_tokens(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Brackets are asked about where the rules say so, and whether it loads is not."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("coder: {rules: [nothing_extractable, does_not_load, unbalanced]}\n")
    sound, cut = 'fn f() { g(")") }\n', "fn f() { g(\n"
    file = _lines(tmp_path / "a.jsonl", *({"id": "x", "text": f"```rust\n{body}```\n"} for body in (sound, cut)))
    assert run(["redflags", str(file), "--rules", str(rules), "--language", "rust", "--json"], composition) == 0
    told = _json(capsys)
    assert {rule["rule"]: rule["rejected"] for rule in told["rules"] if rule["rejected"]} == {"unbalanced": 1}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: give an object"),
        ('{"id": "a"}', "line 2: give an object"),
        ('{"id": 1, "text": ""}', 'line 2: "id" must be a text'),
        ('{"id": "a", "text": 1}', 'line 2: "text" must be a text'),
        ('{"id": "a", "text": "", "finish_reason": "tired"}', 'line 2: "finish_reason" must be one of stop, length'),
        ('{"id": "a", "text": "", "archetype": "king"}', 'line 2: "archetype" must be one of decomposer'),
        ('{"task": "a", "completions": "x"}', 'line 2: "completions" must be a list'),
        ('{"task": "a", "completions": [1]}', "line 2: completions[0] must be a text"),
    ],
)
def test_a_line_that_is_no_answer_is_bad_input(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    """The file and the line are named, in one line."""
    file = tmp_path / "answers.jsonl"
    file.write_text(json.dumps({"id": "one", "text": RIGHT}) + f"\n{line}\n")
    assert run(["redflags", str(file)], composition) == 2
    assert f"{file}, {told}" in one_line(capsys)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("answers.jsonl", b"", "holds no answers"),
        ("answers.jsonl", b"\n \n", "holds no answers"),
        ("answers.jsonl", b'{"task": "a", "completions": []}', "holds no answers"),
        ("answer.txt", b"one\n\xff\n", "line 2: not UTF-8 text"),
    ],
)
def test_a_file_without_answers_is_bad_input(
    composition: Pretended,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes,
    told: str,
) -> None:
    """An empty file is a mistake, and not a file of which all passes."""
    file = tmp_path / name
    file.write_bytes(content)
    assert run(["redflags", str(file)], composition) == 2
    assert told in one_line(capsys)


def test_a_missing_file_or_archetype_is_bad_input(
    composition: Pretended, answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is one line."""
    assert run(["redflags", str(answers) + ".gone"], composition) == 2
    assert "cannot read" in one_line(capsys)
    assert run(["redflags", str(answers), "--archetype", "king"], composition) == 2
    assert "choose one of decomposer, specifier, coder" in one_line(capsys)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("coder:\n  rules: [truncated,\n    hedge]\n", "line 3: coder.rules[1]: no rule 'hedge'; known are truncated"),
        ("king: {}\n", "line 1: king: no such archetype: choose from decomposer"),
        ("coder:\n  limits:\n    max_lines: 0\n", "line 3: coder.limits.max_lines: should be greater than or equal to"),
        ("coder:\n  limits:\n    max_lines: many\n", "line 3: coder.limits.max_lines: should be a valid integer"),
        ("coder:\n  limits: {max_pages: 1}\n", "line 2: coder.limits.max_pages: no such field"),
        ("coder:\n  advice: {hedging: 2}\n", "line 2: coder.advice.hedging: should be less than or equal to 1"),
        ("coder:\n  advice: {doubt: 0.5}\n", "line 2: coder.advice: no advice 'doubt'; known are hedging, unfinished"),
        ("specifier:\n  rules: [placeholder]\n", "placeholder is no rule for json"),
        ("- coder\n", "is no mapping of archetypes"),
        ("coder: [\n", "not YAML"),
    ],
)
def test_a_fault_in_the_rules_is_told_with_its_line(
    composition: Pretended, answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, told: str
) -> None:
    """A rule set that is not what its writer meant is never used."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(content)
    assert run(["redflags", str(answers), "--rules", str(rules)], composition) == 2
    assert told in one_line(capsys)


def test_every_fault_in_the_rules_is_told(
    composition: Pretended, answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody has to run the command once for each."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("coder:\n  rules: [a, b]\n  advice: {c: 0.1}\n")
    assert run(["redflags", str(answers), "--rules", str(rules)], composition) == 2
    error = one_line(capsys)
    assert all(f"'{name}'" in error for name in "abc")


def test_the_published_rules_are_the_defaults(composition: Pretended) -> None:
    """config/red_flags.yaml shows what holds without it."""
    settings = composition.read_red_flags((ROOT / "config" / "red_flags.yaml").read_bytes(), "red_flags.yaml")
    assert set(settings) == set(Archetype)
    assert settings_faults(settings) == ()
    assert rule_sets(settings) == rule_sets({})


def test_answers_are_read_one_by_one(tmp_path: Path) -> None:
    """A file of many lines is never held as a whole."""
    file = tmp_path / "many.jsonl"
    line = json.dumps({"id": "x", "text": "y" * 2000, "finish_reason": "length"}) + "\n"
    with file.open("w") as stream:
        stream.writelines(line for _ in range(5000))
    tracemalloc.start()
    try:
        assert sum(answer.finish_reason is FinishReason.LENGTH for answer in read_answers(str(file))) == 5000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < file.stat().st_size / 10
