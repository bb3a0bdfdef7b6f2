"""The tables of Millwright's database, as SQLAlchemy sees them.

It runs no statement and creates nothing: the migrations do, and a test compares the two.

There are no foreign keys on purpose: every row of a build would take a shared lock on its one project row, and a
retried activity may write its rows in any order.
"""

import re
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    func,
)

_MARK = "\x1a"
_UNSTORABLE = re.compile("[\x00\x1a\ud800-\udfff]")
_MARKED = re.compile(_MARK + "([0-9a-f]{4})")


class AnyText(TypeDecorator[str]):
    """Text with any code points at all, in the order of its code points.

    Postgres stores neither NUL nor lone surrogates, and models emit both. They are written as U+001A and four
    hexadecimal digits, and so is U+001A itself; all other text is stored as it stands. The collation is fixed because
    orders in which answers count must not depend on the server's language.
    """

    impl = Text
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(collation="C")

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape what Postgres cannot store."""
        if value is None:
            return None
        return _UNSTORABLE.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", str(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Undo the escapes."""
        if value is None or _MARK not in value:
            return value
        return _MARKED.sub(lambda found: chr(int(found[1], 16)), value)


class Moment(TypeDecorator[datetime]):
    """A moment in time, read in UTC whatever the session's time zone is."""

    impl = DateTime
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read the moment in UTC."""
        return None if value is None else value.astimezone(UTC)


def _key(name: str) -> Column[str]:
    return Column(name, AnyText(), primary_key=True)


def _text(name: str, *, optional: bool = False) -> Column[str]:
    return Column(name, AnyText(), nullable=optional)


def _number(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, Integer, primary_key=key, nullable=False)


def _large(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _measure(name: str, *, optional: bool = False) -> Column[float]:
    return Column(name, Double, nullable=optional)


def _tree(name: str) -> Column[object]:
    # The type is json and not jsonb: only json takes the escapes of NUL and lone surrogates. Lone surrogates that stand
    # side by side and together make a character come back as that character.
    return Column(name, JSON, nullable=False)


def _moment(name: str) -> Column[datetime]:
    return Column(name, Moment(), nullable=True)


def _clock(name: str) -> Column[datetime]:
    return Column(name, Moment(), nullable=False, server_default=func.now())


metadata = MetaData()

projects = Table(
    "projects",
    metadata,
    _key("id"),
    _text("input_digest"),
    _text("requirements", optional=True),
    _text("specification", optional=True),
    _text("target_language"),
    _text("package"),
    _large("seed"),
    _tree("options"),
    _text("status"),
    Column("exit_code", Integer, nullable=True),
    _text("message"),
    _text("workflow_id"),
    _text("run_id"),
    _text("manifest", optional=True),
    _text("report", optional=True),
    _moment("started_at"),
    _moment("finished_at"),
    _number("revision"),
    _clock("created_at"),
    _clock("updated_at"),
)
Index("projects_newest", projects.c.created_at)

nodes = Table(
    "nodes",
    metadata,
    _key("project"),
    _key("path"),
    _text("task"),
    _text("name"),
    _text("parent", optional=True),
    _text("archetype"),
    _text("status"),
    _text("specification"),
    _text("module"),
    _tree("dependencies"),
    _tree("children"),
    _text("artifact", optional=True),
    _text("candidate", optional=True),
    _number("votes"),
    _number("margin"),
    _number("k"),
    _number("samples"),
    _number("red_flags"),
    _tree("rejected_by_layer"),
    _measure("defect", optional=True),
    _text("note"),
    _number("estimated_lines"),
    _number("estimated_complexity"),
    _number("lines"),
    _number("complexity"),
    _tree("promises"),
    _tree("rework"),
    _clock("created_at"),
    _clock("updated_at"),
)
Index("nodes_by_status", nodes.c.project, nodes.c.status)

specifications = Table(
    "specifications",
    metadata,
    _key("digest"),
    _text("content"),
    _clock("created_at"),
)

completions = Table(
    "completions",
    metadata,
    _key("project"),
    _key("path"),
    _key("purpose"),
    _number("round", key=True),
    _number("index", key=True),
    _number("revision", key=True),
    _text("archetype"),
    _text("text"),
    _text("finish_reason"),
    _text("candidate", optional=True),
    _text("flag", optional=True),
    _text("detail"),
    _clock("created_at"),
    _clock("updated_at"),
)

candidates = Table(
    "candidates",
    metadata,
    _key("project"),
    _key("path"),
    _key("candidate"),
    _text("source"),
    _clock("created_at"),
)

verdicts = Table(
    "verdicts",
    metadata,
    _key("project"),
    _key("path"),
    _key("candidate"),
    _key("layer"),
    _text("status"),
    _text("reason"),
    _tree("findings"),
    _measure("seconds"),
    _tree("confirmations"),
    _clock("created_at"),
    _clock("updated_at"),
)

inputs = Table(
    "inputs",
    metadata,
    _key("specification_digest"),
    _text("generator"),
    _tree("vectors"),
    _clock("created_at"),
)

further_inputs = Table(
    "further_inputs",
    metadata,
    _key("project"),
    _key("path"),
    _key("digest"),
    _number("position"),
    _tree("arguments"),
    _text("origin"),
    Column("size", BigInteger, nullable=True),
    Column("stated", Boolean, nullable=False),
    _clock("created_at"),
)

claims = Table(
    "claims",
    metadata,
    _key("project"),
    _key("path"),
    _key("digest"),
    _tree("arguments"),
    _tree("expected"),
    _number("votes"),
    _clock("created_at"),
    _clock("updated_at"),
)

further_examples = Table(
    "further_examples",
    metadata,
    _key("project"),
    _key("path"),
    _key("name"),
    _number("position"),
    _tree("content"),
    _clock("created_at"),
)

artifacts = Table(
    "artifacts",
    metadata,
    _key("digest"),
    _text("media_type"),
    _large("size_bytes"),
    Column("content", LargeBinary, nullable=False),
    _clock("created_at"),
)

manifests = Table(
    "manifests",
    metadata,
    _key("project"),
    _key("manifest"),
    _clock("created_at"),
)

ledger = Table(
    "ledger",
    metadata,
    _key("project"),
    _key("path"),
    _key("purpose"),
    _number("round", key=True),
    _number("index", key=True),
    _number("revision", key=True),
    _text("archetype"),
    _text("prompt_version"),
    _text("prompt_digest"),
    _measure("temperature"),
    _large("seed"),
    _large("max_tokens"),
    _text("status"),
    _text("model"),
    _text("endpoint"),
    _text("finish_reason", optional=True),
    _large("prompt_tokens"),
    _large("completion_tokens"),
    _measure("cost"),
    _measure("latency_seconds"),
    _clock("created_at"),
    _clock("updated_at"),
)
# Carries what a sum of a revision's spend needs, so that a reservation reads the index and not the rows.
Index(
    "ledger_spend",
    ledger.c.project,
    ledger.c.revision,
    ledger.c.status,
    postgresql_include=["prompt_tokens", "completion_tokens", "cost"],
)

revisions = Table(
    "revisions",
    metadata,
    _key("project"),
    _number("revision", key=True),
    _tree("content"),
    _clock("created_at"),
)

accepted = Table(
    "accepted",
    metadata,
    _key("project"),
    _key("kind"),
    _key("identity"),
    _number("revision"),
    _tree("content"),
    _clock("created_at"),
    _clock("updated_at"),
)

breakers = Table(
    "breakers",
    metadata,
    _key("endpoint"),
    _text("state"),
    _number("failures"),
    _number("successes"),
    _moment("opened_at"),
    _clock("updated_at"),
)

questions = Table(
    "questions",
    metadata,
    _key("project"),
    _key("id"),
    _text("path"),
    _text("text"),
    _tree("options"),
    Column("open", Boolean, nullable=False),
    _clock("created_at"),
    _clock("updated_at"),
)

decisions = Table(
    "decisions",
    metadata,
    _key("project"),
    _key("id"),
    _text("question", optional=True),
    _text("gate", optional=True),
    _text("value"),
    _text("by"),
    _text("note"),
    _moment("decided_at"),
    _clock("created_at"),
)

forecasts = Table(
    "forecasts",
    metadata,
    _key("project"),
    _key("digest"),
    _tree("content"),
    _clock("created_at"),
    _clock("updated_at"),
)
