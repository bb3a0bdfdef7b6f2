"""Looks at what the stack stands on, one check at a time, each with the command that puts right what is wrong.

It changes nothing and starts no server. The checks of toolchains for target languages are not here.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from millwright.adapters.embedded.home import Home, is_free, read_state
from millwright.adapters.embedded.postgres_server import binaries, reach_database
from millwright.adapters.embedded.temporal_server import (
    DEFAULT_PORT,
    DEFAULT_UI_PORT,
    SEARCH_ATTRIBUTES,
    executable,
    reach_temporal,
)
from millwright.errors import MillwrightError, NotFound
from millwright.settings import ModelSettings, Settings

OLDEST_PYTHON = (3, 11)
_PATIENCE = 10.0
_MODEL_PATIENCE = 5.0
_SETUP = "make setup"
# What each kernel setting must not be for an ordinary user to make namespaces, and the command that changes it.
_NAMESPACE_SETTINGS = (
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
    ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
)


@dataclass(frozen=True)
class Check:
    """What one check found: a line of detail, and where it is not ``ok`` the exact remedy."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


async def check_everything(settings: Settings, models: Sequence[ModelSettings] = ()) -> tuple[Check, ...]:
    """Run every check that concerns these settings; services are asked where they are named, programs where not.

    ``models`` are the endpoints that the preset of the settings has.
    """
    temporal = (
        check_temporal_program()
        if settings.temporal_address is None
        else check_temporal_service(settings.temporal_address)
    )
    postgres = (
        check_postgres_programs() if settings.database_url is None else check_database_service(settings.database_url)
    )
    found = [check_python(), check_home(settings.home)]
    found += await asyncio.gather(temporal, postgres, check_bubblewrap())
    if settings.temporal_address is None:
        found.append(check_ports(settings.home))
    if settings.names_model:
        found += await _check_models(settings, models or ((settings.model,) if settings.model else ()))
    found.append(check_notification(settings))
    return tuple(found)


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """Check the version of Python."""
    shown = ".".join(map(str, version))
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if version >= OLDEST_PYTHON:
        return Check("python", True, shown)
    return Check("python", False, f"{shown} is older than {oldest}", _install(f"python{oldest} python{oldest}-venv"))


def check_home(path: Path) -> Check:
    """Check that the home, or the folder that is to hold it, can be written."""
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return Check("home", True, str(path))
    return Check(
        "home", False, f"{existing} is not a folder that can be written", "export MILLWRIGHT_HOME=/path/to/a/folder"
    )


async def check_temporal_program() -> Check:
    """Check that the development server can be run."""
    try:
        status, output = await _output([str(executable()), "--version"])
    except (MillwrightError, OSError) as error:
        return Check("temporal", False, str(error), _SETUP)
    return Check("temporal", status == 0, output, "" if status == 0 else _SETUP)


async def check_postgres_programs() -> Check:
    """Check that the embedded Postgres can be run."""
    try:
        status, output = await _output([str(binaries() / "postgres"), "--version"])
    except (MillwrightError, OSError) as error:
        return Check("postgres", False, str(error), _SETUP)
    return Check("postgres", status == 0, output, "" if status == 0 else _SETUP)


async def check_bubblewrap(program: str = "bwrap") -> Check:
    """Check that the sandbox is installed and may create its namespaces."""
    found = shutil.which(program)
    if found is None:
        return Check("bubblewrap", False, f"{program} is not installed", _install("bubblewrap"))
    status, version = await _output([found, "--version"])
    if status == 0:
        status, output = await _output([found, "--unshare-all", "--ro-bind", "/", "/", "true"])
        if status == 0:
            return Check("bubblewrap", True, f"{version}, namespaces work")
        return Check("bubblewrap", False, f"cannot create namespaces: {output}", _namespace_remedy())
    return Check("bubblewrap", False, version, _install("--reinstall bubblewrap"))


def check_ports(home: Path, ports: Sequence[int] = (DEFAULT_PORT, DEFAULT_UI_PORT)) -> Check:
    """Check the ports of the embedded Temporal; a busy one is no fault, as another is picked."""
    try:
        state = read_state(home)
    except MillwrightError as error:
        return Check("ports", False, str(error), f"rm {Home(home).state_file}")
    if state is not None:
        own = f"in use by this home's own stack, process {state.pids['millwright']}: {state.whereabouts()}"
        return Check("ports", True, own)
    busy = [str(port) for port in ports if not is_free(port)]
    if busy:
        return Check("ports", True, f"{' and '.join(busy)} in use by another program: `millwright up` takes others")
    return Check("ports", True, f"{' and '.join(map(str, ports))} are free")


def check_notification(settings: Settings) -> Check:
    """Say who tells people that something waits for them; the webhook is not asked, for it would tell them."""
    if settings.webhook is None and not settings.notify_command:
        nobody = "nobody is told what waits; MILLWRIGHT_NOTIFY_URL or MILLWRIGHT_NOTIFY_COMMAND say who"
        return Check("notification", True, nobody)
    told = [f"webhook at {settings.webhook.shown}"] if settings.webhook else []
    if settings.notify_command:
        program = settings.notify_command[0]
        if shutil.which(program) is None:
            remedy = "export MILLWRIGHT_NOTIFY_COMMAND='/path/to/program and its arguments'"
            return Check("notification", False, f"{program} is no program that can be run here", remedy)
        told.append(f"command {program}")
    return Check("notification", True, ", ".join(told))


async def check_temporal_service(address: str | None = None) -> Check:
    """Check that the configured Temporal answers, has the namespace, and knows our search attributes.

    ``address`` is what the remedies name; without one they leave it to Temporal's own configuration, as profiles do.
    """
    at = f" --address {address}" if address and ":" in address else ""
    try:
        where, missing = await reach_temporal()
    except NotFound as error:
        return Check("temporal", False, str(error), f"temporal operator namespace create{at}")
    except MillwrightError as error:
        return Check("temporal", False, str(error), f"temporal operator cluster health{at}")
    if missing:
        wanted = " ".join(f"--name {name} --type {SEARCH_ATTRIBUTES[name]}" for name in missing)
        return Check(
            "temporal",
            False,
            f"{where} lacks the search attributes {', '.join(missing)}",
            f"temporal operator search-attribute create{at} {wanted}",
        )
    return Check("temporal", True, where)


async def check_database_service(url: str) -> Check:
    """Check that the configured database takes connections; neither line shows the password."""
    try:
        return Check("postgres", True, f"PostgreSQL {await reach_database(url)}")
    except MillwrightError as error:
        parts = urlsplit(url)
        place = f"-h {parts.hostname} -p {parts.port or 5432}" if parts.hostname else ""
        return Check("postgres", False, str(error), " ".join(f"pg_isready {place}".split()))


async def model_trouble(model: ModelSettings, remedy: str = "set MILLWRIGHT_MODEL_URL to where it is") -> str | None:
    """Ask the model's endpoint once; return why nothing answers there, or None when anything at all does.

    ``remedy`` ends the sentence that tells of it: start it, or …
    """
    try:
        await _offer(model, _MODEL_PATIENCE)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return (
            f"the model endpoint {model.public_url} does not answer ({str(error) or type(error).__name__}): start it, "
            f"or {remedy}"
        )
    return None


async def _offer(model: ModelSettings, patience: float) -> httpx.Response:
    headers = {"Authorization": f"Bearer {model.key}"} if model.key else {}
    async with httpx.AsyncClient(timeout=patience) as client:
        return await client.get(f"{model.url}/models", headers=headers)


async def _check_models(settings: Settings, models: Sequence[ModelSettings]) -> list[Check]:
    preset = settings.model_preset
    if not models:
        told = f"the preset {preset} has no endpoint, and none is set"
        return [Check("model", False, told, "export MILLWRIGHT_MODEL_URL=https://host/v1 MILLWRIGHT_MODEL_NAME=model")]
    found = await asyncio.gather(*(check_model(model, preset if not settings.model else None) for model in models))
    if len(models) == 1:
        return found
    named = zip(models, found, strict=True)
    return [replace(check, name=f"model {model.name} at {model.public_url}") for model, check in named]


async def check_model(model: ModelSettings, preset: str | None = None) -> Check:
    """Check that the model's endpoint answers, and offers the model where it lists what it has.

    ``preset`` is what names the model, where the environment does not.
    """
    address = f"{model.public_url}/models"
    remedy = f'curl -sS -H "Authorization: Bearer $MILLWRIGHT_MODEL_KEY" {address}'
    try:
        answer = await _offer(model, _PATIENCE)
        answer.raise_for_status()
        offered = [str(entry["id"]) for entry in answer.json()["data"]]
    except httpx.HTTPStatusError as error:
        return Check("model", False, f"{address} answers with status {error.response.status_code}", remedy)
    except httpx.HTTPError as error:
        return Check("model", False, f"{address} does not answer: {str(error) or type(error).__name__}", remedy)
    except (ValueError, KeyError, TypeError):
        return Check("model", False, f"{address} does not answer as an OpenAI-compatible endpoint does", remedy)
    if model.name not in offered:
        choices = ", ".join(offered[:5]) or "nothing"
        return Check(
            "model",
            False,
            f"{model.public_url} has no {model.name!r}; it offers {choices}",
            _use_model(offered, remedy) if preset is None else f"name it in the preset {preset} as the endpoint does",
        )
    return Check("model", True, f"{model.name} at {model.public_url}")


def _use_model(offered: Sequence[str], otherwise: str) -> str:
    return f"export MILLWRIGHT_MODEL_NAME={offered[0]}" if offered else otherwise


def _install(packages: str) -> str:
    return f"{_as_root()}apt-get install -y {packages}"


def _as_root() -> str:
    return "" if os.geteuid() == 0 else "sudo "


def _namespace_remedy(settings: Path = Path("/proc/sys")) -> str:
    for name, harmful, remedy in _NAMESPACE_SETTINGS:
        file = settings / name
        if file.exists() and file.read_text(encoding="ascii").strip() == harmful:
            return f"{_as_root()}sysctl -w {remedy}"
    return "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined IMAGE"


async def _output(argv: Sequence[str]) -> tuple[int, str]:
    """Run a program for at most ten seconds; return its status and its output on one line."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _PATIENCE)
    except TimeoutError:
        return 124, f"no answer within {_PATIENCE:.0f} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, " ".join(output.decode(errors="replace").split())
