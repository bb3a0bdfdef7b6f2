"""Writes the reference of the command line, docs/cli.md, from the commands themselves.

``python -m millwright.commandline.reference`` prints it; a test compares the page with the commands.
"""

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import typer

from millwright.commandline.application import COMMANDS, PROGRAM

_HEADING = """# The command line

Written from the commands by `make docs`; do not edit it by hand.

An error is one line on stderr that names the next step. Exit codes: 0 built, 1 failed, 2 usage or bad input, 3 waiting
for a person, 4 budget reached, 5 a service is not reachable, 6 built with parts accepted below the margin, 130
interrupted. Commands other than `build`, `demo` and `watch` use 0, 1, 2 and 5 only. `MILLWRIGHT_TRACEBACK=1` shows the
traceback of an internal error.
"""


def reference() -> str:
    """Write the reference in Markdown."""
    return _HEADING + "".join(f"\n{_section(name, command)}" for name, command in COMMANDS)


def _section(name: str, command: Any) -> str:
    parameters = list(_parameters(command))
    positional = " ".join(shown for shown, _, is_argument in parameters if is_argument)
    usage = " ".join(filter(None, (PROGRAM, name, positional, "[OPTIONS]" if len(parameters) else "")))
    paragraphs = inspect.cleandoc(command.__doc__).split("\n\n")
    rows = "".join(f"| `{shown}` | {text} |\n" for shown, text, _ in parameters)
    options = f"\n| argument, option | meaning |\n| --- | --- |\n{rows}" if rows else ""
    body = "\n\n".join(_paragraph(" ".join(paragraph.split())) for paragraph in paragraphs)
    return f"## {name}\n\n`{usage}`\n\n{body}\n{options}"


def _paragraph(text: str) -> str:
    text = re.sub(r"^Example: (.*)$", r"Example: `\1`", text)
    return textwrap.fill(text, 120, break_on_hyphens=False, break_long_words=False)


def _parameters(command: Any) -> Iterator[tuple[str, str, bool]]:
    """Yield how each parameter is written, what it means, and whether it stands by place."""
    hints = get_type_hints(command, include_extras=True)
    for parameter in inspect.signature(command).parameters.values():
        described = [item for item in get_args(hints[parameter.name]) if hasattr(item, "param_decls")]
        if not described:
            continue
        info = described[0]
        given = (info.default, *(info.param_decls or ()))  # Typer sorts them only when it builds the command
        names = [name for name in given if isinstance(name, str) and name.startswith("--")]
        kind = get_args(hints[parameter.name])[0]
        shown = (info.metavar or parameter.name.upper()) if not names else _option(names[0], info.metavar, kind)
        default = _default(parameter.default, kind)
        yield shown.replace("|", "\\|"), f"{info.help}{default}".replace("|", "\\|"), not names


def _option(name: str, metavar: str | None, kind: Any) -> str:
    if kind is bool:
        return name
    members: dict[str, object] = getattr(kind, "__members__", {})
    choices = "|".join(map(str, members.values()))
    plain = {int: "INTEGER", float: "NUMBER"}.get(_bare(kind), "TEXT")
    return f"{name} {metavar or choices or plain}"


def _bare(kind: Any) -> Any:
    return next((item for item in get_args(kind) if item is not type(None)), kind)


def _default(value: Any, kind: Any) -> str:
    if value is inspect.Parameter.empty or value in (None, False, ""):
        return ""
    return f" Default: {getattr(value, 'value', value)}."


if __name__ == "__main__":
    typer.echo(reference(), nl=False)
    sys.exit(0)
