"""How likely a part that was won is wrong all the same.

Revision 0004, after 0003. Of a part from before it nothing is predicted.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the prediction to a node."""
    op.add_column("nodes", sa.Column("defect", sa.Double(), nullable=True))


def downgrade() -> None:
    """Forget the predictions."""
    op.drop_column("nodes", "defect")
