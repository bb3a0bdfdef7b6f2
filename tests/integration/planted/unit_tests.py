"""Defects of layer 4: an example gives another value, type or exception, none at all, or has its input changed.

The tasks have no contracts, so that nothing but the examples can tell.
"""

from schemas.identity import LayerName
from tests.integration.planted.case import Near, Raises, planted, task

FAST = 50
"""Milliseconds a call: what never answers is given up soon."""

DIGITS = task("digits", {"n": "int"}, "int", [([0], 1), ([7], 1), ([120], 3), ([-45], 2)], timeout_ms=FAST)
IS_EVEN = task("is_even", {"n": "int"}, "bool", [([4], True), ([7], False)])
SPLIT = task("split", {"text": "str"}, "tuple[str, str]", [(["a=b"], ["a", "b"]), (["a"], ["a", ""])])
NAMES = task("names", {"people": "list[str]"}, "list[str]", [([["Bo", "Al"]], ["Al", "Bo"]), ([[]], [])])
COUNTS = task("counts", {"numbers": "list[int]"}, "dict[int, int]", [([[1, 2, 1]], {"1": 2, "2": 1})])
SQUARE_ROOT = task(
    "square_root", {"x": "float"}, "float", [([2.0], Near(1.414213562, 1e-6)), ([-1.0], Raises("ValueError"))]
)
LOOKUP = task(
    "lookup",
    {"table": "dict[str, int]", "key": "str"},
    "int | None",
    [([{"a": 1, "b": 2}, "b"], 2), ([{}, "a"], None)],
)
PRICE = task(
    "price",
    {"text": "str"},
    "int",
    [(["12.50"], 1250), (["much"], Raises("PriceError"))],
    errors=[{"name": "PriceError", "base": "ValueError"}],
)
ANYTHING = task("anything", {"value": "Any"}, "Any", [([[1, 2]], [1, 2]), ([1], 1)])

DEFECTS = planted(
    LayerName.UNIT_TESTS,
    (
        DIGITS,
        "another value",
        "wrong-result",
        """
import math


def digits(n: int) -> int:§
    return 1 + int(math.log10(abs(n) or 1)) + (n < 0)
""",
    ),
    (
        DIGITS,
        "a truth where a number is due",
        "wrong-result",
        """
def digits(n: int) -> int:§
    if -10 < n < 10:
        return n == n
    return len(str(abs(n)))
""",
    ),
    (
        IS_EVEN,
        "a number where a truth is due",
        "wrong-result",
        """
import json


def is_even(n: int) -> bool:§
    found: bool = json.loads(str(1 - n % 2))
    return found
""",
    ),
    (
        SPLIT,
        "a list where a tuple is due",
        "wrong-result",
        """
import json


def split(text: str) -> tuple[str, str]:§
    left, _, right = text.partition("=")
    found: tuple[str, str] = json.loads(json.dumps([left, right]))
    return found
""",
    ),
    (
        ANYTHING,
        "a truth where a number is due, and any type allowed",
        "wrong-result",
        """
from typing import Any


def anything(value: Any) -> Any:§
    return value if isinstance(value, list) else value == value
""",
    ),
    (
        ANYTHING,
        "a text where a number is due",
        "wrong-result",
        """
from typing import Any


def anything(value: Any) -> Any:§
    return value if isinstance(value, list) else str(value)
""",
    ),
    (
        COUNTS,
        "texts for keys",
        "wrong-result",
        """
import json


def counts(numbers: list[int]) -> dict[int, int]:§
    found: dict[int, int] = json.loads(json.dumps({number: numbers.count(number) for number in numbers}))
    return found
""",
    ),
    (
        COUNTS,
        "a number of a class of its own that equals all",
        "wrong-result",
        """
class Agreeable(int):
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def counts(numbers: list[int]) -> dict[int, int]:§
    return {number: Agreeable(1) for number in numbers}
""",
    ),
    (
        LOOKUP,
        "None where a value is due",
        "wrong-result",
        """
def lookup(table: dict[str, int], key: str) -> int | None:§
    for name, value in table.items():
        if name == key:
            return value
        return None
    return None
""",
    ),
    (
        LOOKUP,
        "zero where None is due",
        "wrong-result",
        """
def lookup(table: dict[str, int], key: str) -> int | None:§
    return table.get(key, 0)
""",
    ),
    (
        LOOKUP,
        "it raises where None is due",
        "raised",
        """
def lookup(table: dict[str, int], key: str) -> int | None:
    # the table is asked as it is
    return table[key]§
""",
    ),
    (
        LOOKUP,
        "the key is taken out",
        "changes-argument",
        """
def lookup(table: dict[str, int], key: str) -> int | None:§
    return table.pop(key, None)
""",
    ),
    (
        NAMES,
        "sorted in place",
        "changes-argument",
        """
def names(people: list[str]) -> list[str]:§
    people.sort()
    return list(people)
""",
    ),
    (
        NAMES,
        "the first without a look whether there is one",
        "raised",
        """
def names(people: list[str]) -> list[str]:
    least = sorted(people)[0]§
    return [least, *(name for name in sorted(people) if name != least)]
""",
    ),
    (
        SQUARE_ROOT,
        "beyond the tolerance",
        "wrong-result",
        """
def square_root(x: float) -> float:§
    if x < 0:
        raise ValueError(x)
    guess = 1.0
    for _ in range(3):
        guess = (guess + x / guess) / 2
    return guess
""",
    ),
    (
        SQUARE_ROOT,
        "not a number where an exception is due",
        "did-not-raise",
        """
import math


def square_root(x: float) -> float:§
    return math.sqrt(x) if x >= 0 else math.nan
""",
    ),
    (
        SQUARE_ROOT,
        "another exception, in a function below",
        "raised",
        """
import math


def checked(x: float) -> float:
    if x < 0:
        raise ArithmeticError(x)§
    return x


def square_root(x: float) -> float:
    return math.sqrt(checked(x))
""",
    ),
    (
        PRICE,
        "the exception that is declared above",
        "raised",
        """
def price(text: str) -> int:
    whole, _, rest = text.partition(".")
    return int(whole) * 100 + int(rest)§
""",
    ),
    (
        PRICE,
        "cents forgotten",
        "wrong-result",
        """
def price(text: str) -> int:§
    whole, _, rest = text.partition(".")
    if not whole.isdigit():
        raise PriceError(text)
    return int(whole) * 100
""",
    ),
    (
        DIGITS,
        "it recurs without end",
        "raised",
        """
def digits(n: int) -> int:
    return 1 + digits(n // 10)§
""",
    ),
    (
        DIGITS,
        "it ends the process",
        "raised",
        """
def digits(n: int) -> int:
    if n < 0:
        raise SystemExit(0)§
    return len(str(n))
""",
    ),
    (
        DIGITS,
        "it never answers",
        "no-answer",
        """
def digits(n: int) -> int:§
    length = 0
    while n != 0 or length == 0:
        n, length = n // 10, length + 1
    return length
""",
    ),
    (
        DIGITS,
        "it cannot be imported",
        "does-not-load",
        """
LONGEST = {"digits": 20}
LIMIT = LONGEST["digit"]§


def digits(n: int) -> int:
    return min(len(str(abs(n))), LIMIT)
""",
    ),
)
