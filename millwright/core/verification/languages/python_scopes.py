"""Follows which names in Python source stand for modules, and where a name of its own hides one.

It resolves what is written, not what is computed; it judges nothing.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from millwright.core.verification.languages.python_allowed import Allowance
from millwright.core.verification.languages.python_source import children, nodes

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SCOPES = (*_FUNCTIONS, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Modules:
    """The names that stand for modules and for members of modules, anywhere in a source.

    ``imported`` are the dotted modules themselves, with the packages that they are in; ``rebound`` are the names that
    module-level code also gives another value.
    """

    aliases: Mapping[str, str]
    imported: frozenset[str]
    members: Mapping[str, tuple[str, str]]
    rebound: frozenset[str]
    allowance: Allowance

    def named(self, node: ast.AST, hidden: frozenset[str]) -> str | None:
        """Return the dotted module that an expression stands for; None for any other expression."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in hidden or node.id not in self.aliases:
            return None
        module = self.aliases[node.id]
        for part in reversed(parts):
            module = f"{module}.{part}"
            if module not in self.imported and not self.allowance.is_module(module):
                return None
        return module

    def carried(self, node: ast.Attribute, hidden: frozenset[str]) -> str | None:
        """Return the module that a chain of attributes begins with; None where it begins with another name."""
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            inner = inner.value
        return self.named(inner, hidden)

    def member(self, node: ast.AST, hidden: frozenset[str]) -> tuple[str, str] | None:
        """Return the module and the member that an expression stands for; None for any other expression."""
        if isinstance(node, ast.Name):
            return None if node.id in hidden else self.members.get(node.id)
        if isinstance(node, ast.Attribute):
            module = self.named(node.value, hidden)
            return None if module is None else (module, node.attr)
        return None

    def is_ambiguous(self, node: ast.AST) -> bool:
        """Say whether the name that an expression begins with has other meanings at the top level as well."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.rebound


def modules_of(tree: ast.Module, allowance: Allowance) -> Modules:
    """Collect what the imports of a source bind."""
    aliases: dict[str, str] = {}
    imported: set[str] = set()
    members: dict[str, tuple[str, str]] = {}
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                aliases[alias.asname or top] = alias.name if alias.asname else top
                parts = alias.name.split(".")
                imported.update(".".join(parts[:count]) for count in range(1, len(parts) + 1))
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                name, whole = alias.asname or alias.name, f"{node.module}.{alias.name}"
                members[name] = (node.module, alias.name)
                if allowance.is_module(whole):
                    aliases.setdefault(name, whole)
    return Modules(aliases, frozenset(imported), members, _bound(tree), allowance)


def own_names(tree: ast.Module) -> frozenset[str]:
    """Return the names that the source binds itself, as parameters or variables in any scope."""
    stored = {node.id for node in nodes(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return frozenset(stored | {node.arg for node in nodes(tree) if isinstance(node, ast.arg)})


def scoped(tree: ast.Module) -> Iterator[tuple[ast.AST, frozenset[str]]]:
    """Yield every node, each before those inside it, with the names that the functions around it bind themselves."""
    pending: list[tuple[ast.AST, frozenset[str]]] = [(tree, frozenset())]
    while pending:
        node, hidden = pending.pop()
        yield node, hidden
        inner = hidden | _bound(node) if isinstance(node, _SCOPES) else hidden
        pending.extend((child, inner) for child in children(node))


def _bound(scope: ast.AST) -> frozenset[str]:
    """Return the names that a scope binds, other than by imports; not those of functions and classes inside it."""
    names: set[str] = set()
    reaching: set[str] = set()
    pending = list(children(scope))
    while pending:
        node = pending.pop()
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                names.add(name)
            case ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name):
                names.add(name)
            case ast.Global(names=listed) | ast.Nonlocal(names=listed):
                reaching.update(listed)
            case _:
                pass
        if not isinstance(node, (*_SCOPES, ast.ClassDef)):
            pending.extend(children(node))
    return frozenset(names - reaching)
