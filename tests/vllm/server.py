"""Starts a vLLM on the tiny model as a process group of its own, reads its figures, and ends it without a trace.

It asks no model anything. Run: ``python -m tests.vllm.server``, to serve until interrupted.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from millwright.adapters.embedded.home import free_port
from tests.vllm import environment
from tests.vllm.tiny_model import CONTEXT, NAME, write_model

START_SECONDS = 600.0
"""The longest wait for a server that has been started; 34 seconds on two fairly quiet cores, 180 on crowded ones."""

SEATS = 16
"""Answers that the server of the tests works on at once; further ones wait in its queue."""

_ON_CPU = ["--dtype", "float32", "--no-enable-chunked-prefill", "--max-num-batched-tokens", str(CONTEXT)]
"""Without chunks: vLLM 0.32.0 on a CPU dies of a seeded request whose prompt it takes in more than one
("CPU Generator does not use offset", in ``gpu_model_runner.py``)."""

_END_SECONDS = 20.0
_SHARED_MEMORY = Path("/dev/shm")
_MAPPED = re.compile(r"^\S+ \S+ \S+ \S+ (\d+) +/dev/shm/", re.MULTILINE)
_FIGURE = re.compile(r"^vllm:(\w+)\{(.*)\} (\S+)$", re.MULTILINE)


class Server:
    """A vLLM that can be started, killed and started again at the same address."""

    def __init__(self, python: Path, *, on_cpu: bool, port: int = 0, seats: int = SEATS) -> None:
        """Take the interpreter that has vLLM; ``on_cpu``: compute in float32, which a GPU's attention may not know.

        A free port is chosen where none is given; ``seats`` bounds the answers at work at once.
        """
        self._python, self._on_cpu = python, on_cpu
        self._port, self._seats = port or free_port([]), seats
        # Short, because sockets lie in it: a path of more than 107 bytes is none for them (unix(7)).
        self._folder = Path(tempfile.mkdtemp(prefix="vllm-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._shared: set[int] = set()
        write_model(self._folder / "model")

    @property
    def address(self) -> str:
        """Return the base URL, without ``/v1``."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """Return the base URL of the OpenAI-compatible endpoint."""
        return f"{self.address}/v1"

    def start(self) -> None:
        """Start the server, unless it answers already, and wait until it does.

        Raises:
            RuntimeError: it ended, or did not answer in time; the message has the end of its log.
        """
        if self._answers():
            return
        self._end(signal.SIGKILL)
        command = [str(self._python), "-m", "vllm.entrypoints.openai.api_server"]
        command += ["--model", str(self._folder / "model"), "--served-model-name", NAME, "--enforce-eager"]
        command += ["--host", "127.0.0.1", "--port", str(self._port), "--scheduling-policy", "priority"]
        command += ["--max-num-seqs", str(self._seats), "--kv-cache-memory-bytes", "1G"]
        command += _ON_CPU if self._on_cpu else []
        own = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        own |= {"TMPDIR": str(self._folder), "HOME": str(self._folder), "XDG_CACHE_HOME": str(self._folder / "cache")}
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **own},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"vLLM at {self.address} did not start:\n{self._log_tail()}")
            time.sleep(0.2)

    def kill(self) -> None:
        """Kill every process of the server at once, as a machine without memory would."""
        self._end(signal.SIGKILL)

    def kill_engine(self) -> None:
        """Kill the engine alone, and leave the process that answers requests."""
        engines = [process for process in self._members() if _title(process).startswith("VLLM::EngineCor")]
        if len(engines) != 1:
            raise RuntimeError(f"vLLM at {self.address} has {len(engines)} engines:\n{self._log_tail()}")
        self._note_shared_memory()
        os.kill(engines[0], signal.SIGKILL)

    def wait_for_end(self) -> None:
        """Wait until the server has ended by itself. Raises subprocess.TimeoutExpired: it has not, in a minute."""
        if self._process is not None:
            self._process.wait(timeout=60)

    def close(self) -> None:
        """End the server, and remove its files."""
        try:
            self._end(signal.SIGTERM)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def figures(self) -> dict[str, float]:
        """Read the server's metrics, each summed over its labels; ``request_success_total`` also by the reason."""
        found: dict[str, float] = {}
        for name, labels, value in _FIGURE.findall(httpx.get(f"{self.address}/metrics", timeout=10).text):
            found[name] = found.get(name, 0.0) + float(value)
            reason = re.search(r'finished_reason="(\w+)"', labels)
            if reason:
                found[f"{name}:{reason[1]}"] = float(value)
        return found

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/health", timeout=5).is_success
        except httpx.TransportError:
            return False

    def _end(self, how: signal.Signals) -> None:
        """Send a signal to the whole group; kill what is left after a while, and remove the memory that it shared."""
        if self._process is None:
            return
        self._note_shared_memory()
        if self._members():
            os.killpg(self._process.pid, how)
        until = time.monotonic() + _END_SECONDS
        while self._members() and time.monotonic() < until:
            self._process.poll()
            time.sleep(0.05)
        if self._members():
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=_END_SECONDS)
        for path in _SHARED_MEMORY.iterdir():  # what was killed cannot give it back
            if _inode(path) in self._shared:
                path.unlink(missing_ok=True)
        self._shared.clear()
        self._process = None

    def _note_shared_memory(self) -> None:
        self._shared.update(inode for process in self._members() for inode in _shared_memory(process))

    def _members(self) -> list[int]:
        """Return the living processes of the server's group."""
        group = self._process.pid if self._process else -1
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _group(entry) == group]

    def _log_tail(self) -> str:
        return "\n".join((self._folder / "log").read_text("utf-8", "replace").splitlines()[-30:])


def _group(entry: Path) -> int | None:
    """Return the process group of a living process by its folder in /proc; None where it has ended (proc(5))."""
    try:
        state, _, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return None
    return None if state == "Z" else int(group)


def _title(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0].decode()
    except OSError:
        return ""


def _shared_memory(process: int) -> set[int]:
    """Return the inodes of the POSIX shared memory that a process has mapped.

    Not the paths: the maker of a semaphore has it mapped under a name that sem_open(3) has long removed.
    """
    try:
        return {int(inode) for inode in _MAPPED.findall(Path(f"/proc/{process}/maps").read_text())}
    except OSError:
        return set()


def _inode(path: Path) -> int:
    try:
        return path.lstat().st_ino
    except FileNotFoundError:
        return 0


def main() -> None:
    """Serve the tiny model until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--seats", type=int, default=SEATS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    on_cpu = environment.OWN_PYTHON not in os.environ
    server = Server(environment.make(), on_cpu=on_cpu, port=options.port, seats=options.seats)
    try:
        server.start()
        print(f"{NAME} is served at {server.url}; Ctrl-C ends it", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        print("ending")
    finally:
        server.close()


if __name__ == "__main__":
    main()
