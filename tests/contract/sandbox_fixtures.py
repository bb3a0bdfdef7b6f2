"""The engine and the small program that the sandbox's suites share.

It judges nothing; expected values stand in the suites.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from schemas.execution import CallReport, CallRequest, Limits, Outcome, Program
from schemas.specification import DeclaredError, Record, RecordField
from schemas.values import Value

MONEY = Record(
    name="Money",
    fields=(RecordField(name="cents", type_annotation="int"), RecordField(name="unit", type_annotation="str")),
)
KINDS = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Money:
    cents: int
    unit: str

class TooPoor(ValueError):
    pass
"""
LIMITS = Limits()
ONE: Value = ["int", "1"]
MONEY_VALUE: Value = ["record", "Money", [["cents", ["int", "5"]], ["unit", ["str", "EUR"]]]]
LOAD_LINES = [
    ("LIMIT = 1\nTABLE = {}['digit']\n\ndef f(n): return n", 2),
    ("def g():\n    raise ValueError('no')\n\ng()", 2),
    ("import json\n\njson.loads('{')", 3),
    ("x = 1\ndef f(:", None),
    ("g = 1", None),
]
"""Texts that do not load, and the line of their own at which they do not."""
ERRORS = (DeclaredError(name="TooPoor", base="ValueError"),)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[BubblewrapSandbox]:
    """Give one engine to all tests, and see that it leaves no process behind."""
    engine = BubblewrapSandbox()
    yield engine
    engine.close()
    assert children() == []


def children() -> list[str]:
    """List the command names of this process's living children."""
    names = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            before, _, after = stat.read_text().rpartition(")")
        except OSError:
            continue
        if int(after.split()[1]) == os.getpid():
            names.append(before.partition("(")[2])
    return [name for name in names if name.startswith(("bwrap", "python3"))]


def descendants() -> int:
    """Count the living processes under this one: what bubblewrap runs, and all that warm interpreters cloned."""
    parents = _parents()
    found, new = {os.getpid()}, {os.getpid()}
    while new := {pid for pid, parent in parents.items() if parent in new and pid not in found}:
        found |= new
    return len(found) - 1


def interpreters(above: int | None = None) -> list[int]:
    """List the processes that run in this process's bubblewraps, or right under another process."""
    parents = _parents()
    if above is not None:
        return [pid for pid, parent in parents.items() if parent == above]
    return [pid for pid, parent in parents.items() if parents.get(parent) == os.getpid() and _is_bubblewrap(parent)]


def _is_bubblewrap(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().startswith("bwrap")
    except OSError:
        return False


def _parents() -> dict[int, int]:
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(stat.parent.name)] = int(parent)
    return parents


async def call(
    sandbox: BubblewrapSandbox,
    source: str,
    *calls: Sequence[Value],
    limits: Limits = LIMITS,
    lost_limit: int | None = None,
) -> CallReport:
    """Call ``f`` of a one-module program that also declares the record Money."""
    program = Program(
        modules={"shop/kinds.py": KINDS, "shop/work.py": source},
        module="shop.work",
        function="f",
        records=(MONEY,),
        errors=ERRORS,
        records_module="shop.kinds",
        limits=limits,
    )
    return await sandbox.call(CallRequest(program=program, calls=tuple(map(tuple, calls)), lost_limit=lost_limit))


def numbers(count: int) -> list[list[Value]]:
    """Give calls with one number each, from 0."""
    return [[["int", str(number)]] for number in range(count)]


async def outcome(sandbox: BubblewrapSandbox, source: str, *arguments: Value) -> Outcome:
    """Call once and give the outcome."""
    report = await call(sandbox, source, list(arguments))
    assert report.load_error is None
    return report.outcomes[0]
