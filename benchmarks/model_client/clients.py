"""Compares our client of models with the openai SDK making the bare calls, and prints what each costs.

The endpoint and each client run in processes of their own. The SDK is installed into an environment that the benchmark
makes for itself and removes; where that is not possible, it is skipped by name. It demands no figure.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.model_client.sdk import MISSING

ROOT = Path(__file__).resolve().parents[2]
SDK = "openai>=3,<4"
PATIENCE_SECONDS = 300.0

THROUGHPUT = {"calls": 2000, "at_once": 64, "seconds": 0.5}
"""What CPU and wall clock a call are measured with."""

CROWD = {"calls": 1000, "at_once": 1000, "seconds": 10.0}
"""What memory is measured with: a thousand calls in flight at once."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 1 where a client failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_client.clients", description=__doc__)
    parser.add_argument("--sdk-python", help="a Python that has the openai package; without it one is made")
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args(arguments)
    print(f"load average before {os.getloadavg()[0]:.1f}")
    print("| client | CPU a call | wall beside the endpoint, median | 95th percentile | memory, 1,000 in flight |")
    print("| --- | --- | --- | --- | --- |")
    with _sdk_python(given.sdk_python) as sdk:
        for _ in range(given.repeat):
            for python, module in ((sys.executable, "ours"), (sdk, "sdk")):
                if python is not None and not _print_one(python, module):
                    return 1
    if sdk is None:
        print(f"skipped: openai ({SDK} could not be installed; give a Python that has it by --sdk-python)")
    return 0


def _print_one(python: str, module: str) -> bool:
    rows = []
    for load in (THROUGHPUT, CROWD):
        done = _measured(python, module, load)
        if done.returncode == MISSING:
            print("skipped: openai (the package is not installed there)")
            return True
        if done.returncode != 0:
            sys.stderr.write(done.stderr)
            return False
        rows.append(json.loads(done.stdout))
    fast, many = rows
    print(
        f"| {fast['client']} | {fast['cpu_ms_a_call']:.2f} ms | {fast['over_ms_median']:.1f} ms "
        f"| {fast['over_ms_p95']:.1f} ms | {many['memory_mib']:.0f} MiB |",
        flush=True,
    )
    return True


def _measured(python: str, module: str, load: dict[str, float]) -> subprocess.CompletedProcess[str]:
    with _endpoint(load["seconds"]) as url:
        sizes = ["--calls", str(load["calls"]), "--at-once", str(load["at_once"]), "--seconds", str(load["seconds"])]
        return subprocess.run(
            [python, "-m", f"benchmarks.model_client.{module}", "--url", url, *sizes],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )


@contextmanager
def _endpoint(seconds: float) -> Iterator[str]:
    """Serve canned answers from a process of its own; yields the base URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.model_client.slots", "--seconds", str(seconds)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()  # its sign to leave


@contextmanager
def _sdk_python(given: str | None) -> Iterator[str | None]:
    """Yield a Python that has the SDK: the one given, or one made for this run; None where none can be made."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="millwright-sdk-") as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SDK]
        done = subprocess.run(install, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        if done.returncode != 0:
            sys.stderr.write(done.stderr)
        yield str(python) if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
