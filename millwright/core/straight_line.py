"""How a plan's composition is read, and what it gives when each child answers only what its own examples say.

A composition is lines ``name = expression`` and last the expression of the result. What examples do not answer is
unknown, never guessed; nothing is executed, and arithmetic is not worked out here.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from pydantic import JsonValue

from schemas.expressions import BUILTINS, names_used
from schemas.specification import Record, TaskSpecification
from schemas.values import Value, float_text

LONGEST_COMPOSITION = 50
"""Lines of one composition."""

LONGEST_LINE = 500
"""Characters of one of its lines."""

MOST_STEPS = 5000
"""Expressions that are looked at for one example: nested loops end here, as unknown."""


class Unknown(Exception):
    """The examples do not say what comes out; the message says where they end."""


class Raised(Exception):
    """A child's example raises; the message is the exception's name."""


class Answers(Protocol):
    """What the children's examples answer: a child's function and arguments to its outcome."""

    def answer(self, child: TaskSpecification, arguments: Sequence[Value]) -> Value:
        """Return what an example says. Raises Unknown, Raised."""
        ...


@dataclass(frozen=True)
class Program:
    """A composition that was read: its assignments in order, and its result."""

    steps: tuple[tuple[str, ast.expr], ...]
    result: ast.expr


def read_program(
    lines: Sequence[str], parent: TaskSpecification, children: Sequence[TaskSpecification]
) -> Program | str:
    """Read a composition; a text says what is wrong with it, and in which line."""
    if len(lines) > LONGEST_COMPOSITION or any(len(line) > LONGEST_LINE for line in lines):
        return f"composition: at most {LONGEST_COMPOSITION} lines of {LONGEST_LINE} characters"
    functions = {child.name for child in children} | {record.name for record in parent.records} | {*BUILTINS}
    known = {item.name for item in parent.inputs}
    steps: list[tuple[str, ast.expr]] = []
    result: ast.expr = ast.Constant(value=None)
    for number, line in enumerate(lines, 1):
        where, last = f"composition, line {number}", number == len(lines)
        read = _statement(line.strip())
        if read is None or (read[0] is None) is not last:
            wanted = "the last line is the expression of the result" if last else "not of the form name = expression"
            return f"{where}: {wanted}"
        name, expression = read
        stranger = next(_strangers(expression, known, functions), None)
        if stranger:
            return f"{where}: {stranger}"
        if name is not None:
            if name in known or name in functions:
                return f"{where}: the name {name!r} is taken"
            known.add(name)
            steps.append((name, expression))
        result = expression
    return Program(tuple(steps), result)


def records_made(program: Program, records: Sequence[Record]) -> frozenset[str]:
    """Return the records that a composition puts together."""
    names = {record.name for record in records}
    expressions = [*(expression for _, expression in program.steps), program.result]
    return frozenset(
        node.func.id
        for expression in expressions
        for node in ast.walk(expression)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    )


def _statement(line: str) -> tuple[str | None, ast.expr] | None:
    try:
        body = ast.parse(line).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    match body:
        case [ast.Assign(targets=[ast.Name(id=name)], value=expression)]:
            return name, expression
        case [ast.Expr(value=expression)]:
            return None, expression
    return None


def _strangers(expression: ast.expr, known: set[str], functions: set[str]) -> Iterator[str]:
    """Yield the names that an expression uses and that mean nothing in a composition."""
    nodes = list(ast.walk(expression))
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.Lambda | ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
            yield f"{type(node).__name__} is not allowed"
        elif isinstance(node, ast.Name) and id(node) in called and node.id not in functions:
            yield f"{node.id!r} is no child's function and no declared record"
        elif isinstance(node, ast.Name) and id(node) not in called and node.id not in known | bound:
            yield f"the name {node.id!r} is not known"


class Run:
    """One run of a composition over the inputs of one example."""

    def __init__(self, children: Sequence[TaskSpecification], records: Sequence[Record], answers: Answers) -> None:
        self._children = {child.name: child for child in children}
        self._records = {record.name: record for record in records}
        self._answers = answers
        self._left = MOST_STEPS
        self.calls = 0

    def result(self, program: Program, inputs: Mapping[str, Value]) -> Value:
        """Return what the composition gives. Raises Unknown, Raised."""
        names = dict(inputs)
        for name, expression in program.steps:
            names[name] = self._value(expression, names)
        return self._value(program.result, names)

    def _value(self, node: ast.expr, names: Mapping[str, Value]) -> Value:
        self._left -= 1
        if self._left < 0:
            raise Unknown("the composition takes too many steps")
        match node:
            case ast.Constant(value=value):
                return _constant(value)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return _constant(-number)
            case ast.Name(id=name) if name in names:
                return names[name]
            case ast.Attribute(value=owner, attr=field):
                return _field(self._value(owner, names), field)
            case ast.Subscript(value=owner, slice=index):
                return _item(self._value(owner, names), self._value(index, names))
            case ast.List(elts=items) | ast.Tuple(elts=items):
                tag = "list" if isinstance(node, ast.List) else "tuple"
                return [tag, [cast(JsonValue, self._value(item, names)) for item in items]]
            case ast.ListComp(elt=element, generators=[ast.comprehension(target=ast.Name(id=name), ifs=[]) as over]):
                items_of = _items(self._value(over.iter, names))
                return ["list", [cast(JsonValue, self._value(element, {**names, name: item})) for item in items_of]]
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node, names)
        raise Unknown(f"{ast.unparse(node)[:60]!r} is not worked out")

    def _call(self, name: str, node: ast.Call, names: Mapping[str, Value]) -> Value:
        if name in self._children:
            child = self._children[name]
            if _changes_arguments(child):
                raise Unknown(f"{name} may change what it is given")
            arguments = self._arguments([item.name for item in child.inputs], node, names)
            self.calls += 1
            return self._answers.answer(child, arguments)
        if name in self._records:
            fields = [field.name for field in self._records[name].fields]
            values = self._arguments(fields, node, names)
            return ["record", name, [[field, value] for field, value in zip(fields, values, strict=True)]]
        raise Unknown(f"{name}() is not worked out")

    def _arguments(self, wanted: Sequence[str], node: ast.Call, names: Mapping[str, Value]) -> list[Value]:
        if any(isinstance(item, ast.Starred) for item in node.args) or any(item.arg is None for item in node.keywords):
            raise Unknown("arguments that are spread are not worked out")
        given = dict(zip(wanted, node.args, strict=False)) if len(node.args) <= len(wanted) else {}
        given |= {item.arg: item.value for item in node.keywords if item.arg is not None}
        if set(given) != set(wanted) or len(given) != len(node.args) + len(node.keywords):
            raise Unknown(f"{ast.unparse(node.func)}() takes {', '.join(wanted) or 'nothing'}")
        return [self._value(given[name], names) for name in wanted]


def _changes_arguments(child: TaskSpecification) -> bool:
    """Say whether a child is there to change its arguments: it gives nothing, or its conditions speak of before."""
    conditions = (*child.postconditions, *child.invariants)
    return not child.outputs or any("old" in names_used(condition.expression) for condition in conditions)


def _constant(value: object) -> Value:
    match value:
        case None:
            return ["none"]
        case bool():
            return ["bool", value]
        case int() if abs(value) < 10**4000:  # beyond, Python refuses to write it down
            return ["int", str(value)]
        case float():
            return ["float", float_text(value)]
        case str():
            return ["str", value]
    raise Unknown(f"a constant of {type(value).__name__} is not worked out")


def _field(owner: Value, name: str) -> Value:
    match owner:
        case ["record", str(), [*pairs]]:
            for pair in pairs:
                match pair:
                    case [str(field), [*value]] if field == name:
                        return value
    raise Unknown(f"there is no .{name}")


def _item(owner: Value, index: Value) -> Value:
    match owner, index:
        case ["list" | "tuple", [*items]], ["int", str(text)]:
            place = int(text)
            found = items[place] if -len(items) <= place < len(items) else None
        case ["dict", [*pairs]], _:
            found = next((pair[1] for pair in pairs if isinstance(pair, list) and pair[0] == index), None)
        case _:
            found = None
    if not isinstance(found, list):
        raise Unknown("there is nothing under this index")
    return found


def _items(value: Value) -> list[Value]:
    match value:
        case ["list" | "tuple", [*items]]:
            return [item for item in items if isinstance(item, list)]
    raise Unknown("only lists and tuples are gone through")
