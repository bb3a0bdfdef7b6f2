"""A candidate's setting: its node, its specification, what it may import and the inputs it is tried on.

It reads the store and assembles; it runs nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from millwright.core.assembly import RECORDS_MODULE, dotted_name, file_path, import_clash
from millwright.core.fallback import simplified
from millwright.core.prompts.wording import Neighbour
from millwright.core.settling import with_examples
from millwright.core.verification.language import Language
from millwright.core.verification.languages import language_named
from millwright.core.verification.layer import Subject
from millwright.errors import NotFound, SpecificationInvalid
from millwright.ports import ArtifactStore, ProjectStore
from schemas.evidence import NodeRecord, ProjectRecord
from schemas.identity import DELIVERED, NodePath, ProjectId
from schemas.specification import DeclaredError, Fault, Record, TaskKind, TaskSpecification
from schemas.verification import InputSet


@dataclass(frozen=True)
class Dependency:
    """A node that another may call: its specification and where its function is found."""

    node: NodeRecord
    task: TaskSpecification
    module: str


@dataclass(frozen=True)
class Setting:
    """A node with everything around it that its candidates meet."""

    project: ProjectRecord
    node: NodeRecord
    task: TaskSpecification
    language: Language
    direct: tuple[Dependency, ...]
    modules: Mapping[str, str]
    records_module: str | None

    @property
    def module(self) -> str:
        """The dotted name of the node's own module."""
        return dotted_name(self.project.package, self.node.path)

    @property
    def target(self) -> str:
        """The path of the node's own module."""
        return file_path(self.language, self.project.package, self.node)

    def neighbours(self) -> tuple[Neighbour, ...]:
        """Describe the functions that the node's code may call."""
        return tuple(
            Neighbour(
                import_line=self.language.import_line(item.module, (item.task.name,)),
                signature=self.language.signature(item.task),
                description=" ".join(item.task.description.split()),
            )
            for item in self.direct
        )

    def assemble(self, source: str) -> str:
        """Make the text of the node's module of a candidate's source."""
        imports = tuple((item.module, (item.task.name,)) for item in self.direct)
        return self.language.assemble(self.task, source, imports, self.records_module)

    def subject(self, source: str, inputs: InputSet) -> Subject:
        """Make a candidate the subject of the ladder."""
        text = self.assemble(source)
        return Subject(
            task=self.task,
            source=text,
            modules={**self.modules, self.target: text},
            target=self.target,
            module=self.module,
            inputs=inputs,
            records_module=self.records_module,
        )


class Settings:
    """Reads settings from the stores."""

    def __init__(self, projects: ProjectStore, artifacts: ArtifactStore) -> None:
        self._projects = projects
        self._artifacts = artifacts

    async def load(self, project: ProjectId, path: NodePath, *, simplification: int = 0) -> Setting:
        """Load a node's setting: its task with the examples that a vote settled, simplified as often as its election.

        Raises:
            NotFound: no such project or node.
            SpecificationInvalid: two functions that meet in the node's module have the same name.
        """
        record = await self._projects.project(project)
        node = await self._projects.node(project, path)
        task = await self._projects.specification(node.specification)
        settled = await self._projects.further_examples(project, path)
        language = language_named(task.target_language)
        reachable = await self._reachable(node)
        tasks = [task, *(item.task for item in reachable.values())]
        records_module, modules = _records(language, record.package, tasks)
        for item in reachable.values():
            of_item = language_named(item.task.target_language)
            modules[file_path(of_item, record.package, item.node)] = await self._source(item.node)
        direct = tuple(
            Dependency(item.node, item.task, dotted_name(record.package, item.node.path))
            for item in (reachable[name] for name in node.dependencies)
            if item.task.has_interface and item.task.kind is not TaskKind.FILE
        )
        clash = import_clash(task, [item.task.name for item in direct])
        if clash:
            raise SpecificationInvalid([Fault(where=path, what=clash)])
        return Setting(
            project=record,
            node=node,
            task=simplified(with_examples(task, settled), simplification),
            language=language,
            direct=direct,
            modules=modules,
            records_module=records_module,
        )

    async def _reachable(self, node: NodeRecord) -> dict[NodePath, Dependency]:
        """Collect everything that a node's code may cause to be imported."""
        found: dict[NodePath, Dependency] = {}
        open_ = list(node.dependencies)
        while open_:
            path = open_.pop()
            if path in found:
                continue
            other = await self._projects.node(node.project, path)
            found[path] = Dependency(other, await self._projects.specification(other.specification), "")
            open_.extend(other.dependencies)
        return found

    async def _source(self, node: NodeRecord) -> str:
        if node.artifact is None or node.status not in DELIVERED:
            raise NotFound(f"{node.project}: {node.path} has no verified code yet, and something depends on it")
        return (await self._artifacts.get(node.artifact)).decode("utf-8", "surrogatepass")


def _records(language: Language, package: str, tasks: Sequence[TaskSpecification]) -> tuple[str | None, dict[str, str]]:
    """Render the module of records and errors that the tasks declare; none when they declare none."""
    records, errors = declared(tasks)
    if not records and not errors:
        return None, {}
    path = language.module_path(package, (RECORDS_MODULE,), False)
    return f"{package}.{RECORDS_MODULE}", {path: language.records_source(records, errors)}


def declared(tasks: Sequence[TaskSpecification]) -> tuple[tuple[Record, ...], tuple[DeclaredError, ...]]:
    """Collect the records and errors that the code of tasks needs, each name once, in order of first mention."""
    code = [task for task in tasks if task.kind is not TaskKind.FILE]  # records say what a file holds, no more
    records = {record.name: record for task in code for record in task.records}
    errors = {error.name: error for task in code for error in task.errors}
    return tuple(records.values()), tuple(errors.values())
