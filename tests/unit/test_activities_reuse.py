"""What earlier builds accepted: kept when it is accepted, found by the node's identity, and taken with its evidence."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.accepted import Accepted
from activities.decomposition import Decomposition
from activities.integration import Integration
from activities.prompting import Prompting
from activities.records import Records
from activities.reuse import Reuse
from activities.reworking import Reworking
from millwright.adapters.documents.front_matter import read_front_matter
from millwright.adapters.storage.memory import MemoryStore
from schemas.attribution import ReopenRequest
from schemas.digests import digest_of_bytes
from schemas.election import Election, ElectionState, Group, Rule, Slot, Tally
from schemas.evidence import NodeRecord
from schemas.identity import ROOT_PATH, Digest, LayerName, NodePath, ProjectId, TaskStatus
from schemas.people import Decision, Question
from schemas.planning import NodePlan
from schemas.project import Policy, ProjectInput
from schemas.requests import ElectionRef, NodeOutcome, NodeRef, NodeState, OpenRequest, Purpose, SettleRequest
from schemas.reuse import Reusable, ReuseRequest, Revision, Taken, TakeRequest
from schemas.specification import TestCase
from schemas.verification import Verdict, VerdictStatus
from tests.unit.activity_fakes import PROJECT, FakeAnalyser, FakeSandbox, flat, opened, task

BANK = ProjectId("bank")
DOUBLE, QUADRUPLE = NodePath("root.double"), NodePath("root.quadruple")
SOURCE = {
    DOUBLE: "def double(n: int) -> int:\n    return n * 2\n",
    QUADRUPLE: "def quadruple(n: int) -> int:\n    return double(double(n))\n",
}
PASSED = Verdict(layer=LayerName.SYNTAX, status=VerdictStatus.PASSED)
RULE = Rule(k=3)
OPTIONS = {"policy": Policy(rule=RULE, reuse=True).model_dump(mode="json"), "budget": {}, "k": None}


async def _run(method: Any, argument: Any) -> Any:
    return await ActivityEnvironment().run(method, argument)


async def _settle(store: MemoryStore, path: NodePath, status: TaskStatus, source: str = "", note: str = "") -> None:
    """Accept a candidate as an election does that ended with three of four votes."""
    text = source or SOURCE[path]
    candidate = digest_of_bytes(text.encode())
    await store.save_candidate(PROJECT, path, candidate, text)
    await store.save_verdicts(PROJECT, path, candidate, [PASSED])
    group = Group(signature=candidate, votes=3, first=Slot(round=0, index=0))
    tally = Tally(attempts=4, ballots=3, rejected=1, groups=(group,))
    election = Election(state=ElectionState.WON, tally=tally, rejected_by_layer={LayerName.TYPES: 1})
    outcome = NodeOutcome(
        project=PROJECT, path=path, status=status, candidate=candidate, election=election, k=3, note=note
    )
    await _run(Integration(store, store, FakeSandbox(), FakeAnalyser()).settle_node, outcome)


async def _lay_out(store: MemoryStore, **double: Any) -> None:
    await flat(store, task("double", **double), task("quadruple", dependencies=["double"]))


async def _built(*, untested: bool = False, status: TaskStatus = TaskStatus.WON, note: str = "") -> MemoryStore:
    """Build both parts of a project, and end it."""
    store = MemoryStore()
    await opened(store, finished_at=datetime.now(UTC), options=OPTIONS)
    await _lay_out(store, **({"test_cases": []} if untested else {}))
    if untested:
        await store.add_further_examples(PROJECT, DOUBLE, [TestCase(name="s1", inputs={"n": 1}, expected_output=2)])
    await _settle(store, DOUBLE, status, note=note)
    await _settle(store, QUADRUPLE, TaskStatus.WON)
    return store


async def _again(store: MemoryStore, **double: Any) -> None:
    """Begin the next revision, with one task changed."""
    ended = await store.project(PROJECT)
    following = ended.model_copy(update={"revision": ended.revision + 1, "finished_at": None})
    await store.supersede(Revision(project=ended, nodes=await store.nodes(PROJECT)), following)
    await _lay_out(store, **double)


async def _find(store: MemoryStore, path: NodePath, rule: Rule = RULE) -> Reusable:
    found: Reusable = await _run(
        Reuse(store, store).find_accepted, ReuseRequest(ref=NodeRef(project=PROJECT, path=path), rule=rule)
    )
    return found


async def _take(store: MemoryStore, path: NodePath) -> tuple[Taken, NodeRecord]:
    found = await _find(store, path)
    assert found.candidate is not None
    request = TakeRequest(ref=NodeRef(project=PROJECT, path=path), identity=found.identity, rule=RULE)
    taken: Taken = await _run(Reuse(store, store).take_accepted, request)
    assert await _run(Reuse(store, store).take_accepted, request) == taken  # a retry changes nothing
    return taken, await store.node(PROJECT, path)


async def test_an_unchanged_part_is_taken_with_its_code_votes_and_verdicts() -> None:
    """Nothing that it was judged on has changed, so nothing is verified again."""
    store = await _built()
    first = await store.node(PROJECT, DOUBLE)
    await _again(store)
    found = await _find(store, DOUBLE)
    assert (found.candidate, found.verified, found.proposal) == (first.candidate, True, None)
    taken, node = await _take(store, DOUBLE)
    assert node == first.model_copy(update={"status": TaskStatus.REUSED, "note": "won in revision 1"})
    assert (taken.status, taken.artifact, taken.note) == (TaskStatus.REUSED, first.artifact, "")
    assert await store.verdicts(PROJECT, DOUBLE) == {first.candidate: (PASSED,)}


async def test_a_part_is_found_again_after_any_number_of_revisions() -> None:
    """It says where it was won, and what came between does not matter."""
    store = await _built()
    await _again(store)
    await _take(store, DOUBLE)
    await _again(store, description="Otherwise.")
    assert (await _find(store, DOUBLE)).candidate is None
    await _again(store)
    _, node = await _take(store, DOUBLE)
    assert (node.status, node.note) == (TaskStatus.REUSED, "won in revision 1")


async def test_a_changed_part_is_not_found_and_its_dependent_must_be_verified_again() -> None:
    """New code below means that verdicts above say nothing any more; once taken, they are those of today."""
    store = await _built()
    await _again(store, description="Double, but otherwise.")
    assert await _find(store, DOUBLE) == Reusable(identity=(await _find(store, DOUBLE)).identity)
    await _settle(store, DOUBLE, TaskStatus.WON, "def double(n: int) -> int:\n    return n + n\n")
    found = await _find(store, QUADRUPLE)
    assert (found.candidate is not None, found.verified) == (True, False)
    assert await store.verdicts(PROJECT, QUADRUPLE) == {}
    assert found.candidate is not None
    await store.save_verdicts(PROJECT, QUADRUPLE, found.candidate, [PASSED])  # as the ladder does
    await _take(store, QUADRUPLE)
    await _again(store, description="Double, but otherwise.")
    await _take(store, DOUBLE)
    assert (await _find(store, QUADRUPLE)).verified


async def test_what_this_revision_itself_accepted_is_no_reuse() -> None:
    """A build that is run again comes to its parts by its stored answers, and calls them won."""
    store = await _built()
    assert (await _find(store, DOUBLE)).candidate is None


@pytest.mark.parametrize("barred_by", [None, LayerName.CONTRACTS])
async def test_a_part_that_was_found_at_fault_is_not_used_again(barred_by: LayerName | None) -> None:
    """Its election was held again, and whatever came of that: neither this build nor a later one takes it as it was."""
    store = await _built()
    for _ in range(2):  # as an attempt does and its retry
        request = ReopenRequest(project=PROJECT, top=ROOT_PATH, paths=(DOUBLE,), max_reopenings=2, barred_by=barred_by)
        await _run(Reworking(store, store).reopen, request)
    await _settle(store, DOUBLE, TaskStatus.WON)  # as a build does that is run again, before it is stopped once more
    await _again(store)
    assert (await _find(store, DOUBLE)).candidate is None
    other = "def double(n: int) -> int:\n    return n + n\n"
    await _settle(store, DOUBLE, TaskStatus.WON, other)
    assert (await _find(store, QUADRUPLE)).candidate is not None
    await _again(store)
    assert (await _find(store, DOUBLE)).candidate == digest_of_bytes(other.encode())


async def test_a_used_part_that_is_found_at_fault_is_not_taken_by_its_reopened_election() -> None:
    """Nor is the one of the project that this one is based on."""
    store = await _built()
    await store.save_project((await store.project(PROJECT)).model_copy(update={"id": BANK, "workflow_id": "bank"}))
    part = await store.accepted_part(PROJECT, (await _find(store, DOUBLE)).identity)
    assert part is not None
    await store.accept_part(BANK, part.model_copy(update={"project": BANK}))
    await _again(store)
    based = await store.project(PROJECT)
    await store.save_project(based.model_copy(update={"options": {**OPTIONS, "based_on": BANK}}))
    await _take(store, DOUBLE)
    request = ReopenRequest(
        project=PROJECT, top=ROOT_PATH, paths=(DOUBLE,), max_reopenings=2, barred_by=LayerName.CONTRACTS
    )
    await _run(Reworking(store, store).reopen, request)
    assert (await _find(store, DOUBLE)).candidate is None


async def test_a_stricter_rule_finds_nothing() -> None:
    """What was won by a margin of three is not enough for four."""
    store = await _built()
    await _again(store)
    assert (await _find(store, DOUBLE, Rule(k=4))).candidate is None
    assert (await _find(store, DOUBLE, Rule(k=2))).candidate is not None


async def test_what_a_person_accepted_stays_so_and_what_was_partial_is_elected_anew() -> None:
    """Reuse makes nothing better than it was: the exit code still counts a person's word."""
    store = await _built(status=TaskStatus.RESOLVED, note="accepted below the margin by ann")
    await _again(store)
    taken, node = await _take(store, DOUBLE)
    assert (node.status, taken.status) == (TaskStatus.RESOLVED, TaskStatus.RESOLVED)
    assert node.note == taken.note == "resolved in revision 1; accepted below the margin by ann"
    partial = await _built(status=TaskStatus.PARTIAL)
    await _again(partial)
    assert (await _find(partial, DOUBLE)).candidate is None


async def test_settled_examples_go_with_the_part_that_was_tested_by_them() -> None:
    """They were agreed on with the part; without them it would be untested."""
    store = await _built(untested=True)
    await _again(store, test_cases=[])
    assert (await _find(store, DOUBLE)).verified
    assert [case.name for case in await store.further_examples(PROJECT, DOUBLE)] == ["s1"]


async def test_another_projects_parts_are_found_where_it_is_named_and_only_there() -> None:
    """They are verified again, since they lie in another package, and become the project's own."""
    store = await _built()
    await store.open_project((await store.project(PROJECT)).model_copy(update={"id": BANK, "package": "bank"}))
    nodes = [node.model_copy(update={"project": BANK}) for node in await store.nodes(PROJECT)]
    await store.save_nodes(nodes)
    ref = NodeRef(project=BANK, path=DOUBLE)
    request = ReuseRequest(ref=ref, rule=RULE)
    assert (await _run(Reuse(store, store).find_accepted, request)).candidate is None
    based = (await store.project(BANK)).model_copy(update={"options": {**OPTIONS, "based_on": PROJECT}})
    await store.save_project(based)
    found = await _run(Reuse(store, store).find_accepted, request)
    assert found.candidate is not None
    take = TakeRequest(ref=ref, identity=found.identity, rule=RULE)
    assert (await _run(Reuse(store, store).take_accepted, take)).status is TaskStatus.REUSED
    assert (await store.node(BANK, DOUBLE)).note == "won in project shop"
    assert await store.accepted_part(BANK, found.identity) is not None


async def test_a_part_that_is_kept_nowhere_cannot_be_taken() -> None:
    """The message names the node and the identity."""
    store = await _built()
    request = TakeRequest(ref=NodeRef(project=PROJECT, path=DOUBLE), identity=Digest("0" * 64), rule=RULE)
    with pytest.raises(ApplicationError, match=r"no part is kept for root\.double under 0000"):
        await _run(Reuse(store, store).take_accepted, request)


async def _open(store: MemoryStore, run: str, **given: Any) -> Any:
    request = OpenRequest(
        given=ProjectInput.model_validate(given), workflow_id="millwright/shop", run_id=run, name="shop"
    )
    return await _run(Records(store, store, read_head=read_front_matter).open_project, request)


async def test_changed_input_of_a_project_that_has_ended_is_its_next_revision() -> None:
    """The earlier one is kept as it ended, with what was asked; a retry is no third."""
    store = MemoryStore()
    first = await _open(store, "1", requirements="Add.", k=5)
    assert (first.policy.revision, first.policy.reuse) == (1, False)
    await flat(store, task("double"))
    await store.save_question(Question(id="q", project=PROJECT, path=DOUBLE, text="Which?", options=("a",)))
    await store.save_decision(Decision(id="1", project=PROJECT, question="q", value="a"))
    ended = (await store.project(PROJECT)).model_copy(update={"finished_at": datetime.now(UTC), "exit_code": 1})
    await store.save_project(ended)
    for _ in range(2):
        second = await _open(store, "2", requirements="Subtract.")
        assert (second.policy.revision, second.policy.reuse) == (2, True)
    assert await store.nodes(PROJECT) == ()
    assert (await store.questions(PROJECT), await store.decisions(PROJECT)) == ((), ())
    (kept,) = await store.revisions(PROJECT)
    assert (kept.project, len(kept.nodes), len(kept.questions), len(kept.decisions)) == (ended, 2, 1, 1)
    third = await _open(store, "3", requirements="Subtract.")  # the run before it was lost: the same revision again
    assert third.policy.revision == 2
    assert (await store.project(PROJECT)).run_id == "3"
    with pytest.raises(ApplicationError, match="is being built on other input"):
        await _open(store, "3", requirements="Divide.")
    fourth = await _open(store, "4", requirements="Divide.")  # the run before it was terminated, whatever its row says
    assert fourth.policy.revision == 3


async def test_a_refused_revision_leaves_the_earlier_one_as_it_was() -> None:
    """Even where no model was ever asked, since all of it came from another project."""
    store = await _built()
    await _again(store)
    state = NodeState(project=PROJECT, path=ROOT_PATH, status=TaskStatus.FAILED)
    await _run(Records(store, store, read_head=read_front_matter).forget, state)
    (earlier,) = await store.revisions(PROJECT)
    assert len(earlier.nodes) == 3


async def test_nothing_is_reused_where_that_is_not_wanted() -> None:
    """``--no-reuse`` builds all of it again, and a project to build on must exist."""
    store = MemoryStore()
    await _open(store, "1", requirements="Add.")
    await store.save_project((await store.project(PROJECT)).model_copy(update={"finished_at": datetime.now(UTC)}))
    assert not (await _open(store, "2", requirements="Subtract.", reuse=False)).policy.reuse
    with pytest.raises(ApplicationError, match="no project 'bank' to build on"):
        await _open(MemoryStore(), "1", requirements="Add.", based_on="bank")


async def test_the_starting_point_is_what_the_newest_earlier_tree_accepted() -> None:
    """The root's specification, where it is a function; nothing in a first build or where nothing may be reused."""
    store = await _built()
    accepted = Accepted(store)
    assert await accepted.root(await store.project(PROJECT)) == ""
    root = (await store.node(PROJECT, ROOT_PATH)).model_copy(
        update={"specification": await store.save_specification(task("root", description="Said once."))}
    )
    await store.save_nodes([root])
    await _again(store)
    project = await store.project(PROJECT)
    assert "Said once." in await accepted.root(project)
    assert await accepted.plan(project, ROOT_PATH) == ""
    unwanted = {**OPTIONS, "policy": Policy().model_dump(mode="json")}
    assert await accepted.root(project.model_copy(update={"options": unwanted})) == ""


async def test_an_accepted_plan_is_shown_to_decomposers_and_found_for_the_same_task() -> None:
    """Its text is kept whole, with the estimates in it; another task is shown it, and does not have it."""
    text = json.dumps(
        {
            "children": [
                {"specification": json.loads(task(name).model_dump_json(exclude_none=True))}
                | {"estimated_lines": 2, "estimated_complexity": 1}
                for name in ("a", "b")
            ]
        }
    )
    store, proposal = MemoryStore(), digest_of_bytes(text.encode())
    await opened(store, finished_at=datetime.now(UTC), options=OPTIONS)
    whole = task("whole", task_type="decomposition")
    await flat(store, whole)
    path = NodePath("root.whole")
    election = ElectionRef(project=PROJECT, path=path, purpose=Purpose.DECOMPOSE)
    await store.save_candidate(PROJECT, path, proposal, text)
    settle = SettleRequest(election=election, winner=proposal, policy=Policy())
    await _run(Decomposition(store, FakeSandbox()).settle_proposal, settle)
    for description, found in (("", proposal), ("Otherwise.", None)):
        ended = await store.project(PROJECT)
        following = ended.model_copy(update={"revision": ended.revision + 1})
        await store.supersede(Revision(project=ended, nodes=await store.nodes(PROJECT)), following)
        await flat(store, whole.model_copy(update={"description": description}))
        assert (await _find(store, path)).proposal == found
        prompt, _ = await Prompting(store, store).prompt(election)
        assert prompt.version.endswith("+accepted-1")
        assert text in prompt.messages[1].content
        if found is not None:
            assert await store.candidate(PROJECT, path, found) == text
            kept: NodePlan = await _run(Decomposition(store, FakeSandbox()).settle_proposal, settle)
            assert kept.elected  # so that it may give way to another plan, as in the build that elected it
