"""Finds imports, names and literals that pure Python code has no business with.

It is a cheap gate and no protection: what it lets through still runs in the sandbox only.
"""

import ast
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator

from millwright.core.verification.languages.python_source import parse
from schemas.verification import Finding


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ALLOWED_MODULES = _words(
    """__future__ abc array base64 binascii bisect calendar cmath collections collections.abc colorsys contextlib
    copy dataclasses datetime decimal difflib enum fractions functools graphlib hashlib heapq hmac html itertools
    json math numbers operator random re statistics string struct textwrap typing unicodedata urllib.parse zlib"""
)
"""The pure parts of the standard library: no process, network, file, clock of their own, or code execution."""

ALLOWED_MEMBERS: dict[str, frozenset[str]] = {
    "io": frozenset({"StringIO", "BytesIO"}),
    "sys": frozenset({"maxsize", "float_info"}),
    "types": frozenset({"MappingProxyType", "SimpleNamespace"}),
}
"""Modules of which only these members may be used."""

_REFUSED_MEMBERS: dict[str, frozenset[str]] = {
    "typing": frozenset({"get_type_hints"}),
    "dataclasses": frozenset({"make_dataclass"}),
    "hashlib": frozenset({"file_digest"}),
}

_REFUSED_NAMES = _words("eval exec compile open breakpoint globals locals delattr setattr memoryview")
_REFUSED_BUILTINS = _words("input vars dir help exit quit copyright credits license")
"""Refused as built-ins; as a name of the candidate's own each is harmless, and common."""

_ALLOWED_DUNDERS = _words(
    """__abs__ __add__ __all__ __and__ __bool__ __call__ __class__ __contains__ __debug__ __doc__ __enter__ __eq__
    __exit__ __float__ __floordiv__ __format__ __ge__ __getitem__ __gt__ __hash__ __init__ __int__ __iter__ __le__
    __len__ __lt__ __main__ __mod__ __mul__ __name__ __ne__ __neg__ __new__ __next__ __or__ __post_init__ __pow__
    __qualname__ __radd__ __repr__ __reversed__ __rmul__ __rsub__ __setitem__ __slots__ __str__ __sub__
    __truediv__ __version__ __xor__"""
)

_DUNDER = re.compile(r"__\w+__")
_CREDENTIAL_NAME = re.compile(r"pass(?:word|wd|phrase)|secret|token|api_?key|credential|private_?key", re.IGNORECASE)
_KNOWN_SECRETS = (
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "an AWS access key"),
    (re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"), "a GitHub token"),
)
_SECRET_LENGTH = 16
_SECRET_ENTROPY = 3.5
"""Bits a character (Shannon): English words stay below, random hexadecimal and base64 of this length lie above."""


def check_security(source: str, own_modules: Collection[str]) -> tuple[Finding, ...]:
    """Find what is not allowed; ``own_modules`` are the dotted modules of the project that may be imported."""
    tree = parse(source)
    if tree is None:
        return (Finding(code="does-not-compile", message="the source does not compile"),)
    modules = _aliases(tree)
    refused = _REFUSED_NAMES | (_REFUSED_BUILTINS - _own_names(tree))
    found: list[Finding] = []
    for node in ast.walk(tree):
        found.extend(_imports(node, own_modules))
        found.extend(_names(node, refused))
        found.extend(_members(node, modules))
        found.extend(_reflection(node))
        found.extend(_secrets(node))
    return tuple(sorted(set(found), key=lambda finding: (finding.line or 0, finding.code, finding.message)))


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Return the names that stand for imported modules, with the module that each stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
    return names


def _imports(node: ast.AST, own_modules: Collection[str]) -> Iterator[Finding]:
    match node:
        case ast.Import(names=names):
            for alias in names:
                if not _may_import(alias.name, own_modules) and alias.name not in ALLOWED_MEMBERS:
                    yield _finding("import", f"the module {alias.name} is not allowed", node.lineno)
        case ast.ImportFrom(level=level) if level > 0:
            yield _finding("import", "relative imports are not allowed", node.lineno)
        case ast.ImportFrom(module=str() as module, names=names):
            yield from _from_import(module, [alias.name for alias in names], own_modules, node.lineno)
        case _:
            return


def _from_import(module: str, names: list[str], own_modules: Collection[str], line: int) -> Iterator[Finding]:
    if not _may_import(module, own_modules) and module not in ALLOWED_MEMBERS:
        yield _finding("import", f"the module {module} is not allowed", line)
        return
    for name in names:
        if name == "*":
            yield _finding("import", f"from {module} import * hides what is used", line)
        elif module not in own_modules and not _may_use(module, name):
            yield _finding("import", f"{name} of the module {module} is not allowed", line)


def _may_import(module: str, own_modules: Collection[str]) -> bool:
    return module in ALLOWED_MODULES or module in own_modules


def _may_use(module: str, member: str) -> bool:
    """Say whether a member of an allowed module may be used: not its private names, and not what it imports itself."""
    if module in ALLOWED_MEMBERS:
        return member in ALLOWED_MEMBERS[module]
    if member in _REFUSED_MEMBERS.get(module, ()):
        return False
    if f"{module}.{member}" in ALLOWED_MODULES or module == "__future__":
        return True
    return member not in _LEAKED and (not member.startswith("_") or member in _ALLOWED_DUNDERS)


_LEAKED = _words(
    """builtins codecs contextvars ctypes functools gc importlib inspect io keyword linecache os pathlib pickle
    shutil signal socket subprocess sys tempfile threading time traceback types warnings weakref"""
)
"""Modules that allowed ones import, and so carry as attributes (``random.os``)."""


def _own_names(tree: ast.Module) -> frozenset[str]:
    """Return the names that the source binds itself, as parameters or variables in any scope."""
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return frozenset(stored | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)})


def _names(node: ast.AST, refused: Collection[str]) -> Iterator[Finding]:
    if not isinstance(node, ast.Name):
        return
    is_dunder = _DUNDER.fullmatch(node.id) is not None
    if node.id in refused or (is_dunder and node.id not in _ALLOWED_DUNDERS):
        yield _finding("name", f"{node.id} is not allowed", node.lineno)


def _members(node: ast.AST, modules: dict[str, str]) -> Iterator[Finding]:
    if not isinstance(node, ast.Attribute):
        return
    if _DUNDER.fullmatch(node.attr) and node.attr not in _ALLOWED_DUNDERS:
        yield _finding("attribute", f"the attribute {node.attr} is not allowed", node.lineno)
    elif isinstance(node.value, ast.Name) and node.value.id in modules:
        module = modules[node.value.id]
        known = module in ALLOWED_MODULES or module in ALLOWED_MEMBERS
        if known and not _may_use(module, node.attr):
            yield _finding("attribute", f"{node.attr} of the module {module} is not allowed", node.lineno)


def _reflection(node: ast.AST) -> Iterator[Finding]:
    """Find attributes reached by text: a computed name, or a constant one that could not be written as such."""
    match node:
        case ast.Call(func=ast.Name(id="getattr" | "hasattr" as name), args=[_, second, *_]):
            if not (isinstance(second, ast.Constant) and isinstance(second.value, str)):
                yield _finding("reflection", f"{name} with a computed name is not allowed", node.lineno)
        case ast.Constant(value=str() as text) if _DUNDER.fullmatch(text) and text not in _ALLOWED_DUNDERS:
            yield _finding("reflection", f"the name {text} is not allowed, not even as text", node.lineno)
        case _:
            return


def _secrets(node: ast.AST) -> Iterator[Finding]:
    match node:
        case ast.Constant(value=str() as text):
            for pattern, what in _KNOWN_SECRETS:
                if pattern.search(text):
                    yield _finding("secret", f"the text looks like {what}", node.lineno)
        case ast.Assign(targets=targets, value=ast.Constant(value=str() as text)):
            if any(_names_a_credential(target) for target in targets):
                yield from _credential(text, node.lineno)
        case ast.AnnAssign(target=target, value=ast.Constant(value=str() as text)) if _names_a_credential(target):
            yield from _credential(text, node.lineno)
        case ast.keyword(arg=str() as name, value=ast.Constant(value=str() as text)) if _CREDENTIAL_NAME.search(name):
            yield from _credential(text, node.lineno)
        case _:
            return


def _names_a_credential(target: ast.expr) -> bool:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str() as name)):
            return _CREDENTIAL_NAME.search(name) is not None
        case _:
            return False


def _credential(text: str, line: int) -> Iterator[Finding]:
    if len(text) >= _SECRET_LENGTH and " " not in text and _entropy(text) >= _SECRET_ENTROPY:
        yield _finding("secret", "the text looks like a credential", line)


def _entropy(text: str) -> float:
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def _finding(code: str, message: str, line: int) -> Finding:
    return Finding(code=code, message=message, line=line)
