"""Random trees of delivered parts become packages: no two parts in one file, every import leads somewhere, all runs."""

import ast
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from millwright.core.assembly import RECORDS_MODULE, dotted_name, file_path, import_clash, records_clash
from millwright.core.packaging.package import Part, Whole
from millwright.core.packaging.python import PythonPackager
from millwright.core.specification import check_document
from millwright.core.verification.languages import language_named
from schemas.evidence import NodeRecord
from schemas.identity import NodePath, ProjectId, TaskId
from schemas.specification import SpecificationDocument, TaskSpecification
from tests.strategies import digest_of

PACKAGER = PythonPackager()
PYTHON = language_named("python")
RECORDS = [{"name": "Step", "fields": [{"name": "size", "type_annotation": "int"}]}]
IDS = (
    "a",
    "b",
    "a-b",
    "a_b",
    "tests",
    "test",
    "shop",
    "init",
    "records",
    "py",
    "main",
    "os",
    "string",
    "b2",
    "class-1",
)


@dataclass
class Branch:
    """A node of a random tree: its task, what it depends on, its children, and what its function returns for 1."""

    task: TaskSpecification
    path: NodePath
    children: "list[Branch]" = field(default_factory=list)
    uses: "list[Branch]" = field(default_factory=list)
    value: int = 1

    def all(self) -> "Iterator[Branch]":
        """Yield the branch and everything below it."""
        yield self
        for child in self.children:
            yield from child.all()


def _task(name: str, function: str, **fields: Any) -> TaskSpecification:
    return TaskSpecification.model_validate(
        {
            "id": name,
            "name": function,
            "inputs": [{"name": "n", "type_annotation": "int"}],
            "outputs": [{"name": "result", "type_annotation": "int"}],
            "records": RECORDS,
            **fields,
        }
    )


def _grown(draw: random.Random, path: NodePath, name: str, function: str, depth: int) -> Branch:
    """Grow a branch: its children may depend on earlier ones, and it calls all of them."""
    branch = Branch(_task(name, function), path)
    if depth and draw.random() < 0.7:
        for place, child in enumerate(draw.sample(IDS, draw.randint(2, 4))):
            grown = _grown(draw, NodePath(f"{path}.{child}"), child, f"{function}_{place}", depth - 1)
            grown.uses = [other for other in branch.children if draw.random() < 0.3]
            branch.children.append(grown)
    for node in branch.children:
        node.task = node.task.model_copy(update={"dependencies": tuple(other.task.id for other in node.uses)})
    return branch


def _is_sound(branch: Branch, depth: int = 0) -> bool:
    """Say whether the checks that plans go through would let the tree pass."""
    names = [child.task.id for child in branch.children]
    document = SpecificationDocument(tasks=tuple(child.task for child in branch.children))
    return (
        not (branch.children and check_document(document))
        and not (depth == 0 and records_clash(names, branch.task))
        and all(import_clash(node.task, [other.task.name for other in node.uses]) is None for node in branch.children)
        and all(_is_sound(child, depth + 1) for child in branch.children)
    )


def _tree(draw: random.Random) -> Branch:
    while True:
        tree = _grown(draw, NodePath("root"), "root", "f", 3)
        if tree.children and _is_sound(tree):
            break
    for node in _callees_first(tree):
        node.value = 1 + sum(other.value for other in (*node.uses, *node.children))
        case = {"name": "one", "inputs": {"n": 1}, "expected_output": node.value}
        node.task = TaskSpecification.model_validate({**node.task.model_dump(mode="json"), "test_cases": [case]})
    return tree


def _callees_first(branch: Branch) -> Iterator[Branch]:
    for child in branch.children:
        yield from _callees_first(child)
    yield branch


def _files(tree: Branch, package: str) -> dict[str, str]:
    parts = []
    for node in tree.all():
        called = [*node.uses, *node.children]
        body = " + ".join(["Step(n).size", *(f"{other.task.name}(n)" for other in called)])
        record = NodeRecord(
            project=ProjectId("p"),
            path=node.path,
            task=TaskId(node.task.id),
            name=node.task.name,
            specification=digest_of(node.path),
            children=tuple(child.path for child in node.children),
        )
        imports = [(dotted_name(package, other.path), (other.task.name,)) for other in called]
        source = f"def {node.task.name}(n: int) -> int:\n    return {body}\n"
        text = PYTHON.assemble(node.task, source, imports, f"{package}.{RECORDS_MODULE}")
        module = dotted_name(package, node.path)
        parts.append(Part(node.path, node.task, module, file_path(PYTHON, package, record), text))
    assert len({part.file for part in parts}) == len(parts)
    records = tree.task.records
    path = PYTHON.module_path(package, (RECORDS_MODULE,), False)
    return PACKAGER.files(
        Whole(
            package=package,
            version="0.1.0",
            summary="A tree.",
            parts=tuple(parts),
            records=records,
            errors=(),
            records_file=(path, PYTHON.records_source(records, ())),
        )
    )


def _modules(files: Mapping[str, str]) -> set[str]:
    dotted = {name.removesuffix(".py").replace("/", ".") for name in files if name.endswith(".py")}
    return {name.removesuffix(".__init__") for name in dotted}


@settings(max_examples=25)
@given(st.randoms(use_true_random=False))
def test_every_random_tree_is_a_package_whose_imports_lead_somewhere(draw: random.Random) -> None:
    """Each part has a file of its own, each file compiles, and what it imports of the package is in the package."""
    tree = _tree(draw)
    files = _files(tree, "shop")
    modules = _modules(files)
    assert {dotted_name("shop", node.path) for node in tree.all()} <= modules
    for name, text in files.items():
        if name.endswith(".py"):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "shop":
                    assert node.module in modules, f"{name} imports {node.module}"


def test_random_trees_import_and_compute(tmp_path: Path) -> None:
    """A dozen trees are imported module by module in one process, and every function gives what it must."""
    draw = random.Random(20)
    checks = []
    for number in range(12):
        package = f"shop_{number}"
        tree = _tree(draw)
        for name, text in _files(tree, package).items():
            if not name.startswith(f"{package}/"):
                continue
            place = tmp_path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        nodes = list(tree.all())
        draw.shuffle(nodes)  # whichever module is imported first, the others follow
        checks += [(dotted_name(package, node.path), node.task.name, node.value) for node in nodes]
    program = (
        "import importlib\n"
        f"for module, name, value in {checks!r}:\n"
        "    assert getattr(importlib.import_module(module), name)(1) == value, (module, name)\n"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
