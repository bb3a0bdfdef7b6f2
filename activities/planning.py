"""Plans how sure a project shall be: what it is planned from, what it is expected to take, and each node's margin.

It counts no votes and calls no model. What a node may know when its margin is chosen is ``core.outlook``'s to say; here
it is only read from the store.
"""

from collections.abc import Mapping, Sequence

from temporalio import activity

from activities.boundary import translated
from millwright.core.allocation import Left
from millwright.core.basis import Basis, basis
from millwright.core.estimation import forecast
from millwright.core.outlook import Facts, Tree, above, ended_before, facts, kinds_of, lessons, margin_of
from millwright.core.sizes import LINES_PER_TASK, Interval, lines_from_prose, states_size
from millwright.ports import ProjectStore
from schemas.evidence import Actual, Forecast, NodeRecord, ProjectRecord
from schemas.identity import DELIVERED, Digest, NodePath, ProjectId, TaskStatus
from schemas.models import Budget, LedgerEntry, LedgerStatus, Spend
from schemas.presets import ModelProfile
from schemas.project import Counts, Policy, ProjectInput
from schemas.requests import NodeRef, PlannedMargin, Purpose

BASIS = "basis"
"""Where a project's options keep what it is planned from."""

_ABOVE = (Purpose.SPECIFY.value, Purpose.DECOMPOSE.value, Purpose.CHOOSE.value)
"""What a node was asked about before its parts began."""

_MOST_FACTS = 100_000
"""Specifications that one worker remembers the facts of."""


class Planning:
    """Forecasts and margins, over the store."""

    def __init__(self, projects: ProjectStore, *, profile: ModelProfile | None = None, model: str = "") -> None:
        self._projects = projects
        self._profile = profile or ModelProfile()
        self._model = model
        self._facts: dict[Digest, Facts] = {}

    async def basis(self, project: ProjectId, options: Mapping[str, object], target: float) -> Basis:
        """Return what a project is planned from: as it was fixed at first, or from all that is known now."""
        fixed = options.get(BASIS)
        if fixed is not None:
            return Basis.model_validate(fixed).model_copy(update={"target": target})
        finished = [each for owner, each in (await self._projects.forecasts()).items() if owner != project]
        return basis(self._profile, self._model, target=target, finished=finished)

    def of_prose(self, ground: Basis, prose: str, given: ProjectInput) -> Forecast:
        """Forecast a project of which only a text is known."""
        return forecast(
            ground,
            lines=lines_from_prose(prose or given.specification),
            guessed=not states_size(prose),
            k=given.k,
            max_attempts=given.max_attempts,
            proposals=given.proposals + given.reviews,
            left=_left(given.budget, Spend()),
        )

    async def of_tree(self, project: ProjectRecord) -> Forecast:
        """Forecast a project whose tree was given."""
        ground = _ground(project)
        policy = Policy.model_validate(project.options.get("policy", {}))
        fixed = project.options.get("k")
        kinds = kinds_of(await self._tree(project.id), ground)
        tasks = sum(kind.tasks for kind in kinds)
        return forecast(
            ground,
            lines=Interval(tasks * 5, tasks * LINES_PER_TASK, tasks * 2 * LINES_PER_TASK),
            tasks=kinds,
            k=fixed if isinstance(fixed, int) else None,
            max_attempts=policy.rule.max_attempts,
            proposals=policy.proposals + policy.reviews,
            left=_left(_budget(project), Spend()),
        )

    @activity.defn
    @translated
    async def choose_margin(self, ref: NodeRef) -> PlannedMargin:
        """Choose the margin of a node's election over code, from what the node may know whatever the timing."""
        project = await self._projects.project(ref.project)
        policy = Policy.model_validate(project.options.get("policy", {}))
        tree = await self._tree(ref.project)
        planned = margin_of(
            ref.path,
            tree,
            _ground(project),
            max_attempts=policy.rule.max_attempts,
            left=await self._left_at(ref, project, tree),
        )
        return PlannedMargin(
            k=planned.k, p=planned.p, elections=planned.elections, tasks=planned.tasks, capped=planned.capped
        )

    async def judge(self, project: ProjectRecord, figures: Counts) -> Forecast | None:
        """Store beside a project's forecast what it took in fact; None where there is no forecast."""
        expected = await self._projects.forecast(project.id)
        if expected is None:
            return None
        judged = expected.model_copy(update={"actual": await self._actual(project, figures)})
        await self._projects.save_forecast(project.id, judged)
        return judged

    async def _actual(self, project: ProjectRecord, figures: Counts) -> Actual:
        tree = await self._tree(project.id)
        spend = (await self._projects.spend(project.id, project.revision)).settled
        delivered = [node for node in tree.nodes.values() if node.status in DELIVERED]
        ratios, parts = _estimates(delivered)
        asked = await self._projects.questions(project.id) or await self._projects.decisions(project.id)
        lasted = project.finished_at and project.started_at and project.finished_at - project.started_at
        return Actual(
            delivered=project.status in (TaskStatus.WON, TaskStatus.PARTIAL),
            lines=sum(node.lines for node in delivered),
            tasks=figures.tasks,
            calls=spend.calls,
            tokens=spend.prompt_tokens + spend.completion_tokens,
            cost=spend.cost,
            seconds=None if asked or not lasted else lasted.total_seconds(),
            estimated_parts=parts,
            part_lines_ratio=ratios[0],
            part_complexity_ratio=ratios[1],
            lessons=lessons(tree, tree.nodes, _ground(project).model),
        )

    async def _tree(self, project: ProjectId) -> Tree:
        nodes = {node.path: node for node in await self._projects.nodes(project)}
        return Tree(nodes, {path: await self._facts_of(node.specification) for path, node in nodes.items()})

    async def _facts_of(self, specification: Digest) -> Facts:
        if specification not in self._facts:
            if len(self._facts) >= _MOST_FACTS:
                self._facts.clear()
            self._facts[specification] = facts(await self._projects.specification(specification))
        return self._facts[specification]

    async def _left_at(self, ref: NodeRef, project: ProjectRecord, tree: Tree) -> Left:
        """Return what may still be spent, as a node may know it: what others spend at the same time is not counted.

        That costs nothing but foresight: every call is reserved under the project's caps all the same.
        """
        budget = _budget(project)
        if budget.max_calls is None and budget.max_tokens is None and budget.max_cost is None:
            return Left()
        before, parents = ended_before(ref.path, tree.nodes), {ref.path, *above(ref.path)}
        spent = Spend()
        for entry in await self._projects.ledger(ref.project):
            if entry.status is not LedgerStatus.RELEASED and _counts(entry, before, parents):
                spent = spent.plus(
                    Spend(
                        calls=1,
                        prompt_tokens=entry.prompt_tokens,
                        completion_tokens=entry.completion_tokens,
                        cost=entry.cost,
                    )
                )
        return _left(budget, spent)


def _counts(entry: LedgerEntry, before: frozenset[NodePath], parents: set[NodePath]) -> bool:
    path, purpose = entry.key.path, entry.key.purpose
    return path in before or (path in parents and purpose.startswith(_ABOVE))


def _ground(project: ProjectRecord) -> Basis:
    return Basis.model_validate(project.options.get(BASIS, {}))


def _budget(project: ProjectRecord) -> Budget:
    return Budget.model_validate(project.options.get("budget", {}))


def _left(budget: Budget, spent: Spend) -> Left:
    tokens = spent.prompt_tokens + spent.completion_tokens
    return Left(
        calls=None if budget.max_calls is None else max(0, budget.max_calls - spent.calls),
        tokens=None if budget.max_tokens is None else max(0, budget.max_tokens - tokens),
        cost=None if budget.max_cost is None else max(0.0, budget.max_cost - spent.cost),
    )


def _estimates(nodes: Sequence[NodeRecord]) -> tuple[tuple[float | None, float | None], int]:
    """Compare what was written in one piece with what the plan had estimated: ratios of lines and of complexity."""
    known = [node for node in nodes if not node.children and node.estimated_lines and node.lines]
    if not known:
        return (None, None), 0
    lines = sum(node.lines for node in known) / sum(node.estimated_lines for node in known)
    complexity = sum(node.complexity for node in known) / sum(max(1, node.estimated_complexity) for node in known)
    return (lines, complexity), len(known)
