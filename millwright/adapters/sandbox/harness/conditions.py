"""Evaluates expressions under bindings of names, with a small table of built-ins.

Which expressions are allowed is decided before they come here; this process bounds what they cost.
"""

from __future__ import annotations

import math
from types import CodeType, SimpleNamespace

from .judging import make_records
from .wire import Channel, Records, decode

TYPE_CHECKING = False  # as in wire
if TYPE_CHECKING:
    from typing import Any

_BUILT_INS: dict[str, Any] = {
    item.__name__: item
    for item in (
        *(abs, all, any, bool, dict, divmod, enumerate, filter, float, frozenset, int, isinstance, len, list, map),
        *(max, min, pow, range, reversed, round, set, sorted, str, sum, tuple, zip, bytes),
        *(math.isclose, math.floor, math.ceil, math.sqrt, math.isnan, math.isinf, math.isfinite),
    )
} | {"math": math}


def serve(channel: Channel, header: dict[str, Any]) -> None:
    """Compile the expressions and answer each binding with a string of ``t``, ``f``, ``u`` and ``l``, one for each."""
    classes, records = make_records(header["records"])
    table = _BUILT_INS | classes
    codes = [_compiled(text) for text in header["expressions"]]
    channel.line(["loaded", None])
    index = 0
    while (frame := channel.frame()) is not None:
        channel.line([index, _evaluate(codes, frame, records, table)])
        index += 1


def _compiled(text: str) -> CodeType | None:
    try:
        return compile(text.strip(), "<condition>", "eval", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _evaluate(codes: list[CodeType | None], frame: Any, records: Records, table: dict[str, Any]) -> str:
    return "".join("u" if code is None else _truth(code, frame, records, table) for code in codes)


def _truth(code: CodeType, frame: Any, records: Records, table: dict[str, Any]) -> str:
    try:  # decoded anew for each expression, so that none sees what another did to a list
        names = {name: decode(value, records) for name, value in frame[0].items()}
        old = SimpleNamespace(**{name: decode(value, records) for name, value in frame[1].items()})
        value = eval(code, {"__builtins__": table, "old": old, **names})  # noqa: S307 - a validated subset, in a child with limits
    except MemoryError:  # as when the process had been killed for it: the limit is this process's, not the values'
        return "l"
    except BaseException:  # noqa: BLE001 - whatever an expression raises, its truth is undefined
        return "u"
    return {True: "t", False: "f"}[value] if type(value) is bool else "u"
