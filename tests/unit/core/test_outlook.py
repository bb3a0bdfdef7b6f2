"""What a node may know when its margin is chosen: only what has ended before it whatever the timing."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.allocation import Left
from millwright.core.basis import Basis, basis
from millwright.core.decomposition import waits_for
from millwright.core.outlook import Facts, Tree, ended_before, facts, kinds_of, kinds_of_given, lessons, margin_of
from schemas.evidence import NodeRecord
from schemas.identity import ROOT_PATH, Archetype, Digest, NodePath, ProjectId, TaskId, TaskStatus, parent_path
from schemas.lessons import Difficulty
from schemas.presets import ModelProfile, Share
from schemas.specification import Parameter, TaskSpecification

GROUND = basis(ModelProfile(right=Share(mean=0.85, strength=8)), "m")
CODE = Facts(Difficulty.MEDIUM, has_interface=True, to_split=False, max_lines=20)
TO_SPLIT = CODE._replace(to_split=True, max_lines=100)
GROUP = Facts(Difficulty.EASY, has_interface=False, to_split=False, max_lines=20)


def node(path: str, **fields: object) -> NodeRecord:
    """Make a node that has not begun."""
    place = NodePath(path)
    base = NodeRecord(
        project=ProjectId("shop"),
        path=place,
        task=TaskId(path.rpartition(".")[2]),
        name=path,
        parent=parent_path(place),
        specification=Digest("0" * 64),
    )
    return base.model_copy(update=fields)


def won(path: str, votes: int = 3, samples: int = 4, **fields: object) -> NodeRecord:
    """Make a node that has won its vote, all ballots but one for the winner."""
    counts = {"votes": votes, "margin": votes, "samples": samples, "red_flags": samples - votes}
    return node(path, **{"status": TaskStatus.WON, **counts, **fields})


def tree(*nodes: NodeRecord, **told: Facts) -> Tree:
    """Make a tree; facts by the last part of the path, else those of code."""
    placed = {each.path: each for each in nodes}
    return Tree(placed, {path: told.get(path.rpartition(".")[2], CODE) for path in placed})


def chain(links: int, **last: object) -> Tree:
    """Make a root over tasks of which each depends on the one before, all but the last one won."""
    paths = [NodePath(f"root.t{number}") for number in range(links)]
    made = [
        won(path).model_copy(update={"dependencies": tuple(paths[place - 1 : place]), **last})
        for place, path in enumerate(paths[:-1])
    ]
    final = node(paths[-1], dependencies=tuple(paths[-2:-1]))
    return tree(node("root", children=tuple(paths), dependencies=tuple(paths)), *made, final, root=GROUP)


@st.composite
def grown(draw: st.DrawFn) -> Tree:
    """Draw a tree of up to three levels whose tasks depend on earlier siblings and on what lies inside them."""
    seed = draw(st.integers(0, 2**32))
    rng = random.Random(seed)
    records: dict[NodePath, NodeRecord] = {}
    told: dict[NodePath, Facts] = {}

    def grow(path: NodePath, usable: list[NodePath], *, elected: bool) -> list[NodePath]:
        """Place a node and what is below it; return everything that a later sibling may depend on."""
        splits = path.count(".") < 2 and rng.random() < (0.9 if path == ROOT_PATH else 0.4)
        by_vote = splits and rng.random() < 0.5
        names = [NodePath(f"{path}.n{number}") for number in range(rng.randint(2, 4))] if splits else []
        mine = rng.sample(usable, min(len(usable), rng.randint(0, 2)))
        inside: list[NodePath] = []
        for name in names:
            inside += grow(name, [*mine, *inside], elected=by_vote)
        votes = rng.randint(1, 5)
        records[path] = won(
            path,
            votes,
            votes + rng.randint(0, 4),
            children=tuple(names),
            dependencies=tuple([*names, *mine]),
            estimated_lines=rng.randint(1, 60) if elected else 0,
            status=rng.choice([TaskStatus.WON, TaskStatus.WON, TaskStatus.PARTIAL]),
        )
        told[path] = CODE._replace(
            difficulty=rng.choice(list(Difficulty)), to_split=by_vote, has_interface=path != ROOT_PATH
        )
        # What an election makes is known to nobody outside: nothing was written yet that could depend on it.
        return [path] if by_vote else [path, *inside]

    grow(ROOT_PATH, [], elected=False)
    return Tree(records, told)


@given(grown(), st.randoms(use_true_random=False))
def test_what_a_node_learns_from_has_ended_in_every_order_of_the_build(made: Tree, rng: random.Random) -> None:
    """The tree is built in a random order that the siblings' dependencies allow."""
    ended: set[NodePath] = set()
    dependencies = {path: record.dependencies for path, record in made.nodes.items()}

    def build(path: NodePath) -> None:
        children = list(made.nodes[path].children)
        after = waits_for(children, dependencies)
        while children:
            ready = [child for child in children if not set(after[child]) - ended]
            chosen = rng.choice(ready)
            children.remove(chosen)
            build(chosen)
        assert ended_before(path, made.nodes) <= ended
        ended.add(path)

    build(ROOT_PATH)


@given(grown(), st.data())
def test_a_margin_does_not_depend_on_who_was_faster(made: Tree, data: st.DataObject) -> None:
    """Nodes that a node must not know of have not begun, or not even been planned: the margin is the same."""
    path = data.draw(st.sampled_from(sorted(made.nodes)))
    known = ended_before(path, made.nodes) | {path, *_above(path)}

    def hidden(other: NodePath) -> bool:
        return any(
            parent not in known and made.nodes[parent].children and made.facts[parent].to_split
            for parent in _above(other)
        )

    later: dict[NodePath, NodeRecord] = {}
    for other, record in made.nodes.items():
        if hidden(other):
            continue
        plain = {"votes": 0, "margin": 0, "samples": 0, "red_flags": 0, "status": TaskStatus.PENDING}
        unplanned = other not in known and made.facts[other].to_split
        update = {} if other in known else {**plain, **({"children": ()} if unplanned else {})}
        later[other] = record.model_copy(update=update)
    early = Tree(later, {other: made.facts[other] for other in later})
    assert margin_of(path, early, GROUND, max_attempts=20) == margin_of(path, made, GROUND, max_attempts=20)


def _above(path: NodePath) -> list[NodePath]:
    parents, parent = [], parent_path(path)
    while parent is not None:
        parents.append(parent)
        parent = parent_path(parent)
    return parents


def test_good_votes_narrow_the_margins_that_follow_and_bad_ones_widen_them() -> None:
    """k adapts both ways, and says from how many elections."""
    last = NodePath("root.t7")
    alone = margin_of(NodePath("root.t0"), chain(8), GROUND, max_attempts=60)
    good = margin_of(last, chain(8, votes=6, samples=6, margin=6), GROUND, max_attempts=60)
    poor = margin_of(last, chain(8, votes=4, samples=7, margin=1, red_flags=0), GROUND, max_attempts=60)
    assert good.k < alone.k < poor.k
    assert (alone.elections, good.elections) == (0, 7)
    assert good.p > alone.p > poor.p


def test_what_a_node_does_not_depend_on_teaches_it_nothing() -> None:
    """Its siblings may be faster or slower."""
    paths = tuple(NodePath(f"root.{name}") for name in ("a", "b"))
    both = tree(node("root", children=paths, dependencies=paths), won("root.a", 9, 9), node("root.b"), root=GROUP)
    assert margin_of(paths[1], both, GROUND, max_attempts=20).elections == 0


def test_what_was_voted_on_in_another_sense_is_no_lesson() -> None:
    """A split that nobody won, a group and what was never begun teach nothing of code."""
    made = tree(
        won("root", children=(NodePath("root.a"),)),
        node("root.a", status=TaskStatus.FAILED, samples=20, votes=4),
        node("root.b"),
        root=GROUP,
        a=TO_SPLIT,
    )
    assert lessons(made, made.nodes, "m") == ()


def test_lessons_are_summed_by_kind_of_task() -> None:
    """A part that was joined by an election counts as the integrator's; what exhausted its attempts counts half."""
    part = NodePath("root.a")
    made = tree(won("root", 2, 4, children=(part,)), won("root.a", 4, 4, status=TaskStatus.FAILED))
    coder, integrator = lessons(made, made.nodes, "m")
    assert (coder.kind.archetype, integrator.kind.archetype) == (Archetype.CODER, Archetype.INTEGRATOR)
    assert (coder.right, coder.wrong) == (1.0, 1.0)
    assert (integrator.right, integrator.wrong, integrator.blanks) == (1.0, 0.0, 1.0)


def test_what_is_left_to_spend_bounds_the_margin() -> None:
    """A node that can only pay for a narrow margin gets one."""
    path = NodePath("root.t0")
    free, poor = (margin_of(path, chain(8), GROUND, max_attempts=60, left=left).k for left in (None, Left(calls=20)))
    assert poor < free


def test_a_margin_is_capped_by_what_the_attempts_decide() -> None:
    """A wider margin would end in exhaustion more often than not."""
    capped = margin_of(NodePath("root.t0"), chain(40), GROUND, max_attempts=5)
    assert capped.capped
    assert capped.k <= 3


def test_parts_that_are_yet_to_be_split_count_as_what_they_will_be() -> None:
    """By the estimate of their lines, corrected by what was written; glue counts besides."""
    parts = (NodePath("root.big"), NodePath("root.small"))
    made = tree(
        node("root", children=parts), node("root.big", estimated_lines=60), node("root.small"), root=GROUP, big=TO_SPLIT
    )
    counted = {kind.name: kind.tasks for kind in kinds_of(made, GROUND)}
    assert counted == {"coder, medium": 1 + 5, "integrator, medium": 1}
    assert margin_of(parts[1], made, GROUND, max_attempts=20).tasks == 7


def test_a_given_tree_is_told_from_its_specifications() -> None:
    """The same counts, before any project has taken them."""
    result = (Parameter(name="result", type_annotation="int"),)
    whole = TaskSpecification(id=TaskId("root"), name="whole", children=(TaskId("a"),))
    part = TaskSpecification(id=TaskId("a"), name="a", outputs=result, parent=TaskId("root"))
    (kind,) = kinds_of_given((whole, part), GROUND)
    assert (kind.name, kind.tasks) == (f"coder, {facts(part).difficulty.value}", 1)


@pytest.mark.parametrize("target", [0.5, 0.95, 0.999])
def test_a_higher_target_never_narrows_a_margin(target: float) -> None:
    """The chance that is wanted of the whole decides."""
    lower = GROUND.model_copy(update={"target": target / 2})
    higher: Basis = GROUND.model_copy(update={"target": target})
    ks = [margin_of(NodePath("root.t0"), chain(6), each, max_attempts=60).k for each in (lower, higher)]
    assert ks[0] <= ks[1]
