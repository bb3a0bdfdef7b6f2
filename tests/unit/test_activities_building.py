"""From specifications to a tree, from winners to a deliverable, and the record of it all."""

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.boundary import application_error, heartbeating, translated
from activities.decomposition import Decomposition
from activities.integration import Integration, read_manifest
from activities.records import Records
from activities.specification import Specification
from activities.tracing import Tracing
from millwright.adapters.documents.front_matter import read_front_matter
from millwright.adapters.storage.memory import MemoryStore
from millwright.errors import BadInput, SandboxUnavailable
from schemas.delivery import WholeEvidence
from schemas.digests import digest_of_bytes
from schemas.election import Flag, Slot
from schemas.execution import Truth
from schemas.identity import ROOT_PATH, Archetype, Digest, Gate, NodePath, TaskStatus
from schemas.people import Decision
from schemas.planning import NodeKind
from schemas.project import Policy, ProjectInput
from schemas.requests import (
    BatchRequest,
    ElectionRef,
    FinishRequest,
    IntegrationResult,
    NodeOutcome,
    NodeRef,
    NodeState,
    OpenedProject,
    OpenRequest,
    Purpose,
    SettleRequest,
)
from tests.unit.activity_fakes import PROJECT, FakeAnalyser, FakeSandbox, flat, group, opened, placed, read, task

ROOT = NodeRef(project=PROJECT, path=ROOT_PATH)
ERRORS = [{"name": "Refused", "base": "ValueError"}]


async def _run(method: Any, argument: Any) -> Any:
    return await ActivityEnvironment().run(method, argument)


async def _accept(*tasks: Any, truth: Truth = Truth.TRUE, prose: str = "", **document: Any) -> MemoryStore:
    store = MemoryStore()
    requirements = await store.put(prose.encode(), "text/markdown") if prose else None
    dumped = [item.model_dump(mode="json") for item in tasks]
    for entry in dumped:
        for case in entry["test_cases"]:
            del case["raises"]
    text = json.dumps({"tasks": dumped, **document})
    await opened(store, specification=await store.put(text.encode(), "text/plain"), requirements=requirements)
    await _run(Specification(store, store, FakeSandbox(truth), read).accept_given, ROOT)
    return store


async def test_a_flat_list_becomes_a_group_of_modules() -> None:
    """Tasks without a parent stand under a root that is a group; dependencies become paths."""
    store = await _accept(task("double"), task("quadruple", dependencies=["double"]))
    nodes = {node.path: node for node in await store.nodes(PROJECT)}
    assert nodes[ROOT_PATH].children == ("root.double", "root.quadruple")
    assert nodes[NodePath("root.quadruple")].dependencies == ("root.double",)
    assert nodes[NodePath("root.double")].module == "shop/double.py"


async def test_functions_of_one_name_are_fine_where_they_do_not_meet() -> None:
    """Unrelated tasks may share a function name: each is a module of its own."""
    assert len(await (await _accept(task("a", name="f"), task("b", name="f"))).nodes(PROJECT)) == 3


@pytest.mark.parametrize(
    ("tasks", "document", "words"),
    [
        ((task("a", name="f"), task("b", name="f", dependencies=["a"])), {}, "mean two things"),
        (
            (task("a", name="f"), task("b", name="f"), task("c", dependencies=["a", "b"])),
            {},
            "c: the function name 'f'",
        ),
        ((task("records"),), {"errors": ERRORS}, "choose another id"),
    ],
)
async def test_names_that_would_mean_two_things_are_refused(tasks: Any, document: Any, words: str) -> None:
    """A name clash is found before anything is spent."""
    with pytest.raises(ApplicationError, match=words) as refusal:
        await _accept(*tasks, **document)
    assert refusal.value.type == "SpecificationInvalid"


async def test_the_id_records_is_free_where_nothing_is_declared() -> None:
    """Without declared records and errors there is no module to clash with."""
    assert (await (await _accept(task("records"))).node(PROJECT, NodePath("root.records"))).module == "shop/records.py"


async def test_given_tasks_name_only_requirements_that_there_are() -> None:
    """A number that the prose does not have is a fault; those that it has are followed, and none was asked about."""
    with pytest.raises(ApplicationError, match="there is no requirement R1: no requirements were given in prose"):
        await _accept(task("double", requirements=["R1"]))
    shown = [{"name": "one", "inputs": {"n": 1}, "expected_output": 2, "shows": ["R3"]}]
    with pytest.raises(ApplicationError, match="there is no requirement R3: the last one is R2"):
        await _accept(task("double", test_cases=shown), prose="Double it. Be quick.")
    store = await _accept(task("double", requirements=["R1"]), prose="Double it. Be quick.")
    traces = await Tracing(store, store).traces(PROJECT)
    assert [(item.requirement.statement.id, item.requirement.kind, item.nodes) for item in traces] == [
        ("R1", None, ("root.double",)),
        ("R2", None, ()),
    ]
    untraced = await _accept(task("double"), prose="Double it.")
    assert await Tracing(untraced, untraced).traces(PROJECT) == ()


async def test_the_head_of_the_requirements_names_the_project_and_is_kept() -> None:
    """A project that nobody named has the head's name; the record is of its language, and a bad head is refused."""
    store = MemoryStore()
    project = (await _open(store, requirements="---\nname: corner-shop\nentry_point: sell\n---\nSell.\n")).project
    assert project == "corner-shop"
    asked = await Tracing(store, store).asked(await store.project(project))
    assert (asked.front.entry_point, [item.text for item in asked.statements]) == ("sell", ["Sell."])
    with pytest.raises(ApplicationError, match="the requirements, line 2: the front matter has no field 'k'"):
        await _open(MemoryStore(), requirements="---\nk: 1\n---\nSell.\n")


async def test_examples_that_break_their_conditions_are_refused() -> None:
    """What the sandbox finds false is a fault of the specification."""
    conditions = [{"name": "positive", "expression": "n > 0"}]
    with pytest.raises(ApplicationError, match="breaks the precondition"):
        await _accept(task("a", preconditions=conditions), truth=Truth.FALSE)


def _proposal(*tasks: Any) -> str:
    children = [
        {"specification": json.loads(item.model_dump_json(exclude_none=True)), "estimated_lines": 5}
        | {"estimated_complexity": 2}
        for item in tasks
    ]
    return json.dumps({"children": children})


async def _undecided(text: str) -> tuple[MemoryStore, ElectionRef, Digest]:
    store = MemoryStore()
    await opened(store)
    await placed(store, "root", group())
    await placed(store, "root.uncle", task("uncle"))
    await placed(
        store, "root.whole", task("whole", task_type="decomposition"), dependencies=["root.uncle"], parent="root"
    )
    election = ElectionRef(project=PROJECT, path=NodePath("root.whole"), purpose=Purpose.DECOMPOSE)
    winner = digest_of_bytes(text.encode())
    await store.save_candidate(PROJECT, election.path, winner, text)
    return store, election, winner


async def test_an_elected_proposal_becomes_children_and_a_retry_changes_nothing() -> None:
    """Children may use siblings and what their parent may use; settling again gives the same plan and rows."""
    text = _proposal(task("a", dependencies=["uncle"]), task("b", dependencies=["a"]))
    store, election, winner = await _undecided(text)
    request = SettleRequest(election=election, winner=winner, policy=Policy())
    decomposition = Decomposition(store, FakeSandbox())
    plan = await _run(decomposition.settle_proposal, request)
    rows = await store.nodes(PROJECT)
    assert plan.kind is NodeKind.COMPOSED
    assert [(child.path, child.after) for child in plan.children] == [
        ("root.whole.a", ()),
        ("root.whole.b", ("root.whole.a",)),
    ]
    child = await store.node(PROJECT, NodePath("root.whole.a"))
    assert child.dependencies == ("root.uncle",)
    assert (child.estimated_lines, child.estimated_complexity) == (5, 2)
    parent = await store.node(PROJECT, election.path)
    assert parent.dependencies == ("root.whole.a", "root.whole.b", "root.uncle")
    assert (parent.archetype, parent.module) == (Archetype.INTEGRATOR, "shop/whole/__init__.py")
    assert await _run(decomposition.settle_proposal, request) == plan
    assert await store.nodes(PROJECT) == rows


@pytest.mark.parametrize(("truth", "flag"), [(Truth.TRUE, None), (Truth.FALSE, Flag.UNSOUND)])
async def test_proposals_are_ballots_unless_examples_break_conditions(truth: Truth, flag: Flag | None) -> None:
    """A child whose example breaks its own condition makes the proposal unsound."""
    conditions = [{"name": "positive", "expression": "n > 0"}]
    store, election, winner = await _undecided(_proposal(task("a", preconditions=conditions), task("b")))
    request = BatchRequest(election=election, slots=(Slot(round=0, index=0),), candidates=(winner,))
    (attempt,) = (await _run(Decomposition(store, FakeSandbox(truth)).examine_proposals, request)).attempts
    assert attempt.flag is flag
    assert (attempt.ballot is None) == (flag is not None)


async def test_a_node_on_top_of_what_failed_is_blocked() -> None:
    """The plan says what is missing."""
    store = MemoryStore()
    await opened(store)
    await flat(store, task("double"), task("quadruple", dependencies=["double"]))
    plan = await _run(
        Decomposition(store, FakeSandbox()).plan_node, NodeRef(project=PROJECT, path=NodePath("root.quadruple"))
    )
    assert (plan.kind, plan.missing) == (NodeKind.BLOCKED, ("root.double",))


async def _won(store: MemoryStore, name: str, source: str, sandbox: FakeSandbox) -> None:
    path = NodePath(f"root.{name}")
    candidate = digest_of_bytes(source.encode())
    await store.save_candidate(PROJECT, path, candidate, source)
    outcome = NodeOutcome(project=PROJECT, path=path, status=TaskStatus.WON, candidate=candidate, k=3)
    assert await _run(Integration(store, store, sandbox, FakeAnalyser()).settle_node, outcome) is not None


async def _built(sandbox: FakeSandbox) -> tuple[MemoryStore, IntegrationResult]:
    store = MemoryStore()
    await opened(store)
    await flat(store, task("double"))
    await _won(store, "double", "def double(n: int) -> int:\n    return n * 2\n", sandbox)
    integration = Integration(store, store, sandbox, FakeAnalyser())
    joined = NodeOutcome(project=PROJECT, path=ROOT_PATH, status=TaskStatus.WON)
    await _run(integration.join, joined)
    return store, await _run(integration.deliver, ROOT)


async def test_what_was_won_is_delivered_with_every_check() -> None:
    """The manifest lists files by digest, and no expected value goes into the sandbox."""
    sandbox = FakeSandbox()
    store, result = await _built(sandbox)
    assert result.problems == ()
    assert result.passed == (
        *("examples", "types", "build", "install", "imports", "tests"),
        *("lint", "security"),
    )
    assert result.evidence is not None
    evidence = WholeEvidence.model_validate_json(await store.get(result.evidence))
    assert [(item.path, item.covered, item.lines) for item in evidence.coverage] == [("root.double", 1, 1)]
    double = await store.node(PROJECT, NodePath("root.double"))
    assert (double.lines, double.complexity, double.estimated_lines) == (2, 1, 0)
    assert result.manifest is not None
    manifest = await read_manifest(store, result.manifest)
    assert manifest.nodes == {"shop/__init__.py": "root", "shop/double.py": "root.double"}
    node = await store.node(PROJECT, NodePath("root.double"))
    assert (node.lines, node.complexity) == (2, 1)  # of what was written, whatever was estimated
    for entry in manifest.files:
        assert len(await store.get(entry.digest)) == entry.size_bytes
    assert all(not path.startswith("tests/") for path in sandbox.calls[0].program.modules)


@pytest.mark.parametrize(
    ("sandbox", "problem"),
    [
        (FakeSandbox(value=["int", "3"]), "examples (root.double): root.double: in the assembled package it fails one"),
        (FakeSandbox(status=1), "types: line / what broke"),
        (FakeSandbox(status=1), "build: line / what broke"),
    ],
)
async def test_what_does_not_hold_is_a_problem(sandbox: FakeSandbox, problem: str) -> None:
    """A failing example or command is told in one line, and the manifest is stored all the same."""
    _, result = await _built(sandbox)
    assert problem in "; ".join(result.problems)
    assert result.manifest is not None


async def test_without_any_part_there_is_nothing_to_deliver() -> None:
    """An empty deliverable is a problem, not a package."""
    store = MemoryStore()
    await opened(store)
    await flat(store, task("double"))
    result = await _run(Integration(store, store, FakeSandbox(), FakeAnalyser()).deliver, ROOT)
    assert result.manifest is None
    assert result.problems


def _records(store: MemoryStore) -> Records:
    return Records(store, store, read_head=read_front_matter)


async def _open(store: MemoryStore, **given: Any) -> OpenedProject:
    request = OpenRequest(given=ProjectInput.model_validate(given), workflow_id="My Shop", run_id="1")
    opened_: OpenedProject = await _run(_records(store).open_project, request)
    return opened_


async def test_a_project_is_opened_under_its_workflows_id() -> None:
    """An id is made of the workflow's where none is given; k and the caps are kept."""
    store = MemoryStore()
    made = await _open(store, requirements="Add numbers.", k=4, budget={"max_calls": 9}, atomic_lines=12)
    record = await store.project(made.project)
    assert (made.project, record.package, made.policy.rule.k) == ("my-shop", "my_shop", 4)
    assert (made.policy.atomic_lines, made.policy.atomic_complexity) == (12, 5)
    assert record.options["budget"] == {
        "max_calls": 9,
        "max_tokens": None,
        "max_cost": None,
        "max_time_seconds": None,
    }
    assert await store.forecast(made.project) == made.forecast


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"requirements": "  \n"}, "nothing to build"),
        ({"requirements": "x", "target_language": "cobol"}, "cobol"),
        ({"requirements": "x" * (1024 * 1024 + 1)}, "larger than"),
        ({"requirements": "half \ud800 a pair"}, "no UTF-8 text"),
        ({"requirements": "x", "project": "…"}, "makes no project id"),
    ],
)
async def test_what_cannot_be_built_is_refused_for_good(given: Any, words: str) -> None:
    """Bad input is not retried, and leaves no project behind."""
    store = MemoryStore()
    with pytest.raises(ApplicationError, match=words) as refusal:
        await _open(store, **given)
    assert refusal.value.non_retryable
    assert await store.projects() == ()


async def test_stored_requirements_that_are_no_text_are_refused() -> None:
    """Binary requirements by digest are bad input, not a task that is retried for ever."""
    store = MemoryStore()
    digest = await store.put(b"\xff\xfe\x00", "application/octet-stream")
    with pytest.raises(ApplicationError, match="no UTF-8 text") as refusal:
        await _open(store, requirements_digest=digest)
    assert refusal.value.non_retryable


async def test_other_input_under_a_known_id_is_refused() -> None:
    """One project is one request."""
    store = MemoryStore()
    await _open(store, requirements="Add.")
    with pytest.raises(ApplicationError) as refusal:
        await _open(store, requirements="Subtract.")
    assert refusal.value.type == "ProjectConflict"


async def test_a_waiting_part_makes_the_project_wait_and_an_answer_ends_that() -> None:
    """The project's own status follows its parts."""
    store = MemoryStore()
    await opened(store)
    await flat(store, task("double"))
    records = _records(store)
    for path, status, whole in (
        ("root", TaskStatus.RUNNING, TaskStatus.RUNNING),
        ("root.double", TaskStatus.WAITING, TaskStatus.WAITING),
        ("root.double", TaskStatus.RUNNING, TaskStatus.RUNNING),
    ):
        await _run(records.set_state, NodeState(project=PROJECT, path=NodePath(path), status=status))
        assert (await store.project(PROJECT)).status is whole


async def test_what_is_above_a_failure_is_blocked_and_what_ended_is_left() -> None:
    """Only nodes that have not ended are blocked."""
    store = MemoryStore()
    await opened(store)
    await flat(store, task("double"))
    await placed(store, "root.won", task("won"), status=TaskStatus.WON)
    state = NodeState(project=PROJECT, path=ROOT_PATH, status=TaskStatus.BLOCKED, note="why")
    await _run(_records(store).block_below, state)
    assert [node.status for node in await store.nodes(PROJECT)] == [
        TaskStatus.BLOCKED,
        TaskStatus.BLOCKED,
        TaskStatus.WON,
    ]


async def test_a_finished_project_has_its_counts_report_and_exit_code() -> None:
    """The report shows the parts and the decisions; the row says how it ended."""
    store, integration = await _built(FakeSandbox())
    decision = Decision(
        id="1", project=PROJECT, gate=Gate.PLAN, value="approve", by="Ann", decided_at=datetime.now(UTC)
    )
    await _run(_records(store).record_approval, decision)
    result = await _run(
        _records(store).finish, FinishRequest(project=PROJECT, root_status=TaskStatus.WON, integration=integration)
    )
    assert (result.exit_code, result.status, result.counts.won) == (0, TaskStatus.WON, 1)
    report = (await store.get(result.report)).decode()
    for words in ("`root.double`", "`gate plan`: approve by Ann", "`shop/double.py`"):
        assert words in report
    assert "`root.double` was not let through by every layer" in report  # no verdict was stored for it


async def test_a_refused_input_leaves_its_id_free_until_a_model_was_called() -> None:
    """Forgetting removes the row and its nodes; a project with a ledger stays."""
    store = MemoryStore()
    await opened(store)
    await flat(store, task("double"))
    state = NodeState(project=PROJECT, path=ROOT_PATH, status=TaskStatus.FAILED)
    for _ in range(2):  # a retry changes nothing
        await _run(_records(store).forget, state)
    assert await store.projects() == ()
    assert await store.nodes(PROJECT) == ()


async def test_a_closed_project_leaves_no_part_under_way() -> None:
    """Cancelling ends the rows of parts that had not ended; an unknown project is nothing to close."""
    store = MemoryStore()
    state = NodeState(project=PROJECT, path=ROOT_PATH, status=TaskStatus.CANCELLED, note="by hand")
    await _run(_records(store).close, state)
    await opened(store)
    await flat(store, task("double"))
    await _run(_records(store).close, state)
    assert {node.status for node in await store.nodes(PROJECT)} == {TaskStatus.CANCELLED}
    assert (await store.project(PROJECT)).exit_code == 1


def test_errors_are_translated_by_their_own_word() -> None:
    """The class is the type, retrying is the error's word, and a message stays short."""
    refused, broken = application_error(BadInput("no")), application_error(SandboxUnavailable("x" * 5000))
    assert (refused.type, refused.non_retryable) == ("BadInput", True)
    assert (broken.type, broken.non_retryable) == ("SandboxUnavailable", False)
    assert len(broken.message) <= 2001


async def test_other_exceptions_pass_as_they_are() -> None:
    """Only errors of ours are translated; a bug stays a bug."""

    @translated
    async def fails(given: Exception) -> None:
        raise given

    with pytest.raises(KeyError):
        await fails(KeyError("bug"))
    with pytest.raises(ApplicationError, match="no"):
        await fails(BadInput("no"))


async def test_every_beat_repeats_what_was_said_last() -> None:
    """A retried activity can resume: neither the first beat nor a later one makes the server forget."""
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, heartbeat_details=["before"])
    beats: list[tuple[Any, ...]] = []
    environment.on_heartbeat = lambda *details: beats.append(details)

    async def body() -> None:
        async with heartbeating() as heart:
            heart.beat()
            heart.say({"syntax": 1})
            heart.beat()

    await environment.run(body)
    assert beats == [("before",), ({"syntax": 1},), ({"syntax": 1},)]
