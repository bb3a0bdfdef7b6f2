"""Goes through what waits for a person, one question at a time: shows it whole, takes an answer, says what followed.

What is typed comes from stdin, a terminal or not. Nothing that was typed is lost: what is refused is shown again with
the reason.
"""

import asyncio
import sys
import threading
from collections.abc import Callable, Sequence

from millwright.commandline.asking import whole
from millwright.commandline.composition import Composition, Session
from millwright.commandline.given import stored, typed
from millwright.commandline.output import say
from millwright.errors import BadInput, ServiceUnavailable
from millwright.inbox import Inbox
from schemas.people import Door, Question

PROMPT = "answer (? help, s skip, q quit)> "
HELP = """Type one of these:
  a word of the question    A, retry, accept_partial, approve …; what stands behind it is your note
  returns JSON              this value is right          raises NAME         this exception is right
  example JSON              a further example            attempts N          draw so many more
  code FILE, file FILE      your own code                specification FILE  change the specification
  assign NAME               have somebody else asked     reject NOTE         at a gate: not so, and why
  s skip it    ? this help    q quit"""

Chosen = Callable[[Sequence[Question]], Sequence[Question]]
"""Picks the questions that concern whoever answers."""


async def converse(composition: Composition, session: Session, by: str, chosen: Chosen) -> int:
    """Have a person answer what is open until nothing is, or they quit, or the input ends; returns how many answers."""
    inbox, seen, answered = Inbox(session.stores.projects), set[str](), 0
    while True:
        waiting = [item for item in chosen(await inbox.waiting()) if item.address not in seen]
        if not waiting:
            say("nothing else waits for an answer" if seen else "nothing waits for an answer")
            return answered
        question = waiting[0]
        seen.add(question.address)
        say(f"[{len(waiting)} open]\n\n{whole(question)}\n")
        followed = await _answered(composition, session, question, by)
        if followed is None:
            return answered
        if followed:
            answered += 1
            say(f"{followed}\n")


async def _answered(composition: Composition, session: Session, question: Question, by: str) -> str | None:
    """Take lines until one is an answer that is taken; returns what followed, empty for a skip, None for the end."""
    while True:
        line = await _line()
        if line is None:
            return None
        text = line.strip()
        if text not in question.options:  # a word of the question goes first
            match text:
                case "":
                    continue
                case "s":
                    return ""
                case "q":
                    return None
                case "?":
                    say(HELP)
                    continue
        try:
            value, remark = typed(composition, question, text)
            value = await stored(value, session.stores.artifacts)
            return await session.client.answer(question, value, by=by, note=remark, through=Door.COMMAND)
        except (BadInput, ServiceUnavailable) as error:
            say(f"not taken: {error}\nyou wrote: {text}")
        if not await _is_open(session, question):
            return ""


async def _is_open(session: Session, question: Question) -> bool:
    """Say whether a question is open still; where the store does not answer it is taken to be."""
    try:
        rows = await session.stores.projects.questions(question.project)
    except ServiceUnavailable:
        return True
    return any(row.open for row in rows if row.id == question.id)


async def _line() -> str | None:
    """Read a line of stdin; None at its end.

    A thread of its own reads, which nobody waits for: Ctrl-C then ends the command at once, and not at the next line.
    """
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[str] = loop.create_future()

    def settle(line: str) -> None:
        if not arrived.done():
            arrived.set_result(line)

    def read() -> None:
        try:
            line = sys.stdin.readline()
        except (OSError, ValueError):  # closed, or no text: there is nothing to read
            line = ""
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, line)

    sys.stdout.write(PROMPT)
    sys.stdout.flush()
    threading.Thread(target=read, daemon=True).start()
    line = await arrived
    if not line:
        say("")
    return line or None
