"""What every store promises, model calls apart, run on memory and Postgres alike."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from millwright.errors import NotFound, ProjectConflict
from schemas.claims import Claim
from schemas.digests import canonical_json, digest_of_bytes
from schemas.evidence import ProjectRecord, Rework
from schemas.identity import ROOT_PATH, Archetype, Gate, LayerName, NodePath, ProjectId, TaskId, TaskStatus
from schemas.models import Spend
from schemas.people import Decision, Question
from schemas.planning import Promises
from schemas.specification import Parameter, TaskSpecification, TestCase
from schemas.values import Value
from schemas.verification import (
    Finding,
    InputOrigin,
    InputSet,
    InputVector,
    Severity,
    Verdict,
    VerdictStatus,
)
from tests.contract.stores_fixtures import (
    BANK,
    HOSTILE,
    LEAF,
    SHOP,
    Store,
    completion,
    digest,
    entry,
    forecast,
    node,
    project,
)

PROPOSED, MUTATED = InputOrigin.PROPOSED, InputOrigin.MUTATED


async def test_bytes_come_back_under_their_digest(store: Store) -> None:
    """Whatever bytes are put, the same come back, and putting them again changes nothing."""
    for content in (b"", b"\x00\xff" * 1000, "😀".encode()):
        stored = await store.put(content, "application/octet-stream")
        assert stored == digest_of_bytes(content)
        assert await store.put(content, "text/plain") == stored
        assert await store.get(stored) == content


async def test_concurrent_puts_of_the_same_bytes_agree(store: Store) -> None:
    """Ten workers that store the same bytes at once all succeed."""
    stored = await asyncio.gather(*(store.put(b"same", "text/plain") for _ in range(10)))
    assert set(stored) == {digest_of_bytes(b"same")}


async def test_what_was_never_stored_is_not_found(store: Store) -> None:
    """Every reader of one thing names what it did not find."""
    nowhere = digest("nothing")
    with pytest.raises(NotFound, match=nowhere):
        await store.get(nowhere)
    with pytest.raises(NotFound, match="'bank'"):
        await store.project(BANK)
    with pytest.raises(NotFound, match=r"root\.cart\.subtotal"):
        await store.node(SHOP, LEAF)
    with pytest.raises(NotFound, match=nowhere):
        await store.specification(nowhere)
    with pytest.raises(NotFound, match=nowhere):
        await store.candidate(SHOP, LEAF, nowhere)
    with pytest.raises(NotFound, match="shop/root"):
        await store.label_completion(SHOP, completion(entry()))
    assert await store.inputs(nowhere) is None
    assert await store.forecast(SHOP) is None


async def test_an_id_that_no_project_can_have_is_not_found(store: Store) -> None:
    """An id with characters that a database refuses is simply not there."""
    for text in HOSTILE:
        with pytest.raises(NotFound):
            await store.project(ProjectId(text))


async def test_an_unknown_project_is_empty(store: Store) -> None:
    """Lists of an unknown project are empty, and its spend is nothing."""
    assert await store.projects() == ()
    assert await store.nodes(SHOP) == ()
    assert await store.all_completions(SHOP) == ()
    assert await store.completions(SHOP, LEAF, "code", 0) == ()
    assert await store.ledger(SHOP) == ()
    assert await store.verdicts(SHOP, LEAF) == {}
    assert await store.questions(SHOP) == ()
    assert await store.decisions(SHOP) == ()
    assert (await store.spend(SHOP)).settled == Spend()
    assert (await store.spend(SHOP)).reserved == Spend()


async def test_opening_a_project_twice_returns_it_as_stored(store: Store) -> None:
    """A second opening attaches to the project and does not turn it back."""
    opened = await store.open_project(project())
    assert opened == project()
    won = opened.model_copy(update={"status": TaskStatus.WON, "exit_code": 0})
    await store.save_project(won)
    assert await store.open_project(project()) == won
    assert await store.project(SHOP) == won


async def test_opening_a_project_with_other_input_is_a_conflict(store: Store) -> None:
    """An id that stands for other input is refused, and the stored project stays."""
    await store.open_project(project())
    with pytest.raises(ProjectConflict, match="'shop'"):
        await store.open_project(project(asked="a bank"))
    assert await store.project(SHOP) == project()


async def test_concurrent_openings_with_different_input_have_one_winner(store: Store) -> None:
    """Of ten openings with different inputs exactly one registers the project."""
    outcomes = await asyncio.gather(
        *(store.open_project(project(asked=f"shop {number}")) for number in range(10)), return_exceptions=True
    )
    assert sum(isinstance(outcome, ProjectRecord) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, ProjectConflict) for outcome in outcomes) == 9


async def test_a_project_keeps_every_field(store: Store) -> None:
    """All fields of a project come back, moments with their instant."""
    elsewhere = timezone(timedelta(hours=5, minutes=30))
    full = ProjectRecord(
        id=SHOP,
        input_digest=digest("a shop"),
        requirements=digest("r"),
        specification=digest("s"),
        target_language="python",
        package="shop",
        seed=2**53 - 1,
        options={"k": 3, "approve": ["plan"], "nested": {"a": None, "text": "a\x00\ud800"}},
        status=TaskStatus.FAILED,
        exit_code=1,
        message="what \x00 the model said: \udc80",
        workflow_id="millwright/shop",
        run_id="r1",
        manifest=digest("m"),
        report=digest("t"),
        started_at=datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=elsewhere),
        finished_at=datetime(2026, 3, 29, 3, 30, tzinfo=UTC),
    )
    await store.save_project(full)
    found = await store.project(SHOP)
    assert found == full
    assert found.started_at is not None
    assert found.started_at.tzinfo is not None


async def test_a_moment_without_a_time_zone_is_refused(store: Store) -> None:
    """A naive datetime would mean another instant on another server."""
    naive = datetime(2026, 1, 1)
    with pytest.raises(ValueError, match="no time zone"):
        await store.save_project(project().model_copy(update={"started_at": naive}))
    with pytest.raises(ValueError, match="no time zone"):
        await store.save_decision(Decision(id="d", project=SHOP, value="yes", decided_at=naive))


async def test_projects_are_listed_newest_first(store: Store) -> None:
    """The order is that of opening; saving an old project again does not make it new."""
    for name in ("one", "three", "two"):
        await store.open_project(project(ProjectId(name)))
    await store.save_project(project(ProjectId("one")))
    assert [found.id for found in await store.projects()] == ["two", "three", "one"]


async def test_a_specification_is_stored_under_the_digest_of_its_canonical_json(store: Store) -> None:
    """Equal specifications share a digest, and the one that comes back is equal to what was stored."""
    task = TaskSpecification(
        id=TaskId("subtotal"),
        name="subtotal",
        description="NUL \x00, a lone surrogate \ud800 and 😀",
        inputs=(Parameter(name="prices", type_annotation="list[float]"),),
        outputs=(Parameter(name="sum", type_annotation="float"),),
        test_cases=(
            TestCase(name="two", inputs={"prices": [1.0, 10**30, -0.0]}, expected_output={"$float": "nan"}),
            TestCase(name="none", inputs={"prices": None}, raises="ValueError"),
        ),
    )
    stored = await store.save_specification(task)
    assert stored == digest_of_bytes(canonical_json(task))
    assert await store.save_specification(task.model_copy()) == stored
    found = await store.specification(stored)
    assert found == task
    assert canonical_json(found) == canonical_json(task)


async def test_nodes_are_replaced_and_read_in_order_of_path(store: Store) -> None:
    """Paths sort by code point, whatever language the server speaks."""
    paths = ["root", "root.b", "root.B", "root.a-b", "root.a.c", "root.a_b", "root.a"]
    await store.save_nodes([node(path) for path in paths])
    await store.save_nodes([])
    assert [found.path for found in await store.nodes(SHOP)] == sorted(paths)
    full = node(
        "root.a",
        parent=ROOT_PATH,
        archetype=Archetype.INTEGRATOR,
        status=TaskStatus.WON,
        module="shop/a.py",
        dependencies=(NodePath("root.b"),),
        children=(NodePath("root.a.c"),),
        artifact=digest("a"),
        candidate=digest("c"),
        votes=5,
        margin=3,
        k=3,
        samples=9,
        red_flags=2,
        rejected_by_layer={LayerName.TYPES: 1, LayerName.SYNTAX: 2},
        note="said \x00",
        estimated_lines=90,
        estimated_complexity=12,
        lines=71,
        complexity=9,
        promises=Promises(examples=3, composed=2, notes=("not reached: \x00",)),
    )
    await store.save_nodes([full])
    assert await store.node(SHOP, NodePath("root.a")) == full
    assert len(await store.nodes(SHOP)) == len(paths)


async def test_of_two_rows_for_one_node_the_last_is_kept(store: Store) -> None:
    """A batch that names a node twice ends with its last row."""
    await store.save_nodes([node("root", votes=1), node("root", votes=2)])
    assert (await store.node(SHOP, ROOT_PATH)).votes == 2


async def test_writers_of_the_same_nodes_do_not_block_each_other_for_ever(store: Store) -> None:
    """Batches in opposite orders, at once and often, all end."""
    batch = [node(f"root.n{number}") for number in range(30)]
    await asyncio.wait_for(asyncio.gather(*(store.save_nodes(batch[:: (-1) ** turn]) for turn in range(10))), 30)
    assert len(await store.nodes(SHOP)) == 30


async def test_a_candidate_keeps_its_first_source(store: Store) -> None:
    """A source under a digest is immutable."""
    await store.save_candidate(SHOP, LEAF, digest("c"), "first")
    await store.save_candidate(SHOP, LEAF, digest("c"), "second")
    assert await store.candidate(SHOP, LEAF, digest("c")) == "first"


async def test_verdicts_are_replaced_by_layer_and_read_in_the_order_of_the_ladder(store: Store) -> None:
    """Later verdicts of a layer replace earlier ones; findings keep any text."""
    one, two = sorted((digest("one"), digest("two")))
    rejected = Verdict(
        layer=LayerName.TYPES,
        status=VerdictStatus.REJECTED,
        reason="\x00",
        findings=(
            Finding(code="arg-type", message="got \x00 and \ud800 and 😀", line=3),
            Finding(code="note", message="\x1a", severity=Severity.WARNING),
        ),
        seconds=0.1 + 0.2,
    )
    passed = Verdict(layer=LayerName.SYNTAX, status=VerdictStatus.PASSED)
    unrun = Verdict(layer=LayerName.PERFORMANCE, status=VerdictStatus.NOT_RUN, reason="rejected before")
    await store.save_verdicts(SHOP, LEAF, two, [passed])
    await store.save_verdicts(SHOP, LEAF, one, [unrun, rejected.model_copy(update={"seconds": 9.0}), passed])
    await store.save_verdicts(SHOP, LEAF, one, [rejected])
    await store.save_verdicts(SHOP, LEAF, one, [])
    found = await store.verdicts(SHOP, LEAF)
    assert found == {one: (passed, rejected, unrun), two: (passed,)}
    assert list(found) == [one, two]
    assert await store.verdicts(BANK, LEAF) == {}


async def test_the_first_inputs_of_a_specification_win(store: Store) -> None:
    """Every candidate is judged on the same inputs, whoever generated them first."""
    vectors = (
        InputVector(arguments=(["str", "\x00\ud800"], ["list", [["int", "1"]]]), origin=InputOrigin.BOUNDARY),
        InputVector(arguments=(), origin=InputOrigin.EXAMPLE),
    )
    first = InputSet(specification_digest=digest("s"), generator="hypothesis 6", vectors=vectors)
    await store.save_inputs(first)
    await store.save_inputs(first.model_copy(update={"vectors": ()}))
    assert await store.inputs(digest("s")) == first


async def test_a_nodes_own_inputs_are_added_once_and_keep_their_order(store: Store) -> None:
    """Inputs of any origin join those that are there; of equal arguments the first stay, at that node alone."""
    first = InputVector(arguments=(["str", "\x00\ud800"], ["set", [["int", "2"], ["int", "1"]]]), origin=PROPOSED)
    same = InputVector(arguments=(["str", "\x00\ud800"], ["set", [["int", "1"], ["int", "2"]]]), origin=MUTATED)
    others = [InputVector(arguments=(["int", str(number)],), origin=MUTATED, size=number) for number in range(9)]
    await store.add_further_inputs(SHOP, LEAF, [first])
    await store.add_further_inputs(SHOP, LEAF, [same, *reversed(others)])
    await store.add_further_inputs(SHOP, LEAF, others)
    await store.add_further_inputs(SHOP, LEAF, [])
    assert await store.further_inputs(SHOP, LEAF) == (first, *reversed(others))
    assert await store.further_inputs(SHOP, ROOT_PATH) == ()
    assert await store.further_inputs(BANK, LEAF) == ()


async def test_claims_are_counted_anew_and_read_in_one_order(store: Store) -> None:
    """The votes of a claim are those that were recorded last; another result of equal arguments is another claim."""
    results: tuple[Value | None, ...] = (["str", "\x00"], None, ["none"])
    claims = [
        Claim(arguments=(["int", "1"],), expected=expected, votes=votes) for votes, expected in enumerate(results, 1)
    ]
    await store.save_claims(SHOP, LEAF, claims)
    again = [claim.model_copy(update={"votes": claim.votes + 1}) for claim in reversed(claims)]
    await store.save_claims(SHOP, LEAF, again)
    await store.save_claims(SHOP, LEAF, [])
    found = await store.claims(SHOP, LEAF)
    assert sorted(found, key=lambda claim: claim.votes) == sorted(again, key=lambda claim: claim.votes)
    assert [claim.digest for claim in found] == sorted(claim.digest for claim in claims)
    assert await store.claims(BANK, LEAF) == ()


async def test_settled_examples_are_added_once_in_their_order(store: Store) -> None:
    """The first example under a name stays."""
    cases = [
        TestCase(name=f"settled_{number}", inputs={"n": "\x00"}, expected_output={"$float": "nan"}, tolerance=0.1)
        for number in (10, 9, 1)
    ]
    await store.add_further_examples(SHOP, LEAF, cases)
    await store.add_further_examples(SHOP, LEAF, [cases[1].model_copy(update={"raises": "ValueError"})])
    await store.add_further_examples(SHOP, LEAF, [])
    assert await store.further_examples(SHOP, LEAF) == tuple(cases)
    assert await store.further_examples(SHOP, ROOT_PATH) == ()


async def test_clearing_nodes_clears_what_was_proposed_for_them(store: Store) -> None:
    """Another specification may come to stand at a path; other projects keep theirs."""
    vector = InputVector(arguments=(["int", "1"],), origin=PROPOSED)
    case = TestCase(name="settled_1", inputs={"n": 1}, raises="ValueError")
    for owner in (SHOP, BANK):
        await store.add_further_inputs(owner, LEAF, [vector])
        await store.save_claims(owner, LEAF, [Claim(arguments=vector.arguments)])
        await store.add_further_examples(owner, LEAF, [case])
    await store.clear_nodes(SHOP)
    assert await store.further_inputs(SHOP, LEAF) == ()
    assert await store.claims(SHOP, LEAF) == ()
    assert await store.further_examples(SHOP, LEAF) == ()
    assert await store.further_inputs(BANK, LEAF) == (vector,)
    assert await store.claims(BANK, LEAF) == (Claim(arguments=vector.arguments),)
    assert await store.further_examples(BANK, LEAF) == (case,)


async def test_dropping_nodes_takes_only_those_and_keeps_their_calls(store: Store) -> None:
    """What a new plan left out is gone with its own inputs and examples; its neighbours and its completions stay."""
    vector = InputVector(arguments=(["int", "1"],), origin=PROPOSED)
    case = TestCase(name="settled_1", inputs={"n": 1}, raises="ValueError")
    rework = Rework(edition="ab", replans=1, given_up=("why",), reopenings=2, barred={digest("c"): LayerName.TYPES})
    kept = node(LEAF).model_copy(update={"rework": rework})
    other = NodePath(f"{LEAF}_other")
    await store.save_nodes([kept, node(other), kept.model_copy(update={"project": BANK})])
    for path in (LEAF, other):
        await store.add_further_inputs(SHOP, path, [vector])
        await store.add_further_examples(SHOP, path, [case])
    await store.save_candidate(SHOP, other, digest("c"), "text")
    await store.drop_nodes(SHOP, [other])
    await store.drop_nodes(SHOP, [other])
    await store.drop_nodes(SHOP, [])
    assert await store.nodes(SHOP) == (kept,)
    assert (await store.nodes(BANK))[0].rework == rework
    assert await store.further_inputs(SHOP, other) == () == await store.further_examples(SHOP, other)
    assert await store.further_inputs(SHOP, LEAF) == (vector,)
    assert await store.candidate(SHOP, other, digest("c")) == "text"


async def test_a_manifest_may_be_recorded_twice(store: Store) -> None:
    """A retried delivery records the same manifest without complaint."""
    await store.save_manifest(SHOP, digest("m"))
    await store.save_manifest(SHOP, digest("m"))
    await store.save_manifest(BANK, digest("m"))


async def test_questions_are_read_oldest_first_and_keep_their_place_when_closed(store: Store) -> None:
    """Closing a question replaces its row and not its age."""
    asked = [
        Question(id=name, project=SHOP, path=LEAF, text=f"{name}? \x00", options=("yes", "no \ud800"))
        for name in ("b", "a", "c")
    ]
    for question in asked:
        await store.save_question(question)
    await store.save_question(asked[0].model_copy(update={"project": BANK, "text": "elsewhere"}))
    closed = asked[0].model_copy(update={"open": False})
    await store.save_question(closed)
    assert await store.questions(SHOP) == (closed, asked[1], asked[2])


async def test_the_first_decision_under_an_id_wins(store: Store) -> None:
    """A decision sent twice, or contradicted under the same id, counts once; all are read oldest first."""
    moment = datetime(2026, 5, 1, 12, tzinfo=UTC)
    second = Decision(id="b", project=SHOP, question="q", value="candidate 2", by="Ada", note="\x00", decided_at=moment)
    first = Decision(id="z", project=SHOP, gate=Gate.PLAN, value="approve")
    await store.save_decision(first)
    await store.save_decision(second)
    await store.save_decision(first.model_copy(update={"value": "reject"}))
    assert await store.decisions(SHOP) == (first, second)
    assert await store.decisions(BANK) == ()


async def test_the_newest_forecast_is_read(store: Store) -> None:
    """Recording an older forecast again makes it the newest; recording the newest again changes nothing."""
    await store.save_forecast(SHOP, forecast(100))
    await store.save_forecast(SHOP, forecast(200))
    await store.save_forecast(SHOP, forecast(200))
    assert await store.forecast(SHOP) == forecast(200)
    await store.save_forecast(SHOP, forecast(100))
    assert await store.forecast(SHOP) == forecast(100)
    assert await store.forecast(BANK) is None
    await store.save_forecast(BANK, forecast(300))
    assert await store.forecasts() == {BANK: forecast(300), SHOP: forecast(100)}
    assert list(await store.forecasts()) == sorted([BANK, SHOP])
    assert await store.forecasts(1) == {BANK: forecast(300)}
    assert await store.forecasts(0) == {}
