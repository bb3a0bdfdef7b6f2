"""What an exception becomes at the process's edge: an exit code and one line with the next step.

It is imported when something failed, never before.
"""

import asyncio

from millwright.errors import (
    BadInput,
    BudgetReached,
    MillwrightError,
    ModelError,
    NotFound,
    SandboxUnavailable,
    ServiceUnavailable,
    SpecificationInvalid,
)
from schemas.project import CODES, ExitCode

INTERRUPTED = 130

_STEPS: tuple[tuple[type[MillwrightError], str], ...] = (
    (SpecificationInvalid, "correct it and run the command again; docs/task-specification.md shows every field"),
    (NotFound, "`millwright list` shows the projects"),
    (SandboxUnavailable, "`millwright doctor` says what the sandbox lacks"),
    (ServiceUnavailable, "`millwright doctor` says what is missing"),
    (ModelError, "check MILLWRIGHT_MODEL_URL, MILLWRIGHT_MODEL_NAME and MILLWRIGHT_MODEL_KEY with `millwright doctor`"),
    (BudgetReached, "raise --max-calls, --max-tokens, --max-cost or --max-time"),
    (BadInput, "`millwright --help` lists the commands, and each has --help of its own"),
)


def explain(error: BaseException) -> tuple[int, str]:
    """Return the exit code for an exception, and the line that tells of it."""
    error = _innermost(error)
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
        return INTERRUPTED, "interrupted"
    if isinstance(error, MillwrightError):
        return _code(error), _with_step(error)
    return CODES[ExitCode.FAILED], (
        f"internal error ({type(error).__name__}: {_one_line(str(error))}): "
        "set MILLWRIGHT_TRACEBACK=1 to see where, and report it"
    )


def _innermost(error: BaseException) -> BaseException:
    """Unwrap exception groups, an error of ours first."""
    while isinstance(error, BaseExceptionGroup):
        ours = error.subgroup(MillwrightError)
        error = (ours or error).exceptions[0]
    return error


def _code(error: MillwrightError) -> int:
    if isinstance(error, BadInput):
        return CODES[ExitCode.USAGE]
    if isinstance(error, ServiceUnavailable | ModelError):
        return CODES[ExitCode.UNREACHABLE]
    return CODES[ExitCode.BUDGET] if isinstance(error, BudgetReached) else CODES[ExitCode.FAILED]


def _with_step(error: MillwrightError) -> str:
    message = _one_line(str(error))
    # What a specification's faults quote may look like a next step, and is none.
    if not isinstance(error, SpecificationInvalid) and any(
        sign in message for sign in ("`", "--", ": set ", "; set ", "try again", "choose ", "give ", "MILLWRIGHT_")
    ):
        return message  # it names the next step itself
    step = next((step for kind, step in _STEPS if isinstance(error, kind)), "")
    return f"{message.rstrip('.')}; {step}" if step else message


def _one_line(text: str) -> str:
    return " ".join(text.split())
