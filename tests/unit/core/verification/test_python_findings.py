"""What Python as a target language finds in source by itself."""

import pytest

from schemas.verification import Severity
from tests.unit.core.verification.python_task import PYTHON, RECORD, outputs, task


class TestSyntaxFindings:
    """What the first layer finds."""

    @pytest.mark.parametrize(
        "comment",
        [
            "# type: ignore",
            "#type:ignore[x]",
            "# type: int",
            "# mypy: ignore-errors",
            "# pyright: basic",
            "# noqa",
            "# NoQA: E501",
            "# fine # noqa",
            "# nosec",
            "# ruff: noqa",
        ],
    )
    def test_a_comment_to_a_checker_is_found_with_its_line(self, comment: str) -> None:
        """Wherever it stands in a comment."""
        (finding,) = PYTHON.check_syntax(f"def f(x: int) -> int:\n    return x  {comment}\n", task())
        assert (finding.code, finding.line) == ("suppression", 2)

    @pytest.mark.parametrize("line", ["'# type: ignore'", "'''\n# noqa\n'''", "x  # the type of x", "x  # a typed one"])
    def test_text_that_only_looks_like_one_is_not(self, line: str) -> None:
        """The tokenizer tells comments from strings."""
        assert PYTHON.check_syntax(f"def f(x: int) -> int:\n    return {line}\n", task()) == ()

    def test_another_encoding_is_refused(self) -> None:
        """A file must be to the interpreter what it is to the checkers."""
        source = "# -*- coding: utf-7 -*-\ndef f(x: int) -> int:\n    return x\n"
        assert [finding.code for finding in PYTHON.check_syntax(source, task())] == ["encoding"]
        assert PYTHON.check_syntax(source.replace("utf-7", "utf-8"), task()) == ()

    @pytest.mark.parametrize(
        ("source", "code", "line"),
        [
            ("def g(x):\n    return x\n", "not-defined", None),
            ("f = len\n", "not-a-function", 1),
            ("class f:\n    pass\n", "not-a-function", 1),
            ("from math import floor as f\n", "not-a-function", 1),
            ("async def f(x):\n    return x\n", "not-a-function", 1),
            ("try:\n    def f(x):\n        return x\nfinally:\n    pass\n", "not-a-function", 2),
            ("def f(x):\n    return x\n\n\ndel f\n", "defined-twice", 5),
            ("def f(x):\n    return x\n\n\nfor f in (1,):\n    pass\n", "defined-twice", 5),
            ("def f(x):\n    global f\n    f = len\n    return x\n", "defined-twice", 2),
            ("def f(x):\n    return x\n\n\nprint(f := 1)\n", "defined-twice", 5),
        ],
    )
    def test_the_function_is_defined_once_by_a_def(self, source: str, code: str, line: int | None) -> None:
        """Each other way of binding its name is found."""
        assert [(finding.code, finding.line) for finding in PYTHON.check_syntax(source, task())] == [(code, line)]

    @pytest.mark.parametrize(
        "source",
        [
            "def f(x):\n    f = x\n    return f\n",
            "class A:\n    def f(self):\n        return 1\n\n\ndef f(x):\n    return x\n",
            "def f(x):\n    return f(x - 1) if x else 0\n",
            "def g(f):\n    return [f for f in f]\n\n\ndef f(x):\n    return x\n",
        ],
    )
    def test_the_same_name_in_another_scope_is_harmless(self, source: str) -> None:
        """Locals, methods and parameters do not define the function again."""
        assert PYTHON.check_syntax(source, task()) == ()


class TestSignatureFindings:
    """What the second layer finds by itself."""

    @pytest.mark.parametrize(
        ("wanted", "written"),
        [
            ("list[int]", "List[int]"),
            ("int | None", "Optional[int]"),
            ("int | None", "None | int"),
            ("int | str", "Union[str, int]"),
            ("int | str", "typing.Union[int, str]"),
            ("Money", "'Money'"),
            ("list[Money]", "list['Money']"),
            ("dict[str, list[int]]", "Dict[str, List[int]]"),
            ("list", "list[Any]"),
        ],
    )
    def test_other_spellings_of_a_type_are_the_same(self, wanted: str, written: str) -> None:
        """What a type is counts, not how it is written."""
        setting = task(outputs=outputs(wanted), records=[RECORD.model_dump()])
        assert PYTHON.check_signature(f"def f(x: int) -> {written}:\n    return g(x)\n", setting) == ()

    @pytest.mark.parametrize(
        ("head", "code"),
        [
            ("def f(x: str) -> int", "annotation-differs"),
            ("def f(x: int) -> float", "annotation-differs"),
            ("def f(x: 'int(') -> int", "annotation-differs"),
            ("def f(x: Integer) -> int", "annotation-differs"),
            ("def f(x) -> int", "missing-annotation"),
            ("def f(x: int)", "missing-annotation"),
            ("def f(y: int) -> int", "parameters-differ"),
            ("def f(x: int, y: int) -> int", "parameters-differ"),
            ("def f(*x: int) -> int", "parameters-differ"),
            ("def f(*, x: int) -> int", "parameters-differ"),
            ("def f(x: int, /) -> int", "parameters-differ"),
            ("def f() -> int", "parameters-differ"),
        ],
    )
    def test_another_interface_is_found_on_its_line(self, head: str, code: str) -> None:
        """Names, order, kinds and types of the parameters, and the result."""
        findings = PYTHON.check_signature(f"\n{head}:\n    return 1\n", task())
        assert [(finding.code, finding.line) for finding in findings] == [(code, 2)]

    def test_a_default_value_only_warns(self) -> None:
        """It narrows nothing that was asked for."""
        (finding,) = PYTHON.check_signature("def f(x: int = 1) -> int:\n    return x\n", task())
        assert finding.severity is Severity.WARNING

    @pytest.mark.parametrize(
        ("source", "code"),
        [
            ("from typing import Any\n\n\ndef f(x: int) -> int:\n    y: Any = x\n    return y\n", "explicit-any"),
            ("import typing\n\n\ndef f(x: int) -> int:\n    y: typing.Any = x\n    return y\n", "explicit-any"),
            ("from typing import Any as A\n\n\ndef f(x: int) -> int:\n    y: A = x\n    return y\n", "explicit-any"),
            ("import typing\n\n\n@typing.no_type_check\ndef f(x: int) -> int:\n    return x\n", "hidden-from-checker"),
            ("MYPY = False\n\n\ndef f(x: int) -> int:\n    return x\n", "hidden-from-checker"),
        ],
    )
    def test_what_blinds_the_type_checker_is_found(self, source: str, code: str) -> None:
        """Any beyond the specification, and code that it would not see."""
        assert {finding.code for finding in PYTHON.check_signature(source, task())} == {code}

    def test_any_of_the_specification_is_allowed(self) -> None:
        """Where the interface says Any, a variable may too."""
        source = "def f(x: int) -> Any:\n    y: list[Any] = [x]\n    return y[0]\n"
        assert PYTHON.check_signature(source, task(outputs=outputs("Any"))) == ()


class TestStructureFindings:
    """What static analysis finds by itself."""

    @pytest.mark.parametrize(
        ("body", "line"),
        [
            ("return x\n    x = 1", 3),
            ("raise ValueError\n    return x", 3),
            ("while True:\n        x += 1\n    return x", 4),
            ("for y in range(x):\n        continue\n        x += y\n    return x", 4),
            ("if x:\n        return 1\n    else:\n        return 2\n    return 3", 6),
            ("if False:\n        x = 1\n    return x", 2),
            ("while 0:\n        x = 1\n    return x", 2),
            ("with open(x) as y:\n        return 1\n    return 2", 4),
        ],
    )
    def test_code_that_can_never_run_is_found(self, body: str, line: int) -> None:
        """On the first line that is not reached."""
        findings = PYTHON.check_structure(f"def f(x):\n    {body}\n", task())
        assert [(finding.code, finding.line) for finding in findings] == [("unreachable", line)]

    @pytest.mark.parametrize(
        "body",
        [
            "while True:\n        if x:\n            break\n    return x",
            "return\n    yield",
            "if x:\n        return 1\n    else:\n        return 2\n    raise AssertionError",
            "try:\n        return 1\n    finally:\n        x = 2",
            "for y in x:\n        return y\n    return None",
            "while True:\n        for y in x:\n            break\n        else:\n            break\n    return x",
            "with suppress(ValueError):\n        raise ValueError\n    return x",
        ],
    )
    def test_code_that_may_run_or_is_a_guard_is_not(self, body: str) -> None:
        """Loops that break, empty generators, and guards after branches that all leave."""
        assert PYTHON.check_structure(f"def f(x):\n    {body}\n", task()) == ()

    @pytest.mark.parametrize("statement", ["x == 1", "x + 1", "x", "sorted(x)", "map(str, x)", "(x, 1)", "1", "not x"])
    def test_a_result_that_is_not_used_is_found(self, statement: str) -> None:
        """An expression that does nothing is a mistake."""
        (finding,) = PYTHON.check_structure(f"def f(x):\n    {statement}\n    return x\n", task())
        assert (finding.code, finding.line, finding.severity) == ("unused-result", 2, Severity.ERROR)

    @pytest.mark.parametrize("statement", ["x.append(1)", "print(x)", "...", "'note'", "int(x)"])
    def test_a_call_for_its_effect_is_fine(self, statement: str) -> None:
        """What may do something is left alone."""
        assert PYTHON.check_structure(f"def f(x):\n    {statement}\n    return x\n", task()) == ()

    def test_a_look_up_for_its_exception_only_warns(self) -> None:
        """``x[0]`` may be there for what it raises."""
        (finding,) = PYTHON.check_structure("def f(x):\n    x[0]\n    return x\n", task())
        assert finding.severity is Severity.WARNING

    def test_the_limits_of_the_specification_hold(self) -> None:
        """Lines of the module and complexity of each function, with the place."""
        source = "def g(x):\n    if x:\n        return 1\n    return 2\n\n\ndef f(x):\n    return g(x)\n"
        findings = PYTHON.check_structure(source, task(max_lines=5, max_complexity=1))
        assert [(finding.code, finding.line) for finding in findings] == [("too-many-lines", 1), ("too-complex", 1)]
        assert PYTHON.check_structure(source, task(max_lines=6, max_complexity=2)) == ()


class TestSecurityFindings:
    """What the security layer finds by itself."""

    @pytest.mark.parametrize(
        "line",
        [
            "import os",
            "import os.path as p",
            "from subprocess import run",
            "import ctypes",
            "import importlib",
            "import posix",
            "from . import records",
            "from math import *",
            "import time",
            "from sys import modules",
            "from io import open",
            "from random import _os",
            "from dataclasses import sys",
            "from typing import get_type_hints",
            "eval('1')",
            "exec('1')",
            "compile('1', '', 'eval')",
            "open('x')",
            "input()",
            "__import__('os')",
            "globals()",
            "vars()",
            "getattr(1, 'a' + 'b')",
            "getattr(1, '__class_' + '_')",
            "(1).__class__.__bases__",
            "print.__self__",
            "'__subclasses__'",
            "__builtins__",
            "import random; random._os",
            "import random as r; r._os.system('x')",
            "import enum; enum.sys",
            "def g(f): return f.__globals__",
            "key = 'AKIAIOSFODNN7EXAMPLE'",
            "pem = '-----BEGIN RSA PRIVATE KEY-----'",
            "api_key = 'd8f3a91c04be57e2f6'",
            "connect(password='Zx81kQpL02vbTRw7')",
            "settings['token'] = 'Zx81kQpL02vbTRw7'",
        ],
    )
    def test_what_pure_code_does_not_need_is_found(self, line: str) -> None:
        """Each with its line."""
        findings = PYTHON.check_security(f"def f(x):\n    return x\n\n\n{line}\n", ())
        assert findings
        assert {finding.line for finding in findings} == {5}

    def test_only_harmless_members_of_sys_and_io_may_be_used(self) -> None:
        """``sys.maxsize`` is a number; ``sys.modules`` is everything."""
        assert PYTHON.check_security("import sys\nx = sys.maxsize\n", ()) == ()
        assert PYTHON.check_security("from io import StringIO\n", ()) == ()
        assert PYTHON.check_security("import sys\nx = sys.modules\n", ())

    @pytest.mark.parametrize(
        "line",
        [
            "import collections.abc",
            "from collections import Counter, defaultdict",
            "from urllib.parse import quote",
            "import math as m; m.sqrt(2)",
            "from __future__ import annotations",
            "from shop.money import parse",
            "import shop.money",
            "def g(input, dir): return input + dir",
            "getattr(1, 'real')",
            "super().__init__()",
            "x = f.__name__",
            "password = 'password'",
            "token = 'a b c d e f g h i j k l'",
            "word = 'q7ZkP2vXw9LmB4tR'",
            "import random; random.random()",
        ],
    )
    def test_what_pure_code_does_need_is_allowed(self, line: str) -> None:
        """No honest code is stopped."""
        source = f"{line}\n" if "__future__" in line else f"def f(x):\n    return x\n\n\n{line}\n"
        assert PYTHON.check_security(source, ("shop.money",)) == ()
