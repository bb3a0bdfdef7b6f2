"""What further looks at a winner came to.

Revision 0002, after 0001. A verdict from before it was never confirmed.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the confirmations of a verdict."""
    op.add_column("verdicts", sa.Column("confirmations", sa.JSON(), server_default="[]", nullable=False))
    op.alter_column("verdicts", "confirmations", server_default=None)


def downgrade() -> None:
    """Forget the confirmations."""
    op.drop_column("verdicts", "confirmations")
