"""Begins a project's next revision: the one before is kept as it ended, and its margin goes on to hold.

It builds nothing and reuses nothing; those activities look for what earlier revisions accepted.
"""

from millwright.errors import BadInput, NotFound, ProjectConflict
from millwright.ports import ProjectStore
from schemas.evidence import ProjectRecord
from schemas.identity import ProjectId
from schemas.project import Policy, ProjectInput
from schemas.reuse import Revision


class Revising:
    """Works for the activity that opens projects."""

    def __init__(self, projects: ProjectStore) -> None:
        self._projects = projects

    async def revised(self, record: ProjectRecord) -> ProjectRecord:
        """Return the record of what is asked for with its revision; where the input changed, that is a new one.

        Raises:
            ProjectConflict: the project goes on with other input.
        """
        stored = await self._stored(record.id)
        if stored is None:
            return record
        if stored.input_digest == record.input_digest:
            return record.model_copy(update={"revision": stored.revision})
        # One workflow id runs once at a time: another run under the same id means that the stored one was terminated.
        is_over = stored.workflow_id == record.workflow_id and stored.run_id != record.run_id
        if stored.finished_at is None and not is_over:
            raise ProjectConflict(
                f"project {record.id!r} is being built on other input: wait for its end, cancel it, or choose another "
                "id with --project"
            )
        ended = Revision(
            project=stored,
            nodes=await self._projects.nodes(record.id),
            questions=await self._projects.questions(record.id),
            decisions=await self._projects.decisions(record.id),
        )
        following = record.model_copy(update={"revision": stored.revision + 1})
        await self._projects.supersede(ended, following)
        return following

    async def kept_margin(self, record: ProjectRecord, given: ProjectInput) -> ProjectInput:
        """Let a rebuild keep the margin that was planned before, unless another is asked for.

        What is reused was won by it; a margin planned from the changed prose would throw all away for one more vote.

        Raises:
            BadInput: the project that this one is to be based on is not known.
        """
        if given.based_on is not None and await self._stored(ProjectId(given.based_on)) is None:
            raise BadInput(f"there is no project {given.based_on!r} to build on: `millwright list` shows the projects")
        earlier = await self._projects.revisions(record.id)
        if given.k is not None or not earlier:
            return given
        policy = earlier[-1].project.options.get("policy")
        return given if policy is None else given.model_copy(update={"k": Policy.model_validate(policy).rule.k})

    async def _stored(self, project: ProjectId) -> ProjectRecord | None:
        try:
            return await self._projects.project(project)
        except NotFound:
            return None
