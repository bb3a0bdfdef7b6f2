"""The command `demo`: the embedded stack up, a bundled example built, the stack down.

It knows nothing of any one example but the name of the first.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from millwright.commandline.building import followed, link_to
from millwright.commandline.composition import Composition
from millwright.commandline.options import ForceOption, JsonOption
from millwright.commandline.output import note, say

FIRST_EXAMPLE = "order-pricing"

ExampleArgument = Annotated[
    str, typer.Argument(metavar="[NAME]", help="Which bundled example to build.", show_default=True)
]
ExampleOutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write the deliverable there at the end. Default: the example's name."),
]


def demo(
    context: typer.Context,
    name: ExampleArgument = FIRST_EXAMPLE,
    out: ExampleOutOption = None,
    force: ForceOption = False,
    k: Annotated[
        int | None,
        typer.Option("--k", min=1, max=100, help="Margin that wins a vote; else planned.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Build a bundled example with the demo model.

    From prose, or from task specifications, to an installable package. The demo model answers the examples from
    completions written for them, right and wrong ones; it is no language model. A name that is not known is answered
    with those that are.

    Example: millwright demo station-readings

    Exit codes: those of `millwright build`.
    """
    composition: Composition = context.obj
    folder = _example(composition, name)
    raise typer.Exit(asyncio.run(_demo(composition, folder, out or Path(name), k=k, force=force, as_json=as_json)))


def _example(composition: Composition, name: str) -> Path:
    """Return an example's folder. Raises BadInput with the known names."""
    from millwright.errors import BadInput

    known = composition.examples()
    if name not in known:
        raise BadInput(f"no bundled example is called {name!r}: there are {', '.join(sorted(known))}")
    return known[name]


async def _demo(composition: Composition, folder: Path, out: Path, *, k: int | None, force: bool, as_json: bool) -> int:
    from millwright.commandline.following import conclude
    from millwright.commandline.requests import BuildRequest, project_of, read_material
    from schemas.models import Budget
    from schemas.project import LadderMode, OnExhausted, Rejections

    prose, tasks = folder / "requirements.md", folder / "tasks.yaml"
    file, spec = (str(prose), None) if prose.is_file() else (None, tasks)
    material = read_material(composition, file, spec)
    request = BuildRequest(
        project=project_of(folder.name, file, spec, material.head),
        material=material,
        k=k,
        max_attempts=20,
        on_exhausted=OnExhausted.PERSON,
        approve=(),
        budget=Budget(),
        seed=0,
        ladder=LadderMode.PER_LAYER,
        rejections=Rejections.FIRST,
        proposals=1,
        reviews=1,
    )
    async with composition.session(note, demo=True) as session:
        if not session.owned and not session.endpoints.demo_model:
            note("the running stack's worker uses its own model, not the demo model")
        started = await request.start(session.client)
        link = link_to(session, started.project)
        note(f"building {file or spec} as {started.project}{link}")
        outcome = await followed(session, started.project)
        code = await conclude(outcome, session.stores, out, force=force, as_json=as_json)
    tell = note if as_json else say
    if outcome.out and code in (0, 6):
        tell(f"the package lies in {outcome.out}: pip install it, and read its README.md and REPORT.md")
    tell(f"`millwright up` brings the Web UI back with this run in it{link}")
    tell(
        "next: set MILLWRIGHT_MODEL_URL and MILLWRIGHT_MODEL_NAME to a real model, then "
        "`millwright build your-requirements.md --out result`"
    )
    return code
