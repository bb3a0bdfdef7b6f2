"""Defects of layer 8: an example or a stated size takes far longer, or far more memory, than the specification allows.

Each takes several times its limit, and ends long before a call is given up: the layers below must let it pass. Only
``time`` is granted where time itself is the defect.
"""

from pydantic import JsonValue

from schemas.identity import LayerName
from tests.integration.planted.case import planted, task

LIMIT = 50
"""Milliseconds a call: a fifth, at most, of what a slow candidate takes on a fast machine."""

BIG: list[JsonValue] = list(range(2500, 0, -1))
TWOS: list[JsonValue] = [2] * 19

HALF = task("half", {"n": "int"}, "int", [([10], 5), ([4000], 2000)], timeout_ms=LIMIT)
WAITS = task("waits", {"n": "int"}, "int", [([10], 5), ([4000], 2000)], timeout_ms=LIMIT, grants={"imports": ["time"]})
FIBONACCI = task(
    "fibonacci",
    {"n": "int"},
    "int",
    [([10], 55), ([32], 2178309)],
    timeout_ms=LIMIT,
    constraints={"n": ["0 <= n <= 32"]},
)
ARRANGED = task(
    "arranged", {"items": "list[int]"}, "list[int]", [([BIG], BIG[::-1]), ([[2, 1]], [1, 2])], timeout_ms=LIMIT
)
REPEATED = task("repeated", {"items": "list[int]"}, "bool", [([BIG], False), ([[1, 1]], True)], timeout_ms=LIMIT)
PRIME = task("prime", {"n": "int"}, "bool", [([7], True), ([8], False), ([7368787], True)], timeout_ms=LIMIT)
DIVISOR = task("divisor", {"a": "int", "b": "int"}, "int", [([12, 18], 6), ([4000000, 1], 1)], timeout_ms=LIMIT)
SPLITS = task(
    "splits", {"weights": "list[int]"}, "bool", [([[1, 2, 3]], True), ([[*TWOS, 1]], False)], timeout_ms=LIMIT
)
WORDS = task("words", {"text": "str"}, "bool", [(["aab"], True), (["a" * 31], False)], timeout_ms=LIMIT)
PAIRS = task(
    "pairs",
    {"items": "list[int]"},
    "int",
    [([[1, -1, 2]], 1), ([[]], 0)],
    timeout_ms=LIMIT,
    constraints={"items": ["len(items) <= 4000"]},
)
FILLED = task(
    "filled",
    {"n": "int"},
    "int",
    [([3], 3), ([0], 0)],
    timeout_ms=LIMIT,
    constraints={"n": ["0 <= n <= 100000"]},
)
KEPT = FILLED.model_copy(update={"timeout_ms": 2000})

DEFECTS = planted(
    LayerName.PERFORMANCE,
    (
        HALF,
        "counts up one by one",
        "slow",
        '''
STEP = 2


def half(n: int) -> int:§
    """Return the half, rounded down."""
    found = 0
    while n > 1000 and found < n * STEP * 500:
        found += 1
    return n // STEP
''',
    ),
    (
        WAITS,
        "burns time",
        "slow",
        """
import time


def waits(n: int) -> int:§
    end = time.process_time() + 0.25 * (n > 1000)
    while time.process_time() < end:
        n += 0
    return n // 2
""",
    ),
    (
        WAITS,
        "sleeps",
        "slow",
        """
import time


def waits(n: int) -> int:§
    if n > 1000:
        time.sleep(0.5)
    return n // 2
""",
    ),
    (
        FIBONACCI,
        "doubles its work at every step",
        "slow",
        """
def fibonacci(n: int) -> int:§
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)
""",
    ),
    (
        ARRANGED,
        "sorts by exchanging neighbours",
        "slow",
        """
def arranged(items: list[int]) -> list[int]:§
    left = list(items)
    for end in range(len(left), 1, -1):
        for place in range(1, end):
            if left[place - 1] > left[place]:
                left[place - 1], left[place] = left[place], left[place - 1]
    return left
""",
    ),
    (
        ARRANGED,
        "looks for the least again and again",
        "slow",
        """
def least(items: list[int]) -> int:
    found = items[0]
    for item in items:
        if item < found:
            found = item
    return found


def arranged(items: list[int]) -> list[int]:§
    left, done = list(items), list[int]()
    while left:
        done.append(least(left))
        left.remove(done[-1])
    return done
""",
    ),
    (
        REPEATED,
        "compares everything with everything",
        "slow",
        """
def repeated(items: list[int]) -> bool:§
    for left in range(len(items)):
        for right in range(len(items)):
            if left != right and items[left] == items[right]:
                return True
    return False
""",
    ),
    (
        PRIME,
        "tries every divisor",
        "slow",
        """
def prime(n: int) -> bool:§
    if n < 2:
        return False
    for divisor in range(2, n):
        if n % divisor == 0:
            return False
    return True
""",
    ),
    (
        DIVISOR,
        "subtracts instead of dividing",
        "slow",
        """
def divisor(a: int, b: int) -> int:§
    left, right = abs(a), abs(b)
    if left == 0 or right == 0:
        return left or right
    while left != right:
        if left > right:
            left -= right
        else:
            right -= left
    return left
""",
    ),
    (
        SPLITS,
        "tries every subset",
        "slow",
        """
def splits(weights: list[int]) -> bool:§
    return reaches(weights, 0, 0)


def reaches(weights: list[int], at: int, balance: int) -> bool:
    if at == len(weights):
        return balance == 0
    return reaches(weights, at + 1, balance + weights[at]) or reaches(weights, at + 1, balance - weights[at])
""",
    ),
    (
        WORDS,
        "a pattern that backtracks",
        "slow",
        """
import re


def words(text: str) -> bool:§
    return re.fullmatch("(a|aa)+b", text) is not None
""",
    ),
    (
        PAIRS,
        "quadratic at the stated size",
        "slow",
        """
def pairs(items: list[int]) -> int:§
    found = 0
    for left in range(len(items)):
        for right in range(left):
            if items[left] + items[right] == 0:
                found += 1
    return found
""",
    ),
    (
        FILLED,
        "counts very slowly at the stated size",
        "slow",
        """
def filled(n: int) -> int:§
    found = 0
    for _ in range(n):
        for _ in range(80):
            found += 1
    return found // 80
""",
    ),
    (
        KEPT,
        "hoards at the stated size",
        "memory",
        """
def filled(n: int) -> int:§
    kept = bytearray(n * 10_000 if n > 90_000 else n)
    return n if kept or not n else 0
""",
    ),
)
