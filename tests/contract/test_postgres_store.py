"""What the Postgres store promises beyond every store: rows as people read them, and a database that fails."""

import asyncio
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy import Table, create_engine, event

from millwright.adapters.storage import tables
from millwright.adapters.storage.columns import AnyText
from millwright.adapters.storage.database import database_url as read_url
from millwright.adapters.storage.database import shown_url
from millwright.adapters.storage.postgres import open_store
from millwright.errors import BadInput, BudgetReached, DatabaseUnavailable, IntegrityError, SchemaOutdated
from schemas.base import Schema
from schemas.breakers import Breaker
from schemas.claims import Claim
from schemas.digests import digest_of_bytes
from schemas.evidence import CompletionRecord, NodeRecord, ProjectRecord
from schemas.identity import Archetype, NodePath, ProjectId, TaskId
from schemas.models import Budget, CallKey, LedgerEntry
from schemas.people import Decision, Question
from schemas.specification import TaskSpecification
from schemas.verification import InputSet, InputVector, Verdict
from tests.postgres_fixture import PostgresServer

DIALECT = create_engine("postgresql+psycopg://").dialect
SHOP = ProjectId("shop")


def name_of(url: str) -> str:
    """Return the database's name in one of the fixture's URLs."""
    return read_url(url).database or ""


def call(index: int) -> LedgerEntry:
    """Make a call of the project."""
    return LedgerEntry(
        key=CallKey(project=SHOP, path=NodePath("root"), purpose="code", round=0, index=index),
        archetype=Archetype.CODER,
        prompt_version="coder/1",
        prompt_digest=digest_of_bytes(b"prompt"),
        temperature=0.0,
        seed=0,
        max_tokens=1,
    )


@settings(database=None)
@given(st.text(st.characters()))
def test_every_text_survives_its_escaping(text: str) -> None:
    """Any code points come back, and what goes to the server is what the server takes."""
    column = AnyText()
    written = column.process_bind_param(text, DIALECT)
    assert written is not None
    assert "\x00" not in written
    written.encode("utf-8")
    assert column.process_result_value(written, DIALECT) == text


@settings(database=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\x1a")))
def test_ordinary_text_is_stored_as_it_stands(text: str) -> None:
    """Whoever reads the table with another tool sees the text itself."""
    assert AnyText().process_bind_param(text, DIALECT) == text


@pytest.mark.parametrize(
    ("schema", "table", "elsewhere"),
    [
        (ProjectRecord, tables.projects, set()),
        (NodeRecord, tables.nodes, set()),
        (CompletionRecord, tables.completions, {"project"}),
        (CallKey, tables.ledger, set(LedgerEntry.model_fields) - {"key"}),
        (Verdict, tables.verdicts, {"project", "path", "candidate"}),
        (InputSet, tables.inputs, set()),
        (InputVector, tables.further_inputs, {"project", "path", "digest", "position"}),
        (Claim, tables.claims, {"project", "path", "digest"}),
        (Question, tables.questions, set()),
        (Breaker, tables.breakers, set()),
        (Decision, tables.decisions, {"about"}),
    ],
)
def test_every_field_has_its_column(schema: type[Schema], table: Table, elsewhere: set[str]) -> None:
    """A field that is added to a schema needs a column and a migration."""
    columns = {column.name for column in table.columns} - {"created_at", "updated_at"}
    assert columns == set(schema.model_fields) | elsewhere


@pytest.mark.postgres
async def test_tampered_rows_are_noticed(database_url: str, postgres_server: PostgresServer) -> None:
    """Bytes and specifications that were changed behind the store's back are never returned."""
    async with open_store(database_url) as store:
        artifact = await store.put(b"genuine", "text/plain")
        specification = await store.save_specification(TaskSpecification(id=TaskId("t"), name="genuine"))
        with postgres_server.connect(name_of(database_url)) as connection:
            connection.execute("UPDATE artifacts SET content = 'forged'")
            connection.execute("UPDATE specifications SET content = replace(content, 'genuine', 'forged')")
        with pytest.raises(IntegrityError, match=artifact):
            await store.get(artifact)
        with pytest.raises(IntegrityError, match=specification):
            await store.specification(specification)


@pytest.mark.postgres
async def test_a_cap_holds_across_stores(database_url: str) -> None:
    """Two workers with engines of their own never pass a cap together."""
    async with open_store(database_url) as one, open_store(database_url) as two:
        outcomes = await asyncio.gather(
            *((one, two)[index % 2].reserve(call(index), Budget(max_calls=20)) for index in range(50)),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, LedgerEntry) for outcome in outcomes) == 20
        assert sum(isinstance(outcome, BudgetReached) for outcome in outcomes) == 30
        assert (await one.spend(SHOP)).reserved.calls == 20


@pytest.mark.postgres
async def test_a_cap_holds_where_the_database_isolates_more_strictly(
    database_url: str, postgres_server: PostgresServer
) -> None:
    """A database whose default isolation freezes its view at the lock would count too little; the engine's does not."""
    statement = sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'repeatable read'")
    with postgres_server.connect("postgres") as connection:
        connection.execute(statement.format(sql.Identifier(name_of(database_url))))
    async with open_store(database_url) as store:
        outcomes = await asyncio.gather(
            *(store.reserve(call(index), Budget(max_calls=5)) for index in range(20)), return_exceptions=True
        )
    assert sum(isinstance(outcome, LedgerEntry) for outcome in outcomes) == 5


@pytest.mark.postgres
async def test_the_inbox_does_not_grow_slower_with_what_was_answered(
    database_url: str, postgres_server: PostgresServer
) -> None:
    """One query reads what is open by an index of its own, and never the questions of the past."""
    async with open_store(database_url) as store:
        await store.open_project(ProjectRecord(id=SHOP, input_digest=digest_of_bytes(b"a shop")))
        asked = Question(id="q", project=SHOP, path=NodePath("root"), text="?", options=("retry",))
        await store.save_question(asked)
        with postgres_server.connect(name_of(database_url)) as connection:
            same = "project, path, text, options, kind, inputs, choices, assignee"
            connection.execute(
                f"INSERT INTO questions (id, open, {same}) SELECT 'closed/' || n, false, {same} "
                "FROM questions, generate_series(1, 5000) AS n"
            )
            connection.execute("ANALYZE")
        statements: list[str] = []
        event.listen(store._engine.sync_engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
        assert await store.open_questions() == (asked,)
    assert len(statements) == 1
    with postgres_server.connect(name_of(database_url)) as connection:
        plan = "\n".join(str(line) for (line,) in connection.execute(f"EXPLAIN {statements[0]}"))
    assert "questions_open" in plan
    assert "Seq Scan on questions" not in plan


@pytest.mark.postgres
async def test_a_cut_connection_is_replaced(database_url: str, postgres_server: PostgresServer) -> None:
    """A server that restarts between two calls costs the store its connections and nothing else."""
    async with open_store(database_url) as store:
        stored = await store.put(b"kept", "text/plain")
        with postgres_server.connect("postgres") as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name_of(database_url),)
            )
        assert await store.get(stored) == b"kept"


@pytest.mark.postgres
async def test_a_missing_table_names_the_command_that_makes_it(
    database_url: str, postgres_server: PostgresServer
) -> None:
    """A store whose table is gone says that the schema is not what it needs."""
    async with open_store(database_url) as store:
        with postgres_server.connect(name_of(database_url)) as connection:
            connection.execute("DROP TABLE questions")
        with pytest.raises(SchemaOutdated, match="migration upgrade"):
            await store.questions(SHOP)


async def test_a_database_that_does_not_answer_is_unavailable_and_its_password_stays_secret() -> None:
    """The message names the place and the reason, and no secret."""
    password = secrets.token_hex(8)
    url = f"postgresql://ada:{password}@/mill?host=/nonexistent-{secrets.token_hex(4)}&sslpassword={password}"
    with pytest.raises(DatabaseUnavailable, match="does not answer") as caught:
        async with open_store(url):
            pytest.fail("a database that is not there was opened")
    assert password not in str(caught.value)
    assert "ada:***@/mill" in str(caught.value)


@pytest.mark.postgres
async def test_an_unknown_database_is_unavailable(postgres_server: PostgresServer) -> None:
    """A server that refuses the connection is reported with its own reason."""
    with pytest.raises(DatabaseUnavailable, match='database "nowhere" does not exist'):
        async with open_store(postgres_server.url("nowhere")):
            pytest.fail("a database that is not there was opened")


def test_any_usual_spelling_of_the_url_is_read() -> None:
    """The short schemes that other tools print are understood, and secrets in the query are masked."""
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        url = read_url(f"{scheme}://ada:secret@db.example:5432/mill?password=secret")
        assert url.drivername == "postgresql+psycopg"
        assert "secret" not in shown_url(url)


@pytest.mark.parametrize(
    "url", ["", "mill", "mysql://ada:secret@db/mill", "postgresql+asyncpg://db", "postgres://db:x/"]
)
def test_another_kind_of_url_is_bad_input(url: str) -> None:
    """A URL that cannot be used is refused before anything is connected, and its secrets are not repeated."""
    with pytest.raises(BadInput) as caught:
        read_url(url)
    assert "secret" not in str(caught.value)
