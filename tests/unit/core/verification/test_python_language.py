"""Python as a target language: names and modules made, source read, and what is found in it."""

import ast
import sys
import types
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.verification.languages import language_named
from millwright.core.verification.languages.python_source import LARGEST_SOURCE
from schemas.specification import DeclaredError, Record, TaskSpecification
from schemas.verification import Severity

PYTHON = language_named("python")


def task(**fields: object) -> TaskSpecification:
    """Make a task ``f(x: int) -> int``, changed as asked."""
    base: dict[str, object] = {
        "id": "f",
        "name": "f",
        "description": "Do it.\nMore of it.",
        "inputs": [{"name": "x", "type_annotation": "int"}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
    }
    return TaskSpecification.model_validate(base | fields)


def outputs(*annotations: str) -> list[dict[str, str]]:
    """Make outputs of these types."""
    return [{"name": f"r{index}", "type_annotation": text} for index, text in enumerate(annotations)]


RECORD = Record.model_validate({"name": "Money", "fields": [{"name": "cents", "type_annotation": "int"}]})
LINE = Record.model_validate(
    {
        "name": "Line",
        "description": 'A "line" of\\an order.',
        "fields": [
            {"name": "price", "type_annotation": "Money"},
            {"name": "note", "type_annotation": "Any"},
            {"name": "before", "type_annotation": "Line | None"},
        ],
    }
)
ERROR = DeclaredError(name="TooMuch", base="MoneyError")
BASE_ERROR = DeclaredError(name="MoneyError", base="ValueError", description="Money is wrong.")


@pytest.mark.parametrize(
    ("given_outputs", "signature"),
    [
        ([], "def f(x: int) -> None:"),
        (outputs("int"), "def f(x: int) -> int:"),
        (outputs("List[int]"), "def f(x: int) -> list[int]:"),
        (outputs("Optional[str]"), "def f(x: int) -> str | None:"),
        (outputs("int", "Money"), "def f(x: int) -> tuple[int, Money]:"),
        (outputs("list"), "def f(x: int) -> list[Any]:"),
    ],
)
def test_the_signature_follows_from_inputs_and_outputs(given_outputs: list[dict[str, str]], signature: str) -> None:
    """No output is None, several are a tuple, records stand by name."""
    assert PYTHON.signature(task(outputs=given_outputs, records=[RECORD.model_dump()])) == signature


@pytest.mark.parametrize(
    ("parts", "is_package", "path", "name"),
    [
        ((), True, "shop/__init__.py", "shop"),
        (("money",), True, "shop/money/__init__.py", "shop.money"),
        (("money", "parse"), False, "shop/money/parse.py", "shop.money.parse"),
    ],
)
def test_a_module_lies_where_its_node_stands(parts: tuple[str, ...], is_package: bool, path: str, name: str) -> None:
    """A path and its dotted name belong together."""
    assert PYTHON.module_path("shop", parts, is_package) == path
    assert PYTHON.module_name(path) == name


class TestAssembly:
    """The module that a candidate becomes."""

    IMPORTS = (("shop.money.parse", ("parse_money",)), ("shop.tax", ("tax_of",)))

    def test_only_what_is_mentioned_is_imported(self) -> None:
        """A docstring, the imports that are needed, then the candidate's text."""
        text = "def f(x: int) -> int:\n    return parse_money(str(x)).cents\n"
        assert PYTHON.assemble(task(), text, self.IMPORTS, "shop.records") == (
            '"""Do it."""\n\nfrom shop.money.parse import parse_money\n\n\n' + text
        )

    def test_records_and_errors_come_from_their_module(self) -> None:
        """In one import, in order of name."""
        setting = task(records=[RECORD.model_dump()], errors=[BASE_ERROR.model_dump()])
        text = "def f(x: int) -> int:\n    raise MoneyError(Money(x))\n"
        assembled = PYTHON.assemble(setting, text, (), "shop.records")
        assert "\nfrom shop.records import Money, MoneyError\n" in assembled
        assert "import" not in PYTHON.assemble(setting, text, (), None)

    def test_any_is_imported_where_the_specification_uses_it(self) -> None:
        """And where the candidate does not do so itself."""
        setting = task(outputs=outputs("Any"))
        text = "def f(x: int) -> Any:\n    return x\n"
        assert "from typing import Any\n" in PYTHON.assemble(setting, text, (), None)
        own = f"from typing import Any\n\n\n{text}"
        assert PYTHON.assemble(setting, own, (), None).count("import Any") == 1

    def test_the_candidates_own_opening_stays_first(self) -> None:
        """A docstring of its own is kept, and ``from __future__`` still compiles."""
        head = '"""Mine."""\nfrom __future__ import annotations\n'
        text = f"{head}import math\n\n\ndef f(x: int) -> int:\n    return tax_of(x)\n"
        assembled = PYTHON.assemble(task(), text, self.IMPORTS, None)
        assert assembled.startswith(f"{head}\nfrom shop.tax import tax_of\n")
        assert PYTHON.loads(assembled) is None
        future = text.partition("\n")[2]
        assert PYTHON.loads(PYTHON.assemble(task(), future, self.IMPORTS, None)) is None

    @given(description=st.text(), name=st.just("f"))
    def test_no_description_can_break_the_module(self, description: str, name: str) -> None:
        """Quotes, backslashes and odd characters stay inside one line of docstring."""
        text = f"def {name}(x: int) -> int:\n    return x\n"
        assembled = PYTHON.assemble(task(description=description), text, (), None)
        assert PYTHON.loads(assembled) is None
        assert ast.get_docstring(ast.parse(assembled))
        assert assembled.endswith(text)

    def test_text_that_does_not_parse_is_assembled_as_it_stands(self) -> None:
        """The syntax layer then says what is wrong."""
        assembled = PYTHON.assemble(task(), "def f(:\n", (), None)
        assert assembled.endswith("def f(:\n")
        (finding,) = PYTHON.check_syntax(assembled, task())
        assert finding.line == 4

    def test_many_names_are_imported_one_to_a_line(self) -> None:
        """A long import is wrapped."""
        names = [f"a_rather_long_name_{index}" for index in range(9)]
        line = PYTHON.import_line("shop.records", names)
        assert max(map(len, line.splitlines())) <= 100
        assert ast.parse(line)


class TestRecords:
    """The module of declared records and errors."""

    def _module(self, *records: Record) -> types.ModuleType:
        source = PYTHON.records_source(records, (ERROR, BASE_ERROR))
        module = types.ModuleType("records_under_test")
        sys.modules[module.__name__] = module  # dataclasses look their own module up
        try:
            exec(compile(source, "records", "exec", dont_inherit=True), module.__dict__)
        finally:
            del sys.modules[module.__name__]
        return module

    def test_it_defines_frozen_records_and_errors_in_order_of_need(self) -> None:
        """A record may use one declared after it, and itself; an error one declared after it."""
        module = self._module(LINE, RECORD)
        line = module.Line(price=module.Money(cents=3), note=1, before=None)
        assert line == module.Line(module.Money(3), 1, None)
        with pytest.raises(AttributeError):
            line.note = 2
        assert issubclass(module.TooMuch, module.MoneyError)
        assert issubclass(module.MoneyError, ValueError)
        assert module.MoneyError.__doc__ == "Money is wrong."

    def test_errors_alone_need_no_imports(self) -> None:
        """A module without records has no dataclasses."""
        assert "import" not in PYTHON.records_source((), (BASE_ERROR,))


class TestReading:
    """Text that may be anything."""

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("def f(:\n    pass\n", "line 1"),
            ("def f():\n    x = '\x00'\n", "line 2: the source holds a NUL"),
            ("def f():\n    return '\ud800'\n", "line 2: the source holds half"),
            ("x = " + "(" * 500 + ")" * 500, "nested"),
            ("x = " + "-" * 100_000 + "1", "nested too deeply"),
            ("x = " + "1+" * 50_000 + "1", "nested too deeply"),
            ("x = 1\n" * LARGEST_SOURCE, "longer than"),
            ("x = 1" + "0" * 5000, "integer"),
            ("Sorry", "defines no function"),
            ("# def f(): pass", "defines no function"),
            ("", "defines no function"),
            ("    def f(): pass", "indent"),
        ],
    )
    def test_what_is_no_module_says_why(self, text: str, reason: str) -> None:
        """Every failure of the compiler is a reason, and none is an exception."""
        problem = PYTHON.loads(text)
        assert problem is not None
        assert reason in problem

    @given(st.text(alphabet=st.sampled_from("def f(x):\n  return #'\"\\{}[]=\x00\ud800\r\x0c\u2028"), max_size=60))
    def test_nothing_that_is_read_raises(self, text: str) -> None:
        """Whatever a model writes, each question has an answer."""
        PYTHON.loads(text)
        PYTHON.canonical(text)
        PYTHON.measure(text)
        PYTHON.has_placeholder_body(text, "f")
        PYTHON.check_syntax(text, task())
        PYTHON.check_signature(text, task())
        PYTHON.check_structure(text, task())
        PYTHON.check_security(text, ())
        PYTHON.assemble(task(), text, (), None)

    def test_an_odd_literal_is_not_an_error(self) -> None:
        """A warning of the compiler says nothing about whether it compiles."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert PYTHON.loads("import re\n\n\ndef f(x):\n    return re.match('\\d', x) is 'a'\n") is None

    def test_equal_code_has_one_canonical_form(self) -> None:
        """Layout, comments and docstrings do not count; names do."""
        plain = PYTHON.canonical("def f(x):\n    return x+1\n")
        assert PYTHON.canonical('"""Doc."""\n\ndef f(x):\n    "Doc."\n    # why\n    return (x + 1)\n') == plain
        assert PYTHON.canonical("def f(y):\n    return y+1\n") != plain

    @pytest.mark.parametrize(
        "body",
        [
            "pass",
            "...",
            '"""Do it."""',
            '"""Do it."""\n    raise NotImplementedError',
            "raise NotImplementedError('later')",
            "# TODO: implement\n    return None",
            "return  # your code here",
        ],
    )
    def test_a_body_that_only_pretends_is_a_placeholder(self, body: str) -> None:
        """In all its usual spellings."""
        assert PYTHON.has_placeholder_body(f"def f(x):\n    {body}\n", "f")

    @pytest.mark.parametrize(
        "body",
        [
            "return None",
            "return x  # TODO: make it faster",
            "if x < 0:\n        raise NotImplementedError\n    return x",
            "raise ValueError",
            "print(x)",
        ],
    )
    def test_a_body_that_does_something_is_none(self, body: str) -> None:
        """A None without a note may be what is asked for."""
        assert not PYTHON.has_placeholder_body(f"def f(x):\n    {body}\n", "f")
        assert not PYTHON.has_placeholder_body(f"def g(x):\n    {body}\n", "f")


class TestMeasures:
    """Lines, complexity and nesting."""

    def test_only_lines_of_code_are_counted(self) -> None:
        """No blanks, comments, docstrings and top-level imports; every line of a long statement."""
        source = (
            '"""Doc.\n\nMore.\n"""\nimport math\n\n\ndef f(x):\n    """Doc.\n\n    More.\n    """\n'
            "    # why\n    text = '''a\n\n    # no comment\n    '''\n    return [\n        x,\n    ]\n"
        )
        assert PYTHON.measure(source).code_lines == 8

    @pytest.mark.parametrize(
        ("body", "complexity", "nesting"),
        [
            ("return x", 1, 0),
            ("if x:\n        return 1\n    elif x > 2:\n        return 2\n    else:\n        return 3", 3, 1),
            ("for y in x:\n        while y:\n            if y:\n                y = 0", 4, 3),
            (
                "try:\n        return 1\n    except TypeError:\n        return 2\n    except KeyError:\n        x = 3",
                3,
                1,
            ),
            ("match x:\n        case 1:\n            return 1\n        case _:\n            return 2", 2, 1),
            ("def g():\n        if x:\n            return 1\n    return g", 3, 1),
        ],
    )
    def test_complexity_and_nesting_follow_the_branches(self, body: str, complexity: int, nesting: int) -> None:
        """As McCabe's number is counted by the linter."""
        merit = PYTHON.measure(f"def f(x):\n    {body}\n")
        assert (merit.complexity, merit.nesting) == (complexity, nesting)

    def test_a_deep_chain_of_branches_is_measured(self) -> None:
        """No recursion stands in the way of odd code."""
        chain = "".join(f"    elif x == {index}:\n        return {index}\n" for index in range(300))
        assert PYTHON.measure(f"def f(x):\n    if x:\n        return 1\n{chain}").complexity == 302


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
