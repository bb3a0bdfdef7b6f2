"""Compares margins that are learned as a project goes with one fixed margin, on simulated projects of mixed difficulty.

No model, no sandbox and no data: voters are coins whose chance of being right the planner does not know. Both ways draw
from the same voters, with one rival for all wrong votes. A margin is fixed at the value that makes as few mistakes as
the learned ones, measured on the same projects; where that falls between two values, a mixture of both is the baseline.
"""

import argparse
import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from millwright.core.allocation import Remaining, Settled, allocate
from millwright.core.basis import Basis
from millwright.core.learning import Experience, Range, prior
from millwright.core.outlook import Facts, Tree, margin_of
from millwright.core.reliability import success_probability
from schemas.election import Election, ElectionState, Group, Slot, Tally
from schemas.evidence import NodeRecord
from schemas.identity import ROOT_PATH, Archetype, Digest, NodePath, ProjectId, TaskId, TaskStatus
from schemas.lessons import Difficulty, Kind

TARGET = 0.95
TASKS = 100
ATTEMPTS = 400
"""A cap that elections hardly meet: what is compared is the margin, not the budget."""
USABLE = 0.8
LEAST_SAVED = 0.20
WIDEST_FIXED = 24

JUDGED = "from 0.62 to 0.99"
Mixture = dict[Difficulty, tuple[float, float, float]]
MIXTURES: dict[str, Mixture] = {
    # per class: its share of the tasks, the mean of p over projects, and half the width of the uniform draw around it
    JUDGED: {
        Difficulty.EASY: (0.5, 0.97, 0.02),
        Difficulty.MEDIUM: (0.3, 0.87, 0.05),
        Difficulty.HARD: (0.2, 0.67, 0.05),
    },
    "the same in equal parts": {
        Difficulty.EASY: (1 / 3, 0.97, 0.02),
        Difficulty.MEDIUM: (1 / 3, 0.87, 0.05),
        Difficulty.HARD: (1 / 3, 0.67, 0.05),
    },
    "all alike, 0.77 to 0.87": {
        Difficulty.EASY: (0.5, 0.82, 0.05),
        Difficulty.MEDIUM: (0.3, 0.82, 0.05),
        Difficulty.HARD: (0.2, 0.82, 0.05),
    },
}
PRIOR = prior(0.82, 6)
"""The same for all classes, in the middle of them, and worth three elections."""

RIGHT, WRONG = Digest("1" * 64), Digest("0" * 64)


@dataclass(frozen=True)
class Project:
    """Tasks in the order of the plan, by class, and the true p of each class, which no planner sees."""

    classes: tuple[Difficulty, ...]
    p: dict[Difficulty, float]
    seed: str


class Voters:
    """The answers to one task, always the same ones in the same order."""

    def __init__(self, project: Project, task: int) -> None:
        self._rng = random.Random(f"{project.seed}/{task}")
        self._p = project.p[project.classes[task]]

    def elect(self, k: int) -> tuple[Election, bool]:
        """Vote until one side leads by ``k`` or the attempts end; return the election, and whether it is right."""
        right = wrong = attempts = 0
        while attempts < ATTEMPTS and abs(right - wrong) < k:
            attempts += 1
            if self._rng.random() < USABLE:
                if self._rng.random() < self._p:
                    right += 1
                else:
                    wrong += 1
        won = abs(right - wrong) >= k
        votes = sorted(((right, RIGHT), (wrong, WRONG)), reverse=True)
        first = Slot(round=0, index=0)
        groups = tuple(Group(signature=signature, votes=count, first=first) for count, signature in votes if count)
        tally = Tally(attempts=attempts, ballots=right + wrong, rejected=attempts - right - wrong, groups=groups)
        state = ElectionState.WON if won else ElectionState.EXHAUSTED
        return Election(state=state, tally=tally), won and right > wrong


@dataclass
class Sum:
    """What a way of choosing margins came to; mistakes and perfect projects as expected, since they are few."""

    tasks: int = 0
    draws: int = 0
    wrong: int = 0
    expected_wrong: float = 0.0
    perfect: float = 0.0

    def add(self, draws: int, *, right: bool, chance: float) -> None:
        """Count one task: its draws, how it ended, and its chance to end right, which follows from its true p and k."""
        self.tasks += 1
        self.draws += draws
        self.wrong += not right
        self.expected_wrong += 1 - chance

    @property
    def price(self) -> float:
        """Draws for one task."""
        return self.draws / self.tasks

    @property
    def mistakes(self) -> float:
        """Expected wrong tasks among a thousand."""
        return 1_000 * self.expected_wrong / self.tasks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; returns 1 where learning saves less than it must on the judged mixture, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting.adaptive", description=__doc__)
    parser.add_argument("--projects", type=int, default=80, help="simulated projects of each mixture")
    parser.add_argument("--seed", type=int, default=0, help="of the projects and of every vote")
    parser.add_argument("--data", type=Path, help="not needed; accepted as of the other benchmarks")
    options = parser.parse_args(arguments)
    print(f"{options.projects} projects of {TASKS} tasks, target {TARGET:g}, seed {options.seed}")
    print(f"\n{'mixture':26}{'margin':>10}{'draws/task':>12}{'wrong/1000':>12}{'drawn wrong':>13}{'all right':>11}")
    saved = {}
    for name, mixture in MIXTURES.items():
        made = projects(mixture, options.projects, options.seed)
        saved[name] = _compare(name, "learned", adaptive, made)
        _compare("", "in a tree", in_tree, made)
    passed = saved[JUDGED] >= LEAST_SAVED
    print(
        f"\n{JUDGED}: {saved[JUDGED]:.1%} saved of the {LEAST_SAVED:.0%} that must be: {'ok' if passed else 'MISSED'}"
    )
    return 0 if passed else 1


def _compare(name: str, margin: str, way: Callable[["Project", Sum], None], made: Sequence["Project"]) -> float:
    """Print a way of choosing margins beside fixed ones; return the share of draws it saves at equal mistakes."""
    learned, count = Sum(), len(made)
    for project in made:
        way(project, learned)
    _row(name, margin, learned, count)
    before: Sum | None = None
    for k in range(1, WIDEST_FIXED + 1):
        total = Sum()
        for project in made:
            fixed(project, k, total)
        if total.mistakes <= learned.mistakes:
            baseline = _between(before, total, learned.mistakes) if before else total.price
            if before:
                _row("", f"k = {k - 1}", before, count)
            _row("", f"k = {k}", total, count)
            saved = 1 - learned.price / baseline
            print(f"{'':26}  at equal mistakes a fixed margin takes {baseline:.2f} draws a task: {saved:+.1%} saved")
            return saved
        before = total
    raise ValueError(f"no fixed margin up to {WIDEST_FIXED} makes as few mistakes: widen it")


def _between(fewer: Sum, more: Sum, mistakes: float) -> float:
    """Return the draws of a margin between two whole ones that makes so many mistakes: they fall exponentially."""
    part = math.log(fewer.mistakes / mistakes) / math.log(fewer.mistakes / more.mistakes)
    return fewer.price + part * (more.price - fewer.price)


def _row(name: str, margin: str, total: Sum, count: int) -> None:
    print(
        f"{name:26}{margin:>10}{total.price:>12.2f}{total.mistakes:>12.2f}"
        f"{1_000 * total.wrong / total.tasks:>13.2f}{total.perfect / count:>11.3f}"
    )


def projects(mixture: Mixture, count: int, seed: int) -> list[Project]:
    """Draw projects of a mixture."""
    made = []
    shares = [share for share, _, _ in mixture.values()]
    for number in range(count):
        rng = random.Random(f"{seed}/project/{number}")
        p = {each: rng.uniform(mean - half, mean + half) for each, (_, mean, half) in mixture.items()}
        made.append(Project(tuple(rng.choices(list(mixture), shares, k=TASKS)), p, f"{seed}/{number}"))
    return made


def adaptive(project: Project, total: Sum) -> None:
    """Build a project with margins that are planned anew before each task, from what is known by then."""
    known = Experience(right=PRIOR)
    left = {each: project.classes.count(each) for each in project.p}
    settled: dict[tuple[Difficulty, int], int] = {}

    def choose(own: Difficulty) -> int:
        kinds = [each for each in left if left[each]]
        remaining = [_remaining(known, each, left[each]) for each in kinds]
        ks = allocate(TARGET, remaining, max_attempts=ATTEMPTS, settled=_settled(known, settled))
        return ks[kinds.index(own)]

    def learn(own: Difficulty, k: int, election: Election) -> None:
        nonlocal known
        known = known.after(_kind(own), election)
        left[own] -= 1
        settled[own, k] = settled.get((own, k), 0) + 1

    _build(project, total, choose, learn)


def in_tree(project: Project, total: Sum) -> None:
    """Build a project as the product does: a tree whose nodes learn only from what has always ended before them."""
    order, nodes = _planted(project)
    told = {path: Facts(project.classes[place], True, False, 20) for place, path in enumerate(order)}
    ground = Basis(target=TARGET, model="simulated", experience=Experience(right=PRIOR))

    def choose(place: int) -> int:
        return margin_of(order[place], Tree(nodes, told), ground, max_attempts=ATTEMPTS).k

    def learn(place: int, k: int, election: Election) -> None:
        count = election.tally
        won = election.state is ElectionState.WON
        nodes[order[place]] = nodes[order[place]].model_copy(
            update={
                "status": TaskStatus.WON if won else TaskStatus.PARTIAL,
                "votes": count.groups[0].votes if count.groups else 0,
                "margin": count.margin,
                "samples": count.attempts,
                "red_flags": count.rejected,
            }
        )

    perfect = 1.0
    for place, own in enumerate(project.classes):
        k = choose(place)
        election, right = Voters(project, place).elect(k)
        learn(place, k, election)
        chance = success_probability(project.p[own], k)
        perfect *= chance
        total.add(election.tally.attempts, right=right, chance=chance)
    total.perfect += perfect


def _planted(project: Project) -> tuple[list[NodePath], dict[NodePath, NodeRecord]]:
    """Lay the tasks out in a tree of four branches of five twigs; siblings need the one before them half of the time.

    Parts come before what they are joined to, as they are built.
    """
    rng = random.Random(f"{project.seed}/tree")
    children: dict[NodePath, list[NodePath]] = {ROOT_PATH: []}
    for branch in range(4):
        bough = NodePath(f"{ROOT_PATH}.b{branch}")
        children[ROOT_PATH].append(bough)
        children[bough] = [NodePath(f"{bough}.t{twig}") for twig in range(5)]
    twigs = [twig for bough in children[ROOT_PATH] for twig in children[bough]]
    for leaf in range(TASKS - 1 - len(children[ROOT_PATH]) - len(twigs)):
        children.setdefault(twigs[leaf % len(twigs)], []).append(NodePath(f"{twigs[leaf % len(twigs)]}.l{leaf}"))
    nodes: dict[NodePath, NodeRecord] = {}

    def grow(path: NodePath, before: NodePath | None) -> None:
        parts = children.get(path, [])
        for number, part in enumerate(parts):
            grow(part, parts[number - 1] if number else None)
        needed = [before] if before is not None and rng.random() < 0.5 else []
        nodes[path] = NodeRecord(
            project=ProjectId("simulated"),
            path=path,
            task=TaskId(path),
            name=path,
            specification=RIGHT,
            children=tuple(parts),
            dependencies=(*parts, *needed),
        )

    grow(ROOT_PATH, None)
    return list(nodes), nodes


def fixed(project: Project, k: int, total: Sum) -> None:
    """Build a project with one margin for all tasks."""
    _build(project, total, lambda _: k, lambda _, __, ___: None)


def _build(
    project: Project,
    total: Sum,
    choose: Callable[[Difficulty], int],
    learn: Callable[[Difficulty, int, Election], None],
) -> None:
    perfect = 1.0
    for task, own in enumerate(project.classes):
        k = choose(own)
        election, right = Voters(project, task).elect(k)
        learn(own, k, election)
        chance = success_probability(project.p[own], k)
        perfect *= chance
        total.add(election.tally.attempts, right=right, chance=chance)
    total.perfect += perfect


def _kind(own: Difficulty) -> Kind:
    return Kind(archetype=Archetype.CODER, model="simulated", difficulty=own)


def _remaining(known: Experience, own: Difficulty, tasks: int) -> Remaining:
    """Say what the product's ``remaining_tasks`` says, without the intervals: they cost time and change no margin."""
    what = known.of(_kind(own))
    p, usable = what.right.cautious, what.usable.mean
    return Remaining(own, tasks, Range(p, p, p), Range(usable, usable, usable))


def _settled(known: Experience, settled: dict[tuple[Difficulty, int], int]) -> Settled:
    """Judge what is over by what is known now, not by what was believed then."""
    chances = {(own, k): success_probability(known.of(_kind(own)).right.cautious, k) for own, k in settled}
    return Settled(sum(settled.values()), sum(count * (1 - chances[each]) for each, count in settled.items()))


if __name__ == "__main__":
    sys.exit(main())
