"""A Python package: pyproject, modules, type marker, generated tests, a command where the root is a text filter.

The generated tests use the standard library alone, so that they run wherever the package does.
"""

import keyword
import re
import sys
from collections.abc import Mapping, Sequence

from millwright.core.kinds import is_code
from millwright.core.packaging.package import Findings, Part, Trial, Whole, one_line
from millwright.core.packaging.python_checks import judge, trials
from millwright.core.packaging.python_entry import main_module, usage
from millwright.core.packaging.python_layout import command_of, test_paths
from millwright.core.packaging.python_tests import class_name, method_names, test_module
from millwright.core.packaging.traceability import TRACEABILITY, traceability
from millwright.core.specification_grants import granted_packages
from schemas.execution import CommandReport
from schemas.identity import NodePath, ProjectId
from schemas.requirements import TestRef

_PYPROJECT = """[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "{version}"
description = "{summary}"
readme = "README.md"
requires-python = ">=3.11"
classifiers = ["Typing :: Typed"]
{dependencies}{scripts}
[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""

_TAKEN = frozenset({"test", "tests"}) | {
    *("mypy", "mypyc", "mypy_extensions", "typing_extensions", "librt"),
    *("hatchling", "packaging", "pathspec", "pip", "pluggy", "trove_classifiers"),
}
"""Names of the interpreter, the tests and the tools of the checks: a package of such a name would hide theirs."""


class PythonPackager:
    """Makes Python packages."""

    language = "python"

    def package_name(self, project: ProjectId) -> str:
        """Return the project's id as a module name; one that the standard library or the tests have gets a suffix."""
        name = re.sub(r"[^a-z0-9]+", "_", project.lower()).strip("_")
        if not name.isidentifier():
            return f"package_{name}"
        taken = keyword.iskeyword(name) or name in sys.stdlib_module_names or name in _TAKEN
        return f"{name}_package" if taken else name

    def group(self, summary: str, members: Sequence[tuple[str, str]]) -> str:
        """Write an ``__init__`` that re-exports the members."""
        imports = "".join(f"from {module} import {name}\n" for module, name in sorted(members))
        names = "".join(f'    "{name}",\n' for name in sorted({name for _, name in members}))
        docstring = f'"""{_one_line(summary)}"""\n'
        return f"{docstring}\n{imports}\n__all__ = [\n{names}]\n" if members else docstring

    def files(self, whole: Whole) -> dict[str, str]:
        """Return every file of the package by path."""
        files = {part.file: part.text for part in whole.parts}
        if whole.records_file:
            path, text = whole.records_file
            files[path] = text
        files.setdefault(f"{whole.package}/__init__.py", f'"""{_one_line(whole.summary)}"""\n')
        files[f"{whole.package}/py.typed"] = ""
        entry = command_of(whole)
        if entry:
            files[f"{whole.package}/__main__.py"] = main_module(whole, entry)
        files["pyproject.toml"] = _pyproject(whole, entry is not None)
        files["README.md"] = _readme(whole, entry)
        modules: dict[NodePath, str] = {}
        for part, path in test_paths(whole):
            modules[part.path] = path.removesuffix(".py").replace("/", ".")
            files[path] = test_module(part, whole)
            files["tests/__init__.py"] = ""
        account = traceability(whole, _Named(whole, modules))
        if account is not None:
            files[TRACEABILITY] = account
        return dict(sorted(files.items()))

    def trials(self, whole: Whole, files: dict[str, str]) -> tuple[Trial, ...]:
        """Check types over the whole; build, install and test it; run its command, if it has one, on the examples."""
        return trials(whole, files, command_of(whole))

    def judge(self, trial: Trial, report: CommandReport, whole: Whole, files: dict[str, str]) -> Findings:
        """Say what a trial's end means."""
        return judge(trial, report, whole, files, command_of(whole))


class _Named:
    """Tells the dotted name by which ``unittest`` runs a test; None where it has no module."""

    def __init__(self, whole: Whole, modules: Mapping[NodePath, str]) -> None:
        self._classes = {part.path: class_name(part) for part in whole.parts}
        self._methods = {part.path: method_names(part.task) for part in whole.parts}
        self._modules = modules

    def __call__(self, test: TestRef) -> str | None:
        module = self._modules.get(test.path)
        method = self._methods.get(test.path, {}).get((test.kind, test.number))
        return f"{module}.{self._classes[test.path]}.{method}" if module and method else None


def _one_line(text: str) -> str:
    return one_line(text, 110) or "A package built from its specification."


def _pyproject(whole: Whole, has_command: bool) -> str:
    name = whole.package.replace("_", "-")
    scripts = f'\n[project.scripts]\n{name} = "{whole.package}.__main__:main"\n' if has_command else ""
    return _PYPROJECT.format(
        name=name,
        version=whole.version,
        summary=_one_line(whole.summary),
        dependencies=_dependencies(whole),
        scripts=scripts,
        package=whole.package,
    )


def _dependencies(whole: Whole) -> str:
    """Write the dependencies: the packages that the parts are granted, and nothing where there are none."""
    listed = "".join(f'  "{grant.requirement}",\n' for grant in granted_packages(part.task for part in whole.parts))
    return f"dependencies = [\n{listed}]\n" if listed else ""


def _readme(whole: Whole, entry: Part | None) -> str:
    name = whole.package.replace("_", "-")
    use = usage(name, entry) if entry else ""
    functions = "".join(
        f"- `{part.module}.{part.task.name}`: {_one_line(part.task.description)}\n"
        for part in whole.parts
        if is_code(part.task)
    )
    return (
        f"# {name}\n\n{_one_line(whole.summary)}\n\n"
        f"## Use\n\n    pip install .\n{use}\n"
        f"## Test\n\n    python -m unittest discover -s tests -t .\n\n"
        f"## What is in it\n\n{functions}"
    )
