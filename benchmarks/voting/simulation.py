"""Holds elections among simulated voters whose chance of being right is known, beside what the formulas foretell.

``python -m benchmarks.voting.simulation [--runs N] [--seed N]``. It needs no data and calls no model: every election is
decided by the product's own rules, fed with what a seeded generator drew. It ends with 1 when a demand is missed:
success and mean ballots within the Monte-Carlo interval of ``millwright.core.reliability``, and drawing in batches with
the ends that drawing one by one has, from no more than 1.05 times its samples. How far real voters are from independent
ones it does not tell.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import islice
from random import Random
from statistics import NormalDist, mean

from millwright.core.reliability import expected_ballots, success_probability
from millwright.core.voting import decide, draws_needed
from schemas.election import Attempt, Ballot, Election, ElectionState, Flag, Merit, Rule, Slot
from schemas.identity import Digest

CHANCES = (0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
MARGINS = tuple(range(1, 9))
MANY = 5
"""Rivals among whom the wrong votes are spread evenly, where there are many."""

CONFIDENCE = 0.99
MOST_SAMPLES = 1.05
"""Samples of batched drawing, as a multiple of those of drawing one by one, that are allowed."""

DRAWN_BY = (0.1, 0.3, *CHANCES)
SHARES = (1.0, 0.6, 0.3, 0.1)
"""Voters for whom drawing in batches is compared with drawing one by one: how many ballots are right, and how many
attempts become ballots, the others being flagged. Many of their elections fail, for there a batch may cost too much."""

RULES = {
    "k 3": Rule(k=3, max_attempts=20),
    "k 3, patience 8": Rule(k=3, max_attempts=20, patience=8),
    "k 3, gates": Rule(k=3, max_attempts=20, min_purity=0.8, min_yield=0.2),
    "k 4, gates": Rule(k=4, max_attempts=20, min_purity=0.8, min_yield=0.2),
    "k 4, gates, patience 8": Rule(k=4, max_attempts=20, min_purity=0.8, min_yield=0.2, patience=8),
    "k 5, cap 50, gates": Rule(k=5, max_attempts=50, min_purity=0.8, min_yield=0.2),
    "k 5, cap 50, gates, patience 12": Rule(k=5, max_attempts=50, min_purity=0.8, min_yield=0.2, patience=12),
}
"""Rules under which drawing in batches is compared with drawing one by one."""

_RIGHT = 0
_FLAGGED = -1
_MERIT = Merit(code_lines=1, complexity=1, nesting=0, size_bytes=1)


@dataclass(frozen=True)
class Voters:
    """Voters that are right with chance ``p``, err with one of ``rivals``, and vote at all with chance ``share``."""

    p: float
    rivals: int = 1
    share: float = 1.0

    def outcomes(self, generator: Random) -> Iterator[int]:
        """Draw outcomes without end: 0 is right, a rival has its number, -1 is flagged."""
        while True:
            if self.share < 1 and generator.random() >= self.share:
                yield _FLAGGED
            elif generator.random() < self.p:
                yield _RIGHT
            else:
                yield 1 + int(generator.random() * self.rivals)


@dataclass(frozen=True)
class Held:
    """How an election ended."""

    election: Election
    rounds: int

    @property
    def won(self) -> bool:
        """Whether any group won."""
        return self.election.state is ElectionState.WON

    @property
    def right(self) -> bool:
        """Whether the right group won."""
        return self.election.winner == _behaviour(_RIGHT)

    @property
    def samples(self) -> int:
        """Return the attempts that it took."""
        return self.election.tally.attempts


@dataclass(frozen=True)
class Cell:
    """What voters of one kind did at one margin, beside the formulas."""

    voters: Voters
    k: int
    runs: int
    successes: int
    ballots: float

    @property
    def words(self) -> str:
        """Name the cell and its figures."""
        p, k = self.voters.p, self.k
        return (
            f"p {p}, k {k}, {self.voters.rivals} rivals: success {self.successes / self.runs:.4f} "
            f"(formula {success_probability(p, k):.4f}), ballots {self.ballots:.3f} "
            f"(formula {expected_ballots(p, k):.3f}), {self.runs} runs"
        )

    def fails(self, error: float) -> bool:
        """Tell whether the formulas would give such figures less often than ``error``; half of it goes to each."""
        at_most = _at_most(self.successes, self.runs, success_probability(self.voters.p, self.k))
        if self.voters.rivals > 1:
            return at_most < error
        at_least = _at_most(self.runs - self.successes, self.runs, 1 - success_probability(self.voters.p, self.k))
        slack = NormalDist().inv_cdf(1 - error / 4) * _spread(self.voters.p, self.k) / math.sqrt(self.runs)
        amiss = abs(self.ballots - expected_ballots(self.voters.p, self.k)) > slack + 1e-9
        return min(at_most, at_least) < error / 4 or amiss


@dataclass(frozen=True)
class Drawing:
    """Samples that elections took, in batches and one by one, over the same outcomes."""

    name: str
    batched: int
    single: int
    batched_won: int
    single_won: int
    won: int
    elections: int
    otherwise: int
    rounds: int

    @property
    def ratio(self) -> float:
        """Return samples in batches, as a multiple of those one by one."""
        return self.batched / self.single

    @property
    def ratio_won(self) -> float:
        """Return the same for the elections that were won in both ways."""
        return self.batched_won / self.single_won if self.single_won else 1.0

    @property
    def words(self) -> str:
        """Name the rule and its figures."""
        return (
            f"{self.name:<32} {self.ratio:.4f} of all, {self.ratio_won:.4f} of those won; won {self.won} of "
            f"{self.elections}, {self.otherwise} otherwise than one by one; "
            f"{self.batched / self.elections:.2f} samples in {self.rounds / self.elections:.2f} rounds an election"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulation; returns 1 when a demand is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, metavar="N", help="elections for each p and k")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the simulated voters")
    options = parser.parse_args(arguments)
    missed = report_formulas(formulas(options.runs, options.seed))
    missed += report_drawing([drawing(name, max(1, options.runs // 25), options.seed) for name in RULES])
    for line in missed:
        print(f"MISSED: {line}")
    return 1 if missed else 0


def formulas(runs: int, seed: int) -> list[Cell]:
    """Hold elections for every chance and margin, with one rival and with many."""
    return [cell(Voters(p, rivals), k, runs, seed) for rivals in (1, MANY) for p in CHANCES for k in MARGINS]


def cell(voters: Voters, k: int, runs: int, seed: int) -> Cell:
    """Hold elections of one kind, with no budget that any of them could feel."""
    rule = Rule(k=k, max_attempts=10_000)
    generator = Random(f"{seed} {voters} {k}")
    held = [in_batches(rule, voters.outcomes(generator)) for _ in range(runs)]
    ballots = mean(one.election.tally.ballots for one in held)
    return Cell(voters, k, runs, sum(one.right for one in held), ballots)


def in_batches(rule: Rule, outcomes: Iterator[int]) -> Held:
    """Hold an election as a workflow does: draw what could still decide, count, again until it ends."""
    attempts: list[Attempt] = []
    rounds = 0
    while (election := decide(attempts, rule)).state is ElectionState.OPEN:
        batch = islice(outcomes, draws_needed(election.tally, rule))
        attempts += [_attempt(rounds, index, outcome) for index, outcome in enumerate(batch)]
        rounds += 1
    return Held(election, rounds)


def one_by_one(rule: Rule, outcomes: Iterator[int]) -> Held:
    """Hold an election that asks after every single draw whether it is over: nobody can use fewer samples."""
    attempts: list[Attempt] = []
    while (election := decide(attempts, rule)).state is ElectionState.OPEN:
        attempts.append(_attempt(len(attempts), 0, next(outcomes)))
    return Held(election, len(attempts))


def drawing(name: str, runs: int, seed: int) -> Drawing:
    """Hold elections twice over the same outcomes, for voters of every chance and share, with many rivals."""
    rule = RULES[name]
    pairs = []
    for voters in (Voters(p, MANY, share) for p in DRAWN_BY for share in SHARES):
        for run in range(runs):
            same = f"{seed} {voters} {run}"
            pairs.append(
                (in_batches(rule, voters.outcomes(Random(same))), one_by_one(rule, voters.outcomes(Random(same))))
            )
    won = [(batched, single) for batched, single in pairs if batched.won and single.won]
    return Drawing(
        name=name,
        batched=sum(batched.samples for batched, _ in pairs),
        single=sum(single.samples for _, single in pairs),
        batched_won=sum(batched.samples for batched, _ in won),
        single_won=sum(single.samples for _, single in won),
        won=sum(batched.won for batched, _ in pairs),
        elections=len(pairs),
        otherwise=sum(_end(batched) != _end(single) for batched, single in pairs),
        rounds=sum(batched.rounds for batched, _ in pairs),
    )


def report_formulas(cells: Sequence[Cell]) -> list[str]:
    """Print how many cells the formulas foretell; returns the demands that are missed.

    One cell in a hundred leaves its own interval by chance. So what is demanded of each is an interval that holds for
    all cells together, and that no more leave their own than chance allows.
    """
    error = 1 - CONFIDENCE
    outside = [one for one in cells if one.fails(error)]
    joint = [one for one in outside if one.fails(error / len(cells))]
    allowed = next(n for n in range(len(cells) + 1) if _at_most(n, len(cells), error) >= CONFIDENCE)
    for rivals in sorted({one.voters.rivals for one in cells}):
        chosen = [one for one in cells if one.voters.rivals == rivals]
        ratios = [one.ballots / expected_ballots(one.voters.p, one.k) for one in chosen]
        gains = [one.successes / one.runs - success_probability(one.voters.p, one.k) for one in chosen]
        print(
            f"{rivals} rivals, {len(chosen)} cells of {chosen[0].runs} elections: success minus the formula "
            f"{min(gains):+.4f} to {max(gains):+.4f}; ballots {min(ratios):.3f} to {max(ratios):.3f} of the formula"
        )
    for one in outside:
        print(f"outside its own {CONFIDENCE:.0%} interval: {one.words}")
    print(
        f"{len(outside)} of {len(cells)} cells outside their own {CONFIDENCE:.0%} interval, {allowed} by chance at most"
    )
    missed = [f"outside the joint {CONFIDENCE:.0%} interval: {one.words}" for one in joint]
    if len(outside) > allowed:
        missed.append(f"{len(outside)} cells are outside their own interval, where chance allows {allowed}")
    return missed


def report_drawing(drawings: Sequence[Drawing]) -> list[str]:
    """Print what batches cost beside drawing one by one; returns the demands that are missed."""
    print("samples in batches, as a multiple of those one by one:")
    missed = []
    for one in drawings:
        print(f"  {one.words}")
        if one.ratio > MOST_SAMPLES or one.batched_won != one.single_won or one.otherwise:
            missed.append(f"not what drawing one by one gives: {one.words}")
    return missed


def _end(held: Held) -> tuple[ElectionState, Digest | None]:
    return held.election.state, held.election.winner


@cache
def _behaviour(group: int) -> Digest:
    return Digest(sha256(f"behaviour {group}".encode()).hexdigest())


@cache
def _attempt(rounds: int, index: int, outcome: int) -> Attempt:
    """Place an outcome in a slot; equal behaviour is equal text here, so that the winner tells who was right."""
    slot = Slot(round=rounds, index=index)
    if outcome == _FLAGGED:
        return Attempt(slot=slot, flag=Flag.DOES_NOT_LOAD)
    digest = _behaviour(outcome)
    ballot = Ballot(slot=slot, candidate=digest, signature=digest, merit=_MERIT)
    return Attempt(slot=slot, candidate=digest, ballot=ballot)


def _at_most(count: int, runs: int, p: float) -> float:
    """Return the chance of at most so many successes; exact, for near 0 and 1 no approximation holds."""

    def log_chance(n: int) -> float:
        ways = math.lgamma(runs + 1) - math.lgamma(n + 1) - math.lgamma(runs - n + 1)
        return ways + n * math.log(p) + (runs - n) * math.log1p(-p)

    return math.fsum(math.exp(log_chance(n)) for n in range(count + 1))


@cache
def _spread(p: float, k: int) -> float:
    """Return the standard deviation of the ballots of one election with one rival, by following the walk."""
    at = {0: 1.0}
    ends: list[tuple[int, float]] = []
    steps = 0
    while sum(at.values()) > 1e-12:
        steps += 1
        after: dict[int, float] = {}
        for lead, chance in at.items():
            for there, share in ((lead + 1, p), (lead - 1, 1 - p)):
                after[there] = after.get(there, 0.0) + chance * share
        ends.append((steps, after.pop(k, 0.0) + after.pop(-k, 0.0)))
        at = after
    middle = math.fsum(step * chance for step, chance in ends)
    return math.sqrt(max(0.0, math.fsum((step - middle) ** 2 * chance for step, chance in ends)))


if __name__ == "__main__":
    sys.exit(main())
