"""Keeps mypy loaded with the standard library's types, and checks each batch in a forked child.

It is run by its path, as ``mypy_server.py HOME``, in an interpreter of its own; it imports nothing of Millwright,
checks nothing in its own process, and judges nothing. HOME holds ``session.json`` (mypy's options, the modules to read
beforehand, a child's limits) and a cache; it is removed once it is read.
"""

import ctypes
import gc
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypedDict

from mypy import build
from mypy.errors import CompileError
from mypy.find_sources import create_source_list
from mypy.fscache import FileSystemCache
from mypy.main import process_options
from mypy.modulefinder import BuildSource, BuildSourceSet, FindModuleCache, compute_search_paths

_SEED = "millwright_seed"
_RECURSION_LIMIT = 2**14
"""What mypy's own entry point sets."""
_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of linux/prctl.h."""
_BLOCKED = 2
"""mypy's own status when something stopped it."""
_LONGEST_REQUEST = 4 * 1024**2


class Request(TypedDict):
    """What a child is asked: files to check, named relative to a folder."""

    folder: str
    files: list[str]


@dataclass(frozen=True)
class Limits:
    """What one child may use, and how many may run at once."""

    wall_seconds: float
    cpu_seconds: int
    memory_bytes: int
    at_once: int


class Session:
    """mypy's state after it has read the modules that candidates usually import; a child may use it once.

    The steps of a check are those of mypy's own build over the new modules alone, so that its answer is the command
    line's. The fine-grained mode of mypy's daemon is not used: its answers depend on what it checked before.
    """

    def __init__(self, options: Sequence[str], modules: Sequence[str]) -> None:
        sys.setrecursionlimit(_RECURSION_LIMIT)
        self._lines: list[str] = []
        self._files = FileSystemCache()
        _, self._options = process_options([*options, "-c", "pass"], fscache=self._files)
        seed = BuildSource(None, _SEED, "".join(f"import {name}\n" for name in modules))
        result = build.build([seed], self._options, None, self._collect, self._files, sys.stdout, sys.stderr)
        if self._lines:
            raise ValueError(f"the standard library's types have errors: {self._lines[0]}")
        self._manager, self._graph = result.manager, result.graph
        self._forget_seed()
        self._keep_no_cache()
        self._taken = self._top_names()
        gc.collect()
        gc.freeze()

    def check(self, folder: str, files: Sequence[str]) -> dict[str, object]:
        """Check files, named relative to ``folder``; the process is of no further use afterwards.

        Raises:
            CompileError: something in the batch stops mypy.
        """
        os.chdir(folder)
        shadowing = sorted(self._taken & {Path(name).stem for name in os.listdir(folder)})
        if shadowing:
            return {"declined": f"{shadowing[0]} would take the place of a module that is loaded already"}
        new: list[build.State] = []
        build.load_graph(self._sources(files), self._manager, self._graph, new)
        names = {state.id for state in new}
        for name in names:
            self._manager.import_map[name] = self._graph[name].dependencies_set
        self._process(names)
        checked = [state.xpath for state in new]
        return {"status": int(bool(self._lines)), "lines": self._lines, "checked": checked}

    def _sources(self, files: Sequence[str]) -> list[BuildSource]:
        """Point the loaded state at the files of the current folder."""
        manager, folder = self._manager, os.getcwd()
        self._files.flush()
        sources = create_source_list(files, self._options, self._files)
        manager.cwd = folder
        manager.errors.set_ignore_prefix(folder)
        manager.source_set = BuildSourceSet(sources)
        manager.search_paths = compute_search_paths(sources, self._options, manager.data_dir)
        manager.find_module_cache = FindModuleCache(
            manager.search_paths, self._files, self._options, source_set=manager.source_set
        )
        return sources

    def _process(self, names: set[str]) -> None:
        """Analyse and check the new modules, dependencies first; all others are done."""
        manager = self._manager
        components = build.sorted_components(self._graph)
        manager.scc_by_id = {component.id: component for component in components}
        manager.top_order = [component.id for component in components]
        manager.scc_by_mod_id = {name: component for component in components for name in component.mod_ids}
        fresh = [component for component in components if component.mod_ids & names]
        manager.done_sccs = set(manager.scc_by_id) - {component.id for component in fresh}
        for component in fresh:
            build.process_stale_scc(self._graph, component, manager)

    def _collect(self, _file: str | None, messages: list[str], _serious: bool) -> None:
        self._lines.extend(messages)

    def _forget_seed(self) -> None:
        del self._graph[_SEED]
        del self._manager.modules[_SEED]
        self._manager.import_map.pop(_SEED, None)

    def _keep_no_cache(self) -> None:
        """Let no child read or write a cache: a database connection must not be carried over a fork."""
        self._manager.metastore.close()
        self._options.cache_dir = os.devnull
        self._manager.cache_enabled = False
        self._manager.metastore = build.create_metastore(self._options, parallel_worker=False)

    def _top_names(self) -> set[str]:
        names = set(self._graph) | set(self._manager.missing_modules)
        names |= {missing for state in self._graph.values() for missing in state.suppressed}
        return {name.partition(".")[0] for name in names}


@dataclass(frozen=True)
class _Child:
    """A running check: its process, the line to who asked, and when it must have ended."""

    pid: int
    handle: int
    line: socket.socket
    deadline: float


class Server:
    """Starts a child for each request that comes over ``control`` with a line of its own."""

    def __init__(self, control: socket.socket, session: Session, limits: Limits) -> None:
        self._control = control
        self._session = session
        self._limits = limits
        self._poller = select.poll()
        self._children: dict[int, _Child] = {}
        self._poller.register(control, select.POLLIN)

    def serve(self) -> None:
        """Serve until nobody is left to ask."""
        try:
            while self._turn():
                pass
        finally:
            for child in self._children.values():
                os.kill(child.pid, signal.SIGKILL)

    def _turn(self) -> bool:
        free = len(self._children) < self._limits.at_once
        self._poller.modify(self._control, select.POLLIN if free else 0)
        ready = {descriptor for descriptor, _event in self._poller.poll(self._patience())}
        # In this order, as the numbers of descriptors that are closed here are given to new ones.
        for child in list(self._children.values()):
            if child.line.fileno() in ready:
                self._stop(child)
        for handle in self._children.keys() & ready:
            self._bury(self._children.pop(handle))
        if self._control.fileno() in ready and not self._accept():
            return False
        now = time.monotonic()
        for child in self._children.values():
            if now >= child.deadline:
                os.kill(child.pid, signal.SIGKILL)
        return True

    def _patience(self) -> float | None:
        if not self._children:
            return None
        first = min(child.deadline for child in self._children.values())
        return max(1.0, (first - time.monotonic()) * 1000)

    def _accept(self) -> bool:
        message, descriptors, _flags, _address = socket.recv_fds(self._control, 1, 1)
        if not message:
            return False
        line = socket.socket(fileno=descriptors[0])
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(server, line)
        handle = os.pidfd_open(pid)
        self._children[handle] = _Child(pid, handle, line, time.monotonic() + self._limits.wall_seconds)
        self._poller.register(handle, select.POLLIN)
        self._poller.register(line, 0)  # nothing but its end: whoever asked has gone
        return True

    def _become_child(self, server: int, line: socket.socket) -> NoReturn:
        """Check one batch in this fresh process and end it, whatever happens."""
        status = 1
        try:
            _bind(server, self._limits)
            self._control.close()
            for other in self._children.values():
                other.line.close()
            line.sendall(_encoded(_answer(self._session, _received(line))))
            status = 0
        finally:
            os._exit(status)  # no exception, exit handler or buffer of the server may outlive the child

    def _stop(self, child: _Child) -> None:
        """End a check for which nobody waits any more."""
        self._poller.unregister(child.line)
        os.kill(child.pid, signal.SIGKILL)

    def _bury(self, child: _Child) -> None:
        self._poller.unregister(child.handle)
        with suppress(KeyError):  # whoever asked may have gone first
            self._poller.unregister(child.line)
        os.close(child.handle)
        _pid, status = os.waitpid(child.pid, 0)
        ended = os.waitstatus_to_exitcode(status)
        if ended != 0:
            late = ended == -signal.SIGXCPU or time.monotonic() >= child.deadline
            because = f"its child ended with status {ended}"
            with suppress(OSError):  # whoever asked may have gone, or does not read
                child.line.send(_encoded({"problem": because, "late": late}), socket.MSG_DONTWAIT)
        child.line.close()


def _answer(session: Session, request: Request) -> dict[str, object]:
    try:
        return session.check(request["folder"], request["files"])
    except CompileError as error:
        return {"status": _BLOCKED, "lines": error.messages, "checked": []}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the edge of the process: whoever asked must be told
        return {"problem": f"it failed with {type(error).__name__}: {str(error)[:400]}"}


def _bind(server: int, limits: Limits) -> None:
    """Put this child under its limits and tie it to the server's life.

    Raises:
        ChildProcessError: the server has ended already.
    """
    die_with_parent()
    if os.getppid() != server:
        raise ChildProcessError("the server has ended")
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # a line is no file: a child has nothing to write elsewhere
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _received(line: socket.socket) -> Request:
    text = b""
    while not text.endswith(b"\n"):
        piece = line.recv(65536)
        if not piece or len(text) > _LONGEST_REQUEST:
            raise ValueError("the request is not whole")
        text += piece
    request: Request = json.loads(text)
    return request


def _encoded(answer: dict[str, object]) -> bytes:
    return json.dumps(answer).encode("ascii") + b"\n"


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the one that started it ends."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def main(home: Path) -> None:
    """Load mypy as the file ``session.json`` in ``home`` says, remove it, and serve standard input to its end."""
    die_with_parent()
    control = socket.socket(fileno=os.dup(0))
    try:
        terms = json.loads((home / "session.json").read_bytes())
        session = Session(terms["options"], terms["modules"])
    finally:
        os.chdir("/")
        shutil.rmtree(home, ignore_errors=True)  # now, as its end may be sudden
    Server(control, session, Limits(**terms["limits"])).serve()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
