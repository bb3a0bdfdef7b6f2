"""The bundled example of task specifications, of every kind: its scripted answers meet the real ladder and the vote.

The examples that begin with prose are held to more by the other modules beside this one.
"""

import asyncio
from collections import Counter
from functools import cached_property

import pytest
from temporalio.testing import ActivityEnvironment

from activities.specification import Specification
from millwright.adapters.analysis.static_analyser import StaticAnalyser
from millwright.adapters.documents.specification_file import read_specification
from millwright.adapters.embedded.demo_sampling import bundled_examples
from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.core.kinds import as_called
from millwright.core.proposals import Proposals, read_proposals
from millwright.core.specification import check_document, resolve
from schemas.election import RedFlag
from schemas.identity import ROOT_PATH, Archetype, LayerName, NodePath
from schemas.requests import NodeRef, Purpose
from schemas.specification import SpecificationDocument, TaskKind, TaskSpecification
from schemas.verification import VerdictStatus
from tests.integration.example_project import Example
from tests.integration.test_examples_ladder import Fate, Mill

NAME = "notice-board"


class GivenExample(Example):
    """An example whose tasks a person specified: nobody is asked to specify, split or compose."""

    @property
    def text(self) -> str:
        """Its specification, as it was written."""
        return (self.folder / "tasks.yaml").read_text(encoding="utf-8")

    @cached_property
    def requirements(self) -> str:
        """No prose."""
        return ""

    @cached_property
    def tree(self) -> dict[str, tuple[TaskSpecification, tuple[str, ...]]]:
        """Every task, with no children."""
        return {task.id: (task, ()) for task in resolve(_read(self.text, NAME))}


class GivenMill(Mill):
    """Judges the answers for tasks that were given."""

    async def _plan(self) -> dict[NodePath, Purpose]:
        project = await self._store.project(self._project)
        text = await self._store.put(EXAMPLE.text.encode(), "text/plain")
        await self._store.save_project(project.model_copy(update={"specification": text}))
        specification = Specification(self._store, self._store, self._sandbox, _read)
        await ActivityEnvironment().run(specification.accept_given, NodeRef(project=self._project, path=ROOT_PATH))
        return {NodePath(f"{ROOT_PATH}.{task}"): Purpose.CODE for task in EXAMPLE.tree}


def _read(text: str, origin: str) -> SpecificationDocument:
    return read_specification(text, origin, check_document)


EXAMPLE = GivenExample(bundled_examples()[NAME])

LAYERS = {
    "kind": LayerName.SYNTAX,
    "type": LayerName.TYPES,
    "contract": LayerName.CONTRACTS,
    "output": LayerName.UNIT_TESTS,
}
"""The layer that rejects each flaw first."""


def test_there_is_a_task_of_every_kind_and_they_stand_on_each_other() -> None:
    """Functions, a class, an asynchronous function, a command, a handler and files; most depend on another one."""
    tasks = [task for task, _ in EXAMPLE.tree.values()]
    assert {task.kind for task in tasks} == set(TaskKind)
    assert sum(bool(task.dependencies) for task in tasks) >= 5
    assert all(task.description and task.test_cases for task in tasks)


@pytest.mark.parametrize("task", EXAMPLE.tree)
def test_every_task_has_right_wrong_and_unusable_answers(task: str) -> None:
    """At least three right ways, two that are wrong and two that hold no answer; the right ones are likelier."""
    weights: Counter[str] = Counter()
    answers = EXAMPLE.answers(task)
    for answer in answers:
        weights[answer.kind] += round(answer.weight)
    texts = {kind: {answer.text for answer in answers if answer.kind == kind} for kind in weights}
    assert len(texts["right"]) >= 3
    assert len(texts["wrong"]) >= 2
    assert len(texts.keys() - {"right", "wrong"}) >= 2
    assert "truncated" in texts
    assert weights["right"] >= 7


@pytest.mark.parametrize("task", [name for name, (task, _) in EXAMPLE.tree.items() if task.kind is not TaskKind.FILE])
def test_verifiers_propose_inputs_that_fit_the_kind(task: str) -> None:
    """Sequences of calls, arguments with standard input, or plain inputs; what rambles is flagged."""
    entry = EXAMPLE.entry(Archetype.VERIFIER, task)
    called = as_called(EXAMPLE.task(task))
    read = [(item.kind, read_proposals(item.text, item.finish_reason, called)) for item in entry.completions]
    right = [found for kind, found in read if kind == "right"]
    assert len(right) >= 2
    assert all(isinstance(found, Proposals) and found.claims and not found.dropped for found in right)
    assert all(isinstance(found, RedFlag) for kind, found in read if kind == "rambling")


@pytest.fixture(scope="module")
def fates(tmp_path_factory: pytest.TempPathFactory) -> list[Fate]:
    """Judge every answer once for all tests of this file."""
    sandbox, analyser = BubblewrapSandbox(), StaticAnalyser(tmp_path_factory.mktemp("types"))
    try:
        return asyncio.run(GivenMill(EXAMPLE, sandbox, analyser).fates())
    finally:
        analyser.close()
        sandbox.close()


@pytest.mark.sandbox
@pytest.mark.slow
def test_right_answers_of_every_kind_pass_every_layer_and_are_one_vote(fates: list[Fate]) -> None:
    """No flag, no rejection, no layer that could not say anything; and ways to write the same behave alike."""
    assert len(fates) == sum(len(EXAMPLE.answers(task)) for task in EXAMPLE.tree)
    assert all(item.status is not VerdictStatus.ERROR for fate in fates for item in fate.verdicts)
    votes: dict[str, set[object]] = {}
    for fate in fates:
        if fate.answer.kind == "right":
            assert not fate.stopped, fate
            votes.setdefault(fate.task, set()).add(fate.vote)
    assert {task: len(found) for task, found in votes.items()} == dict.fromkeys(EXAMPLE.tree, 1)


@pytest.mark.sandbox
@pytest.mark.slow
def test_wrong_answers_of_every_kind_are_rejected_by_their_layer_or_outvoted(fates: list[Fate]) -> None:
    """What the examples do not show reaches the vote and is another vote there; the rest meets the layer meant."""
    votes = {fate.task: fate.vote for fate in fates if fate.answer.kind == "right"}
    voting = [fate for fate in fates if fate.answer.flaw == "vote"]
    assert [str(fate) for fate in voting if fate.stopped or fate.vote == votes[fate.task]] == []
    wrong = [fate for fate in fates if fate.answer.kind == "wrong" and fate not in voting]
    assert [str(fate) for fate in wrong if fate.rejected_by is not LAYERS[fate.answer.flaw]] == []
    assert all(fate.flag is not None for fate in fates if fate.answer.kind not in ("right", "wrong"))
