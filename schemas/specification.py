"""The task specification: what a node must satisfy.

It fixes fields and their shapes only. Whether a specification agrees with itself (types, expressions, examples,
dependencies) is decided by ``millwright.core.specification``, which lists every fault at once.
"""

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from schemas.base import Schema
from schemas.identity import RequirementId, TaskId


class TaskType(StrEnum):
    """What kind of answer a task asks for."""

    DECOMPOSITION = "decomposition"
    SPECIFICATION = "specification"
    CODE_GENERATION = "code_generation"
    VERIFICATION = "verification"
    INTEGRATION = "integration"


class Parameter(Schema):
    """An input or an output: a name, a Python annotation and the constraints on its values."""

    name: str
    type_annotation: str
    description: str = ""
    constraints: tuple[str, ...] = ()


class Condition(Schema):
    """A pre-, postcondition or invariant: an expression of the safe subset."""

    name: str
    expression: str
    description: str = ""


class TestCase(Schema):
    """An example: inputs by name, and either the expected output or the exception that must be raised.

    ``shows`` names the requirements that it shows to be met.
    """

    __test__ = False  # not a test class for pytest

    name: str
    inputs: dict[str, JsonValue]
    expected_output: JsonValue = None
    raises: str | None = None
    tolerance: float | None = Field(default=None, ge=0)
    description: str = ""
    shows: tuple[RequirementId, ...] = ()

    @model_validator(mode="after")
    def _demand_an_outcome(self) -> Self:
        if self.raises is None and "expected_output" not in self.model_fields_set:
            raise ValueError("give either expected_output or raises")
        if self.raises is not None and self.expected_output is not None:
            raise ValueError("give expected_output or raises, not both")
        return self


class Property(Schema):
    """A property: Python source of one function over the inputs that calls the function under test and asserts.

    ``shows`` names the requirements that it shows to be met.
    """

    name: str
    property_function: str
    description: str = ""
    shows: tuple[RequirementId, ...] = ()


class RecordField(Schema):
    """One field of a record."""

    name: str
    type_annotation: str
    description: str = ""


class Record(Schema):
    """A record type that a specification declares: an immutable value with named fields."""

    name: str
    fields: tuple[RecordField, ...] = Field(min_length=1)
    description: str = ""


class DeclaredError(Schema):
    """An exception type that a specification declares, under a built-in or another declared one."""

    name: str
    base: str = "Exception"
    description: str = ""


class Grants(Schema):
    """What a task may use beyond pure code, in the security layer and in the sandbox alike; nothing by default.

    ``imports`` are further modules (dotted; a package grants what is below it), ``names`` further built-in names
    (``open``). ``files`` are absolute paths of directories: inside the sandbox each is a private, empty, writable one
    that goes with the process, and nothing of the host. Network, processes and code execution cannot be granted.
    """

    imports: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class TaskSpecification(Schema):
    """What a node must satisfy: interface, contracts, examples, properties, limits.

    ``outputs``: none means that the function returns None, several are a tuple. ``timeout_ms`` is milliseconds of
    wall-clock for one call. ``max_lines`` counts lines of code, without comments and docstrings. ``requirements`` are
    the numbered ones that the task answers for.
    """

    id: TaskId
    name: str
    description: str = ""
    task_type: TaskType = TaskType.CODE_GENERATION
    target_language: str = "python"
    inputs: tuple[Parameter, ...] = ()
    outputs: tuple[Parameter, ...] = ()
    preconditions: tuple[Condition, ...] = ()
    postconditions: tuple[Condition, ...] = ()
    invariants: tuple[Condition, ...] = ()
    dependencies: tuple[TaskId, ...] = ()
    parent: TaskId | None = None
    children: tuple[TaskId, ...] = ()
    test_cases: tuple[TestCase, ...] = ()
    properties: tuple[Property, ...] = ()
    max_complexity: int = Field(default=10, ge=1, le=1000)
    max_lines: int = Field(default=20, ge=1, le=10_000)
    timeout_ms: int = Field(default=5000, ge=1, le=600_000)
    priority: int = 0
    estimated_difficulty: float = Field(default=0.5, ge=0, le=1)
    records: tuple[Record, ...] = ()
    errors: tuple[DeclaredError, ...] = ()
    grants: Grants = Grants()
    requirements: tuple[RequirementId, ...] = ()

    @property
    def has_interface(self) -> bool:
        """Whether the task is a function of its own; a group of children without inputs and outputs is not."""
        return bool(self.inputs or self.outputs)


class SpecificationDocument(Schema):
    """A file of task specifications; its records and errors are visible to every task in it."""

    tasks: tuple[TaskSpecification, ...]
    records: tuple[Record, ...] = ()
    errors: tuple[DeclaredError, ...] = ()
    format: Literal["millwright/1"] = "millwright/1"


class Fault(Schema):
    """One fault of a specification: where it stands (``tasks[2].inputs[0]``, line 17) and what is wrong."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"
