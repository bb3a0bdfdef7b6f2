"""The tables of Millwright's database, as SQLAlchemy sees them.

It runs no statement and creates nothing: the migrations do, and a test compares the two.

There are no foreign keys on purpose: every row of a build would take a shared lock on its one project row, and a
retried activity may write its rows in any order.
"""

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, LargeBinary, MetaData, Table

from millwright.adapters.storage.columns import clock, key, large, measure, moment, number, text, tree

metadata = MetaData()

projects = Table(
    "projects",
    metadata,
    key("id"),
    text("input_digest"),
    text("requirements", optional=True),
    text("specification", optional=True),
    text("target_language"),
    text("package"),
    large("seed"),
    tree("options"),
    text("status"),
    Column("exit_code", Integer, nullable=True),
    text("message"),
    text("workflow_id"),
    text("run_id"),
    text("manifest", optional=True),
    text("report", optional=True),
    moment("started_at"),
    moment("finished_at"),
    number("revision"),
    clock("created_at"),
    clock("updated_at"),
)
Index("projects_newest", projects.c.created_at)

nodes = Table(
    "nodes",
    metadata,
    key("project"),
    key("path"),
    text("task"),
    text("name"),
    text("parent", optional=True),
    text("archetype"),
    text("status"),
    text("specification"),
    text("module"),
    tree("dependencies"),
    tree("children"),
    text("artifact", optional=True),
    text("candidate", optional=True),
    number("votes"),
    number("margin"),
    number("k"),
    number("samples"),
    number("red_flags"),
    tree("rejected_by_layer"),
    measure("defect", optional=True),
    text("note"),
    number("estimated_lines"),
    number("estimated_complexity"),
    number("lines"),
    number("complexity"),
    tree("promises"),
    tree("rework"),
    clock("created_at"),
    clock("updated_at"),
)
Index("nodes_by_status", nodes.c.project, nodes.c.status)

specifications = Table(
    "specifications",
    metadata,
    key("digest"),
    text("content"),
    clock("created_at"),
)

completions = Table(
    "completions",
    metadata,
    key("project"),
    key("path"),
    key("purpose"),
    number("round", key=True),
    number("index", key=True),
    number("revision", key=True),
    text("archetype"),
    text("text"),
    text("finish_reason"),
    text("candidate", optional=True),
    text("flag", optional=True),
    text("detail"),
    text("call", optional=True),
    number("choice"),
    text("model"),
    Column("recalled", Boolean, nullable=False),
    clock("created_at"),
    clock("updated_at"),
)
Index(
    "completions_by_call",
    completions.c.call,
    completions.c.created_at,
    postgresql_where=completions.c.call.is_not(None),
)

prompts = Table(
    "prompts",
    metadata,
    key("digest"),
    text("content"),
    clock("created_at"),
)

candidates = Table(
    "candidates",
    metadata,
    key("project"),
    key("path"),
    key("candidate"),
    text("source"),
    clock("created_at"),
)

verdicts = Table(
    "verdicts",
    metadata,
    key("project"),
    key("path"),
    key("candidate"),
    key("layer"),
    text("status"),
    text("reason"),
    tree("findings"),
    measure("seconds"),
    tree("confirmations"),
    clock("created_at"),
    clock("updated_at"),
)

inputs = Table(
    "inputs",
    metadata,
    key("specification_digest"),
    text("generator"),
    tree("vectors"),
    clock("created_at"),
)

further_inputs = Table(
    "further_inputs",
    metadata,
    key("project"),
    key("path"),
    key("digest"),
    number("position"),
    tree("arguments"),
    text("origin"),
    Column("size", BigInteger, nullable=True),
    Column("stated", Boolean, nullable=False),
    clock("created_at"),
)

claims = Table(
    "claims",
    metadata,
    key("project"),
    key("path"),
    key("digest"),
    tree("arguments"),
    tree("expected"),
    number("votes"),
    clock("created_at"),
    clock("updated_at"),
)

further_examples = Table(
    "further_examples",
    metadata,
    key("project"),
    key("path"),
    key("name"),
    number("position"),
    tree("content"),
    clock("created_at"),
)

artifacts = Table(
    "artifacts",
    metadata,
    key("digest"),
    text("media_type"),
    large("size_bytes"),
    Column("content", LargeBinary, nullable=False),
    clock("created_at"),
)

manifests = Table(
    "manifests",
    metadata,
    key("project"),
    key("manifest"),
    clock("created_at"),
)

ledger = Table(
    "ledger",
    metadata,
    key("project"),
    key("path"),
    key("purpose"),
    number("round", key=True),
    number("index", key=True),
    number("revision", key=True),
    number("attempt", key=True),
    text("call", optional=True),
    number("choices"),
    text("failure"),
    text("archetype"),
    text("prompt_version"),
    text("prompt_digest"),
    measure("temperature"),
    large("seed"),
    large("max_tokens"),
    text("status"),
    text("model"),
    text("model_revision"),
    text("endpoint"),
    text("finish_reason", optional=True),
    large("prompt_tokens"),
    large("completion_tokens"),
    measure("cost"),
    measure("latency_seconds"),
    clock("created_at"),
    clock("updated_at"),
)

# What the ledger's rows add up to, so that a reservation need not add them up. A scope is a project, with its revision
# as the part, or all projects together (""), split into parts so that projects seldom wait for each other. It counts
# from the day on which it begins, in UTC; 1970-01-01 stands for ever.
spent = Table(
    "spent",
    metadata,
    key("scope"),
    Column("begins", Date, primary_key=True),
    number("part", key=True),
    large("calls"),
    large("prompt_tokens"),
    large("completion_tokens"),
    large("nano_cost"),
    large("reserved_calls"),
    large("reserved_prompt_tokens"),
    large("reserved_completion_tokens"),
    large("reserved_nano_cost"),
)

revisions = Table(
    "revisions",
    metadata,
    key("project"),
    number("revision", key=True),
    tree("content"),
    moment("started_at"),
    moment("finished_at"),
    clock("created_at"),
)

accepted = Table(
    "accepted",
    metadata,
    key("project"),
    key("kind"),
    key("identity"),
    number("revision"),
    tree("content"),
    clock("created_at"),
    clock("updated_at"),
)

breakers = Table(
    "breakers",
    metadata,
    key("endpoint"),
    text("state"),
    number("failures"),
    number("successes"),
    moment("opened_at"),
    number("version"),
    clock("updated_at"),
)

questions = Table(
    "questions",
    metadata,
    key("project"),
    key("id"),
    text("path"),
    text("text"),
    tree("options"),
    Column("open", Boolean, nullable=False),
    text("kind"),
    text("gate", optional=True),
    tree("inputs"),
    tree("choices"),
    measure("tolerance", optional=True),
    text("assignee"),
    moment("asked_at"),
    moment("due_at"),
    clock("created_at"),
    clock("updated_at"),
)
Index("questions_open", questions.c.project, questions.c.id, postgresql_where=questions.c.open)

# What a decision is about is its question, or in rows from before gates had questions of their own its gate.
decisions = Table(
    "decisions",
    metadata,
    key("project"),
    key("about"),
    key("id"),
    text("question", optional=True),
    text("gate", optional=True),
    text("value"),
    text("by"),
    text("note"),
    moment("decided_at"),
    text("path", optional=True),
    text("through", optional=True),
    text("effect"),
    tree("content", optional=True),
    Column("refused", Boolean, nullable=False),
    clock("created_at"),
)

forecasts = Table(
    "forecasts",
    metadata,
    key("project"),
    key("digest"),
    tree("content"),
    clock("created_at"),
    clock("updated_at"),
)
