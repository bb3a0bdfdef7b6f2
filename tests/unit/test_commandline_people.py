"""Seeing and answering what waits: the inbox, a question whole, answers, consent, the conversation and the history."""

import asyncio
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from millwright.commandline.application import run
from millwright.errors import BadInput, TemporalUnavailable
from schemas.evidence import ProjectRecord
from schemas.identity import ROOT_PATH, Digest, Gate, NodePath, ProjectId, TaskStatus
from schemas.models import Budget
from schemas.people import Choice, Decision, Door, Question, QuestionKind
from schemas.project import ApprovalDecision
from tests.unit.commandline_fakes import Pretended, one_line

SUMS = ProjectId("sums")
ASKED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BEHAVIOUR = Question(
    id="root.quadruple/1",
    project=SUMS,
    path=NodePath("root.quadruple"),
    text="5 verified answers to root.quadruple disagree. What is right for quadruple(1)?\n\n- A: it gives 4",
    options=("A", "B", "retry", "give_up"),
    kind=QuestionKind.BEHAVIOUR,
    inputs={"n": 1},
    choices=(Choice(label="A", votes=3, returns=4, shown="4"), Choice(label="B", votes=1, raises="ValueError")),
    assignee="ann",
    asked_at=ASKED,
)
PLAN = Question(
    id="gate/plan/1",
    project=SUMS,
    path=ROOT_PATH,
    text="Shall this plan be built?",
    options=("approve", "reject"),
    kind=QuestionKind.APPROVAL,
    gate=Gate.PLAN,
    asked_at=ASKED + timedelta(minutes=1),
)
ADDRESS = "sums/root.quadruple/1"


def _stored(composition: Pretended, *questions: Question, ended: bool = False) -> None:
    async def store() -> None:
        record = ProjectRecord(
            id=SUMS, input_digest=Digest("0" * 64), status=TaskStatus.WAITING, exit_code=0 if ended else None
        )
        await composition.store.open_project(record)
        for question in questions:
            await composition.store.save_question(question)

    asyncio.run(store())


def _decided(composition: Pretended, *decisions: Decision) -> None:
    async def store() -> None:
        for decision in decisions:
            await composition.store.save_decision(decision)

    asyncio.run(store())


def _typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def _only(composition: Pretended) -> tuple[str, Any, dict[str, Any]]:
    (decided,) = composition.client.decided
    return decided


def test_the_inbox_lists_what_waits(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Questions and gates alike, over the store alone, each in a row."""
    _stored(composition, BEHAVIOUR, PLAN)
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
    _stored(composition, BEHAVIOUR, PLAN.model_copy(update={"open": False}), ended=True)
    assert run(["inbox"], composition) == 0
    assert capsys.readouterr().out == "nothing waits for an answer\n"
    assert run(["inbox", "-i"], composition) == 0
    assert run(["inbox", "--json"], composition) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"questions": []}
    assert composition.sessions == 0


def test_the_inbox_is_that_of_a_name(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """With --for it holds what is asked of the name, or of anybody."""
    _stored(composition, BEHAVIOUR, PLAN)
    assert run(["inbox", "--for", "ann", "--json"], composition) == 0
    assert len(json.loads(capsys.readouterr().out)["questions"]) == 2
    assert run(["inbox", "--for", "bob", "--json"], composition) == 0
    (only,) = json.loads(capsys.readouterr().out)["questions"]
    assert (only["address"], only["gate"]) == ("sums/gate/plan/1", "plan")


def test_a_question_is_shown_with_every_command_that_answers_it(
    composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text whole, what each answer does, and the line to type."""
    _stored(composition, BEHAVIOUR, PLAN)
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
    _stored(composition, BEHAVIOUR.model_copy(update={"open": False}))
    _decided(
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
    _stored(composition, BEHAVIOUR)
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
    _stored(composition, BEHAVIOUR)
    given = ["--by", "ann", "--note", "so it is", "--decision-id", "d1"]
    assert run(["answer", ADDRESS, *options, *given], composition) == 0
    sent = {"by": "ann", "note": "so it is", "decision_id": "d1", "through": Door.COMMAND}
    assert _only(composition) == (ADDRESS, value, sent)
    out, error = capsys.readouterr()
    assert out.startswith("understood")
    assert "millwright watch sums" in error


def test_whoever_is_logged_in_decides(composition: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --by the login name is recorded, and no id has to be thought of."""
    _stored(composition, BEHAVIOUR)
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    assert run(["answer", "root.quadruple/1", "A"], composition) == 0
    assert _only(composition)[2] == {"by": "ann", "note": "", "decision_id": None, "through": Door.COMMAND}


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
    _stored(composition, BEHAVIOUR)
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
    _stored(composition, BEHAVIOUR)
    assert run(["answer", ADDRESS, *options], composition) == 2
    assert told in one_line(capsys)
    assert composition.sessions == 0


def test_a_specification_of_several_tasks_is_no_change(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One task is asked about; a document of it alone will do."""
    _stored(composition, BEHAVIOUR)
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
    _stored(composition, BEHAVIOUR.model_copy(update={"kind": QuestionKind.EXHAUSTED}), PLAN)
    assert run(["answer", ADDRESS, "--returns", "4"], composition) == 2
    assert "'returns' is none of" in one_line(capsys)
    assert run(["answer", "sums/gate/plan/1", "--attempts", "4"], composition) == 2
    assert "is a gate: it takes approve, reject" in one_line(capsys)


def test_a_refused_answer_is_one_line(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """2 for what the workflow refuses, 5 where nothing answers."""
    _stored(composition, BEHAVIOUR)
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
    _stored(composition, BEHAVIOUR.model_copy(update={"text": steering, "assignee": "a\x1b[31mnn"}))
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
    _stored(composition, BEHAVIOUR)
    assert run(["answer", ADDRESS, "--returns", '"\\ud800"'], composition) == 2
    assert "half of a surrogate pair" in one_line(capsys)


def test_consent_and_its_caps_reach_the_gate(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """The gate is the open one unless it is named."""
    arguments = ["approve", "sums", "--gate", "budget", "--max-calls", "9", "--max-time", "2m", "--by", "ann"]
    assert run(arguments, composition) == 0
    budget = Budget(max_calls=9, max_time_seconds=120)
    sent = {"gate": Gate.BUDGET, "budget": budget, "to": "", "by": "ann", "note": ""}
    assert _only(composition) == (
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
    _stored(composition, PLAN)
    for arguments in (["reject", "sums"], ["reject", "sums", "--note", " "], ["answer", "sums/gate/plan/1", "reject"]):
        assert run(arguments, composition) == 2
        assert "say" in one_line(capsys)
    assert composition.sessions == 0
    assert run(["reject", "sums", "--note", "too many parts", "--by", "ann"], composition) == 0
    _, decision, options = _only(composition)
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


def test_a_conversation_goes_through_all_and_to_what_follows(
    composition: Pretended, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An answer may open another question, which is asked in the same conversation."""
    _stored(composition, BEHAVIOUR, PLAN)
    composition.client.follow_up = BEHAVIOUR.model_copy(
        update={"id": "root.quadruple/2", "asked_at": ASKED + timedelta(minutes=2)}
    )
    _typed(monkeypatch, "returns 4", "approve fine by me", "?", "raises ValueError")
    assert run(["inbox", "-i", "--by", "ann"], composition) == 0
    assert [(address, value, given["note"]) for address, value, given in composition.client.decided] == [
        (ADDRESS, {"returns": 4}, ""),
        ("sums/gate/plan/1", "approve", "fine by me"),
        ("sums/root.quadruple/2", {"raises": "ValueError"}, ""),
    ]
    out, error = capsys.readouterr()
    assert "understood: {'returns': 4}" in out
    assert "have somebody else asked" in out
    assert out.endswith("nothing else waits for an answer\n")
    assert "millwright watch" in error


def test_a_conversation_loses_nothing_that_was_typed(
    composition: Pretended, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal, here or by the workflow, gives the reason and the line back, and asks again."""
    _stored(composition, BEHAVIOUR)
    composition.client.refusals = [BadInput("2 breaks n > 4"), TemporalUnavailable("gone for a moment")]
    _typed(monkeypatch, "", "perhaps", "returns 03", "returns 2", "returns 2", "B it must raise")
    assert run(["inbox", "-i", "--by", "ann"], composition) == 0
    out = capsys.readouterr().out
    for refusal, line in (
        ("'perhaps' is no answer", "perhaps"),
        ("returns '03' is not JSON", "returns 03"),
        ("2 breaks n > 4", "returns 2"),
        ("gone for a moment", "returns 2"),
    ):
        assert refusal in out
        assert f"you wrote: {line}" in out
    assert [value for _, value, _ in composition.client.decided] == [{"returns": 2}, {"returns": 2}, "B"]
    assert composition.client.decided[-1][2]["note"] == "it must raise"


@pytest.mark.parametrize("lines", [["q"], [], ["s"]])
def test_a_conversation_ends_when_it_is_left(
    composition: Pretended, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lines: list[str]
) -> None:
    """By q, by the end of the input, or when all that is left was skipped; that is no error."""
    _stored(composition, BEHAVIOUR)
    _typed(monkeypatch, *lines)
    assert run(["inbox", "-i", "--by", "ann"], composition) == 0
    assert composition.client.decided == []
    assert "stack stops" not in capsys.readouterr().err


def test_a_question_that_somebody_else_settled_is_left(
    composition: Pretended, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is asked again what was answered meanwhile; who did stands in the refusal."""
    _stored(composition, BEHAVIOUR, PLAN)

    async def beaten(question: Question, value: object, **options: object) -> str:
        await composition.store.save_question(question.model_copy(update={"open": False}))
        raise BadInput(f"{question.address} was settled by bob: B")

    monkeypatch.setattr(composition.client, "answer", beaten)
    _typed(monkeypatch, "A", "q")
    assert run(["inbox", "-i", "--by", "ann"], composition) == 0
    out = capsys.readouterr().out
    assert "was settled by bob" in out
    assert out.count("sums/gate/plan/1\n") == 1


def test_code_is_given_in_a_conversation(
    composition: Pretended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the path of its file; one that is not there is asked for again."""
    _stored(composition, BEHAVIOUR)
    path = tmp_path / "mine.py"
    path.write_text("def quadruple(n):\n    return 4 * n\n")
    _typed(monkeypatch, "file", "file nowhere.py", f"file {path}")
    assert run(["inbox", "-i", "--by", "ann"], composition) == 0
    (digest,) = _only(composition)[1].values()
    assert asyncio.run(composition.store.get(digest)) == path.read_bytes()
    assert "nowhere.py" in capsys.readouterr().out


def test_the_history_says_who_what_when_and_how(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Oldest first, with the question that each was about, and what is open still."""
    _stored(composition, BEHAVIOUR, PLAN.model_copy(update={"open": False}))
    _decided(
        composition,
        Decision(
            id="1",
            project=SUMS,
            question=PLAN.id,
            gate=Gate.PLAN,
            value="approve",
            by="ann",
            note="go",
            decided_at=ASKED,
            through=Door.COMMAND,
            effect="the plan is built",
        ),
        Decision(id="2", project=SUMS, gate=Gate.DELIVERY, value="approve"),
    )
    assert run(["history", "sums"], composition) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if line.startswith("2026-01-02 03:04:05 UTC"))
    for part in ("gate/plan/1", "approve", "ann", "the command line", "go", "the plan is built"):
        assert part in row
    assert "gate delivery" in out
    assert f"open: {ADDRESS}" in out
    assert run(["history", "sums@1", "--json"], composition) == 0
    found = json.loads(capsys.readouterr().out)
    assert [item["id"] for item in found["decisions"]] == ["1", "2"]
    assert found["decisions"][0]["asked"]["id"] == PLAN.id
    assert (found["revision"], found["open"][0]["address"]) == (1, ADDRESS)
    assert run(["history", "sums@7"], composition) == 2
    assert run(["history", "nobody"], composition) == 2
    assert composition.sessions == 0


def test_the_history_of_a_project_without_questions_says_so(
    composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """Votes may decide everything."""
    _stored(composition)
    assert run(["history", "sums"], composition) == 0
    assert "nobody was asked" in capsys.readouterr().out


def test_status_lists_what_is_open_with_its_command(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """A question and a gate alike, by address."""
    _stored(composition, BEHAVIOUR, PLAN)
    assert run(["status", "sums"], composition) == 0
    out = capsys.readouterr().out
    assert f"(`millwright show {ADDRESS}`)" in out
    assert "sums/gate/plan/1: Shall this plan be built?" in out


def test_a_word_of_the_question_goes_before_a_letter_of_the_conversation(
    composition: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nineteen groups there is a choice S; only ``s`` skips then."""
    _stored(composition, BEHAVIOUR.model_copy(update={"options": ("S", "q")}), PLAN)
    _typed(monkeypatch, "S", "s")
    assert run(["inbox", "-i", "--by", "ann"], composition) == 0
    assert [value for _, value, _ in composition.client.decided] == ["S"]


def test_a_line_of_a_question_says_something(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """A first paragraph that only begins a list is shown with the list, on one line."""
    _stored(composition, PLAN.model_copy(update={"text": "the plan:\n\n- double\n- treble\n\nApprove to go on."}))
    assert run(["status", "sums", "--json"], composition) == 0
    (question,) = json.loads(capsys.readouterr().out)["questions"]
    assert question["address"] == "sums/gate/plan/1"
    assert run(["status", "sums"], composition) == 0
    assert "sums/gate/plan/1: the plan: - double - treble Approve to go on." in capsys.readouterr().out
