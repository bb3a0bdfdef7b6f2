"""The bundled examples' scripted content, taken apart for tests: each one's tree, its answers, and what they stand on.

It judges nothing and runs nothing: ``tests.integration.example_programs`` does that.
"""

import dataclasses
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from millwright.adapters.embedded.demo_sampling import (
    Completion,
    CompletionBook,
    TaskCompletions,
    bundled_examples,
    read_book,
)
from millwright.core.kinds import as_called
from millwright.core.prompts.planner import specifier_task
from schemas.identity import Archetype
from schemas.models import EARLIER_PLAN_LINE
from schemas.specification import TaskSpecification
from schemas.types import Kind, Type, parse_type
from schemas.values import decode_json


@dataclasses.dataclass(frozen=True)
class Example:
    """One bundled example: its folder, and what lies in it."""

    folder: Path

    @property
    def name(self) -> str:
        """Its name, which is its folder's."""
        return self.folder.name

    @cached_property
    def requirements(self) -> str:
        """Its requirements in prose."""
        return (self.folder / "requirements.md").read_text(encoding="utf-8")

    @property
    def specifier_task(self) -> str:
        """What the specifier is asked about: answers for other prose than the example's own are never given."""
        return specifier_task(self.requirements)

    @cached_property
    def book(self) -> CompletionBook:
        """Its completions."""
        return read_book([self.folder / "completions"])

    def entry(self, archetype: Archetype, task: str) -> TaskCompletions:
        """Return the completions for a task that must be there; of one that is planned anew, those of the new plan."""
        found = self.book.get(archetype.value, task, EARLIER_PLAN_LINE)
        assert found is not None, f"{self.name}: no completions for {archetype} {task}"
        return found

    @property
    def given_up(self) -> list[str]:
        """The ids of the tasks whose first plan cannot be carried out, so that they are planned anew."""
        return [entry.task for entry in self.book if entry.again]

    def first_plans(self, task: str) -> list[Completion]:
        """Return the likeliest answers to a task that is planned anew, before anything is known against them."""
        found = self.book.get(Archetype.DECOMPOSER.value, task)
        assert found is not None
        return [completion for completion in found.completions if completion.flaw == "plan"]

    def right(self, archetype: Archetype, task: str) -> list[Completion]:
        """Return the right answers to a task."""
        return [completion for completion in self.entry(archetype, task).completions if completion.kind == "right"]

    def answers(self, task: str) -> tuple[Completion, ...]:
        """Return all answers of those who write a task's code."""
        return self.entry(self.archetype_of(task), task).completions

    @cached_property
    def covers(self) -> dict[str, tuple[str, ...]]:
        """The requirements that each task answers for: the root for all behaviour, a child for what it is given."""
        said = structure(self.right(Archetype.SPECIFIER, self.specifier_task)[0])["requirements"]
        doubtful = [item["id"] for item in said.get("ambiguous", ())]
        found = {"root": (*said["functional"], *doubtful)}
        for task in self.inner:
            for child in structure(self.right(Archetype.DECOMPOSER, task)[0])["children"]:
                found[child["specification"]["id"]] = tuple(child["covers"])
        return found

    @cached_property
    def tree(self) -> dict[str, tuple[TaskSpecification, tuple[str, ...]]]:
        """Every task with the ids of its children, from the likeliest answers."""
        said = structure(self.right(Archetype.SPECIFIER, self.specifier_task)[0])
        root = as_called(TaskSpecification.model_validate(said["specification"]))
        found: dict[str, tuple[TaskSpecification, tuple[str, ...]]] = {}
        waiting = [root]
        while waiting:
            task = waiting.pop(0)
            children: list[TaskSpecification] = []
            if self.book.get("decomposer", task.id) is not None:
                proposal = structure(self.right(Archetype.DECOMPOSER, task.id)[0])
                children = [
                    TaskSpecification.model_validate(
                        {**child["specification"], "records": list(root.records), "errors": list(root.errors)}
                    )
                    for child in proposal["children"]
                ]
            found[task.id] = (task, tuple(child.id for child in children))
            waiting += children
        return found

    @property
    def leaves(self) -> list[str]:
        """The ids of the atomic tasks."""
        return [task for task, (_, children) in self.tree.items() if not children]

    @property
    def inner(self) -> list[str]:
        """The ids of the tasks that compose others."""
        return [task for task, (_, children) in self.tree.items() if children]

    def task(self, name: str) -> TaskSpecification:
        """Return a task's specification."""
        return self.tree[name][0]

    def archetype_of(self, task: str) -> Archetype:
        """Return who writes a task's code."""
        return Archetype.INTEGRATOR if self.tree[task][1] else Archetype.CODER

    def below(self, task: str) -> list[str]:
        """Return the sources that a task's code calls: its dependencies and all that is under it, callees first."""
        specification, children = self.tree[task]
        sources: list[str] = []
        for needed in (*specification.dependencies, *children):
            sources += [*self.below(needed), code(self.right(self.archetype_of(needed), needed)[0])]
        return sources

    @cached_property
    def prelude(self) -> str:
        """The records and errors that the root declares, as a program's head."""
        root = self.task("root")
        lines = ["from __future__ import annotations", "import dataclasses", "from typing import Any"]
        lines += ["from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment"]
        for error in root.errors:
            lines += [f"class {error.name}({error.base}):", "    pass"]
        for record in root.known_records:
            lines += ["@dataclasses.dataclass(frozen=True)", f"class {record.name}:"]
            lines += [f"    {field.name}: {field.type_annotation}" for field in record.fields] or ["    pass"]
        return "\n".join(lines)

    def types_of(self, task: str) -> dict[str, Type]:
        """Return the types of a task's inputs by name."""
        specification = self.task(task)
        records = [record.name for record in specification.known_records]
        return {item.name: parse_type(item.type_annotation, records) for item in specification.inputs}

    def example_calls(self, task: str) -> list[Any]:
        """Return the arguments of a task's examples, as tagged values."""
        specification = self.task(task)
        records = {record.name: record for record in specification.known_records}
        types = self.types_of(task)
        return [
            [decode_json(case.inputs[name], types[name], records) for name in types]
            for case in specification.test_cases
        ]

    def expected(self, task: str) -> list[Any]:
        """Return the outcomes that a task's examples state, as tagged values."""
        specification = self.task(task)
        records = {record.name: record for record in specification.known_records}
        outputs = [parse_type(item.type_annotation, records) for item in specification.outputs]
        of = outputs[0] if len(outputs) == 1 else Type(Kind.TUPLE, tuple(outputs))
        return [
            ["raised", case.raises] if case.raises else decode_json(case.expected_output, of, records)
            for case in specification.test_cases
        ]


def structure(completion: Completion) -> Any:
    """Parse a structured answer, which stands in one fenced block."""
    block = re.search(r"```json\n(.*)\n```", completion.text, re.DOTALL)
    return json.loads(block[1] if block else completion.text)


def code(completion: Completion) -> str:
    """Take the module out of an answer: its one fenced block, or the whole text."""
    blocks = re.findall(r"```python\n(.*?)```", completion.text, re.DOTALL)
    assert len(blocks) <= 1
    return str(blocks[0]) if blocks else completion.text


EXAMPLES = tuple(Example(folder) for folder in bundled_examples().values() if (folder / "requirements.md").is_file())
"""All bundled examples that begin with prose; ``test_examples_kinds`` holds the other, of task specifications."""

TASKS = [(example, task) for example in EXAMPLES for task in example.tree]
"""Every task of every example."""

TASK_NAMES = [f"{example.name}-{task}" for example, task in TASKS]
