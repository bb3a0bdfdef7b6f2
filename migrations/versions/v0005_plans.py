"""What a plan said of a node, and what was written: sizes by estimate and in fact, and the plan's promises.

Revision 0005, after 0004. Nodes from before it have no estimate, and nothing is known of their plans' promises.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

_NUMBERS = ("estimated_lines", "estimated_complexity", "lines", "complexity")


def upgrade() -> None:
    """Add the columns."""
    for name in _NUMBERS:
        op.add_column("nodes", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
        op.alter_column("nodes", name, server_default=None)
    op.add_column("nodes", sa.Column("promises", sa.JSON(), server_default="null", nullable=False))
    op.alter_column("nodes", "promises", server_default=None)


def downgrade() -> None:
    """Forget them."""
    for name in ("promises", *_NUMBERS):
        op.drop_column("nodes", name)
