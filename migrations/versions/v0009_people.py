"""What people are asked and what they decide, in full; a decision's id is unique to its question.

Revision 0009, after 0008. A question from before it was asked when its row was written, because nobody had won. A
decision from before it is about its question, or about its gate, which had no question of its own.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None

_TEXT = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add what a question and a decision did not say, and tell decisions on different questions apart."""
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)
            if column.server_default is not None:
                op.alter_column(table, column.name, server_default=None)
    op.execute(sa.text("UPDATE questions SET asked_at = created_at"))
    op.create_index("questions_open", "questions", ["project", "id"], postgresql_where=sa.text("open"))
    op.execute(sa.text("UPDATE decisions SET about = coalesce(question, gate, '')"))
    op.execute(sa.text("UPDATE decisions SET path = 'root' WHERE question IS NULL AND gate IS NOT NULL"))
    op.execute(
        sa.text(
            "UPDATE decisions SET path = q.path FROM questions AS q "
            "WHERE q.project = decisions.project AND q.id = decisions.question"
        )
    )
    op.drop_constraint("decisions_pkey", "decisions", type_="primary")
    op.create_primary_key("decisions_pkey", "decisions", ["project", "about", "id"])


def downgrade() -> None:
    """Forget the questions of gates and what else 0008 has no place for; every decision stays.

    Of decisions with the same id in one project the first keeps it; the others get what they are about after it.
    """
    op.execute(sa.text("DELETE FROM questions WHERE kind = 'approval'"))
    op.execute(sa.text("UPDATE decisions SET question = NULL WHERE gate IS NOT NULL"))
    op.execute(
        sa.text(
            "UPDATE decisions SET id = decisions.id || ' (' || decisions.about || ')' FROM decisions AS o "
            "WHERE o.project = decisions.project AND o.id = decisions.id "
            "AND (o.created_at, o.about) < (decisions.created_at, decisions.about)"
        )
    )
    op.drop_constraint("decisions_pkey", "decisions", type_="primary")
    op.create_primary_key("decisions_pkey", "decisions", ["project", "id"])
    op.drop_index("questions_open", "questions")
    for table, columns in _added().items():
        for column in columns:
            op.drop_column(table, column.name)


def _added() -> dict[str, tuple[sa.Column[object], ...]]:
    """Make the new columns by table; a column belongs to one statement only."""
    return {
        "questions": (
            sa.Column("kind", _TEXT, server_default="exhausted", nullable=False),
            sa.Column("gate", _TEXT, nullable=True),
            sa.Column("inputs", sa.JSON(), server_default="{}", nullable=False),
            sa.Column("choices", sa.JSON(), server_default="[]", nullable=False),
            sa.Column("tolerance", sa.Double(), nullable=True),
            sa.Column("assignee", _TEXT, server_default="", nullable=False),
            sa.Column("asked_at", _MOMENT, nullable=True),
            sa.Column("due_at", _MOMENT, nullable=True),
        ),
        "decisions": (
            sa.Column("about", _TEXT, server_default="", nullable=False),
            sa.Column("path", _TEXT, nullable=True),
            sa.Column("through", _TEXT, nullable=True),
            sa.Column("effect", _TEXT, server_default="", nullable=False),
            sa.Column("content", sa.JSON(), nullable=True),
            sa.Column("refused", sa.Boolean(), server_default=sa.false(), nullable=False),
        ),
    }
