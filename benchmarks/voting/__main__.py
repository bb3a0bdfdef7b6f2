"""Prints all figures of voting in one run: ``python -m benchmarks.voting --data DIR``.

Every answer is run once (``outcomes``) and read by the others; ``--outcomes FILE`` keeps what they did, or reads it
where the file is there already. It measures nothing itself: each part is a program of its own.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.humaneval import build
from benchmarks.voting import (
    acceptance,
    adaptive,
    ballots,
    calibration,
    correlation,
    flags,
    outcomes,
    searching,
    selection,
    simulation,
    sources,
)

Program = Callable[[Sequence[str]], int]

ON_OUTCOMES: tuple[tuple[str, Program], ...] = (
    ("selection", selection.main),
    ("acceptance", acceptance.main),
    ("calibration", calibration.main),
    ("sources", sources.main),
    ("searching", searching.main),
    ("correlation", correlation.main),
)
"""What reads the recorded answers and what they did."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all of them; returns the worst of what they return, 0 also where there is no data, which each says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("humaneval"), metavar="DIR", help="the recorded answers")
    parser.add_argument("--outcomes", type=Path, metavar="FILE", help="what the answers did; written where it is not")
    parser.add_argument("--without-builds", action="store_true", help="no whole build through Temporal, at the end")
    options = parser.parse_args(arguments)
    data = ["--data", str(options.data)]
    with tempfile.TemporaryDirectory(prefix="millwright-voting-") as scratch:
        file = options.outcomes or Path(scratch) / "outcomes.jsonl"
        ended = []
        if not file.is_file():
            ended = [_run("outcomes", outcomes.main, [*data, "--out", str(file)])]
            ended.append(_run("ballots", ballots.main, [*data, "--outcomes", str(file)]))
        ended += [_run(name, program, [*data, "--outcomes", str(file)]) for name, program in ON_OUTCOMES]
    ended.append(_run("flags", flags.main, data))
    ended.append(_run("simulation", simulation.main, []))
    ended.append(_run("adaptive", adaptive.main, []))
    if not options.without_builds:
        ended.append(_run("a whole build", build.main, data))
    return max(ended)


def _run(name: str, program: Program, arguments: Sequence[str]) -> int:
    print(f"\n=== {name}", flush=True)
    started = time.monotonic()
    status = program(arguments)
    print(f"({name}: {time.monotonic() - started:.0f} s)", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
