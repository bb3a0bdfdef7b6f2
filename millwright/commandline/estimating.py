"""The command `estimate`: what requirements are expected to take, before anything is spent."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millwright.commandline.composition import Composition
from millwright.commandline.options import JsonOption, TargetOption
from millwright.commandline.output import console, emit, note, say, table

if TYPE_CHECKING:
    from millwright.commandline.requests import Material
    from millwright.core.allocation import Remaining
    from millwright.core.basis import Basis
    from schemas.evidence import Forecast


def estimate(
    context: typer.Context,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE|-", help="Requirements in prose; - reads stdin.", show_default=False)
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option("--spec", metavar="FILE", help="Task specifications, YAML or JSON.", show_default=False),
    ] = None,
    lines: Annotated[
        int | None,
        typer.Option(
            "--lines", min=1, max=10**9, help="Lines of code; else told from the requirements.", show_default=False
        ),
    ] = None,
    complexity: Annotated[
        int, typer.Option("--complexity", min=1, max=10, help="Of a very large system: 1 plain, 10 intricate.")
    ] = 5,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency",
            min=1,
            max=10_000_000,
            help="Model calls at once; else 8, or a very large system's agents.",
            show_default=False,
        ),
    ] = None,
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
    as_json: JsonOption = False,
) -> None:
    """Estimate what a build will take.

    Lines, tasks, calls, tokens, cost and time, each with an interval; no model is called and nothing is started but
    the home's database, whose finished builds correct the figures. Cost and p come from the model's preset.

    Example: millwright estimate requirements.md

    Exit codes: 0 estimated, 2 bad input.
    """
    from millwright.commandline.requests import Material, read_material
    from millwright.core.estimation import forecast
    from schemas.requirements import FrontMatter

    composition: Composition = context.obj
    sized = lines is not None and file is None and spec is None
    material = Material("", FrontMatter(), "", (), "") if sized else read_material(composition, file, spec)
    ground = asyncio.run(_basis(composition, target))
    size, guessed = _lines(material, lines)
    found = forecast(
        ground,
        lines=size,
        complexity=complexity,
        guessed=guessed,
        tasks=_tasks(material, ground) if lines is None else None,
        k=k,
        max_attempts=max_attempts,
        proposals=proposals + reviews,
        concurrency=concurrency,
    )
    if as_json:
        emit(found.model_dump(mode="json"))
    else:
        _show(found)


async def _basis(composition: Composition, target: float) -> "Basis":
    """Return what a build would be planned from now; a database that does not answer is told and does without."""
    from millwright.core.basis import basis
    from millwright.errors import ServiceUnavailable
    from schemas.evidence import Forecast

    model, preset = composition.assumed_model()
    finished: tuple[Forecast, ...] = ()
    try:
        async with composition.stores(note) as stores:
            finished = tuple((await stores.projects.forecasts()).values())
    except ServiceUnavailable as error:
        note(f"warning: finished builds cannot be read, so nothing is corrected by them: {error}")
    return basis(preset, model, target=target, finished=finished)


def _lines(material: "Material", stated: int | None) -> tuple[tuple[int, int, int], bool]:
    """Return the lines of code with their bounds, and whether they are guessed from a text's length."""
    from millwright.core.sizes import lines_from_prose, states_size

    if stated is not None:
        return (stated * 3 // 4, stated, stated * 5 // 4), False
    coded = [task for task in material.tasks if task.has_interface]
    if not coded:
        return lines_from_prose(material.requirements), not states_size(material.requirements)
    most = sum(task.max_lines for task in coded)
    return (len(coded), max(len(coded), most // 2), max(len(coded), most)), False


def _tasks(material: "Material", ground: "Basis") -> "tuple[Remaining, ...] | None":
    from millwright.core.outlook import kinds_of_given

    return (kinds_of_given(material.tasks, ground) or None) if material.tasks else None


def _show(found: "Forecast") -> None:
    from millwright.core.estimation import duration
    from millwright.core.forecast_words import certainty, margins

    shown = table("", "expected", "from", "to", right=("expected", "from", "to"))
    for name in ("lines", "tasks", "calls", "tokens"):
        low, high = getattr(found, f"{name}_range")
        shown.add_row(name, *(f"{value:,}" for value in (getattr(found, name), low, high)))
    shown.add_row("cost", *(f"{value:,.2f} USD" for value in (found.cost, *found.cost_range)))
    shown.add_row("time", *(duration(value) for value in (found.wall_seconds, *found.wall_seconds_range)))
    shown.add_row("agents", *(f"{value:,}" for value in (found.agents, *found.agents_range)))
    if found.timeline_range != tuple(map(duration, found.wall_seconds_range)):
        shown.add_row("timeline", found.timeline, *found.timeline_range)
    console().print(shown, markup=False)
    say(f"{found.concurrency:,} calls at once; {margins(found.kinds)}")
    say(certainty(found))
    for against in found.notes:
        say(f"note: {against}")
    say(f"basis: {found.basis}")
    say(f"builds: {found.corrections}")
