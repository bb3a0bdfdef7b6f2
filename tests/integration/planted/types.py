"""Defects of layer 2: another signature, ``Any`` beyond what is asked, code hidden from the checker, type errors."""

from schemas.identity import LayerName
from tests.integration.planted.case import planted, task

TOTAL = task("total", {"prices": "list[int]", "extra": "int"}, "int", [([[1, 2], 3], 6), ([[], 0], 0)])
FIRST = task("first", {"words": "list[str]"}, "str | None", [([["a", "b"]], "a"), ([[]], None)])

DEFECTS = planted(
    LayerName.TYPES,
    (
        TOTAL,
        "returns another type",
        "return-value",
        """
def total(prices: list[int], extra: int) -> int:
    return str(sum(prices) + extra)§
""",
    ),
    (
        TOTAL,
        "may return nothing",
        "return",
        """
def total(prices: list[int], extra: int) -> int:§
    if prices:
        return sum(prices) + extra
""",
    ),
    (
        TOTAL,
        "a parameter of another type",
        "annotation-differs",
        """
def total(
    prices: list[int],
    extra: float,§
) -> int:
    return sum(prices) + int(extra)
""",
    ),
    (
        TOTAL,
        "a result of another type",
        "annotation-differs",
        """
def total(prices: list[int], extra: int) -> float:§
    return sum(prices) + extra
""",
    ),
    (
        TOTAL,
        "parameters of other names",
        "parameters-differ",
        """
def total(values: list[int], more: int) -> int:§
    return sum(values) + more
""",
    ),
    (
        TOTAL,
        "parameters in another order",
        "parameters-differ",
        """
def total(extra: int, prices: list[int]) -> int:§
    return sum(prices) + extra
""",
    ),
    (
        TOTAL,
        "any number of parameters",
        "parameters-differ",
        """
def total(*prices: int, **more: int) -> int:§
    return sum(prices) + sum(more.values())
""",
    ),
    (
        TOTAL,
        "a variable that may be anything",
        "explicit-any",
        """
from typing import Any


def total(prices: list[int], extra: int) -> int:
    found: Any = sum(prices)§
    return int(found + extra)
""",
    ),
    (
        TOTAL,
        "anything under another name",
        "explicit-any",
        """
from typing import Any as Whatever§


def total(prices: list[int], extra: int) -> int:
    found: Whatever = sum(prices)
    return int(found + extra)
""",
    ),
    (
        TOTAL,
        "a function without types inside",
        "no-untyped-def",
        """
def total(prices: list[int], extra: int) -> int:
    def added(left, right):§
        return left + right

    return int(added(sum(prices), extra))
""",
    ),
    (
        TOTAL,
        "a call with the wrong type",
        "arg-type",
        """
def total(prices: list[int], extra: int) -> int:
    if not prices:
        return extra
    return sum(prices) + len(extra)§
""",
    ),
    (
        TOTAL,
        "a call with too many arguments",
        "call-arg",
        """
def added(left: int, right: int) -> int:
    return left + right


def total(prices: list[int], extra: int) -> int:
    return added(sum(prices), extra, 0)§
""",
    ),
    (
        TOTAL,
        "a method that is not there",
        "attr-defined",
        """
def total(prices: list[int], extra: int) -> int:
    return prices.total() + extra§
""",
    ),
    (
        TOTAL,
        "a name that is not there",
        "name-defined",
        """
def total(prices: list[int], extra: int) -> int:
    return math.fsum(prices) + extra§
""",
    ),
    (
        TOTAL,
        "text and number added",
        "operator",
        """
def total(prices: list[int], extra: int) -> int:
    shown = "total: " + extra§
    return sum(prices) + extra + 0 * len(shown)
""",
    ),
    (
        TOTAL,
        "a variable takes another type",
        "assignment",
        """
def total(prices: list[int], extra: int) -> int:
    found = sum(prices) + extra
    found = f"{found}"§
    return int(found)
""",
    ),
    (
        TOTAL,
        "a list of nothing known",
        "var-annotated",
        """
def total(prices: list[int], extra: int) -> int:
    kept = []§
    return sum(prices) + extra + len(kept)
""",
    ),
    (
        TOTAL,
        "a container that does not say of what",
        "type-arg",
        """
def summed(values: list) -> int:§
    return sum(values)


def total(prices: list[int], extra: int) -> int:
    return summed(prices) + extra
""",
    ),
    (
        TOTAL,
        "what a parser returns",
        "no-any-return",
        """
import json


def total(prices: list[int], extra: int) -> int:
    return json.loads(str(sum(prices) + extra))§
""",
    ),
    (
        TOTAL,
        "code that only the interpreter sees",
        "hidden-from-checker",
        """
from typing import TYPE_CHECKING


def total(prices: list[int], extra: int) -> int:
    if not TYPE_CHECKING:§
        prices = [float(price) for price in prices]
    return sum(prices) + extra
""",
    ),
    (
        TOTAL,
        "a function taken from the checker",
        "hidden-from-checker",
        """
import typing


@typing.no_type_check§
def total(prices: list[int], extra: int) -> int:
    return sum(prices) + extra
""",
    ),
    (
        FIRST,
        "a method of what may be None",
        "union-attr",
        """
def first(words: list[str]) -> str | None:
    found = words[0] if words else None
    return found.strip()§
""",
    ),
    (
        FIRST,
        "None added to",
        "operator",
        """
def first(words: list[str]) -> str | None:
    found: str | None = None
    for word in reversed(words):
        found = found + word§
    return found
""",
    ),
    (
        FIRST,
        "None given where a text is needed",
        "arg-type",
        """
def longer(left: str, right: str) -> str:
    return left if len(left) >= len(right) else right


def first(words: list[str]) -> str | None:
    found = words[0] if words else None
    return longer(found, "")§
""",
    ),
)
