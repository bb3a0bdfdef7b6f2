"""What the ladder must know of a target language.

The rules are the ladder's; a language only knows its own syntax, names and tools' codes. It runs nothing.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from schemas.election import Merit
from schemas.specification import DeclaredError, Fault, Grants, Record, TaskSpecification
from schemas.verification import Finding

Import = tuple[str, tuple[str, ...]]
"""A dotted module, and the names to import from it."""


class Language(Protocol):
    """A target language. All methods are pure; ``source`` may be any text that a model wrote."""

    @property
    def name(self) -> str:
        """The name that specifications use in ``target_language``."""
        ...

    @property
    def fence_tags(self) -> tuple[str, ...]:
        """The tags of fenced code blocks that hold this language, in lower case; an empty one is a bare fence."""
        ...

    @property
    def rejecting_lint(self) -> tuple[str, ...]:
        """Prefixes of lint codes that reject in static analysis; others warn."""
        ...

    @property
    def rejecting_security_lint(self) -> tuple[str, ...]:
        """Lint codes that reject in the security layer."""
        ...

    def is_security_lint(self, code: str) -> bool:
        """Say whether a lint code belongs to the security layer and not to static analysis."""
        ...

    def advice(self, code: str) -> str:
        """Return what to do about a tool's complaint of this code; empty where its message says so."""
        ...

    def check_grants(self, grants: Grants) -> tuple[Fault, ...]:
        """Find imports and names that cannot be granted; each fault is placed within the grants (``imports[0]``).

        The directories are judged elsewhere: they are the same for all languages.
        """
        ...

    def signature(self, task: TaskSpecification) -> str:
        """Write the exact line that begins the task's function.

        Raises:
            SpecificationInvalid: a type of the task cannot be parsed.
        """
        ...

    def module_path(self, package: str, parts: Sequence[str], is_package: bool) -> str:
        """Return where the module of a node lies; ``parts`` are its module names under the package, none for the root.

        ``is_package`` marks a node with children, which is a package of its own.
        """
        ...

    def module_name(self, path: str) -> str:
        """Return the dotted name under which the module at ``path`` is imported."""
        ...

    def import_line(self, module: str, names: Sequence[str]) -> str:
        """Write the statement that imports the names from the dotted module, without a line end."""
        ...

    def annotated(self, source: str, task: TaskSpecification) -> str:
        """Give the task's function the types that its interface lacks; one that has them stays as it is.

        Nothing else changes, no line moves, and what cannot be completed safely stays as it is. Doing so twice is the
        same as once.

        Raises:
            SpecificationInvalid: a type of the task cannot be parsed.
        """
        ...

    def header(
        self, task: TaskSpecification, source: str, imports: Sequence[Import], records_module: str | None
    ) -> tuple[str, ...]:
        """Write the import lines that ``source`` needs: of what it mentions and does not import by itself."""
        ...

    def assemble(
        self, task: TaskSpecification, source: str, imports: Sequence[Import], records_module: str | None
    ) -> str:
        """Build the final module: a docstring, the header, then the candidate's own text as ``annotated`` returns it.

        Raises:
            SpecificationInvalid: a type of the task cannot be parsed.
        """
        ...

    def records_source(self, records: Sequence[Record], errors: Sequence[DeclaredError]) -> str:
        """Write the module that defines the records and errors which specifications declare."""
        ...

    def loads(self, source: str) -> str | None:
        """Return why the source is no module: it does not compile, or defines nothing; None when it is one."""
        ...

    def canonical(self, source: str) -> str:
        """Write the source in a form that is the same for code that differs in layout and comments only."""
        ...

    def has_placeholder_body(self, source: str, name: str) -> bool:
        """Say whether the function ``name`` only pretends to be written."""
        ...

    def measure(self, source: str) -> Merit:
        """Measure code lines (no comments, docstrings or top-level imports), complexity, nesting and bytes."""
        ...

    def definition_line(self, source: str, name: str) -> int | None:
        """Return the line on which the function ``name`` is defined; None when it is not."""
        ...

    def check_syntax(self, source: str, task: TaskSpecification) -> tuple[Finding, ...]:
        """Find what keeps the source from being one module that defines the task's function once."""
        ...

    def check_signature(self, source: str, task: TaskSpecification) -> tuple[Finding, ...]:
        """Find where the function's interface differs from the task's, and what would hide code from a type checker.

        Raises:
            SpecificationInvalid: a type of the task cannot be parsed.
        """
        ...

    def check_structure(self, source: str, task: TaskSpecification) -> tuple[Finding, ...]:
        """Find excess over the task's limits, code that can never run, and results that nobody uses."""
        ...

    def check_security(self, source: str, task: TaskSpecification, own_modules: Collection[str]) -> tuple[Finding, ...]:
        """Find what is neither on the allow-list nor granted by the task, and secrets.

        ``own_modules`` are the project's own, which may be imported.
        """
        ...


def advised(finding: Finding, language: Language) -> Finding:
    """Return a tool's finding with what to do about it, where the language knows."""
    advice = language.advice(finding.code)
    return finding.model_copy(update={"message": f"{finding.message}; {advice}"}) if advice else finding
