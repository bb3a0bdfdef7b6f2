"""What had ended is opened again, and plans take the place of others: exactly so much, and once however often tried."""

import json
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.decomposition import Decomposition
from activities.prompting import Prompting
from activities.reworking import Reworking
from millwright.adapters.storage.memory import MemoryStore
from schemas.attribution import Reopened, ReopenRequest, ReplanRequest
from schemas.delivery import Complaint, WholeCheck, WholeEvidence
from schemas.digests import canonical_json, digest_of_bytes
from schemas.evidence import Rework
from schemas.identity import ROOT_PATH, Digest, LayerName, NodePath, TaskStatus
from schemas.people import Question
from schemas.planning import NodeKind, NodePlan
from schemas.project import Policy
from schemas.requests import ElectionRef, NodeRef, Purpose, SettleRequest
from schemas.specification import TaskSpecification, TaskType
from schemas.verification import VerdictStatus
from tests.unit.activity_fakes import PROJECT, FakeSandbox, group, opened, placed, task

P, A, B, C = (NodePath(path) for path in ("root.p", "root.p.a", "root.p.b", "root.p.c"))
CANDIDATE = digest_of_bytes(b"candidate")


async def _run(method: Any, argument: Any) -> Any:
    return await ActivityEnvironment().run(method, argument)


async def _tree() -> MemoryStore:
    """A parent with three won children, the second of which uses the first."""
    store = MemoryStore()
    await opened(store)
    won: dict[str, Any] = {"status": TaskStatus.WON, "artifact": CANDIDATE, "candidate": CANDIDATE}
    await placed(store, ROOT_PATH, group(), children=[P], dependencies=[P], **won)
    await placed(store, P, task("p", task_type="decomposition"), children=[A, B, C], dependencies=[A, B, C], **won)
    await placed(store, A, task("a"), **won)
    await placed(store, B, task("b", dependencies=["a"]), dependencies=[A], **won)
    await placed(store, C, task("c"), **won)
    return store


async def _statuses(store: MemoryStore) -> dict[str, TaskStatus]:
    return {node.path: node.status for node in await store.nodes(PROJECT)}


def _reopen(*paths: NodePath, **fields: Any) -> ReopenRequest:
    return ReopenRequest.model_validate({"project": PROJECT, "top": P, "paths": paths, "max_reopenings": 2, **fields})


async def test_a_child_and_what_uses_it_are_opened_again_and_a_retry_counts_once() -> None:
    """The dependent is verified again without having been reopened; the sibling and the parent stay as they are."""
    store = await _tree()
    reworking = Reworking(store, store)
    request = _reopen(A, barred_by=LayerName.CONTRACTS)
    for _ in range(2):
        assert await _run(reworking.reopen, request) == Reopened(paths=(A,))
    assert await _statuses(store) == {
        ROOT_PATH: TaskStatus.WON,
        P: TaskStatus.WON,
        A: TaskStatus.PENDING,
        B: TaskStatus.PENDING,
        C: TaskStatus.WON,
    }
    rework = (await store.node(PROJECT, A)).rework
    assert (rework.reopenings, rework.barred) == (1, {CANDIDATE: LayerName.CONTRACTS})
    assert (await store.node(PROJECT, B)).rework == Rework()
    plan: NodePlan = await _run(Decomposition(store, FakeSandbox()).plan_node, NodeRef(project=PROJECT, path=P))
    assert [(child.path, child.standing, child.artifact) for child in plan.children] == [
        (A, None, None),
        (B, None, None),
        (C, TaskStatus.WON, CANDIDATE),
    ]


async def test_who_was_reopened_often_enough_stays_closed() -> None:
    """Then nothing changes at all, not even for what uses it."""
    store = await _tree()
    node = await store.node(PROJECT, A)
    await store.save_nodes([node.model_copy(update={"rework": Rework(reopenings=2)})])
    before = await store.nodes(PROJECT)
    assert await _run(Reworking(store, store).reopen, _reopen(A)) == Reopened()
    assert await store.nodes(PROJECT) == before


async def test_what_a_check_of_the_whole_complains_of_is_barred_with_the_complaint_as_its_verdict() -> None:
    """Every part concerned, and its parents, are opened; only the accepted answers complained of lose their votes."""
    store = await _tree()
    complaint = Complaint(path=C, what="unsafe", line=3)
    evidence = WholeEvidence(
        checks=(WholeCheck(name="security", status=VerdictStatus.REJECTED, complaints=(complaint,)),)
    )
    stored = await store.put(canonical_json(evidence), "application/json")
    request = _reopen(C, top=ROOT_PATH, evidence=stored)
    assert await _run(Reworking(store, store).reopen, request) == Reopened(paths=(C,))
    statuses = await _statuses(store)
    assert {path for path, status in statuses.items() if status is TaskStatus.PENDING} == {P, C}
    (verdict,) = (await store.verdicts(PROJECT, C))[CANDIDATE]
    assert (verdict.layer, verdict.status, verdict.findings[0].message) == (
        LayerName.SECURITY,
        VerdictStatus.REJECTED,
        "unsafe",
    )
    assert (await store.node(PROJECT, P)).rework.barred == {}


async def _proposed(store: MemoryStore, *children: TaskSpecification) -> SettleRequest:
    entries = [
        {"specification": json.loads(child.model_dump_json(exclude_none=True)), "estimated_lines": 5}
        | {"estimated_complexity": 2}
        for child in children
    ]
    text = json.dumps({"children": entries})
    winner = digest_of_bytes(text.encode())
    await store.save_candidate(PROJECT, P, winner, text)
    reason = "root.p.b could not be built"
    noted = ReplanRequest(project=PROJECT, path=P, number=1, reason=reason)
    because: Digest = await _run(Reworking(store, store).note_replan, noted)
    assert await _run(Reworking(store, store).note_replan, noted) == because, "a retry notes nothing twice"
    assert (await store.node(PROJECT, P)).rework.given_up == (reason,)
    election = ElectionRef(project=PROJECT, path=P, purpose=Purpose.DECOMPOSE, replan=1, because=because)
    return SettleRequest(election=election, winner=winner, policy=Policy())


async def test_another_plan_keeps_what_it_has_unchanged_and_drops_what_it_left_out() -> None:
    """The unchanged child keeps its part; the new one is pending, under its own edition; a retry changes nothing."""
    store = await _tree()
    for path, of in ((A, task("a")), (C, task("c"))):
        await placed(
            store,
            path,
            of.model_copy(update={"task_type": TaskType.CODE_GENERATION}),
            status=TaskStatus.WON,
            artifact=CANDIDATE,
            candidate=CANDIDATE,
        )
    request = await _proposed(store, task("a"), task("d", dependencies=["a"]))
    decomposition = Decomposition(store, FakeSandbox())
    plan: NodePlan = await _run(decomposition.settle_proposal, request)
    rows = await store.nodes(PROJECT)
    assert [(child.path, child.standing) for child in plan.children] == [(A, TaskStatus.WON), ("root.p.d", None)]
    assert (plan.kind, plan.replans) == (NodeKind.COMPOSED, 1)
    assert {node.path for node in rows} == {ROOT_PATH, P, A, "root.p.d"}
    assert (await store.node(PROJECT, NodePath("root.p.d"))).rework.edition
    assert await _run(decomposition.settle_proposal, request) == plan
    assert await store.nodes(PROJECT) == rows


async def test_who_plans_anew_is_told_why_and_shown_what_is_finished() -> None:
    """The reason stands in the prompt, and the specifications that can be repeated to keep their work."""
    store = await _tree()
    failed = await store.node(PROJECT, B)
    await store.save_nodes([failed.model_copy(update={"status": TaskStatus.FAILED})])
    request = await _proposed(store, task("a"), task("d"))
    prompt, _ = await Prompting(store, store).prompt(request.election)
    text = prompt.messages[-1].content
    assert "It was given up:\n\n> root.p.b could not be built" in text
    assert '"id": "a"' in text
    assert '"id": "c"' in text
    assert '"id": "b"' not in text
    assert prompt.version == "replanner-2"
    first, _ = await Prompting(store, store).prompt(request.election.model_copy(update={"replan": 0, "because": None}))
    assert "earlier plan" not in first.messages[-1].content


def test_calls_about_another_task_or_plan_have_keys_of_their_own() -> None:
    """The keys of old histories stay what they were; an edition and a new plan are told in them."""
    election = ElectionRef(project=PROJECT, path=P, purpose=Purpose.CODE)
    keys = [
        election.model_copy(update=update).key
        for update in (
            {},
            {"simplification": 1},
            {"edition": "ab12"},
            {"simplification": 2, "edition": "ab12"},
            {"replan": 1},
        )
    ]
    assert keys == ["code", "code-1", "code-of-ab12", "code-2-of-ab12", "code-again-1"]


async def test_a_plan_knows_who_made_it_and_how_many_questions_were_asked() -> None:
    """A tree that nobody elected is a person's; questions count on where an earlier run ended."""
    store = await _tree()
    question = Question(id=f"{P}/1", project=PROJECT, path=P, text="?", options=("retry",), open=False)
    await store.save_question(question)
    await store.save_question(question.model_copy(update={"id": f"{A}/1", "path": A}))
    plan: NodePlan = await _run(Decomposition(store, FakeSandbox()).plan_node, NodeRef(project=PROJECT, path=P))
    assert (plan.elected, plan.asked) == (False, 1)
