"""Attempts at a call, the ledger's totals, prompts, answers by call, and versions of breakers.

Revision 0008, after 0007. What was called before is the first attempt at its key, and counts in the totals on the day
on which it was reserved. A completion from before it is no answer to another call: it was stored without one.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

_TEXT = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)
_CALL = ["project", "path", "purpose", "round", "index", "revision"]
_SUMMED = ["prompt_tokens", "completion_tokens", "cost"]
_FIGURES = (
    "calls",
    "prompt_tokens",
    "completion_tokens",
    "nano_cost",
    "reserved_calls",
    "reserved_prompt_tokens",
    "reserved_completion_tokens",
    "reserved_nano_cost",
)
# The totals of a project's revision, and of all projects by day and for ever. Those of all projects are in 16 parts, of
# which all that comes before this revision goes to one: only their sum is ever read.
_TOTALS = """
INSERT INTO spent (scope, begins, part, {names})
SELECT {scope}, {begins}, {part}, {sums}
FROM ledger WHERE status <> 'released' GROUP BY 1, 2, 3
"""
_SCOPES = (
    ("project", "revision", "DATE '1970-01-01'"),
    ("''", "0", "CAST(timezone('UTC', created_at) AS date)"),
    ("''", "0", "DATE '1970-01-01'"),
)


def upgrade() -> None:
    """Number the attempts, add up what was spent, and make room for the rest."""
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)
            if column.server_default is not None:
                op.alter_column(table, column.name, server_default=None)
    _run("UPDATE completions SET model = l.model FROM ledger AS l WHERE {same}", same=_same_call("completions"))
    op.drop_constraint("ledger_pkey", "ledger", type_="primary")
    op.create_primary_key("ledger_pkey", "ledger", [*_CALL, "attempt"])
    op.drop_index("ledger_spend", "ledger")
    op.create_index(
        "completions_by_call",
        "completions",
        ["call", "created_at"],
        postgresql_where=sa.text("call IS NOT NULL"),
    )
    for moment in ("started_at", "finished_at"):
        # As text: JSON with an escaped NUL in it cannot be taken apart by Postgres. The project comes first in it.
        _run("UPDATE revisions SET {name} = {moment}", name=moment, moment=_moment(moment))
    op.create_table(
        "prompts",
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("content", _TEXT, nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "spent",
        sa.Column("scope", _TEXT, nullable=False),
        sa.Column("begins", sa.Date(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _FIGURES),
        sa.PrimaryKeyConstraint("scope", "begins", "part"),
    )
    for scope, part, begins in _SCOPES:
        _run(_TOTALS, names=", ".join(_FIGURES), scope=scope, part=part, begins=begins, sums=", ".join(_sums()))


def downgrade() -> None:
    """Keep the attempt at each call that tells the most, and forget the rest."""
    op.drop_table("spent")
    op.drop_table("prompts")
    # Settled before reserved, reserved before lost, and so on down; of equal ones the last.
    order = "array_position(ARRAY['settled', 'reserved', 'lost', 'refused', 'released'], {}.status), -{}.attempt"
    better = f"({order.format('o', 'o')}) < ({order.format('l', 'l')})"
    _run("DELETE FROM ledger AS l USING ledger AS o WHERE {same} AND {better}", same=_same_call("o"), better=better)
    # What 0007 does not know: both counted, at what is written in the row.
    _run("UPDATE ledger SET status = 'reserved' WHERE status = 'lost'")
    _run("UPDATE ledger SET status = 'released' WHERE status = 'refused'")
    op.drop_constraint("ledger_pkey", "ledger", type_="primary")
    op.create_primary_key("ledger_pkey", "ledger", _CALL)
    op.create_index("ledger_spend", "ledger", ["project", "revision", "status"], postgresql_include=_SUMMED)
    op.drop_index("completions_by_call", "completions")
    for table, columns in _added().items():
        for column in columns:
            op.drop_column(table, column.name)


def _added() -> dict[str, tuple[sa.Column[object], ...]]:
    """Make the new columns by table; a column belongs to one statement only."""
    return {
        "ledger": (
            sa.Column("attempt", sa.Integer(), server_default="1", nullable=False),
            sa.Column("call", _TEXT, nullable=True),
            sa.Column("choices", sa.Integer(), server_default="1", nullable=False),
            sa.Column("failure", _TEXT, server_default="", nullable=False),
            sa.Column("model_revision", _TEXT, server_default="", nullable=False),
        ),
        "completions": (
            sa.Column("call", _TEXT, nullable=True),
            sa.Column("choice", sa.Integer(), server_default="0", nullable=False),
            sa.Column("model", _TEXT, server_default="", nullable=False),
            sa.Column("recalled", sa.Boolean(), server_default=sa.false(), nullable=False),
        ),
        "breakers": (sa.Column("version", sa.Integer(), server_default="1", nullable=False),),
        "revisions": (
            sa.Column("started_at", _MOMENT, nullable=True),
            sa.Column("finished_at", _MOMENT, nullable=True),
        ),
    }


def _run(statement: str, **parts: str) -> None:
    op.execute(sa.text(statement.format(**parts)))


def _same_call(table: str) -> str:
    return " AND ".join(f'l."{name}" = {table}."{name}"' for name in _CALL)


def _moment(name: str) -> str:
    written = f'"{name}": "([^"]+)"'
    return f"CAST(substring(CAST(content AS text) from '{written}') AS timestamp with time zone)"


def _sums() -> list[str]:
    """Write the sums by figure: Postgres rounds doubles half to even, as Python does."""
    values = ("1", "prompt_tokens", "completion_tokens", "CAST(round(cost * 1000000000) AS bigint)")
    return [
        f"coalesce(sum({value}) FILTER (WHERE status {held} 'reserved'), 0)" for held in ("<>", "=") for value in values
    ]
