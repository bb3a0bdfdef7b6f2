"""Asks agents what suspected parts give for calls that a failed integration made of them.

A part is at fault where most agents state, far enough ahead, what it does not give. It asks about nothing else.
"""

from temporalio import activity

from activities.asking import Asking
from activities.boundary import heartbeating, translated
from activities.examining import sound
from activities.generation import Generation
from activities.setting import Settings
from activities.stating import Stating
from millwright.core import settling
from millwright.core.attribution import ChildFacts, attribute_statements
from millwright.core.examples import accepts
from millwright.core.verification.evidence import program
from millwright.ports import ArtifactStore, ProjectStore, Sandbox
from schemas.attribution import AttributeRequest, Attribution
from schemas.claims import digest_of_values
from schemas.execution import CallRequest
from schemas.identity import Digest, NodePath
from schemas.requests import ElectionRef, Purpose
from schemas.specification import TestCase
from schemas.verification import InputOrigin, InputSet

MOST_SUSPECTS = 3
"""Parts that agents are asked about after one failed integration."""

_STATED = "After an integration failed."
_NOTHING = InputSet(specification_digest=Digest("0" * 64), generator="none", vectors=())


class Consulting:
    """Activities that ask agents who is right."""

    def __init__(
        self, generation: Generation, projects: ProjectStore, artifacts: ArtifactStore, sandbox: Sandbox
    ) -> None:
        self._projects = projects
        self._sandbox = sandbox
        self._settings = Settings(projects, artifacts)
        self._asking = Asking(projects, artifacts)
        self._stating = Stating(generation, projects)

    @activity.defn
    @translated
    async def ask_about_calls(self, request: AttributeRequest) -> Attribution:
        """Let agents state what suspects give for the calls seen of them; who gives something else is at fault."""
        async with heartbeating():
            found = [await self._asked(request, path) for path in request.suspects[:MOST_SUSPECTS]]
        reached = next((reached for _, reached in found if reached is not None), None)
        stated = attribute_statements([facts for facts, _ in found], max_reopenings=request.max_reopenings)
        return stated.model_copy(update={"budget_reached": reached})

    async def _asked(self, request: AttributeRequest, path: NodePath) -> tuple[ChildFacts, str | None]:
        """Find out what agents state of a suspect; the cap that stopped some of the calls, if one did, beside it."""
        project = request.election.project
        setting = await self._settings.load(project, path)
        node = setting.node
        election = ElectionRef(
            project=project,
            path=path,
            purpose=Purpose.EXAMPLES,
            edition=node.rework.edition,
            revision=setting.project.revision,
        )
        task = await self._asking.task(election)
        own = await self._projects.further_inputs(project, path)
        seen = [vector.arguments for vector in own if vector.origin is InputOrigin.INTEGRATION]
        asked = settling.chosen_inputs(seen, task)
        if not asked or node.candidate is None:
            return ChildFacts(path=path, asked=True, reopenings=node.rework.reopenings), None
        answers, reached = await self._stating.answers(
            election, task, asked, k=request.k, cap=request.cap, seed=request.seed
        )
        source = await self._projects.candidate(project, path, node.candidate)
        subject = setting.subject(source, _NOTHING)
        report = await self._sandbox.call(CallRequest(program=program(subject, len(asked)), calls=asked))
        failed: list[TestCase | None] = []
        for case in settling.settled_examples(answers, asked, task, request.k):
            place = int(case.name.rpartition("_")[2]) - 1
            if not accepts(task, case, report.outcomes[place]):
                name = f"integrated_{digest_of_values(asked[place])[:8]}"
                failed.append(case.model_copy(update={"name": name, "description": f"{_STATED} {case.description}"}))
        kept = await sound(self._sandbox, task, failed)
        await self._projects.add_further_examples(project, path, kept)
        reopenings = node.rework.reopenings
        facts = ChildFacts(path=path, stated=len(kept), called=len(asked), asked=True, reopenings=reopenings)
        return facts, reached
