"""Puts questions about elections to people, and acts on their answers.

Which answers are understood is ``millwright.core.resolution``'s, the words are ``millwright.core.escalation``'s. What
happens to the election is the workflow's.
"""

import json

from pydantic import JsonValue
from temporalio import activity

from activities.boundary import heartbeating, translated
from activities.climbing import Climber
from activities.examining import broken_examples
from activities.setting import Settings
from activities.standing import record_standing
from activities.verification import Verification
from millwright.core import resolution
from millwright.core.dividing import Division
from millwright.core.escalation import Asked, behaviour_question, exhausted_question, question_id
from millwright.core.settling import with_examples
from millwright.core.specification import check_document
from millwright.errors import BadInput, NotFound
from millwright.ports import ArtifactStore, ProjectStore, Sandbox
from schemas.digests import digest_of_bytes
from schemas.election import ElectionState
from schemas.evidence import NodeRecord
from schemas.identity import Digest, TaskStatus
from schemas.people import Decision, Effect, Question
from schemas.project import Answer
from schemas.requests import AnswerRecord, AskRequest, BatchRequest
from schemas.shortening import shortened
from schemas.specification import SpecificationDocument, TaskSpecification

_EDITION = 12
_MOST_FAULTS = 3
_LONGEST_TOLD = 200


class Escalating:
    """Activities between an election and the people who are asked about it."""

    def __init__(
        self,
        verification: Verification,
        climber: Climber,
        sandbox: Sandbox,
        projects: ProjectStore,
        artifacts: ArtifactStore,
    ) -> None:
        self._verification, self._climber, self._sandbox = verification, climber, sandbox
        self._projects, self._artifacts = projects, artifacts
        self._settings = Settings(projects, artifacts)

    @activity.defn
    @translated
    async def ask(self, request: AskRequest) -> Question:
        """Put a question: what is right on an input that divides the candidates, or else what is to be done."""
        election = request.election
        asked = Asked(
            project=election.project,
            path=election.path,
            election=request.outcome,
            k=request.k or None,
            number=request.number,
            tried=request.tried,
            splittable=request.splittable,
            assignee=request.assignee,
            asked_at=request.asked_at,
            due_at=request.due_at,
        )
        async with heartbeating():
            known = await self._projects.questions(election.project)
            put = next((item for item in known if item.open and item.id == question_id(asked.path, asked.number)), None)
            if put is not None:
                return put  # by an earlier attempt of this activity; somebody may have read it
            division = await self._division(request)
            if division is not None:
                setting = await self._settings.load(election.project, election.path)
                question = behaviour_question(asked, setting.task, division)
            else:
                verdicts = await self._projects.verdicts(election.project, election.path)
                question = exhausted_question(asked, [verdict for given in verdicts.values() for verdict in given])
            await self._projects.save_question(question)
        return question

    async def _division(self, request: AskRequest) -> Division | None:
        if request.outcome.state is ElectionState.WON or len(request.among) < 2:
            return None
        candidates = tuple(stance.candidate for stance in request.among)
        batch = BatchRequest(election=request.election, slots=(), candidates=candidates)
        subjects = await self._verification.subjects(batch, further=True)
        return await self._climber.divide(
            [subjects[candidate] for candidate in candidates], [stance.votes for stance in request.among]
        )

    @activity.defn
    @translated
    async def record_answer(self, record: AnswerRecord) -> Effect:
        """Act on an answer and record it, with what follows from it; one that cannot be acted on is recorded as such.

        A retry does the same once more, to the same end.
        """
        question, answer = record.question, record.answer
        async with heartbeating():
            effect, content = Effect(), None
            if answer is not None:
                try:
                    effect = await self._effect(question, answer)
                except BadInput as error:
                    effect = Effect(refused=str(error))
                content = await self._content(answer)
            decision = record.decision.model_copy(update={"effect": effect.says, "content": content})
            await self._projects.save_decision(_refused(decision, effect) if effect.refused else decision)
            if not effect.refused:
                assignee = None if answer is None else resolution.assignee_of(answer)
                after = {"open": False} if assignee is None else {"assignee": assignee}
                await self._projects.save_question(question.model_copy(update=after))
                if assignee is None:
                    await self._goes_on(question)
        return effect

    async def _goes_on(self, question: Question) -> None:
        """Record that a node waits no more, before anybody is told that its answer was taken."""
        node = await self._projects.node(question.project, question.path)
        if node.status is TaskStatus.WAITING:
            await self._projects.save_nodes([node.model_copy(update={"status": TaskStatus.RUNNING, "note": ""})])
            await record_standing(self._projects, question.project)

    async def _effect(self, question: Question, answer: Answer) -> Effect:
        if resolution.is_example(question, answer):
            return await self._example(question, answer)
        match answer.value:
            case {"specification": dict(changes)}:
                return await self._edit(question, changes)
            case {"specification_digest": str(digest)}:
                return await self._edit(question, await self._fields(Digest(digest)))
            case {"code": str(text)}:
                return await self._code(question, text)
            case {"code_digest": str(digest)}:
                return await self._code(question, await self._text(Digest(digest)))
            case {"attempts": int(number)}:
                return Effect(says=f"{number} attempts more")
            case {"assign": str(name)}:
                return Effect(says=f"{name} is asked now")
            case str(word):
                return Effect(says=_FOLLOWS.get(word, ""))
            case _:
                raise BadInput(f"the answer to {question.id} is not understood")

    async def _example(self, question: Question, answer: Answer) -> Effect:
        """Add an example to the node's own, where it fits the specification and the examples that it has."""
        case = resolution.example_of(question, answer)
        task = (await self._settings.load(question.project, question.path)).task
        given = tuple(other for other in task.test_cases if other.name != case.name)  # a retry finds its own there
        await self._demand_sound(task.model_copy(update={"test_cases": (*given, case)}))
        await self._projects.add_further_examples(question.project, question.path, (case,))
        outcome = f"raises {case.raises}" if case.raises else json.dumps(case.expected_output, ensure_ascii=True)
        told = [shortened(text, _LONGEST_TOLD) for text in (json.dumps(case.inputs, ensure_ascii=True), outcome)]
        return Effect(says=f"the example {case.name} is added: {' gives '.join(told)}")

    async def _edit(self, question: Question, changes: dict[str, JsonValue]) -> Effect:
        """Put an edited specification in the place of the node's; its election has calls of its own from then on."""
        node = await self._projects.node(question.project, question.path)
        task = await self._projects.specification(node.specification)
        if question.id in node.rework.editors:
            return Effect(says=_EDITED)
        if node.children:
            raise BadInput(
                f"{node.path} has parts that were built to its specification: give an example or code instead"
            )
        after = resolution.edited(task, changes)
        own = await self._projects.further_examples(question.project, question.path)
        await self._demand_sound(with_examples(after, own))
        digest = await self._projects.save_specification(after)
        rework = node.rework.model_copy(
            update={"edition": digest[:_EDITION], "editors": (*node.rework.editors, question.id)}
        )
        edited: NodeRecord = node.model_copy(update={"specification": digest, "rework": rework})
        await self._projects.save_nodes([edited])
        return Effect(says=_EDITED)

    async def _demand_sound(self, task: TaskSpecification) -> None:
        """Refuse a specification that contradicts itself. Raises BadInput."""
        stripped = task.model_copy(update={"dependencies": (), "parent": None, "children": ()})
        document = SpecificationDocument(tasks=(stripped,), records=task.records, errors=task.errors)
        faults = check_document(document) or await broken_examples(self._sandbox, document)
        if faults:
            told = [f"{fault.where.removeprefix('tasks[0].')}: {fault.what}" for fault in faults[:_MOST_FAULTS]]
            raise BadInput(f"the specification would contradict itself: {'; '.join(told)}")

    async def _code(self, question: Question, text: str) -> Effect:
        """Keep code that a person gave as a candidate of the node."""
        content = text.encode("utf-8", "surrogatepass")
        candidate = digest_of_bytes(content)
        await self._projects.save_candidate(question.project, question.path, candidate, text)
        return Effect(says=f"the code {candidate[:_EDITION]} is verified like any other", candidate=candidate)

    async def _fields(self, digest: Digest) -> dict[str, JsonValue]:
        try:
            read = json.loads(await self._text(digest))
        except ValueError as error:
            raise BadInput(f"the specification {digest[:_EDITION]} is no JSON: {error}") from error
        if not isinstance(read, dict):
            raise BadInput(f"the specification {digest[:_EDITION]} is no object of fields")
        return read

    async def _text(self, digest: Digest) -> str:
        try:
            content = await self._artifacts.get(digest)
        except NotFound as error:
            raise BadInput(f"nothing is stored under {digest[:_EDITION]}: store the text first") from error
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadInput(f"{digest[:_EDITION]} is no UTF-8 text: {error}") from error
        if len(text) > resolution.LONGEST_CODE:
            raise BadInput(f"{digest[:_EDITION]} is longer than {resolution.LONGEST_CODE} characters")
        return text

    async def _content(self, answer: Answer) -> dict[str, JsonValue] | None:
        """Return what the audit keeps of an answer that is no word: texts of code and specifications by digest."""
        match answer.value:
            case {"code": str(text)}:
                content = text.encode("utf-8", "surrogatepass")
                return {resolution.CODE_DIGEST: await self._artifacts.put(content, "text/x-source")}
            case {"specification": dict(changes)}:
                content = json.dumps(changes, sort_keys=True).encode()
                return {resolution.SPECIFICATION_DIGEST: await self._artifacts.put(content, "application/json")}
            case dict(fields):
                return fields
            case _:
                return None


_EDITED = "the specification is changed, and the task is elected anew"

_FOLLOWS = {
    resolution.RETRY: "the election goes on with fresh attempts",
    resolution.ACCEPT_PARTIAL: "the best verified candidate is accepted",
    resolution.SPLIT: "the task is split, if a split is agreed on",
    resolution.GIVE_UP: "the part is given up",
}


def _refused(decision: Decision, effect: Effect) -> Decision:
    """Record a refusal beside the decision's id, which stays free for a better answer."""
    tail = digest_of_bytes(f"{decision.value} {effect.refused}".encode("utf-8", "surrogatepass"))[:8]
    return decision.model_copy(
        update={"id": f"{decision.id} refused {tail}", "effect": f"refused: {effect.refused}", "refused": True}
    )
