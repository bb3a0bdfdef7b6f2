"""Decides whose fault a failed integration is: the glue's, a child's or the plan's.

It runs nothing, and blames a child only on evidence: a promise that it broke, another verified candidate of it with
which the parent's examples hold, or a result that a vote of agents settled. Suspicion alone blames nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.attribution import Attribution, Culprit, Ground
from schemas.identity import NodePath

FEWEST_EXAMPLES = 2
"""Examples of the parent that must hold with another candidate of a child: one alone may hold by chance."""


@dataclass(frozen=True)
class GlueFacts:
    """What became of the different glues that were written.

    ``tried``: how many there were; ``typed``: how many passed the type checker; ``working``: how many gave what all of
    the parent's examples demand.
    """

    tried: int
    typed: int
    working: int


@dataclass(frozen=True)
class ChildFacts:
    """What is known of one child that the glue calls.

    ``breach``: the promise that it broke when it was called as it may be, in words. ``substitutes``: failing cases that
    other verified candidates of it show, which make the parent's examples hold. ``stated``: calls of which a vote of
    agents settled another result. ``called``: promised calls that were seen. ``asked``: agents were asked about them.
    """

    path: NodePath
    breach: str = ""
    substitutes: int = 0
    stated: int = 0
    called: int = 0
    asked: bool = False
    reopenings: int = 0


def attribute(
    glue: GlueFacts, children: Sequence[ChildFacts], *, k: int, max_reopenings: int, examples: int
) -> Attribution:
    """Attribute a failed integration; ``children`` are in the order in which one may call another.

    A child whose election was held again ``max_reopenings`` times already is not blamed any more: the plan is then.
    ``examples`` is how many the parent has.
    """
    if glue.working:
        return Attribution(
            culprit=Culprit.GLUE,
            ground=Ground.GLUE_WORKS,
            reason=f"{glue.working} of {glue.tried} different glues satisfy every example: no part is at fault",
        )
    blamed = _blamed(children, examples)
    if blamed is not None:
        ground, child, reason = blamed
        if child.reopenings < max_reopenings:
            return Attribution(culprit=Culprit.CHILD, ground=ground, child=child.path, reason=reason)
        spent = f"{reason}; its election was held again {child.reopenings} times already"
        return Attribution(culprit=Culprit.PLAN, ground=ground, reason=spent)
    if glue.tried < k:
        words = f"only {glue.tried} different glues were written: too few to blame the plan"
        return Attribution(culprit=Culprit.GLUE, ground=Ground.TOO_FEW, reason=words)
    if not glue.typed:
        words = f"none of {glue.tried} different glues fits the types of the parts"
        return Attribution(culprit=Culprit.PLAN, ground=Ground.INTERFACES, reason=words)
    return Attribution(
        culprit=Culprit.PLAN,
        ground=Ground.NO_GLUE,
        reason=f"none of {glue.tried} different glues satisfies the examples, and no part broke a promise",
        suspects=tuple(child.path for child in children if child.called and not child.asked),
    )


def attribute_statements(children: Sequence[ChildFacts], *, max_reopenings: int) -> Attribution:
    """Attribute anew after agents were asked about calls, where nothing else spoke against a child."""
    for child in children:
        if child.stated and child.reopenings < max_reopenings:
            return Attribution(
                culprit=Culprit.CHILD, ground=Ground.STATED, child=child.path, reason=_contradicted(child)
            )
    words = "; ".join(_contradicted(child) for child in children if child.stated)
    return Attribution(
        culprit=Culprit.PLAN,
        ground=Ground.STATED if words else Ground.NO_GLUE,
        reason=words or "no glue satisfies the examples, and agents find nothing wrong with what the parts give",
    )


def _contradicted(child: ChildFacts) -> str:
    return f"{child.path} does not give what a vote of agents settled for {child.stated} of its calls"


def _blamed(children: Sequence[ChildFacts], examples: int) -> tuple[Ground, ChildFacts, str] | None:
    """Find the child that the strongest evidence is against; evidence against several is decisive where it is a breach.

    Of children that broke promises the first is blamed: what it gave may be why a later one did.
    """
    for child in children:
        if child.breach:
            return Ground.BREACH, child, f"{child.path} broke its own promise: {child.breach}"
    substituted = [child for child in children if child.substitutes]
    if len(substituted) == 1 and examples >= FEWEST_EXAMPLES:
        child = substituted[0]
        words = f"with another verified candidate of {child.path} every example holds: its specification was too weak"
        return Ground.SUBSTITUTION, child, words
    return next(((Ground.STATED, child, _contradicted(child)) for child in children if child.stated), None)
