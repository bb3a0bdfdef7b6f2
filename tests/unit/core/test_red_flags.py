"""Each rule flags its own fault, first fault first, and sound code passes."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.red_flags import MAX_SOURCE_BYTES, MAX_SOURCE_LINES, RULES, first_flag
from schemas.election import Flag, RedFlag

SOUND = 'def add(a: int, b: int) -> int:\n    """Cannot fail. TODO: none."""\n    return a + b  # ((\n'


def _complaint(source: str) -> str | None:
    try:
        ast.parse(source)
    except SyntaxError as error:
        return f"{error.msg}\nat line {error.lineno}"
    return None


def _placeholder(source: str) -> bool:
    return source.rstrip().endswith(("pass", "..."))


def _first(source: str) -> RedFlag | None:
    return first_flag(source, loads=_complaint, placeholder=_placeholder)


def test_passes_sound_code_whatever_words_and_brackets_it_holds() -> None:
    """Comments, docstrings and lone brackets are not judged."""
    assert _first(SOUND) is None


@pytest.mark.parametrize(
    ("source", "flag"),
    [
        ("def add(:\n", Flag.DOES_NOT_LOAD),
        ("def add(a, b):\n    ...\n", Flag.PLACEHOLDER),
        ("x = 1\n" * (MAX_SOURCE_LINES + 1), Flag.TOO_LONG),
        (f"x = '{'a' * MAX_SOURCE_BYTES}'\n", Flag.TOO_LONG),
        (f"x = '{'é' * (MAX_SOURCE_BYTES // 2)}'\n", Flag.TOO_LONG),
    ],
)
def test_flags_each_fault(source: str, flag: Flag) -> None:
    """The fault is named, with a detail of one line."""
    found = _first(source)
    assert found is not None
    assert found.flag is flag
    assert found.detail
    assert "\n" not in found.detail


def test_allows_exactly_the_limits() -> None:
    """The last line need not end in a newline to be counted."""
    assert _first("x = 1\n" * MAX_SOURCE_LINES) is None
    assert _first("x = 1\n" * (MAX_SOURCE_LINES - 1) + "x = 1") is None
    assert _first("x = 1\n" * MAX_SOURCE_LINES + "x = 1") is not None
    assert _first("#" * MAX_SOURCE_BYTES) is None


def test_never_gives_a_parser_what_is_too_long() -> None:
    """A hostile text over the limits is flagged unread."""

    def fail(source: str) -> str | None:
        raise AssertionError(source[:20])

    found = first_flag("(" * (MAX_SOURCE_BYTES + 1), loads=fail, placeholder=_placeholder)
    assert found is not None
    assert found.flag is Flag.TOO_LONG


def test_searches_only_what_loads_for_placeholders() -> None:
    """A language's search may rely on a module that parses."""

    def fail(source: str) -> bool:
        raise AssertionError(source)

    found = first_flag("def add(:\n", loads=_complaint, placeholder=fail)
    assert found is not None
    assert found.flag is Flag.DOES_NOT_LOAD


def test_honours_other_limits() -> None:
    """A caller may draw the line elsewhere."""
    found = first_flag("x = 1\ny = 2\n", loads=_complaint, placeholder=_placeholder, max_source_lines=1)
    assert found == RedFlag(flag=Flag.TOO_LONG, detail="2 lines; at most 1")


def test_every_rule_has_a_name_of_its_own_and_a_reason() -> None:
    """Reports explain flags by these reasons."""
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.reason for rule in RULES)


@given(st.text(max_size=200), st.none() | st.text(max_size=300), st.booleans())
def test_flags_what_the_language_says_and_nothing_else(source: str, complaint: str | None, empty: bool) -> None:
    """Within the limits the verdict follows from the two judgements of the language alone."""
    found = first_flag(source, loads=lambda _: complaint, placeholder=lambda _: empty)
    expected = Flag.DOES_NOT_LOAD if complaint is not None else Flag.PLACEHOLDER if empty else None
    assert (found.flag if found else None) is expected
