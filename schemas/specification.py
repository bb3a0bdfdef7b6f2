"""The task specification: what a node must satisfy.

It fixes fields and their shapes only. Whether a specification agrees with itself (types, expressions, examples,
dependencies) is decided by ``millwright.core.specification``, which lists every fault at once.
"""

from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic.json_schema import SkipJsonSchema

from schemas.base import Schema
from schemas.identity import RequirementId, TaskId


class TaskType(StrEnum):
    """What kind of answer a task asks for."""

    DECOMPOSITION = "decomposition"
    SPECIFICATION = "specification"
    CODE_GENERATION = "code_generation"
    VERIFICATION = "verification"
    INTEGRATION = "integration"


class TaskKind(StrEnum):
    """What a task's code is, and so what one call of it means.

    ``class``: an object is made, methods are called in order, its state is read at the end. ``command``: a function of
    arguments that reads standard input, prints, and returns or exits with a status. ``http_handler``: a WSGI
    application, started anew on a port for each sequence of requests. ``file``: a text in a format, which its
    ``target_language`` names; its one call returns what the file says.
    """

    FUNCTION = "function"
    ASYNC_FUNCTION = "async_function"
    CLASS = "class"
    COMMAND = "command"
    HTTP_HANDLER = "http_handler"
    FILE = "file"

    @property
    def words(self) -> str:
        """Name it as people do."""
        return {TaskKind.ASYNC_FUNCTION: "asynchronous function", TaskKind.HTTP_HANDLER: "handler of HTTP"}.get(
            self, self.value
        )


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


class Method(Schema):
    """A method of a class, or what a handler of HTTP answers.

    ``raises`` are the exceptions that belong to its interface. ``request`` is a handler's: the verb and a template of
    the path (``GET /items/{id}``). Inputs that the template names stand in it, one named ``body`` is sent as JSON, and
    the others are the query.
    """

    name: str
    inputs: tuple[Parameter, ...] = ()
    outputs: tuple[Parameter, ...] = ()
    raises: tuple[str, ...] = ()
    request: str = ""
    description: str = ""


REQUEST = Method(
    name="request",
    inputs=(
        Parameter(name="verb", type_annotation="str", constraints=('verb in ["GET", "POST", "PUT", "DELETE"]',)),
        Parameter(name="path", type_annotation="str", constraints=('path in ["/", "/nowhere"]',)),
        Parameter(name="content", type_annotation="str"),
    ),
    description="Send any request, as one that no other names.",
)
"""What can be asked of every handler of HTTP beside what its specification names; its constraints bound the draws."""


class MethodCall(Schema):
    """One step of an example: a method, its inputs by name, and what it must return or raise."""

    method: str
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    expected_output: JsonValue = None
    raises: str | None = None

    @model_validator(mode="after")
    def _demand_one_outcome(self) -> Self:
        if self.raises is not None and self.expected_output is not None:
            raise ValueError("give expected_output or raises, not both")
        return self


_Written = dict[str, Any]


class TestCase(Schema):
    """An example: inputs by name, and either the expected output or the exception that must be raised.

    ``shows`` names the requirements that it shows to be met.

    Of a class or a handler of HTTP: ``calls`` in order, each with its own outcome, and the state that they lead to.
    """

    __test__ = False  # not a test class for pytest

    name: str
    inputs: dict[str, JsonValue]
    expected_output: JsonValue = None
    raises: str | None = None
    tolerance: float | None = Field(default=None, ge=0)
    description: str = ""
    shows: tuple[RequirementId, ...] = ()
    calls: tuple[MethodCall, ...] = ()
    expected_state: dict[str, JsonValue] | None = None

    @model_validator(mode="after")
    def _demand_an_outcome(self) -> Self:
        if self.raises is None and not self.model_fields_set & {"expected_output", "expected_state", "calls"}:
            raise ValueError("give either expected_output or raises")
        if self.raises is not None and self.expected_output is not None:
            raise ValueError("give expected_output or raises, not both")
        return self

    @model_serializer(mode="wrap")
    def _without_what_was_not_said(self, write: SerializerFunctionWrapHandler) -> _Written:
        """Leave out the fields of other kinds, so that an example of a function has the digest that it always had."""
        return _without(write(self), {"calls": not self.calls, "expected_state": self.expected_state is None})


def _without(written: _Written, absent: dict[str, bool]) -> _Written:
    return {name: value for name, value in written.items() if not absent.get(name, False)}


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


class Shape(Record):
    """A record that stands for calls and what came of them; the harness makes it, and no module defines it."""

    fields: tuple[RecordField, ...] = ()


class DeclaredError(Schema):
    """An exception type that a specification declares, under a built-in or another declared one."""

    name: str
    base: str = "Exception"
    description: str = ""


class PackageGrant(Schema):
    """A third-party package: a distribution with bounds on its version, and the modules that it brings along."""

    requirement: str
    modules: tuple[str, ...] = Field(min_length=1)


class Grants(Schema):
    """What a task may use beyond pure code, in the security layer and in the sandbox alike; nothing by default.

    ``imports`` are further modules (dotted; a package grants what is below it), ``names`` further built-in names
    (``open``). ``files`` are absolute paths of directories: inside the sandbox each is a private, empty, writable one
    that goes with the process, and nothing of the host. Network, processes and code execution cannot be granted.
    ``packages`` are third-party ones, all of Python: present for candidates, and dependencies of the deliverable.
    """

    imports: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    packages: tuple[PackageGrant, ...] = ()

    @model_serializer(mode="wrap")
    def _without_what_is_not_granted(self, write: SerializerFunctionWrapHandler) -> _Written:
        """Leave packages out where there are none: older specifications keep their digests."""
        return _without(write(self), {"packages": not self.packages})


class TaskSpecification(Schema):
    """What a node must satisfy: interface, contracts, examples, properties, limits.

    ``outputs``: none means that the function returns None, several are a tuple. ``timeout_ms`` is milliseconds of
    wall-clock for one call. ``max_lines`` counts lines of code, without comments and docstrings. ``requirements`` are
    the numbered ones that the task answers for.

    Of a class ``inputs`` are the constructor's, ``methods`` what may be called, and ``state`` the attributes that may
    be read. Of a file ``content`` is the type of what it says, an annotation as for inputs. ``shapes`` are derived
    (``millwright.core.kinds``) and stand in no file.
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
    kind: TaskKind = TaskKind.FUNCTION
    methods: tuple[Method, ...] = ()
    state: tuple[Parameter, ...] = ()
    content: str = ""
    shapes: SkipJsonSchema[tuple[Shape, ...]] = ()

    @property
    def has_interface(self) -> bool:
        """Whether the task has code of its own; a group of children without inputs and outputs has none."""
        return bool(self.inputs or self.outputs) or self.kind is not TaskKind.FUNCTION

    @property
    def known_records(self) -> tuple[Record, ...]:
        """All records that its types may name: the declared ones, and the shapes of its calls."""
        return (*self.records, *self.shapes)

    @model_serializer(mode="wrap")
    def _without_other_kinds(self, write: SerializerFunctionWrapHandler) -> _Written:
        """Leave out the fields of other kinds, so that a function has the digest, and the inputs, it always had."""
        absent = {"kind": self.kind is TaskKind.FUNCTION, "methods": not self.methods, "state": not self.state}
        return _without(write(self), absent | {"shapes": not self.shapes, "content": not self.content})


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
