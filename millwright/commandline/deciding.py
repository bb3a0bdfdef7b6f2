"""The commands by which people decide: `answer`, `approve`, `reject`.

They refuse what can be no answer before anything is started; what a decision does, the workflow says.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millwright.commandline.composition import Composition, Session
from millwright.commandline.options import (
    ByOption,
    DecisionOption,
    GateOption,
    NoteOption,
    ProjectArgument,
    QuestionArgument,
    Waited,
    login_name,
    seconds,
)
from millwright.commandline.output import note, say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from millwright.core.resolution import AnswerValue
    from schemas.people import Question
    from schemas.project import ApprovalDecision


def answer(
    context: typer.Context,
    question: QuestionArgument,
    value: Annotated[
        str | None, typer.Argument(metavar="[VALUE]", help="A word of the question: A, retry, …", show_default=False)
    ] = None,
    returns: Annotated[
        str | None, typer.Option("--returns", metavar="JSON", help="This value is right.", show_default=False)
    ] = None,
    raises: Annotated[
        str | None, typer.Option("--raises", metavar="NAME", help="This exception is right.", show_default=False)
    ] = None,
    example: Annotated[
        str | None,
        typer.Option(
            "--example", metavar="JSON", help="A further example: inputs, expected_output.", show_default=False
        ),
    ] = None,
    code: Annotated[
        Path | None,
        typer.Option("--code", metavar="FILE", help="Your own code, verified like any other.", show_default=False),
    ] = None,
    specification: Annotated[
        Path | None,
        typer.Option(
            "--specification", metavar="FILE", help="Changed fields of the task, YAML or JSON.", show_default=False
        ),
    ] = None,
    attempts: Annotated[
        int | None, typer.Option("--attempts", min=1, max=10_000, help="Draw so many more.", show_default=False)
    ] = None,
    assign: Annotated[
        str | None, typer.Option("--assign", metavar="NAME", help="Have somebody else asked.", show_default=False)
    ] = None,
    remark: NoteOption = "",
    by: ByOption = None,
    decision_id: DecisionOption = None,
) -> None:
    """Answer a question.

    Give one answer: a word that `millwright show` lists, or one of the options for it. Code and specifications are
    stored first, and sent by digest. With no stack running and none configured, one is started for as long as the
    answer needs, and the build goes on at the next `millwright watch` or `millwright up`.

    Example: millwright answer order-pricing/root.totals/1 --returns 4

    Exit codes: 0 taken, 2 no such question, no such answer or not taken, 5 a service is not reachable.
    """
    given = {
        "returns": returns,
        "raises": raises,
        "example": example,
        "code": None if code is None else str(code),
        "specification": None if specification is None else str(specification),
        "attempts": None if attempts is None else str(attempts),
        "assign": assign,
    }
    decided = {"by": login_name() if by is None else by, "note": remark, "decision_id": decision_id}
    asyncio.run(_answer(context.obj, question, value, {k: v for k, v in given.items() if v is not None}, decided))


async def _answer(
    composition: Composition, reference: str, word: str | None, options: dict[str, str], decided: dict[str, Any]
) -> None:
    from millwright.commandline.given import stored
    from millwright.inbox import Inbox
    from schemas.people import Door

    async with composition.stores(note) as stores:
        question = await Inbox(stores.projects).question(reference)
    value, remark = _value(composition, question, word, options)
    decided = {**decided, "note": decided["note"] or remark}
    _demand_reason(question.gate is not None and value == "reject", decided["note"])

    async def send(session: Session) -> str:
        given = await stored(value, session.stores.artifacts)
        return await session.client.answer(question, given, **decided, through=Door.COMMAND)

    await _sent(composition, question.project, send)


def _value(
    composition: Composition, question: "Question", word: str | None, options: dict[str, str]
) -> "tuple[AnswerValue, str]":
    from millwright.commandline.given import checked, formed, typed
    from millwright.errors import BadInput

    names = [*([] if word is None else ["VALUE"]), *(f"--{name}" for name in options)]
    if len(names) != 1:
        told = f"{' and '.join(names)} were given" if names else "no answer was given"
        raise BadInput(f"{told}: give exactly one; `millwright show {question.address}` lists what can be answered")
    if word is not None:
        return typed(composition, question, word)
    ((form, content),) = options.items()
    return checked(question, formed(composition, form, content)), ""


def approve(
    context: typer.Context,
    project: ProjectArgument,
    gate: GateOption = None,
    max_calls: Annotated[
        int | None, typer.Option("--max-calls", min=1, help="Most model calls from now on.", show_default=False)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="Most tokens from now on.", show_default=False)
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option("--max-cost", min=0.000001, help="Most US dollars from now on.", show_default=False)
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option("--max-time", metavar="TIME", help="Longest time from now on: 90, 30m, 2h.", show_default=False),
    ] = None,
    assign: Annotated[
        str | None,
        typer.Option("--assign", metavar="NAME", help="Have somebody else asked, instead.", show_default=False),
    ] = None,
    remark: NoteOption = "",
    by: ByOption = None,
    decision_id: DecisionOption = None,
) -> None:
    """Consent at a project's gate, so that it goes on.

    The gate is the one that is open. At the gate of the budget, caps that are named hold from then on; without any,
    each grows by what was given at first. With no stack running and none configured, one is started for as long as
    the consent needs, and the build goes on at the next `millwright watch` or `millwright up`.

    Example: millwright approve order-pricing

    Exit codes: 0 taken, 2 no such project, no gate is open or not taken, 5 a service is not reachable.
    """
    from millwright.errors import BadInput
    from schemas.models import Budget
    from schemas.project import ApprovalDecision

    caps = {
        "max_calls": max_calls,
        "max_tokens": max_tokens,
        "max_cost": max_cost,
        "max_time_seconds": None if max_time is None else seconds(max_time),
    }
    capped = any(cap is not None for cap in caps.values())
    if capped and assign is not None:
        raise BadInput("whoever is asked then gives the caps: give --assign or caps, not both")
    decided = {
        "budget": Budget.model_validate(caps) if capped else None,
        "to": assign or "",
        "by": login_name() if by is None else by,
        "note": remark,
        "decision_id": decision_id,
    }
    if assign is not None and not assign.strip():
        raise BadInput("--assign needs a name: --assign ann")
    decision = ApprovalDecision.APPROVE if assign is None else ApprovalDecision.ASSIGN
    asyncio.run(_decide(context.obj, project, decision, gate, decided))


def reject(
    context: typer.Context,
    project: ProjectArgument,
    remark: NoteOption = "",
    gate: GateOption = None,
    by: ByOption = None,
    decision_id: DecisionOption = None,
) -> None:
    """Reject what waits at a project's gate, and say why.

    The note guides the agents: what was rejected is done again with it, as often as the build allows
    (--max-rejections), and then the build ends. A rejected budget ends what is under way. The stack is reached or
    started as by `approve`.

    Example: millwright reject order-pricing --note "one module for all money"

    Exit codes: 0 taken, 2 no such project, no gate is open, no note or not taken, 5 a service is not reachable.
    """
    from schemas.project import ApprovalDecision

    _demand_reason(True, remark)
    decided = {"by": login_name() if by is None else by, "note": remark, "decision_id": decision_id}
    asyncio.run(_decide(context.obj, project, ApprovalDecision.REJECT, gate, decided))


async def _decide(
    composition: Composition, project: str, decision: "ApprovalDecision", gate: Waited | None, decided: dict[str, Any]
) -> None:
    from millwright.core.project_input import checked_project_id
    from schemas.identity import Gate
    from schemas.people import Door

    name = checked_project_id(project)

    async def send(session: Session) -> str:
        at = None if gate is None else Gate(gate.value)
        return await session.client.approve(name, decision, gate=at, **decided, through=Door.COMMAND)

    await _sent(composition, name, send)


async def _sent(composition: Composition, project: str, send: "Callable[[Session], Awaitable[str]]") -> None:
    async with composition.session(note) as session:
        say(await send(session))
        if session.owned:
            note(
                f"the stack stops with this command: the build goes on at the next `millwright watch {project}` or "
                "`millwright up`"
            )


def _demand_reason(rejects: bool, remark: str) -> None:
    """Refuse a rejection that says nothing. Raises BadInput."""
    from millwright.errors import BadInput

    if rejects and not remark.strip():
        raise BadInput("a rejection says why, since it guides what is done again: give --note TEXT")
