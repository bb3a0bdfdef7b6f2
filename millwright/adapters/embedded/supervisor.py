"""Keeps the processes of a stack running: what ends by itself is started again, and all are stopped in reverse order.

It does not know what they do, and it never gives one up: the pauses grow to half a minute, each with a report.
"""

import asyncio
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Protocol

from millwright.adapters.embedded.home import LOOPBACK, Home
from millwright.adapters.embedded.processes import spawn, stop, tail
from millwright.errors import BadInput, MillwrightError, ServiceUnavailable

Report = Callable[[str], None]


class Service(Protocol):
    """A process that can be started again after its end."""

    @property
    def name(self) -> str:
        """What it is called in reports, and in the name of its log."""
        ...

    @property
    def pid(self) -> int:
        """The process of the latest start."""
        ...

    async def start(self) -> None:
        """Start it and wait until it is ready; MillwrightError if it is not, with nothing left running."""
        ...

    async def wait(self) -> int:
        """Wait until it ends; return its status."""
        ...

    async def stop(self) -> None:
        """End it, whatever state it is in."""
        ...


@dataclass(frozen=True)
class Child:
    """A program that the caller adds to a stack, such as a worker.

    ``environment`` is all that it gets. With a ``ready_port`` it counts as started when that loopback port accepts
    connections, within ``patience`` seconds; it is stopped by SIGTERM and gets ``farewell`` seconds to leave. Should
    the stack itself be killed, the kernel kills the child at once.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    ready_port: int | None = None
    patience: float = 30.0
    farewell: float = 15.0


class ChildService:
    """A child as a service."""

    def __init__(self, child: Child, home: Home) -> None:
        """Describe the service; nothing starts yet."""
        self._child = child
        self._home = home
        self._process: asyncio.subprocess.Process | None = None

    @property
    def name(self) -> str:
        """The child's name."""
        return self._child.name

    @property
    def pid(self) -> int:
        """The process of the latest start."""
        assert self._process is not None, "start comes first"
        return self._process.pid

    async def start(self) -> None:
        """Start the program, and wait for its port if it has one.

        Raises:
            BadInput: there is no such program.
            ServiceUnavailable: the port does not accept connections; the message ends with the end of the log.
        """
        program = shutil.which(self._child.argv[0], path=self._child.environment.get("PATH"))
        if program is None:
            raise BadInput(f"{self.name} cannot start: there is no program {self._child.argv[0]!r}; run `make setup`")
        self._process = await spawn(
            [program, *self._child.argv[1:]],
            home=self._home.path,
            log=self._home.log(self.name),
            environment=self._child.environment,
            # Without its stack a child has nothing to finish, and a polite signal it may take minutes to follow.
            death_signal=signal.SIGKILL,
        )
        if self._child.ready_port is not None:
            try:
                await self._until_accepting(self._process, self._child.ready_port)
            except BaseException:
                await self.stop()
                raise

    async def wait(self) -> int:
        """Wait until the program ends; return its status."""
        assert self._process is not None, "start comes first"
        return await self._process.wait()

    async def stop(self) -> None:
        """End the program and its session."""
        if self._process is not None:
            await stop(self._process, [(signal.SIGTERM, self._child.farewell)])

    async def _until_accepting(self, process: asyncio.subprocess.Process, port: int) -> None:
        deadline = asyncio.get_running_loop().time() + self._child.patience
        while process.returncode is None and asyncio.get_running_loop().time() < deadline:
            with suppress(ConnectionRefusedError):
                _, writer = await asyncio.open_connection(LOOPBACK, port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.05)
        what = "did not open its port in time" if process.returncode is None else f"ended ({process.returncode})"
        raise ServiceUnavailable(f"{self.name} {what}; {tail(self._home.log(self.name))}")


class Supervisor:
    """Keeps services running from ``add`` to ``close``."""

    def __init__(
        self,
        report: Report,
        changed: Callable[[], None],
        *,
        first_pause: float = 0.5,
        longest_pause: float = 30.0,
        steady: float = 60.0,
    ) -> None:
        """Take where to report, and what to call when a service has another process; times are in seconds.

        A service that ran for ``steady`` seconds has earned the first pause again.
        """
        self._report = report
        self._changed = changed
        self._pauses = (first_pause, longest_pause)
        self._steady = steady
        self._pids: dict[str, int] = {}
        self._running = AsyncExitStack()

    @property
    def pids(self) -> dict[str, int]:
        """The process of every service, as of the last time it was ready."""
        return dict(self._pids)

    async def add(self, service: Service) -> None:
        """Start a service and keep it running.

        Raises:
            MillwrightError: it did not start.
        """
        await service.start()
        self._pids[service.name] = service.pid
        keeper = asyncio.create_task(self._keep(service), name=f"keep {service.name}")
        self._running.push_async_callback(self._end, service, keeper)
        self._changed()

    async def close(self) -> None:
        """Stop every service, the last added first; one that fails to stop keeps none of the others running."""
        await self._running.aclose()

    async def _end(self, service: Service, keeper: "asyncio.Task[None]") -> None:
        keeper.cancel()
        await asyncio.wait([keeper])
        await service.stop()
        if not keeper.cancelled():
            keeper.result()

    async def _keep(self, service: Service) -> None:
        clock = asyncio.get_running_loop().time
        pause, longest = self._pauses
        while True:
            started = clock()
            status = await service.wait()
            if clock() - started >= self._steady:
                pause = self._pauses[0]
            what = f"{service.name} ended with status {status}"
            while what:
                self._report(f"{what}; starting it again in {pause:g} s")
                await asyncio.sleep(pause)
                pause = min(pause * 2, longest)
                what = await self._start_again(service)
            self._pids[service.name] = service.pid
            self._changed()
            self._report(f"{service.name} runs again")

    async def _start_again(self, service: Service) -> str:
        try:
            # What the old process left in its session goes before the new one comes.
            await service.stop()
            await service.start()
        except (MillwrightError, OSError) as error:
            return f"{service.name} did not start: {error}"
        return ""
