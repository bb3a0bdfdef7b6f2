"""Type annotations of specifications, parsed once into a small closed language.

It knows no target language: each language maps these types to its own. Nothing here is evaluated.
"""

import ast
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The constructors of the type language."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    STR = "str"
    BYTES = "bytes"
    NONE = "None"
    ANY = "Any"
    LIST = "list"
    SET = "set"
    DICT = "dict"
    TUPLE = "tuple"
    VARIADIC = "tuple of any length"
    UNION = "union"
    RECORD = "record"


_SIMPLE = {kind.value: kind for kind in (Kind.INT, Kind.FLOAT, Kind.BOOL, Kind.STR, Kind.BYTES, Kind.ANY)}
_ARITY = {"list": (Kind.LIST, 1), "set": (Kind.SET, 1), "dict": (Kind.DICT, 2)}
_LONGEST_ANNOTATION = 500


class TypeSyntaxError(ValueError):
    """An annotation is not in the type language."""


@dataclass(frozen=True)
class Type:
    """A type: its constructor, its arguments, and for a record its name."""

    kind: Kind
    arguments: tuple["Type", ...] = ()
    name: str = ""

    def __str__(self) -> str:
        inner = ", ".join(map(str, self.arguments))
        match self.kind:
            case Kind.UNION:
                return " | ".join(map(str, self.arguments))
            case Kind.VARIADIC:
                return f"tuple[{inner}, ...]"
            case Kind.TUPLE:
                return f"tuple[{inner}]" if inner else "tuple[()]"
            case Kind.LIST | Kind.SET | Kind.DICT:
                return f"{self.kind.value}[{inner}]"
            case Kind.RECORD:
                return self.name
            case _:
                return self.kind.value


ANY = Type(Kind.ANY)
NONE = Type(Kind.NONE)


def parse_type(annotation: str, records: Collection[str] = ()) -> Type:
    """Parse an annotation over ``int float bool str bytes None Any list set tuple dict |`` and named records.

    Bare containers hold Any (``list`` is ``list[Any]``).

    Raises:
        TypeSyntaxError: the annotation is not in the language; the message names the part that is not.
    """
    if len(annotation) > _LONGEST_ANNOTATION:
        raise TypeSyntaxError(f"the annotation is longer than {_LONGEST_ANNOTATION} characters")
    try:
        return _type_of(ast.parse(annotation.strip(), mode="eval").body, frozenset(records))
    except TypeSyntaxError:
        raise
    except (SyntaxError, ValueError) as error:
        raise TypeSyntaxError(f"{annotation!r} is not a type annotation") from error
    except (RecursionError, MemoryError) as error:  # a row of signs, each a level: writing it back overflows the stack
        raise TypeSyntaxError(f"{annotation[:40]!r}… is nested too deeply for a type annotation") from error


def _type_of(node: ast.expr, records: frozenset[str]) -> Type:
    match node:
        case ast.Constant(value=None):
            return NONE
        case ast.Name(id=name):
            return _named(name, records)
        case ast.BinOp(op=ast.BitOr()):
            return _union([_type_of(part, records) for part in (node.left, node.right)])
        case ast.Subscript(value=ast.Name(id="Optional"), slice=part):
            return _union([_type_of(part, records), NONE])
        case ast.Subscript(value=ast.Name(id="tuple" | "Tuple"), slice=part):
            return _tuple(part, records)
        case ast.Subscript(value=ast.Name(id=name), slice=part) if name.lower() in _ARITY:
            kind, arity = _ARITY[name.lower()]
            arguments = part.elts if isinstance(part, ast.Tuple) else [part]
            if len(arguments) != arity:
                raise TypeSyntaxError(f"{ast.unparse(node)!r} needs {arity} type argument(s)")
            return Type(kind, tuple(_type_of(argument, records) for argument in arguments))
    raise TypeSyntaxError(f"{ast.unparse(node)!r} is not one of the types that specifications use")


def _named(name: str, records: frozenset[str]) -> Type:
    if name in records:
        return Type(Kind.RECORD, name=name)
    if name in _SIMPLE:
        return Type(_SIMPLE[name])
    if name in _ARITY:
        kind, arity = _ARITY[name]
        return Type(kind, (ANY,) * arity)
    if name == "tuple":
        return Type(Kind.VARIADIC, (ANY,))
    raise TypeSyntaxError(f"{name!r} is neither a built-in type nor a declared record")


def _tuple(part: ast.expr, records: frozenset[str]) -> Type:
    elements = part.elts if isinstance(part, ast.Tuple) else [part]
    if len(elements) == 2 and isinstance(elements[1], ast.Constant) and elements[1].value is Ellipsis:
        return Type(Kind.VARIADIC, (_type_of(elements[0], records),))
    return Type(Kind.TUPLE, tuple(_type_of(element, records) for element in elements))


def _union(parts: list[Type]) -> Type:
    flat: list[Type] = []
    for part in parts:
        for member in part.arguments if part.kind is Kind.UNION else (part,):
            if member not in flat:
                flat.append(member)
    return flat[0] if len(flat) == 1 else Type(Kind.UNION, tuple(flat))
