"""Fits defect probabilities on elections over recorded answers, and tells how well they hold on tasks held out.

``python -m benchmarks.voting.calibration --data DIR --outcomes FILE``; ``benchmarks.voting.ballots`` completes FILE.
Which answers are right is read here, from ``verdicts.jsonl``, and nowhere in the product. ``--out`` also writes the
calibration fitted on all tasks; ``--trials`` the rows, as `millwright calibrate` reads them.
"""

import argparse
import hashlib
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.verification.workload import SPECIFICATIONS, tasks
from millwright.core.calibration import Calibration, Trial, brier, reliability_diagram
from millwright.core.fitting import WAYS, contest, fit_by, fit_winner

VERDICTS = "verdicts.jsonl"
ATTEMPTS = 20
MARGINS = (1, 2, 3, 4, 5, 6)
GATES = ((0.0, 0.0), (0.8, 0.2))
"""Least purity and least yield: without, and as the measured defaults have them."""
BINS = 6
LAYERS = 5
"""Of the eight, those that have something to say of tasks without contracts and properties; the same figure everywhere
gets no weight."""


@dataclass(frozen=True)
class Recorded:
    """One task: its examples, and of each answer the signature (None: no ballot) and whether it is right."""

    task: str
    examples: int
    answers: tuple[tuple[str | None, bool], ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 1 where the fit predicts no better than the base rate, else 0, also without data."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting.calibration", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder with {VERDICTS}")
    parser.add_argument("--outcomes", type=Path, metavar="FILE", help="what the answers did; else DIR/outcomes.jsonl")
    parser.add_argument("--orders", type=int, default=30, help="random orders of the answers of each task")
    parser.add_argument("--seed", type=int, default=0, help="of the orders and of the halves")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the calibration fitted on all tasks")
    parser.add_argument("--trials", type=Path, metavar="FILE", help="write the rows that it is fitted on")
    parser.add_argument("--source", default="", help="what the data are, for the calibration's provenance")
    parser.add_argument("--date", default="", help="of the fit, for the calibration's provenance")
    options = parser.parse_args(arguments)
    outcomes = options.outcomes or options.data / "outcomes.jsonl"
    for needed in (options.data / SPECIFICATIONS, options.data / VERDICTS, outcomes):
        if not needed.is_file():
            print(
                f"skipped: voting/calibration needs {needed}; benchmarks.voting.outcomes and ballots write the outcomes"
            )
            return 0
    recorded = read(options.data, outcomes)
    trials = [trial for each in recorded for trial in simulate(each, options.orders, options.seed)]
    won = {trial.task for trial in trials}
    print(f"{len(recorded)} tasks, {len(won)} of them won at least once; {len(trials)} won elections")
    if options.trials:
        lines = (json.dumps(trial.model_dump(mode="json", by_alias=True)) + "\n" for trial in trials)
        options.trials.write_text("".join(lines), encoding="utf-8")
    better = _report(trials, options.seed)
    if options.out:
        fitted = fit_winner(
            contest(trials), trials, source=options.source, date=options.date, note=_note(options.orders)
        )
        options.out.write_text(json.dumps(fitted.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
        print(f"\nfitted on all tasks, {_told(fitted)}: written to {options.out}")
    return 0 if better else 1


def read(data: Path, outcomes: Path) -> list[Recorded]:
    """Read the answers of all tasks, with what they did and whether they are right."""
    specifications = tasks(data)
    verdicts = {line["task"]: line["verdicts"] for line in _lines(data / VERDICTS)}
    return [
        Recorded(
            task=line["task"],
            examples=len(specifications[line["task"]].test_cases),
            answers=tuple(
                (_signature(answer), verdicts[line["task"]][answer["index"]] == "1") for answer in line["answers"]
            ),
        )
        for line in _lines(outcomes)
    ]


def simulate(recorded: Recorded, orders: int, seed: int) -> Iterator[Trial]:
    """Draw the answers in random orders, and yield the elections that are won: margins, with and without gates."""
    for order in range(orders):
        answers = list(recorded.answers)
        random.Random(f"{seed}/{recorded.task}/{order}").shuffle(answers)
        for k, (purity, share) in product(MARGINS, GATES):
            won = _elect(answers[:ATTEMPTS], k, purity, share)
            if won is not None:
                leader, margin, votes, ballots, attempts = won
                yield Trial(
                    margin=margin,
                    purity=votes / ballots,
                    leaders_yield=votes / attempts,
                    examples=recorded.examples,
                    layers=LAYERS,
                    right=leader,
                    task=recorded.task,
                )


def _elect(
    answers: Sequence[tuple[str | None, bool]], k: int, purity: float, share: float
) -> tuple[bool, int, int, int, int] | None:
    """Vote in this order until the leader has the margin and passes the gates; None where nobody ever does.

    Returns whether the winner is right, its margin and votes, the ballots and the attempts until then. The winner is
    the first candidate of its group: merit is not weighed here.
    """
    votes: Counter[str] = Counter()
    first: dict[str, bool] = {}
    for attempts, (signature, right) in enumerate(answers, start=1):
        if signature is None:
            continue
        votes[signature] += 1
        first.setdefault(signature, right)
        (leader, most), (_, second) = [*votes.most_common(2), ("", 0)][:2]
        if most - second >= k and most >= purity * votes.total() and most >= share * attempts:
            return first[leader], most - second, most, votes.total(), attempts
    return None


def _report(trials: Sequence[Trial], seed: int) -> bool:
    """Fit on each half of the tasks and predict the other; say whether the base rate is beaten over both."""
    names = sorted({trial.task for trial in trials})
    names.sort(key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    halves = (set(names[::2]), set(names[1::2]))
    every: list[tuple[float, bool]] = []
    plain: list[tuple[float, bool]] = []
    for number, (inside, outside) in enumerate((halves, halves[::-1]), start=1):
        known = [trial for trial in trials if trial.task in inside]
        unseen = [trial for trial in trials if trial.task in outside]
        fitted = fit_winner(contest(known), known, source="half of the tasks", date="")
        base = fit_by(WAYS[0], known, fitted.provenance)
        predicted, constant = _predict(fitted, unseen), _predict(base, unseen)
        print(
            f"\nhalf {number}: fitted on {len(inside)} tasks, {_told(fitted)}; on the other {len(outside)} tasks "
            f"({sum(not trial.right for trial in unseen)} of {len(unseen)} wrong)"
        )
        print(f"  Brier score {brier(predicted):.4f}, always the base rate of the first half {brier(constant):.4f}")
        _diagram(predicted)
        every += predicted
        plain += constant
    print(f"\nboth halves, each predicted by the other: Brier {brier(every):.4f}, base rate {brier(plain):.4f}")
    _diagram(every)
    print(f"  expected defects {sum(chance for chance, _ in every):.0f}, found {sum(wrong for _, wrong in every)}")
    return brier(every) < brier(plain)


def _predict(fitted: Calibration, trials: Sequence[Trial]) -> list[tuple[float, bool]]:
    chances = {trial: fitted.defect_probability(trial) for trial in set(trials)}
    return [(chances[trial], not trial.right) for trial in trials]


def _diagram(predicted: Sequence[tuple[float, bool]]) -> None:
    print(f"  {'predicted defects':>22}{'elections':>12}{'mean':>9}{'wrong':>9}")
    for each in reliability_diagram(predicted, BINS):
        bounds = f"{each.low:.1%} to {each.high:.1%}"
        print(f"  {bounds:>22}{each.size:>12}{each.predicted:>9.1%}{each.observed:>9.1%}")


def _told(fitted: Calibration) -> str:
    features = ", ".join(f"{each.feature} {each.weight:.2f}" for each in fitted.weights)
    return f"{fitted.method}{f' ({features})' if features else ''}"


def _note(orders: int) -> str:
    return (
        f"first to lead by {', '.join(map(str, MARGINS))} within {ATTEMPTS} answers, {orders} random orders of each "
        "task, without gates and with purity 0.8 and yield 0.2; all layers were run, votes are among all answers"
    )


def _signature(answer: Mapping[str, Any]) -> str | None:
    """Return what makes an answer the same vote, as ``benchmarks.voting.ballots`` found it; None: it may not vote."""
    vote: str | None = answer["vote"]
    return vote


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


if __name__ == "__main__":
    sys.exit(main())
