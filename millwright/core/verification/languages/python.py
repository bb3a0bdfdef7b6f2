"""Python as a target language: names, signatures, and the module that a candidate becomes.

What is wrong with a candidate is found in ``python_syntax``, ``python_structure`` and ``python_security``.
"""

import ast
import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from millwright.core.verification.language import Import
from millwright.core.verification.languages import (
    python_grants,
    python_kinds,
    python_security,
    python_structure,
    python_syntax,
)
from millwright.core.verification.languages.python_annotations import annotated
from millwright.core.verification.languages.python_records import docstring, records_source
from millwright.core.verification.languages.python_source import (
    imported_names,
    is_any,
    lines_of,
    nodes,
    parse,
    problem_of,
)
from schemas.election import Merit
from schemas.specification import DeclaredError, Fault, Grants, Record, TaskSpecification
from schemas.verification import Finding

_LONGEST_LINE = 100
_UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|implement|your code)\b", re.IGNORECASE)
_ADVICE = {
    "no-untyped-def": "annotate every parameter and the result, of inner functions and methods too",
    "no-untyped-call": "annotate the function that is called",
    "type-arg": "say what the container holds, as in list[int] or dict[str, int]",
    "var-annotated": "annotate the variable where it is made, as in items: list[int] = []",
    "no-any-return": "the checker knows nothing of this value: convert it, or annotate the variable that holds it",
    "name-defined": "import it, or define it before its use",
    "assignment": "a variable keeps the type of its first value: use another name for another type",
    "union-attr": "rule None out first, as in: if value is None: ...",
    "import-untyped": "use only the standard library",
    "import-not-found": "use only the standard library and what is already imported",
    "F821": "import it, or define it before its use",
    "F823": "give it a value before it is read",
    "S102": "write what it is to do as plain code",
    "S307": "parse the text, for instance with ast.literal_eval or int()",
    "S608": "do not put values into the text of a query",
}
"""What to do about the tools' complaints that do not say it themselves, by their codes."""


class Python:
    """Python, for the interpreter that the verifier itself runs on."""

    name = "python"
    fence_tags = ("python", "py", "python3", "")
    rejecting_lint = ("C901", "E9", "F63", "F7", "F82", "invalid-syntax", "tool-failure")
    rejecting_security_lint = ("S102", "S301", "S302", "S307", "S602", "S605", "S608")

    def is_security_lint(self, code: str) -> bool:
        """Say whether a code is one of ruff's S rules."""
        return re.fullmatch(r"S\d+", code) is not None

    def advice(self, code: str) -> str:
        """Return what to do about a complaint of mypy or ruff."""
        return _ADVICE.get(code, "")

    def check_grants(self, grants: Grants) -> tuple[Fault, ...]:
        """Find modules and names that are unknown or can never be granted."""
        return python_grants.check_grants(grants)

    def annotated(self, source: str, task: TaskSpecification) -> str:
        """Insert what the ``def`` lacks of ``arg: type`` and ``-> type``. Raises SpecificationInvalid."""
        return annotated(source, task)

    def signature(self, task: TaskSpecification) -> str:
        """Write ``def name(arg: type, …) -> type:``, or a class with such lines. Raises SpecificationInvalid."""
        return python_kinds.signature(task)

    def module_path(self, package: str, parts: Sequence[str], is_package: bool) -> str:
        """Return ``package/part/…/part.py``, or the ``__init__.py`` in a folder of that name."""
        place = "/".join((package, *parts))
        return f"{place}/__init__.py" if is_package or not parts else f"{place}.py"

    def module_name(self, path: str) -> str:
        """Return the dotted name of a path: ``a/b.py`` and ``a/b/__init__.py`` are ``a.b``."""
        return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def import_line(self, module: str, names: Sequence[str]) -> str:
        """Write ``from module import names``, one name to a line where it would grow long."""
        ordered = sorted(set(names))
        line = f"from {module} import {', '.join(ordered)}"
        if len(line) <= _LONGEST_LINE:
            return line
        return f"from {module} import (\n" + "".join(f"    {name},\n" for name in ordered) + ")"

    def header(
        self, task: TaskSpecification, source: str, imports: Sequence[Import], records_module: str | None
    ) -> tuple[str, ...]:
        """Import what the source mentions of ``Any``, the dependencies, and the declared records and errors."""
        wanted: list[Import] = []
        if is_any(task):
            wanted.append(("typing", ("Any",)))
        wanted.extend(python_kinds.imports_of(task))
        wanted.extend(sorted(imports))
        if records_module is not None:
            declared = [record.name for record in task.records] + [error.name for error in task.errors]
            wanted.append((records_module, tuple(declared)))
        present = imported_names(source)
        lines: list[str] = []
        for module, names in wanted:
            needed = [name for name in names if (module, name) not in present and _mentions(source, name)]
            if needed:
                lines.append(self.import_line(module, needed))
        return tuple(lines)

    def assemble(
        self, task: TaskSpecification, source: str, imports: Sequence[Import], records_module: str | None
    ) -> str:
        """Put a docstring and the imports before the candidate's text, which only gets the annotations that it lacks.

        Where the text begins with a docstring or ``from __future__`` imports of its own, those have to stay first, so
        that the generated imports follow them. Line ends become ``\\n``.

        Raises:
            SpecificationInvalid: a type of the task cannot be parsed.
        """
        source = annotated(source, task)
        lines = lines_of(source)
        kept = _preamble(source)
        own = lines[:kept]
        rest = "\n".join(lines[kept:]).strip("\n") + "\n"
        opening = own if _has_docstring(source) and kept else [docstring(task.description, task.name), *own]
        blocks = ["\n".join(opening).strip("\n")]
        header = self.header(task, source, imports, records_module)
        if header:
            blocks.append("\n".join(header))
        return "\n\n".join(blocks) + ("\n\n" if _begins_with_import(rest) else "\n\n\n") + rest

    def records_source(self, records: Sequence[Record], errors: Sequence[DeclaredError]) -> str:
        """Write frozen dataclasses and exception classes."""
        return records_source(records, errors)

    def loads(self, source: str) -> str | None:
        """Return why the source does not compile, or that it defines no function and no class."""
        return _unloadable(source)

    def canonical(self, source: str) -> str:
        """Dump the syntax tree, without places; text that does not parse stands for itself."""
        tree = parse(source)
        if tree is None:
            return source
        try:
            return ast.dump(python_structure.without_docstrings(tree), include_attributes=False)
        except (RecursionError, ValueError):  # nested deeply, or a literal with more digits than may be written
            return source

    def has_placeholder_body(self, source: str, name: str) -> bool:
        """Say whether the body is only ``pass``, ``...``, a docstring, NotImplementedError, or a None left to do."""
        tree = parse(source)
        body = [statement for own in (python_kinds.bodies(tree, name) if tree else ()) for statement in own]
        found = python_kinds.definition(tree, name) if tree is not None else None
        if found is None or not body:
            return False
        if all(_says_nothing(statement) or _raises_not_implemented(statement) for statement in body):
            return True
        if not all(_says_nothing(statement) or _returns_none(statement) for statement in body):
            return False
        own = lines_of(source)[found.lineno - 1 : found.end_lineno]
        return any(_UNFINISHED.search(line.partition("#")[2]) for line in own)

    def measure(self, source: str) -> Merit:
        """Measure the source; text that does not parse has no complexity and no nesting."""
        return python_structure.measure(source)

    def definition_line(self, source: str, name: str) -> int | None:
        """Return the line of the ``def``."""
        tree = parse(source)
        function = python_kinds.definition(tree, name) if tree is not None else None
        return None if function is None else function.lineno

    def check_syntax(self, source: str, task: TaskSpecification) -> tuple[Finding, ...]:
        """Find what keeps the source from compiling, being checked as it stands, or defining the function once."""
        return python_syntax.check_syntax(source, task)

    def check_signature(self, source: str, task: TaskSpecification) -> tuple[Finding, ...]:
        """Find differences between the ``def`` and the specification, and escapes from the type checker."""
        return python_syntax.check_signature(source, task)

    def check_structure(self, source: str, task: TaskSpecification) -> tuple[Finding, ...]:
        """Find excess over the limits, unreachable code and unused results."""
        return python_structure.check_structure(source, task)

    def check_security(self, source: str, task: TaskSpecification, own_modules: Collection[str]) -> tuple[Finding, ...]:
        """Find imports, names, attributes and literals that are not allowed."""
        return python_security.check_security(source, task.grants, own_modules, task.kind)


@lru_cache(maxsize=64)  # every layer asks
def _unloadable(source: str) -> str | None:
    problem = problem_of(source)
    if problem is not None:
        place = f"line {problem.line}: " if problem.line else ""
        return f"{place}{problem.message}"
    tree = parse(source)
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    if tree is None or not any(isinstance(node, definitions) for node in nodes(tree)):
        return "it defines no function"
    return None


def _mentions(source: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}\b", source) is not None


def _has_docstring(source: str) -> bool:
    tree = parse(source)
    return tree is not None and ast.get_docstring(tree, clean=False) is not None


def _preamble(source: str) -> int:
    """Count the lines up to the end of the source's own docstring and ``from __future__`` imports; 0 without them."""
    tree = parse(source)
    if tree is None:
        return 0
    last = 0
    for index, statement in enumerate(tree.body):
        is_docstring = index == 0 and _is_text(statement)
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not is_docstring and not is_future:
            # A statement on the same line after a semicolon cannot be parted from the preamble.
            return last if statement.lineno > last else 0
        last = statement.end_lineno or last
    return last


def _begins_with_import(text: str) -> bool:
    return re.match(r"(?:import|from)\s", text) is not None


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _says_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _returns_none(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Return):
        return False
    return statement.value is None or (isinstance(statement.value, ast.Constant) and statement.value.value is None)


def _raises_not_implemented(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Raise) or statement.exc is None:
        return False
    raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
