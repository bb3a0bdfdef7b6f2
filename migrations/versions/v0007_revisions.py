"""Projects that are built again on changed requirements: their revisions, and what was accepted under which identity.

Revision 0007, after 0006. What was built before it is a project's first revision, and nothing of it can be reused: it
was stored without identities.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

_TEXT = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)
_NOW = sa.func.now()
_CALLS = ("completions", "ledger")
_CALL = ["project", "path", "purpose", "round", "index"]
_SUMMED = ["prompt_tokens", "completion_tokens", "cost"]


def upgrade() -> None:
    """Count revisions, tell their calls apart, and make room for what they leave behind."""
    for table in ("projects", *_CALLS):
        op.add_column(table, sa.Column("revision", sa.Integer(), server_default="1", nullable=False))
        op.alter_column(table, "revision", server_default=None)
    for table in _CALLS:
        op.drop_constraint(f"{table}_pkey", table, type_="primary")
        op.create_primary_key(f"{table}_pkey", table, [*_CALL, "revision"])
    op.drop_index("ledger_spend", "ledger")
    op.create_index("ledger_spend", "ledger", ["project", "revision", "status"], postgresql_include=_SUMMED)
    op.create_table(
        "revisions",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "revision"),
    )
    op.create_table(
        "accepted",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("identity", _TEXT, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "kind", "identity"),
    )


def downgrade() -> None:
    """Forget earlier revisions, and the calls that were made for later ones."""
    op.drop_table("accepted")
    op.drop_table("revisions")
    op.drop_index("ledger_spend", "ledger")
    for table in _CALLS:
        rows = sa.table(table, sa.column("revision"))
        op.execute(sa.delete(rows).where(rows.c.revision > 1))
        op.drop_constraint(f"{table}_pkey", table, type_="primary")
        op.create_primary_key(f"{table}_pkey", table, _CALL)
    op.create_index("ledger_spend", "ledger", ["project", "status"], postgresql_include=_SUMMED)
    for table in ("projects", *_CALLS):
        op.drop_column(table, "revision")
