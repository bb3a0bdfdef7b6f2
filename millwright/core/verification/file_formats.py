"""Files as what is written: a format stands where a language stands, and its validator where a compiler does.

It runs nothing. Layers that want tools of a language have none here, and say so.
"""

import json
from collections.abc import Collection, Sequence

from millwright.core.documents import FORMATS, LOOSE, Malformed, content_of
from millwright.core.signature import records_of
from millwright.core.verification.language import Import
from schemas.election import Merit
from schemas.specification import DeclaredError, Fault, Grants, Record, TaskSpecification
from schemas.types import parse_type
from schemas.values import decode_json
from schemas.verification import Finding

_TAGS = {"markdown": ("markdown", "md", ""), "text": ("text", "txt", "")}
_ENDINGS = {"markdown": "md", "text": "txt"}


class FileFormat:
    """A format of files, for tasks of kind ``file``."""

    rejecting_lint: tuple[str, ...] = ()
    rejecting_security_lint: tuple[str, ...] = ()

    def __init__(self, name: str) -> None:
        self.name = name
        self.fence_tags: tuple[str, ...] = _TAGS.get(name, (name, ""))
        self.is_loose = name in LOOSE

    def is_security_lint(self, code: str) -> bool:
        """Say no: there is no linter."""
        return False

    def advice(self, code: str) -> str:
        """Return nothing: no tool complains."""
        return ""

    def check_grants(self, grants: Grants) -> tuple[Fault, ...]:
        """Refuse every grant: a file uses nothing."""
        return () if grants == Grants() else (Fault(where="imports", what="a file uses nothing: grant it nothing"),)

    def signature(self, task: TaskSpecification) -> str:
        """Say what the file is and what it holds."""
        return f"{task.name}: a file in {self.name}, whose content is {task.content or 'Any'}"

    def module_path(self, package: str, parts: Sequence[str], is_package: bool) -> str:
        """Return the path of the file under the package."""
        return f"{'/'.join((package, *parts)) if parts else f'{package}/content'}.{_ENDINGS.get(self.name, self.name)}"

    def module_name(self, path: str) -> str:
        """Return the path: a file is not imported."""
        return path

    def import_line(self, module: str, names: Sequence[str]) -> str:
        """Return nothing: a file imports nothing."""
        return ""

    def annotated(self, source: str, task: TaskSpecification) -> str:
        """Return the text as it is."""
        return source

    def header(
        self, task: TaskSpecification, source: str, imports: Sequence[Import], records_module: str | None
    ) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    def assemble(
        self, task: TaskSpecification, source: str, imports: Sequence[Import], records_module: str | None
    ) -> str:
        """Return the text as it is."""
        return source

    def records_source(self, records: Sequence[Record], errors: Sequence[DeclaredError]) -> str:
        """Return nothing: records say what the content is, and are defined nowhere."""
        return ""

    def loads(self, source: str) -> str | None:
        """Return why the text is no file of this format."""
        found = content_of(self.name, source)
        if not isinstance(found, Malformed):
            return None
        return f"line {found.line}: {found.message}" if found.line else found.message

    def canonical(self, source: str) -> str:
        """Write the content in one way; what cannot be read stands for itself."""
        found = content_of(self.name, source)
        return source if isinstance(found, Malformed) else json.dumps(found, sort_keys=True)

    def has_placeholder_body(self, source: str, name: str) -> bool:
        """Say no: what a file says is for its type and its examples to judge."""
        return False

    def measure(self, source: str) -> Merit:
        """Count the lines that say something, and the bytes."""
        lines = sum(1 for line in source.splitlines() if line.strip())
        size = len(source.encode("utf-8", "surrogatepass"))
        return Merit(code_lines=lines, complexity=1, nesting=0, size_bytes=size)

    def definition_line(self, source: str, name: str) -> int | None:
        """Return the first line."""
        return 1

    def check_syntax(self, source: str, task: TaskSpecification) -> tuple[Finding, ...]:
        """Find why the text is no file of this format."""
        found = content_of(self.name, source)
        if not isinstance(found, Malformed):
            return ()
        return (Finding(code="malformed", message=f"it is no {self.name}: {found.message}", line=found.line),)

    def check_signature(self, source: str, task: TaskSpecification) -> tuple[Finding, ...]:
        """Find where the content is not of the type that the task declares."""
        found = content_of(self.name, source)
        if isinstance(found, Malformed):
            return self.check_syntax(source, task)
        records = records_of(task)
        try:
            decode_json(found, parse_type(task.content or "Any", records), records, "content")
        except (ValueError, OverflowError) as error:
            return (Finding(code="content-differs", message=str(error), line=1),)
        return ()

    def check_structure(self, source: str, task: TaskSpecification) -> tuple[Finding, ...]:
        """Find more lines than the task allows."""
        lines = self.measure(source).code_lines
        if lines <= task.max_lines:
            return ()
        message = f"{lines} lines; the specification allows {task.max_lines}"
        return (Finding(code="too-many-lines", message=message, line=1),)

    def check_security(self, source: str, task: TaskSpecification, own_modules: Collection[str]) -> tuple[Finding, ...]:
        """Find nothing: a file does nothing."""
        return ()


FILES = tuple(FileFormat(name) for name in FORMATS)
"""Every format, in the order in which they are listed to people."""


def reader(format_: str, text: str) -> str:
    """Write a program whose function ``content`` returns what a file says: engines answer for it as for code."""
    found = content_of(format_, text)
    if isinstance(found, Malformed):
        return f"def content() -> object:\n    raise ValueError({found.message!r})\n"
    return f"import json\n\n\ndef content() -> object:\n    return json.loads({json.dumps(found)!r})\n"
