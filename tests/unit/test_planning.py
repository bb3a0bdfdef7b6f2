"""Margins and forecasts over the store: fixed at the opening, chosen per node, judged at the end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.planning import BASIS, Planning
from activities.records import Records
from millwright.adapters.documents.front_matter import read_front_matter
from millwright.adapters.storage.memory import MemoryStore
from millwright.core.basis import Basis, basis
from schemas.evidence import Forecast, NodeRecord
from schemas.identity import ROOT_PATH, Archetype, NodePath, ProjectId, TaskStatus
from schemas.lessons import Difficulty, Kind
from schemas.models import Budget, CallKey, LedgerEntry
from schemas.presets import ModelProfile, Prices, Share
from schemas.project import Policy, ProjectInput
from schemas.requests import (
    FinishRequest,
    GivenPlan,
    IntegrationResult,
    NodeRef,
    OpenedProject,
    OpenRequest,
    PlannedMargin,
)
from tests.unit.activity_fakes import PROJECT, flat, opened, placed, task

PROFILE = ModelProfile(right=Share(mean=0.85, strength=8), prices=Prices(prompt=1, completion=1))
LAST = NodePath("root.t5")


def _records(store: MemoryStore, profile: ModelProfile = PROFILE) -> Records:
    planning = Planning(store, profile=profile, model="m")
    return Records(store, store, read_head=read_front_matter, planning=planning)


async def _run(activity: Any, argument: Any) -> Any:
    return await ActivityEnvironment().run(activity, argument)


async def _chain(store: MemoryStore, budget: Budget | None = None, **won: Any) -> None:
    """Store six tasks in a chain; all but the last have won."""
    options = {
        "policy": Policy().model_dump(mode="json"),
        "budget": (budget or Budget()).model_dump(mode="json"),
        "k": None,
        BASIS: basis(PROFILE, "m").model_dump(mode="json"),
    }
    await opened(store, options=options)
    await flat(store, *(task(f"t{number}", dependencies=[f"t{number - 1}"] if number else []) for number in range(6)))
    for node in await store.nodes(PROJECT):
        if node.path not in (ROOT_PATH, LAST) and won:
            await store.save_nodes([node.model_copy(update={"status": TaskStatus.WON, **won})])


async def _margin(store: MemoryStore) -> PlannedMargin:
    planning = Planning(store, profile=PROFILE, model="m")
    margin: PlannedMargin = await _run(planning.choose_margin, NodeRef(project=PROJECT, path=LAST))
    return margin


async def test_a_node_has_the_margin_that_what_it_depends_on_suggests() -> None:
    """Unanimous votes before it narrow it, quarrels widen it, within what the attempts decide."""
    margins = []
    for votes, margin, samples in ((6, 6, 6), (0, 0, 0), (4, 1, 7)):
        store = MemoryStore()
        await _chain(store, votes=votes, margin=margin, samples=samples)
        margins.append(await _margin(store))
    good, none, poor = margins
    assert good.k < none.k
    assert good.p > none.p > poor.p
    assert (good.elections, none.elections, good.tasks) == (5, 0, 1)


async def _spent(store: MemoryStore, path: str, purpose: str, count: int) -> None:
    for index in range(count):
        key = CallKey(project=PROJECT, path=NodePath(path), purpose=purpose, round=0, index=index)
        entry = LedgerEntry(
            key=key,
            archetype=Archetype.CODER,
            prompt_version="1",
            prompt_digest=(await store.nodes(PROJECT))[0].specification,
            temperature=0.5,
            seed=1,
            max_tokens=10,
        )
        await store.reserve(entry, Budget())


async def test_what_is_left_of_a_cap_bounds_the_margin_and_only_what_came_before_counts() -> None:
    """What the nodes before it and the planning above it took is gone; what its neighbours take is not looked at."""
    ks = []
    for path, purpose in (("root.t4", "code"), ("root", "decompose"), ("root.other", "code"), ("root", "integrate")):
        store = MemoryStore()
        await _chain(store, Budget(max_calls=40))
        await placed(store, "root.other", task("other"))
        await _spent(store, path, purpose, 39)
        ks.append((await _margin(store)).k)
    before, planning, beside, glue = ks
    assert before == planning == 2
    assert beside == glue > 2


async def _open(store: MemoryStore, records: Records, run_id: str = "1", **given: Any) -> OpenedProject:
    request = OpenRequest(given=ProjectInput.model_validate(given), workflow_id="millwright/shop", run_id=run_id)
    made: OpenedProject = await _run(records.open_project, request)
    return made


async def test_margins_are_planned_unless_k_is_fixed() -> None:
    """The target and the tasks choose; --k holds for all."""
    planned = await _open(MemoryStore(), _records(MemoryStore()), requirements="Add numbers.")
    assert planned.policy.planned
    store = MemoryStore()
    fixed = await _open(store, _records(store), requirements="Add numbers.", k=2)
    assert not fixed.policy.planned
    assert fixed.policy.rule.k == fixed.forecast.k == 2


async def test_a_second_run_plans_from_what_the_first_was_planned_from() -> None:
    """What other projects taught meanwhile, or another preset, changes nothing; another target does."""
    store = MemoryStore()
    first = await _open(store, _records(store), requirements="Add numbers.")
    fixed = (await store.project(first.project)).options[BASIS]
    again = await _open(
        store, _records(store, ModelProfile()), "2", requirements="Add numbers.", target_reliability=0.5
    )
    kept = Basis.model_validate((await store.project(again.project)).options[BASIS])
    assert kept == Basis.model_validate(fixed).model_copy(update={"target": 0.5})
    assert kept.experience == basis(PROFILE, "m").experience


async def _ended(store: MemoryStore, profile: ModelProfile = PROFILE, **node: Any) -> Forecast:
    """Build a project of one task, and end it."""
    records = _records(store, profile)
    made = await _open(store, records, requirements="Add numbers.", project="shop")
    await placed(store, "root", task("root"), status=TaskStatus.WON, **node)
    started = (await store.project(made.project)).model_copy(
        update={"started_at": datetime.now(UTC) - timedelta(seconds=90)}
    )
    await store.save_project(started)
    integration = IntegrationResult(manifest=(await store.nodes(PROJECT))[0].specification, passed=("tests",))
    manifest = '{"project": "shop", "package": "shop", "files": []}'
    digest = await store.put(manifest.encode(), "application/json")
    await _run(
        records.finish,
        FinishRequest(
            project=made.project,
            root_status=TaskStatus.WON,
            integration=integration.model_copy(update={"manifest": digest}),
        ),
    )
    judged = await store.forecast(made.project)
    assert judged is not None
    return judged


WON: dict[str, Any] = {
    "votes": 4,
    "margin": 4,
    "samples": 5,
    "red_flags": 1,
    "lines": 9,
    "complexity": 3,
}


async def test_the_error_of_a_forecast_is_stored_with_it_and_reported() -> None:
    """What was expected stays; what it took, what was written and what the votes taught stand beside it."""
    store = MemoryStore()
    judged = await _ended(store, **WON, estimated_lines=6, estimated_complexity=2)
    actual = judged.actual
    assert actual is not None
    assert (actual.delivered, actual.lines, actual.tasks) == (True, 9, 1)
    assert actual.seconds == pytest.approx(90, abs=20)
    assert (actual.estimated_parts, actual.part_lines_ratio, actual.part_complexity_ratio) == (1, 1.5, 1.5)
    (lesson,) = actual.lessons
    assert lesson.kind == Kind(archetype=Archetype.CODER, model="m", difficulty=Difficulty.MEDIUM)
    assert (lesson.right, lesson.wrong, lesson.blanks) == (2.0, 0.0, 0.5)
    digest = (await store.project(PROJECT)).report
    assert digest is not None
    report = (await store.get(digest)).decode()
    assert "It took: lines 9 for 12 (×0.75)" in report
    assert "0.95 is wanted" in report


async def test_the_next_project_is_planned_from_what_the_last_one_taught() -> None:
    """Its p starts nearer to what was seen, and its figures are corrected."""
    store = MemoryStore()
    await _ended(store, **WON)
    ground = await Planning(store, profile=PROFILE, model="m").basis(PROJECT, {}, 0.95)
    assert ground.experience.kinds == (), "a project learns nothing from its own earlier end"
    other = await Planning(store, profile=PROFILE, model="m").basis(ProjectId("next"), {}, 0.95)
    assert other.corrections.builds == 1
    (known,) = other.experience.kinds
    assert known.right.mean > 0.85


async def test_a_given_tree_is_planned_by_kind_of_task() -> None:
    """The plan's forecast is stored, and comes back with the policy."""
    store = MemoryStore()
    await _chain(store)
    given: GivenPlan = await _run(_records(store).plan_given, NodeRef(project=PROJECT, path=ROOT_PATH))
    assert given.forecast is not None
    assert given.forecast == await store.forecast(PROJECT)
    assert (given.forecast.tasks, given.forecast.tasks_range) == (6, (6, 6))
    assert sum(kind.tasks for kind in given.forecast.kinds) == 6
    assert given.rule.k == given.forecast.k
    stored = Policy.model_validate((await store.project(PROJECT)).options["policy"])
    assert stored.rule == given.rule


async def test_margins_take_nothing_from_nodes_that_they_must_not_know() -> None:
    """A neighbour that won unanimously changes nothing for a node that does not depend on it."""
    store = MemoryStore()
    await _chain(store)
    before = await _margin(store)
    neighbour = NodeRecord.model_validate((await placed(store, "root.side", task("side"))).model_dump())
    root = await store.node(PROJECT, ROOT_PATH)
    await store.save_nodes([root.model_copy(update={"children": (*root.children, neighbour.path)})])
    with_neighbour = await _margin(store)
    await store.save_nodes([neighbour.model_copy(update={"status": TaskStatus.WON, "votes": 9, "samples": 9})])
    assert await _margin(store) == with_neighbour
    assert with_neighbour.tasks == before.tasks + 1
