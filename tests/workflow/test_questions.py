"""A question about behaviour: what is asked, what becomes of the answer, and what it costs."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from schemas.identity import NodePath, TaskStatus
from schemas.models import ModelAnswer, ModelRequest
from schemas.people import Door, QuestionKind
from tests.workflow.builds import PROJECT, start, until_waiting
from tests.workflow.deciding import HALF_PATH, OPTIONS, answer, asked, node, refused
from tests.workflow.environment import Stage, TableModel, staged
from tests.workflow.samples import HALF, SIX_AT_ONCE, SIX_IN_PARTS, TWO_READINGS, fenced
from workflows.identifiers import node_workflow_id

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]


async def half_of(stage: Stage, number: int) -> object:
    """Run what was delivered for the task."""
    artifact = (await stage.store.node(PROJECT, HALF_PATH)).artifact
    assert artifact is not None
    space: dict[str, Any] = {}
    exec((await stage.store.get(artifact)).decode(), space)
    return space["half"](number)


@pytest.mark.parametrize(("chosen", "gives"), [("down", 2), ("up", 3)])
async def test_the_answer_decides_without_a_further_call(chosen: str, gives: int) -> None:
    """The smallest odd number is asked about; stored answers are judged by what a person says, and one side wins."""
    async with staged(TableModel(TWO_READINGS)) as stage:
        handle = await start(stage, **OPTIONS)
        question = await asked(stage)
        assert question.kind is QuestionKind.BEHAVIOUR
        assert abs(int(str(question.inputs["n"]))) == 1
        assert [choice.votes for choice in question.choices] == [4, 3]
        assert "What is right for half(n=" in question.text
        assert question.asked_at is not None
        calls = list(stage.model.calls)
        given = int(str(question.inputs["n"]))
        wanted = given // 2 if chosen == "down" else -(-given // 2)
        (label,) = [choice.label for choice in question.choices if choice.returns == wanted]
        said = await node(stage).execute_update("answer", answer(question, label, note="as on paper"))
        assert said.startswith(f"understood: {label}; the example answered_1 is added")
        result = await handle.result()
        assert result.exit_code == 0
        assert stage.model.calls == calls
        assert await half_of(stage, 5) == gives
        (case,) = await stage.store.further_examples(PROJECT, HALF_PATH)
        assert (case.inputs, case.expected_output) == (question.inputs, wanted)
        (row,) = await stage.store.decisions(PROJECT)
        assert (row.question, row.value, row.by, row.note) == (question.id, label, "ann", "as on paper")
        assert (row.through, row.path) == (Door.UPDATE, HALF_PATH)
        assert "the example answered_1 is added" in row.effect
        assert [item.open for item in await stage.store.questions(PROJECT)] == [False]


@dataclass
class Listening(TableModel):
    """Answers from ("coder told", task) once the prompt has three examples."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Answer by what is known so far."""
        text = "\n".join(message.content for message in request.prompt.messages)
        if len(re.findall(r"half\(n=", text)) > 2:
            return await TableModel({("coder", "half"): self.answers["coder told", "half"]}, self.calls).complete(
                request
            )
        return await super().complete(request)


async def test_something_that_nobody_gave_can_be_right_and_is_drawn_anew() -> None:
    """An example that contradicts a condition is refused, and the question stays; a sound one reaches the agents."""
    told = (fenced("def half(n: int) -> int:\n    return n // 2 if n % 2 == 0 else 7\n"),)
    specification = HALF.replace("-1 <= 2 * result - n <= 1", "result < 1000")
    async with staged(Listening({**TWO_READINGS, ("coder told", "half"): told})) as stage:
        handle = await start(stage, **{**OPTIONS, "specification": specification})
        question = await asked(stage)
        before = len(stage.model.calls)
        message = await refused(node(stage).execute_update("answer", answer(question, {"returns": 5000})))
        assert message == (
            "the specification would contradict itself: test_cases[2]: the example breaks the postcondition "
            "'result < 1000'"
        )
        said = await node(stage).execute_update("answer", answer(question, {"returns": 7}))
        assert "gives 7" in said
        result = await handle.result()
        assert result.exit_code == 0
        assert len(stage.model.calls) == before + 3
        assert await half_of(stage, 5) == 7
        rows = [(row.value, row.effect.partition(":")[0]) for row in await stage.store.decisions(PROJECT)]
        assert rows == [("returns 5000", "refused"), ("returns 7", "the example answered_1 is added")]


async def test_a_persons_code_is_verified_like_any_other() -> None:
    """What breaks an example is told by the next question; what passes is accepted, and marked as a person's."""
    async with staged(TableModel(TWO_READINGS)) as stage:
        handle = await start(stage, **OPTIONS)
        question = await asked(stage)
        calls = len(stage.model.calls)
        wrong = "def half(n: int) -> int:\n    return n\n"
        await node(stage).execute_update("answer", answer(question, {"code": wrong}))
        again = await asked(stage, 2)
        assert "by ann was rejected" in again.text
        right = "def half(n: int) -> int:\n    return round(n / 2)\n"
        digest = await stage.store.put(right.encode(), "text/plain")
        await node(stage).execute_update("answer", answer(again, {"code_digest": digest}))
        result = await handle.result()
        assert (result.exit_code, result.counts.resolved) == (6, 1)
        assert len(stage.model.calls) == calls
        stored = await stage.store.node(PROJECT, HALF_PATH)
        assert stored.status is TaskStatus.RESOLVED
        assert stored.note == "code by ann, verified like any other"
        assert await half_of(stage, 5) == 2
        values = [(row.value, row.content) for row in await stage.store.decisions(PROJECT)]
        assert [value for value, _ in values] == ["code", f"code {digest[:12]}"]
        assert all(content is not None and "code_digest" in content for _, content in values)


async def test_an_edited_specification_is_elected_anew() -> None:
    """What is said of odd numbers reaches the agents; the interface cannot change here."""
    answers = {("coder", "half"): TWO_READINGS["coder", "half"]}
    async with staged(TableModel(answers)) as stage:
        handle = await start(stage, **OPTIONS)
        question = await asked(stage)
        before = len(stage.model.calls)
        message = await refused(
            node(stage).execute_update("answer", answer(question, {"specification": {"name": "third"}}))
        )
        assert "name cannot be changed here" in message
        edit = {
            "description": "Half of a number, rounded up.",
            "postconditions": [{"name": "up", "expression": "2 * result - n in [0, 1]"}],
        }
        await node(stage).execute_update("answer", answer(question, {"specification": edit}))
        result = await handle.result()
        assert result.exit_code == 0
        assert len(stage.model.calls) > before
        assert "rounded up" in stage.model.told[-1]
        assert await half_of(stage, 5) == 3
        assert [row.value for row in await stage.store.decisions(PROJECT)][-1] == "specification"


async def test_more_attempts_are_drawn_where_a_person_allows_them() -> None:
    """As many as were said, and then the person is asked again."""
    async with staged(TableModel(TWO_READINGS)) as stage:
        handle = await start(stage, **OPTIONS)
        question = await asked(stage)
        before = len(stage.model.calls)
        await node(stage).execute_update("answer", answer(question, {"attempts": 4}))
        again = await asked(stage, 2)
        assert before < len(stage.model.calls) <= before + 4
        await node(stage).execute_update("answer", answer(again, "give_up"))
        assert (await handle.result()).exit_code == 1


async def test_a_task_is_split_where_a_person_wants_it_so() -> None:
    """Its parts are built, and joined by glue; one that agents do not split is asked about again."""
    async with staged(TableModel(SIX_IN_PARTS)) as stage:
        handle = await start(stage, **{**OPTIONS, "specification": SIX_AT_ONCE, "k": 6})
        path = NodePath("root.six")
        await until_waiting(stage, path)
        (question,) = await stage.store.questions(PROJECT)
        assert question.kind is QuestionKind.BEHAVIOUR
        assert "split" in question.options
        six = stage.client.get_workflow_handle(node_workflow_id(PROJECT, path))
        said = await six.execute_update("answer", answer(question, "split"))
        assert "the task is split" in said
        assert (await handle.result()).exit_code == 0
        assert (await stage.store.node(PROJECT, path)).children == (f"{path}.twice", f"{path}.thrice")
    async with staged(TableModel(TWO_READINGS)) as stage:
        await start(stage, **OPTIONS)
        await node(stage).execute_update("answer", answer(await asked(stage), "split"))
        assert "ann asked for a split, and none was agreed on" in (await asked(stage, 2)).text
