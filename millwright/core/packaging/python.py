"""A Python package: pyproject, modules, type marker, generated tests, a command where the root is a text filter.

The generated tests use the standard library alone, so that they run wherever the package does.
"""

import keyword
import re
import sys
from collections.abc import Mapping, Sequence

from millwright.core.packaging.package import Findings, Part, Trial, Whole, one_line
from millwright.core.packaging.python_checks import judge, trials
from millwright.core.packaging.python_layout import command_of, test_paths
from millwright.core.packaging.python_tests import class_name, method_names, test_module
from millwright.core.packaging.traceability import TRACEABILITY, traceability
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
{scripts}
[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""

_MAIN = '''"""The command: reads a document from a file or standard input, and writes the answer to standard output."""

import sys
from pathlib import Path

from {module} import {imported}


def main() -> int:
    """Run the command; returns the exit status, 2 for a document that is refused."""
    arguments = sys.argv[1:]
    if len(arguments) > 1 or arguments in (["-h"], ["--help"]):
        sys.stderr.write("usage: {command} [FILE]\\n")
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        document = Path(arguments[0]).read_text(encoding="utf-8") if arguments else sys.stdin.read()
        answer = {called}(document)
    except (OSError, {errors}) as error:
        sys.stderr.write(f"{command}: {{error}}\\n")
        return 2
    sys.stdout.write(answer if answer.endswith("\\n") else answer + "\\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
'''


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
        command = command_of(whole)
        if command:
            files[f"{whole.package}/__main__.py"] = _main(whole, command)
        files["pyproject.toml"] = _pyproject(whole, bool(command))
        files["README.md"] = _readme(whole, bool(command))
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


def _main(whole: Whole, root: Part) -> str:
    declared = sorted(error.name for error in whole.errors)
    name = root.task.name
    called = f"{name}_" if name in ("main", "sys", "Path") else name
    text = _MAIN.format(
        module=root.module,
        imported=name if called == name else f"{name} as {called}",
        called=called,
        command=whole.package.replace("_", "-"),
        errors=", ".join(["ValueError", *declared]),
    )
    if declared and whole.records_file:
        imported = f"from {whole.package}.{whole.records_file[0].rpartition('/')[2].removesuffix('.py')} import "
        text = text.replace("\n\n\ndef main", f"\n{imported}{', '.join(declared)}\n\n\ndef main", 1)
    return text


def _pyproject(whole: Whole, has_command: bool) -> str:
    name = whole.package.replace("_", "-")
    scripts = f'\n[project.scripts]\n{name} = "{whole.package}.__main__:main"\n' if has_command else ""
    return _PYPROJECT.format(
        name=name, version=whole.version, summary=_one_line(whole.summary), scripts=scripts, package=whole.package
    )


def _readme(whole: Whole, has_command: bool) -> str:
    name = whole.package.replace("_", "-")
    use = f"    {name} document.txt        # or: {name} < document.txt\n" if has_command else ""
    functions = "".join(
        f"- `{part.module}.{part.task.name}`: {_one_line(part.task.description)}\n"
        for part in whole.parts
        if part.task.has_interface
    )
    return (
        f"# {name}\n\n{_one_line(whole.summary)}\n\n"
        f"## Use\n\n    pip install .\n{use}\n"
        f"## Test\n\n    python -m unittest discover -s tests -t .\n\n"
        f"## What is in it\n\n{functions}"
    )
