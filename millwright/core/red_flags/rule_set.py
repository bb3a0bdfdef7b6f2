"""Which rules an archetype's answers are held against, within which limits, and what comes of it.

It reads no file: a document of settings is checked and turned into rule sets here, once somebody has read it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from millwright.core.red_flags.advice import ADVISORS, Advice, advise
from millwright.core.red_flags.answer import Answer, Dialect, Form
from millwright.core.red_flags.rules import ALWAYS_ON, DEFAULT_LIMITS, OFF_BY_DEFAULT, RULES, Limits, Rule
from schemas.election import RedFlag
from schemas.identity import Archetype
from schemas.models import FinishReason
from schemas.red_flags import RuleSettings
from schemas.specification import Fault

FORMS: Mapping[Archetype, Form] = {
    Archetype.DECOMPOSER: Form.JSON,
    Archetype.SPECIFIER: Form.JSON,
    Archetype.CODER: Form.CODE,
    Archetype.VERIFIER: Form.JSON,
    Archetype.INTEGRATOR: Form.CODE,
    Archetype.REVIEWER: Form.JSON,
    Archetype.COORDINATOR: Form.JSON,
}
"""What each archetype is asked for."""


@dataclass(frozen=True)
class Inspection:
    """What a rule set says of one answer.

    ``flag`` rejects it, and ``rule`` is the rule that raised it; ``advice`` is recorded and rejects nothing.
    ``candidate`` is the text to verify, and None where it is rejected; ``document`` is its object, in JSON.
    ``counts`` says how often each rule hit that did: 1 for the one that rejects, the number of places for advice.
    """

    flag: RedFlag | None = None
    rule: str | None = None
    advice: tuple[Advice, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    candidate: str | None = None
    document: dict[str, JsonValue] | None = None

    @property
    def weight(self) -> float:
        """The sum of the advice's weights; 0 where nothing is advised."""
        return sum(advice.weight for advice in self.advice)

    @property
    def note(self) -> str:
        """The advice in one line of at most 200 characters; empty where there is none."""
        told = (f"{item.rule} {item.weight:g} (line {item.line}: {item.detail})" for item in self.advice)
        return f"advised: {'; '.join(told)}"[:200] if self.advice else ""


@dataclass(frozen=True)
class RuleSet:
    """The rules that are on, in the order in which they are asked; ``weights`` are of the advisors that are asked."""

    form: Form
    rules: tuple[Rule, ...]
    limits: Limits = DEFAULT_LIMITS
    weights: tuple[tuple[str, float], ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The names of the rules that are on."""
        return frozenset(rule.name for rule in self.rules)

    def inspect(self, text: str, finish_reason: FinishReason, dialect: Dialect | None = None) -> Inspection:
        """Hold an answer against the rules; ``dialect`` is the language of an answer in code.

        The first rule that has something against it decides, and what is rejected is not advised on. With a rule off,
        what it would reject goes on as it is: of several candidates the first, of none the whole text.
        """
        answer = Answer(text, finish_reason, self.form, dialect)
        for rule in self.rules:
            flag = rule.check(answer, self.limits)
            if flag is not None:
                return Inspection(flag=flag, rule=rule.name, counts={rule.name: 1})
        advice = advise(answer.remarks, self.weights)
        return Inspection(
            advice=advice,
            counts={item.rule: item.times for item in advice},
            candidate=answer.candidate,
            document=answer.document if isinstance(answer.document, dict) else None,
        )


@dataclass
class Census:
    """Counts what a rule set says of many answers; it keeps no answer."""

    answers: int = 0
    flagged: dict[str, int] = field(default_factory=dict)
    advised: dict[str, int] = field(default_factory=dict)
    only_advised: int = 0

    def add(self, inspection: Inspection) -> None:
        """Count one answer: under the rule that rejects it, or under each that advises."""
        self.answers += 1
        if inspection.rule is not None:
            self.flagged[inspection.rule] = self.flagged.get(inspection.rule, 0) + 1
        for advice in inspection.advice:
            self.advised[advice.rule] = self.advised.get(advice.rule, 0) + 1
        self.only_advised += bool(inspection.advice)

    @property
    def passed(self) -> int:
        """Answers that no rule rejects; some of them are advised on."""
        return self.answers - sum(self.flagged.values())


def default_rules(form: Form) -> RuleSet:
    """Return the rule set that holds for answers of a form where nobody says otherwise."""
    rules = tuple(rule for rule in RULES if form in rule.forms and rule.name not in OFF_BY_DEFAULT)
    return RuleSet(form, rules, DEFAULT_LIMITS, tuple((advisor.name, advisor.weight) for advisor in ADVISORS))


CODE_RULES = default_rules(Form.CODE)
JSON_RULES = default_rules(Form.JSON)


def rule_sets(settings: Mapping[Archetype, RuleSettings]) -> dict[Archetype, RuleSet]:
    """Return every archetype's rule set: the defaults, with what the settings say instead.

    The settings are sound: ``settings_faults`` finds none.
    """
    return {archetype: _configured(archetype, settings.get(archetype)) for archetype in Archetype}


def settings_faults(settings: Mapping[Archetype, RuleSettings]) -> tuple[Fault, ...]:
    """Find what settings name that does not exist, or does not fit; each fault is placed (``coder.rules[2]``)."""
    return tuple(fault for archetype, one in settings.items() for fault in _faults(archetype, one))


def _configured(archetype: Archetype, settings: RuleSettings | None) -> RuleSet:
    default = default_rules(FORMS[archetype])
    if settings is None:
        return default
    names = default.names if settings.rules is None else frozenset(settings.rules) | ALWAYS_ON
    advised = default.weights if settings.advice is None else tuple(settings.advice.items())
    limits = settings.limits.model_dump(exclude_none=True)
    return RuleSet(
        form=default.form,
        rules=tuple(rule for rule in RULES if rule.name in names and default.form in rule.forms),
        limits=Limits(**limits),
        weights=advised,
    )


def _faults(archetype: Archetype, settings: RuleSettings) -> list[Fault]:
    form = FORMS[archetype]
    fitting = [rule.name for rule in RULES if form in rule.forms]
    advisors = [advisor.name for advisor in ADVISORS]
    found = []
    for place, name in enumerate(settings.rules or ()):
        where = f"{archetype.value}.rules[{place}]"
        if name in fitting:
            continue
        if name in (rule.name for rule in RULES):
            what = f"{name} is no rule for {form.value}, which a {archetype.value} answers in; {_known(fitting)}"
        elif name in advisors:
            what = f"{name} only advises: give it a weight under advice"
        else:
            what = f"no rule {name[:80]!r}; {_known(fitting)}"
        found.append(Fault(where=where, what=what))
    for name in settings.advice or ():
        if name not in advisors:
            found.append(Fault(where=f"{archetype.value}.advice", what=f"no advice {name[:80]!r}; {_known(advisors)}"))
    return found


def _known(names: Sequence[str]) -> str:
    return f"known are {', '.join(names)}"
