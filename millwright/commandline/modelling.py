"""The commands `models plan`, `models pull` and `models check`: memory, downloads and servers of a preset's models.

How memory is shared and what an endpoint is asked is decided elsewhere; here it is shown.
"""

import asyncio
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from millwright.commandline.composition import Composition, Probe
from millwright.commandline.options import JsonOption
from millwright.commandline.output import console, emit, note, say, table

if TYPE_CHECKING:
    from millwright.core.memory_plan import MemoryPlan
    from schemas.presets import Preset

VramOption = Annotated[
    float | None,
    typer.Option(
        "--vram",
        min=1,
        max=10_000,
        metavar="GIB",
        help="Memory of a GPU as nvidia-smi shows it, MiB / 1024; else the preset's.",
        show_default=False,
    ),
]
GpusOption = Annotated[
    int | None,
    typer.Option("--gpus", min=1, max=64, help="GPUs of that memory; else the preset's.", show_default=False),
]

ESSENTIAL = "completion"
"""The capability without which an endpoint is of no use; whatever else lacks has a way around it."""


def plan(
    context: typer.Context,
    vram: VramOption = None,
    gpus: GpusOption = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help="A preset's name or file; else the best.", show_default=False),
    ] = None,
    compose: Annotated[bool, typer.Option("--compose", help="Print the lines for docker-compose's .env.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Share GPU memory among a preset's servers.

    Shows what each server of the preset needs, and the commands that start it. Without --preset, the best preset is
    taken that fits: the one whose coders ask the model with the greatest assumed share of right answers; of equals the
    one with more models, then the one that needs less memory. Servers may take 0.9 of what CUDA reports, which is at
    least 0.98 of what nvidia-smi shows. With --gpus the servers are spread over so many GPUs; none is split.

    Example: millwright models plan --vram 12

    Exit codes: 0 planned, 1 nothing fits, 2 bad input.
    """
    from millwright.core.server_commands import compose_lines

    composition: Composition = context.obj
    chosen, found, also = _chosen(composition, vram, gpus, preset)
    shared = _planned(chosen, found, vram, gpus)
    code = 0 if shared.starts else 1
    if compose:
        lines = compose_lines(found, shared, chosen)
        if lines is None:
            from millwright.errors import BadInput

            raise BadInput(f"docker-compose.yml has no service for each server of {chosen}: give --preset another")
        for line in lines:
            say(line)
    elif as_json:
        servers = shared.model_dump(mode="json")
        emit({"chosen": chosen, "plan": servers, "commands": _commands(found, shared), "also": list(also)})
    else:
        _show(chosen, found, shared, also)
    _warn(chosen, shared)
    raise typer.Exit(code)


def pull(
    context: typer.Context,
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="A preset's name or file.")],
    vram: VramOption = None,
    gpus: GpusOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run the commands; else they are only printed.")] = False,
    download_only: Annotated[bool, typer.Option("--download-only", help="Start no server.")] = False,
) -> None:
    """Download a preset's models and start their servers.

    Prints the commands. With --yes they are run: first every download, then each server, in the background and one
    after the other, since each measures what memory is free. Its log is in the home's folder logs; it runs on until it
    is killed, by the process id that is printed.

    Example: millwright models pull dual --yes

    Exit codes: 0 printed or done, 1 a download failed or it does not fit, 2 bad input, 5 a program is missing or a
    server did not start.
    """
    composition: Composition = context.obj
    chosen, found, _ = _chosen(composition, vram, gpus, preset)
    shared = _planned(chosen, found, vram, gpus)
    _warn(chosen, shared)
    if not shared.starts and not download_only:
        raise typer.Exit(1)
    if not yes:
        for command in _downloads(found):
            say(shlex.join(command))
        for line in [] if download_only else _starts(found, shared):
            say(line)
        raise typer.Exit(0)
    _demand(composition, ("hf",) if download_only else ("hf", "vllm"))
    for command in _downloads(found):
        note(shlex.join(command))
        if status := composition.run_program(command):
            note(f"millwright: the download ended with status {status}: run `{shlex.join(command)}` to see why")
            raise typer.Exit(1)
    if not download_only:
        asyncio.run(_start(composition, found, shared))
        say(f"export MILLWRIGHT_MODEL_PRESET={shlex.quote(chosen)}")


def check(context: typer.Context, as_json: JsonOption = False) -> None:
    """Ask every endpoint of the configured preset what it can do.

    MILLWRIGHT_MODEL_PRESET names the preset; or MILLWRIGHT_MODEL_URL and MILLWRIGHT_MODEL_NAME the one model.
    Each is called about a dozen times, with a few dozen tokens a call. What an endpoint cannot do is named with what
    follows from it; only one that completes nothing is of no use.

    Example: millwright models check

    Exit codes: 0 all that is essential works, 1 an endpoint completes nothing, 2 bad input, 5 one does not answer.
    """
    composition: Composition = context.obj
    probes = asyncio.run(composition.probes())
    silent = [each for each in probes if each.silence]
    useless = [each for each in probes if not each.silence and not _completes(each)]
    code = 5 if silent else 1 if useless else 0
    if as_json:
        emit({"endpoints": [_as_json(each) for each in probes], "exit_code": code})
        raise typer.Exit(code)
    for each in probes:
        say(f"{each.model} at {each.endpoint}")
        if each.silence:
            say(f"  no  answer: {each.silence}")
        for seen in each.capabilities:
            say(f"  {'ok' if seen.ok else 'no':<4}{seen.name}: {seen.detail}")
    for word, those in (("does not answer", silent), ("completes nothing", useless)):
        if those:
            note(f"{word}: {', '.join(f'{each.model} at {each.endpoint}' for each in those)}")
    raise typer.Exit(code)


def _completes(probe: Probe) -> bool:
    return any(seen.name == ESSENTIAL and seen.ok for seen in probe.capabilities)


def _as_json(probe: Probe) -> dict[str, object]:
    found = [seen.model_dump(mode="json") for seen in probe.capabilities]
    return {"model": probe.model, "endpoint": probe.endpoint, "silence": probe.silence, "capabilities": found}


def _chosen(
    composition: Composition, vram: float | None, gpus: int | None, preset: str | None
) -> "tuple[str, Preset, tuple[str, ...]]":
    """Return a preset with what it is called, and the names of others that fit too."""
    from millwright.core.memory_plan import best
    from millwright.errors import BadInput

    if preset is not None:
        return preset, composition.preset(preset), ()
    if vram is None:
        raise BadInput("no memory is given: give --vram GIB, or --preset NAME")
    presets = composition.presets()
    names = best(presets, vram, gpus or 1)
    if not names:
        note(
            f"millwright: no preset fits {gpus or 1} x {vram:g} GiB: give --preset NAME to see what one needs, or use "
            "a hosted model (docs/models.md)"
        )
        raise typer.Exit(1)
    return names[0], presets[names[0]], names[1:]


def _planned(chosen: str, preset: "Preset", vram: float | None, gpus: int | None) -> "MemoryPlan":
    from millwright.core.memory_plan import memory_plan
    from millwright.errors import BadInput

    found = memory_plan(preset, memory_gib=vram, gpus=gpus)
    if found is not None:
        return found
    if any(entry.serving for entry in preset.models.values()):
        raise BadInput(f"the preset {chosen} does not state its memory_gib: give --vram GIB")
    raise BadInput(f"the preset {chosen} starts no server of ours: choose one that does with --vram GIB")


def _downloads(preset: "Preset") -> list[tuple[str, ...]]:
    from millwright.core.server_commands import download_command

    served = [(entry.serving, entry.revision) for entry in preset.models.values() if entry.serving]
    return list(dict.fromkeys(download_command(serving, revision) for serving, revision in served))


def _starts(preset: "Preset", shared: "MemoryPlan") -> list[str]:
    """Return the commands that start the servers, as lines of a shell."""
    from millwright.core.server_commands import device_variable, serve_command

    return [
        f"{'='.join(device_variable(server))} {shlex.join(serve_command(preset.models[server.key], server))}"
        for server in shared.servers
    ]


def _commands(preset: "Preset", shared: "MemoryPlan") -> list[str]:
    return [*(shlex.join(command) for command in _downloads(preset)), *_starts(preset, shared)]


def _show(chosen: str, preset: "Preset", shared: "MemoryPlan", also: tuple[str, ...]) -> None:
    from millwright.core.memory_plan import PROCESS_GIB

    say(f"{chosen}: {preset.description or preset.name}")
    figures = ("GPU", "weights", "cache", "process", "share", "sequences", "calls")
    shown = table("model", *figures, right=figures)
    for server in shared.servers:
        shown.add_row(
            server.name,
            str(server.device),
            f"{server.weights_gib:.2f}",
            f"{server.cache_gib:.2f}",
            f"{PROCESS_GIB:.2f}",
            f"{server.share:.3f}",
            f"{server.sequences} of {server.wanted} x {server.context_tokens}",
            str(server.calls),
        )
    console().print(shown, markup=False)
    say(
        f"GiB (2^30 bytes) on {shared.gpus} x {shared.memory_gib:g} GiB, of which servers may take "
        f"{shared.usable_gib:.2f} each; sequences are of full length, calls of average length"
    )
    for line in _starts(preset, shared):
        say(line)
    say(f"export MILLWRIGHT_MODEL_PRESET={shlex.quote(chosen)}")
    if also:
        say(f"fits too: {', '.join(also)}")


def _warn(chosen: str, shared: "MemoryPlan") -> None:
    from millwright.core.memory_plan import servers_told

    told = servers_told(shared.servers)
    if not shared.starts:
        note(f"millwright: {chosen} does not fit {shared.gpus} x {shared.memory_gib:g} GiB: {told}")
    elif told:
        note(f"warning: {told}")


def _demand(composition: Composition, programs: tuple[str, ...]) -> None:
    from millwright.errors import ModelUnavailable

    if missing := [program for program in programs if not composition.has_program(program)]:
        raise ModelUnavailable(
            f"{' and '.join(missing)} not found: run `pip install 'vllm>=0.20'`, which brings both, and try again"
        )


async def _start(composition: Composition, preset: "Preset", shared: "MemoryPlan") -> None:
    from millwright.core.server_commands import device_variable, serve_command

    for server in shared.servers:
        command = serve_command(preset.models[server.key], server)
        note(f"starting {server.name} on port {server.port}; this takes minutes")
        pid, log = await composition.start_server(command, dict([device_variable(server)]), server.key, server.port)
        say(f"{server.name} answers on port {server.port}; log {log}; stop it with: kill {pid}")
