"""The candidates that the speed of verification is measured with: our references, and variants of their text.

Every task gets a contract and a property, so that all eight layers have work. It times nothing.
"""

import ast
import copy
from collections.abc import Iterator
from pathlib import Path

from millwright.adapters.documents.specification_file import read_specification
from millwright.commandline.candidates import Candidate
from millwright.core.specification import check_document, resolve
from schemas.specification import Condition, Property, TaskSpecification

REFERENCES = Path(__file__).resolve().parent / "references"
SPECIFICATIONS = "specs.yaml"


def tasks(data: Path) -> dict[str, TaskSpecification]:
    """Read the tasks of a folder by id, each as it stands."""
    text = (data / SPECIFICATIONS).read_text(encoding="utf-8")
    return {task.id: task for task in resolve(read_specification(text, SPECIFICATIONS, check_document))}


def references() -> dict[str, str]:
    """Read our own solutions by task id."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(REFERENCES.glob("humaneval_*.py"))}


def with_everything(task: TaskSpecification) -> TaskSpecification:
    """Give a task a contract and a property that any solution fulfils: what counts here is that they are evaluated."""
    names = ", ".join(item.name for item in task.inputs)
    source = (
        f"def check({names}):\n"
        f"    try:\n"
        f"        value = {task.name}({names})\n"
        f"    except Exception:\n"
        f"        return\n"
        f"    assert value is value\n"
    )
    contract = Condition(name="something_came", expression="result == result or result != result")
    return task.model_copy(
        update={"postconditions": (contract,), "properties": (Property(name="check", property_function=source),)}
    )


def variant(source: str, number: int) -> str:
    """Write a source with its local variables renamed: another text and another tree with the same behaviour."""
    if number == 0:
        return source
    tree = copy.deepcopy(ast.parse(source))
    for function in [node for node in tree.body if isinstance(node, ast.FunctionDef)]:
        own = set(_locals(function))
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id in own:
                node.id = f"{node.id}_{number}"
        first = ast.parse(f"marker_{number} = {number}\nassert marker_{number} == {number}").body
        function.body[0:0] = first
    return ast.unparse(tree) + "\n"


def _locals(function: ast.FunctionDef) -> Iterator[str]:
    outer = {argument.arg for argument in function.args.args}
    nested = {
        name
        for node in ast.walk(function)
        if isinstance(node, ast.FunctionDef | ast.Lambda) and node is not function
        for name in (argument.arg for argument in node.args.args)
    }
    stays = {name for node in ast.walk(function) if isinstance(node, ast.Nonlocal | ast.Global) for name in node.names}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id not in outer | nested | stays:
            yield node.id


def candidate(task: TaskSpecification, source: str, number: int) -> Candidate:
    """Make the numbered variant of a task's solution."""
    return Candidate(id=f"{task.id}/{number}", task=task, source=variant(source, number))
