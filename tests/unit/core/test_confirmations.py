"""What only winners are asked: each confirmation's plan and judgement, from fabricated results."""

import importlib
import inspect
import pkgutil

import pytest

from millwright.core.verification import confirmations
from millwright.core.verification.confirmations.agreement import EnginesAgree
from millwright.core.verification.confirmations.audit import SecurityAudit
from millwright.core.verification.confirmations.catalogue import CONFIRMATIONS
from millwright.core.verification.confirmations.symbolic import CONFIRMED, SymbolicSearch
from millwright.core.verification.confirmations.types_again import TypesAgain
from millwright.core.verification.ladder import LADDER
from millwright.core.verification.layer import Missing, Needs, Plan, Result, Subject
from millwright.core.verification.parts import floats, parts
from millwright.errors import AnalyserUnavailable, SandboxUnavailable
from schemas.execution import CallReport, CallRequest, ConditionReport, ConditionRequest, Outcome, OutcomeKind, Truth
from schemas.values import Value
from schemas.verification import (
    AnalysisReport,
    AnalysisRequest,
    AnalysisTool,
    Conclusion,
    Finding,
    Severity,
    Verdict,
    VerdictStatus,
)
from tests.languages.in_process import encoded
from tests.unit.core.verification.layer_results import (
    COUNTS,
    LOST,
    PYTHON,
    F,
    T,
    U,
    needs,
    raised,
    returned,
    subject,
    verdict,
)

AVERAGE = "def average(values: list[float]) -> float | None:\n    return None\n"
FAILED = AnalysisReport(findings=(Finding(code="tool-failure", message="the tool fails on it: it crashed"),))
AGREE, SEARCH, TYPES, AUDIT = EnginesAgree(), SymbolicSearch(), TypesAgain(), SecurityAudit()


def _report(*findings: Finding) -> AnalysisReport:
    return AnalysisReport(findings=findings)


def _finding(code: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(code=code, message="so", line=3, severity=severity)


def _told(look: TypesAgain | SecurityAudit, report: Result) -> Verdict:
    of = subject()
    return verdict(look.judge(of, needs(look.plan(of, PYTHON)), (report,), PYTHON))


class TestCatalogue:
    """The tuple of all confirmations."""

    def test_every_module_is_listed_once(self) -> None:
        """A module of the folder whose confirmation is not in the tuple would never be asked."""
        listed = [type(look).__module__ for look in CONFIRMATIONS]
        there = {f"{confirmations.__name__}.{item.name}" for item in pkgutil.iter_modules(confirmations.__path__)}
        asked = {name for name in there if _defines_a_look(name)}
        assert sorted(listed) == sorted(asked)
        assert there - asked == {f"{confirmations.__name__}.catalogue"}

    def test_the_order_is_the_ladders(self) -> None:
        """Confirmations deepen the layers from the lowest up, each under a title of its own."""
        order = [layer.name for layer in LADDER]
        places = [order.index(look.name) for look in CONFIRMATIONS]
        assert places == sorted(places)
        assert len({look.title for look in CONFIRMATIONS}) == len(CONFIRMATIONS)


def _defines_a_look(name: str) -> bool:
    members = vars(importlib.import_module(name)).values()
    own = (member for member in members if inspect.isclass(member) and member.__module__ == name)
    return any(hasattr(member, "judge") and hasattr(member, "title") for member in own)


class TestTypesAgain:
    """The type checker asked cold."""

    def test_it_asks_the_cold_checker(self) -> None:
        """The request is for the fresh process, with all modules."""
        of = subject()
        (request,) = needs(TYPES.plan(of, PYTHON)).requests
        assert isinstance(request, AnalysisRequest)
        assert (request.tool, request.target) == (AnalysisTool.TYPES_COLD, of.target)
        assert request.modules == dict(of.modules)

    def test_an_error_found_cold_rejects(self) -> None:
        """The finding keeps its place and says that the two answers differ."""
        told = _told(TYPES, _report(_finding("return-value")))
        assert told.status is VerdictStatus.REJECTED
        (finding,) = told.findings
        assert (finding.code, finding.line) == ("cold-check", 3)
        assert "return-value" in finding.message
        assert "warm" in finding.message

    def test_warnings_and_nothing_pass(self) -> None:
        """What only warns was the layer's to say."""
        for report in (_report(), _report(_finding("note", Severity.WARNING))):
            assert (_told(TYPES, report).status, _told(TYPES, report).findings) == (VerdictStatus.PASSED, ())

    @pytest.mark.parametrize("look", [TYPES, AUDIT])
    def test_a_tool_that_fails_on_it_decides_nothing(self, look: TypesAgain | SecurityAudit) -> None:
        """The layer has passed it already: a tool's crash is recorded, and is no rejection."""
        told = _told(look, FAILED)
        assert (told.status, told.reason) == (VerdictStatus.NOT_RUN, "the tool fails on it: it crashed")

    @pytest.mark.parametrize("look", [TYPES, AUDIT])
    def test_an_answer_of_another_kind_is_the_analysers_fault(self, look: TypesAgain | SecurityAudit) -> None:
        """It is an error to be tried again."""
        with pytest.raises(AnalyserUnavailable):
            _told(look, Missing("no"))


class TestAudit:
    """The security audit."""

    def test_grave_findings_reject(self) -> None:
        """What the auditor marks as an error rejects, and lighter findings stay attached."""
        told = _told(AUDIT, _report(_finding("B602"), _finding("B301", Severity.WARNING)))
        assert told.status is VerdictStatus.REJECTED
        assert [finding.severity for finding in told.findings] == [Severity.ERROR, Severity.WARNING]

    @pytest.mark.parametrize("code", ["B101", "B110", "B311", "B324", "B403", "B413"])
    def test_what_honest_code_does_only_warns(self, code: str) -> None:
        """Assertions, random numbers, digests and imports alone warn, however grave the auditor finds them."""
        told = _told(AUDIT, _report(_finding(code)))
        assert told.status is VerdictStatus.PASSED
        assert [(finding.code, finding.severity) for finding in told.findings] == [(code, Severity.WARNING)]


def _searched(conclusion: Conclusion | None, *claims: tuple[object, ...], detail: str = "") -> AnalysisReport:
    examples = tuple(tuple(encoded(value) for value in claim) for claim in claims)
    return AnalysisReport(findings=(), conclusion=conclusion, counterexamples=examples, detail=detail)


def _concluded(report: AnalysisReport, of: Subject | None = None) -> Plan:
    of = of or subject()
    return SEARCH.judge(of, needs(SEARCH.plan(of, PYTHON)), (report,), PYTHON)


def _next(of: Subject, asked: Needs, *results: Result) -> Plan:
    return SEARCH.judge(of, asked, results, PYTHON)


def _truths(*rows: tuple[Truth, ...]) -> ConditionReport:
    return ConditionReport(truths=rows)


def _shrunk_to_nothing(of: Subject, step: Plan) -> Verdict:
    """Answer the rounds that look for smaller inputs: none of them is promised."""
    asked = needs(step)
    (request,) = asked.requests
    assert isinstance(request, ConditionRequest)
    return verdict(_next(of, asked, _truths(*((F,) * len(request.expressions) for _ in request.bindings))))


class TestSymbolicSearch:
    """The search for counter-examples."""

    def test_it_is_asked_with_the_task(self) -> None:
        """The search has to know the contracts."""
        of = subject()
        (request,) = needs(SEARCH.plan(of, PYTHON)).requests
        assert isinstance(request, AnalysisRequest)
        assert (request.tool, request.task) == (AnalysisTool.SYMBOLIC, of.task)

    @pytest.mark.parametrize("of", [subject("word_counts", COUNTS), subject(postconditions=[])])
    def test_without_contracts_it_does_not_apply(self, of: Subject) -> None:
        """There is nothing that a counter-example could break."""
        assert verdict(SEARCH.plan(of, PYTHON)).status is VerdictStatus.NOT_APPLICABLE

    def test_without_inputs_it_does_not_apply(self) -> None:
        """One call was made, and there is no other."""
        condition = {"name": "positive", "expression": "result > 0"}
        of = subject(inputs=[], preconditions=[], postconditions=[condition], test_cases=[])
        assert verdict(SEARCH.plan(of, PYTHON)).status is VerdictStatus.NOT_APPLICABLE

    def test_confirmed_passes_and_undecided_is_not_passed(self) -> None:
        """Each is recorded as what it is, with the reason."""
        confirmed = verdict(_concluded(_searched(Conclusion.CONFIRMED)))
        undecided = verdict(_concluded(_searched(Conclusion.UNDECIDED, detail="too many paths")))
        assert (confirmed.status, confirmed.reason) == (VerdictStatus.PASSED, CONFIRMED)
        assert (undecided.status, undecided.reason) == (VerdictStatus.NOT_RUN, "undecided: too many paths")

    def test_no_conclusion_is_the_analysers_fault(self) -> None:
        """An empty answer is an error and no pass."""
        with pytest.raises(AnalyserUnavailable):
            _concluded(_searched(None))

    def test_a_claim_is_called_and_evaluated_before_it_rejects(self) -> None:
        """Only a breach that was really seen rejects; the finding shows the call and how it was found."""
        of = subject()
        asked = needs(_concluded(_searched(Conclusion.REFUTED, (5, 0, 3), (9, 3, 1)), of))
        (promised,) = asked.requests
        assert isinstance(promised, ConditionRequest)
        assert promised.expressions == ("low <= high",)
        asked = needs(_next(of, asked, _truths((T,), (F,))))
        (call,) = asked.requests
        assert isinstance(call, CallRequest)
        assert [[part[1] for part in arguments] for arguments in call.calls] == [["5", "0", "3"]]
        asked = needs(_next(of, asked, CallReport(outcomes=(returned(5, 5, 0, 3),))))
        (evaluated,) = asked.requests
        assert isinstance(evaluated, ConditionRequest)
        assert evaluated.bindings[0].names["result"] == ["int", "5"]
        step = _next(of, asked, _truths((F, T)))
        told = _shrunk_to_nothing(of, step)
        assert told.status is VerdictStatus.REJECTED
        (finding,) = told.findings
        assert finding.code == "contract-broken"
        assert finding.line == PYTHON.definition_line(of.source, "clamp")
        for words in ("within bounds", "clamp(value=5, low=0, high=3) gave 5", "symbolic search"):
            assert words in finding.message

    @pytest.mark.parametrize("truth", [T, U, Truth.LOST])
    def test_a_claim_that_breaks_nothing_is_undecided(self, truth: Truth) -> None:
        """A condition that holds, or has no truth value, rejects nobody."""
        of = subject(preconditions=[])
        asked = needs(_concluded(_searched(Conclusion.REFUTED, (5, 0, 3)), of))
        asked = needs(_next(of, asked, CallReport(outcomes=(returned(3, 5, 0, 3),))))
        told = verdict(_next(of, asked, _truths((T, truth))))
        assert told.status is VerdictStatus.NOT_RUN
        assert told.reason.startswith("undecided: ")

    @pytest.mark.parametrize("outcome", [LOST, raised("ValueError")])
    def test_a_claim_that_gives_no_value_is_undecided(self, outcome: Outcome) -> None:
        """An exception or a time-out is behaviour and breaks no postcondition."""
        of = subject(preconditions=[])
        asked = needs(_concluded(_searched(Conclusion.REFUTED, (5, 0, 3)), of))
        assert verdict(_next(of, asked, CallReport(outcomes=(outcome,)))).status is VerdictStatus.NOT_RUN

    def test_claims_outside_the_promise_are_undecided(self) -> None:
        """Preconditions and constraints bound what is promised."""
        inputs = [
            {"name": name, "type_annotation": "int", "constraints": [f"{name} < 100"]}
            for name in ("value", "low", "high")
        ]
        of = subject(inputs=inputs)
        asked = needs(_concluded(_searched(Conclusion.REFUTED, (500, 0, 3)), of))
        (promised,) = asked.requests
        assert isinstance(promised, ConditionRequest)
        assert promised.expressions == ("value < 100", "low < 100", "high < 100", "low <= high")
        assert verdict(_next(of, asked, _truths((F, T, T, T)))).status is VerdictStatus.NOT_RUN

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300])
    def test_floats_of_no_ordinary_size_are_no_counterexample(self, number: float) -> None:
        """Beyond them a contract would speak of rounding."""
        condition = {"name": "some", "expression": "result is None or result < 3.0"}
        of = subject("average", AVERAGE, postconditions=[condition])
        report = _searched(Conclusion.REFUTED, ([1.0, number],))
        assert verdict(_concluded(report, of)).status is VerdictStatus.NOT_RUN
        assert isinstance(_concluded(_searched(Conclusion.REFUTED, ([1.0, 7.5],)), of), Needs)

    def test_claims_of_another_shape_are_undecided(self) -> None:
        """A call needs as many arguments as there are inputs, and no foreign objects."""
        strange = AnalysisReport(
            findings=(),
            conclusion=Conclusion.REFUTED,
            counterexamples=((["int", "1"],), (["object", "X"], ["int", "1"], ["int", "2"])),
        )
        assert verdict(_concluded(strange)).status is VerdictStatus.NOT_RUN


def _compared(first: list[Outcome], second: list[Outcome], of: Subject) -> Verdict:
    """Let two engines answer the trial of a subject."""
    asked = needs(AGREE.plan(of, PYTHON))
    assert asked.second
    asked = needs(AGREE.judge(of, asked, (CallReport(outcomes=tuple(second)),), PYTHON))
    assert not asked.second
    return verdict(AGREE.judge(of, asked, (CallReport(outcomes=tuple(first)),), PYTHON))


def _average(*cases: list[float]) -> Subject:
    given = [{"name": str(i), "inputs": {"values": case}, "expected_output": 1.0} for i, case in enumerate(cases)]
    of = subject("average", AVERAGE, test_cases=given)
    return Subject(**{**vars(of), "inputs": of.inputs.model_copy(update={"vectors": ()})})


class TestEnginesAgree:
    """The second engine."""

    def test_equal_outcomes_pass(self) -> None:
        """Values by declared type, floats but for their last digits, exceptions by class."""
        of = _average([1.0], [2.0], [3.0])
        first = [returned(1.0), returned(0.1 + 0.2), raised("ValueError")]
        second = [returned(1), returned(0.3), raised("ValueError")]
        told = _compared(first, second, of)
        assert (told.status, told.reason) == (VerdictStatus.PASSED, "3 of 3 calls could be compared")

    def test_rounding_of_what_went_in_is_no_difference(self) -> None:
        """A newer interpreter sums floats more exactly, so that what should be 0 is 0 there and nearly 0 here."""
        of = _average([93.92] * 8)
        assert _compared([returned(1.42e-14)], [returned(0.0)], of).status is VerdictStatus.PASSED
        assert _compared([returned(1e-3)], [returned(0.0)], of).status is VerdictStatus.REJECTED

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (returned(1.0), returned(1.001)),
            (returned(1.0), raised("ValueError")),
            (raised("KeyError"), raised("ValueError")),
            (returned(None), returned(0.0)),
            (returned(1.0), Outcome(kind=OutcomeKind.RAISED, exception="OverflowError", message="too large to be so")),
        ],
    )
    def test_different_outcomes_reject(self, first: Outcome, second: Outcome) -> None:
        """The finding shows the input and both outcomes."""
        told = _compared([first, LOST], [second, LOST], _average([1.5], [2.0]))
        assert told.status is VerdictStatus.REJECTED
        (finding,) = told.findings
        assert finding.code == "engines-disagree"
        assert "average(values=[1.5]) gave" in finding.message

    @pytest.mark.parametrize(
        "limited",
        [
            LOST,
            raised("RecursionError"),
            raised("ModuleNotFoundError"),
            Outcome(
                kind=OutcomeKind.RAISED,
                exception="OverflowError",
                message="cannot fit 'int' into an index-sized integer",
            ),
        ],
    )
    def test_an_engines_own_limits_are_not_compared(self, limited: Outcome) -> None:
        """They are counted; where nothing is left, nothing was confirmed."""
        whole, half = _average([1.0]), _average([1.0], [2.0])
        assert _compared([returned(1.0)], [limited], whole).status is VerdictStatus.NOT_RUN
        told = _compared([limited, returned(2.0)], [returned(1.0), returned(2.0)], half)
        assert (told.status, told.reason) == (VerdictStatus.PASSED, "1 of 2 calls could be compared")

    def test_without_a_second_engine_it_is_not_run(self) -> None:
        """The reason is the installation's."""
        of = _average([1.0])
        asked = needs(AGREE.plan(of, PYTHON))
        told = verdict(AGREE.judge(of, asked, (Missing("there is none"),), PYTHON))
        assert (told.status, told.reason) == (VerdictStatus.NOT_RUN, "there is none")

    def test_granted_files_are_not_run(self) -> None:
        """The second engine has no files at all."""
        of = subject(grants={"files": ["/data"]})
        assert verdict(AGREE.plan(of, PYTHON)).status is VerdictStatus.NOT_RUN

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            ("ModuleNotFoundError: No module named 'zlib'", VerdictStatus.NOT_RUN),
            ("AttributeError: module 'ast' has no attribute 'Num'", VerdictStatus.REJECTED),
        ],
    )
    def test_what_does_not_load_there(self, error: str, status: VerdictStatus) -> None:
        """A module that is not there says nothing of the candidate; any other failure does."""
        of = _average([1.0])
        report = CallReport(outcomes=(LOST,), load_error=error)
        told = verdict(AGREE.judge(of, needs(AGREE.plan(of, PYTHON)), (report,), PYTHON))
        assert told.status is status
        assert error in (told.reason or told.findings[0].message)

    def test_only_promised_inputs_are_compared(self) -> None:
        """What breaks a precondition is nobody's behaviour; examples are promised by being stated."""
        of = subject()
        asked = needs(AGREE.plan(of, PYTHON))
        (promised,) = asked.requests
        assert isinstance(promised, ConditionRequest)
        assert not asked.second
        asked = needs(AGREE.judge(of, asked, (_truths(*((F,) for _ in promised.bindings)),), PYTHON))
        (request,) = asked.requests
        assert isinstance(request, CallRequest)
        assert asked.second
        assert len(request.calls) == len(of.task.test_cases)

    def test_an_answer_of_another_length_is_the_sandboxs_fault(self) -> None:
        """It is an error to be tried again."""
        of = _average([1.0])
        with pytest.raises(SandboxUnavailable):
            AGREE.judge(of, needs(AGREE.plan(of, PYTHON)), (CallReport(outcomes=()),), PYTHON)


def test_floats_are_found_wherever_they_are() -> None:
    """Fields and keys are no values themselves, whatever they are called."""
    record: Value = [
        "record",
        "float",
        [["str", ["float", "0x1.8p+0"]], ["object", ["dict", [[["int", "1"], ["none"]]]]]],
    ]
    value: Value = ["list", [record, ["tuple", [["float", "nan"]]], ["str", "float"]]]
    found = list(floats(value))
    assert len(found) == 2
    assert 1.5 in found
    assert [part[0] for part in parts(record)].count("object") == 0
