"""What agents propose for a node beside code: inputs, claims, and examples that a vote settled.

Revision 0003, after 0002. Nodes from before it have none.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_TEXT = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)
_NOW = sa.func.now()


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "further_inputs",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("origin", _TEXT, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("stated", sa.Boolean(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "path", "digest"),
    )
    op.create_table(
        "claims",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("expected", sa.JSON(), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "path", "digest"),
    )
    op.create_table(
        "further_examples",
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("project", "path", "name"),
    )


def downgrade() -> None:
    """Forget what was proposed."""
    for table in ("further_examples", "claims", "further_inputs"):
        op.drop_table(table)
