"""What every notifier sends of a notice: its JSON, and a short message that a chat can show.

It sends nothing, and formats for no chat in particular.
"""

import json
import re

from schemas.people import Choice, Notice, NoticeEvent, Question
from schemas.shortening import shortened

_LONGEST_QUESTION = 500
_LONGEST_CHOICE = 60
_MOST_CHOICES = 8
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
# Words of a model stand in a question. A chat may read <…> as a link or a call to all, and @… as a call: neither is one
# any more with a space of no width after its mark.
_MARKS = re.compile(r"[<@]")
_NO_WIDTH = "\u200b"


def notice_json(notice: Notice) -> bytes:
    """Write a notice as one line of ASCII JSON: its fields, and the message as ``text``."""
    tree = {"text": message(notice), **notice.model_dump(mode="json")}
    return json.dumps(tree, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def message(notice: Notice) -> str:
    """Say in two or three lines why people are told, what is asked, and which command answers.

    Only the first paragraph of the question is repeated, at most ``_LONGEST_QUESTION`` characters of it.
    """
    question = notice.question
    paragraph = " ".join(question.text.strip().partition("\n\n")[0].split())
    asked = f"{_reason(notice)}: {_quoted(paragraph, _LONGEST_QUESTION)} ({question.project}/{question.id})"
    lines = [asked, *_answers(question), f"Answer with: `{notice.command}`"]
    return "\n".join(lines)


def _reason(notice: Notice) -> str:
    who = notice.question.assignee
    whom = who or "a person"
    match notice.event:
        case NoticeEvent.OPENED:
            return f"Millwright waits for {whom}"
        case NoticeEvent.REMINDER:
            return f"Millwright still waits for {whom}, since {_duration(notice.waited_seconds)}"
        case NoticeEvent.DEADLINE:
            return f"Nobody decided in time{f' ({who} was asked)' if who else ''}"
        case NoticeEvent.ASSIGNED:
            return f"Millwright now waits for {whom}"


def _answers(question: Question) -> list[str]:
    """Name the words that are understood, those of choices with what the candidates do."""
    meant = {choice.label: choice for choice in question.choices[:_MOST_CHOICES]}
    words = [f"{word} ({_done(meant[word])})" if word in meant else word for word in question.options]
    return [f"Answers: {', '.join(words)}"] if words else []


def _done(choice: Choice) -> str:
    return f"{'raises' if choice.raises else 'gives'} {_quoted(choice.shown, _LONGEST_CHOICE)}"


def _quoted(words: str, longest: int) -> str:
    return _MARKS.sub(lambda mark: mark[0] + _NO_WIDTH, shortened(words, longest))


def _duration(seconds: float) -> str:
    for size, unit in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "a moment"
