"""Finds out, where no glue was won, how the glues that were written called the parts and what the parts gave.

It is no activity of its own and decides nothing; it runs parts alone for what they give, for a glue that nobody trusts
could say anything of them. Expected values stay outside the sandbox.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.climbing import Climber
from activities.observing import admitted
from activities.setting import Dependency, Setting, Settings
from millwright.core.examples import accepts, example_calls
from millwright.core.kinds import called as methods_called
from millwright.core.recording import RECORDER, PartCalled, recorded, recorder, same_outcome, strange_result
from millwright.core.specification_grants import granted_packages
from millwright.core.verification.evidence import Arguments, program, shown_call, shown_outcome
from millwright.core.verification.layer import Subject
from millwright.ports import ProjectStore, Sandbox
from schemas.execution import CallRequest, Limits, Outcome, Program
from schemas.identity import Digest, LayerName
from schemas.specification import TaskKind
from schemas.verification import InputOrigin, InputSet, InputVector, VerdictStatus

MOST_GLUES = 4
"""Different glues that are run with their parts watched."""

MOST_SUBSTITUTES = 4
"""Other verified candidates of one part that are tried in its place."""

_NOTHING = InputSet(specification_digest=Digest("0" * 64), generator="none", vectors=())


@dataclass(frozen=True)
class Called:
    """A part with the promised calls that were seen of it, and what it gives for them by itself."""

    dependency: Dependency
    setting: Setting
    calls: tuple[Arguments, ...]
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Substitute:
    """Calls of a part in a composition that satisfies its parent's examples, and what they gave there."""

    calls: tuple[Arguments, ...]
    outcomes: tuple[Outcome, ...]


class Integrated:
    """Runs glues and parts through a sandbox."""

    def __init__(self, climber: Climber, sandbox: Sandbox, projects: ProjectStore, settings: Settings) -> None:
        self._climber = climber
        self._sandbox = sandbox
        self._projects = projects
        self._settings = settings

    async def called(self, parent: Setting, glues: Sequence[str], parts: Sequence[Dependency]) -> list[Called]:
        """Run glues on the parent's examples, and each part alone on the calls of it that it promises to take.

        Only plain functions are watched: of any other kind of part, or in another kind of glue, no call is seen.
        """
        parts = [part for part in parts if part.task.kind is TaskKind.FUNCTION]
        seen = await self._recorded(parent, glues, parts, parent.modules)
        found = []
        for part, calls in zip(parts, seen, strict=True):
            setting = await self._settings.load(parent.project.id, part.node.path)
            promised = await admitted(self._sandbox, part.task, calls)
            outcomes = await self.outcomes(setting, await self._accepted(setting), promised)
            found.append(Called(part, setting, promised, outcomes))
        return found

    async def _recorded(
        self, parent: Setting, glues: Sequence[str], parts: Sequence[Dependency], modules: Mapping[str, str]
    ) -> list[tuple[Arguments, ...]]:
        """Return of each part the different argument lists that glues call it with, in order of first call."""
        watched = [PartCalled(part.module, part.task) for part in parts]
        watching = recorder(parent.language.name, parent.project.package, parent.module, parent.task.name, watched)
        outcomes: list[Outcome] = []
        seen = watching is not None and parent.task.test_cases and parent.task.kind is TaskKind.FUNCTION
        for glue in glues if seen else ():
            texts = {**modules, parent.target: parent.assemble(glue), **(watching or {})}
            of = _program(parent, texts).model_copy(update={"module": RECORDER, "function": RECORDER})
            report = await self._sandbox.call(CallRequest(program=of, calls=example_calls(parent.task)))
            outcomes += report.outcomes
        return list(recorded(outcomes, watched))

    async def _accepted(self, setting: Setting) -> str:
        node = setting.node
        if node.candidate is None:
            return ""
        return await self._projects.candidate(node.project, node.path, node.candidate)

    async def outcomes(self, setting: Setting, source: str, calls: Sequence[Arguments]) -> tuple[Outcome, ...]:
        """Call a candidate of a part by itself, over the real parts below it."""
        if not calls:
            return ()
        subject = setting.subject(source, _NOTHING)
        report = await self._sandbox.call(CallRequest(program=program(subject, len(calls)), calls=tuple(calls)))
        return report.outcomes

    async def breach(self, part: Called) -> str:
        """Say which promise of its own a part breaks on the calls that were seen of it; empty where none."""
        if not part.calls:
            return ""
        task = part.dependency.task
        for arguments, outcome in zip(part.calls, part.outcomes, strict=True):
            if strange_result(task, outcome):
                return (
                    f"{shown_call(task, arguments)} gives {shown_outcome(outcome)}, which is not of the declared type"
                )
        vectors = tuple(InputVector(arguments=call, origin=InputOrigin.INTEGRATION) for call in part.calls)
        inputs = _NOTHING.model_copy(update={"vectors": vectors})
        subject: Subject = part.setting.subject(await self._accepted(part.setting), inputs)
        for layer in (LayerName.CONTRACTS, LayerName.PROPERTY_TESTS):
            (verdict,) = await self._climber.climb_layer(layer, [subject])
            if verdict.status is VerdictStatus.REJECTED:
                return verdict.findings[0].message if verdict.findings else layer.value
        return ""

    async def substitutes(self, parent: Setting, glues: Sequence[str], part: Called) -> list[Substitute]:
        """Find other verified candidates of a part with which all of its parent's examples hold.

        Only candidates count that give something else for a call that was seen.
        """
        found: list[Substitute] = []
        for source in await self._alternatives(part):
            modules = {**parent.modules, part.setting.target: part.setting.assemble(source)}
            for glue in glues:
                if not await self._holds(parent, glue, modules):
                    continue
                (seen,) = await self._recorded(parent, [glue], [part.dependency], modules)
                calls = await admitted(self._sandbox, part.dependency.task, seen)
                found.append(Substitute(calls, await self.outcomes(part.setting, source, calls)))
        return found

    async def _alternatives(self, part: Called) -> list[str]:
        """Return other candidates that passed every layer, and differ on a call that was seen."""
        node, task = part.setting.node, part.dependency.task
        others = []
        for candidate, verdicts in (await self._projects.verdicts(node.project, node.path)).items():
            passed = all(verdict.status not in _LOST for verdict in verdicts)
            if candidate == node.candidate or candidate in node.rework.barred or not passed or not verdicts:
                continue
            source = await self._projects.candidate(node.project, node.path, candidate)
            outcomes = await self.outcomes(part.setting, source, part.calls)
            if not all(same_outcome(task, a, b) for a, b in zip(part.outcomes, outcomes, strict=True)):
                others.append(source)
        return others[:MOST_SUBSTITUTES]

    async def _holds(self, parent: Setting, glue: str, modules: Mapping[str, str]) -> bool:
        """Say whether a glue gives what every example of the parent demands, over these modules."""
        texts = {**modules, parent.target: parent.assemble(glue)}
        calls = example_calls(parent.task)
        report = await self._sandbox.call(CallRequest(program=_program(parent, texts), calls=calls))
        pairs = zip(parent.task.test_cases, report.outcomes, strict=True)
        return all(accepts(parent.task, case, outcome) for case, outcome in pairs)


_LOST = frozenset({VerdictStatus.REJECTED, VerdictStatus.NOT_RUN, VerdictStatus.ERROR})


def _program(parent: Setting, modules: Mapping[str, str]) -> Program:
    return Program(
        language=parent.language.name,
        modules=dict(modules),
        module=parent.module,
        function=parent.task.name,
        records=parent.task.records,
        errors=parent.task.errors,
        records_module=parent.records_module,
        limits=Limits(call_seconds=1 + parent.task.timeout_ms / 1000, wall_seconds=60, cpu_seconds=60),
        files=parent.task.grants.files,
        kind=parent.task.kind,
        methods=methods_called(parent.task),
        state=tuple(item.name for item in parent.task.state),
        shapes=parent.task.shapes,
        packages=granted_packages([parent.task]),
    )
