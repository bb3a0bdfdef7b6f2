"""Each rule flags its own fault, sound code passes whatever words it holds, and advice rejects nothing."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.red_flags.advice import ADVISORS
from millwright.core.red_flags.answer import MAX_TEXT_BYTES, Dialect, Form
from millwright.core.red_flags.dialects import dialect_of, unparsed_dialect
from millwright.core.red_flags.rule_set import (
    CODE_RULES,
    FORMS,
    JSON_RULES,
    Census,
    Inspection,
    RuleSet,
    default_rules,
    rule_sets,
    settings_faults,
)
from millwright.core.red_flags.rules import (
    ALWAYS_ON,
    MAX_SOURCE_BYTES,
    MAX_SOURCE_LINES,
    RULES,
    DoesNotLoad,
    Limits,
    NothingExtractable,
    Placeholder,
    Rule,
    SeveralCandidates,
    TooLong,
    Truncated,
    Unbalanced,
)
from millwright.core.red_flags.tokens import C_LIKE, LEXES, Kind, Lexis, split
from millwright.core.verification.languages import language_named
from schemas.election import Flag
from schemas.identity import Archetype
from schemas.models import FinishReason
from schemas.red_flags import RuleLimits, RuleSettings
from tests import strategies

STOP = FinishReason.STOP
PYTHON = language_named("python")
ADD = dialect_of(PYTHON, "add")
SOUND = 'def add(a: int, b: int) -> int:\n    """Cannot fail; an error would be a bug ((."""\n    return a + b  # ((\n'
OTHER = "def add(a: int, b: int) -> int:\n    return b + a\n"
REFERENCES = sorted((Path(__file__).parents[3] / "benchmarks" / "verification" / "references").glob("*.py"))
WORDS = (
    "TODO",
    "FIXME",
    "hopefully",
    "untested",
    "I think this works",
    "not sure if",
    "placeholder",
    "cannot",
    "error",
)


def _fenced(body: str, tag: str = "python") -> str:
    return f"```{tag}\n{body}```\n"


def _inspect(text: str, finish: FinishReason = STOP, rules: RuleSet = CODE_RULES) -> Inspection:
    return rules.inspect(text, finish, ADD if rules.form is Form.CODE else None)


def _only(*rules: Rule, form: Form = Form.CODE, limits: Limits | None = None) -> RuleSet:
    return RuleSet(form, rules, limits or Limits())


def _texts() -> st.SearchStrategy[str]:
    """Answers of all kinds: prose, code, blocks, refusals, broken things."""
    pieces = st.sampled_from(
        (
            SOUND,
            _fenced(SOUND),
            _fenced(OTHER),
            _fenced("def add(a, b):\n    ...\n"),
            _fenced("def add(:\n"),
            "```python\n" + OTHER,
            '{"name": "add"}',
            '{"a": 1,}',
            "I'm sorry, but I can't help with that.\n",
            "TODO: hopefully this works.\n",
            "x = 1\n" * (MAX_SOURCE_LINES + 1),
            "\x00",
            "```\n",
        )
    )
    return st.lists(pieces | st.text(max_size=40), max_size=4).map("".join)


def _rule_tuples() -> st.SearchStrategy[tuple[Rule, ...]]:
    return st.sets(st.sampled_from(range(len(RULES)))).map(lambda kept: tuple(RULES[place] for place in sorted(kept)))


class TestRules:
    """One rule at a time."""

    @pytest.mark.parametrize(
        ("text", "finish", "flag", "rule"),
        [
            (_fenced(SOUND), FinishReason.LENGTH, Flag.TRUNCATED, "truncated"),
            ("```python\n" + SOUND, STOP, Flag.TRUNCATED, "truncated"),
            (_fenced(SOUND), FinishReason.FILTERED, Flag.REFUSES, "refuses"),
            ("I'm sorry, but I can't help with that.", STOP, Flag.REFUSES, "refuses"),
            (_fenced(SOUND) + _fenced(OTHER), STOP, Flag.SEVERAL_CANDIDATES, "several_candidates"),
            (_fenced("x = 1\n" * (MAX_SOURCE_LINES + 1)), STOP, Flag.TOO_LONG, "too_long"),
            (_fenced(f"x = '{'é' * (MAX_SOURCE_BYTES // 2)}'\n"), STOP, Flag.TOO_LONG, "too_long"),
            ("a" * (MAX_TEXT_BYTES + 1), STOP, Flag.TOO_LONG, "too_long"),
            (_fenced("x = '\x00'\n"), STOP, Flag.MALFORMED, "malformed"),
            ("Use a loop.", STOP, Flag.NOTHING_EXTRACTABLE, "nothing_extractable"),
            ("", STOP, Flag.NOTHING_EXTRACTABLE, "nothing_extractable"),
            (_fenced("def add(:\n"), STOP, Flag.DOES_NOT_LOAD, "does_not_load"),
            (_fenced("def add(a, b):\n    ...\n"), STOP, Flag.PLACEHOLDER, "placeholder"),
            ("def add(a, b):\n    pass\n", STOP, Flag.PLACEHOLDER, "placeholder"),
        ],
    )
    def test_names_each_fault(self, text: str, finish: FinishReason, flag: Flag, rule: str) -> None:
        """The fault has a rule and a detail of one line; nothing is left to verify, and nothing is advised."""
        found = _inspect(text, finish)
        assert found.flag is not None
        assert (found.flag.flag, found.rule) == (flag, rule)
        assert found.flag.detail
        assert "\n" not in found.flag.detail
        assert (found.candidate, found.advice, found.counts) == (None, (), {rule: 1})

    @pytest.mark.parametrize("text", [SOUND, _fenced(SOUND), f"I cannot test this:\n{_fenced(SOUND)}"])
    def test_passes_sound_code_whatever_words_and_brackets_it_holds(self, text: str) -> None:
        """Comments, docstrings, prose and lone brackets reject nothing."""
        found = _inspect(text)
        assert (found.flag, found.candidate) == (None, SOUND)

    def test_allows_exactly_the_limits(self) -> None:
        """A line more is one too many."""
        most = "x = 1\n" * MAX_SOURCE_LINES
        rules = _only(TooLong())
        assert _inspect(_fenced(most), rules=rules).flag is None
        assert _inspect(_fenced(most + "x = 1\n"), rules=rules).flag is not None

    def test_honours_other_limits(self) -> None:
        """A rule set may draw the line elsewhere."""
        found = _inspect(_fenced("x = 1\ny = 2\n"), rules=_only(TooLong(), limits=Limits(max_lines=1)))
        assert found.flag is not None
        assert found.flag.detail == "the code has 2 lines; at most 1"

    @pytest.mark.parametrize("text", ["(" * (MAX_SOURCE_BYTES + 1), _fenced("(" * (MAX_SOURCE_BYTES + 1) + "\n")])
    def test_never_gives_a_parser_what_is_too_long(self, text: str) -> None:
        """A hostile text over the limits is flagged unread."""

        def fail(source: str) -> str | None:
            raise AssertionError(source[:20])

        def no_pieces(source: str) -> tuple[()]:
            return ()

        dialect = Dialect(("python",), fail, None, no_pieces, no_pieces)
        assert CODE_RULES.inspect(text, STOP, dialect).flag is not None

    def test_searches_only_what_loads_for_placeholders(self) -> None:
        """A language's search may rely on a module that parses."""

        def fail(source: str) -> bool:
            raise AssertionError(source)

        dialect = Dialect(("",), lambda source: "no", fail, lambda source: (), lambda source: ())
        assert _only(Placeholder()).inspect(_fenced("def add(:\n"), STOP, dialect).flag is None

    def test_takes_no_body_for_a_placeholder_of_an_unknown_function(self) -> None:
        """Without the function's name nobody knows which body matters."""
        assert CODE_RULES.inspect("def add(a, b):\n    pass\n", STOP, dialect_of(PYTHON, None)).flag is None

    def test_every_rule_has_a_name_of_its_own_and_a_reason(self) -> None:
        """Reports explain flags by these reasons; rules and advice share one space of names."""
        names = [rule.name for rule in RULES] + [advisor.name for advisor in ADVISORS]
        reasons = [rule.reason for rule in RULES] + [advisor.reason for advisor in ADVISORS]
        assert len(set(names)) == len(names)
        assert all(reason and "\n" not in reason for reason in reasons)

    def test_says_why_a_bare_text_is_no_module(self) -> None:
        """Code without a fence that does not load is told with the line."""
        found = _inspect("def add(a, b):\n    return (a\n")
        assert found.flag is not None
        assert "line 2: '(' was never closed" in found.flag.detail

    @pytest.mark.parametrize(
        ("text", "flag"),
        [
            ("I cannot review this.", Flag.REFUSES),
            ("Sorry, I am unable to.", Flag.REFUSES),
            ("The parts fit. I cannot find a fault.", None),
            ("", Flag.NOTHING_EXTRACTABLE),
        ],
    )
    def test_reads_prose_as_it_stands(self, text: str, flag: Flag | None) -> None:
        """Prose declines where it begins so, and not where a reviewer finds nothing."""
        found = default_rules(Form.PROSE).inspect(text, STOP)
        assert (found.flag.flag if found.flag else None) is flag

    def test_returns_the_object_of_an_answer_in_json(self) -> None:
        """The document was read by the rule; nobody has to read it again."""
        assert JSON_RULES.inspect('{"name": "add"}', STOP).document == {"name": "add"}
        found = JSON_RULES.inspect('{"name": "add",}', STOP)
        assert found.flag is not None
        assert found.flag.flag is Flag.MALFORMED


class TestRuleSets:
    """Rules together."""

    @given(_texts(), strategies.finish_reasons())
    def test_flags_nothing_when_all_rules_are_off(self, text: str, finish: FinishReason) -> None:
        """Then every answer goes on as it is, so that there is always something to verify."""
        for form in Form:
            found = _inspect(text, finish, RuleSet(form, ()))
            assert (found.flag, found.rule) == (None, None)
            assert found.candidate is not None

    @given(_texts(), strategies.finish_reasons(), _rule_tuples(), st.sampled_from(RULES), st.sampled_from(Form))
    def test_a_further_rule_unflags_nothing(
        self, text: str, finish: FinishReason, rules: tuple[Rule, ...], further: Rule, form: Form
    ) -> None:
        """Whatever some rules reject, more rules reject too."""
        names = {further.name, *(rule.name for rule in rules)}
        more = tuple(rule for rule in RULES if rule.name in names)
        if _inspect(text, finish, RuleSet(form, rules)).flag is not None:
            assert _inspect(text, finish, RuleSet(form, more)).flag is not None

    @given(_texts(), strategies.finish_reasons())
    def test_a_set_flags_what_one_of_its_rules_flags(self, text: str, finish: FinishReason) -> None:
        """Rules do not depend on each other: the first that flags by itself is the one that is named."""
        alone = [rule.name for rule in CODE_RULES.rules if _inspect(text, finish, _only(rule)).flag is not None]
        assert _inspect(text, finish).rule == next(iter(alone), None)

    @pytest.mark.parametrize("path", REFERENCES, ids=lambda path: path.stem)
    def test_flags_no_known_good_code(self, path: Path) -> None:
        """Our own solutions pass, bare or fenced, also where brackets must match."""
        source = path.read_text(encoding="utf-8")
        strict = RuleSet(Form.CODE, RULES, CODE_RULES.limits)
        dialect = dialect_of(PYTHON, re.findall(r"^def (\w+)", source, re.MULTILINE)[-1])
        for rules in (CODE_RULES, strict):
            for text in (source, f"Here it is:\n\n{_fenced(source)}"):
                assert rules.inspect(text, STOP, dialect).flag is None
        assert strict.inspect(_fenced(source), STOP, unparsed_dialect("python")).flag is None

    def test_there_is_known_good_code(self) -> None:
        """The test above is not empty."""
        assert len(REFERENCES) > 50

    def test_of_several_candidates_the_first_counts_where_the_rule_is_off(self) -> None:
        """What a rule that is off lets pass is defined."""
        rules = _only(Truncated(), NothingExtractable(), DoesNotLoad())
        assert _inspect(_fenced(SOUND) + _fenced("def add(:\n"), rules=rules).candidate == SOUND
        assert _inspect(_fenced("def add(:\n") + _fenced(SOUND), rules=rules).rule == "does_not_load"

    def test_an_open_block_reaches_to_the_end_where_the_rule_is_off(self) -> None:
        """A cut answer is then read as if it were whole."""
        found = _inspect(f"Here:\n```python\n{SOUND}", FinishReason.LENGTH, _only(SeveralCandidates()))
        assert found.candidate == SOUND

    def test_a_census_counts_each_answer_once(self) -> None:
        """Rejected, advised on or untouched; the first rule that rejects has it."""
        census = Census()
        for text in (SOUND, _fenced("# TODO\n" + SOUND), "def add(:", _fenced("def add(:\n"), _fenced("def add(:\n")):
            census.add(_inspect(text))
        assert (census.answers, census.passed, census.only_advised) == (5, 2, 1)
        assert census.flagged == {"nothing_extractable": 1, "does_not_load": 2}
        assert census.advised == {"unfinished": 1}


class TestAdvice:
    """Words in prose, comments and docstrings."""

    def test_records_the_weight_and_the_place(self) -> None:
        """The line is of the code; a rule advises once, however often it hits."""
        found = _inspect(_fenced("def add(a, b):\n    # TODO: FIXME\n    return a + b\n"))
        (advice,) = found.advice
        assert (advice.rule, advice.times, advice.line) == ("unfinished", 2, 2)
        assert found.weight == advice.weight == 0.3
        assert found.note.startswith("advised: unfinished 0.3 (line 2: ")
        assert found.counts == {"unfinished": 2}

    def test_reads_the_prose_around_code_too(self) -> None:
        """Doubts stand outside the block more often than in it."""
        (advice,) = _inspect(f"Add them.\n{_fenced(OTHER)}\nI'm not sure if that is right.\n").advice
        assert (advice.rule, advice.line) == ("hedging", 7)

    def test_reads_docstrings(self) -> None:
        """A docstring is prose, a string is not."""
        text = 'def add(a, b):\n    """Add.\n\n    TODO: negative numbers.\n    """\n    return a + b\n'
        (advice,) = _inspect(text).advice
        assert (advice.rule, advice.line) == ("unfinished", 4)
        assert _inspect(text.replace('"""Add.', 's = """Add.')).advice == ()

    def test_reads_descriptions_in_json(self) -> None:
        """Names and expressions are no prose."""
        assert JSON_RULES.inspect('{"description": "TODO"}', STOP).counts == {"unfinished": 1}
        assert JSON_RULES.inspect('{"name": "TODO", "expression": "TODO"}', STOP).counts == {}

    @given(st.sampled_from(WORDS), st.sampled_from(WORDS))
    def test_words_in_code_neither_flag_nor_advise(self, first: str, second: str) -> None:
        """Strings and names say nothing about an answer."""
        name = f"{first}_{second}".replace(" ", "_")
        text = f"def add(a, b):\n    {name} = {second!r} + f'{first}'\n    raise ValueError({first!r}, {name})\n"
        for answer in (text, _fenced(text)):
            found = _inspect(answer)
            assert (found.flag, found.advice) == (None, ())

    @given(st.lists(st.sampled_from(WORDS), max_size=3), st.sampled_from(WORDS))
    def test_words_in_comments_never_flag(self, comments: list[str], docstring: str) -> None:
        """Advice is all that they can bring."""
        told = "".join(f"    # {comment} ((\n" for comment in comments)
        text = f'def add(a, b):\n    """{docstring}"""\n{told}    return a + b\n'
        assert _inspect(text).flag is None
        assert _inspect(_fenced(text)).flag is None

    @given(_texts(), strategies.finish_reasons())
    def test_never_changes_what_is_rejected(self, text: str, finish: FinishReason) -> None:
        """With any weights, the same answers pass with the same candidate."""
        for form in Form:
            rules = default_rules(form)
            silent = RuleSet(form, rules.rules, rules.limits)
            heavy = RuleSet(form, rules.rules, rules.limits, tuple((advisor.name, 1.0) for advisor in ADVISORS))
            assert _outcome(_inspect(text, finish, silent)) == _outcome(_inspect(text, finish, heavy))
            assert _inspect(text, finish, silent).advice == ()


def _outcome(found: Inspection) -> tuple[object, ...]:
    return (found.flag, found.rule, found.candidate, found.document)


class TestBrackets:
    """Brackets, where there is no parser."""

    RUST = unparsed_dialect("rust")
    RULES = _only(Unbalanced())

    @pytest.mark.parametrize(
        ("source", "detail"),
        [
            ("fn add(a: i32) -> i32 { a\n", "line 1: { is never closed"),
            ("fn add(a: i32) -> i32 {\n a + 1 }}\n", "line 2: } closes nothing"),
            ("fn add(a: [i32)) {}\n", "line 1: ) closes nothing"),
        ],
    )
    def test_flags_the_first_that_does_not_match(self, source: str, detail: str) -> None:
        """The line is told."""
        found = self.RULES.inspect(_fenced(source, "rust"), STOP, self.RUST)
        assert found.flag is not None
        assert found.flag.detail == detail

    @pytest.mark.parametrize(
        "source",
        [
            'fn f() -> &\'static str { "((" }\n',
            "fn f() { /* ( [ { */ } // ))\n",
            "fn f<'a>(x: &'a str, c: char) -> bool { c == '(' || c == '\\'' }\n",
            'fn f() { g("\\"(", "]") }\n',
        ],
    )
    def test_counts_none_in_strings_and_comments(self, source: str) -> None:
        """A lone quote, as of a lifetime, begins no string."""
        assert self.RULES.inspect(_fenced(source, "rust"), STOP, self.RUST).flag is None

    def test_is_silent_where_there_is_a_parser(self) -> None:
        """A parser knows better."""
        assert self.RULES.inspect(_fenced("x = ((\n"), STOP, ADD).flag is None

    def test_is_off_by_default(self) -> None:
        """On code that loads, bracket counts were measured to be harmful."""
        assert Unbalanced.name not in CODE_RULES.names

    @given(
        st.text("([{}])x \n", max_size=30).filter(lambda text: "*/" not in text),
        st.sampled_from(('"{}"', "// {}\n", "/* {} */")),
    )
    def test_brackets_in_strings_and_comments_never_flag(self, inside: str, around: str) -> None:
        """Whatever they are, and wherever they stand in a block."""
        told = around.format(inside.replace("\n", " "))
        source = f"fn f() {{\n {told}\n}}\n"
        assert self.RULES.inspect(_fenced(source, "rust"), STOP, self.RUST).flag is None

    @given(st.text("\"'`#/*\\\n ()ab", max_size=60), st.sampled_from((C_LIKE, *LEXES.values())))
    def test_the_pieces_are_the_source(self, source: str, lexis: Lexis) -> None:
        """Nothing is lost or made up, and each line number is right."""
        pieces = list(split(source, lexis))
        assert "".join(piece.text for piece in pieces) == source
        before = ""
        for piece in pieces:
            assert piece.line == before.count("\n") + 1
            before += piece.text

    def test_tells_comments_of_unknown_languages(self) -> None:
        """Advice works without a parser too."""
        found = default_rules(Form.CODE).inspect(_fenced('fn f() { g("TODO") } // FIXME\n', "rust"), STOP, self.RUST)
        assert (found.flag, found.counts) == (None, {"unfinished": 1})
        assert [piece.kind for piece in self.RUST.remarks("/* a */ b // c")] == [Kind.COMMENT, Kind.COMMENT]


class TestSettings:
    """Rule sets from settings."""

    def test_nothing_said_is_the_defaults(self) -> None:
        """Every archetype has a rule set."""
        sets = rule_sets({})
        assert set(sets) == set(Archetype) == set(FORMS)
        assert all(rules == default_rules(FORMS[archetype]) for archetype, rules in sets.items())

    def test_what_is_said_replaces_what_it_names(self) -> None:
        """The rest of the archetype, and the other archetypes, stay as they are."""
        settings = RuleSettings(rules=("does_not_load",), limits=RuleLimits(max_lines=7), advice={"hedging": 0.5})
        sets = rule_sets({Archetype.CODER: settings})
        assert settings_faults({Archetype.CODER: settings}) == ()
        assert sets[Archetype.CODER].names == {"does_not_load"} | ALWAYS_ON
        assert sets[Archetype.CODER].limits == Limits(max_lines=7)
        assert sets[Archetype.CODER].weights == (("hedging", 0.5),)
        assert sets[Archetype.INTEGRATOR] == CODE_RULES

    @pytest.mark.parametrize(
        ("archetype", "settings", "told"),
        [
            (Archetype.CODER, RuleSettings(rules=("truncated", "hedge")), "coder.rules[1]: no rule 'hedge'; known are"),
            (Archetype.CODER, RuleSettings(rules=("hedging",)), "coder.rules[0]: hedging only advises"),
            (Archetype.SPECIFIER, RuleSettings(rules=("placeholder",)), "placeholder is no rule for json"),
            (Archetype.REVIEWER, RuleSettings(advice={"doubt": 0.1}), "reviewer.advice: no advice 'doubt'; known are"),
        ],
    )
    def test_names_what_does_not_exist(self, archetype: Archetype, settings: RuleSettings, told: str) -> None:
        """Each fault has its place and says what there is."""
        (fault,) = settings_faults({archetype: settings})
        assert told in str(fault)

    def test_unknown_names_never_pass_silently(self) -> None:
        """Every fault is listed, not only the first."""
        settings = RuleSettings(rules=("a", "b"), advice={"c": 0.1})
        assert len(settings_faults({Archetype.CODER: settings})) == 3


def test_the_default_for_code_is_what_is_documented() -> None:
    """Brackets are the one rule that has to be asked for."""
    assert CODE_RULES.names == {rule.name for rule in RULES} - {"unbalanced"}
