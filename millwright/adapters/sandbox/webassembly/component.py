"""Builds the component and keeps it, compiled for this machine, in a cache folder that all processes share.

Nothing is downloaded and no untrusted code takes part: the component holds CPython, the harness and the guest. The
compiled file is native code that is loaded into this process, so the folder must be the user's own.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from millwright.errors import SandboxUnavailable

if TYPE_CHECKING:
    from wasmtime import Engine
    from wasmtime.component import Component

INSTALL: Final = "install both (pip install 'wasmtime>=50,<51' 'componentize-py>=0.25,<0.26')"
_BUILD_SECONDS: Final = 600.0
_LOCK_SECONDS: Final = 900.0
_POLL_SECONDS: Final = 0.1
_KEPT_SECONDS: Final = 30 * 86_400.0
_LAST_WORDS: Final = 600
_HARNESS: Final = ("wire", "kinds", "calls", "judging", "properties", "conditions")
_PACKAGE: Final = "millwright/adapters/sandbox"
_WORLD: Final = """package millwright:sandbox;

world inside {
  import exchange: func(lines: string) -> string;
  import rest: func(seconds: f64);
  export load: func(header: string) -> string;
  export call: func(frame: string) -> string;
  export serve: func(header: string);
}
"""
_ENTRY: Final = """import wit_world

from millwright.adapters.sandbox.webassembly.guest import Guest, prepare

prepare()
_guest = Guest(wit_world.exchange, wit_world.rest)


class WitWorld(wit_world.WitWorld):
    def load(self, header):
        return _guest.load(header)

    def call(self, frame):
        return _guest.call(frame)

    def serve(self, header):
        _guest.serve(header)
"""
_BUILD: Final = "import sys; from componentize_py import script; sys.exit(script())"


def require_packages() -> None:
    """See that the two packages are installed.

    Raises:
        SandboxUnavailable: one is missing.
    """
    missing = [name for name in ("wasmtime", "componentize_py") if importlib.util.find_spec(name) is None]
    if missing:
        raise SandboxUnavailable(
            f"the WebAssembly engine lacks the package{'s' * (len(missing) - 1)} {' and '.join(missing)}: {INSTALL}"
        )


def ready(engine: "Engine", cache: Path, check: Callable[[], None]) -> "Component":
    """Load the component, built and compiled at the first need on this machine; ``check`` raises to give up waiting.

    Raises:
        SandboxUnavailable: the cache cannot be used or trusted, or the build failed.
    """
    sources = _sources()
    folder = cache / _key(sources)
    try:
        _make_private(cache)
        _make_private(folder)
        compiled = folder / f"inside-{metadata.version('wasmtime')}-{platform.machine()}.compiled"
        if (found := _load(engine, compiled)) is not None:
            return found
        with _lock(folder / "lock", check):
            if (found := _load(engine, compiled)) is not None:  # another process was faster
                return found
            return _make(engine, folder, compiled, sources, check)
    except OSError as error:
        raise SandboxUnavailable(f"the cache of the WebAssembly engine, {folder}, cannot be used: {error}") from error


def _make(
    engine: "Engine", folder: Path, compiled: Path, sources: dict[str, str], check: Callable[[], None]
) -> "Component":
    from wasmtime import WasmtimeError
    from wasmtime.component import Component

    for left in folder.glob("build-*"):  # of a process that was killed; the lock is ours
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=folder) as name:
        room = Path(name)
        component = folder / "inside.wasm"
        if not component.exists():
            _build(room, sources, check).replace(component)
        check()
        try:
            content = bytes(Component.from_file(engine, component).serialize())
        except WasmtimeError as error:
            component.unlink(missing_ok=True)  # whatever is wrong with it, the next attempt starts afresh
            raise SandboxUnavailable(f"wasmtime cannot compile the component: {error}") from error
        fresh = room / "compiled"
        fresh.write_bytes(content)
        fresh.chmod(0o600)  # whatever the umask: see _demand_own
        fresh.replace(compiled)
    found = _load(engine, compiled)
    _forget_unused(folder.parent)
    if found is None:
        raise SandboxUnavailable(f"wasmtime does not load what it compiled: {compiled}; remove it and try again")
    return found


def _load(engine: "Engine", compiled: Path) -> "Component | None":
    from wasmtime import WasmtimeError
    from wasmtime.component import Component

    if not compiled.exists():
        return None
    _demand_own(compiled)
    try:
        found = Component.deserialize_file(engine, str(compiled))
    except WasmtimeError:  # made by another version, under other settings or for another processor
        return None
    with contextlib.suppress(OSError):  # the folder may be read-only, as in an image that was built with it
        os.utime(compiled.parent)  # still in use: see _forget_unused
    return found


def _forget_unused(cache: Path) -> None:
    """Remove what other versions kept, once no process has loaded it for long; one that has it loaded keeps it."""
    for folder in cache.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process removes it too
            if (folder / "inside.wasm").exists() and folder.stat().st_mtime < time.time() - _KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _sources() -> dict[str, str]:
    here = Path(__file__).parent
    texts = {f"{_PACKAGE}/harness/{name}.py": (here.parent / "harness" / f"{name}.py") for name in _HARNESS}
    texts[f"{_PACKAGE}/webassembly/guest.py"] = here / "guest.py"
    return {
        "src/entry.py": _ENTRY,
        "wit/world.wit": _WORLD,
        **{f"src/{path}": file.read_text(encoding="utf-8") for path, file in texts.items()},
    }


def _key(sources: dict[str, str]) -> str:
    digest = hashlib.sha256(metadata.version("componentize-py").encode())
    for path, text in sorted(sources.items()):
        digest.update(f"\0{path}\0{text}".encode())
    return digest.hexdigest()[:24]


def _build(room: Path, sources: dict[str, str], check: Callable[[], None]) -> Path:
    for path, text in sources.items():
        place = room / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    for place in (room / "src" / "millwright").rglob("*"):
        if place.is_dir():
            (place / "__init__.py").touch()
    (room / "src" / "millwright" / "__init__.py").touch()
    made, said = room / "inside.wasm", room / "said"
    options = ["-q", "-d", str(room / "wit"), "-w", "inside", "componentize", "--stub-wasi"]
    argv = [sys.executable, "-I", "-c", _BUILD, *options, "-p", str(room / "src"), "-o", str(made), "entry"]
    with said.open("wb") as output:
        status = _run(argv, room, output.fileno(), check)
    if status != 0 or not made.exists():
        words = said.read_text(encoding="utf-8", errors="replace").strip()[-_LAST_WORDS:]
        raise SandboxUnavailable(f"componentize-py did not build the component (status {status}): {words or 'no word'}")
    return made


def _run(argv: list[str], room: Path, output: int, check: Callable[[], None]) -> int:
    # no PATH and no home: componentize-py would look there for further packages to bring in
    process = subprocess.Popen(
        argv,
        cwd=room,
        env={"PATH": str(room), "HOME": str(room), "TMPDIR": str(room)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    deadline = time.monotonic() + _BUILD_SECONDS
    try:
        while process.poll() is None:
            check()
            if time.monotonic() > deadline:
                raise SandboxUnavailable(f"componentize-py did not end within {_BUILD_SECONDS:.0f} seconds: try again")
            time.sleep(_POLL_SECONDS)
        return process.returncode
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def _lock(path: Path, check: Callable[[], None]) -> Iterator[None]:
    deadline = time.monotonic() + _LOCK_SECONDS
    with path.open("wb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                check()
                if time.monotonic() > deadline:
                    raise SandboxUnavailable(f"another process has been building for long; see {path}") from None
                time.sleep(_POLL_SECONDS)
        yield  # closing the file lets the lock go


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _demand_own(folder)


def _demand_own(path: Path) -> None:
    details = path.lstat()
    if details.st_uid != os.geteuid() or details.st_mode & 0o022:
        raise SandboxUnavailable(
            f"{path} belongs to another user or others may write to it, and native code is loaded from it: "
            "name a folder of your own (chmod go-w), or remove it"
        )
