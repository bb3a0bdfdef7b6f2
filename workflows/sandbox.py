"""What passes through Temporal's workflow sandbox, stated once for worker, tests and replayer.

Passing a module through makes it cheap and keeps the identity of its classes, but lets its calls reach the real clock
unchallenged; so the workflow tests run a second time with ``millwright.core`` kept inside, where the guard is alive.
"""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

DETERMINISTIC = (
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "typing_extensions",
    "schemas",
    "activities",
    "millwright",
)
"""Modules known to be deterministic: they are not imported again for each run."""

GUARDED = (*(name for name in DETERMINISTIC if name != "millwright"), "millwright.errors", "millwright.ports")
"""The same with ``millwright.core`` kept inside."""


def runner(*passed_through: str) -> SandboxedWorkflowRunner:
    """Make the runner that lets the given modules pass; DETERMINISTIC when none are given."""
    modules = passed_through or DETERMINISTIC
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*modules))
