"""Chooses the best of many candidates where no margin decides: by agreement input by input, and a little by claims.

What it chooses was not won, and nothing here makes it so. It runs nothing and knows no expected value.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """A candidate that is not flagged.

    ``outcomes`` are texts, one per input, the same for equal outcomes (``grouping.Classes``); None: lost, or not known.
    ``merit`` breaks ties: less is better.
    """

    outcomes: tuple[str | None, ...]
    examples_passed: int = 0
    merit: tuple[int, ...] = ()


@dataclass(frozen=True)
class Weighing:
    """How votes and claims weigh.

    ``claims``: the share of the claims about an input that a candidate meets counts so many times as much as the share
    of candidates that agree with it. ``doubt``: the share is taken as if there were so many more claims that nobody
    meets, so that a lone claim, which is seldom right, outweighs no crowd. ``alike``: the share of candidates that do
    the same on all inputs counts so many times as much as the mean share on each.
    """

    claims: float = 2.0
    doubt: float = 10.0
    alike: float = 1.0


STANDARD = Weighing()

Claims = Sequence[tuple[int, str]]
"""What is said of inputs: the position of one and the text of the outcome, once for each that says so."""


def choose(contenders: Sequence[Contender], claims: Claims = (), weighing: Weighing = STANDARD) -> int | None:
    """Return the position of the best contender, None without any: the first of ``ranking``."""
    return next(iter(ranking(contenders, claims, weighing)), None)


def ranking(contenders: Sequence[Contender], claims: Claims = (), weighing: Weighing = STANDARD) -> tuple[int, ...]:
    """Return the contenders' positions, best first.

    Those that pass the most examples come first, by score among themselves; then the rest likewise, number by number.
    Of equal scores the better merit comes first, of equal merits the first drawn.
    """
    ranked: list[int] = []
    for passed in sorted({contender.examples_passed for contender in contenders}, reverse=True):
        rank = [place for place, contender in enumerate(contenders) if contender.examples_passed == passed]
        scored = dict(zip(rank, scores([contenders[place] for place in rank], claims, weighing), strict=True))
        # Rounded, so that the order in which a sum was formed decides no tie.
        ranked += sorted(rank, key=lambda place: (-round(scored[place], 9), contenders[place].merit, place))
    return tuple(ranked)


def scores(contenders: Sequence[Contender], claims: Claims = (), weighing: Weighing = STANDARD) -> tuple[float, ...]:
    """Return each contender's mean over the inputs of how many agree with it there and how many claims it meets.

    The share of those that agree with it on all of them is added. At least 0, at most ``1 + claims + alike``; 0 where
    there are no inputs, and for one that answered none.
    """
    alike = Counter(contender.outcomes for contender in contenders)
    total = [0.0] * len(alike)
    claimed = _by_input(claims)
    for index, seen in enumerate(zip(*alike, strict=True)):
        answers: Counter[str] = Counter()
        for text, votes in zip(seen, alike.values(), strict=True):
            if text is not None:
                answers[text] += votes
        values = _values(answers, len(contenders), claimed.get(index, Counter()), weighing)
        for place, text in enumerate(seen):
            if text is not None:
                total[place] += values[text]
    found = {
        outcomes: score / len(outcomes) + weighing.alike * alike[outcomes] / len(contenders)
        for outcomes, score in zip(alike, total, strict=True)
        if any(text is not None for text in outcomes)
    }
    return tuple(found.get(contender.outcomes, 0.0) for contender in contenders)


def _by_input(claims: Iterable[tuple[int, str]]) -> dict[int, Counter[str]]:
    found: dict[int, Counter[str]] = {}
    for index, text in claims:
        found.setdefault(index, Counter())[text] += 1
    return found


def _values(answers: Counter[str], voters: int, claimed: Counter[str], weighing: Weighing) -> dict[str, float]:
    """Return what each answer to an input is worth."""
    says = claimed.total() + weighing.doubt
    return {
        text: votes / voters + (weighing.claims * claimed[text] / says if says else 0.0)
        for text, votes in answers.items()
    }
