"""From an election to its prompt, and from a completion to its candidate or its red flag.

It calls no model; ``generation`` does.
"""

import json

from pydantic import JsonValue

from activities.setting import Setting, Settings
from millwright.core.decomposition import read_proposal, read_root
from millwright.core.extraction import extract_code, extract_json
from millwright.core.prompts.coder import code_prompt, glue_prompt
from millwright.core.prompts.guidance import guidance
from millwright.core.prompts.planner import decompose_prompt, decomposer_schema, specifier_schema, specify_prompt
from millwright.core.red_flags import first_flag
from millwright.ports import ArtifactStore, ProjectStore
from schemas.digests import digest_of_bytes
from schemas.election import RedFlag
from schemas.evidence import CompletionRecord, NodeRecord
from schemas.identity import ROOT_PATH, TaskId
from schemas.models import FinishReason, Prompt
from schemas.project import Policy
from schemas.requests import ElectionRef, Purpose


class Prompting:
    """Writes prompts and reads answers for every purpose."""

    def __init__(self, projects: ProjectStore, artifacts: ArtifactStore) -> None:
        self._projects = projects
        self._artifacts = artifacts
        self._settings = Settings(projects, artifacts)

    async def prompt(self, election: ElectionRef) -> tuple[Prompt, dict[str, object] | None]:
        """Write an election's prompt, and the JSON Schema of its answers where they are JSON."""
        note = guidance(election.simplification)
        match election.purpose:
            case Purpose.SPECIFY:
                project = await self._projects.project(election.project)
                text = await self._requirements(election)
                return specify_prompt(text, project.target_language), specifier_schema()
            case Purpose.DECOMPOSE:
                node = await self._projects.node(election.project, election.path)
                task = await self._projects.specification(node.specification)
                available = await available_to(self._projects, node)
                prose = await self._requirements(election) if election.path == ROOT_PATH else ""
                return decompose_prompt(task, available, prose, guidance=note), decomposer_schema()
            case Purpose.CODE | Purpose.INTEGRATE:
                setting = await self._setting(election)
                signature = setting.language.signature(setting.task)
                write = code_prompt if election.purpose is Purpose.CODE else glue_prompt
                return write(setting.task, signature, setting.neighbours(), guidance=note), None

    async def extract(self, election: ElectionRef, completion: CompletionRecord) -> tuple[CompletionRecord, str | None]:
        """Read a completion: return it labelled with its candidate or red flag, and the candidate's text."""
        finish = FinishReason(completion.finish_reason)
        is_code = election.purpose in (Purpose.CODE, Purpose.INTEGRATE)
        read = self._code if is_code else self._structure
        found = await read(election, completion.text, finish)
        if isinstance(found, RedFlag):
            return completion.model_copy(update={"flag": found.flag, "detail": found.detail}), None
        candidate = digest_of_bytes(found.encode("utf-8", "surrogatepass"))
        return completion.model_copy(update={"candidate": candidate}), found

    async def _code(self, election: ElectionRef, text: str, finish: FinishReason) -> str | RedFlag:
        setting = await self._setting(election)
        language = setting.language
        source = extract_code(text, finish, language.fence_tags, loads=lambda code: language.loads(code) is None)
        if isinstance(source, RedFlag):
            return source
        name = setting.task.name
        flag = first_flag(
            source, loads=language.loads, placeholder=lambda code: language.has_placeholder_body(code, name)
        )
        return flag or source

    async def _structure(self, election: ElectionRef, text: str, finish: FinishReason) -> str | RedFlag:
        answer = extract_json(text, finish)
        if isinstance(answer, RedFlag):
            return answer
        flag = await self._unsound(election, answer)
        return flag or json.dumps(answer, sort_keys=True, ensure_ascii=True)

    async def _unsound(self, election: ElectionRef, answer: JsonValue) -> RedFlag | None:
        if election.purpose is Purpose.SPECIFY:
            project = await self._projects.project(election.project)
            root = read_root(answer, project.target_language)
            return root if isinstance(root, RedFlag) else None
        node = await self._projects.node(election.project, election.path)
        project = await self._projects.project(election.project)
        task = await self._projects.specification(node.specification)
        policy = Policy.model_validate(project.options.get("policy", {}))
        available = await available_to(self._projects, node)
        proposal = read_proposal(answer, task, available, election.path.count("."), policy)
        return proposal if isinstance(proposal, RedFlag) else None

    async def _setting(self, election: ElectionRef) -> Setting:
        return await self._settings.load(election.project, election.path, simplification=election.simplification)

    async def _requirements(self, election: ElectionRef) -> str:
        project = await self._projects.project(election.project)
        if project.requirements is None:
            return ""
        return (await self._artifacts.get(project.requirements)).decode("utf-8")


async def available_to(projects: ProjectStore, node: NodeRecord) -> tuple[TaskId, ...]:
    """List the ids of the nodes that a node itself depends on: its children may depend on them as well.

    Children that an earlier attempt already gave it are left out: the proposal brings them itself.
    """
    outside = [path for path in node.dependencies if path not in node.children]
    return tuple([(await projects.node(node.project, path)).task for path in outside])
