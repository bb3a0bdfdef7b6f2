"""What became of a node after its part was won once: new plans, elections held again, candidates that are barred.

Revision 0006, after 0005. A node from before it was never reworked.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the rework of a node."""
    op.add_column("nodes", sa.Column("rework", sa.JSON(), server_default="{}", nullable=False))
    op.alter_column("nodes", "rework", server_default=None)


def downgrade() -> None:
    """Forget the rework."""
    op.drop_column("nodes", "rework")
