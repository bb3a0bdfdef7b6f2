"""The conversation of `inbox --interactive`: what is asked, typed, refused and left."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from millwright.commandline.application import run
from millwright.errors import BadInput, TemporalUnavailable
from schemas.people import Question
from tests.unit.commandline_fakes import Pretended
from tests.unit.people_fakes import ADDRESS, ASKED, BEHAVIOUR, PLAN, only, stored, typed


def test_a_conversation_goes_through_all_and_to_what_follows(
    composition: Pretended, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An answer may open another question, which is asked in the same conversation."""
    stored(composition, BEHAVIOUR, PLAN)
    composition.client.follow_up = BEHAVIOUR.model_copy(
        update={"id": "root.quadruple/2", "asked_at": ASKED + timedelta(minutes=2)}
    )
    typed(monkeypatch, "returns 4", "approve fine by me", "?", "raises ValueError")
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
    stored(composition, BEHAVIOUR)
    composition.client.refusals = [BadInput("2 breaks n > 4"), TemporalUnavailable("gone for a moment")]
    typed(monkeypatch, "", "perhaps", "returns 03", "returns 2", "returns 2", "B it must raise")
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
    stored(composition, BEHAVIOUR)
    typed(monkeypatch, *lines)
    assert run(["inbox", "-i", "--by", "ann"], composition) == 0
    assert composition.client.decided == []
    assert "stack stops" not in capsys.readouterr().err


def test_a_question_that_somebody_else_settled_is_left(
    composition: Pretended, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is asked again what was answered meanwhile; who did stands in the refusal."""
    stored(composition, BEHAVIOUR, PLAN)

    async def beaten(question: Question, value: object, **options: object) -> str:
        await composition.store.save_question(question.model_copy(update={"open": False}))
        raise BadInput(f"{question.address} was settled by bob: B")

    monkeypatch.setattr(composition.client, "answer", beaten)
    typed(monkeypatch, "A", "q")
    assert run(["inbox", "-i", "--by", "ann"], composition) == 0
    out = capsys.readouterr().out
    assert "was settled by bob" in out
    assert out.count("sums/gate/plan/1\n") == 1


def test_code_is_given_in_a_conversation(
    composition: Pretended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the path of its file; one that is not there is asked for again."""
    stored(composition, BEHAVIOUR)
    path = tmp_path / "mine.py"
    path.write_text("def quadruple(n):\n    return 4 * n\n")
    typed(monkeypatch, "file", "file nowhere.py", f"file {path}")
    assert run(["inbox", "-i", "--by", "ann"], composition) == 0
    (digest,) = only(composition)[1].values()
    assert asyncio.run(composition.store.get(digest)) == path.read_bytes()
    assert "nowhere.py" in capsys.readouterr().out


def test_a_word_of_the_question_goes_before_a_letter_of_the_conversation(
    composition: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nineteen groups there is a choice S; only ``s`` skips then."""
    stored(composition, BEHAVIOUR.model_copy(update={"options": ("S", "q")}), PLAN)
    typed(monkeypatch, "S", "s")
    assert run(["inbox", "-i", "--by", "ann"], composition) == 0
    assert [value for _, value, _ in composition.client.decided] == ["S"]
