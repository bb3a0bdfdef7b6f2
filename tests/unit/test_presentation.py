"""What people see and answer: details, inboxes, names; and that every activity is served by a worker."""

import inspect
import json
import re
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, RetryState

from activities.decomposition import Decomposition
from activities.generation import Generation
from activities.integration import Integration
from activities.notification import Notification
from activities.planning import Planning
from activities.proposing import Proposing
from activities.records import Records
from activities.specification import Specification
from activities.verification import Verification
from millwright.adapters.storage.memory import MemoryStore
from millwright.core.basis import basis
from millwright.core.estimation import forecast
from schemas.election import Election, ElectionState, Group, Slot, Tally
from schemas.identity import Gate, LayerName, NodePath, ProjectId
from schemas.people import Question
from schemas.presets import ModelProfile, Share
from schemas.project import Answer, Approval
from schemas.verification import AnalysisReport, AnalysisRequest
from tests.strategies import digest_of
from tests.unit.activity_fakes import FakeModel, FakeSandbox, single
from tests.unit.test_activities_verification import FakeInputs
from worker import Ports, Role, activities_of
from workflows import election, node, preparation, project
from workflows.identifiers import (
    CONTROL_QUEUE,
    MODEL_QUEUE,
    VERIFY_QUEUE,
    node_workflow_id,
    project_named_by,
    project_workflow_id,
)
from workflows.inbox import Inbox, Said
from workflows.presentation import (
    approval_details,
    election_details,
    expectation,
    failure_note,
    failure_type,
    waiting_details,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
QUESTION = Question(
    id="root.a/1", project=ProjectId("p"), path=NodePath("root.a"), text="What now?", options=("retry", "give_up")
)


def _sent(details: str) -> object:
    command = shlex.split(re.findall(r"```\n(.*?)\n```", details, re.DOTALL)[-1].replace("\\\n", " "))
    assert command[:3] == ["temporal", "workflow", "update"]
    return json.loads(command[command.index("--input") + 1])


def test_the_commands_that_are_shown_are_the_messages_that_are_understood() -> None:
    """What the Web UI offers to copy validates as an answer and as an approval."""
    answer = Answer.model_validate(_sent(waiting_details(QUESTION, "millwright/p/node/root.a")))
    assert Inbox(question=QUESTION).refusal(answer) is None
    for gate in Gate:
        assert Approval.model_validate(_sent(approval_details(gate, "millwright/p", "all"))).gate is gate


def test_an_elections_count_is_told_in_a_line() -> None:
    """State, margin, votes and losses, without any source."""
    groups = (Group(signature=digest_of("a"), votes=3, first=Slot(round=0, index=0)),)
    tally = Tally(attempts=6, ballots=3, red_flags=1, rejected=2, groups=groups)
    ended = Election(state=ElectionState.EXHAUSTED, tally=tally, rejected_by_layer={LayerName.TYPES: 2})
    text = election_details(ended, 4)
    assert "margin 3 of 4" in text
    assert "types 2" in text
    assert "\n" not in text


def _failed(cause: BaseException | None) -> ActivityError:
    error = ActivityError(
        "activity failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="w",
        activity_type="t",
        activity_id="1",
        retry_state=RetryState.MAXIMUM_ATTEMPTS_REACHED,
    )
    error.__cause__ = cause
    return error


def test_failures_are_told_by_their_cause() -> None:
    """The innermost of our errors gives the note and the type; another one gives its text and no type."""
    ours = _failed(ApplicationError("no key", type="ModelRefused"))
    assert (failure_note(ours), failure_type(ours)) == ("no key", "ModelRefused")
    bare = _failed(None)
    assert (failure_note(bare), failure_type(bare)) == ("activity failed", "")


def _answer(decision: str = "1", value: str = "retry", question: str = "root.a/1") -> Answer:
    return Answer(question=question, decision_id=decision, value=value)


def test_an_inbox_takes_one_answer_to_its_question() -> None:
    """A second one is refused with who settled it and when; the same decision again is no error and changes nothing."""
    inbox = Inbox()
    assert inbox.refusal(_answer()) == "nothing waits for an answer here"
    inbox.open(QUESTION)
    assert not inbox.has_answer()
    assert inbox.refusal(_answer()) is None
    key = inbox.take(_answer())
    assert inbox.has_answer()
    assert inbox.refusal(_answer()) is None
    assert "being acted on" in str(inbox.refusal(_answer("2")))
    assert inbox.said(key) is None
    inbox.acted("drawn again", at=NOW, settles=True)
    assert inbox.said(key) == Said("drawn again")
    assert inbox.refusal(_answer()) is None
    assert inbox.take(_answer(value="give_up")) == key
    assert not inbox.has_answer()
    assert inbox.refusal(_answer("2")) == "root.a/1 was settled at 2026-01-02 03:04:05 UTC: retry by unknown"


def test_an_answer_that_could_not_be_acted_on_leaves_the_question_open_and_its_id_free() -> None:
    """A person corrects what was typed, and sends it under the same id."""
    inbox = Inbox()
    inbox.open(QUESTION)
    key = inbox.take(_answer(value="give_up"))
    inbox.refuse("it contradicts an example")
    assert inbox.said(key) == Said("it contradicts an example", refused=True)
    assert inbox.question == QUESTION
    assert inbox.refusal(_answer()) is None
    assert inbox.take(_answer()) == key
    assert inbox.has_answer()
    assert inbox.said(key) is None


def test_an_answer_that_does_not_settle_leaves_the_question_open() -> None:
    """Somebody else is asked: that is a decision, and no answer."""
    inbox = Inbox()
    inbox.open(QUESTION)
    inbox.take(_answer())
    inbox.acted("ann is asked now", at=NOW, settles=False)
    assert inbox.question == QUESTION
    assert inbox.refusal(_answer("2")) is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [(_answer(value="perhaps"), "none of retry, give_up"), (_answer(question="root.b/1"), "open question is root.a/1")],
)
def test_answers_that_do_not_fit_are_refused_with_the_reason(answer: Answer, words: str) -> None:
    """The refusal names what would be understood."""
    assert words in str(Inbox(question=QUESTION).refusal(answer))


def test_a_decision_of_an_earlier_question_does_not_answer_the_next() -> None:
    """A message that is delivered again after the next question opened is ignored."""
    inbox = Inbox()
    inbox.open(QUESTION)
    inbox.take(_answer())
    inbox.acted("drawn again", at=NOW, settles=True)
    inbox.open(QUESTION.model_copy(update={"id": "root.a/2"}))
    inbox.take(_answer())
    assert not inbox.has_answer()


def test_workflow_ids_name_their_projects() -> None:
    """Our ids begin with millwright; another client's id is its project's name."""
    shop = ProjectId("shop")
    assert project_workflow_id(shop) == "millwright/shop"
    assert node_workflow_id(shop, NodePath("root.a")) == "millwright/shop/node/root.a"
    assert project_named_by("millwright/shop") == "shop"
    assert project_named_by("nightly") == "nightly"


def test_a_plans_gate_says_what_it_expects_and_what_stands_against_it() -> None:
    """Whoever consents sees the calls with their interval, how sure the whole will be, and why it is not surer."""
    voters = ModelProfile(right=Share(mean=0.7, strength=50))
    made = forecast(basis(voters, "m"), lines=(300, 600, 900))
    shown = expectation(made, made.k)
    assert shown.startswith(f"k = {made.k}, about {made.calls} model calls ({made.calls_range[0]} to ")
    assert "wanted 0.95" in shown
    assert "short of the target 0.95" in shown
    assert "probability" not in expectation(made.model_copy(update={"success": None, "notes": ()}), 2)


def test_every_activity_that_workflows_call_is_served_on_one_queue() -> None:
    """An activity that no queue serves would be waited for without end."""
    store = MemoryStore()
    made = activities_of(
        Ports(
            FakeModel(),
            store,
            store,
            store,
            single("fake", "http://memory/v1", ModelProfile()),
            FakeSandbox(),
            _NoTools(),
            FakeInputs(),
        )
    )
    assert list(made) == [CONTROL_QUEUE, MODEL_QUEUE, VERIFY_QUEUE]
    served = [method.__qualname__ for methods in made.values() for method in methods]
    assert len(served) == len(set(served))
    sources = "".join(inspect.getsource(module) for module in (election, node, preparation, project))
    groups = (
        *(Decomposition, Generation, Integration, Notification, Planning),
        *(Proposing, Records, Specification, Verification),
    )
    names = "|".join(group.__name__ for group in groups)
    called = {f"{owner}.{name}" for owner, name in re.findall(rf"\b({names})\.([a-z_]+)\b", sources)}
    assert called
    assert called <= set(served)
    for methods in made.values():
        assert all(hasattr(method, "__temporal_activity_definition") for method in methods)
    assert {role.value for role in Role} == {"control", "model", "verify", "all"}


class _NoTools:
    """An analyser that finds nothing."""

    async def analyse(self, requests: Sequence[AnalysisRequest]) -> tuple[AnalysisReport, ...]:
        """Find nothing."""
        return ()
