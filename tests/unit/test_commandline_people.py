"""Seeing and answering what waits: the inbox, a question whole, answers, consent, the conversation and the history."""

import asyncio
import json
from pathlib import Path

import pytest

from millwright.commandline.application import run
from millwright.errors import BadInput, TemporalUnavailable
from schemas.identity import Gate
from schemas.models import Budget
from schemas.people import Decision, Door, QuestionKind
from schemas.project import ApprovalDecision
from tests.unit.commandline_fakes import Pretended, one_line
from tests.unit.people_fakes import ADDRESS, ASKED, BEHAVIOUR, PLAN, SUMS, decided, only, stored


def test_the_inbox_lists_what_waits(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Questions and gates alike, over the store alone, each in a row."""
    stored(composition, BEHAVIOUR, PLAN)
    assert run(["inbox"], composition) == 0
    out, error = capsys.readouterr()
    assert "2026-01-02 03:04:05 UTC" in out
    assert "What is right for quadruple(1)?" in out
    assert "sums/gate/plan/1" in out
    assert "it gives 4" not in out
    assert "millwright show QUESTION" in error
    assert composition.sessions == 0


def test_an_empty_inbox_says_so(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Settled questions, and those of projects that have ended, wait for nobody."""
    stored(composition, BEHAVIOUR, PLAN.model_copy(update={"open": False}), ended=True)
    assert run(["inbox"], composition) == 0
    assert capsys.readouterr().out == "nothing waits for an answer\n"
    assert run(["inbox", "-i"], composition) == 0
    assert run(["inbox", "--json"], composition) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"questions": []}
    assert composition.sessions == 0


def test_the_inbox_is_that_of_a_name(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """With --for it holds what is asked of the name, or of anybody."""
    stored(composition, BEHAVIOUR, PLAN)
    assert run(["inbox", "--for", "ann", "--json"], composition) == 0
    assert len(json.loads(capsys.readouterr().out)["questions"]) == 2
    assert run(["inbox", "--for", "bob", "--json"], composition) == 0
    (only,) = json.loads(capsys.readouterr().out)["questions"]
    assert (only["address"], only["gate"]) == ("sums/gate/plan/1", "plan")


def test_a_question_is_shown_with_every_command_that_answers_it(
    composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text whole, what each answer does, and the line to type."""
    stored(composition, BEHAVIOUR, PLAN)
    assert run(["show", ADDRESS], composition) == 0
    out = capsys.readouterr().out
    for part in (
        "- A: it gives 4",
        f"  millwright answer {ADDRESS} A\n      it gives 4 (3 votes)",
        f"millwright answer {ADDRESS} --returns JSON",
        f"millwright answer {ADDRESS} --code FILE",
        "asked of ann",
    ):
        assert part in out
    assert run(["show", "gate/plan/1"], composition) == 0
    assert "millwright reject sums --note NOTE" in capsys.readouterr().out
    assert run(["show", ADDRESS, "--json"], composition) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"address", "question", "answers", "decisions"}
    assert found["answers"][0] == {
        "answer": "A",
        "does": "it gives 4 (3 votes)",
        "command": f"millwright answer {ADDRESS} A",
    }
    assert found["question"]["inputs"] == {"n": 1}


def test_a_settled_question_says_by_whom(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """It offers no answers any more."""
    stored(composition, BEHAVIOUR.model_copy(update={"open": False}))
    decided(
        composition,
        Decision(id="1", project=SUMS, question=BEHAVIOUR.id, value="assign ann", by="bob"),
        Decision(id="2", project=SUMS, question=BEHAVIOUR.id, value="A", by="ann", decided_at=ASKED),
    )
    assert run(["show", ADDRESS], composition) == 0
    out = capsys.readouterr().out
    assert f"{ADDRESS} was settled by ann at 2026-01-02 03:04:05 UTC: A" in out
    assert "To answer" not in out


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("sums/root.quadrupel/1", "did you mean sums/root.quadruple/1"),
        ("sums", "did you mean sums/root.quadruple/1"),
        ("elsewhere/x/1", "`millwright inbox` shows what waits"),
    ],
)
def test_an_unknown_question_names_near_ones(
    composition: Pretended, capsys: pytest.CaptureFixture[str], reference: str, told: str
) -> None:
    """A slip of the pen costs no search."""
    stored(composition, BEHAVIOUR)
    for command in (["show", reference], ["answer", reference, "A"]):
        assert run(command, composition) == 2
        assert told in one_line(capsys)
    assert composition.sessions == 0


@pytest.mark.parametrize(
    ("options", "value"),
    [
        (["A"], "A"),
        (["a"], "A"),
        (["give-up"], "give_up"),
        (["--returns", "[1, null]"], {"returns": [1, None]}),
        (["--returns", "null"], {"returns": None}),
        (['{"returns": 4}'], {"returns": 4}),
        (["--raises", "ValueError"], {"raises": "ValueError"}),
        (
            ["--example", '{"inputs": {"n": 2}, "expected_output": 8}'],
            {"example": {"inputs": {"n": 2}, "expected_output": 8}},
        ),
        (["--attempts", "20"], {"attempts": 20}),
        (["--assign", "bob"], {"assign": "bob"}),
    ],
)
def test_an_answer_goes_to_its_question(
    composition: Pretended, capsys: pytest.CaptureFixture[str], options: list[str], value: object
) -> None:
    """Words, values and forms are sent as the message has them, with who, why and by which door."""
    stored(composition, BEHAVIOUR)
    given = ["--by", "ann", "--note", "so it is", "--decision-id", "d1"]
    assert run(["answer", ADDRESS, *options, *given], composition) == 0
    sent = {"by": "ann", "note": "so it is", "decision_id": "d1", "through": Door.COMMAND}
    assert only(composition) == (ADDRESS, value, sent)
    out, error = capsys.readouterr()
    assert out.startswith("understood")
    assert "millwright watch sums" in error


def test_whoever_is_logged_in_decides(composition: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --by the login name is recorded, and no id has to be thought of."""
    stored(composition, BEHAVIOUR)
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    assert run(["answer", "root.quadruple/1", "A"], composition) == 0
    assert only(composition)[2] == {"by": "ann", "note": "", "decision_id": None, "through": Door.COMMAND}


def test_without_a_login_name_one_is_asked_for(
    composition: Pretended, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A container's user may have none."""

    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert run(["answer", ADDRESS, "A"], composition) == 2
    assert "--by NAME" in one_line(capsys)


def test_code_and_specifications_go_by_digest(composition: Pretended, tmp_path: Path) -> None:
    """What a history would keep for ever is an artifact instead."""
    stored(composition, BEHAVIOUR)
    code, fields = tmp_path / "quadruple.py", tmp_path / "task.yaml"
    code.write_text("def quadruple(n: int) -> int:\n    return 4 * n\n")
    fields.write_text("max_lines: 30\n")
    assert run(["answer", ADDRESS, "--code", str(code)], composition) == 0
    assert run(["answer", ADDRESS, "--specification", str(fields)], composition) == 0
    first, second = (value for _, value, _ in composition.client.decided)
    assert asyncio.run(composition.store.get(first["code_digest"])) == code.read_bytes()
    assert json.loads(asyncio.run(composition.store.get(second["specification_digest"]))) == {"max_lines": 30}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["C"], "'C' is no answer to sums/root.quadruple/1: it takes A, B, retry, give_up"),
        ([], "give exactly one"),
        (["A", "--returns", "4"], "VALUE and --returns were given: give exactly one"),
        (["--returns", "03"], "returns '03' is not JSON"),
        (["--returns", "NaN"], '{"$float": "nan"}'),
        (["--raises", "no name"], "give an exception's name"),
        (["--example", '{"inputs": {"n": 1}}'], "give either expected_output or raises"),
        (["--example", "[]"], "give an example as"),
        (["{"], "is not JSON"),
        (['{"colour": "red"}'], "'colour' is none of"),
        (["--code", "missing.py"], "missing.py"),
        (["--specification", "missing.yaml"], "missing.yaml"),
        (["--attempts", "0"], "--attempts"),
        (["--assign", " "], "name whom to ask"),
    ],
)
def test_what_can_be_no_answer_starts_nothing(
    composition: Pretended, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    """Refused in one line that says what would do, with no stack started."""
    stored(composition, BEHAVIOUR)
    assert run(["answer", ADDRESS, *options], composition) == 2
    assert told in one_line(capsys)
    assert composition.sessions == 0


def test_a_specification_of_several_tasks_is_no_change(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One task is asked about; a document of it alone will do."""
    stored(composition, BEHAVIOUR)
    path = tmp_path / "tasks.yaml"
    path.write_text("tasks: [{max_lines: 30}]\n")
    assert run(["answer", ADDRESS, "--specification", str(path)], composition) == 0
    for text, told in (("tasks: [{}, {}]\n", "no single task"), ("{}\n", "no fields"), ("a: [\n", "tasks.yaml")):
        capsys.readouterr()
        path.write_text(text)
        assert run(["answer", ADDRESS, "--specification", str(path)], composition) == 2
        assert told in one_line(capsys)


def test_a_value_is_no_answer_where_no_input_is_asked_about(
    composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exhausted election has no call that something could be right for, and a gate only words."""
    stored(composition, BEHAVIOUR.model_copy(update={"kind": QuestionKind.EXHAUSTED}), PLAN)
    assert run(["answer", ADDRESS, "--returns", "4"], composition) == 2
    assert "'returns' is none of" in one_line(capsys)
    assert run(["answer", "sums/gate/plan/1", "--attempts", "4"], composition) == 2
    assert "is a gate: it takes approve, reject" in one_line(capsys)


def test_a_refused_answer_is_one_line(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """2 for what the workflow refuses, 5 where nothing answers."""
    stored(composition, BEHAVIOUR)
    composition.client.refusals = [BadInput("the example breaks n > 0"), TemporalUnavailable("gone")]
    assert run(["answer", ADDRESS, "A"], composition) == 2
    assert "the example breaks n > 0" in one_line(capsys)
    assert run(["answer", ADDRESS, "A"], composition) == 5
    assert "gone" in one_line(capsys)


def test_words_that_would_steer_a_terminal_are_escaped(
    composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """Models and other people wrote them: in a question, in a table, in a refusal."""
    steering = "\x1b[2J\x1b]0;owned\x07 \u202eback \ud800"
    stored(composition, BEHAVIOUR.model_copy(update={"text": steering, "assignee": "a\x1b[31mnn"}))
    composition.client.refusals = [BadInput(steering)]
    for command, code in ((["show", ADDRESS], 0), (["inbox"], 0), (["answer", ADDRESS, "A"], 2)):
        assert run(command, composition) == code
        told = capsys.readouterr()
        shown = told.out + told.err
        assert "\\x1b[2J\\x1b]0;owned\\x07 \\u202eback \\ud800" in shown
        assert not {"\x1b", "\x07", "\u202e", "\ud800"} & set(shown)


def test_a_value_that_no_message_can_carry_is_refused(
    composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON can write half of a surrogate pair, and nothing here can send it."""
    stored(composition, BEHAVIOUR)
    assert run(["answer", ADDRESS, "--returns", '"\\ud800"'], composition) == 2
    assert "half of a surrogate pair" in one_line(capsys)


def test_consent_and_its_caps_reach_the_gate(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """The gate is the open one unless it is named."""
    arguments = ["approve", "sums", "--gate", "budget", "--max-calls", "9", "--max-time", "2m", "--by", "ann"]
    assert run(arguments, composition) == 0
    budget = Budget(max_calls=9, max_time_seconds=120)
    sent = {"gate": Gate.BUDGET, "budget": budget, "to": "", "by": "ann", "note": ""}
    assert only(composition) == (
        "sums",
        ApprovalDecision.APPROVE,
        {**sent, "decision_id": None, "through": Door.COMMAND},
    )
    assert run(["approve", "sums", "--assign", "bob", "--by", "ann"], composition) == 0
    _, decision, options = composition.client.decided[-1]
    assert (decision, options["to"], options["gate"]) == (ApprovalDecision.ASSIGN, "bob", None)
    assert capsys.readouterr().out == "approve: sums\nassign: sums\n"


def test_a_rejection_says_why(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """The note guides what is done again, so that there is none without it, by either command."""
    stored(composition, PLAN)
    for arguments in (["reject", "sums"], ["reject", "sums", "--note", " "], ["answer", "sums/gate/plan/1", "reject"]):
        assert run(arguments, composition) == 2
        assert "say" in one_line(capsys)
    assert composition.sessions == 0
    assert run(["reject", "sums", "--note", "too many parts", "--by", "ann"], composition) == 0
    _, decision, options = only(composition)
    assert (decision, options["note"]) == (ApprovalDecision.REJECT, "too many parts")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["approve", "Sums"], "'sums' would do"),
        (["approve", "sums", "--gate", "garden"], "--gate"),
        (["approve", "sums", "--max-calls", "0"], "--max-calls"),
        (["approve", "sums", "--max-time", "soon"], "not a duration"),
        (["approve", "sums", "--max-calls", "3", "--assign", "bob"], "not both"),
        (["approve", "sums", "--assign", " "], "needs a name"),
        (["inbox", "-i", "--json"], "not both"),
    ],
)
def test_unusable_options_start_nothing(
    composition: Pretended, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    """One line, exit code 2."""
    assert run(arguments, composition) == 2
    assert told in one_line(capsys)
    assert composition.sessions == 0


def test_a_line_of_a_question_says_something(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """A first paragraph that only begins a list is shown with the list, on one line."""
    stored(composition, PLAN.model_copy(update={"text": "the plan:\n\n- double\n- treble\n\nApprove to go on."}))
    assert run(["status", "sums", "--json"], composition) == 0
    (question,) = json.loads(capsys.readouterr().out)["questions"]
    assert question["address"] == "sums/gate/plan/1"
    assert run(["status", "sums"], composition) == 0
    assert "sums/gate/plan/1: the plan: - double - treble Approve to go on." in capsys.readouterr().out
