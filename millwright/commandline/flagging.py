"""The command `redflags`: what a rule set does to a file of answers. It verifies none of them, and calls no model."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millwright.commandline.composition import Composition
from millwright.commandline.options import JsonOption
from millwright.commandline.output import console, emit, note, say, table
from schemas.shortening import shortened

if TYPE_CHECKING:
    from millwright.commandline.answers import Recorded
    from millwright.core.red_flags.answer import Dialect
    from millwright.core.red_flags.rule_set import Census, Inspection, RuleSet
    from schemas.identity import Archetype
    from schemas.red_flags import RuleSettings

_EXAMPLES = 3
_LONGEST_DETAIL = 120
_PROGRESS_EVERY = 100_000


def redflags(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Answers: JSON lines, or a text that is one answer.")],
    rules: Annotated[
        Path | None,
        typer.Option(
            "--rules", metavar="FILE", help="Rules by archetype, YAML; else the defaults.", show_default=False
        ),
    ] = None,
    archetype: Annotated[
        str | None,
        typer.Option("--archetype", metavar="NAME", help="Whose rules; else what a line says, or coder's."),
    ] = None,
    language: Annotated[str, typer.Option("--language", metavar="NAME", help="What code is written in.")] = "python",
    as_json: JsonOption = False,
) -> None:
    """Show what the red flags do to recorded answers.

    For each rule: how many answers it rejects, and some of them with the reason; then what is only advised, and what
    remains. An answer counts under the first rule that rejects it. Each line of FILE is {"task", "completions": [...]}
    or {"id", "text"}, and may have "finish_reason", "archetype" and "name", the function's: without a name no body is
    taken for a placeholder. A language that Millwright does not write is read without a parser.

    Example: millwright redflags answers.jsonl

    Exit codes: 0 shown, 2 bad input.
    """
    from millwright.commandline.answers import read_answers
    from millwright.core.red_flags.rule_set import Census, rule_sets

    composition: Composition = context.obj
    chosen = _archetype(archetype)
    sets = rule_sets(_settings(composition, rules))
    census, examples, judge = Census(), Examples(), Judge(sets, chosen, language)
    for answer in read_answers(file):
        found = judge.inspect(answer)
        census.add(found)
        examples.add(answer, found)
        if census.answers % _PROGRESS_EVERY == 0:
            note(f"{census.answers:,} answers read")
    lines = list(_lines(census, examples, judge.used))
    if as_json:
        emit(_report(census, lines, judge.used))
    else:
        _show(census, lines)


class Judge:
    """Holds answers against the rule set of their archetype, and remembers which sets it used."""

    def __init__(self, sets: "Mapping[Archetype, RuleSet]", chosen: "Archetype | None", language: str) -> None:
        self._sets = sets
        self._chosen = chosen
        self._language = language
        self.used: dict[Archetype, RuleSet] = {}

    def inspect(self, answer: "Recorded") -> "Inspection":
        """Inspect one answer."""
        from millwright.core.red_flags.answer import Form
        from schemas.identity import Archetype

        archetype = self._chosen or answer.archetype or Archetype.CODER
        rules = self.used.setdefault(archetype, self._sets[archetype])
        dialect = self._dialect(answer.function) if rules.form is Form.CODE else None
        return rules.inspect(answer.text, answer.finish_reason, dialect)

    def _dialect(self, function: str | None) -> "Dialect":
        from millwright.core.red_flags.dialects import dialect_of, unparsed_dialect
        from millwright.core.verification.languages import LANGUAGES

        known = next((language for language in LANGUAGES if language.name == self._language), None)
        return unparsed_dialect(self._language) if known is None else dialect_of(known, function)


class Examples:
    """The first few answers that each rule hit, with what it says of them."""

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[str, str]]] = {}

    def add(self, answer: "Recorded", found: "Inspection") -> None:
        """Keep the answer where a rule has too few yet."""
        if found.flag is not None and found.rule is not None:
            self._keep(found.rule, answer.id, found.flag.detail)
        for advice in found.advice:
            self._keep(advice.rule, answer.id, (f"line {advice.line}: " if advice.line else "") + advice.detail)

    def of(self, rule: str) -> list[tuple[str, str]]:
        """Return (id, detail) of a rule's first answers."""
        return self._kept.get(rule, [])

    def _keep(self, rule: str, answer: str, detail: str) -> None:
        kept = self._kept.setdefault(rule, [])
        if len(kept) < _EXAMPLES:
            kept.append((answer, shortened(detail, _LONGEST_DETAIL)))


def _archetype(name: str | None) -> "Archetype | None":
    from millwright.errors import BadInput
    from schemas.identity import Archetype

    try:
        return None if name is None else Archetype(name)
    except ValueError as error:
        raise BadInput(f"--archetype {name!r} is none of ours: choose one of {', '.join(Archetype)}") from error


def _settings(composition: Composition, rules: Path | None) -> "Mapping[Archetype, RuleSettings]":
    from millwright.commandline.requests import read_bytes

    return {} if rules is None else composition.read_red_flags(read_bytes(str(rules)), str(rules))


def _lines(census: "Census", examples: Examples, used: "Mapping[Archetype, RuleSet]") -> "Iterator[dict[str, Any]]":
    """Yield what is to be said of each rule that fits a form that was used, in the order in which they are asked."""
    from millwright.core.red_flags.advice import ADVISORS
    from millwright.core.red_flags.rules import RULES

    forms = {rules.form for rules in used.values()}
    on = {name for rules in used.values() for name in rules.names}
    for rule in RULES:
        if forms & set(rule.forms):
            yield {
                "rule": rule.name,
                "on": rule.name in on,
                "reason": rule.reason,
                "rejected": census.flagged.get(rule.name, 0),
                "examples": [{"id": name, "detail": detail} for name, detail in examples.of(rule.name)],
            }
    weights = {name: weight for rules in used.values() for name, weight in rules.weights}
    for advisor in ADVISORS:
        yield {
            "rule": advisor.name,
            "on": advisor.name in weights,
            "reason": advisor.reason,
            "weight": weights.get(advisor.name, 0.0),
            "advised": census.advised.get(advisor.name, 0),
            "examples": [{"id": name, "detail": detail} for name, detail in examples.of(advisor.name)],
        }


def _report(census: "Census", lines: "list[dict[str, Any]]", used: "Mapping[Archetype, RuleSet]") -> dict[str, Any]:
    return {
        "answers": census.answers,
        "rejected": census.answers - census.passed,
        "only_advised": census.only_advised,
        "passed": census.passed,
        "archetypes": sorted(archetype.value for archetype in used),
        "rules": [line for line in lines if "rejected" in line],
        "advice": [line for line in lines if "advised" in line],
        "exit_code": 0,
    }


def _show(census: "Census", lines: "list[dict[str, Any]]") -> None:
    shown = table("rule", "effect", "answers", "share", "for example", right=("answers", "share"))
    for line in lines:
        effect = f"advises, {line['weight']:g}" if "weight" in line else "rejects"
        count = line["advised"] if "weight" in line else line["rejected"]
        cells = (f"{count:,}", f"{count / census.answers:.1%}") if line["on"] else ("", "")
        told = "\n".join(f"{example['id']}: {example['detail']}" for example in line["examples"])
        shown.add_row(line["rule"], effect if line["on"] else "off", *cells, told)
    console().print(shown, markup=False)
    rejected, advised = census.answers - census.passed, census.only_advised
    clear = census.passed - advised
    noun = "answer" if census.answers == 1 else "answers"
    say(f"{census.answers:,} {noun}: {rejected:,} rejected, {advised:,} only advised on, {clear:,} untouched")
