"""What makes two proposals the same vote: their structure, and neither their words nor their order.

It judges nothing: whether a structure is sound is asked of ``millwright.core.soundness``.
"""

import hashlib
import json
import re

from pydantic import JsonValue

from millwright.core.specification_vocabulary import TYPE_WORDS
from schemas.identity import Digest
from schemas.planning import Proposal, ProposedChild
from schemas.project import Policy
from schemas.specification import TaskSpecification
from schemas.types import Kind, Type, TypeSyntaxError, parse_type

_CAPITALS = frozenset({"List", "Set", "Dict"})
"""Words that annotations may use for built-in types beside those that no record may be named by."""


def is_atomic(child: ProposedChild, policy: Policy) -> bool:
    """Say whether a child is small enough to be written in one piece, by its own estimate."""
    return child.estimated_lines <= policy.atomic_lines and child.estimated_complexity <= policy.atomic_complexity


def interface(task: TaskSpecification) -> tuple[str, JsonValue, JsonValue]:
    """Return what others see of a task: its name and the names and types of its inputs and outputs.

    A type has one spelling: ``Optional[int]`` is ``None | int``.
    """
    return (
        task.name,
        [[item.name, _spelling(item.type_annotation)] for item in task.inputs],
        [_spelling(item.type_annotation) for item in task.outputs],
    )


def proposal_signature(proposal: Proposal, policy: Policy) -> Digest:
    """Digest what makes two proposals the same vote: interfaces, grants and edges, and which children are atomic.

    Wording, examples, the order of children and how a type is spelled do not count. Ids do: they become the names of
    modules, which whoever uses the deliverable imports.
    """
    children: list[list[JsonValue]] = [
        [
            child.specification.id,
            *interface(child.specification),
            _granted(child.specification),
            list[JsonValue](sorted(child.specification.dependencies)),
            is_atomic(child, policy),
        ]
        for child in proposal.children
    ]
    return digest_of([*sorted(children, key=lambda child: str(child[0]))])


def _granted(task: TaskSpecification) -> JsonValue:
    packages = tuple(grant.requirement for grant in task.grants.packages)
    granted = (task.grants.imports, task.grants.names, task.grants.files, *([packages] if packages else []))
    return [list[JsonValue](sorted(names)) for names in granted]


def _spelling(annotation: str) -> str:
    """Write a type in one way; whatever is no word of the type language is taken for a record."""
    words = frozenset(re.findall(r"[A-Za-z_]\w*", annotation)) - TYPE_WORDS - _CAPITALS
    try:
        return str(_ordered(parse_type(annotation, words)))
    except TypeSyntaxError:
        return annotation


def _ordered(of: Type) -> Type:
    arguments = tuple(_ordered(item) for item in of.arguments)
    return Type(of.kind, tuple(sorted(arguments, key=str)) if of.kind is Kind.UNION else arguments, of.name)


def digest_of(structure: JsonValue) -> Digest:
    """Digest a tree of JSON."""
    text = json.dumps(structure, sort_keys=True, separators=(",", ":"))
    return Digest(hashlib.sha256(text.encode("ascii")).hexdigest())
