"""Finds imports, names and attributes that pure Python code has no business with.

It is a cheap gate and no protection: what it lets through still runs in the sandbox only.
"""

import ast
import re
from collections.abc import Collection, Iterator

from millwright.core.verification.languages.python_allowed import (
    ALLOWED_DUNDERS,
    REFUSED_ATTRIBUTES,
    REFUSED_BUILTINS,
    REFUSED_NAMES,
    Allowance,
    never_granted,
)
from millwright.core.verification.languages.python_scopes import Modules, modules_of, own_names, scoped
from millwright.core.verification.languages.python_secrets import secrets
from millwright.core.verification.languages.python_source import nodes, not_compiled, parse
from schemas.specification import Grants, TaskKind
from schemas.verification import Finding

_DUNDER = re.compile(r"(?<!\w)__[A-Za-z]\w*__(?!\w)")
_FORMAT_FIELD = re.compile(r"\{[^{}]{0,200}[.\[]__?[A-Za-z]")
_BY_TEXT = frozenset({("operator", "attrgetter"), ("operator", "methodcaller")})
"""Functions that make an attribute of a text."""

_SILENT = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
"""What stands in a tree and says nothing that could be judged."""


def check_security(
    source: str, grants: Grants, own_modules: Collection[str], kind: TaskKind = TaskKind.FUNCTION
) -> tuple[Finding, ...]:
    """Find what is not allowed; ``own_modules`` are the dotted modules of the project that may be imported."""
    tree = parse(source)
    if tree is None:
        return (not_compiled(source),)
    allowance = Allowance(grants, frozenset(own_modules), kind)
    modules = modules_of(tree, allowance)
    refused = (REFUSED_NAMES | (REFUSED_BUILTINS - own_names(tree))) - allowance.names()
    statements = {id(node.value) for node in nodes(tree) if isinstance(node, ast.Expr)}
    settled: set[int] = set()
    found: list[Finding] = []
    for node, hidden in scoped(tree):
        if isinstance(node, _SILENT):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.extend(_imports(node, allowance))
        elif isinstance(node, ast.Name | ast.Attribute | ast.MatchClass):
            found.extend(_names(node, refused))
            found.extend(_attributes(node))
            found.extend(_members(node, modules, hidden, allowance, settled))
        elif isinstance(node, ast.Constant):
            found.extend(_texts(node, statements))
        if isinstance(node, ast.Call | ast.Name):
            found.extend(_reflection(node, modules, hidden, allowance, settled))
        else:
            found.extend(secrets(node))
    return tuple(sorted(set(found), key=lambda finding: (finding.line or 0, finding.code, finding.message)))


def _imports(node: ast.AST, allowance: Allowance) -> Iterator[Finding]:
    match node:
        case ast.Import(names=names):
            for alias in names:
                if not allowance.may_import(alias.name):
                    yield _module(alias.name, node.lineno)
        case ast.ImportFrom(level=level) if level > 0:
            yield _finding("import", "relative imports are not allowed; dependencies are already imported", node.lineno)
        case ast.ImportFrom(module=str() as module, names=names):
            yield from _from_import(module, [alias.name for alias in names], allowance, node.lineno)
        case _:
            return


def _from_import(module: str, names: list[str], allowance: Allowance, line: int) -> Iterator[Finding]:
    if not allowance.may_import(module) and not all(allowance.may_import(f"{module}.{name}") for name in names):
        yield _module(module, line)
        return
    for name in names:
        if name == "*":
            yield _finding("import", f"from {module} import * hides what is used; import it by name", line)
        elif not allowance.may_use(module, name):
            message = f"{name} of the module {module} is not allowed; do without it"
            yield _finding("import", message, line)


def _names(node: ast.AST, refused: Collection[str]) -> Iterator[Finding]:
    if not isinstance(node, ast.Name):
        return
    is_dunder = _DUNDER.fullmatch(node.id) is not None
    if node.id in refused or (is_dunder and node.id not in ALLOWED_DUNDERS):
        yield _finding("name", f"{node.id} is not allowed; do without it", node.lineno)


def _attributes(node: ast.AST) -> Iterator[Finding]:
    """Find attributes that lead out of an object, on whatever they are looked up."""
    match node:
        case ast.Attribute(attr=name):
            names, line = [name], node.lineno
        case ast.MatchClass(kwd_attrs=names):
            line = node.lineno
        case _:
            return
    for name in names:
        if name in REFUSED_ATTRIBUTES or (_DUNDER.fullmatch(name) and name not in ALLOWED_DUNDERS):
            yield _finding("attribute", f"the attribute {name} is not allowed; do without it", line)


def _members(
    node: ast.AST, modules: Modules, hidden: frozenset[str], allowance: Allowance, settled: set[int]
) -> Iterator[Finding]:
    """Find members that a module may not be asked for, and modules that are passed on as values.

    ``settled`` holds the nodes that stand for a module and were judged with what is around them.
    """
    if not isinstance(node, ast.Attribute | ast.Name) or not isinstance(node.ctx, ast.Load):
        return
    if isinstance(node, ast.Attribute):
        module = modules.named(node.value, hidden)
        if module is not None:
            settled.add(id(node.value))
            whole = f"{module}.{node.attr}"
            # Of a module that may not be imported, the import is found; more would only be noise.
            known = allowance.may_import(module) or allowance.leads_on(module)
            if known and not allowance.leads_on(whole) and not allowance.may_use(module, node.attr):
                message = f"{node.attr} of the module {module} is not allowed; do without it"
                yield _finding("attribute", message, node.lineno)
        elif never_granted(node.attr) and modules.carried(node, hidden) is not None:
            yield _finding("attribute", f"the module {node.attr} is not allowed; do without it", node.lineno)
    passed = modules.named(node, hidden)
    if passed is not None and id(node) not in settled and not modules.is_ambiguous(node):
        message = f"the module {passed} is passed on as a value, which hides what is used of it; use its members"
        yield _finding("module-as-value", message, node.lineno)


def _reflection(
    node: ast.AST, modules: Modules, hidden: frozenset[str], allowance: Allowance, settled: set[int]
) -> Iterator[Finding]:
    """Find attributes that are reached by text: a computed one, or one that could not be written as such."""
    match node:
        case ast.Call(func=ast.Name(id="getattr") as function, args=[first, second, *_]):
            settled.add(id(function))
            yield from _looked_up(first, second, modules, hidden, allowance, settled)
        case ast.Name(id="getattr", ctx=ast.Load()) if id(node) not in settled:
            yield _finding("reflection", "getattr is not allowed as a value; call it with a constant name", node.lineno)
        case ast.Call(func=function, args=arguments) if modules.member(function, hidden) in _BY_TEXT:
            yield from _by_text(node, arguments)
        case _:
            return


def _looked_up(
    owner: ast.expr,
    name: ast.expr,
    modules: Modules,
    hidden: frozenset[str],
    allowance: Allowance,
    settled: set[int],
) -> Iterator[Finding]:
    match name:
        case ast.Constant(value=str() as text):
            module = modules.named(owner, hidden)
            if module is not None:
                settled.add(id(owner))
            if text in REFUSED_ATTRIBUTES or (module is not None and not allowance.may_use(module, text)):
                yield _finding("reflection", f"the attribute {text} is not allowed; do without it", name.lineno)
        case _:
            message = "getattr with a computed name is not allowed; name the attribute"
            yield _finding("reflection", message, name.lineno)


def _by_text(node: ast.Call, arguments: list[ast.expr]) -> Iterator[Finding]:
    for argument in arguments:
        match argument:
            case ast.Constant(value=str() as text):
                parts = text.split(".")
                if any(_DUNDER.fullmatch(part) or part in REFUSED_ATTRIBUTES for part in parts):
                    yield _finding("reflection", f"the attribute {text} is not allowed; do without it", node.lineno)
            case _:
                message = "an attribute with a computed name is not allowed; name the attribute"
                yield _finding("reflection", message, node.lineno)


def _texts(node: ast.AST, statements: Collection[int]) -> Iterator[Finding]:
    """Find texts that name what may not be named; what stands alone is documentation."""
    match node:
        case ast.Constant(value=str() as text) if id(node) not in statements:
            for name in sorted({name for name in _DUNDER.findall(text) if name not in ALLOWED_DUNDERS}):
                message = f"the name {name} is not allowed, not even as text; do without it"
                yield _finding("reflection", message, node.lineno)
            if _FORMAT_FIELD.search(text):
                message = "a format field may not reach private attributes; format the value itself"
                yield _finding("reflection", message, node.lineno)
        case _:
            return


def _module(module: str, line: int) -> Finding:
    reason = never_granted(module)
    why = f": {reason}" if reason else ""
    message = f"the module {module} is not allowed{why}; use only pure parts of the standard library"
    return _finding("import", message, line)


def _finding(code: str, message: str, line: int) -> Finding:
    return Finding(code=code, message=message, line=line)
