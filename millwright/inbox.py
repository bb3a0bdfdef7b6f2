"""What waits for people, and what they decided, as people and programs want to read it; over the port only.

It sends no answer and writes nothing: ``millwright.client`` does the one, the workflows the other.
"""

import difflib
from collections.abc import Sequence

from millwright.core.project_input import checked_project_id
from millwright.errors import BadInput, NotFound
from millwright.ports import ProjectStore
from millwright.revisions import MARK, revision_named
from schemas.base import Schema
from schemas.identity import PROJECT_ID_PATTERN, ProjectId
from schemas.people import Decision, Question
from schemas.shortening import named

_MOST_NAMED = 5


class Entry(Schema):
    """A decision with its question; None where the record has none, as of gates in older builds."""

    decision: Decision
    question: Question | None = None


class History(Schema):
    """What was decided in one revision of a project, oldest first, and what is open still."""

    project: ProjectId
    revision: int
    entries: tuple[Entry, ...] = ()
    open: tuple[Question, ...] = ()


class Inbox:
    """Reads questions and decisions."""

    def __init__(self, projects: ProjectStore) -> None:
        self._projects = projects

    async def waiting(self) -> tuple[Question, ...]:
        """List what waits for people across projects that have not ended, oldest first."""
        return await self._projects.open_questions()

    async def question(self, reference: str) -> Question:
        """Find a question, open or settled, by its address; one that waits also by its id alone, where that is enough.

        Raises:
            BadInput: several open questions have this id.
            NotFound: there is none; near ones are named.
        """
        project, _, id = reference.partition("/")
        of_project: tuple[Question, ...] = ()
        if id and PROJECT_ID_PATTERN.fullmatch(project):
            of_project = await self._projects.questions(ProjectId(project))
            for question in of_project:
                if question.id == id:
                    return question
        waiting = await self.waiting()
        called = [question for question in waiting if question.id == reference]
        if len(called) > 1:
            raise BadInput(f"several questions are called {reference!r}: give one of {_addresses(called)}")
        if called:
            return called[0]
        raise NotFound(f"there is no question {reference!r}{_near(reference, (*of_project, *waiting))}")

    async def history(self, name: str) -> History:
        """Read what was decided in a project, or in an earlier revision of it (``shop@1``).

        Raises:
            BadInput: ``name`` is neither; NotFound: there is no such project or revision.
        """
        project = checked_project_id(name.partition(MARK)[0])
        found = await revision_named(self._projects, name)
        questions, decisions = found.questions, found.decisions
        newest = (await self._projects.project(project)).revision
        if found.project.revision == newest:
            questions = await self._projects.questions(project)
            decisions = await self._projects.decisions(project)
        by_id = {question.id: question for question in questions}
        return History(
            project=project,
            revision=found.project.revision,
            entries=tuple(Entry(decision=item, question=by_id.get(item.question or "")) for item in decisions),
            open=tuple(question for question in questions if question.open and found.project.exit_code is None),
        )


def asked_of(name: str, questions: Sequence[Question]) -> tuple[Question, ...]:
    """Return the questions that somebody may answer: those asked of this name, and those asked of anybody."""
    return tuple(question for question in questions if question.assignee in ("", name))


def _addresses(questions: Sequence[Question]) -> str:
    return named([question.address for question in questions], _MOST_NAMED)


def _near(reference: str, questions: Sequence[Question]) -> str:
    """Name questions whose address, id or project is like what was given, as the end of a sentence."""
    known = {key: question.address for question in questions for key in (question.id, question.address)}
    close = difflib.get_close_matches(reference[:200], known, n=_MOST_NAMED, cutoff=0.6)
    project = [question.address for question in questions if question.open and question.project == reference]
    like = list(dict.fromkeys((*project, *(known[key] for key in close))))[:_MOST_NAMED]
    if like:
        return f": did you mean {' or '.join(like)}? `millwright inbox` shows what waits"
    return ": `millwright inbox` shows what waits"
