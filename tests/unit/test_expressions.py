"""The safe subset of Python for conditions: what it lets through, what it refuses and where."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.expressions import (
    BUILTINS,
    LONGEST_EXPRESSION,
    MATH_FUNCTIONS,
    METHODS,
    check_expression,
    names_used,
    namespace,
)

_NAMES = ("n", "xs", "text", "result", "old")
_WORDS = (
    *("n", "xs", "result", "old.n", "x", "0", "2", "64", "'a'", "None", "[", "]", "(", ")", "{", "}", ",", ":", "."),
    *("+", "-", "**", "<<", "%", "<", "==", "and", "or", "not", "in", "is", "if", "else", "for", "lambda", ":=", "*"),
    *("len", "sum", "eval", "__class__", "format", "strip", "items", "open", "await", "f'{n}'", "=", "key"),
)


@pytest.mark.parametrize(
    "text",
    [
        "0 <= n <= 1000",
        "len(xs) > 0 and xs[0] == xs[-1]",
        "all(x % 2 == 0 for x in xs if x is not None)",
        "sorted(xs, key=len, reverse=True) == list(reversed(xs))",
        "result == [x ** 2 for x in old.xs][1:]",
        "{k: v for k, v in zip(xs, xs)} != {}",
        "text.strip().lower().startswith('a')",
        "isclose(result, n, abs_tol=1e-9) or math.isnan(n)",
        "max(*xs) - min(xs) < 10 ** 6",
        "isinstance(n, int) if n else True",
        "sorted(xs, key=str.lower) == xs",
        "all(a <= b for a, b in zip(xs, xs[1:]))",
        "1 << 10 > n",
    ],
)
def test_ordinary_conditions_are_allowed(text: str) -> None:
    """What specifications say in practice is in the subset."""
    assert check_expression(text, _NAMES) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "column 1: the expression is empty"),
        ("n > )", "column 5: not a Python expression"),
        ("n; n", "not a Python expression"),
        ("n = 1", "not a Python expression"),
        ("m > 0", "column 1: the name 'm' is not known here"),
        ("n > 0 and open('f')", "column 11: 'open' is not a function that expressions may call"),
        ("n.__class__", "column 1: .__class__ is neither"),
        ("'{0.__class__}'.format(n)", ".format is neither"),
        ("xs.append(1)", ".append is neither"),
        ("(lambda: n)()", "only named functions and methods may be called"),
        ("sorted(xs, key=lambda x: x)", "column 16: a lambda is not allowed"),
        ("f'{n}' == ''", "an f-string is not allowed"),
        ("(m := n) > 0", "an assignment is not allowed"),
        ("n ** n", "** needs a literal of at most 64"),
        ("2 ** 65", "** needs a literal of at most 64"),
        ("1 << n", "<< needs a literal of at most 64"),
        ("old == n", "column 1: old stands before a dot"),
        ("old.result", "old.result is not an input"),
        ("old.ys == 1", "old.ys is not an input"),
        ("math.pi > n", "math.pi is not allowed"),
        ("dict(**xs)", "the keyword argument '**' is not allowed"),
        ("{**xs}", "** is not allowed in a dict"),
        ("'%1000000000d' % n == ''", "formatting is not allowed"),
        ("n @ n", "the operator @ is not allowed"),
        ("n == ...", "the constant ... is not allowed"),
        ("n == 1j", "the constant 1j is not allowed"),
        ("[n for n in xs]", "a comprehension's variable may not be named 'n'"),
        ("[len for len in xs]", "a comprehension's variable may not be named 'len'"),
        ("[1 for x.real in xs]", "x.real cannot be a comprehension's variable"),
        ("x > 0 and [x for x in xs]", "column 1: the name 'x' is not known here"),
        ("n(1)", "'n' is not a function"),
        ("__import__('os')", "'__import__' is not a function"),
        (" n > 0", "begins with white space"),
        ("not " * 60 + "n", "nested deeper than 40 levels"),
        ("n > 0" + " " * LONGEST_EXPRESSION, "longer than 500 characters"),
        ("n\x00", "not a Python expression"),
        ("-" * 499 + "n", ""),
        ("(" * 250 + "n" + ")" * 249, "not a Python expression"),
    ],
)
def test_anything_else_is_refused_with_its_place(text: str, reason: str) -> None:
    """What is outside the subset is refused, with the column and the reason."""
    answer = check_expression(text, _NAMES)
    assert answer is not None
    assert reason in answer
    assert "column" in answer


def test_columns_count_characters() -> None:
    """A column counts characters, also behind letters that take several bytes."""
    assert check_expression("'äöü漢' == m", ("n",)) == "column 11: the name 'm' is not known here (variables: n)"


def test_later_lines_are_named() -> None:
    """A fault on a later line of a folded expression is found there."""
    assert (check_expression("(n >\n m)", ("n",)) or "").startswith("line 2, column 2:")


def test_record_fields_need_to_be_declared() -> None:
    """A field may follow a dot only where a record declares it."""
    assert check_expression("n.price > 0", ("n",)) is not None
    assert check_expression("n.price > 0", ("n",), {"price"}) is None
    assert check_expression("n.__dict__", ("n",), {"__dict__"}) is not None


def test_an_input_may_be_named_like_a_function() -> None:
    """An input named like a built-in is a variable, and can then not be called."""
    assert check_expression("max > 0", ("max",)) is None
    assert check_expression("max(1, 2) > 0", ("max",)) is not None


def test_names_used_leaves_out_what_comprehensions_bind() -> None:
    """The names that an expression reads do not include its own variables."""
    assert names_used("sum(x for x in xs) == n + old.m") == {"sum", "xs", "n", "old"}


@given(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=12).map(" ".join))
def test_what_is_allowed_names_nothing_else(text: str) -> None:
    """Whatever is put together, an allowed expression holds only listed names, methods and kinds of node."""
    if check_expression(text, _NAMES) is not None:
        return
    known = {*_NAMES, *BUILTINS, *MATH_FUNCTIONS, "math"}
    for node in ast.walk(ast.parse(text, mode="eval")):
        assert not isinstance(node, ast.Lambda | ast.JoinedStr | ast.NamedExpr | ast.Await | ast.Yield)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            assert node.id in known or node.id == "x"
        if isinstance(node, ast.Attribute):
            assert node.attr in {*METHODS, *MATH_FUNCTIONS, *_NAMES}


@given(st.text(max_size=60))
def test_no_text_makes_the_check_fail(text: str) -> None:
    """Any text is answered with a reason or with none."""
    answer = check_expression(text, _NAMES)
    assert answer is None or "column" in answer


def test_the_namespace_holds_only_what_is_listed() -> None:
    """The globals for evaluation give no way to other built-ins."""
    table = namespace()
    assert set(table) == {*BUILTINS, *MATH_FUNCTIONS, "math", "__builtins__"}
    assert table["__builtins__"] == {}
