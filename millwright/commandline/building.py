"""The commands that build and follow: `build`, `watch`, `cancel`.

They decide nothing about a build; they read what is given, start or attach, show, and pass the outcome on.
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millwright.commandline.composition import Composition, Session
from millwright.commandline.options import (
    Deadline,
    Exhausted,
    ForceOption,
    JsonOption,
    Ladder,
    OutOption,
    ProjectArgument,
    TargetOption,
    seconds,
)
from millwright.commandline.output import emit, note, say

if TYPE_CHECKING:
    from millwright.client import Build
    from millwright.commandline.following import Outcome
    from millwright.commandline.requests import BuildRequest


def build(
    context: typer.Context,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE|-", help="Requirements in prose; - reads stdin.", show_default=False)
    ] = None,
    project: Annotated[
        str | None,
        typer.Option(
            "--project", metavar="ID", help="Name of the project; else made from the file.", show_default=False
        ),
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option("--spec", metavar="FILE", help="Task specifications, YAML or JSON.", show_default=False),
    ] = None,
    language: Annotated[str, typer.Option("--language", help="Target language.")] = "python",
    out: OutOption = None,
    force: ForceOption = False,
    k: Annotated[
        int | None,
        typer.Option("--k", min=1, max=100, help="Margin that wins a vote; else planned.", show_default=False),
    ] = None,
    target: TargetOption = 0.95,
    max_attempts: Annotated[
        int, typer.Option("--max-attempts", min=1, max=10_000, help="Most answers drawn for one task.")
    ] = 20,
    proposals: Annotated[
        int, typer.Option("--proposals", min=0, max=20, help="Verifier agents that propose inputs for each task.")
    ] = 1,
    reviews: Annotated[
        int, typer.Option("--reviews", min=0, max=20, help="Reviewer agents that read each winner and propose inputs.")
    ] = 1,
    atomic_lines: Annotated[
        int, typer.Option("--atomic-lines", min=1, max=10_000, help="Most lines of a task that is not split.")
    ] = 20,
    atomic_complexity: Annotated[
        int,
        typer.Option("--atomic-complexity", min=1, max=1000, help="Highest complexity of a task that is not split."),
    ] = 5,
    on_exhausted: Annotated[
        Exhausted, typer.Option("--on-exhausted", help="What follows a vote that nobody won.")
    ] = Exhausted.PERSON,
    approve: Annotated[
        str, typer.Option("--approve", metavar="GATES", help="Wait at specification,plan,budget,delivery.")
    ] = "",
    max_calls: Annotated[
        int | None, typer.Option("--max-calls", min=1, help="Most model calls.", show_default=False)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="Most tokens, in and out.", show_default=False)
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option("--max-cost", min=0.000001, help="Most US dollars.", show_default=False)
    ] = None,
    max_time: Annotated[
        str | None, typer.Option("--max-time", metavar="TIME", help="Longest time: 90, 30m, 2h.", show_default=False)
    ] = None,
    remind_after: Annotated[
        str | None,
        typer.Option(
            "--remind-after", metavar="TIME", help="Remind people after 12h, 1d, then ever later.", show_default=False
        ),
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option("--deadline", metavar="TIME", help="How long people are waited for: 7d.", show_default=False),
    ] = None,
    on_deadline: Annotated[
        Deadline, typer.Option("--on-deadline", help="What follows where nobody decided in time.")
    ] = Deadline.WAIT,
    assign: Annotated[str, typer.Option("--assign", metavar="NAME", help="Who is asked first; else anybody.")] = "",
    max_rejections: Annotated[
        int,
        typer.Option(
            "--max-rejections", min=0, max=20, help="How often a gate's rejection is followed by another try."
        ),
    ] = 2,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**53 - 1, help="Seed of the whole build.")] = 0,
    ladder: Annotated[
        Ladder, typer.Option("--ladder", help="An activity per layer, or all in one.")
    ] = Ladder.PER_LAYER,
    all_layers: Annotated[bool, typer.Option("--all-layers", help="Go on up the ladder after a rejection.")] = False,
    reuse: Annotated[
        bool, typer.Option("--reuse/--no-reuse", help="Use unchanged parts of an earlier build again.")
    ] = True,
    based_on: Annotated[
        str | None,
        typer.Option("--from", metavar="ID", help="Another project to use parts of.", show_default=False),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Build software from requirements.

    Attaches when the same build already runs. A project that has ended is built again on changed requirements: what is
    unchanged is used again, and `millwright diff` shows beforehand what is not. Ctrl-C leaves the build where it stands
    and says how to come back. Requirements may be prose, task specifications (--spec), or both. With no stack running
    and none configured, one is started for as long as it is needed.

    Example: millwright build requirements.md --out result

    Exit codes: 0 built, 1 failed, 2 bad input, 3 waiting for a person, 4 budget reached, 5 a service is not
    reachable, 6 built with parts accepted below the margin, 130 interrupted. With --detach 0.
    """
    from millwright.commandline.requests import (
        BuildRequest,
        checked_language,
        gates,
        project_of,
        read_material,
        waiting_of,
    )
    from millwright.core.project_input import checked_project_id
    from schemas.models import Budget
    from schemas.project import LadderMode, OnExhausted, Rejections

    composition: Composition = context.obj
    written = checked_language(language)
    material = read_material(composition, file, spec, written)
    request = BuildRequest(
        project=project_of(project, file, spec, material.head),
        material=material,
        k=k,
        max_attempts=max_attempts,
        on_exhausted=OnExhausted(on_exhausted.value),
        approve=gates(approve),
        budget=Budget(
            max_calls=max_calls,
            max_tokens=max_tokens,
            max_cost=max_cost,
            max_time_seconds=None if max_time is None else seconds(max_time),
        ),
        seed=seed,
        ladder=LadderMode(ladder.value),
        rejections=Rejections.ALL if all_layers else Rejections.FIRST,
        proposals=proposals,
        reviews=reviews,
        atomic_lines=atomic_lines,
        atomic_complexity=atomic_complexity,
        target_reliability=target,
        reuse=reuse,
        based_on=None if based_on is None else checked_project_id(based_on),
        waiting=waiting_of(remind_after, deadline, on_deadline, assign),
        max_rejections=max_rejections,
    )
    code = asyncio.run(_build(composition, request, out, detach=detach, force=force, as_json=as_json))
    raise typer.Exit(code)


async def _build(
    composition: Composition, request: "BuildRequest", out: Path | None, *, detach: bool, force: bool, as_json: bool
) -> int:
    from millwright.commandline.following import come_back, conclude
    from schemas.identity import TaskStatus
    from schemas.project import Counts

    async with composition.session(note, builds=True) as session:
        _warn_of_other_model(composition, session)
        started = await request.start(session.client)
        if started.rebuilds:
            what = "rebuilding what changed" if request.reuse else "building all of it again"
            note(f"{started.project} was built on other requirements: {what}")
        note(f"{'attached to' if started.attached else 'started'} {started.project}{link_to(session, started.project)}")
        if detach:
            note(come_back(session, started.project))
            if as_json:
                running = {"project": started.project, "status": TaskStatus.RUNNING.value, "exit_code": 0}
                emit({**running, "counts": Counts().model_dump(), "spend": await _spend(session, started)})
            return 0
        outcome = await followed(session, started.project)
        return await conclude(outcome, session.stores, out, force=force, as_json=as_json)


async def followed(session: Session, project: str) -> "Outcome":
    from millwright.commandline.display import display
    from millwright.commandline.following import come_back, follow
    from schemas.identity import ProjectId

    try:
        return await follow(session.client, session.stores, ProjectId(project), display())
    except asyncio.CancelledError:  # Ctrl-C: asyncio cancels the main task first
        note(come_back(session, ProjectId(project)))
        raise


def watch(
    context: typer.Context,
    project: ProjectArgument,
    out: OutOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Follow a project until it ends.

    Starts the embedded stack when the project needs it to go on.

    Example: millwright watch order-pricing

    Exit codes: those of the build: 0 built, 1 failed, 2 no such project, 3 waiting for a person, 4 budget reached,
    5 a service is not reachable, 6 built with parts accepted below the margin, 130 interrupted.
    """
    raise typer.Exit(asyncio.run(_watch(context.obj, project, out, force=force, as_json=as_json)))


async def _watch(composition: Composition, given: str, out: Path | None, *, force: bool, as_json: bool) -> int:
    from millwright.commandline.following import conclude, settled
    from millwright.core.project_input import checked_project_id
    from millwright.errors import NotFound

    project = checked_project_id(given)
    async with composition.stores(note) as stores:
        try:
            outcome = await settled(stores, project)
        except NotFound:
            outcome = None  # a build that was only just started has no row yet, and Temporal alone knows of it
        if outcome is not None:
            return await conclude(outcome, stores, out, force=force, as_json=as_json)
    async with composition.session(note) as session:
        outcome = await followed(session, project)
        return await conclude(outcome, session.stores, out, force=force, as_json=as_json)


def cancel(context: typer.Context, project: ProjectArgument) -> None:
    """Stop a running project.

    What it has won so far stays readable.

    Example: millwright cancel order-pricing

    Exit codes: 0 asked to stop, 2 no such project runs, 5 a service is not reachable.
    """
    asyncio.run(_cancel(context.obj, project))


async def _cancel(composition: Composition, project: str) -> None:
    async with composition.session(note) as session:
        await session.client.cancel(project)
        say(f"asked {project} to stop: `millwright status {project}` shows when it has")


async def _spend(session: Session, started: "Build") -> dict[str, float]:
    from millwright.errors import NotFound
    from schemas.models import Spend

    projects, spend = session.stores.projects, Spend()
    if started.attached:  # what was only just started has spent nothing; its row may still be an earlier build's
        with suppress(NotFound):
            revision = (await projects.project(started.project)).revision
            spend = (await projects.spend(started.project, revision)).settled
    figures: dict[str, float] = spend.model_dump()
    return figures


def _warn_of_other_model(composition: Composition, session: Session) -> None:
    model = composition.settings().model
    used = session.endpoints
    if session.owned or used.model is None:
        return
    if model is None and composition.settings().names_model:
        name, _ = composition.assumed_model()
        if used.model_name != name:
            note(
                f"the running stack's worker uses the model {used.model_name}, not {name} as MILLWRIGHT_MODEL_PRESET "
                "says here: stop the stack and start it again to change that"
            )
    if model is None:
        return
    if (used.model, used.model_name) != (model.public_url, model.name):
        note(
            f"the running stack's worker uses the model {used.model_name} at {used.model}, not {model.name} at "
            f"{model.public_url} as MILLWRIGHT_MODEL_URL and MILLWRIGHT_MODEL_NAME say here: stop the stack and "
            "start it again to change that"
        )


def link_to(session: Session, project: str) -> str:
    web_ui = session.endpoints.web_ui
    return f": {web_ui}/namespaces/default/workflows/millwright%2F{project}" if web_ui else ""
