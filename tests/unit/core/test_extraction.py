"""One answer is taken as it stands, and anything else is a red flag."""

import ast
import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from millwright.core.extraction import extract_json
from millwright.core.red_flags.answer import MAX_CODE_BYTES, Dialect, Form
from millwright.core.red_flags.rule_set import RuleSet
from millwright.core.red_flags.rules import RULES, DoesNotLoad, Limits, Placeholder
from millwright.core.red_flags.strict_json import MAX_JSON_DEPTH
from schemas.election import Flag, RedFlag
from schemas.models import FinishReason
from tests import strategies

STOP = FinishReason.STOP
EXTRACTING = RuleSet(
    Form.CODE,
    tuple(rule for rule in RULES if rule.name not in (DoesNotLoad.name, Placeholder.name)),
    Limits(max_lines=MAX_CODE_BYTES),
)
CODE = "def add(a: int, b: int) -> int:\n    return a + b\n"
OTHER = "def add(a: int, b: int) -> int:\n    return b + a\n"
BARE_CODES = st.sampled_from(
    (CODE, OTHER, "x = 1\n", 'def f():\n    """Use it.\n\n    ```\n    f()\n    ```\n    """\n', 'T = "\\u2028 \x0c"\n')
)
CODES = st.sampled_from((CODE, OTHER, "x = 1\n", "if True:\n\ty = '`' * 3\n", "T = '\u2028'\n"))
PROSE = st.sampled_from(("Here it is:", "The function adds.", "1. First", "`inline` and ``more``", ""))


def _complaint(source: str) -> str | None:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return str(error)
    return None


def _code(text: str, finish: FinishReason = STOP) -> str | RedFlag:
    """Extract code without judging it: whether fenced code loads is left to others."""
    return _extracted(text, finish, _complaint)


def _extracted(text: str, finish: FinishReason, loads: Callable[[str], str | None] | None) -> str | RedFlag:
    dialect = Dialect(("python", "py"), loads, None, lambda source: (), lambda source: ())
    found = EXTRACTING.inspect(text, finish, dialect)
    assert (found.flag is None) is (found.candidate is not None)
    return found.flag or found.candidate or ""


def _flag(found: object) -> Flag:
    assert isinstance(found, RedFlag)
    assert "\n" not in found.detail
    return found.flag


def _fenced(body: str, tag: str = "python", marks: str = "```") -> str:
    return f"{marks}{tag}\n{body}{marks}\n"


class TestCode:
    """Code out of an answer."""

    @pytest.mark.parametrize("tag", ["python", "Python", "py", "", "python title=add.py"])
    def test_takes_the_one_fenced_block(self, tag: str) -> None:
        """Prose around it does not matter, nor the case of the tag or what follows it."""
        assert _code(f"Here:\n\n{_fenced(CODE, tag)}\nIt adds.") == CODE

    def test_takes_a_whole_module_without_a_fence(self) -> None:
        """An answer that is a module as it stands is the candidate."""
        assert _code(CODE) == CODE

    def test_takes_no_bare_text_on_trust(self) -> None:
        """Without a judge of what loads, only a fence says where the code is."""
        assert _flag(_extracted(CODE, STOP, None)) is Flag.NOTHING_EXTRACTABLE

    def test_leaves_fences_inside_a_bare_modules_docstring_alone(self) -> None:
        """A module that loads as it stands is not searched for blocks."""
        module = f'"""How to.\n\n```python\nadd(1, 2)\n```\n"""\n\n{CODE}'
        assert _code(module) == module

    def test_takes_identical_repeats_as_one(self) -> None:
        """Saying the same twice is not saying two things; trailing blank lines do not differ."""
        assert _code(f"{_fenced(CODE)}Again:\n{_fenced(CODE + chr(10))}") == CODE

    def test_flags_blocks_that_differ(self) -> None:
        """Two answers are none, be one of them untagged."""
        assert _flag(_code(_fenced(CODE) + _fenced(OTHER))) is Flag.SEVERAL_CANDIDATES
        assert _flag(_code(_fenced(CODE) + _fenced("add(1, 2)\n", ""))) is Flag.SEVERAL_CANDIDATES

    @pytest.mark.parametrize("tag", ["text", "bash", "json", "console"])
    def test_passes_over_blocks_in_other_languages(self, tag: str) -> None:
        """A shell command beside the code is no second candidate, and alone it is none at all."""
        assert _code(_fenced(CODE) + _fenced("python add.py\n", tag)) == CODE
        assert _flag(_code(_fenced("echo hi\n", tag))) is Flag.NOTHING_EXTRACTABLE

    def test_passes_over_blank_blocks(self) -> None:
        """An empty fence holds no answer."""
        assert _code(_fenced("\n") + _fenced(CODE)) == CODE
        assert _flag(_code(_fenced("  \n"))) is Flag.NOTHING_EXTRACTABLE

    def test_reads_tildes_and_longer_fences(self) -> None:
        """A fence ends with its own mark, at least as long; a shorter one inside is content."""
        body = 'T = """\n```\n"""\n'
        assert _code(_fenced(body, marks="````")) == body
        assert _code(_fenced(body, marks="~~~")) == body

    def test_leaves_fences_inside_a_fenced_docstring_alone(self) -> None:
        """A mark indented by four or more is content, as CommonMark has it."""
        body = 'def f() -> int:\n    """Use it.\n\n    ```\n    f()\n    ```\n    """\n    return 1\n'
        assert _code(_fenced(body)) == body

    def test_reads_a_block_inside_a_list(self) -> None:
        """The fence's own indentation is taken off, no more."""
        indented = "".join(f"   {line}\n" for line in _fenced(CODE).splitlines())
        assert _code(f"1. Do this:\n\n{indented}") == CODE

    def test_keeps_characters_that_only_look_like_line_ends(self) -> None:
        """A form feed or U+2028 in a string literal stays where it is."""
        body = "T = 'a\u2028b\x0cc\x85d'\n"
        assert _code(_fenced(body)) == body

    def test_reads_windows_line_ends(self) -> None:
        """CRLF is how lines travelled, not what was said."""
        assert _code(_fenced(CODE).replace("\n", "\r\n")) == CODE

    @pytest.mark.parametrize("text", [f"```python\n{CODE}", _fenced(CODE) + "```python\n" + CODE, "```text\nhi"])
    def test_flags_a_fence_that_stays_open(self, text: str) -> None:
        """A block without an end was cut, whatever the endpoint says."""
        assert _flag(_code(text)) is Flag.TRUNCATED

    @pytest.mark.parametrize("text", [CODE, _fenced(CODE), "", "I cannot help."])
    def test_flags_whatever_was_cut_at_the_token_limit(self, text: str) -> None:
        """A cut answer is not trusted even where it looks complete."""
        assert _flag(_code(text, FinishReason.LENGTH)) is Flag.TRUNCATED

    def test_flags_what_the_content_filter_stopped(self) -> None:
        """A filtered answer is a refusal."""
        assert _flag(_code(_fenced(CODE), FinishReason.FILTERED)) is Flag.REFUSES

    @pytest.mark.parametrize(
        "text",
        [
            "I'm sorry, but I can't help with that.",
            "I’m unable to write this function.",
            "I cannot provide code for this.",
            "As an AI language model, this is beyond me.",
            "I must decline.",
        ],
    )
    def test_flags_a_refusal(self, text: str) -> None:
        """An answer that declines is told from one that merely rambles."""
        assert _flag(_code(text)) is Flag.REFUSES

    def test_does_not_judge_words_beside_code(self) -> None:
        """Hedging around code says nothing of the code."""
        assert _code(f"I cannot test this, but:\n{_fenced(CODE)}") == CODE

    @pytest.mark.parametrize("text", ["", "  \n", "Use a loop.", "def add(a, b) return a + b", "`x = 1`"])
    def test_flags_an_answer_without_code(self, text: str) -> None:
        """Prose, and code that does not load outside a fence, hold nothing to extract."""
        assert _flag(_code(text)) is Flag.NOTHING_EXTRACTABLE

    def test_leaves_it_to_others_whether_fenced_code_loads(self) -> None:
        """Inside a fence the code is taken as it stands, right or wrong."""
        assert _code(_fenced("def add(:\n")) == "def add(:\n"

    def test_flags_code_over_the_limit(self) -> None:
        """More than 64 KiB of code, fenced or bare, is never parsed."""
        huge = "x = 1\n" * (MAX_CODE_BYTES // 6 + 1)
        assert _flag(_code(_fenced(huge))) is Flag.TOO_LONG
        assert _flag(_code("é" * 600_000)) is Flag.TOO_LONG

    @pytest.mark.parametrize("text", [_fenced("x = '\x00'\n"), _fenced("x = '\ud800'\n")])
    def test_flags_text_that_no_database_keeps(self, text: str) -> None:
        """NUL and half a surrogate pair cannot be stored, so they cannot be a candidate."""
        assert _flag(_code(text)) is Flag.MALFORMED

    @given(before=PROSE, after=PROSE, body=CODES, marks=st.sampled_from(("```", "~~~~", "`````")))
    def test_returns_any_fenced_body_unchanged(self, before: str, after: str, body: str, marks: str) -> None:
        """What is between the fences comes out letter by letter."""
        assert _code(f"{before}\n{_fenced(body, marks=marks)}{after}") == body

    @given(BARE_CODES)
    def test_returns_any_bare_module_unchanged(self, body: str) -> None:
        """A bare module comes out letter by letter."""
        assert _code(body) == body

    @given(st.text(max_size=300), strategies.finish_reasons())
    @example("```", STOP)
    @example("```\r\n```", STOP)
    def test_never_invents_anything(self, text: str, finish: FinishReason) -> None:
        """Whatever comes in, either a flag comes out or lines that stood in the text, in their order."""
        found = _code(text, finish)
        if isinstance(found, str):
            assert found.endswith("\n")
            places = [text.replace("\r\n", "\n").find(line.strip()) for line in found.rstrip().split("\n")]
            assert all(place >= 0 for place in places)


class TestJson:
    """A JSON object out of an answer."""

    OBJECT = '{"name": "add", "parts": [1, 2.5, null, true]}'
    VALUE: dict[str, object] = {"name": "add", "parts": [1, 2.5, None, True]}  # noqa: RUF012 # read only

    @pytest.mark.parametrize(
        "text",
        [
            OBJECT,
            f"\n {OBJECT}\n",
            f"```json\n{OBJECT}\n```",
            f"Here:\n```\n{OBJECT}\n```\nDone.",
            f"```json\n{OBJECT}\n```\n```json\n{OBJECT}\n```",
            f"```json\n{OBJECT}\n```\n```python\nx = 1\n```",
        ],
    )
    def test_takes_the_one_object(self, text: str) -> None:
        """Bare or in one fence; blocks in other languages do not count."""
        assert extract_json(text, STOP) == self.VALUE

    def test_leaves_fences_inside_strings_alone(self) -> None:
        """A bare object is not searched for blocks."""
        value = {"code": "```python\nx = 1\n```"}
        assert extract_json(json.dumps(value), STOP) == value

    @pytest.mark.parametrize(
        ("text", "flag"),
        [
            ("", Flag.NOTHING_EXTRACTABLE),
            ("There are three parts.", Flag.NOTHING_EXTRACTABLE),
            (f"Here is the plan: {OBJECT}", Flag.NOTHING_EXTRACTABLE),
            ("I can't do that.", Flag.REFUSES),
            ("```json\n{}\n```\n```json\n{'a': 1}\n```", Flag.SEVERAL_CANDIDATES),
            ("```json\n{}", Flag.TRUNCATED),
            ("{} {}", Flag.MALFORMED),
            ("[1, 2]", Flag.MALFORMED),
            ("```json\n12\n```", Flag.MALFORMED),
            ("{'a': 1}", Flag.MALFORMED),
            ('{"a": 1,}', Flag.MALFORMED),
            ('{"a": NaN}', Flag.MALFORMED),
            ('{"a": -Infinity}', Flag.MALFORMED),
            ('{"a": 1e999}', Flag.MALFORMED),
            ('{"a": 1, "a": 1}', Flag.MALFORMED),
            ('{"b": {"a": 1, "a": 2}}', Flag.MALFORMED),
            ('{"a": "\\u0000"}', Flag.MALFORMED),
            ('{"a": ["\\ud800"]}', Flag.MALFORMED),
            ('{"\\udc00": 1}', Flag.MALFORMED),
            (f'{{"a": {"9" * 5000}}}', Flag.MALFORMED),
            ('{"a": "' + "x" * 1024 * 1024 + '"}', Flag.TOO_LONG),
            ('{"a": ' * 100_000, Flag.MALFORMED),
            ('{"a": "' + "[" * 500_000, Flag.MALFORMED),
        ],
    )
    def test_flags_anything_else(self, text: str, flag: Flag) -> None:
        """Strict JSON or a red flag; never a guess, a repair or a crash."""
        assert _flag(extract_json(text, STOP)) is flag

    def test_flags_whatever_was_cut(self) -> None:
        """A cut answer is not trusted even where it parses."""
        assert _flag(extract_json(self.OBJECT, FinishReason.LENGTH)) is Flag.TRUNCATED

    def test_keeps_an_escaped_backslash_before_a_u(self) -> None:
        """The text of an escape is not the character that it would name."""
        assert extract_json('{"a": "\\\\u0000"}', STOP) == {"a": "\\u0000"}

    def test_does_not_take_breadth_for_depth(self) -> None:
        """Any number of small lists beside each other is two levels."""
        value: dict[str, object] = {"a": [[] for _ in range(MAX_JSON_DEPTH * 2)]}
        assert extract_json(json.dumps(value), STOP) == value

    def test_counts_brackets_in_strings_as_text(self) -> None:
        """Depth is of structure, not of what strings say."""
        value = {"a": "[{" * 1000 + '"\\'}
        assert extract_json(json.dumps(value), STOP) == value

    @pytest.mark.parametrize(("depth", "accepted"), [(MAX_JSON_DEPTH, True), (MAX_JSON_DEPTH + 1, False)])
    def test_bounds_the_depth(self, depth: int, accepted: bool) -> None:
        """A hundred levels are read, one more is not."""
        text = '{"a":' * depth + "1" + "}" * depth
        assert isinstance(extract_json(text, STOP), RedFlag) is not accepted

    @given(
        st.dictionaries(
            st.text(max_size=5),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers()
                | st.floats(allow_nan=False, allow_infinity=False)
                | st.text(),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                max_leaves=8,
            ),
            max_size=4,
        ),
        st.booleans(),
    )
    def test_reads_back_what_was_written(self, value: dict[str, object], fenced: bool) -> None:
        """Any storable object survives, bare or fenced."""
        text = json.dumps(value)
        assume("\\u0000" not in text)
        assert extract_json(f"```json\n{text}\n```" if fenced else text, STOP) == value

    @given(st.text(alphabet='{}[]",:\\`ujson01 \n', max_size=60), strategies.finish_reasons())
    def test_answers_every_text(self, text: str, finish: FinishReason) -> None:
        """Whatever comes in, an object or a flag comes out."""
        assert isinstance(extract_json(text, finish), dict | RedFlag)


def test_every_flag_it_raises_says_why() -> None:
    """Details differ, since a person reads them."""
    texts = ["", "Prose.", "I can't.", "```python\nx", _fenced(CODE) + _fenced(OTHER), "\x00"]
    details = sorted(found.detail for text in texts if isinstance(found := _code(text), RedFlag))
    assert len(details) == len(texts)
    assert all(first != second for first, second in pairwise(details))
