"""The head of requirements: what it fixes, and that a mistake in it is refused with its line."""

import re

import pytest

from millwright.adapters.documents.front_matter import read_front_matter
from millwright.core.requirements import head_of, statements
from millwright.errors import BadInput
from schemas.requirements import FrontMatter

HEAD = """name: corner-shop
language: python
entry_point: price_order
examples:
  - name: nothing
    inputs: {document: ""}
    raises: OrderError
  - {name: tea, inputs: {document: tea}, expected_output: "4.50", shows: [R1]}
"""


def test_a_head_fixes_name_language_entry_point_and_examples() -> None:
    """Its text is found by rule, is no statement, and is read by the rules of specifications."""
    prose = f"---\n{HEAD}---\n\nTea costs 4.50.\n"
    front = read_front_matter(head_of(prose), "r.md")
    assert (front.name, front.language, front.entry_point) == ("corner-shop", "python", "price_order")
    assert [(case.name, case.raises, case.shows) for case in front.examples] == [
        ("nothing", "OrderError", ()),
        ("tea", None, ("R1",)),
    ]
    assert [(item.text, item.first_line) for item in statements(prose)] == [("Tea costs 4.50.", 12)]


@pytest.mark.parametrize("prose", ["Tea.", "---\n---\nTea.", "", "---\nno end"])
def test_requirements_without_a_head_fix_nothing(prose: str) -> None:
    """An empty head is none, and so is a rule that is never closed."""
    assert read_front_matter(head_of(prose), "r.md") == FrontMatter()


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("name: a\nverify: none", "r.md, line 3: the front matter has no field 'verify'; it may have name, language"),
        ("grants: {imports: [os]}", "line 2: the front matter has no field 'grants'"),
        ("approve: []\n", "no field 'approve'"),
        ("name: 5", "line 2: name in the front matter: Input should be a valid string"),
        ("entry_point: price order", "line 2: entry_point in the front matter: 'price order' is no name"),
        ("name: a\nexamples:\n  - name: x\n    inputs: {}", "line 4: examples.0 in the front matter: give either"),
        ("name: a\nname: b", "line 3: the front matter: the key 'name' is there twice"),
        ("Just a line.", "line 2: the front matter is no list of fields"),
        ("a: [", "line"),
    ],
)
def test_a_mistake_in_the_head_is_refused_with_its_line(head: str, words: str) -> None:
    """Unknown fields are never passed over: none can switch a layer, a gate or a grant."""
    with pytest.raises(BadInput) as refused:
        read_front_matter(head, "r.md")
    assert words in str(refused.value)
    assert re.search("try again|leave an empty line", str(refused.value))  # what to do next
