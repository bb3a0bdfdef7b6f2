"""Verifies a deliverable as a whole: each part on its examples, by static tools, and where it is installed.

It is no activity of its own. What a tool could not say is an error of the check, and never a pass.
"""

from collections.abc import Sequence

from millwright.core.assembly import RECORDS_MODULE
from millwright.core.examples import accepts, example_calls
from millwright.core.kinds import called
from millwright.core.packaging import packager_for
from millwright.core.packaging.package import Part, Whole
from millwright.core.specification_grants import granted_packages
from millwright.core.verification.confirmations.audit import SecurityAudit
from millwright.core.verification.evidence import file_program
from millwright.core.verification.languages import language_named
from millwright.core.verification.layer import Layer, Needs, Settled, Subject
from millwright.core.verification.layers.security import SecurityLayer
from millwright.core.verification.layers.static_analysis import StaticAnalysisLayer
from millwright.ports import Analyser, Sandbox
from schemas.delivery import Complaint, PartCoverage, WholeCheck, WholeEvidence
from schemas.execution import CallRequest, Limits, Program
from schemas.identity import Digest
from schemas.shortening import shortened
from schemas.specification import TaskKind
from schemas.verification import AnalysisRequest, InputSet, Severity, Verdict, VerdictStatus

_STATIC: tuple[tuple[str, tuple[Layer, ...]], ...] = (
    ("lint", (StaticAnalysisLayer(),)),
    ("security", (SecurityLayer(), SecurityAudit())),
)
"""The checks that static tools make of every part as it stands in the whole, and the rules that they are judged by."""

_NO_INPUTS = InputSet(specification_digest=Digest("0" * 64), generator="none", vectors=())
_LONGEST_DETAIL = 300


class WholeVerifier:
    """Verifies wholes through a sandbox and static tools."""

    def __init__(self, sandbox: Sandbox, analyser: Analyser) -> None:
        self._sandbox = sandbox
        self._analyser = analyser

    async def verify(self, whole: Whole, files: dict[str, str]) -> WholeEvidence:
        """Make every check of a whole, in an order that is always the same.

        Raises:
            SandboxUnavailable, AnalyserUnavailable: nothing is known of the whole.
        """
        checks: list[WholeCheck] = [await self._examples(whole, files)]
        coverage: tuple[PartCoverage, ...] = ()
        uncovered: list[str] = []
        packager = packager_for(whole.language)
        for trial in packager.trials(whole, files):
            found = packager.judge(trial, await self._sandbox.run(trial.command), whole, files)
            checks += found.checks
            coverage += found.coverage
            uncovered += [found.uncovered] if found.uncovered else []
        for name, rules in _STATIC:
            checks.append(await self._static(name, rules, whole, files))
        return WholeEvidence(checks=tuple(checks), coverage=coverage, uncovered="; ".join(uncovered))

    async def _examples(self, whole: Whole, files: dict[str, str]) -> WholeCheck:
        """Call every part of the assembled whole on its examples; the expected outputs stay outside."""
        complaints = []
        tried = [part for part in whole.parts if part.task.has_interface and part.task.test_cases]
        for part in tried:
            failed = await self._failed_examples(part, whole, files)
            if failed:
                what = f"in the assembled package it fails {', '.join(failed)}"
                complaints.append(Complaint(path=part.path, what=what[:_LONGEST_DETAIL]))
        if not tried:
            return WholeCheck(name="examples", status=VerdictStatus.NOT_APPLICABLE, detail="no part has an example")
        return _check("examples", complaints)

    async def _failed_examples(self, part: Part, whole: Whole, files: dict[str, str]) -> list[str]:
        task = part.task
        report = await self._sandbox.call(
            CallRequest(
                program=_program(part, whole, _modules(whole, files)),
                calls=example_calls(task),
            )
        )
        return [
            case.name
            for case, outcome in zip(task.test_cases, report.outcomes, strict=True)
            if not accepts(task, case, outcome)
        ]

    async def _static(self, name: str, rules: Sequence[Layer], whole: Whole, files: dict[str, str]) -> WholeCheck:
        """Let static tools look at every part with an interface; one tool's batch at a time."""
        complaints: list[Complaint] = []
        parts = [part for part in whole.parts if part.task.has_interface]
        languages = [language_named(part.task.target_language) for part in parts]
        for rule in rules:
            subjects = [_subject(part, whole, files) for part in parts]
            plans = [rule.plan(subject, language) for subject, language in zip(subjects, languages, strict=True)]
            asked = [request for plan in plans if isinstance(plan, Needs) for request in plan.requests]
            reports = iter(await self._analyser.analyse([item for item in asked if isinstance(item, AnalysisRequest)]))
            for part, subject, plan, language in zip(parts, subjects, plans, languages, strict=True):
                if part.task.kind is TaskKind.FILE and isinstance(plan, Settled) and not _judged(plan):
                    continue  # there is no such tool for its format
                settled = plan
                if isinstance(plan, Needs):
                    settled = rule.judge(subject, plan, tuple(next(reports) for _ in plan.requests), language)
                if not isinstance(settled, Settled):
                    return WholeCheck(name=name, status=VerdictStatus.ERROR, detail=f"{part.path}: no verdict")
                if settled.verdict.status not in (VerdictStatus.PASSED, VerdictStatus.REJECTED):
                    words = f"{part.path}: {settled.verdict.reason}"
                    return WholeCheck(name=name, status=settled.verdict.status, detail=words)
                complaints += _complaints(part, settled.verdict)
        return _check(name, complaints)


def _judged(plan: Settled) -> bool:
    return plan.verdict.status in (VerdictStatus.PASSED, VerdictStatus.REJECTED)


def _check(name: str, complaints: Sequence[Complaint]) -> WholeCheck:
    if not complaints:
        return WholeCheck(name=name, status=VerdictStatus.PASSED)
    words = "; ".join(f"{complaint.path}: {complaint.what}" for complaint in complaints)
    detail = shortened(words, _LONGEST_DETAIL)
    return WholeCheck(name=name, status=VerdictStatus.REJECTED, detail=detail, complaints=tuple(complaints))


def _complaints(part: Part, verdict: Verdict) -> list[Complaint]:
    return [
        Complaint(path=part.path, what=f"{finding.code}: {finding.message}"[:_LONGEST_DETAIL], line=finding.line)
        for finding in verdict.findings
        if finding.severity is Severity.ERROR
    ]


def _subject(part: Part, whole: Whole, files: dict[str, str]) -> Subject:
    return Subject(
        task=part.task,
        source=part.text,
        modules=_modules(whole, files),
        target=part.file,
        module=part.module,
        inputs=_NO_INPUTS,
        records_module=_records_module(whole),
    )


def _modules(whole: Whole, files: dict[str, str]) -> dict[str, str]:
    """Return the package alone: no test goes where a part is tried or looked at."""
    return {path: text for path, text in files.items() if path.startswith(f"{whole.package}/")}


def _records_module(whole: Whole) -> str | None:
    return f"{whole.package}.{RECORDS_MODULE}" if whole.records_file else None


def _program(part: Part, whole: Whole, modules: dict[str, str]) -> Program:
    """Describe a part of the assembled whole for the sandbox."""
    task = part.task
    limits = Limits(call_seconds=task.timeout_ms / 1000, wall_seconds=60, cpu_seconds=60)
    if task.kind is TaskKind.FILE:
        return file_program(task, part.text, limits)
    return Program(
        language=task.target_language,
        modules=modules,
        module=part.module,
        function=task.name,
        records=whole.records,
        errors=whole.errors,
        records_module=_records_module(whole),
        limits=limits,
        files=task.grants.files,
        kind=task.kind,
        methods=called(task),
        state=tuple(item.name for item in task.state),
        shapes=task.shapes,
        packages=granted_packages([item.task for item in whole.parts]),
    )
