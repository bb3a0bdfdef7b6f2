"""Whether what a part takes can be had where it is called: from the caller's own inputs, or from other parts' results.

It judges types alone, so it refuses little: whoever calls can write any scalar, and can put together a record of what
it has. Whether the values fit is asked of the examples, by ``millwright.core.composition``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from millwright.core.specification_vocabulary import known_type
from schemas.identity import TaskId
from schemas.specification import Parameter, Record, TaskSpecification
from schemas.types import Kind, Type, TypeSyntaxError, parse_type

Records = Mapping[str, Record]

_NUMBERS = frozenset({Kind.INT, Kind.FLOAT, Kind.BOOL})
_CONTAINERS = frozenset({Kind.LIST, Kind.SET, Kind.DICT, Kind.VARIADIC})


@dataclass(frozen=True)
class Hands:
    """What a caller has: records by name, and the kinds of scalars that it can make of what it has.

    Numbers become one another and text; text becomes bytes and back; of a container there is a count. Numbers out of
    text are not counted: to parse is a part's work.
    """

    records: frozenset[str]
    scalars: frozenset[Kind]


def hands_of(parameters: Iterable[Parameter], records: Records) -> Hands:
    """Say what a caller has that was given values of these parameters."""
    reached = _reached([of for item in parameters if (of := known_type(item, records)) is not None], records)
    scalars = {of.kind for of in reached}
    if scalars & _CONTAINERS:
        scalars.add(Kind.INT)
    if scalars & _NUMBERS:
        scalars |= {*_NUMBERS, Kind.STR}
    if scalars & {Kind.STR, Kind.BYTES}:
        scalars |= {Kind.STR, Kind.BYTES}
    return Hands(frozenset(of.name for of in reached if of.kind is Kind.RECORD), frozenset(scalars))


def out_of_reach(parameters: Iterable[Parameter], hands: Hands, records: Records) -> Iterator[str]:
    """Yield the records that these parameters demand and that a caller with these hands neither has nor can make.

    A record can be made where some field of it, or of a record in it, is of a kind that is at hand.
    """
    if Kind.ANY in hands.scalars:
        return
    wanted = [of for item in parameters if (of := known_type(item, records)) is not None]
    for name in sorted({of.name for of in _outermost(wanted)}):
        inner = {of.kind for of in _reached([Type(Kind.RECORD, name=name)], records)}
        if name not in hands.records and not inner & (hands.scalars | {Kind.ANY}):
            yield name


def reach_faults(
    parent: TaskSpecification, children: Sequence[TaskSpecification], made: frozenset[str]
) -> Iterator[str]:
    """Yield each part that nobody could call, and what of the parent's result nobody could make.

    ``made`` are the records that the plan's composition puts together. The parts have the parent's records.
    """
    records = {record.name: record for record in parent.known_records}
    by_id = {child.id: child for child in children}
    for child in children:
        others = [item for other in children if other is not child for item in other.outputs]
        hands = hands_of((*parent.inputs, *parent.outputs, *others), records)
        for name in out_of_reach(child.inputs, hands, records):
            if name not in made:
                yield (
                    f"{child.id}: it takes {name}, which its parent does not have and no other child gives; "
                    "show in the composition how it is made"
                )
        yield from _edge_faults(child, by_id, records)
    hands = hands_of((*parent.inputs, *(item for child in children for item in child.outputs)), records)
    for name in out_of_reach(parent.outputs, hands, records):
        if name not in made:
            yield f"{parent.id}: it gives {name}, and no child gives that, or anything that it could be made of"


def _edge_faults(
    child: TaskSpecification, by_id: Mapping[TaskId, TaskSpecification], records: Records
) -> Iterator[str]:
    """Yield the siblings that a child depends on and could not call; one without inputs brings values of its own."""
    if not child.inputs:
        return
    used = [by_id[name] for name in child.dependencies if name in by_id and name != child.id]
    for callee in used:
        others = [item for other in used if other is not callee for item in other.outputs]
        hands = hands_of((*child.inputs, *child.outputs, *others), records)
        for name in out_of_reach(callee.inputs, hands, records):
            yield f"{child.id}: it depends on {callee.id}, which takes {name}, and it has nothing to make that of"


def _reached(types: Sequence[Type], records: Records) -> set[Type]:
    """Return these types and everything that values of them contain."""
    found: set[Type] = set()
    waiting = list(types)
    while waiting:
        of = waiting.pop()
        if of in found:
            continue
        found.add(of)
        waiting += of.arguments
        if of.kind is Kind.RECORD:
            waiting += _field_types(of.name, records)
    return found


def _field_types(name: str, records: Records) -> list[Type]:
    record = records.get(name)
    if record is None:
        return []
    found = []
    for field in record.fields:
        try:
            found.append(parse_type(field.type_annotation, records))
        except TypeSyntaxError:
            continue  # a fault of the declaration, which is reported where records are checked
    return found


def _outermost(types: Sequence[Type]) -> Iterator[Type]:
    """Yield the records that values of these types cannot do without, but not what lies inside a record.

    Of a union one member is enough, so none of them is demanded; a container may be empty, but is of no use so.
    """
    for of in types:
        if of.kind is Kind.RECORD:
            yield of
        elif of.kind is not Kind.UNION:
            yield from _outermost(of.arguments)
