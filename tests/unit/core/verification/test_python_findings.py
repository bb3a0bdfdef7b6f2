"""What Python as a target language finds in source by itself."""

import pytest

from schemas.specification import Grants
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
            "# PYRIGHT : ignore",
            "#pyre-ignore[7]",
            "# flake8: noqa",
            "# pylint: disable=all",
            "# crosshair: off",
            "# ty: ignore",
        ],
    )
    def test_a_comment_to_a_checker_is_found_with_its_line(self, comment: str) -> None:
        """Wherever it stands in a comment."""
        (finding,) = PYTHON.check_syntax(f"def f(x: int) -> int:\n    return x  {comment}\n", task())
        assert (finding.code, finding.line) == ("suppression", 2)

    @pytest.mark.parametrize(
        "line", ["'# type: ignore'", "'''\n# noqa\n'''", "x  # the type of x", "x  # a typed one", "x  # ty: two"]
    )
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
            ("def g(x):\n    return x\n", "not-defined", 1),
            ("f = len\n", "not-a-function", 1),
            ("class f:\n    pass\n", "not-a-function", 1),
            ("from math import floor as f\n", "not-a-function", 1),
            ("async def f(x):\n    return x\n", "not-a-function", 1),
            ("try:\n    def f(x):\n        return x\nfinally:\n    pass\n", "not-a-function", 2),
            ("def f(x):\n    return x\n\n\ndel f\n", "defined-twice", 5),
            ("def f(x):\n    return x\n\n\nfor f in (1,):\n    pass\n", "defined-twice", 5),
            ("def f(x):\n    global f\n    f = len\n    return x\n", "defined-twice", 2),
            ("def f(x):\n    return x\n\n\nprint(f := 1)\n", "defined-twice", 5),
            ("def f(x):\n    return x\n\n\nk = [f := 1 for _ in ()]\n", "defined-twice", 5),
            ("def f(x):\n    return x\n\n\ndef g(k=(f := 1)):\n    return k\n", "defined-twice", 5),
            ("def f(x):\n    return x\n\n\ng = lambda k=(f := 1): k\n", "defined-twice", 5),
            ("def f(x):\n    return x\n\n\nclass A((f := object)):\n    pass\n", "defined-twice", 5),
            ("def f(x):\n    return x\n\n\nf += 1\n", "defined-twice", 5),
            ("def f(x):\n    return x\n\n\nimport os.path as f\n", "defined-twice", 5),
            ("def f(x):\n    return x\n\n\nmatch 1:\n    case f:\n        pass\n", "defined-twice", 6),
            ("def f(x):\n    return x\n\n\nfrom math import *\n", "star-import", 5),
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
            "g = lambda: (f := 1)\n\n\ndef f(x):\n    return [f := y for y in x]\n",
        ],
    )
    def test_the_same_name_in_another_scope_is_harmless(self, source: str) -> None:
        """Locals, methods and parameters do not define the function again."""
        assert PYTHON.check_syntax(source, task()) == ()

    @pytest.mark.parametrize(
        ("source", "line"),
        [
            ("x = 1\n" + "".join(f"{' ' * i}try: pass\n{' ' * i}finally:\n" for i in range(20)) + " " * 20 + "x", 12),
            ("if x: pass\n" + "elif x: pass\n" * 600, 401),
            ("x = 1\ny = '\x00'\n", 2),
            ("x = 1\ny = '\ud800'\n", 2),
            ("x = 1\n\ufeffy = 2\n", 2),
            ("x = 1\ny = 1" + "0" * 5000, 2),
            ("x = 1\ny = " + "(" * 300, 2),
        ],
    )
    def test_what_would_keep_the_tools_busy_is_one_finding_with_its_line(self, source: str, line: int) -> None:
        """Nested finally blocks double the compiler's work, long chains exhaust its stack."""
        (finding,) = PYTHON.check_syntax(source, task())
        assert (finding.code, finding.line) == ("does-not-compile", line)


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
            ("list[int]", "typing.List[int]"),
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
            ("def f(x: int) -> int:\n    y: 'list[Any]' = [x]\n    return y[0]\n", "explicit-any"),
            ("def g(x: 'Any') -> int:\n    return 1\n\n\ndef f(x: int) -> int:\n    return x\n", "explicit-any"),
            ("def g() -> 'Any':\n    return 1\n\n\ndef f(x: int) -> int:\n    return x\n", "explicit-any"),
            ("from typing import cast\n\n\ndef f(x: int) -> int:\n    return cast('Any', x)\n", "explicit-any"),
            ("import typing as t\nA = dict[str, t.Any]\n\n\ndef f(x: int) -> int:\n    return x\n", "explicit-any"),
            (
                "from typing import TYPE_CHECKING as T\n\n\ndef f(x: int) -> int:\n    return x\n",
                "hidden-from-checker",
            ),
            ("MYPY = False\n\n\ndef f(x: int) -> int:\n    return x\n", "hidden-from-checker"),
        ],
    )
    def test_what_blinds_the_type_checker_is_found(self, source: str, code: str) -> None:
        """Any beyond the specification, and code that it would not see."""
        assert {finding.code for finding in PYTHON.check_signature(source, task())} == {code}

    def test_object_and_talk_of_any_are_fine(self) -> None:
        """``object`` says nothing false, and a docstring is no type."""
        source = "def f(x: int) -> int:\n    'Any number.'\n    y: object = 'Any'\n    return x if y else 0\n"
        assert PYTHON.check_signature(source, task()) == ()

    def test_members_of_typing_under_another_name_are_understood(self) -> None:
        """An alias of an import changes no type."""
        head = "import typing as tt\nfrom typing import List as L\n\n\n"
        source = f"{head}def f(x: int) -> tt.Optional[L[int]]:\n    return None\n"
        assert PYTHON.check_signature(source, task(outputs=outputs("list[int] | None"))) == ()

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
            ("try:\n        return 1\n    except ValueError:\n        return 2\n    return 3", 6),
            ("try:\n        x = 1\n    finally:\n        return 2\n    return 3", 6),
            ("match x:\n        case 1:\n            return 1\n        case _:\n            return 2\n    return 3", 7),
            ("if True:\n        return 1\n    else:\n        x = 2\n    return x", 5),
            ("if x:\n        return 1\n    elif x > 1:\n        return 2\n    else:\n        return 3\n    x = 1", 8),
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
            "try:\n        return 1\n    except ValueError:\n        x = 2\n    return x",
            "match x:\n        case 1:\n            return 1\n        case 2:\n            return 2\n    return 3",
            "if x:\n        return 1\n    elif x > 1:\n        return 2\n    return 3",
        ],
    )
    def test_code_that_may_run_or_is_a_guard_is_not(self, body: str) -> None:
        """Loops that break, empty generators, and guards after branches that all leave."""
        assert PYTHON.check_structure(f"def f(x):\n    {body}\n", task()) == ()

    @pytest.mark.parametrize(
        "statement",
        [
            "x == 1",
            "x + 1",
            "x",
            "sorted(x)",
            "map(str, x)",
            "(x, 1)",
            "1",
            "not x",
            "x.strip()",
            "len(x) == 1",
            "lambda: x()",
        ],
    )
    def test_a_result_that_is_not_used_is_found(self, statement: str) -> None:
        """An expression that does nothing is a mistake."""
        (finding,) = PYTHON.check_structure(f"def f(x):\n    {statement}\n    return x\n", task())
        assert (finding.code, finding.line, finding.severity) == ("unused-result", 2, Severity.ERROR)

    @pytest.mark.parametrize("statement", ["x.append(1)", "x.sort()", "print(x)", "...", "'note'", "int(x)"])
    def test_a_call_for_its_effect_is_fine(self, statement: str) -> None:
        """What may do something is left alone."""
        assert PYTHON.check_structure(f"def f(x):\n    {statement}\n    return x\n", task()) == ()

    @pytest.mark.parametrize("statement", ["x.pop() + 1", "x.append(1), x.append(2)", "[x.append(y) for y in x]"])
    def test_an_effect_inside_only_warns(self, statement: str) -> None:
        """A call may be what the expression is there for."""
        (finding,) = PYTHON.check_structure(f"def f(x):\n    {statement}\n    return x\n", task())
        assert finding.severity is Severity.WARNING

    def test_methods_of_the_candidates_own_are_not_those_of_texts(self) -> None:
        """``strip`` of a class in the source may change it."""
        source = "class A:\n    def strip(self):\n        self.x = 1\n\n\ndef f(x):\n    x.strip()\n    return x\n"
        assert PYTHON.check_structure(source, task()) == ()

    def test_semicolons_save_no_lines(self) -> None:
        """A statement behind a semicolon counts; an import or a docstring there does not."""
        assert PYTHON.measure("def f(x):\n    x = 1; x = 2; return x\n").code_lines == 4
        assert PYTHON.measure("import re; import math\n\n\ndef f(x):\n    'Doc.'\n    return x;\n").code_lines == 2
        assert PYTHON.measure("import re; y = 1; z = 2\n").code_lines == 2

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
            "x = '__subclasses__'",
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
            "settings = {'api_key': 'Zx81kQpL02vbTRw7'}",
            "def g(password='Zx81kQpL02vbTRw7'): return password",
            "def g(*, token='Zx81kQpL02vbTRw7'): return token",
            "def g(token): return token == 'Zx81kQpL02vbTRw7'",
            "secret = b'Zx81kQpL02vbTRw7'",
            "url = 'postgres://app:hunter22@db/app'",
            "key = 'sk_live_" + "abcdefghij0123456789'",
            "x = '{0.__class__}'.format(1)",
            "x = '{a._hidden}'",
            "from operator import attrgetter; attrgetter('__class__.__mro__')",
            "import operator; operator.attrgetter('a' + 'b')",
            "import operator as o; o.methodcaller('__reduce__')",
            "g = getattr",
            "import random; getattr(random, '_os')",
            "import random; r = random",
            "import random; g = [random]",
            "from collections import abc; abc.sys",
            "import collections.abc; collections.abc.sys",
            "import enum; enum.bltns",
            "from re import copyreg",
            "import typing; typing.stdlib_re",
            "import string; string.Formatter",
            "import json; json.decoder.scanner.re.enum.sys",
            "g = (y for y in ()).gi_frame",
            "def g(e): return e.tb_frame.f_globals",
            "from urllib import request",
            "import os.path",
            "import threading",
            "import pathlib",
        ],
    )
    def test_what_pure_code_does_not_need_is_found(self, line: str) -> None:
        """Each with its line."""
        findings = PYTHON.check_security(f"def f(x):\n    return x\n\n\n{line}\n", task(), ())
        assert findings
        assert {finding.line for finding in findings} == {5}

    def test_only_harmless_members_of_sys_and_io_may_be_used(self) -> None:
        """``sys.maxsize`` is a number; ``sys.modules`` is everything."""
        assert PYTHON.check_security("import sys\nx = sys.maxsize\n", task(), ()) == ()
        assert PYTHON.check_security("from io import StringIO\n", task(), ()) == ()
        assert PYTHON.check_security("import sys\nx = sys.modules\n", task(), ())

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
            "from urllib import parse; parse.quote('a')",
            "from datetime import datetime, time; time(1); datetime.now().time()",
            "import datetime; datetime.time(1)",
            "import sys; sys.getsizeof(1)",
            "from ast import literal_eval",
            "import json; json.JSONDecodeError; json.decoder.JSONDecodeError",
            "import string\ndef g(string): return [string, string.x]",
            "import copy\ndef g(x):\n    copy = x\n    return copy",
            "import math; getattr(math, 'pi')",
            "import operator; operator.attrgetter('name', 'age')",
            "hasattr(f, 'a' + 'b')",
            "x = '_____'",
            "x = '____a____'",
            "x = '{0}{name}'.format(1, name=2)",
            "password_alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'",
            "x = 'https://example.org/a:b@c'",
            "def g(): 'Uses __globals__ of nobody.'",
            "def g(x): return x.__class__.__name__",
        ],
    )
    def test_what_pure_code_does_need_is_allowed(self, line: str) -> None:
        """No honest code is stopped."""
        source = f"{line}\n" if "__future__" in line else f"def f(x):\n    return x\n\n\n{line}\n"
        assert PYTHON.check_security(source, task(), ("shop.money",)) == ()

    def test_a_module_that_is_refused_is_found_once(self) -> None:
        """Not again for everything that is taken from it."""
        (finding,) = PYTHON.check_security("import os\nx = os.environ\ny = os.getcwd()\n", task(), ())
        assert finding.line == 1
        assert "processes" in finding.message


class TestGrants:
    """What a specification allows beyond pure code."""

    @pytest.mark.parametrize(
        "line",
        [
            "import time; time.sleep(0)",
            "from time import monotonic",
            "import os.path; os.path.join('a', 'b')",
            "from os import path; path.exists('a')",
            "import os.path as p; p.exists('a')",
            "from pathlib import Path; Path('a').stat()",
            "import xml.etree.ElementTree as ET; ET.fromstring('<a/>')",
            "from xml.etree import ElementTree",
            "import io; io.open('a')",
            "with open('/data/a') as file: file.read()",
            "vars(f)",
        ],
    )
    def test_what_is_granted_is_allowed_and_only_then(self, line: str) -> None:
        """The same line without the grant is found."""
        given = {"imports": ["time", "os.path", "pathlib", "xml.etree", "io"], "names": ["open", "vars"]}
        source = f"def f(x):\n    return x\n\n\n{line}\n"
        granted = task(grants={**given, "files": ["/data"]})
        assert PYTHON.check_security(source, granted, ()) == ()
        assert PYTHON.check_security(source, task(), ()) != ()

    @pytest.mark.parametrize(
        "line",
        [
            "import os",
            "import os.path; os.system('x')",
            "import os.path; os.path.os.system('x')",
            "import os.path; x = os",
            "import pathlib; pathlib.os",
            "from pathlib import os",
            "import logging.handlers",
            "import logging; logging.handlers",
            "import logging; logging.os",
            "import email; email.utils.os",
            "import xml.sax",
            "eval('1')",
            "import subprocess",
            "import ctypes",
        ],
    )
    def test_nothing_else_comes_with_it(self, line: str) -> None:
        """Not what a granted module imports, and not what can never be granted, even where it is listed."""
        imports = ["os.path", "pathlib", "logging", "email", "xml.etree", "subprocess", "ctypes", "os", "xml"]
        granted = task(grants={"imports": imports, "names": ["eval", "open"], "files": ["/data"]})
        findings = PYTHON.check_security(f"\n{line}\n", granted, ())
        assert {finding.line for finding in findings} == {2}

    def test_files_need_a_directory(self) -> None:
        """Without one, ``open`` and ``pathlib`` stay refused."""
        granted = task(grants={"imports": ["pathlib"], "names": ["open"]})
        source = "import pathlib\nopen('a')\n"
        assert {finding.line for finding in PYTHON.check_security(source, granted, ())} == {1, 2}

    def test_no_rejecting_lint_speaks_of_what_can_be_granted(self) -> None:
        """Else a grant would be taken back by another tool: these rules are about code, shells and queries."""
        never = {
            "S102": "exec",
            "S301": "pickle",
            "S302": "marshal",
            "S307": "eval",
            "S602": "subprocess",
            "S605": "os",
        }
        assert set(PYTHON.rejecting_security_lint) - {"S608"} == never.keys()
        for name in never.values():
            assert PYTHON.check_grants(Grants(imports=(name,), names=(name,), files=("/data",))) != ()
