"""Files are read by their format's own rules: what they say, where they are malformed, which links lead nowhere."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.documents import FORMATS, LOOSE, Malformed, content_of, dead_links
from millwright.core.red_flags.answer import Answer, Form
from millwright.core.red_flags.dialects import dialect_of
from millwright.core.verification.file_formats import reader
from millwright.core.verification.languages import LANGUAGES, language_named
from schemas.models import FinishReason

MALFORMED = [
    ("json", '{"a": 1,\n "b": }', 2, "Expecting value"),
    ("json", '{"a": 1, "a": 2}', None, "there twice"),
    ("json", "[NaN]", None, "NaN is not JSON"),
    ("json", "[" * 100_000, None, "too deeply"),
    ("json", "[1e999]", None, "more than a float can hold"),
    ("toml", "a = 1\nb = \n", 2, "Invalid value"),
    ("toml", f"a = {'1' * 5000}", None, "4300 digits"),
    ("csv", "a,b\n1,2\n3\n", 3, "1 fields where the first has 2"),
    ("csv", 'a\n"b\n', 2, "unexpected end of data"),
    ("html", "<p>\n<b>x</p>", 2, "</p> closes nothing"),
    ("html", "<p>\n<![foo[x", 2, "marked section"),
    ("html", "<div>\n<p>x</p>\n", 1, "<div> is not closed"),
    ("markdown", "text\n```\ncode\n", 2, "not closed"),
]


@pytest.mark.parametrize(("format_", "text", "line", "message"), MALFORMED)
def test_what_is_malformed_is_told_with_its_line(format_: str, text: str, line: int | None, message: str) -> None:
    """Nothing is repaired."""
    found = content_of(format_, text)
    assert isinstance(found, Malformed)
    assert message in found.message
    assert found.line == line


SAID = [
    ("json", ' {"b": [1, 2.5, null], "a": "x"}\n', {"a": "x", "b": [1, 2.5, None]}),
    ("toml", "day = 2026-01-02\n[t]\nxs = [1, 2]\n", {"day": "2026-01-02", "t": {"xs": [1, 2]}}),
    ("csv", 'a,b\n"x, y","1"\n\n', [["a", "b"], ["x, y", "1"]]),
    ("markdown", "# T  \n\ntext\n\n\n", ["# T", "", "text"]),
    ("html", "<p>a<br>b</p>\n", ["<p>a<br>b</p>"]),
    ("text", "one \ntwo", ["one", "two"]),
]


@pytest.mark.parametrize(("format_", "text", "said"), SAID, ids=[item for item, *_ in SAID])
def test_what_a_file_says_is_the_same_for_every_way_to_write_it(format_: str, text: str, said: object) -> None:
    """The engines answer with just that, so that it is compared like any value."""
    assert content_of(format_, text) == said
    names: dict[str, object] = {}
    exec(reader(format_, text), names)
    content = names["content"]
    assert callable(content)
    assert content() == said


LINKED = """# Two words! [x](gone.md)

[a](#two-words-x) [b](#two-words-xgonemd) [c](https://example.org/x#y) [d](mailto:a@b.c) `[e](#code)`
[f](../part.json) [g](../part.json#any) [h](sub/none.md "title")
```
[i](#fenced)
```
## Again
## Again
[j](#again-1) [k](#again-2)
"""


def test_links_lead_to_headings_and_files_that_are_there() -> None:
    """Anchors are GitHub's; other hosts are nobody's to judge; what stands in code is no link."""
    dead = list(dead_links("markdown", LINKED, "shop/docs/guide.md", {"shop/part.json", "shop/docs/guide.md"}))
    assert dead == [(1, "gone.md"), (3, "#two-words-x"), (4, "sub/none.md"), (10, "#again-2")]
    page = '<a href="#x">x</a><p id="x"></p><img src="../part.json"><a href="#y">y</a>'
    assert list(dead_links("html", page, "shop/docs/a.html", {"shop/part.json"})) == [(1, "#y")]


LONG = [
    ("json", json.dumps({f"k{number}": 0 for number in range(50_000)})),
    ("markdown", "[" * 50_000),
    ("markdown", f"[x]({'a' * 50_000}"),
    ("markdown", "[a]( " * 10_000),
    ("markdown", f"[a]({' ' * 50_000}"),
    ("markdown", f"# a{(' ' * 3000 + '#') * 10}b"),
    ("markdown", "# a\n" * 10_000),
]


@pytest.mark.parametrize(("format_", "text"), LONG, ids=[f"{name}-{text[:5].strip()}" for name, text in LONG])
def test_a_long_file_is_read_in_time_that_grows_with_it(format_: str, text: str) -> None:
    """They are read where everything else is at work: none may take long, whatever a model wrote."""
    started = time.process_time()
    content_of(format_, text)
    assert time.process_time() - started < 2  # seconds; those that go back and forth take from ten to a hundred


@given(st.sampled_from(FORMATS), st.text(max_size=120))
def test_any_text_is_read_or_refused(format_: str, text: str) -> None:
    """No text makes a reader fail, and what is read can be written down."""
    found = content_of(format_, text)
    if not isinstance(found, Malformed):
        json.dumps(found)
    assert all(line >= 1 for line, _ in dead_links(format_, text, "a", ()))
    compile(reader(format_, text.encode("utf-8", "replace").decode()), "reader", "exec")


@pytest.mark.parametrize("format_", FORMATS)
def test_an_answer_is_taken_from_its_fence_and_prose_is_no_file(format_: str) -> None:
    """A format as which prose can be read is known by its fence alone; a strict one may stand bare."""
    language = language_named(format_)
    text = {"json": "[1]", "toml": "a = 1", "csv": "a,b", "html": "<p>x</p>"}.get(format_, "# x")
    dialect = dialect_of(language, "f")
    prose = f"Here is the file:\n\n```{language.fence_tags[0]}\n{text}\n```\n"
    assert Answer(prose, FinishReason.STOP, Form.CODE, dialect).candidates == (f"{text}\n",)
    bare = Answer(text, FinishReason.STOP, Form.CODE, dialect)
    assert bool(bare.candidates) is (format_ not in LOOSE)


def test_a_format_is_no_language_that_projects_are_written_in() -> None:
    """They are looked up alike, and listed apart."""
    assert not {language.name for language in LANGUAGES} & set(FORMATS)
