"""Defects of layer 6: excess over the limits, code that can never run, names that do not exist, unused results."""

from schemas.identity import LayerName
from tests.integration.planted.case import planted, task

GRADE = task("grade", {"points": "int"}, "str", [([95], "A"), ([10], "F")], max_complexity=4, max_lines=12)
SHORT = task("short", {"n": "int"}, "int", [([3], 6)], max_complexity=4, max_lines=6)
ORDER = task("order", {"items": "list[int]"}, "list[int]", [([[2, 1]], [1, 2]), ([[]], [])])

DEFECTS = planted(
    LayerName.STATIC_ANALYSIS,
    (
        GRADE,
        "too many branches",
        "too-complex",
        """
LOWEST = 0


def grade(points: int) -> str:§
    if points >= 90:
        return "A"
    if points >= 80:
        return "B"
    if points >= 70:
        return "C"
    if points >= 60:
        return "D"
    return "F"
""",
    ),
    (
        GRADE,
        "too many branches in a function below",
        "too-complex",
        """
def letter(tens: int) -> str:§
    if tens > 10:
        return "A"
    for bound, name in ((9, "A"), (8, "B"), (7, "C")):
        if tens >= bound:
            return name
    while tens > 6:
        tens -= 1
    return "D" if tens == 6 else "F"


def grade(points: int) -> str:
    return letter(points // 10)
""",
    ),
    (
        SHORT,
        "too many lines",
        "too-many-lines",
        '''
"""Doubles."""


def short(n: int) -> int:§
    """Add one number to itself."""
    # neither this comment nor the docstring counts
    first = n
    second = n
    total = 0
    total += first
    total += second
    return total
''',
    ),
    (
        SHORT,
        "too many lines in all",
        "too-many-lines",
        """
def one(n: int) -> int:§
    return n


def two(n: int) -> int:
    return one(n) + one(n)


def three(n: int) -> int:
    return two(n)


def short(n: int) -> int:
    return three(n)
""",
    ),
    (
        ORDER,
        "code after a return",
        "unreachable",
        """
def order(items: list[int]) -> list[int]:
    return sorted(items)
    print("done")§
""",
    ),
    (
        ORDER,
        "code after both branches",
        "unreachable",
        """
def order(items: list[int]) -> list[int]:
    if not items:
        return []
    else:
        return sorted(items)
    return items§
""",
    ),
    (
        ORDER,
        "code after a raise",
        "unreachable",
        """
def order(items: list[int]) -> list[int]:
    if len(items) > 100:
        raise ValueError("too many")
        items = items[:100]§
    return sorted(items)
""",
    ),
    (
        ORDER,
        "code after a break",
        "unreachable",
        """
def order(items: list[int]) -> list[int]:
    kept: list[int] = []
    for item in sorted(items):
        if len(kept) == 100:
            break
            kept.clear()§
        kept.append(item)
    return kept
""",
    ),
    (
        ORDER,
        "code after a loop without end",
        "unreachable",
        """
def order(items: list[int]) -> list[int]:
    left = list(items)
    done: list[int] = []
    while True:
        if not left:
            return done
        least = min(left)
        left.remove(least)
        done.append(least)
    return left§
""",
    ),
    (
        ORDER,
        "a condition that never holds",
        "unreachable",
        """
def order(items: list[int]) -> list[int]:
    if False:§
        return items
    return sorted(items)
""",
    ),
    (
        ORDER,
        "sorted for nothing",
        "unused-result",
        """
def order(items: list[int]) -> list[int]:
    sorted(items)§
    return sorted(items)
""",
    ),
    (
        ORDER,
        "a sum for nothing",
        "unused-result",
        """
def order(items: list[int]) -> list[int]:
    found = sorted(items)
    len(items) + 1§
    return found
""",
    ),
    (
        ORDER,
        "compared for nothing",
        "unused-result",
        """
def order(items: list[int]) -> list[int]:
    found = sorted(items)
    found == items§
    return found
""",
    ),
    (
        ORDER,
        "mapped for nothing",
        "unused-result",
        """
def order(items: list[int]) -> list[int]:
    map(abs, items)§
    return sorted(items)
""",
    ),
    (
        ORDER,
        "identity with a literal",
        "F632",
        """
def order(items: list[int]) -> list[int]:
    if len(items) is 0:§
        return []
    return sorted(items)
""",
    ),
    (
        ORDER,
        "a name that does not exist, where the type checker does not look",
        "F821",
        """
import sys


def order(items: list[int]) -> list[int]:
    if sys.version_info < (3, 0):
        return ordered(items)§
    return sorted(items)
""",
    ),
)
