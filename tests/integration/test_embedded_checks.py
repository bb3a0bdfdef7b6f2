"""The checks of the machine under the embedded stack: what they find, and the command that they name."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from millwright.adapters.embedded import checks
from millwright.adapters.embedded.checks import (
    check_bubblewrap,
    check_database_service,
    check_everything,
    check_home,
    check_model,
    check_ports,
    check_postgres_programs,
    check_python,
    check_temporal_program,
    check_temporal_service,
)
from millwright.adapters.embedded.home import free_port
from millwright.settings import ModelSettings, Settings


def test_an_old_python_is_named_with_its_remedy() -> None:
    """The remedy installs the oldest version that serves."""
    check = check_python((3, 10, 4))
    assert not check.ok
    assert "apt-get install -y python3.11 python3.11-venv" in check.remedy
    assert check_python().ok


async def test_the_bundled_programs_report_their_versions() -> None:
    """Both servers can be run where the package is installed."""
    temporal, postgres = await asyncio.gather(check_temporal_program(), check_postgres_programs())
    assert temporal.ok
    assert "Server 1." in temporal.detail
    assert postgres.ok
    assert "PostgreSQL) 18" in postgres.detail


async def test_a_missing_sandbox_is_named_with_its_package() -> None:
    """The remedy is the command that installs it."""
    check = await check_bubblewrap("no-such-bubblewrap")
    assert not check.ok
    assert check.remedy.endswith("apt-get install -y bubblewrap")


async def test_a_sandbox_without_namespaces_is_not_ok(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is there but may not create namespaces fails the check with what it said."""
    program = tmp_path / "bwrap"
    program.write_text('#!/bin/sh\n[ "$1" = --version ] || { echo not permitted; exit 1; }\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    check = await check_bubblewrap()
    assert not check.ok
    assert "not permitted" in check.detail
    assert check.remedy


def test_the_kernel_setting_that_forbids_namespaces_is_named(tmp_path: Path) -> None:
    """Each setting that stands in the way has the command that changes it."""
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel" / "apparmor_restrict_unprivileged_userns").write_text("1\n", encoding="ascii")
    remedy = checks._namespace_remedy(tmp_path)
    assert remedy.endswith("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")


def test_a_home_that_cannot_be_written_is_not_ok(tmp_path: Path) -> None:
    """A home under a file is refused, one that is yet to be made is fine."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert not check_home(tmp_path / "file" / "home").ok
    assert check_home(tmp_path / "a" / "b").ok


def test_a_busy_port_is_reported_but_no_fault(tmp_path: Path) -> None:
    """The stack takes other ports, so the check says so and passes."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(1)
        port = busy.getsockname()[1]
        check = check_ports(tmp_path, [port])
    assert check.ok
    assert f"{port} in use by another program" in check.detail
    assert "free" in check_ports(tmp_path, [port]).detail


async def test_services_that_do_not_answer_are_named_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreachable database, Temporal and model each give one failed check."""
    port = free_port([])
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{port}")
    found = await asyncio.gather(
        check_temporal_service(),
        check_database_service(f"postgresql+psycopg://user:secret@127.0.0.1:{port}/db"),
        check_model(ModelSettings(url=f"http://127.0.0.1:{port}/v1", name="m", key="secret")),
    )
    assert not any(check.ok for check in found)
    assert all(str(port) in check.detail and check.remedy for check in found)
    assert "secret" not in repr(found)


async def test_a_model_is_looked_for_in_what_the_endpoint_offers() -> None:
    """A wrong name is answered with the names that are there; a wrong key with the status."""
    async with _endpoint(200, {"data": [{"id": "small"}]}) as url:
        assert (await check_model(ModelSettings(url=url, name="small"))).ok
        wrong = await check_model(ModelSettings(url=url, name="large"))
        assert not wrong.ok
        assert wrong.remedy == "export MILLWRIGHT_MODEL_NAME=small"
    async with _endpoint(401, {"error": "no"}) as url:
        assert "401" in (await check_model(ModelSettings(url=url, name="small"))).detail
    async with _endpoint(200, ["not", "models"]) as url:
        assert "OpenAI-compatible" in (await check_model(ModelSettings(url=url, name="small"))).detail


async def test_every_model_of_a_preset_is_checked_at_its_endpoint(tmp_path: Path) -> None:
    """Each has a line of its own; one that its endpoint does not have is to be named in the preset."""
    settings = Settings(home=tmp_path, model_preset="mine")
    async with _endpoint(200, {"data": [{"id": "small"}]}) as url:
        models = [ModelSettings(url=url, name=name) for name in ("large", "small")]
        found = [check for check in await check_everything(settings, models) if check.name.startswith("model ")]
        assert [(check.name, check.ok) for check in found] == [
            (f"model large at {url}", False),
            (f"model small at {url}", True),
        ]
        assert found[0].remedy == "name it in the preset mine as the endpoint does"
    (none,) = [check for check in await check_everything(settings) if check.name == "model"]
    assert not none.ok
    assert "the preset mine has no endpoint" in none.detail


async def test_only_what_the_settings_leave_open_is_checked_as_a_program(tmp_path: Path) -> None:
    """With a service of the caller's named, that service is asked instead."""
    embedded = await check_everything(Settings(home=tmp_path))
    assert [check.name for check in embedded] == [
        *("python", "home", "temporal", "postgres", "bubblewrap", "ports", "notification")
    ]
    url = f"postgresql+psycopg://u@127.0.0.1:{free_port([])}/d"
    own = await check_everything(Settings(home=tmp_path, database_url=url))
    assert [check.ok for check in own if check.name == "postgres"] == [False]


@asynccontextmanager
async def _endpoint(status: int, body: object) -> AsyncIterator[str]:
    """Serve one fixed answer on a loopback port; yield the base URL."""
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} Any\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + content)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
