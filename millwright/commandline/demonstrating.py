"""The command `demo`: the embedded stack up, the bundled example built, the stack down."""

import asyncio
from pathlib import Path

import typer

from millwright.commandline.building import followed, link_to
from millwright.commandline.composition import Composition
from millwright.commandline.options import ForceOption, JsonOption, OutOption
from millwright.commandline.output import note, say

DEMO_OUT = Path("order-pricing")


def demo(
    context: typer.Context, out: OutOption = DEMO_OUT, force: ForceOption = False, as_json: JsonOption = False
) -> None:
    """Build the bundled example with the demo model.

    From prose to an installable package. The demo model answers this example from completions written for it, right
    and wrong ones; it is no language model.

    Example: millwright demo

    Exit codes: those of `millwright build`.
    """
    raise typer.Exit(asyncio.run(_demo(context.obj, out, force=force, as_json=as_json)))


async def _demo(composition: Composition, out: Path | None, *, force: bool, as_json: bool) -> int:
    from millwright.commandline.following import conclude
    from millwright.commandline.requests import BuildRequest, project_of, read_material
    from schemas.models import Budget
    from schemas.project import LadderMode, OnExhausted, Rejections

    file = str(composition.example() / "requirements.md")
    material = read_material(composition, file, None)
    request = BuildRequest(
        project=project_of(None, file, None, material.head),
        material=material,
        k=None,
        max_attempts=20,
        on_exhausted=OnExhausted.PERSON,
        approve=(),
        budget=Budget(),
        seed=0,
        ladder=LadderMode.PER_LAYER,
        rejections=Rejections.FIRST,
        proposals=1,
    )
    async with composition.session(note, demo=True) as session:
        if not session.owned and not session.endpoints.demo_model:
            note("the running stack's worker uses its own model, not the demo model")
        started = await request.start(session.client)
        link = link_to(session, started.project)
        note(f"building {file} as {started.project}{link}")
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
