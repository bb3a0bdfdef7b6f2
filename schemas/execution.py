"""What goes into the sandbox and what comes out: the protocol that every engine speaks.

Only code and inputs go in. Expected values, contracts and other candidates never do; verdicts are computed outside
from the tagged outputs (``schemas.values``) that come back. A fault of the engine is an exception
(``millwright.errors.SandboxUnavailable``), never one of these reports.
"""

from enum import StrEnum

from pydantic import Field

from schemas.base import Schema
from schemas.specification import DeclaredError, PackageGrant, Property, Record, Shape, TaskKind
from schemas.values import Value


class Limits(Schema):
    """What a program may use. ``wall_seconds`` is for the whole program, ``call_seconds`` for one call."""

    call_seconds: float = 5.0
    wall_seconds: float = 30.0
    cpu_seconds: float = 20.0
    memory_bytes: int = 512 * 1024 * 1024
    output_bytes: int = 4 * 1024 * 1024


class Called(Schema):
    """What the harness must know of a method: its name, its inputs in order, the exceptions of its interface.

    ``request`` is as in a specification's method.
    """

    name: str
    inputs: tuple[str, ...] = ()
    raises: tuple[str, ...] = ()
    request: str = ""


class Program(Schema):
    """A candidate with all it needs to be called.

    ``modules`` maps file paths relative to the import root (``pricing/money/parse.py``) to their text; ``module`` is
    the dotted name to import, ``function`` the name to call in it. Records and errors are those that the specification
    declares: the modules define them; they are listed so that values can be encoded. ``files`` are the directories that
    the specification grants: each is a private, empty, writable one inside.

    ``kind`` says what a list of arguments means; ``methods`` and ``state`` what may be called and read of an object.
    ``shapes`` are records of the interface that no module defines. ``packages`` are granted and not among the modules
    yet: an engine runs no program that still has any.
    """

    language: str = "python"
    modules: dict[str, str]
    module: str
    function: str
    records: tuple[Record, ...] = ()
    errors: tuple[DeclaredError, ...] = ()
    records_module: str | None = None
    limits: Limits = Limits()
    files: tuple[str, ...] = ()
    kind: TaskKind = TaskKind.FUNCTION
    methods: tuple[Called, ...] = ()
    state: tuple[str, ...] = ()
    shapes: tuple[Shape, ...] = ()
    packages: tuple[PackageGrant, ...] = ()

    @property
    def known_records(self) -> tuple[Record, ...]:
        """All records that values may be of."""
        return (*self.records, *self.shapes)


class Ending(StrEnum):
    """How the process that ran a program ended."""

    COMPLETED = "completed"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    OUTPUT_LIMIT = "output_limit"
    MALFORMED = "malformed"


class OutcomeKind(StrEnum):
    """How one call ended; ``lost``: the process ended before it answered."""

    RETURNED = "returned"
    RAISED = "raised"
    LOST = "lost"


class Outcome(Schema):
    """One call's outcome.

    ``value`` is set when it returned; ``exception`` is the class name when it raised, ``exception_bases`` the names of
    all its base classes. ``arguments_after`` are the arguments as the call left them. ``cpu_seconds`` is the
    process's own CPU time for this call and is evidence of slowness only, never of speed. ``line`` is the innermost
    line of the candidate's own module that the exception passed through: a hint for a finding, and no evidence.
    """

    kind: OutcomeKind
    value: Value | None = None
    exception: str | None = None
    exception_bases: tuple[str, ...] = ()
    message: str = ""
    arguments_after: tuple[Value, ...] = ()
    cpu_seconds: float = 0.0
    line: int | None = None


class CallRequest(Schema):
    """Call a program once for each list of arguments, in order, in one fresh process.

    ``lost_limit``: stop once so many calls are lost; the calls after them are not tried and are ``lost`` as well. None:
    go on after each lost call, as often as the engine restarts a process.
    """

    program: Program
    calls: tuple[tuple[Value, ...], ...]
    lost_limit: int | None = Field(default=None, ge=1)


class CallReport(Schema):
    """The outcomes, one per call and in the same order, and what the process used by the kernel's account.

    ``load_error`` says why the module could not be imported, ``load_line`` at which line of the candidate's own module
    (a hint for a finding, and no evidence); all outcomes are then ``lost``. ``output_bytes`` is how
    much the program sent, as a measure of what this report weighs.
    """

    outcomes: tuple[Outcome, ...]
    ending: Ending = Ending.COMPLETED
    load_error: str | None = None
    load_line: int | None = None
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_memory_bytes: int = 0
    output_bytes: int = 0


class PropertyRequest(Schema):
    """Run properties over argument lists, each in its own process, its calls proxied to the candidate's process.

    ``known``: the candidate's outcomes for ``calls``, one each, as an earlier run of the same program gave them; none
    at all when there was no such run. While a property looks at one argument list, its first call with exactly these
    arguments is answered from there (a lost one is not known); every other call goes to a living process of the
    candidate, which is started only when it is needed.
    """

    program: Program
    properties: tuple[Property, ...]
    calls: tuple[tuple[Value, ...], ...]
    input_names: tuple[str, ...]
    known: tuple[Outcome, ...] = ()


class PropertyFailure(Schema):
    """A property that did not hold: on which argument list (index into ``calls``), and why."""

    call: int
    reason: str


class PropertyResult(Schema):
    """One property's outcome: how many argument lists it saw, and its first failure.

    ``broken``: the property itself could not be run (it does not compile, raises something other than an assertion
    failure without the candidate being at fault, or has not the inputs as parameters); then nothing is known of the
    candidate.
    """

    name: str
    checked: int
    failure: PropertyFailure | None = None
    broken: str | None = None


class PropertyReport(Schema):
    """One result per property, in order; ``load_error`` as in ``CallReport``.

    ``called``: the program may have been started; where it was not, all comes of the known outcomes, and holds for
    every program that has them.
    """

    results: tuple[PropertyResult, ...]
    ending: Ending = Ending.COMPLETED
    load_error: str | None = None
    called: bool = True


class Binding(Schema):
    """The values of names for one evaluation of conditions; ``old`` holds the inputs before the call."""

    names: dict[str, Value]
    old: dict[str, Value] = Field(default_factory=dict)


class ConditionRequest(Schema):
    """Evaluate expressions of the safe subset under each binding, in a limited process without the candidate."""

    expressions: tuple[str, ...]
    bindings: tuple[Binding, ...]
    records: tuple[Record, ...] = ()


class Truth(StrEnum):
    """What an expression evaluated to.

    ``undefined``: it raised, or was not a bool. ``lost``: the evaluator did not survive it, or had no time or memory
    left for it, which says nothing of the values.
    """

    TRUE = "true"
    FALSE = "false"
    UNDEFINED = "undefined"
    LOST = "lost"


class ConditionReport(Schema):
    """``truths[b][e]`` is the truth of expression e under binding b."""

    truths: tuple[tuple[Truth, ...], ...]


class CommandRequest(Schema):
    """Run a command over files in a scratch directory, with no network and nothing else writable.

    ``files`` maps relative paths to their text; ``argv[0]`` is ``python`` for the verifier's own interpreter (with the
    verifier's installed packages importable when ``with_packages``). ``outputs`` are paths to bring back when present.
    """

    files: dict[str, str]
    argv: tuple[str, ...]
    with_packages: bool = False
    outputs: tuple[str, ...] = ()
    limits: Limits = Limits(wall_seconds=120, cpu_seconds=120, memory_bytes=2 * 1024**3)


class CommandReport(Schema):
    """How a command ended: exit status, the last 64 KiB of each stream, and the files that were asked for."""

    exit_status: int
    ending: Ending
    stdout: str
    stderr: str
    files: dict[str, bytes] = Field(default_factory=dict)
    wall_seconds: float = 0.0
