"""Defects of layer 1: what does not compile, addresses a checker, or does not define the one function asked for."""

from schemas.identity import LayerName
from tests.integration.planted.case import planted, task

DOUBLE = task("double", {"n": "int"}, "int", [([2], 4)])
MOVED = task(
    "moved",
    {"at": "Point", "by": "int"},
    "Point",
    [([{"x": 1}, 2], {"x": 3})],
    records=[{"name": "Point", "fields": [{"name": "x", "type_annotation": "int"}]}],
)

DEFECTS = planted(
    LayerName.SYNTAX,
    (
        DOUBLE,
        "a bracket stays open",
        "does-not-compile",
        """
def double(n: int) -> int:
    doubled = (n * 2§
    return doubled
""",
    ),
    (
        DOUBLE,
        "the body is missing",
        "does-not-compile",
        """
import math


def double(n: int) -> int:
return n * 2§
""",
    ),
    (
        DOUBLE,
        "indented by two and by three",
        "does-not-compile",
        """
def double(n: int) -> int:
    doubled = n * 2
   return doubled§
""",
    ),
    (
        DOUBLE,
        "tabs among blanks",
        "does-not-compile",
        """
def double(n: int) -> int:
        doubled = n * 2
\treturn doubled§
""",
    ),
    (
        DOUBLE,
        "a text is cut off",
        "does-not-compile",
        """
def double(n: int) -> int:
    unit = "twice§
    return n * len(unit[:2])
""",
    ),
    (
        DOUBLE,
        "it returns outside of a function",
        "does-not-compile",
        """
def double(n: int) -> int:
    return n * 2

return double(2)§
""",
    ),
    (
        DOUBLE,
        "a parameter twice",
        "does-not-compile",
        """
def half(n: int) -> int:
    return n // 2


def double(n: int, n: int) -> int:§
    return n * 2
""",
    ),
    (
        DOUBLE,
        "prose around the code",
        "does-not-compile",
        """
Here is the function that you asked for:§

def double(n: int) -> int:
    return n * 2
""",
    ),
    (
        DOUBLE,
        "a fence of Markdown",
        "does-not-compile",
        """
def double(n: int) -> int:
    return n * 2
```§
""",
    ),
    (
        DOUBLE,
        "it awaits in a plain function",
        "does-not-compile",
        """
def double(n: int) -> int:
    return await n§
""",
    ),
    (
        DOUBLE,
        "a NUL character",
        "does-not-compile",
        """
def double(n: int) -> int:
    unit = "\x00"§
    return n * 2
""",
    ),
    (
        DOUBLE,
        "half a surrogate pair",
        "does-not-compile",
        """
def double(n: int) -> int:
    unit = "\ud800"§
    return n * 2
""",
    ),
    (
        DOUBLE,
        "the type checker told to ignore a line",
        "suppression",
        """
def double(n: int) -> int:
    return str(n)  # type: ignore[return-value]§
""",
    ),
    (
        DOUBLE,
        "mypy told to ignore the file",
        "suppression",
        """
# mypy: ignore-errors§
def double(n: int) -> int:
    return str(n)
""",
    ),
    (
        DOUBLE,
        "the linter told to ignore a line",
        "suppression",
        """
def double(n: int) -> int:
    n * 3  # noqa: B018§
    return n * 2
""",
    ),
    (
        DOUBLE,
        "the security audit told to ignore a line",
        "suppression",
        """
def double(n: int) -> int:
    return int(eval("n * 2"))  # nosec§
""",
    ),
    (
        DOUBLE,
        "pyright told to be lax",
        "suppression",
        """
# pyright: basic§
def double(n: int) -> int:
    return n * 2
""",
    ),
    (
        DOUBLE,
        "ruff told to ignore the file",
        "suppression",
        """
def double(n: int) -> int:
    return n * 2


# ruff: noqa§
""",
    ),
    (
        DOUBLE,
        "pylint told to be silent",
        "suppression",
        """
def double(n: int) -> int:
    # pylint: disable=all§
    return n * 2
""",
    ),
    (
        DOUBLE,
        "an encoding of its own",
        "encoding",
        '''
# -*- coding: latin-1 -*-§
"""Doubles a number."""


def double(n: int) -> int:
    return n * 2
''',
    ),
    (
        DOUBLE,
        "defined twice",
        "defined-twice",
        """
def double(n: int) -> int:
    return n * 2


def double(n: int) -> int:§
    return n + n
""",
    ),
    (
        DOUBLE,
        "bound again",
        "defined-twice",
        """
def double(n: int) -> int:
    return n * 2


twice = double
double = twice§
""",
    ),
    (
        DOUBLE,
        "bound again by an import",
        "defined-twice",
        """
def double(n: int) -> int:
    return n * 2


from math import floor as double§
""",
    ),
    (
        DOUBLE,
        "deleted",
        "defined-twice",
        """
def double(n: int) -> int:
    return n * 2


del double§
""",
    ),
    (
        DOUBLE,
        "asynchronous",
        "not-a-function",
        """
async def double(n: int) -> int:§
    return n * 2
""",
    ),
    (
        DOUBLE,
        "a lambda",
        "not-a-function",
        """
double = lambda n: n * 2§
""",
    ),
    (
        DOUBLE,
        "a class",
        "not-a-function",
        """
class double:§
    def __init__(self, n: int) -> None:
        self.doubled = n * 2
""",
    ),
    (
        DOUBLE,
        "defined under a condition",
        "not-a-function",
        """
if len("ab") == 2:
    def double(n: int) -> int:§
        return n * 2
""",
    ),
    (
        DOUBLE,
        "another name",
        "not-defined",
        """
def doubled(n: int) -> int:§
    return n * 2
""",
    ),
    (
        DOUBLE,
        "inside another function",
        "not-defined",
        """
def make() -> None:§
    def double(n: int) -> int:
        return n * 2
""",
    ),
    (
        MOVED,
        "a record of the specification defined again",
        "redefines",
        """
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:§
    x: int


def moved(at: Point, by: int) -> Point:
    return Point(at.x + by)
""",
    ),
)
