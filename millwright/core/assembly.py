"""Where each part lies in the deliverable, and how parts are put together by rule.

Names only: what a language's package looks like is in ``millwright.core.packaging``.
"""

import keyword

from millwright.core.verification.language import Language
from schemas.evidence import NodeRecord
from schemas.identity import ROOT_PATH, NodePath

RECORDS_MODULE = "records"
"""The module of the deliverable that defines the records and errors which specifications declare."""


def module_parts(path: NodePath) -> tuple[str, ...]:
    """Return the module names under the package for a node; none for the root."""
    return tuple(_identifier(part) for part in path.split(".")[1:])


def dotted_name(package: str, path: NodePath) -> str:
    """Return the dotted name of a node's module."""
    return ".".join((package, *module_parts(path)))


def file_path(language: Language, package: str, node: NodeRecord) -> str:
    """Return the path of a node's module: a node with children is a package of its own."""
    is_package = bool(node.children) or node.path == ROOT_PATH
    return language.module_path(package, module_parts(node.path), is_package)


def _identifier(task: str) -> str:
    name = task.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name
