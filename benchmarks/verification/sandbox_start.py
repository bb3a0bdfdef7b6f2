"""Prints what it costs to run one small program confined: by a warm interpreter, in a bubblewrap each, and unconfined.

It judges nothing and asserts no time: figures of a busy machine are not figures. The three ways take turns, so that
whatever else the machine does falls on all of them alike. Run: ``python -m benchmarks.verification.sandbox_start``.
"""

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from schemas.execution import Binding, CallRequest, ConditionRequest, Ending, Program

_CALLS = 100
_PROGRAM = Program(modules={"m.py": "def f(n): return n + 1"}, module="m", function="f")
_REQUEST = CallRequest(program=_PROGRAM, calls=tuple((["int", str(number)],) for number in range(_CALLS)))
_CONDITIONS = ConditionRequest(
    expressions=("result > n", "n >= 0"),
    bindings=tuple(Binding(names={"n": ["int", str(n)], "result": ["int", str(n + 1)]}) for n in range(_CALLS)),
)


@dataclass
class _Figures:
    """Milliseconds of wall-clock and of CPU, one pair a round; CPU is that of driver and program together."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """Describe them in a line."""
        wall, cpu = sorted(self.wall), statistics.median(self.cpu)
        return f"{name:<42}{statistics.median(wall):10.2f}{wall[0]:10.2f}{cpu:10.2f}"


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    warm, alone = BubblewrapSandbox(slots=1), BubblewrapSandbox(slots=1, warm=False)

    async def conditions() -> float:
        await warm.evaluate(_CONDITIONS)
        return 0.0

    ways: dict[str, Callable[[], Awaitable[float]]] = {
        f"warm interpreter, {_CALLS} calls": lambda: _calls(warm),
        f"a bubblewrap each, {_CALLS} calls": lambda: _calls(alone),
        "python -I -S -c pass, unconfined": _bare,
        f"conditions, {_CALLS} bindings (driver's CPU only)": conditions,
    }
    figures = {name: _Figures() for name in ways}
    try:
        for number in range(rounds + 3):
            for name, way in ways.items():
                await _round(way, figures[name], keep=number >= 3)
    finally:
        warm.close()
        alone.close()
    print(f"{'ms per program':<42}{'median':>10}{'least':>10}{'CPU':>10}   (load {os.getloadavg()[0]:.1f})")
    for name, figure in figures.items():
        print(figure.line(name))


async def _round(way: Callable[[], Awaitable[float]], figures: _Figures, keep: bool) -> None:
    own, started = time.process_time(), time.perf_counter()
    cpu = await way()
    wall = time.perf_counter() - started
    if keep:
        figures.wall.append(1000 * wall)
        figures.cpu.append(1000 * (cpu + time.process_time() - own))


async def _calls(sandbox: BubblewrapSandbox) -> float:
    report = await sandbox.call(_REQUEST)
    if report.ending is not Ending.COMPLETED:
        raise SystemExit(f"the program did not run: {report}")
    return report.cpu_seconds


async def _bare() -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)  # noqa: ASYNC221 - nothing else is to run meanwhile
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    asyncio.run(main())
