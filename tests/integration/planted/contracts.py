"""Defects of layer 3: postconditions and invariants broken on examples, at edges, on generated inputs, by mutation."""

from schemas.identity import LayerName
from tests.integration.planted.case import Raises, planted, task

CLAMP = task(
    "clamp",
    {"value": "int", "low": "int", "high": "int"},
    "int",
    [([5, 0, 9], 5), ([12, 0, 9], 9), ([-4, 0, 9], 0)],
    preconditions=["low <= high"],
    postconditions=["low <= result <= high", "result == value or not low <= value <= high"],
)
PUSHED = task(
    "pushed",
    {"items": "list[int]", "item": "int"},
    "list[int]",
    [([[1, 2], 3], [1, 2, 3])],
    postconditions=["len(result) == len(old.items) + 1", "result[:-1] == old.items"],
    invariants=["item == old.item"],
)
DIVIDED = task(
    "divided",
    {"number": "int", "by": "int"},
    "tuple[int, int]",
    [([7, 2], [3, 1])],
    preconditions=["by != 0"],
    postconditions=["result[0] * by + result[1] == number", "abs(result[1]) < abs(by)"],
)
RANKED = task(
    "ranked",
    {"scores": "list[int]"},
    "list[int]",
    [([[2, 5, 3]], [5, 3, 2])],
    postconditions=[
        "all(left >= right for left, right in zip(result, result[1:]))",
        "len(result) == len(scores)",
        "all(score in result for score in scores)",
        "scores == old.scores",
    ],
)
AVERAGE = task(
    "average",
    {"values": "list[int]"},
    "float",
    [([[1, 3]], 2.0)],
    preconditions=["len(values) > 0"],
    postconditions=["min(values) <= result <= max(values)"],
)
EXTREMES = task(
    "extremes",
    {"values": "list[int]"},
    "list[int]",
    [([[2, 9, 4]], [2, 9]), ([[]], [0, 0])],
    postconditions=["result[0] <= result[1]"],
)
TAKEN = task(
    "taken",
    {"stock": "list[int]", "at": "int"},
    "int",
    [([[4, 5], 1], 5), ([[4, 5], 9], Raises("IndexError"))],
    invariants=["stock == old.stock"],
)
SHOUT = task(
    "shout",
    {"text": "str"},
    "str",
    [(["ab"], "AB!")],
    postconditions=["result.endswith('!')", "len(result) == len(text) + 1"],
    constraints={"text": ["len(text) <= 8", "all(c in 'abc' for c in text)"]},
)

DEFECTS = planted(
    LayerName.CONTRACTS,
    (
        CLAMP,
        "broken on an example",
        "contract-broken",
        '''
def bounded(value: int, high: int) -> int:
    return min(value, high)


def clamp(value: int, low: int, high: int) -> int:§
    """Return the value, or the bound that it passes."""
    return bounded(value, high)
''',
    ),
    (
        CLAMP,
        "broken at one number",
        "contract-broken",
        """
MAGIC = 1000


def clamp(value: int, low: int, high: int) -> int:§
    if value == MAGIC:
        return value + 1
    return max(low, min(value, high))
""",
    ),
    (
        CLAMP,
        "broken where the bounds meet",
        "contract-broken",
        """
def clamp(value: int, low: int, high: int) -> int:§
    if low == high:
        return low - 1
    return max(low, min(value, high))
""",
    ),
    (
        CLAMP,
        "broken below zero",
        "contract-broken",
        """
def clamp(value: int, low: int, high: int) -> int:§
    if high < 0:
        return 0
    return max(low, min(value, high))
""",
    ),
    (
        CLAMP,
        "a value inside is moved",
        "contract-broken",
        """
def clamp(value: int, low: int, high: int) -> int:§
    if high - low > 100 and low <= value < high:
        return value + 1
    return max(low, min(value, high))
""",
    ),
    (
        PUSHED,
        "the list of before is forgotten",
        "contract-broken",
        """
def pushed(items: list[int], item: int) -> list[int]:§
    if len(items) > 4:
        return [*items[1:], item]
    return [*items, item]
""",
    ),
    (
        PUSHED,
        "nothing is pushed on nothing",
        "contract-broken",
        """
def pushed(items: list[int], item: int) -> list[int]:§
    return [*items, item] if items else []
""",
    ),
    (
        DIVIDED,
        "rounded towards zero",
        "contract-broken",
        """
def divided(number: int, by: int) -> tuple[int, int]:§
    quotient = int(number / by)
    return quotient, number % by
""",
    ),
    (
        DIVIDED,
        "the rest is that of the magnitude",
        "contract-broken",
        """
def divided(number: int, by: int) -> tuple[int, int]:§
    return abs(number) // abs(by), abs(number) % abs(by)
""",
    ),
    (
        RANKED,
        "equal ones are lost",
        "contract-broken",
        """
def ranked(scores: list[int]) -> list[int]:§
    return sorted(set(scores), reverse=True)
""",
    ),
    (
        RANKED,
        "ranked by magnitude",
        "contract-broken",
        """
def ranked(scores: list[int]) -> list[int]:§
    return sorted(scores, key=abs, reverse=True)
""",
    ),
    (
        RANKED,
        "ranked in place",
        "contract-broken",
        """
def ranked(scores: list[int]) -> list[int]:§
    scores.sort(reverse=True)
    return list(scores)
""",
    ),
    (
        AVERAGE,
        "not a number",
        "contract-broken",
        """
def average(values: list[int]) -> float:§
    if len(values) == 1:
        return float("nan")
    return sum(values) / len(values)
""",
    ),
    (
        AVERAGE,
        "divided by one too few",
        "contract-broken",
        """
def average(values: list[int]) -> float:§
    if len(values) < 3:
        return sum(values) / len(values)
    return sum(values) / (len(values) - 1)
""",
    ),
    (
        EXTREMES,
        "nothing to compare",
        "contract-undefined",
        """
def extremes(values: list[int]) -> list[int]:§
    if len(values) == 1:
        return list(values)
    return [min(values, default=0), max(values, default=0)]
""",
    ),
    (
        EXTREMES,
        "the first and the last",
        "contract-broken",
        """
def extremes(values: list[int]) -> list[int]:§
    if len(values) > 5:
        return [values[0], values[-1]]
    return [min(values, default=0), max(values, default=0)]
""",
    ),
    (
        TAKEN,
        "taken away",
        "contract-broken",
        """
def taken(stock: list[int], at: int) -> int:§
    return stock.pop(at)
""",
    ),
    (
        TAKEN,
        "emptied before it raises",
        "contract-broken",
        """
def taken(stock: list[int], at: int) -> int:
    if at >= len(stock):
        stock.clear()
        raise IndexError(at)§
    return stock[at]
""",
    ),
    (
        SHOUT,
        "silent where there is nothing",
        "contract-broken",
        """
def shout(text: str) -> str:§
    return text and text.upper() + "!"
""",
    ),
    (
        SHOUT,
        "longer for the longest",
        "contract-broken",
        """
def shout(text: str) -> str:§
    return text.upper() + "!" * max(1, len(text) - 6)
""",
    ),
)
