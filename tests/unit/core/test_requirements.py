"""Prose becomes numbered statements, each of which can be found again where it says it stands."""

import time
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.requirements import MOST_SENTENCES, body_start, marked, statements

PROSE = """---
name: shop
---
# Prices

A price is text. It has e.g. two digits, and a point. `true` is no price!

Rates
-----

* Ten pieces cost
  5 % less. More do not.
1. Round up

    {"a": "x. Y"}
    {"b": 2}

```
Code. More code.

Still.
```

| region | tax |
| ------ | --- |
| islands | 8 % |
| abroad | none |

***
Never guess.
Never guess.
"""


def _texts(prose: str) -> list[str]:
    return [item.text for item in statements(prose)]


def test_sentences_items_rows_and_blocks_are_numbered_in_order() -> None:
    """Headings, rules, the head of a table and front matter are none; an abbreviation ends no sentence."""
    assert _texts(PROSE) == [
        "A price is text.",
        "It has e.g. two digits, and a point.",
        "`true` is no price!",
        "Ten pieces cost 5 % less.",
        "More do not.",
        "Round up",
        '{"a": "x. Y"} {"b": 2}',
        "``` Code. More code. Still. ```",
        "| islands | 8 % |",
        "| abroad | none |",
        "Never guess.",
    ]
    assert [item.id for item in statements(PROSE)] == [f"R{number}" for number in range(1, 12)]


def test_a_statement_says_where_it_stands() -> None:
    """Offsets, lines and the heading above are facts of the text."""
    found = statements(PROSE)[3]
    assert PROSE[found.start : found.end] == "Ten pieces cost\n  5 % less."
    assert (found.first_line, found.last_line, found.heading) == (11, 12, "Rates")
    assert statements(PROSE)[9].heading == "Rates: | region | tax |"


@pytest.mark.parametrize(
    ("prose", "wanted"),
    [
        ("It costs 4.50 today. Fine.", ["It costs 4.50 today.", "Fine."]),
        ("Is it 5? 6!", ["Is it 5?", "6!"]),
        ("See Dr. Who for plan B. Then go.", ["See Dr. Who for plan B.", "Then go."]),
        ('He said "stop." Then he went.', ['He said "stop."', "Then he went."]),
        ("価格は整数。税は含む。", ["価格は整数。", "税は含む。"]),
        ("one\r\ntwo.\r\n\r\nThree", ["one two.", "Three"]),
        ("- a\n\n- b\n", ["a", "b"]),
        ("Text\n| a | b |\n", ["Text", "| a | b |"]),
        ("Title\n=====\nBody.", ["Body."]),
        ("---\nnot closed", ["not closed"]),
        ("- a: Required.\n- b: text\n- a: Required.", ["a: Required.", "b: text", "a: Required."]),
        ("# A\nRequired.\n# B\nRequired. Required.", ["Required.", "Required."]),
        ("", []),
        ("?!\n\n---\n", []),
    ],
)
def test_layout_is_read_by_rule(prose: str, wanted: list[str]) -> None:
    """Each rule on its own."""
    assert _texts(prose) == wanted


def test_very_many_sentences_are_numbered_by_paragraph() -> None:
    """Every number has to be named in an answer, which may not become longer than a model can write."""
    paragraph = " ".join(f"Rule {number} holds." for number in range(MOST_SENTENCES // 2))
    again = " ".join(f"Law {number} holds." for number in range(MOST_SENTENCES // 2 + 1))
    assert len(statements(paragraph)) == MOST_SENTENCES // 2
    assert _texts(f"{paragraph}\n\n{again}") == [paragraph, again]


def test_marks_stand_before_what_they_number() -> None:
    """The text is shown as it is laid out, without its front matter."""
    prose = "---\nname: x\n---\n# Shop\n\nA is b. B is c.\n- Item\n"
    assert marked(prose, statements(prose)) == "# Shop\n\n[R1] A is b. [R2] B is c.\n- [R3] Item"


@given(st.text(alphabet="aB1 .!?\n-#|`*>:_\t'\"\r。", max_size=200))
def test_statements_lie_in_order_and_hold_their_text(prose: str) -> None:
    """No two overlap, each is what stands at its place, and every word of a paragraph without marks is in one."""
    found = statements(prose)
    assert [item.id for item in found] == [f"R{number}" for number in range(1, len(found) + 1)]
    at = body_start(prose)
    for item in found:
        assert at <= item.start < item.end
        at = item.end
        assert " ".join(prose[item.start : item.end].split()) == item.text
        assert item.first_line == prose[: item.start].count("\n") + 1
        assert item.last_line == prose[: item.end - 1].count("\n") + 1
    assert statements(prose) == found


@given(st.lists(st.from_regex(r"[A-Z][a-z ]{8,20}x\.", fullmatch=True), min_size=1, max_size=12))
def test_nothing_that_is_said_is_lost(sentences: list[str]) -> None:
    """Plain sentences become one statement each, whatever lines they are set in."""
    wanted = [" ".join(text.split()) for text in sentences]
    assert _texts("\n".join(sentences)) == [text for text, _ in groupby(wanted)]


@pytest.mark.parametrize("line", [f"# a{' ' * 20_000}b", f"# {(' ' * 200 + '#') * 200}b", "# " * 20_000, "- " * 20_000])
def test_a_long_line_is_read_in_time_that_grows_with_it(line: str) -> None:
    """Whoever wants an estimate of a strange text gets it, and a worker is not held up."""
    started = time.process_time()
    statements(line)
    assert time.process_time() - started < 2  # seconds; a line of 2,000 characters could take twenty
