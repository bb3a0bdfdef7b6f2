"""Speaks with the harness: frames to it, lines from it, and a strict reading of what a candidate may have forged.

It starts nothing. Whatever is not exactly one well-formed line of the expected kind is refused; nothing is repaired.
"""

import base64
import json
import marshal
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from schemas.execution import Ending, Limits, Outcome, OutcomeKind, Program
from schemas.specification import DeclaredError, Record
from schemas.values import Value

_MAX_LEVELS = 160  # a little over what the harness sends, well under what pydantic reads
_MAX_NODES = 250_000
_INTEGER = re.compile(r"-?[0-9]{1,5000}")
_is_integer = _INTEGER.fullmatch
_FLOAT = re.compile(r"nan|-?inf|-?0x[01]\.[0-9a-f]{1,13}p[+-][0-9]{1,4}")
_TEXT_LIMIT = 300
_parse = json.JSONDecoder().decode  # the harness writes ASCII only, so there is no encoding to be guessed
_MOST_LINES = 10_000_000


class Malformed(Exception):
    """The process sent something that the harness never sends."""


def frame(value: Any) -> bytes:
    """Pack data for the harness: a four-byte length, then marshalled bytes."""
    data = marshal.dumps(value)
    return len(data).to_bytes(4, "big") + data


def read_line(line: bytes) -> list[Any]:
    """Parse a line as a JSON list.

    Raises:
        Malformed: it is anything else.
    """
    try:
        value = _parse(line.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise Malformed("a line is not JSON") from error
    if not isinstance(value, list) or not value:
        raise Malformed("a line is not a list")
    return value


class Loaded(NamedTuple):
    """What came of loading: why it failed, if it did, and the line of the program's own module where it did."""

    error: str | None
    line: int | None = None


def read_load(line: bytes) -> Loaded:
    """Read whether a program was loaded.

    Raises:
        Malformed: it is another line.
    """
    match read_line(line):
        case ["loaded", None]:
            return Loaded(None)
        case ["loaded", str(reason), *rest]:
            return Loaded(reason[:_TEXT_LIMIT], _line(rest))
    raise Malformed("a line about loading was due")


def read_loaded(line: bytes) -> str | None:
    """Read whether something other than a program was loaded: None, or why not.

    Raises:
        Malformed: it is another line.
    """
    loaded = read_load(line)
    if loaded.line is not None:
        raise Malformed("a line about loading was due")
    return loaded.error


def read_outcome(line: bytes, index: int, given: Sequence[Value] | None = None) -> tuple[Outcome, Ending]:
    """Read the outcome of one call; the ending is other than completed where the harness itself gave the call up.

    ``given`` are the call's arguments, where the line may leave them out to say that the call left them as they were.

    Raises:
        Malformed: it is another line, another call's, or holds a value that no harness encodes.
    """
    parts = read_line(line)
    if len(parts) == 5 and parts[1] == "returned" and type(parts[0]) is int and type(parts[4]) in (int, float):
        number, _, value, after, spent = parts  # read by hand: most lines are such, and matching costs as much again
        if number == index:
            outcome = Outcome(
                kind=OutcomeKind.RETURNED,
                value=read_value(value),
                arguments_after=_arguments(after, given),
                cpu_seconds=_seconds(spent),
            )
            return outcome, Ending.COMPLETED
    match parts:
        case [int(number), "raised", str(name), [*bases], str(message), after, int() | float() as spent, *rest] if (
            number == index and all(isinstance(base, str) for base in bases)
        ):
            outcome = Outcome(
                kind=OutcomeKind.RAISED,
                exception=name[:_TEXT_LIMIT],
                exception_bases=tuple(base[:_TEXT_LIMIT] for base in bases),
                message=message[:_TEXT_LIMIT],
                arguments_after=_arguments(after, given),
                cpu_seconds=_seconds(spent),
                line=_line(rest),
            )
            return outcome, Ending.COMPLETED
        case [int(number), "memory"] if number == index:
            return Outcome(kind=OutcomeKind.LOST, message="out of memory"), Ending.OUT_OF_MEMORY
        case [int(number), "unusable", str(reason)] if number == index:
            return Outcome(kind=OutcomeKind.LOST, message=reason[:_TEXT_LIMIT]), Ending.CRASHED
    raise Malformed(f"the outcome of call {index} was due")


def _arguments(after: Any, given: Sequence[Value] | None) -> tuple[Value, ...]:
    if after is None and given is not None:
        return tuple(given)
    if not isinstance(after, list):
        raise Malformed("arguments were due")
    return tuple(map(read_value, after))


def _line(rest: list[Any]) -> int | None:
    match rest:  # an engine that knows no lines leaves them out
        case [] | [None]:
            return None
        case [int(line)] if not isinstance(line, bool) and 1 <= line <= _MOST_LINES:
            return line
    raise Malformed("a line number was due")


def _seconds(spent: float) -> float:
    return float(spent) if 0 <= spent < 1e6 else 0.0  # a forged time; kept out of the sums, where NaN would spread


def read_value(value: Any) -> Value:
    """Check that a value is a tagged value within bounds, and return it.

    Raises:
        Malformed: it is not.
    """
    left = _MAX_NODES
    waiting: list[tuple[Sequence[Any], int]] = [((value,), 1)]
    for nodes, level in waiting:  # which grows meanwhile
        left -= len(nodes)
        if left < 0 or (nodes and level > _MAX_LEVELS):
            raise Malformed("a value is too large")
        for node in nodes:
            # the commonest two are read here: a call of a function for each would cost more than the reading
            flat = type(node) is list and len(node) == 2 and type(text := node[1]) is str
            if flat and (node[0] == "str" or (node[0] == "int" and _is_integer(text))):
                continue
            if children := _children(node):
                waiting.append((children, level + 2))
    return cast(Value, value)


def _children(node: Any) -> Sequence[Any]:
    match node:
        case ["none"] | ["bool", bool()] | ["str", str()] | ["object", str()]:
            return ()
        case ["int", str(text)] if _is_integer(text):
            return ()
        case ["float", str(text)] if _FLOAT.fullmatch(text):
            return ()
        case ["bytes", str(text)] if _is_base64(text):
            return ()
        case ["list" | "tuple" | "set", [*items]]:
            return items
        case ["dict", [*pairs]] if all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            return [item for pair in pairs for item in pair]
        case ["record", str(), [*pairs]] if all(_is_field(pair) for pair in pairs):
            return [pair[1] for pair in pairs]
    raise Malformed("a value is not tagged")


def _is_field(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)


def _is_base64(text: str) -> bool:
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode("ascii") == text
    except ValueError:
        return False


def outcome_data(outcome: Outcome) -> list[Any]:
    """Put an outcome, other than a lost one, as a property's proxy takes it."""
    if outcome.kind is OutcomeKind.RETURNED:
        return ["returned", outcome.value]
    return ["raised", outcome.exception, list(outcome.exception_bases), outcome.message]


def outcome_frame(outcome: Outcome) -> bytes:
    """Pack an outcome that has been read for a property's proxy."""
    return frame(outcome_data(outcome))


def declared_records(records: Sequence[Record]) -> list[tuple[str, list[str]]]:
    """List records as the harness takes them: name and names of fields."""
    return [(record.name, [field.name for field in record.fields]) for record in records]


def declared_errors(errors: Sequence[DeclaredError]) -> list[tuple[str, str]]:
    """List errors as the harness takes them: name and base."""
    return [(error.name, error.base) for error in errors]


def program_header(program: Program, limits: dict[str, int]) -> bytes:
    """Pack a program for the mode ``calls``."""
    return frame(
        {
            "mode": "calls",
            "limits": limits,
            "modules": program.modules,
            "module": program.module,
            "function": program.function,
            "records": declared_records(program.records),
            "records_module": program.records_module,
            "kind": program.kind.value,
            "state": list(program.state),
            "methods": [(item.name, list(item.inputs), list(item.raises), item.request) for item in program.methods],
        }
    )


def kernel_limits(limits: Limits, *, processes: int | None, file_bytes: int, open_files: int) -> dict[str, int]:
    """Name the resource limits as the kernel does; ``processes`` None leaves their number alone."""
    named = {
        "CPU": max(1, int(limits.cpu_seconds + 0.999)),
        "AS": limits.memory_bytes,
        "FSIZE": file_bytes,
        "NOFILE": open_files,
        "CORE": 0,
    }
    return named if processes is None else named | {"NPROC": processes}
