"""The first tables.

Revision 0001, after nothing. It holds the schema as it was then and imports nothing that may change later.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_TEXT = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)
_NOW = sa.func.now()

_TABLES = (
    "artifacts",
    "breakers",
    "candidates",
    "completions",
    "decisions",
    "forecasts",
    "inputs",
    "ledger",
    "manifests",
    "nodes",
    "projects",
    "questions",
    "specifications",
    "verdicts",
)


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "artifacts",
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("media_type", _TEXT, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "breakers",
        sa.Column("endpoint", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("successes", sa.Integer(), nullable=False),
        sa.Column("opened_at", _MOMENT, nullable=True),
        sa.Column("updated_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("endpoint"),
    )
    op.create_table(
        "candidates",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("candidate", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "path", "candidate"),
    )
    op.create_table(
        "completions",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("purpose", _TEXT, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("archetype", _TEXT, nullable=False),
        sa.Column("text", _TEXT, nullable=False),
        sa.Column("finish_reason", _TEXT, nullable=False),
        sa.Column("candidate", _TEXT, nullable=True),
        sa.Column("flag", _TEXT, nullable=True),
        sa.Column("detail", _TEXT, nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "path", "purpose", "round", "index"),
    )
    op.create_table(
        "decisions",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("question", _TEXT, nullable=True),
        sa.Column("gate", _TEXT, nullable=True),
        sa.Column("value", _TEXT, nullable=False),
        sa.Column("by", _TEXT, nullable=False),
        sa.Column("note", _TEXT, nullable=False),
        sa.Column("decided_at", _MOMENT, nullable=True),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "id"),
    )
    op.create_table(
        "forecasts",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "digest"),
    )
    op.create_table(
        "inputs",
        sa.Column("specification_digest", _TEXT, nullable=False),
        sa.Column("generator", _TEXT, nullable=False),
        sa.Column("vectors", sa.JSON(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("specification_digest"),
    )
    op.create_table(
        "ledger",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("purpose", _TEXT, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("archetype", _TEXT, nullable=False),
        sa.Column("prompt_version", _TEXT, nullable=False),
        sa.Column("prompt_digest", _TEXT, nullable=False),
        sa.Column("temperature", sa.Double(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("max_tokens", sa.BigInteger(), nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("model", _TEXT, nullable=False),
        sa.Column("endpoint", _TEXT, nullable=False),
        sa.Column("finish_reason", _TEXT, nullable=True),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.Column("latency_seconds", sa.Double(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "path", "purpose", "round", "index"),
    )
    op.create_index(
        "ledger_spend",
        "ledger",
        ["project", "status"],
        postgresql_include=["prompt_tokens", "completion_tokens", "cost"],
    )
    op.create_table(
        "manifests",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("manifest", _TEXT, nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "manifest"),
    )
    op.create_table(
        "nodes",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("task", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("parent", _TEXT, nullable=True),
        sa.Column("archetype", _TEXT, nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("specification", _TEXT, nullable=False),
        sa.Column("module", _TEXT, nullable=False),
        sa.Column("dependencies", sa.JSON(), nullable=False),
        sa.Column("children", sa.JSON(), nullable=False),
        sa.Column("artifact", _TEXT, nullable=True),
        sa.Column("candidate", _TEXT, nullable=True),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("margin", sa.Integer(), nullable=False),
        sa.Column("k", sa.Integer(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("red_flags", sa.Integer(), nullable=False),
        sa.Column("rejected_by_layer", sa.JSON(), nullable=False),
        sa.Column("note", _TEXT, nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "path"),
    )
    op.create_index("nodes_by_status", "nodes", ["project", "status"])
    op.create_table(
        "projects",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("input_digest", _TEXT, nullable=False),
        sa.Column("requirements", _TEXT, nullable=True),
        sa.Column("specification", _TEXT, nullable=True),
        sa.Column("target_language", _TEXT, nullable=False),
        sa.Column("package", _TEXT, nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("message", _TEXT, nullable=False),
        sa.Column("workflow_id", _TEXT, nullable=False),
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("manifest", _TEXT, nullable=True),
        sa.Column("report", _TEXT, nullable=True),
        sa.Column("started_at", _MOMENT, nullable=True),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("projects_newest", "projects", ["created_at"])
    op.create_table(
        "questions",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("text", _TEXT, nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "id"),
    )
    op.create_table(
        "specifications",
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("content", _TEXT, nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "verdicts",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("candidate", _TEXT, nullable=False),
        sa.Column("layer", _TEXT, nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "path", "candidate", "layer"),
    )


def downgrade() -> None:
    """Drop every table, with all that is in it."""
    for table in _TABLES:
        op.drop_table(table)
