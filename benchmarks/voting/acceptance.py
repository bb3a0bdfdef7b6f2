"""Measures how many tasks the rule of an election accepts, and how many of these are right, over orders of draws.

``python -m benchmarks.voting.acceptance --data DIR --outcomes FILE``; the file is what ``benchmarks.voting.outcomes``
writes and ``benchmarks.voting.ballots`` completes. The product's own rule decides over votes that its own ladder and
comparison gave; whole builds are shown by ``benchmarks.humaneval.build``.
"""

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.humaneval.judging import at_least
from benchmarks.verification.workload import SPECIFICATIONS
from benchmarks.voting.calibration import VERDICTS, Recorded, read
from millwright.core.calibration import Calibration, evidence_of, read_calibration
from millwright.core.voting import decide, draws_needed, gated
from schemas.election import Attempt, Ballot, ElectionState, Merit, Rule, Slot
from schemas.identity import Digest, LayerName

ORDERS = 60
SUREST = 17
"""Acceptances, the surest first, that are to be right without an exception."""

_SAME = Merit(code_lines=1, complexity=1, nesting=1, size_bytes=1)


@dataclass(frozen=True)
class Ended:
    """How one election ended: accepted or not, right or not, how many answers were drawn, the predicted defect."""

    accepted: bool
    right: bool
    samples: int
    defect: float = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 0 also when there is no data, which it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting.acceptance", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder with {VERDICTS}")
    parser.add_argument("--outcomes", type=Path, required=True, metavar="FILE", help="written by voting.outcomes")
    parser.add_argument("--orders", type=int, default=ORDERS, help="random orders of the answers of each task")
    options = parser.parse_args(arguments)
    for path in (options.data / SPECIFICATIONS, options.data / VERDICTS, options.outcomes):
        if not path.is_file():
            print(f"skipped: voting/acceptance needs {path}")
            return 0
    recorded = read(options.data, options.outcomes)
    print(f"{len(recorded)} tasks, {options.orders} orders each; accepted, right of these, and answers drawn a task")
    for attempts in (20, 50):
        for k in (2, 3, 4):
            plain = Rule(k=k, max_attempts=attempts)
            for name, rule in (("the margin alone", plain), ("with gates and patience", gated(plain))):
                _print(f"k {k}, {attempts} attempts, {name}", recorded, rule, options.orders)
    _print_runs(recorded, options.orders)
    return 0


def _print_runs(recorded: Sequence[Recorded], orders: int) -> None:
    """Print what single runs over all tasks come to, their acceptances ordered by the predicted defect."""
    by_task = [list(_elections(task, gated(Rule(k=3)), orders)) for task in recorded]
    runs = [[ends[order] for ends in by_task if ends[order].accepted] for order in range(orders)]
    accepted = sorted(len(run) for run in runs)
    wrong = [sum(not end.right for end in run) for run in runs]
    whole = sum(len(run) >= 0.3 * len(recorded) and 20 * bad <= len(run) for run, bad in zip(runs, wrong, strict=True))
    leading = sorted(_leading_right(run) for run in runs)
    print(
        f"a run over all tasks, k 3, 20 attempts, with gates: {accepted[0]} to {accepted[-1]} accepted, {min(wrong)} "
        f"to {max(wrong)} of them wrong; at least 30 % accepted and 95 % of them right in {whole} of {orders} runs"
    )
    print(
        f"by predicted defect, the surest are right up to the {leading[0]}th to {leading[-1]}th (median "
        f"{leading[len(leading) // 2]}); the first {SUREST} all right in "
        f"{sum(count >= SUREST for count in leading)} of {orders} runs"
    )
    first, right = runs[0], len(runs[0]) - wrong[0]
    bound = at_least(right, len(first))
    print(f"the first of these runs: {right} of {len(first)} right; at least {bound:.1%} (one-sided 95 %)")


def _leading_right(run: Sequence[Ended]) -> int:
    """Return how many acceptances, the surest first, come before the first wrong one."""
    ordered = sorted(run, key=lambda end: end.defect)
    return next((place for place, end in enumerate(ordered) if not end.right), len(ordered))


def _print(name: str, recorded: Sequence[Recorded], rule: Rule, orders: int) -> None:
    halves = [recorded[::2], recorded[1::2], recorded]
    shown = " | ".join(_line([end for task in half for end in _elections(task, rule, orders)]) for half in halves)
    print(f"{name}: {shown}")


def _line(ends: Sequence[Ended]) -> str:
    accepted = [end for end in ends if end.accepted]
    right = sum(end.right for end in accepted)
    share = right / len(accepted) if accepted else 0.0
    drawn = sum(end.samples for end in ends) / len(ends)
    return f"{len(accepted) / len(ends):.1%} accepted, {share:.1%} right, {drawn:.1f} drawn"


def _elections(task: Recorded, rule: Rule, orders: int) -> Iterator[Ended]:
    for order in range(orders):
        answers = list(enumerate(task.answers))
        random.Random(f"{task.task}/{order}").shuffle(answers)
        yield _elect(answers, rule, task.examples)


def _elect(answers: Sequence[tuple[int, tuple[str | None, bool]]], rule: Rule, examples: int) -> Ended:
    """Draw round by round, as many as the rule asks for."""
    attempts: list[Attempt] = []
    rounds = 0
    while True:
        election = decide(attempts, rule)
        if election.state is not ElectionState.OPEN:
            rights = {str(place): right for place, (_, right) in answers}
            winner = election.winner
            if winner is None:
                return Ended(accepted=False, right=False, samples=len(attempts))
            defect = _calibration().defect_probability(evidence_of(election.tally, examples, ()))
            return Ended(True, rights[winner.lstrip("0") or "0"], len(attempts), defect)
        count = min(draws_needed(election.tally, rule), len(answers) - len(attempts))
        if count < 1:
            return Ended(accepted=False, right=False, samples=len(attempts))
        drawn = answers[len(attempts) : len(attempts) + count]
        attempts += [_attempt(Slot(round=rounds, index=at), *answer) for at, answer in enumerate(drawn)]
        rounds += 1


@cache
def _calibration() -> Calibration:
    """Read what comes with the product; it was fitted on the same tasks, so that their order is not held out."""
    file = Path(__file__).resolve().parents[2] / "config" / "calibration.json"
    return read_calibration(file.read_bytes(), str(file))


def _attempt(slot: Slot, place: int, answer: tuple[str | None, bool]) -> Attempt:
    candidate = Digest(f"{place:064d}")
    signature, _ = answer
    if signature is None:
        return Attempt(slot=slot, candidate=candidate, rejected_by=LayerName.UNIT_TESTS)
    ballot = Ballot(slot=slot, candidate=candidate, signature=Digest(signature), merit=_SAME)
    return Attempt(slot=slot, candidate=candidate, ballot=ballot)


if __name__ == "__main__":
    sys.exit(main())
