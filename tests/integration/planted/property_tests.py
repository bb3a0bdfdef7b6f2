"""Defects of layer 5: the examples hold, and a property does not for what was generated.

Each task has one property or two, so that the finding can only be theirs.
"""

from schemas.identity import LayerName
from tests.integration.planted.case import Raises, planted, task

SQUEEZED = task(
    "squeezed",
    {"text": "str"},
    "str",
    [(["a  b"], "a b"), (["ab"], "ab")],
    constraints={"text": ["all(c in 'ab ' for c in text)", "len(text) <= 12"]},
    properties={
        "doing it twice does nothing more": (
            "def check(text):\n    once = squeezed(text)\n    assert squeezed(once) == once\n"
        ),
        "letters are kept": "def check(text):\n    assert squeezed(text).replace(' ', '') == text.replace(' ', '')\n",
    },
)
DISTANCE = task(
    "distance",
    {"left": "int", "right": "int"},
    "int",
    [([1, 4], 3), ([9, 4], 5)],
    properties={
        "symmetric": "def check(left, right):\n    assert distance(left, right) == distance(right, left)\n",
        "nothing to itself": "def check(left, right):\n    assert distance(left, left) == 0\n",
    },
)
PACKED = task(
    "packed",
    {"data": "str"},
    "list[tuple[str, int]]",
    [(["aab"], [["a", 2], ["b", 1]])],
    constraints={"data": ["all(c in 'ab' for c in data)", "len(data) <= 15"]},
    properties={
        "can be unpacked": "def check(data):\n    assert ''.join(c * n for c, n in packed(data)) == data\n",
    },
)
FEE = task(
    "fee",
    {"amount": "int"},
    "int",
    [([0], 0), ([100], 10), ([500], 50)],
    constraints={"amount": ["0 <= amount <= 1000"]},
    properties={
        "more is never cheaper": "def check(amount):\n    assert fee(amount) <= fee(amount + 1)\n",
    },
)
MIRRORED = task(
    "mirrored",
    {"row": "list[int]"},
    "list[int]",
    [([[1, 2, 3]], [3, 2, 1])],
    properties={
        "as long as before": "def check(row):\n    assert len(mirrored(row)) == len(row)\n",
        "twice is as before": "def check(row):\n    assert mirrored(mirrored(row)) == row\n",
    },
)
LARGEST = task(
    "largest",
    {"numbers": "list[int]"},
    "int",
    [([[3, 9, 4]], 9), ([[]], Raises("ValueError"))],
    properties={
        "order is nothing to it": (
            "def check(numbers):\n    if numbers:\n        assert largest(numbers) == largest(sorted(numbers))\n"
        ),
    },
)
JOINED = task(
    "joined",
    {"left": "list[int]", "right": "list[int]"},
    "list[int]",
    [([[1, 3], [2]], [1, 2, 3])],
    properties={
        "sorted": (
            "def check(left, right):\n"
            "    both = joined(sorted(left), sorted(right))\n"
            "    assert both == sorted(both), 'not in order'\n"
        ),
        "nothing is lost": (
            "def check(left, right):\n"
            "    assert sorted(joined(sorted(left), sorted(right))) == sorted(left + right), 'other members'\n"
        ),
    },
)

DEFECTS = planted(
    LayerName.PROPERTY_TESTS,
    (
        SQUEEZED,
        "blanks squeezed once only",
        "property-fails",
        '''
def squeezed(text: str) -> str:§
    """Replace two blanks by one."""
    return text.replace("  ", " ")
''',
    ),
    (
        SQUEEZED,
        "letters squeezed as well",
        "property-fails",
        """
from itertools import groupby


def squeezed(text: str) -> str:§
    return "".join(letter for letter, _ in groupby(text))
""",
    ),
    (
        DISTANCE,
        "not symmetric far away",
        "property-fails",
        """
FAR = 500


def distance(left: int, right: int) -> int:§
    if left - right > FAR:
        return FAR
    return abs(left - right)
""",
    ),
    (
        DISTANCE,
        "a distance to itself",
        "property-fails",
        """
def distance(left: int, right: int) -> int:§
    return max(1, abs(left - right))
""",
    ),
    (
        PACKED,
        "what is apart is counted together",
        "property-fails",
        """
def packed(data: str) -> list[tuple[str, int]]:§
    return [(letter, data.count(letter)) for letter in sorted(set(data))]
""",
    ),
    (
        PACKED,
        "the last group is forgotten",
        "property-fails",
        """
def packed(data: str) -> list[tuple[str, int]]:§
    groups: list[tuple[str, int]] = []
    start = 0
    for place in range(1, len(data)):
        if data[place] != data[start]:
            groups.append((data[start], place - start))
            start = place
    if start < len(data) < 4:
        groups.append((data[start], len(data) - start))
    return groups
""",
    ),
    (
        FEE,
        "cheaper above a threshold",
        "property-fails",
        """
def fee(amount: int) -> int:§
    if amount > 500:
        return amount // 20
    return amount // 10
""",
    ),
    (
        FEE,
        "cheaper in one spot",
        "property-fails",
        """
def fee(amount: int) -> int:§
    return 0 if amount == 1000 else amount // 10
""",
    ),
    (
        MIRRORED,
        "only so many are kept",
        "property-fails",
        """
def mirrored(row: list[int]) -> list[int]:§
    return row[::-1][:5]
""",
    ),
    (
        MIRRORED,
        "sorted instead",
        "property-fails",
        """
def mirrored(row: list[int]) -> list[int]:§
    return sorted(row, reverse=True)
""",
    ),
    (
        LARGEST,
        "the last is left out",
        "property-fails",
        """
def largest(numbers: list[int]) -> int:§
    if not numbers:
        raise ValueError("there is no number")
    found = numbers[0]
    for number in numbers[1:-1]:
        found = max(found, number)
    return found
""",
    ),
    (
        LARGEST,
        "the one between",
        "property-fails",
        """
def largest(numbers: list[int]) -> int:§
    if not numbers:
        raise ValueError("there is no number")
    return numbers[len(numbers) // 2]
""",
    ),
    (
        JOINED,
        "one after the other",
        "property-fails",
        """
def joined(left: list[int], right: list[int]) -> list[int]:§
    if len(right) == 1:
        return sorted(left + right)
    return left + right
""",
    ),
    (
        JOINED,
        "the rest is dropped",
        "property-fails",
        """
def joined(left: list[int], right: list[int]) -> list[int]:§
    merged: list[int] = []
    at = 0
    for number in left:
        while at < len(right) and right[at] <= number:
            merged.append(right[at])
            at += 1
        merged.append(number)
    return merged
""",
    ),
    (
        LARGEST,
        "it raises for equal ones",
        "property-fails",
        """
def largest(numbers: list[int]) -> int:
    if len(set(numbers)) != len(numbers):
        raise RuntimeError("the numbers must differ")§
    return max(numbers)
""",
    ),
)
