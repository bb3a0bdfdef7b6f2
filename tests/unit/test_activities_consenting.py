"""What gates have done again: exactly the parts that a person names, once however often it is tried."""

import json
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.consenting import Consenting
from activities.decomposition import Decomposition
from activities.prompting import Prompting
from millwright.adapters.storage.memory import MemoryStore
from millwright.core.prompts import coder
from schemas.attribution import GuideRequest, Reopened, RespecifyRequest
from schemas.digests import digest_of_bytes
from schemas.identity import ROOT_PATH, LayerName, NodePath, TaskStatus
from schemas.requests import ElectionRef, NodeRef, Purpose
from tests.gates import plan_gate
from tests.unit.activity_fakes import PROJECT, FakeSandbox, group, opened, placed, task

A, B = NodePath("root.a"), NodePath("root.b")
CANDIDATE = digest_of_bytes(b"candidate")


async def _run(method: Any, argument: Any) -> Any:
    return await ActivityEnvironment().run(method, argument)


async def _tree() -> MemoryStore:
    """A group of two won parts, the second of which uses the first."""
    store = MemoryStore()
    await opened(store)
    won: dict[str, Any] = {"status": TaskStatus.WON, "artifact": CANDIDATE, "candidate": CANDIDATE}
    await placed(store, ROOT_PATH, group(), children=[A, B], dependencies=[A, B], **won)
    await placed(store, A, task("a"), **won)
    await placed(store, B, task("b", dependencies=["a"]), dependencies=[A], **won)
    return store


async def test_a_rejected_part_is_told_what_was_said_and_a_retry_changes_nothing_more() -> None:
    """Its answer has no vote and no verdict that no layer gave; what stands on it is verified again."""
    store = await _tree()
    await store.put(b"def a(n: int) -> int:\n    return n\n", "text/x-source")
    consenting = Consenting(store, store)
    for _ in range(2):
        reopened = await _run(consenting.reopen_rejected, GuideRequest(project=PROJECT, note="root.a is wrong"))
        assert reopened == Reopened(paths=(A,))
    first = await store.node(PROJECT, A)
    assert (first.status, first.rework.guidance) == (TaskStatus.PENDING, ("root.a is wrong",))
    assert first.rework.barred == {CANDIDATE: LayerName.CONTRACTS}
    assert await store.verdicts(PROJECT, A) == {}
    second = await store.node(PROJECT, B)
    assert (second.status, second.rework.guidance) == (TaskStatus.PENDING, ())
    election = ElectionRef(project=PROJECT, path=A, purpose=Purpose.CODE, edition=first.rework.edition)
    prompt, _ = await Prompting(store, store).prompt(election)
    assert prompt.version == f"{coder.VERSION}+{coder.REJECTED_VERSION}"
    assert "> root.a is wrong" in prompt.messages[1].content
    assert election.key != ElectionRef(project=PROJECT, path=A, purpose=Purpose.CODE).key


async def test_every_part_is_opened_where_the_note_names_none_and_the_whole_has_no_code() -> None:
    """Both parts are done again."""
    store = await _tree()
    reopened = await _run(Consenting(store, store).reopen_rejected, GuideRequest(project=PROJECT, note="No."))
    assert reopened == Reopened(paths=(A, B))


async def test_specifiers_are_told_all_notes_and_the_last_specification() -> None:
    """They are kept with the root until the next specification takes them over."""
    store = await _tree()
    request = RespecifyRequest(project=PROJECT, notes=("Why?", "Say how."))
    because = await _run(Consenting(store, store).note_respecified, request)
    told = json.loads(await store.get(because))
    assert told["notes"] == ["Why?", "Say how."]
    assert told["specification"]["id"] == "root"
    assert (await store.node(PROJECT, ROOT_PATH)).rework.respecified == ("Why?", "Say how.")


async def test_a_gates_question_is_none_about_the_root() -> None:
    """The numbers of a node's own questions go on as if no gate had been open."""
    store = await _tree()
    question = plan_gate(PROJECT)
    consenting = Consenting(store, store)
    await _run(consenting.open_gate, question)
    assert [item.open for item in await store.questions(PROJECT)] == [True]
    await _run(consenting.close_gate, question)
    assert [item.open for item in await store.questions(PROJECT)] == [False]
    plan = await _run(Decomposition(store, FakeSandbox()).plan_node, NodeRef(project=PROJECT, path=ROOT_PATH))
    assert plan.asked == 0
