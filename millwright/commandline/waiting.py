"""The commands that show what waits for people, and what they decided: `inbox`, `show`, `history`.

Reading needs nothing running; only `inbox --interactive` sends answers, and reaches or starts the stack for it.
"""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from millwright.commandline.composition import Composition
from millwright.commandline.options import ByOption, JsonOption, QuestionArgument, RevisionArgument, login_name
from millwright.commandline.output import console, emit, moment, note, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millwright.inbox import History
    from schemas.people import Decision, Question


def inbox(
    context: typer.Context,
    of: Annotated[
        str | None,
        typer.Option("--for", metavar="NAME", help="Only what is asked of NAME, or of anybody.", show_default=False),
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Go through it, and answer one by one.")
    ] = False,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what waits for people, in all projects, oldest first.

    Questions about parts, and gates. With --interactive each is shown whole and takes an answer from the terminal or
    from a pipe; with no stack running and none configured, one is started for as long as that takes.

    Example: millwright inbox --interactive

    Exit codes: 0 listed or gone through, 2 bad options, 5 a service is not reachable.
    """
    if interactive:
        from millwright.errors import BadInput

        if as_json:
            raise BadInput("a conversation has no JSON: give --interactive or --json, not both")
        asyncio.run(_conversed(context.obj, of, by or login_name()))
        return
    found = asyncio.run(_open(context.obj, of))
    if as_json:
        emit({"questions": [{"address": item.address, **item.model_dump(mode="json")} for item in found]})
        return
    if not found:
        say("nothing waits for an answer")
        return
    from millwright.commandline.asking import in_a_line

    shown = table("since", "due", "asked of", "question", "what")
    for item in found:
        since, due = (moment(at) if at else "" for at in (item.asked_at, item.due_at))
        shown.add_row(since, due, item.assignee or "anybody", item.address, in_a_line(item))
    console().print(shown, markup=False)
    note("`millwright show QUESTION` shows one whole; `millwright inbox -i` goes through all")


async def _open(composition: Composition, of: str | None) -> "Sequence[Question]":
    from millwright.inbox import Inbox, asked_of

    async with composition.stores(note) as stores:
        found = await Inbox(stores.projects).waiting()
    return found if of is None else asked_of(of, found)


async def _conversed(composition: Composition, of: str | None, by: str) -> None:
    from millwright.commandline.conversing import converse
    from millwright.inbox import asked_of

    def chosen(questions: "Sequence[Question]") -> "Sequence[Question]":
        return questions if of is None else asked_of(of, questions)

    if not await _open(composition, of):
        say("nothing waits for an answer")
        return
    async with composition.session(note) as session:
        if await converse(composition, session, by, chosen) and session.owned:
            note("the stack stops with this command: builds go on at the next `millwright watch` or `millwright up`")


def show(context: typer.Context, question: QuestionArgument, as_json: JsonOption = False) -> None:
    """Show a question whole, and every way to answer it.

    With the input it is about, the choices with their votes, what each answer does, and the command that gives it.

    Example: millwright show order-pricing/root.totals/1

    Exit codes: 0 shown, 2 no such question, 5 the database is not reachable.
    """
    from millwright.commandline.asking import ways, whole
    from millwright.core.audit import settling

    found, decisions = asyncio.run(_question(context.obj, question))
    if as_json:
        ways_open = ways(found) if found.open else ()
        emit(
            {
                "address": found.address,
                "question": found.model_dump(mode="json"),
                "answers": [{"answer": way.answer, "does": way.does, "command": way.command} for way in ways_open],
                "decisions": [decision.model_dump(mode="json") for decision in decisions],
            }
        )
        return
    say(whole(found, decisions, settled=settling(found.id, decisions)))


async def _question(composition: Composition, reference: str) -> "tuple[Question, tuple[Decision, ...]]":
    from millwright.inbox import Inbox

    async with composition.stores(note) as stores:
        found = await Inbox(stores.projects).question(reference)
        decisions = await stores.projects.decisions(found.project)
    return found, tuple(item for item in decisions if item.question == found.id)


def history(context: typer.Context, project: RevisionArgument, as_json: JsonOption = False) -> None:
    """Show who decided what, when, through which door, and with which effect.

    Oldest first; what was refused is there too. What is open still stands at the end.

    Example: millwright history order-pricing

    Exit codes: 0 shown, 2 no such project or revision, 5 the database is not reachable.
    """
    found = asyncio.run(_history(context.obj, project))
    if as_json:
        emit(
            {
                "project": found.project,
                "revision": found.revision,
                "decisions": [
                    {
                        **entry.decision.model_dump(mode="json"),
                        "asked": entry.question.model_dump(mode="json") if entry.question else None,
                    }
                    for entry in found.entries
                ],
                "open": [{"address": item.address, **item.model_dump(mode="json")} for item in found.open],
            }
        )
        return
    _show_history(found)


async def _history(composition: Composition, project: str) -> "History":
    from millwright.inbox import Inbox

    async with composition.stores(note) as stores:
        return await Inbox(stores.projects).history(project)


def _show_history(found: "History") -> None:
    from millwright.commandline.asking import listed
    from millwright.core.audit import door_words

    if found.entries:
        shown = table("when", "question", "decision", "by", "through", "note", "effect")
        for entry in found.entries:
            item = entry.decision
            shown.add_row(
                moment(item.decided_at) if item.decided_at else "",
                item.question or (f"gate {item.gate.value}" if item.gate else ""),
                item.value,
                item.by or "unknown",
                door_words(item.through) if item.through else "",
                item.note,
                item.effect,
            )
        console().print(shown, markup=False)
    else:
        say(f"nobody was asked to decide anything in {found.project} so far")
    for line in listed(found.open):
        say(f"open: {line}")
