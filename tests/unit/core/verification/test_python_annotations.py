"""The annotations that a candidate lacks: what is inserted, where, and what is left alone."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.verification.python_task import PYTHON, RECORD, outputs, task

_BODY = "    return x\n"


@pytest.mark.parametrize(
    ("head", "completed"),
    [
        ("def f(x):", "def f(x: int) -> int:"),
        ("def f(x) :", "def f(x: int) -> int :"),
        ("def f( x ) :  # why: (x)", "def f( x: int ) -> int :  # why: (x)"),
        ("def f(x: int):", "def f(x: int) -> int:"),
        ("def f(x) -> int:", "def f(x: int) -> int:"),
        ("def f(x=(1)):", "def f(x: int=(1)) -> int:"),
        ("def f(\n    x,  # of (all)\n):", "def f(\n    x: int,  # of (all)\n) -> int:"),
        ("def f(x, ) \\\n    :", "def f(x: int, ) -> int \\\n    :"),
        ("@keep((1))\ndef f(x):", "@keep((1))\ndef f(x: int) -> int:"),
        ("é = 1; g = 'é'\n\n\ndef f(x):", "é = 1; g = 'é'\n\n\ndef f(x: int) -> int:"),
        ("\x0cdef f(x):", "\x0cdef f(x: int) -> int:"),
    ],
)
def test_what_lacks_is_inserted_in_its_place(head: str, completed: str) -> None:
    """Comments, layout, defaults and everything else stay; doing it twice changes nothing."""
    done = PYTHON.annotated(f"{head}\n{_BODY}", task())
    assert done == f"{completed}\n{_BODY}"
    assert PYTHON.annotated(done, task()) == done
    assert PYTHON.check_signature(done, task()) == () or "=(1)" in head


def test_columns_are_counted_in_characters() -> None:
    """The syntax tree counts bytes; names and defaults may hold letters of several."""
    setting = task(inputs=[{"name": "ä", "type_annotation": "str"}, {"name": "b", "type_annotation": "int"}])
    assert PYTHON.annotated("def f(ä='öé', b=1):\n    return b\n", setting) == (
        "def f(ä: str='öé', b: int=1) -> int:\n    return b\n"
    )


@pytest.mark.parametrize(
    "source",
    [
        "def f(x: str) -> float:\n    return x\n",
        "def f(y):\n    return y\n",
        "def f(x, y):\n    return y\n",
        "def f(*x):\n    return x\n",
        "def f(x, /):\n    return x\n",
        "def f(*, x):\n    return x\n",
        "def g(x):\n    return x\n",
        "def f(:\n",
        "int = str\n\n\ndef f(x):\n    return x\n",
        "class int:\n    pass\n\n\ndef f(x):\n    return x\n",
    ],
)
def test_what_cannot_be_completed_safely_stays(source: str) -> None:
    """Another interface, other text, and a module in which the type's name means something else."""
    assert PYTHON.annotated(source, task()) == source


def test_a_wrong_annotation_is_kept_and_found_beside_an_inserted_one() -> None:
    """Annotations that differ reject; only those that lack are written."""
    done = PYTHON.annotated(f"def f(x: str):\n{_BODY}", task())
    assert done == f"def f(x: str) -> int:\n{_BODY}"
    assert [finding.code for finding in PYTHON.check_signature(done, task())] == ["annotation-differs"]


def test_the_assembled_module_imports_what_was_inserted() -> None:
    """Records and Any are imported, and the candidate's own lines stay in their order."""
    setting = task(
        inputs=[{"name": "x", "type_annotation": "list[Money]"}],
        outputs=outputs("dict[str, Any]"),
        records=[RECORD.model_dump()],
    )
    text = "def f(x):\n    return {str(one): one for one in x}\n"
    assembled = PYTHON.assemble(setting, text, (), "shop.records")
    assert "from shop.records import Money\n" in assembled
    assert "from typing import Any\n" in assembled
    assert assembled.endswith("def f(x: list[Money]) -> dict[str, Any]:\n" + text.partition("\n")[2])
    assert PYTHON.check_signature(assembled, setting) == ()


def test_inner_functions_are_left_to_the_type_checker() -> None:
    """The specification knows nothing of them."""
    text = "def f(x):\n    def g(y):\n        return y\n    return g(x)\n"
    assert PYTHON.annotated(text, task()).splitlines()[1] == "    def g(y):"


@given(st.text(alphabet=st.sampled_from("def f(x):=,\\\n ()#'\"\t\x0cé1"), max_size=50))
def test_nothing_but_annotations_changes(text: str) -> None:
    """Whatever stands around the function, the same code comes back, line by line."""
    source = f"def f(x):\n    return x\n{text}"
    done = PYTHON.annotated(source, task())
    if PYTHON.loads(source) is None:
        assert len(done.split("\n")) == len(source.split("\n"))
        assert ast.dump(_bare(done)) == ast.dump(_bare(source))
    else:
        assert done == source


def _bare(source: str) -> ast.Module:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "f":
            node.returns = None
            for argument in node.args.args:
                argument.annotation = None
    return tree
