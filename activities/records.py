"""Opens and closes projects, and keeps the record of where each node stands.

It decides nothing: workflows do, and say here what they decided.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from temporalio import activity

from activities.boundary import translated
from activities.planning import BASIS, Planning
from activities.reporting import Reporting
from activities.revising import Revising
from activities.standing import record_standing
from activities.tracing import Tracing, front_matter_option
from activities.withdrawing import withdraw_questions
from millwright.core.calibration import Calibration
from millwright.core.packaging import packager_for
from millwright.core.progress import STATUS_OF, counts, exit_number, exit_of
from millwright.core.project_input import input_digest
from millwright.core.requirements import head_of
from millwright.core.routing import shown
from millwright.core.verification.languages import language_named
from millwright.core.voting import gated
from millwright.errors import BadInput, NotFound, ProjectConflict
from millwright.ports import ArtifactStore, ProjectStore
from schemas.election import Rule
from schemas.evidence import Forecast, NodeRecord, ProjectRecord
from schemas.identity import DELIVERED, Digest, NodePath, TaskStatus, project_id_from
from schemas.people import Decision
from schemas.presets import Preset
from schemas.project import Counts, Policy, ProjectInput, ProjectResult, RaisedCaps
from schemas.requests import (
    FinishRequest,
    GivenPlan,
    NodeRef,
    NodeState,
    OpenedProject,
    OpenRequest,
)
from schemas.requirements import FrontMatter

LONGEST_REQUIREMENTS = 1024 * 1024
"""The most bytes of prose or specification that a project may be asked with."""


PRESET = "preset"
"""Where a project's options keep the models that it was opened with."""

HeadReader = Callable[[str, str], FrontMatter]
"""Reads the text of the requirements' front matter, named for messages; raises BadInput."""


class Records:
    """Short activities over the store."""

    def __init__(
        self,
        projects: ProjectStore,
        artifacts: ArtifactStore,
        *,
        read_head: HeadReader,
        planning: Planning | None = None,
        calibration: Calibration | None = None,
        preset: Preset | None = None,
    ) -> None:
        self._projects = projects
        self._preset = preset
        self._artifacts = artifacts
        self._planning = planning or Planning(projects)
        self._read_head = read_head
        self._tracing = Tracing(projects, artifacts)
        self._reporting = Reporting(projects, artifacts, calibration)
        self._revising = Revising(projects)

    @activity.defn
    @translated
    async def open_project(self, request: OpenRequest) -> OpenedProject:
        """Register a project, or find it; one that is already built on the same input is returned as it ended.

        Other input under the id of a project that has ended is its next revision. Raises ProjectConflict where the
        project goes on.
        """
        given = request.given
        prose = await self._text(given.requirements, given.requirements_digest, "requirements")
        front = self._read_head(head_of(prose), "the requirements")
        language = front.language or given.target_language
        packager = packager_for(language_named(language).name)
        name = given.project or request.name or front.name or request.workflow_id
        project = project_id_from(name)
        if project is None:
            raise BadInput(f"{name!r} makes no project id: use letters and digits")
        specification = await self._text(given.specification, given.specification_digest, "specification")
        if not prose.strip() and not specification.strip():
            raise BadInput("there is nothing to build: give requirements in prose, a specification, or both")
        record = ProjectRecord(
            id=project,
            input_digest=input_digest(given),
            requirements=await self._artifacts.put(prose.encode(), "text/markdown") if prose else None,
            specification=await self._artifacts.put(specification.encode(), "text/plain") if specification else None,
            target_language=language,
            package=packager.package_name(project),
            seed=given.seed,
            workflow_id=request.workflow_id,
            run_id=request.run_id,
            started_at=datetime.now(UTC),
        )
        record = await self._revising.revised(record)
        await self._revising.demand_base(given)
        stored = await self._projects.open_project(record)
        ground = await self._planning.basis(project, stored.options, given.target_reliability)
        expected = self._planning.of_prose(ground, prose, given)
        policy = _policy(given, expected, record.revision)
        again = stored.run_id != request.run_id
        if again and stored.finished_at is None and stored.workflow_id != request.workflow_id:
            raise ProjectConflict(f"project {project!r} is built by {stored.workflow_id}: wait for it, or cancel it")
        if stored.status in DELIVERED and stored.exit_code is not None and again:
            return OpenedProject(
                project=project,
                has_specification=bool(specification),
                policy=policy,
                forecast=expected,
                finished=await self._result(stored),
            )
        if again:
            await self._projects.clear_nodes(project)
            await withdraw_questions(self._projects, project)  # of a run that was ended from outside
        await self._projects.save_project(
            record.model_copy(
                update={
                    "started_at": record.started_at if again else stored.started_at,
                    "options": {
                        "budget": given.budget.model_dump(mode="json"),
                        "policy": policy.model_dump(mode="json"),
                        "approve": [gate.value for gate in given.approve],
                        "k": given.k,
                        BASIS: ground.model_dump(mode="json"),
                        PRESET: None if self._preset is None else shown(self._preset).model_dump(mode="json"),
                        **front_matter_option(front),
                        "based_on": given.based_on,
                    },
                }
            )
        )
        await self._projects.save_forecast(project, expected)
        put = Counter(item.gate for item in await self._projects.questions(project) if item.gate is not None)
        return OpenedProject(
            project=project,
            has_specification=bool(specification),
            policy=policy,
            forecast=expected,
            gates_put=dict(put),
        )

    @activity.defn
    @translated
    async def plan_given(self, ref: NodeRef) -> GivenPlan:
        """Forecast again for a tree that was given, and choose its margin; returns the policy from now on."""
        project = await self._projects.project(ref.project)
        policy = Policy.model_validate(project.options.get("policy", {}))
        expected = await self._planning.of_tree(project)
        await self._projects.save_forecast(ref.project, expected)
        chosen = policy.model_copy(update={"rule": policy.rule.model_copy(update={"k": expected.k})})
        options = {**project.options, "policy": chosen.model_dump(mode="json")}
        await self._projects.save_project(project.model_copy(update={"options": options}))
        return GivenPlan(**dict(chosen), forecast=expected)

    @activity.defn
    @translated
    async def set_state(self, state: NodeState) -> None:
        """Record a node's status, and with it whether the project as a whole waits for a person."""
        node = await self._projects.node(state.project, state.path)
        await self._projects.save_nodes([node.model_copy(update={"status": state.status, "note": state.note})])
        await record_standing(self._projects, state.project)

    @activity.defn
    @translated
    async def block_below(self, state: NodeState) -> None:
        """Record that a node and everything below it that has not ended will not be built."""
        inside = [
            node.model_copy(update={"status": state.status, "note": state.note})
            for node in await self._projects.nodes(state.project)
            if (node.path == state.path or node.path.startswith(f"{state.path}."))
            and node.status in (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.WAITING)
        ]
        await self._projects.save_nodes(inside)
        await record_standing(self._projects, state.project)

    @activity.defn
    @translated
    async def record_approval(self, decision: Decision) -> None:
        """Record what a person decided at a gate."""
        await self._projects.save_decision(decision)

    @activity.defn
    @translated
    async def raise_caps(self, given: RaisedCaps) -> None:
        """Record a project's caps from now on; every further call is held against them."""
        project = await self._projects.project(given.project)
        options = {**project.options, "budget": given.budget.model_dump(mode="json")}
        await self._projects.save_project(project.model_copy(update={"options": options}))

    @activity.defn
    @translated
    async def mark_waiting(self, state: NodeState) -> None:
        """Record that the project itself waits at a gate, or goes on."""
        await self._projects.mark_project(state.project, state.status, state.note)

    @activity.defn
    @translated
    async def finish(self, request: FinishRequest) -> ProjectResult:
        """Close a project: its counts, its spend, its report and how it ended."""
        nodes = await self._projects.nodes(request.project)
        figures = await self._counts(nodes)
        integration = request.integration
        sound = not integration.problems and integration.manifest is not None and request.root_status in DELIVERED
        code = exit_of(figures, budget_reached=request.budget_reached, sound=sound)
        problems = "; ".join(request.integration.problems)
        message = request.message or problems
        project = (await self._projects.project(request.project)).model_copy(
            update={
                "status": STATUS_OF[code],
                "exit_code": exit_number(code),
                "message": message,
                "manifest": request.integration.manifest,
                "finished_at": datetime.now(UTC),
            }
        )
        await self._planning.judge(project, figures)
        report = await self._reporting.report(project, figures, request.integration)
        digest = await self._artifacts.put(report.encode(), "text/markdown")
        await withdraw_questions(self._projects, request.project)
        project = await self._tracing.counted(project.model_copy(update={"report": digest}))
        await self._projects.save_project(project)
        return await self._result(await self._projects.project(request.project))

    @activity.defn
    @translated
    async def forget(self, state: NodeState) -> None:
        """Forget a project whose input was refused before any model was called, so that its id is free again.

        One that was built before stays: its earlier revisions are to be read, and its parts used again.
        """
        try:
            project = await self._projects.project(state.project)
        except NotFound:
            return  # it is forgotten already
        if project.revision == 1:
            await self._projects.forget_project(state.project)

    @activity.defn
    @translated
    async def close(self, state: NodeState) -> None:
        """Record that a project ended without a result: it was cancelled, or could not be planned."""
        try:
            project = await self._projects.project(state.project)
        except NotFound:
            return  # it was never opened: there is nothing to close
        await withdraw_questions(self._projects, state.project)
        await self._projects.save_project(
            project.model_copy(
                update={
                    "status": state.status,
                    "message": state.note,
                    "exit_code": 1,
                    "finished_at": datetime.now(UTC),
                }
            )
        )
        nodes = [
            node.model_copy(update={"status": TaskStatus.CANCELLED})
            for node in await self._projects.nodes(state.project)
            if node.status in (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.WAITING)
        ]
        await self._projects.save_nodes(nodes)

    async def _text(self, inline: str, digest: Digest | None, what: str) -> str:
        if inline and digest:
            raise BadInput(f"the {what} are given both inline and by digest: give one of them")
        try:
            text = inline if digest is None else (await self._artifacts.get(digest)).decode("utf-8")
            size = len(text.encode("utf-8"))
        except UnicodeError as error:
            raise BadInput(f"the {what} are no UTF-8 text: {error}") from error
        if size > LONGEST_REQUIREMENTS:
            raise BadInput(f"the {what} are larger than {LONGEST_REQUIREMENTS} bytes: split the project")
        return text

    async def _counts(self, nodes: tuple[NodeRecord, ...]) -> Counts:
        has_code: dict[NodePath, bool] = {}
        for node in nodes:
            task = await self._projects.specification(node.specification)
            has_code[node.path] = task.has_interface or not node.children
        return counts(nodes, has_code)

    async def _result(self, project: ProjectRecord) -> ProjectResult:
        return ProjectResult(
            project=project.id,
            status=project.status,
            exit_code=project.exit_code or 0,
            counts=await self._counts(await self._projects.nodes(project.id)),
            spend=(await self._projects.spend(project.id, project.revision)).settled,
            manifest=project.manifest,
            report=project.report,
            message=project.message,
        )


def _policy(given: ProjectInput, expected: Forecast, revision: int) -> Policy:
    return Policy(
        rule=gated(Rule(k=given.k or expected.k, max_attempts=given.max_attempts)),
        planned=given.k is None,
        on_exhausted=given.on_exhausted,
        ladder=given.ladder,
        rejections=given.rejections,
        seed=given.seed,
        proposals=given.proposals,
        reviews=given.reviews,
        atomic_lines=given.atomic_lines,
        atomic_complexity=given.atomic_complexity,
        reuse=given.reuse and (revision > 1 or given.based_on is not None),
        revision=revision,
        waiting=given.waiting,
    )
