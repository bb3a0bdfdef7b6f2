"""The safe subset of Python in which conditions and constraints are written.

It parses and checks, and never evaluates. The rules bound what an expression may name, not what it costs
(``[0] * 10**9`` is allowed): whoever evaluates one does so in a process with limits on memory and time.
"""

import ast
import builtins
import math
from collections.abc import Collection, Iterator
from types import SimpleNamespace

BUILTINS = (
    *("abs", "all", "any", "bool", "dict", "divmod", "enumerate", "float", "frozenset", "int", "isinstance", "len"),
    *("list", "max", "min", "range", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip"),
)
"""The built-in functions and types that an expression may use."""

MATH_FUNCTIONS = ("isclose", "floor", "ceil", "sqrt", "isnan", "isinf", "isfinite")
"""The functions of ``math`` that an expression may use, as ``floor(x)`` or ``math.floor(x)``."""

METHODS = frozenset(
    (
        *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdecimal"),
        *("isdigit", "islower", "isspace", "isupper", "join", "lower", "lstrip", "partition", "replace", "rfind"),
        *("rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"),
        *("removeprefix", "removesuffix", "is_integer", "bit_length", "get", "items", "keys", "values"),
        *("difference", "intersection", "isdisjoint", "issubset", "issuperset", "symmetric_difference", "union"),
    )
)
"""The methods that an expression may use; none changes its object."""

LONGEST_EXPRESSION = 500
"""The most characters of an expression."""

DEEPEST_EXPRESSION = 40
"""The deepest nesting of an expression's syntax tree."""

LARGEST_EXPONENT = 64
"""The largest exponent of ``**`` and the largest distance of ``<<``; both must be literals."""

_KEYWORDS = frozenset({"key", "default", "reverse", "start", "rel_tol", "abs_tol", "strict", "ndigits", "maxsplit"})
_CALLABLE = frozenset((*BUILTINS, *MATH_FUNCTIONS))
_OLD = "old"
_PLAIN_NODES = (
    *(ast.BoolOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.List, ast.Tuple, ast.Set, ast.Subscript, ast.Slice),
    *(ast.Starred, ast.boolop, ast.unaryop, ast.cmpop, ast.operator, ast.expr_context),
)
_REFUSED = {
    ast.Lambda: "a lambda",
    ast.JoinedStr: "an f-string",
    ast.NamedExpr: "an assignment",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
}


class _Refused(Exception):
    """A node is outside the subset."""

    def __init__(self, node: ast.AST, reason: str) -> None:
        super().__init__(reason)
        self.node = node
        self.reason = reason


def check_expression(text: str, names: Collection[str], fields: Collection[str] = ()) -> str | None:
    """Say why ``text`` is not an expression of the subset over ``names``; None if it is one.

    ``names`` are the variables, with ``result`` and ``old`` among them where these are allowed; ``old`` stands only
    before a dot and the name of another variable. ``fields`` are the fields of records that may follow a dot. The
    answer begins with the one-based column.
    """
    if not text.strip():
        return "column 1: the expression is empty"
    if len(text) > LONGEST_EXPRESSION:
        return f"column {LONGEST_EXPRESSION + 1}: the expression is longer than {LONGEST_EXPRESSION} characters"
    if text[0].isspace():
        return "column 1: the expression begins with white space"
    try:
        body = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        return f"{_place(error.lineno or 1, error.offset or 1)}: not a Python expression ({error.msg})"
    except (ValueError, RecursionError, MemoryError):
        return "column 1: not a Python expression"
    try:
        _Checker(frozenset(names), frozenset(fields)).check(body, frozenset(), 1)
    except _Refused as refusal:
        return f"{_position(text, refusal.node)}: {refusal.reason}"
    return None


def names_used(text: str) -> frozenset[str]:
    """Return the names that an expression of the subset reads, without those that its comprehensions bind."""
    nodes = list(ast.walk(ast.parse(text, mode="eval")))
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name)) - bound


def namespace() -> dict[str, object]:
    """Return the globals under which an expression of the subset is evaluated, before its variables are added."""
    functions = {name: getattr(math, name) for name in MATH_FUNCTIONS}
    allowed = {name: getattr(builtins, name) for name in BUILTINS}
    return {"__builtins__": {}, **allowed, **functions, "math": SimpleNamespace(**functions)}


class _Checker:
    """Walks an expression and raises at the first node outside the subset; ``bound`` are comprehensions' variables."""

    def __init__(self, names: frozenset[str], fields: frozenset[str]) -> None:
        self._names = names
        self._fields = fields

    def check(self, node: ast.AST, bound: frozenset[str], depth: int) -> None:
        if depth > DEEPEST_EXPRESSION:
            raise _Refused(node, f"nested deeper than {DEEPEST_EXPRESSION} levels")
        for child, scope in self._children(node, bound):
            self.check(child, scope, depth + 1)

    def _children(self, node: ast.AST, bound: frozenset[str]) -> Iterator[tuple[ast.AST, frozenset[str]]]:
        """Check one node, and return what is left to check below it with the variables bound there."""
        match node:
            case ast.Constant():
                self._check_constant(node)
            case ast.Name():
                self._check_name(node, bound)
            case ast.Attribute():
                return self._attribute(node, bound)
            case ast.Call():
                return self._call(node, bound)
            case ast.BinOp():
                self._check_operator(node)
                return ((child, bound) for child in (node.left, node.right))
            case ast.Dict():
                return ((child, bound) for child in self._dict_parts(node))
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                return self._comprehension(node, bound)
            case _ if isinstance(node, _PLAIN_NODES):
                return ((child, bound) for child in ast.iter_child_nodes(node))
            case _:
                raise _Refused(node, f"{_REFUSED.get(type(node), type(node).__name__)} is not allowed")
        return iter(())

    def _check_constant(self, node: ast.Constant) -> None:
        if node.value is not None and not isinstance(node.value, bool | int | float | str | bytes):
            raise _Refused(node, f"the constant {ast.unparse(node)} is not allowed")

    def _check_name(self, node: ast.Name, bound: frozenset[str]) -> None:
        if node.id == _OLD and _OLD in self._names:
            raise _Refused(node, "old stands before a dot and an input's name")
        if node.id not in self._names | bound | _CALLABLE:
            known = ", ".join(sorted(self._names)) or "none"
            raise _Refused(node, f"the name {node.id!r} is not known here (variables: {known})")

    def _attribute(self, node: ast.Attribute, bound: frozenset[str]) -> Iterator[tuple[ast.AST, frozenset[str]]]:
        owner = node.value.id if isinstance(node.value, ast.Name) else None
        if owner == _OLD and _OLD in self._names:
            if node.attr not in self._names - {_OLD, "result"}:
                raise _Refused(node, f"old.{node.attr} is not an input")
            return iter(())
        if owner == "math" and owner not in self._names | bound:
            if node.attr not in MATH_FUNCTIONS:
                raise _Refused(node, f"math.{node.attr} is not allowed (only {', '.join(MATH_FUNCTIONS)})")
            return iter(())
        if node.attr not in METHODS and (node.attr not in self._fields or node.attr.startswith("__")):
            raise _Refused(node, f".{node.attr} is neither an allowed method nor a field of a declared record")
        return iter(((node.value, bound),))

    def _call(self, node: ast.Call, bound: frozenset[str]) -> Iterator[tuple[ast.AST, frozenset[str]]]:
        match node.func:
            case ast.Name(id=name) if name in _CALLABLE and name not in self._names | bound:
                pass
            case ast.Name(id=name):
                raise _Refused(node.func, f"{name!r} is not a function that expressions may call")
            case ast.Attribute():
                pass
            case _:
                raise _Refused(node.func, "only named functions and methods may be called")
        for keyword in node.keywords:
            if keyword.arg not in _KEYWORDS:
                raise _Refused(keyword, f"the keyword argument {keyword.arg or '**'!r} is not allowed")
        parts = (node.func, *node.args, *(keyword.value for keyword in node.keywords))
        return ((part, bound) for part in parts)

    def _check_operator(self, node: ast.BinOp) -> None:
        match node.op:
            case ast.MatMult():
                raise _Refused(node, "the operator @ is not allowed")
            case ast.Pow() | ast.LShift() if not _is_small(node.right):
                sign = "**" if isinstance(node.op, ast.Pow) else "<<"
                raise _Refused(node, f"{sign} needs a literal of at most {LARGEST_EXPONENT} on its right")
            case ast.Mod() if isinstance(node.left, ast.Constant) and isinstance(node.left.value, str | bytes):
                raise _Refused(node, "formatting is not allowed")

    def _dict_parts(self, node: ast.Dict) -> Iterator[ast.AST]:
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                raise _Refused(value, "** is not allowed in a dict")
            yield key
            yield value

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, bound: frozenset[str]
    ) -> Iterator[tuple[ast.AST, frozenset[str]]]:
        inner = bound
        for generator in node.generators:
            if generator.is_async:
                raise _Refused(generator.target, "async is not allowed")
            yield generator.iter, inner
            inner |= self._targets(generator.target)
            for condition in generator.ifs:
                yield condition, inner
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            yield part, inner

    def _targets(self, target: ast.expr) -> frozenset[str]:
        match target:
            case ast.Name(id=name) if name in self._names | _CALLABLE:
                raise _Refused(
                    target, f"a comprehension's variable may not be named {name!r}, which has a meaning here"
                )
            case ast.Name(id=name) if not name.startswith("__"):
                return frozenset({name})
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return frozenset().union(*map(self._targets, elements))
        raise _Refused(target, f"{ast.unparse(target)} cannot be a comprehension's variable")


def _is_small(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value <= LARGEST_EXPONENT


def _position(text: str, node: ast.AST) -> str:
    line: int = getattr(node, "lineno", 1)
    offset: int = getattr(node, "col_offset", 0)  # in bytes of UTF-8
    source = text.splitlines()[line - 1].encode("utf-8", "surrogatepass")
    return _place(line, len(source[:offset].decode("utf-8", "surrogatepass")) + 1)


def _place(line: int, column: int) -> str:
    return f"column {column}" if line == 1 else f"line {line}, column {column}"
