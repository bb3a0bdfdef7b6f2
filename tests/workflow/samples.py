"""Small specifications and answers that the workflow tests build."""

import json

SPECIFICATION = """
tasks:
  - id: double
    name: double
    description: Double a number.
    inputs: [{name: n, type_annotation: int, constraints: ["-1000 <= n <= 1000"]}]
    outputs: [{name: result, type_annotation: int}]
    postconditions: [{name: twice, expression: "result == n + n"}]
    test_cases:
      - {name: two, inputs: {n: 2}, expected_output: 4}
      - {name: zero, inputs: {n: 0}, expected_output: 0}
    properties:
      - name: even
        property_function: |
          def even(n: int) -> None:
              assert double(n) % 2 == 0
  - id: quadruple
    name: quadruple
    description: Quadruple a number.
    dependencies: [double]
    inputs: [{name: n, type_annotation: int, constraints: ["-1000 <= n <= 1000"]}]
    outputs: [{name: result, type_annotation: int}]
    test_cases:
      - {name: one, inputs: {n: 1}, expected_output: 4}
      - {name: minus, inputs: {n: -2}, expected_output: -8}
"""


def fenced(code: str) -> str:
    """Write code as a chat model does."""
    return f"Here it is:\n\n```python\n{code}```\n"


def fenced_json(document: object) -> str:
    """Write JSON as a chat model does."""
    return f"```json\n{json.dumps(document)}\n```\n"


DOUBLE = (
    fenced("def double(n: int) -> int:\n    return n * 2\n"),
    fenced("def double(n: int) -> int:\n    return n + n\n"),
    fenced("def double(n: int) -> int:\n    return n << 1\n"),
)
WRONG_DOUBLE = fenced("def double(n: int) -> int:\n    return n ** 2\n")
QUADRUPLE = (
    fenced("def quadruple(n: int) -> int:\n    return double(double(n))\n"),
    fenced("def quadruple(n: int) -> int:\n    return 2 * double(n)\n"),
)

ANSWERS = {("coder", "double"): (*DOUBLE, WRONG_DOUBLE), ("coder", "quadruple"): QUADRUPLE}

RARELY_WRONG = tuple(
    fenced(f"def double(n: int) -> int:\n    return {body}\n")
    for body in ("n * 2 if n != 777 else 0", "n + n if n != 777 else 1", "2 * n if n != 777 else 2")
)
"""Shorter than the right answer, and wrong on one number that no drawn input hits."""

RIGHT_BUT_LONG = fenced("def double(n: int) -> int:\n    total = n\n    total += n\n    return total\n")
LOOKED_AT = {("coder", "double"): (*RARELY_WRONG, RIGHT_BUT_LONG), ("coder", "quadruple"): QUADRUPLE}

TRIPLE = """
tasks:
  - id: triple
    name: triple
    description: Triple a number.
    inputs: [{name: n, type_annotation: int, constraints: ["-1000 <= n <= 1000"]}]
    outputs: [{name: result, type_annotation: int}]
"""
TRIPLING = {
    ("coder", "triple"): (
        fenced("def triple(n: int) -> int:\n    return 3 * n\n"),
        fenced("def triple(n: int) -> int:\n    return n + n + n\n"),
    )
}

SIX = """
tasks:
  - id: six
    name: six
    task_type: decomposition
    description: Multiply a number by six.
    inputs: [{name: n, type_annotation: int, constraints: ["-1000 <= n <= 1000"]}]
    outputs: [{name: result, type_annotation: int}]
    test_cases:
      - {name: one, inputs: {n: 1}, expected_output: 6}
      - {name: minus, inputs: {n: -2}, expected_output: -12}
"""


def _child(name: str, factor: int, *, dependencies: tuple[str, ...] = ()) -> dict[str, object]:
    return {
        "specification": {
            "id": name,
            "name": name,
            "description": f"Multiply a number by {factor}.",
            "dependencies": list(dependencies),
            "inputs": [{"name": "n", "type_annotation": "int", "constraints": ["-6000 <= n <= 6000"]}],
            "outputs": [{"name": "result", "type_annotation": "int"}],
            "test_cases": [{"name": "two", "inputs": {"n": 2}, "expected_output": 2 * factor}],
        },
        "estimated_lines": 2,
        "estimated_complexity": 1,
    }


def proposal(*children: dict[str, object]) -> str:
    """Write a decomposer's answer."""
    return fenced_json({"children": children})


def _multiply(name: str, factor: int) -> tuple[str, ...]:
    return (fenced(f"def {name}(n: int) -> int:\n    return n * {factor}\n"),)


SPLIT_TWO_WAYS = {
    ("decomposer", "six"): (
        proposal(_child("twice", 2), _child("thrice", 3)),
        proposal(_child("tenfold", 10), _child("fourfold", 4)),
    ),
    ("coder", "twice"): _multiply("twice", 2),
    ("coder", "thrice"): _multiply("thrice", 3),
    ("integrator", "six"): (fenced("def six(n: int) -> int:\n    return thrice(twice(n))\n"),),
}
"""As many agents split it one way as the other; only the first split has code written down."""

_TWICE, _THRICE = _child("twice", 2), _child("thrice", 3)
_GLUES = tuple(
    fenced(f"def six(n: int) -> int:\n    return {body}\n") for body in ("thrice(twice(n))", "twice(thrice(n))")
)

WEAK_CHILD = {
    ("decomposer", "six"): (proposal(_TWICE, _THRICE),),
    ("coder", "twice"): tuple(
        fenced(f"def twice(n: int) -> int:\n    return {body}\n") for body in ("n * 2", "n * n", "n ** 2", "n + n")
    ),
    ("coder", "thrice"): _multiply("thrice", 3),
    ("integrator", "six"): _GLUES,
}
"""The first agents mostly square what is to be doubled, which its only example does not tell; the glue fails."""

_WRONG_THRICE = fenced("def thrice(n: int) -> int:\n    return n + 2\n")
INFEASIBLE = {
    ("decomposer", "six"): (proposal(_TWICE, _THRICE),),
    ("decomposer again", "six"): (proposal(_TWICE, _child("treble", 3)),),
    ("coder", "twice"): _multiply("twice", 2),
    ("coder", "thrice"): (_WRONG_THRICE,),
    ("coder", "treble"): _multiply("treble", 3),
    ("integrator", "six"): (fenced("def six(n: int) -> int:\n    return treble(twice(n))\n"),),
}
"""Nobody can do one of two children; another plan has a part in its place that can be done."""

HOPELESS_PLANS = {**INFEASIBLE, ("decomposer again", "six"): (proposal(_TWICE, _THRICE),)}
"""Every further plan has the same child that nobody can do."""
MORE_EXAMPLES = SPECIFICATION.replace(
    "{name: zero, inputs: {n: 0}, expected_output: 0}", "{name: ten, inputs: {n: 10}, expected_output: 20}"
)
"""One example of the task that is called is another; the calling one still does what it should."""

FOR_MORE_EXAMPLES = {("coder", "double"): (RIGHT_BUT_LONG,)}

WITH_SIX = SPECIFICATION + SIX.partition("tasks:\n")[2]
"""Two tasks, one calling the other, and one that is to be split."""

TRIPLED = (
    WITH_SIX.replace("Double a number.", "Triple a number.")
    .replace("expected_output: 4}\n      - {name: zero", "expected_output: 6}\n      - {name: zero")
    .replace("result == n + n", "result == n + n + n")
    .replace("double(n) % 2", "double(n) % 3")
)
"""The task that is called means another thing by the same interface, and the calling one is wrong by it."""

SPLIT_ONE_WAY = {**ANSWERS, **SPLIT_TWO_WAYS, ("decomposer", "six"): SPLIT_TWO_WAYS["decomposer", "six"][:1]}
FOR_TRIPLED = {
    ("coder", "double"): (fenced("def double(n: int) -> int:\n    return 3 * n\n"),),
    ("coder", "quadruple"): (fenced("def quadruple(n: int) -> int:\n    return 4 * n\n"),),
}

SEVENFOLD = """
tasks:
  - id: sevenfold
    name: sevenfold
    description: Multiply a number by seven.
    inputs: [{name: n, type_annotation: int, constraints: ["-1000 <= n <= 1000"]}]
    outputs: [{name: result, type_annotation: int}]
    test_cases:
      - {name: one, inputs: {n: 1}, expected_output: 7}
      - {name: minus, inputs: {n: -2}, expected_output: -14}
"""
_SEVENS = ("n * 7", "7 * n", "6 * n + n", "n + n * 6", "8 * n - n", "n * 8 - n", "n * 7 if n != 777 else 0", "-n * -7")
"""Ways to be right, and one that is wrong on a number which no drawn input hits; the second agent gives that one."""

REVIEWED = {
    ("coder", "sevenfold"): tuple(fenced(f"def sevenfold(n: int) -> int:\n    return {body}\n") for body in _SEVENS),
    ("reviewer", "sevenfold"): (
        fenced_json({"cases": [{"inputs": {"n": 777}, "expected": 778, "why": "it looks like a special case"}]}),
    ),
}
"""A reviewer names the number, and is wrong about the result."""


def advising(step: str) -> tuple[str, ...]:
    """Write a coordinator's answer."""
    return (fenced_json({"step": step, "reason": "no answer meets its examples"}),)


HALF = """
tasks:
  - id: half
    name: half
    description: Half of a number, as a whole number.
    inputs: [{name: n, type_annotation: int, constraints: ["-1000 <= n <= 1000"]}]
    outputs: [{name: result, type_annotation: int}]
    postconditions: [{name: near, expression: "-1 <= 2 * result - n <= 1"}]
    test_cases:
      - {name: ten, inputs: {n: 10}, expected_output: 5}
      - {name: zero, inputs: {n: 0}, expected_output: 0}
"""
"""Nobody says what becomes of odd numbers."""

_DOWN = ("n // 2", "(n - n % 2) // 2", "n >> 1")
_UP = ("-(-n // 2)", "(n + 1) // 2", "n // 2 + n % 2")
TWO_READINGS = {
    ("coder", "half"): tuple(
        fenced(f"def half(n: int) -> int:\n    return {body}\n")
        for pair in zip(_DOWN, _UP, strict=True)
        for body in pair
    )
}
"""As many agents round down as up."""

SIX_AT_ONCE = SIX.replace("    task_type: decomposition\n", "")
SIX_IN_PARTS = {
    ("coder", "six"): tuple(
        fenced(f"def six(n: int) -> int:\n    return {body}\n")
        for body in ("n * 6", "n * 6 if n < 400 else 0", "6 * n", "6 * n if n < 400 else 0")
    ),
    ("decomposer", "six"): (proposal(_TWICE, _THRICE),),
    ("coder", "twice"): _multiply("twice", 2),
    ("coder", "thrice"): _multiply("thrice", 3),
    ("integrator", "six"): _GLUES,
}
"""Agents divide over the whole, and agree on its parts."""
