"""Measures a client of models from within its process: CPU and wall clock a call, and memory for calls in flight.

It imports the standard library alone, so that it also runs where only the client under test is installed.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

PROMPT = "Write a function. " * 160
"""About 2.9 kB, as a prompt of a small task has."""

Call = Callable[[int], Awaitable[int]]
"""Makes one call, with a seed, and returns the length of its answer."""

Opened = Callable[[str], AbstractAsyncContextManager[Call]]
"""Opens a client at a base URL."""


def run(name: str, opened: Opened, arguments: Sequence[str] | None = None) -> int:
    """Run one measurement as a program, and print its figures as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--at-once", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="a call's latency at the endpoint")
    given = parser.parse_args(arguments)
    figures = asyncio.run(_measured(opened, given.url, given.calls, given.at_once, given.seconds))
    sys.stdout.write(json.dumps({"client": name, "calls": given.calls, "at_once": given.at_once, **figures}) + "\n")
    return 0


async def _measured(opened: Opened, url: str, calls: int, at_once: int, latency: float) -> dict[str, float]:
    gate = asyncio.Semaphore(at_once)
    walls: list[float] = []
    async with opened(url) as call:
        await call(0)  # the first one loads and connects

        async def one(seed: int) -> None:
            async with gate:
                began = time.perf_counter()
                assert await call(seed) > 0, "the answer is empty"
                walls.append(time.perf_counter() - began)

        before, cpu, began = _resident(), _cpu(), time.perf_counter()
        tasks = [asyncio.create_task(one(seed)) for seed in range(1, calls + 1)]
        await asyncio.sleep(latency * 0.9)
        during = _resident()
        await asyncio.gather(*tasks)
        seconds, cpu = time.perf_counter() - began, _cpu() - cpu
    walls.sort()
    return {
        "seconds": seconds,
        "cpu_ms_a_call": cpu / calls * 1000,
        "over_ms_median": (walls[len(walls) // 2] - latency) * 1000,
        "over_ms_p95": (walls[int(len(walls) * 0.95)] - latency) * 1000,
        "memory_mib": (during - before) / 2**20,
    }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident() -> int:
    """Read the resident bytes of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()
