"""Asks agents for what is no code and no structure: inputs, results of calls, a choice, a review, a way out.

It calls no model and keeps nothing; ``generation`` draws, and ``proposing`` acts on what was said.
"""

import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from millwright.core import coordination, proposals, reviewing, settling
from millwright.core.extraction import extract_json
from millwright.core.prompts.choosing import (
    asked_in_prose,
    asked_of_task,
    choice_schema,
    choose_prompt,
    decomposition_outline,
    read_choice,
    shown_order,
    specification_outline,
)
from millwright.core.prompts.coordinator import coordinate_prompt, coordinate_schema
from millwright.core.prompts.planner import specifier_task
from millwright.core.prompts.reviewer import review_prompt, review_schema
from millwright.core.prompts.settling import outcomes_prompt, outcomes_schema
from millwright.core.prompts.verifier import inputs_prompt, inputs_schema
from millwright.core.red_flags.rule_set import RuleSet, rule_sets
from millwright.core.verification.evidence import Arguments
from millwright.core.verification.languages import language_named
from millwright.errors import SpecificationInvalid
from millwright.ports import ArtifactStore, ProjectStore
from schemas.claims import digest_of_values
from schemas.coordination import Situation
from schemas.digests import digest_of_bytes
from schemas.election import RedFlag
from schemas.evidence import CompletionRecord
from schemas.identity import Archetype, Digest
from schemas.models import FinishReason, Prompt
from schemas.planning import Proposal, SpecifiedRoot
from schemas.requests import ARCHETYPE_OF, ElectionRef, Purpose
from schemas.specification import Fault, TaskSpecification

BESIDE_CODE = frozenset({Purpose.INPUTS, Purpose.EXAMPLES, Purpose.CHOOSE, Purpose.REVIEW, Purpose.COORDINATE})
"""What is asked here."""


class Asking:
    """Writes the prompts for what agents propose beside code, and reads the answers."""

    def __init__(
        self, projects: ProjectStore, artifacts: ArtifactStore, rules: Mapping[Archetype, RuleSet] | None = None
    ) -> None:
        """Take the stores, and each archetype's red flags; None: the defaults."""
        self._projects = projects
        self._artifacts = artifacts
        self._rules = rule_sets({}) if rules is None else rules

    async def prompt(
        self, election: ElectionRef, among: Sequence[Digest], seed: int
    ) -> tuple[Prompt, dict[str, object]]:
        """Write the prompt of one draw, whose ``seed`` orders the proposals to choose from, and its answer's schema."""
        if election.purpose is Purpose.CHOOSE:
            return await self._choice(election, shown_order(among, seed))
        task = await self.task(election)
        if election.purpose is Purpose.COORDINATE:
            situation = await self._situation(among)
            return coordinate_prompt(task, situation), coordinate_schema(situation.open)
        signature = language_named(task.target_language).signature(task)
        if election.purpose is Purpose.REVIEW:
            source = await self._projects.candidate(election.project, election.path, among[0])
            own = await self._projects.further_examples(election.project, election.path)
            return review_prompt(settling.with_examples(task, own), signature, source), review_schema(task)
        if election.purpose is Purpose.INPUTS:
            known = settling.with_examples(task, await self._projects.further_examples(election.project, election.path))
            return inputs_prompt(known, signature), inputs_schema(task)
        calls = [settling.inputs_by_name(arguments, task) for arguments in await self.inputs(election, among)]
        return outcomes_prompt(task, signature, calls), outcomes_schema(task, len(calls))

    async def extract(
        self, election: ElectionRef, completion: CompletionRecord, among: Sequence[Digest], seed: int
    ) -> tuple[CompletionRecord, str | None]:
        """Read a completion: return it labelled with what it says or its red flag, and the text to be kept of it.

        Of a choice the label is the chosen proposal, whose text is kept already.
        """
        found = await self._read(election, completion, among, seed)
        if isinstance(found, RedFlag):
            return completion.model_copy(update={"flag": found.flag, "detail": found.detail}), None
        if election.purpose is Purpose.CHOOSE:
            return completion.model_copy(update={"candidate": found}), None
        return completion.model_copy(update={"candidate": digest_of_bytes(found.encode("ascii"))}), found

    async def _read(
        self, election: ElectionRef, completion: CompletionRecord, among: Sequence[Digest], seed: int
    ) -> str | RedFlag:
        finish = FinishReason(completion.finish_reason)
        rules = self._rules[ARCHETYPE_OF[election.purpose]]
        if election.purpose is Purpose.INPUTS:
            read = proposals.read_proposals(completion.text, finish, await self.task(election), rules)
            return read if isinstance(read, RedFlag) else proposals.stored(read)
        answer: JsonValue | RedFlag = extract_json(completion.text, finish, rules)
        if isinstance(answer, RedFlag):
            return answer
        if election.purpose is Purpose.CHOOSE:
            return read_choice(answer, shown_order(among, seed))
        if election.purpose is Purpose.REVIEW:
            review = reviewing.read_review(answer, await self.task(election))
            return review if isinstance(review, RedFlag) else reviewing.stored(review)
        if election.purpose is Purpose.COORDINATE:
            advice = coordination.read_advice(answer)
            return advice if isinstance(advice, RedFlag) else coordination.stored(advice)
        stated = settling.read_answer(answer, await self.task(election), len(among))
        return stated if isinstance(stated, RedFlag) else settling.written(stated)

    async def task(self, election: ElectionRef) -> TaskSpecification:
        """Read the specification of an election's node, as it was given."""
        node = await self._projects.node(election.project, election.path)
        return await self._projects.specification(node.specification)

    async def inputs(self, election: ElectionRef, among: Sequence[Digest]) -> tuple[Arguments, ...]:
        """Find inputs of a node, of its specification or its own, by their digests, in the same order.

        Raises:
            SpecificationInvalid: one of them is not among the stored inputs.
        """
        node = await self._projects.node(election.project, election.path)
        stored = await self._projects.inputs(node.specification)
        own = await self._projects.further_inputs(election.project, election.path)
        lists = [(), *(vector.arguments for vector in (*(stored.vectors if stored else ()), *own))]
        known: dict[Digest, Arguments] = {digest_of_values(arguments): arguments for arguments in lists}
        missing = [digest for digest in among if digest not in known]
        if missing:
            raise SpecificationInvalid([Fault(where=election.path, what=f"no input is stored under {missing[0]}")])
        return tuple(known[digest] for digest in among)

    async def _choice(self, election: ElectionRef, shown: Sequence[Digest]) -> tuple[Prompt, dict[str, object]]:
        """Show proposals in this order: specifications of the whole, or splits of the node's task."""
        if not shown:
            raise SpecificationInvalid([Fault(where=election.path, what="there is nothing to choose from")])
        texts = [await self._projects.candidate(election.project, election.path, digest) for digest in shown]
        read = [json.loads(text) for text in texts]
        schema = choice_schema(len(shown))
        if all("specification" in item for item in read):
            prose = await self._requirements(election)
            roots = [SpecifiedRoot.model_validate(item) for item in read]
            outlines = [specification_outline(root.specification) for root in roots]
            return choose_prompt(specifier_task(prose), asked_in_prose(prose), outlines), schema
        task = await self.task(election)
        outlines = [decomposition_outline(Proposal.model_validate(item)) for item in read]
        return choose_prompt(task.id, asked_of_task(task), outlines), schema

    async def _situation(self, among: Sequence[Digest]) -> Situation:
        """Read the situation that a coordinator is told of."""
        return Situation.model_validate_json(await self._artifacts.get(among[0]))

    async def _requirements(self, election: ElectionRef) -> str:
        project = await self._projects.project(election.project)
        if project.requirements is None:
            return ""
        return (await self._artifacts.get(project.requirements)).decode("utf-8")
