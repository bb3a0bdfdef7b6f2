"""Brings the whole embedded stack up on a home, keeps it up, and takes it down with nothing left behind.

It runs what the settings leave open: Postgres unless a database is named, Temporal unless an address is, and the
programs that the caller adds. It prints nothing and applies no migrations.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType

from millwright.adapters.embedded.home import (
    LOOPBACK,
    Home,
    ProcessMark,
    Purpose,
    StackState,
    StateFile,
    free_port,
    held,
)
from millwright.adapters.embedded.postgres_server import PostgresServer
from millwright.adapters.embedded.processes import end_leftovers, own_identity, uninterrupted
from millwright.adapters.embedded.supervisor import Child, ChildService, Report, Supervisor
from millwright.adapters.embedded.temporal_server import TemporalServer
from millwright.settings import ModelSettings, Settings

DEFAULT_MODEL_PORT = 8234
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_logger = logging.getLogger(__name__)


def no_children(state: StackState) -> Sequence[Child]:
    """Add nothing to the stack."""
    return ()


class EmbeddedStack:
    """The stack of a home, up for as long as the ``async with`` block runs.

    A signal to end (SIGINT, SIGTERM, SIGHUP) cancels the task that entered the block, so that the block is left and
    everything stops in order; ``ended_by`` then says which. If it is killed outright, the kernel ends the processes,
    and the next run finds all data there.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        children: Callable[[StackState], Sequence[Child]] = no_children,
        serves_model: bool = False,
        model: ModelSettings | None = None,
        ui: bool = True,
        report: Report = _logger.warning,
        handle_signals: bool = True,
    ) -> None:
        """Describe the stack; nothing starts yet.

        ``children`` names the programs to add, in order, once the addresses are known. With ``serves_model`` one of
        them is to serve a model at ``state.model_url``, unless the settings name a model. ``model`` is what the state
        tells of a preset's model. ``report`` gets a line for each restart.
        """
        self._settings = settings
        self._home = Home(settings.home)
        self._children = children
        self._serves_model = serves_model and not settings.names_model
        self._model = model or settings.model
        self._ui = ui
        self._report = report
        self._handle_signals = handle_signals
        self._supervisor = Supervisor(report, self._write_state)
        self._state = StackState(home=settings.home, pids={})
        self._ready = False
        self._exits = AsyncExitStack()
        self.ended_by: signal.Signals | None = None

    async def __aenter__(self) -> StackState:
        """Start everything; the state returned is what ``read_state`` gives to other processes.

        Raises:
            BadInput: a stack already runs on this home, or the home cannot be used.
            ServiceUnavailable: a part did not start; the message ends with the end of its log.
        """
        try:
            await self._start()
        except BaseException:
            await uninterrupted(self._exits.aclose())
            raise
        return self.state

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything, the last started first."""
        await uninterrupted(self._exits.aclose())

    @property
    def state(self) -> StackState:
        """The addresses, and the processes as they are now."""
        pids = {"millwright": own_identity().pid, **self._supervisor.pids}
        return self._state.model_copy(update={"pids": pids})

    async def _start(self) -> None:
        await self._exits.enter_async_context(held(self._home, Purpose.STACK))
        if self._handle_signals and threading.current_thread() is threading.main_thread():
            self._exits.enter_context(self._signals())
        await end_leftovers(self._home.path)
        self._exits.callback(self._home.state_file.unlink, missing_ok=True)
        self._exits.push_async_callback(end_leftovers, self._home.path)
        self._exits.push_async_callback(self._supervisor.close)
        self._write_state()
        await self._start_services()
        for child in self._children(self.state):
            await self._supervisor.add(ChildService(child, self._home))
        self._ready = True
        self._write_state()

    async def _start_services(self) -> None:
        ports = self._home.last_ports()
        found: dict[str, str | None] = {}
        if self._settings.database_url is None:
            postgres = PostgresServer(self._home)
            await self._supervisor.add(postgres)
            found["database_url"] = postgres.url
        if self._settings.temporal_address is None:
            temporal = TemporalServer(self._home, port=ports.temporal, ui_port=ports.ui, ui=self._ui)
            await self._supervisor.add(temporal)
            found |= {"temporal_address": temporal.address, "ui_url": temporal.ui_url}
            ports = ports.model_copy(update={"temporal": temporal.port, "ui": temporal.ui_port or ports.ui})
        if self._serves_model:
            model_port = free_port([ports.model, DEFAULT_MODEL_PORT])
            found["model_url"] = f"http://{LOOPBACK}:{model_port}/v1"
            ports = ports.model_copy(update={"model": model_port})
        if (model := self._model) is not None:
            found |= {"model_name": model.name, "external_model_url": model.public_url}
        self._home.write(self._home.ports_file, ports)
        self._state = self._state.model_copy(update=found)

    def _write_state(self) -> None:
        mark = ProcessMark.of(own_identity())
        self._home.write(self._home.state_file, StateFile(supervisor=mark, ready=self._ready, state=self.state))

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let the signals cancel the task that is starting the stack, however often they come."""
        owner = asyncio.current_task()
        assert owner is not None, "a coroutine runs in a task"

        def leave(number: signal.Signals) -> None:
            again = self.ended_by is not None
            self.ended_by = self.ended_by or number
            if again:
                self._report("still stopping; the data is safe either way")
            else:
                owner.cancel(f"ended by {number.name}")

        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            loop.add_signal_handler(number, leave, number)
        try:
            yield
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)
