"""Serves one request after another for conditions, and keeps what it compiled and made for them.

Expressions are of a subset in which none can change what the next one sees; how they are evaluated is ``conditions``'s.
"""

from __future__ import annotations

from .conditions import _BUILT_INS, _compiled, _evaluate
from .judging import make_records
from .wire import Channel

TYPE_CHECKING = False  # as in wire
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from .wire import Records

_MOST_KEPT = 1_000


def serve(channel: Channel, header: dict[str, Any]) -> None:
    """Answer requests, each with records, expressions and bindings, by one line for each binding."""
    codes: dict[str, CodeType | None] = {}
    tables: dict[str, tuple[dict[str, Any], Records]] = {}
    channel.line(["loaded", None])
    while (request := channel.frame()) is not None:
        declared, expressions, bindings = request
        for kept in (codes, tables):
            if len(kept) > _MOST_KEPT:
                kept.clear()
        key = repr(declared)
        if key not in tables:
            classes, made = make_records(declared)
            tables[key] = _BUILT_INS | classes, made
        table, records = tables[key]
        for text in expressions:
            if text not in codes:
                codes[text] = _compiled(text)
        wanted = [codes[text] for text in expressions]
        for index, binding in enumerate(bindings):
            channel.line([index, _evaluate(wanted, binding, records, table)])
