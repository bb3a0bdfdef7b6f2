"""What specifiers said becomes a project's settled requirements: by the winners' votes, with everybody's doubts."""

from collections.abc import Iterator

from temporalio.testing import ActivityEnvironment

from activities.specification import Specification
from activities.tracing import Tracing, constraints_of, front_matter_option
from millwright.adapters.storage.memory import MemoryStore
from schemas.identity import ROOT_PATH
from schemas.project import Policy
from schemas.requests import DrawRequest, ElectionRef, NodeRef, Purpose, SettleRequest
from schemas.requirements import FrontMatter, StatementKind
from schemas.specification import TestCase
from tests.unit.activity_fakes import PROJECT, FakeModel, FakeSandbox, generation_of, opened, read
from tests.workflow.prose import DOUBTED, PROSE, READ, SPECIFIERS, specified

ELECTION = ElectionRef(project=PROJECT, path=ROOT_PATH, purpose=Purpose.SPECIFY)
OTHER_ZERO = [
    {"name": "two", "inputs": {"n": 2}, "expected_output": 16, "shows": ["R1"]},
    {"name": "zero", "inputs": {"n": 0}, "expected_output": 1, "shows": ["R2"]},
]
LOSER = specified({"functional": ["R1", "R2", "R3"]}, test_cases=OTHER_ZERO)
"""It takes the order in the prose for behaviour, and another value for right."""


async def _drawn(
    store: MemoryStore, *texts: str, front: FrontMatter | None = None
) -> tuple[Specification, SettleRequest]:
    """Draw the answers, and make the first of them the winner."""
    project = await opened(store, requirements=await store.put(PROSE.encode(), "text/markdown"))
    if front is not None:
        options = {**project.options, **front_matter_option(front)}
        await store.save_project(project.model_copy(update={"options": options}))
    told: Iterator[str] = iter(texts)
    model = FakeModel(lambda _: next(told))
    generation = generation_of(store, model)
    request = DrawRequest(election=ELECTION, round=0, count=len(texts), seed=7)
    drawn = await ActivityEnvironment().run(generation.draw, request)
    winner = drawn.draws[0].candidate
    assert winner is not None
    settle = SettleRequest(election=ELECTION, winner=winner, policy=Policy())
    return Specification(store, store, FakeSandbox(), read), settle


async def test_the_winners_settle_what_statements_are_and_losers_only_ask() -> None:
    """Two of three winners call R3 a constraint; what a loser makes of it decides nothing, and is asked about."""
    store = MemoryStore()
    texts = (specified(READ), specified(READ, description="Again."), specified(DOUBTED), LOSER, LOSER, LOSER)
    specification, request = await _drawn(store, *texts)
    environment = ActivityEnvironment()
    digest = await environment.run(specification.settle_root, request)
    assert (await store.specification(digest)).requirements == ("R1", "R2")
    project = await store.project(PROJECT)
    assert constraints_of(project) == ("R3",)
    settled = await Tracing(store, store).settled(project)
    assert [(item.kind, item.votes, item.of) for item in settled.items][2] == (StatementKind.CONSTRAINT, 2, 3)
    doubt, difference = settled.questions
    assert (doubt.about, doubt.votes, doubt.of) == (("R3",), 1, 6)
    assert [(reading.text, reading.votes) for reading in difference.readings] == [("0", 3), ("1", 3)]
    shown = await environment.run(specification.left_open, NodeRef(project=PROJECT, path=ROOT_PATH))
    assert "- R3: Is R3 part of the product? (1 of 6 answers raise it)" in shown
    assert await environment.run(specification.settle_root, request) == digest
    assert await store.project(PROJECT) == project


async def test_refused_answers_say_why() -> None:
    """The commonest reason comes first, and an answer that obeyed the prose is among the refused."""
    store = MemoryStore()
    forgetful = specified({"functional": ["R1", "R2"]})
    specification, _ = await _drawn(store, SPECIFIERS[0], forgetful, SPECIFIERS[2], forgetful)
    told = await ActivityEnvironment().run(specification.why_refused, ELECTION)
    assert told == (
        "requirements: R3 is not accounted for (2 answers); "
        "only a person's own specification may grant anything (1 answer)"
    )


async def test_what_the_head_fixes_is_in_the_settled_specification() -> None:
    """The whole has the head's name and its example, whatever the winner wrote for the same inputs."""
    store = MemoryStore()
    given = TestCase(name="given", inputs={"n": 2}, expected_output=17)
    front = FrontMatter(entry_point="eightfold", examples=(given,))
    specification, request = await _drawn(store, SPECIFIERS[0], front=front)
    task = await store.specification(await ActivityEnvironment().run(specification.settle_root, request))
    assert task.name == "eightfold"
    assert [(case.name, case.expected_output) for case in task.test_cases] == [("given", 17), ("zero", 0)]
