"""From an election to its prompt, and from a completion to its candidate or its red flag.

It calls no model; ``generation`` does.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import JsonValue

from activities.accepted import Accepted
from activities.asking import BESIDE_CODE, Asking
from activities.plans import Plans, available_to
from activities.setting import Setting, Settings
from activities.tracing import Tracing, constraints_of
from millwright.core.decomposition import read_root
from millwright.core.prompts.coder import code_prompt, glue_prompt
from millwright.core.prompts.guidance import guidance
from millwright.core.prompts.planner import decompose_prompt, decomposer_schema, specifier_schema, specify_prompt
from millwright.core.red_flags.dialects import dialect_of
from millwright.core.red_flags.rule_set import Inspection, RuleSet, rule_sets
from millwright.ports import ArtifactStore, ProjectStore
from schemas.digests import digest_of_bytes
from schemas.election import RedFlag
from schemas.evidence import CompletionRecord
from schemas.identity import DELIVERED, ROOT_PATH, Archetype, Digest, TaskId
from schemas.models import FinishReason, Prompt
from schemas.project import Policy
from schemas.requests import ARCHETYPE_OF, ElectionRef, Purpose
from schemas.specification import TaskSpecification


class Prompting:
    """Writes prompts and reads answers for every purpose."""

    def __init__(
        self, projects: ProjectStore, artifacts: ArtifactStore, rules: Mapping[Archetype, RuleSet] | None = None
    ) -> None:
        """Take the stores, and each archetype's red flags; None: the defaults."""
        self._projects = projects
        self._artifacts = artifacts
        self._settings = Settings(projects, artifacts)
        self._plans = Plans(projects)
        self._tracing = Tracing(projects, artifacts)
        self._accepted = Accepted(projects)
        self._rules = rule_sets({}) if rules is None else rules
        self._asking = Asking(projects, artifacts, self._rules)

    async def prompt(
        self, election: ElectionRef, *, among: Sequence[Digest] = (), seed: int = 0
    ) -> tuple[Prompt, dict[str, object] | None]:
        """Write an election's prompt, and the JSON Schema of its answers where they are JSON.

        ``among`` is what the draw is about beside its task; its ``seed`` orders the proposals that are shown.
        """
        note = guidance(election.simplification)
        match election.purpose:
            case Purpose.SPECIFY:
                project = await self._projects.project(election.project)
                asked = await self._tracing.asked(project)
                notes, rejected = await self._rejected(election)
                return specify_prompt(
                    asked.prose,
                    project.target_language,
                    accepted=await self._accepted.root(project),
                    notes=notes,
                    rejected=rejected,
                ), specifier_schema()
            case Purpose.DECOMPOSE:
                node = await self._projects.node(election.project, election.path)
                task = await self._projects.specification(node.specification)
                available = await available_to(self._projects, node)
                return await self._decompose(election, task, available, note), decomposer_schema()
            case Purpose.CODE | Purpose.INTEGRATE:
                setting = await self._setting(election)
                signature = setting.language.signature(setting.task)
                write = code_prompt if election.purpose is Purpose.CODE else glue_prompt
                said = setting.node.rework.guidance
                return write(setting.task, signature, setting.neighbours(), guidance=note, rejected=said), None
            case Purpose.INPUTS | Purpose.EXAMPLES | Purpose.CHOOSE | Purpose.REVIEW | Purpose.COORDINATE:
                return await self._asking.prompt(election, among, seed)

    async def _decompose(
        self, election: ElectionRef, task: TaskSpecification, available: Sequence[TaskId], note: str
    ) -> Prompt:
        project = await self._projects.project(election.project)
        asked = await self._tracing.asked(project)
        policy = Policy.model_validate(project.options.get("policy", {}))
        return decompose_prompt(
            task,
            available,
            asked.prose if election.path == ROOT_PATH else "",
            numbered=asked.statements,
            constraints=constraints_of(project),
            guidance=note,
            atomic_lines=policy.atomic_lines,
            atomic_complexity=policy.atomic_complexity,
            because=await self._because(election),
            finished=await self._finished(election) if election.replan else (),
            accepted=await self._accepted.plan(project, election.path),
        )

    async def extract(
        self, election: ElectionRef, completion: CompletionRecord, *, among: Sequence[Digest] = (), seed: int = 0
    ) -> tuple[CompletionRecord, str | None]:
        """Read a completion: return it labelled with its candidate or red flag, and the candidate's text."""
        if election.purpose in BESIDE_CODE:
            return await self._asking.extract(election, completion, among, seed)
        finish = FinishReason(completion.finish_reason)
        is_code = election.purpose in (Purpose.CODE, Purpose.INTEGRATE)
        read = self._code if is_code else self._structure
        found = await read(election, completion.text, finish)
        text = found.candidate or ""
        if found.flag is not None:
            return completion.model_copy(update={"flag": found.flag.flag, "detail": found.flag.detail}), None
        candidate = digest_of_bytes(text.encode("utf-8", "surrogatepass"))
        return completion.model_copy(update={"candidate": candidate, "detail": found.note}), text

    async def _code(self, election: ElectionRef, text: str, finish: FinishReason) -> Inspection:
        setting = await self._setting(election)
        rules = self._rules[ARCHETYPE_OF[election.purpose]]
        return rules.inspect(text, finish, dialect_of(setting.language, setting.task.name))

    async def _structure(self, election: ElectionRef, text: str, finish: FinishReason) -> Inspection:
        found = self._rules[ARCHETYPE_OF[election.purpose]].inspect(text, finish)
        if found.flag is not None:
            return found
        flag = await self._unsound(election, found.document)
        written = json.dumps(found.document, sort_keys=True, ensure_ascii=True)
        return replace(found, flag=flag, candidate=written)

    async def _unsound(self, election: ElectionRef, answer: JsonValue) -> RedFlag | None:
        if election.purpose is Purpose.SPECIFY:
            project = await self._projects.project(election.project)
            asked = await self._tracing.asked(project)
            root = read_root(answer, project.target_language, asked.statements, asked.front)
            return root if isinstance(root, RedFlag) else None
        node = await self._projects.node(election.project, election.path)
        task = await self._projects.specification(node.specification)
        proposal = await self._plans.read(answer, node, task)
        return proposal if isinstance(proposal, RedFlag) else None

    async def _because(self, election: ElectionRef) -> str:
        if election.because is None:
            return ""
        return (await self._artifacts.get(election.because)).decode("utf-8", "surrogatepass")

    async def _rejected(self, election: ElectionRef) -> tuple[tuple[str, ...], str]:
        """Return what people said of earlier specifications, and the last of these as JSON."""
        because = await self._because(election)
        if not because:
            return (), ""
        told = json.loads(because)
        return tuple(told["notes"]), json.dumps({"specification": told["specification"]}, ensure_ascii=False)

    async def _finished(self, election: ElectionRef) -> list[TaskSpecification]:
        """Return the specifications of a node's children that were delivered: a new plan may keep them."""
        node = await self._projects.node(election.project, election.path)
        children = [await self._projects.node(node.project, path) for path in node.children]
        return [
            await self._projects.specification(child.specification) for child in children if child.status in DELIVERED
        ]

    async def _setting(self, election: ElectionRef) -> Setting:
        return await self._settings.load(election.project, election.path, simplification=election.simplification)
