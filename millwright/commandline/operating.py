"""The commands that run and examine things: `up`, `doctor`, `worker`, `demo-model`.

What a stack consists of, and what is checked, is the composition's.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from millwright.commandline.composition import Composition, Endpoints
from millwright.commandline.options import JsonOption, Role
from millwright.commandline.output import emit, note, say


def up(context: typer.Context) -> None:
    """Run the embedded stack in the foreground.

    It is Temporal with its Web UI, Postgres, a worker, and the demo model unless MILLWRIGHT_MODEL_URL names
    another. Ctrl-C or SIGTERM stops it cleanly, and everything is kept; builds go on at the next start.
    MILLWRIGHT_HOME chooses where its data lies, and two homes run side by side.

    Example: millwright up

    Exit codes: 0 stopped, 2 a stack already runs on this home, 5 a part could not be started.
    """
    asyncio.run(_up(context.obj))


async def _up(composition: Composition) -> None:
    try:
        async with composition.stack(note) as endpoints:
            _tell(endpoints)
            try:
                await asyncio.Event().wait()
            finally:
                note("stopping…")
    except asyncio.CancelledError:  # the stack turns a signal to end into this, and has stopped by now
        note("stopped; `millwright up` starts it again with everything still there")


def _tell(endpoints: Endpoints) -> None:
    for label, value in (
        ("Web UI", endpoints.web_ui),
        ("Temporal", endpoints.temporal),
        ("database", endpoints.database),
        ("model", " at ".join(filter(None, (endpoints.model_name, endpoints.model)))),
        ("home", str(endpoints.home)),
    ):
        if value:
            say(f"{label:<9} {value}")
    note("running; Ctrl-C stops it. In another terminal: `millwright build requirements.md --out result`")


def doctor(context: typer.Context, as_json: JsonOption = False) -> None:
    """Check everything that a build needs.

    What is missing is named with its remedy.

    Example: millwright doctor

    Exit codes: 0 all that is needed is there, 5 something needed is missing.
    """
    composition: Composition = context.obj
    checks = asyncio.run(composition.checks())
    missing = [check for check in checks if check.needed and not check.passed]
    code = 5 if missing else 0
    if as_json:
        fields = ("name", "passed", "needed", "detail", "remedy")
        emit({"checks": [{name: getattr(check, name) for name in fields} for check in checks], "exit_code": code})
        raise typer.Exit(code)
    for check in checks:
        word = "ok" if check.passed else ("missing" if check.needed else "optional")
        say(f"{word:<9}{check.name}: {check.detail}")
        if check.remedy and not check.passed:
            say(f"         → {check.remedy}")
    if missing:
        note(f"{len(missing)} needed thing(s) missing: {', '.join(check.name for check in missing)}")
    raise typer.Exit(code)


def worker(
    context: typer.Context,
    role: Annotated[Role, typer.Option("--role", help="Which task queues it serves.")] = Role.ALL,
) -> None:
    """Run a worker until it is stopped.

    It finds Temporal, the database and the model by the environment.

    Example: millwright worker --role verify

    Exit codes: 0 stopped, 2 bad settings, 5 a service is not reachable.
    """
    composition: Composition = context.obj
    raise typer.Exit(composition.work(role.value))


def demo_model(
    context: typer.Context,
    completions: Annotated[
        list[Path],
        typer.Option("--completions", metavar="FILE", help="File or folder of recorded answers; repeatable."),
    ],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 0,
) -> None:
    """Serve recorded answers as a model endpoint.

    The endpoint is OpenAI-compatible; what answers is no language model, and says so.

    Example: millwright demo-model --completions completions.jsonl --port 8001

    Exit codes: 0 stopped, 2 the file cannot be read or used.
    """
    from millwright.errors import BadInput

    missing = [str(path) for path in completions if not path.exists()]
    if missing:
        raise BadInput(f"cannot read {', '.join(missing)}: give files or folders of recorded completions")
    composition: Composition = context.obj
    raise typer.Exit(composition.serve_demo_model(completions, port))
