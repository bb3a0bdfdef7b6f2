"""What migration 0009 does to questions and decisions that are there already, up and down again."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from millwright.adapters.storage.postgres import open_store
from schemas.identity import ROOT_PATH, Gate, ProjectId
from schemas.people import Decision, Door, Question, QuestionKind
from tests.contract.stores_fixtures import LEAF, SHOP, project

pytestmark = pytest.mark.postgres

INI = Path(__file__).resolve().parents[2] / "alembic.ini"
EARLY, LATE = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)
ASKED = Question(id="root.cart.subtotal/1", project=SHOP, path=LEAF, text="?", options=("retry",), asked_at=EARLY)
SAID = Decision(id="1", project=SHOP, question=ASKED.id, value="retry", decided_at=LATE, path=LEAF)
CONSENT = Decision(id="2", project=SHOP, gate=Gate.PLAN, value="approve", path=ROOT_PATH)
OF_NOTHING = Decision(id="3", project=SHOP, question="gone/1", value="retry")


@pytest.fixture
def old(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a database at 0008 with a question, decisions on it, on a gate and on one that is gone, and a revision."""
    monkeypatch.setenv("MILLWRIGHT_DATABASE_URL", empty_database)
    command.upgrade(Config(INI), "0008")
    with create_engine(empty_database, poolclass=NullPool).begin() as connection:
        connection.execute(
            text(
                "INSERT INTO questions (project, id, path, text, options, open, created_at) "
                "VALUES ('shop', :id, :path, '?', '[\"retry\"]', true, :moment)"
            ),
            {"id": ASKED.id, "path": LEAF, "moment": EARLY},
        )
        for decision in (SAID, CONSENT, OF_NOTHING):
            connection.execute(
                text(
                    "INSERT INTO decisions (project, id, question, gate, value, by, note, decided_at, created_at) "
                    "VALUES ('shop', :id, :question, :gate, :value, '', '', :decided_at, :moment)"
                ),
                {**decision.model_dump(mode="json"), "decided_at": decision.decided_at, "moment": LATE},
            )
        asked = {"id": "q", "project": "bank", "path": "root", "text": "?", "options": ["retry"], "open": True}
        said = {"id": "1", "project": "bank", "question": "q", "gate": None, "value": "retry", "by": "", "note": ""}
        ended = {"project": {"id": "bank", "input_digest": "0" * 64}, "questions": [asked], "decisions": [said]}
        connection.execute(
            text("INSERT INTO revisions (project, revision, content) VALUES ('bank', 1, CAST(:content AS json))"),
            {"content": json.dumps(ended)},
        )
    return empty_database


async def test_old_questions_and_decisions_are_read_as_they_are_now(old: str) -> None:
    """A question has the age of its row, a decision the path of its question; nothing is made up beyond that."""
    command.upgrade(Config(INI), "head")
    async with open_store(old) as store:
        await store.open_project(project())
        assert await store.questions(SHOP) == (ASKED,) == await store.open_questions()
        assert await store.decisions(SHOP) == (OF_NOTHING, CONSENT, SAID)
        for decision in (SAID, CONSENT, OF_NOTHING):  # an activity of the old version that is tried again
            await store.save_decision(decision.model_copy(update={"path": None, "value": "again"}))
        assert "again" not in {decision.value for decision in await store.decisions(SHOP)}
        kept = (await store.revisions(ProjectId("bank")))[0]
        assert kept.questions[0].kind is QuestionKind.EXHAUSTED
        assert (kept.decisions[0].path, kept.decisions[0].through, kept.decisions[0].effect) == (None, None, "")


async def test_going_back_loses_no_decision(old: str) -> None:
    """The old version tells decisions apart by their ids alone, and knows no questions of gates."""
    command.upgrade(Config(INI), "head")
    gate = Question(
        id="gate/plan/1",
        project=SHOP,
        path=ROOT_PATH,
        text="?",
        options=("approve",),
        kind=QuestionKind.APPROVAL,
        gate=Gate.PLAN,
    )
    async with open_store(old) as store:
        await store.save_question(gate)
        for about, chosen in ((gate.id, Gate.PLAN), ("root.b/1", None), ("root.c/1", None)):
            await store.save_decision(
                Decision(id="1", project=SHOP, question=about, gate=chosen, value="x", through=Door.UPDATE)
            )
    command.downgrade(Config(INI), "0008")
    with create_engine(old, poolclass=NullPool).begin() as connection:
        decisions = connection.execute(text("SELECT id, question, gate FROM decisions ORDER BY id")).all()
        questions = connection.scalars(text("SELECT id FROM questions")).all()
    assert questions == [ASKED.id]
    assert [tuple(row) for row in decisions] == [
        ("1", ASKED.id, None),
        ("1 (gate/plan/1)", None, "plan"),
        ("1 (root.b/1)", "root.b/1", None),
        ("1 (root.c/1)", "root.c/1", None),
        ("2", None, "plan"),
        ("3", "gone/1", None),
    ]
    command.upgrade(Config(INI), "head")
    async with open_store(old) as store:
        assert len(await store.decisions(SHOP)) == 6
