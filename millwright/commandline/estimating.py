"""The command `estimate`: what requirements are expected to take, before anything is spent."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millwright.commandline.composition import Composition
from millwright.commandline.options import JsonOption
from millwright.commandline.output import console, emit, say, table

if TYPE_CHECKING:
    from millwright.commandline.requests import Material
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
    k: Annotated[
        int | None,
        typer.Option("--k", min=1, max=100, help="Margin that wins a vote; else planned.", show_default=False),
    ] = None,
    max_attempts: Annotated[
        int, typer.Option("--max-attempts", min=1, max=10_000, help="Most answers drawn for one task.")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Estimate what a build will take.

    Lines, tasks, calls, tokens and time, each with an interval; nothing is started. The cost counts no price:
    hosted models' prices belong to the worker's settings.

    Example: millwright estimate requirements.md

    Exit codes: 0 estimated, 2 bad input.
    """
    from millwright.commandline.requests import read_material

    composition: Composition = context.obj
    found = _forecast(read_material(composition, file, spec), k, max_attempts)
    if as_json:
        emit(found.model_dump(mode="json"))
    else:
        _show(found)


def _forecast(material: "Material", k: int | None, max_attempts: int) -> "Forecast":
    from millwright.core.estimation import forecast, lines_from_prose

    coded = [task for task in material.tasks if task.has_interface]
    if not coded:
        return forecast(lines=lines_from_prose(material.requirements), k=k, max_attempts=max_attempts)
    most = sum(task.max_lines for task in coded)
    least = len(coded)
    return forecast(lines=(least, max(least, most // 2), most), atomic_tasks=len(coded), k=k, max_attempts=max_attempts)


def _show(found: "Forecast") -> None:
    from millwright.core.estimation import duration

    shown = table("", "expected", "from", "to", right=("expected", "from", "to"))
    for name in ("lines", "tasks", "calls", "tokens"):
        low, high = getattr(found, f"{name}_range")
        shown.add_row(name, *(f"{value:,}" for value in (getattr(found, name), low, high)))
    if found.cost:
        shown.add_row("cost", *(f"{value:,.2f} USD" for value in (found.cost, *found.cost_range)))
    shown.add_row("time", *(duration(value) for value in (found.wall_seconds, *found.wall_seconds_range)))
    console().print(shown, markup=False)
    say(f"k = {found.k}, {found.agents:,} agents at once, {found.timeline}")
    say(f"basis: {found.basis}")
