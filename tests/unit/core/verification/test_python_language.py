"""Python as a target language: names and modules made, source read, and what is found in it."""

import ast
import sys
import types
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.verification.languages.python_source import LARGEST_SOURCE
from schemas.specification import DeclaredError, Record
from tests.unit.core.verification.python_task import PYTHON, RECORD, outputs, task

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
        assert len(ast.parse(line).body) == 1


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
        PYTHON.check_security(text, task(), ())
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
