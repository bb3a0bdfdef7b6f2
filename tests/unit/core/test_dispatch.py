"""Which replica gets a call: the votes of a task together, as long as the load allows, and never one that is full."""

from hypothesis import given
from hypothesis import strategies as st

from millwright.core.dispatch import SLACK, Replica, choose

REPLICAS = st.lists(
    st.builds(
        Replica,
        endpoint=st.sampled_from([f"http://m{number}/v1" for number in range(8)]),
        in_flight=st.integers(0, 40),
        limit=st.integers(1, 40),
    ),
    unique_by=lambda each: each.endpoint,
    max_size=8,
)


@given(REPLICAS, st.text(max_size=20))
def test_a_full_replica_is_never_chosen_and_one_with_room_always_found(replicas: list[Replica], affinity: str) -> None:
    """None is returned exactly where nobody has room; the order in which replicas are listed means nothing."""
    chosen = choose(replicas, affinity)
    room = {each.endpoint for each in replicas if each.in_flight < each.limit}
    assert (chosen is None) == (not room)
    assert chosen is None or chosen in room
    assert choose(list(reversed(replicas)), affinity) == chosen


def test_the_votes_of_a_task_go_to_the_same_replica_and_tasks_spread() -> None:
    """With idle replicas equal affinities meet; a hundred tasks use all of four replicas."""
    idle = [Replica(f"http://m{number}/v1", 0, 16) for number in range(4)]
    assert len({choose(idle, "shop/root.a/code") for _ in range(5)}) == 1
    assert {choose(idle, f"shop/root.{number}/code") for number in range(100)} == {each.endpoint for each in idle}


def test_the_first_votes_of_a_task_stay_together_on_an_idle_machine() -> None:
    """As many as the slack go to one replica although the others have nothing to do."""
    loads = dict.fromkeys(("http://a/v1", "http://b/v1"), 0)
    for _ in range(SLACK):
        chosen = choose([Replica(endpoint, load, 64) for endpoint, load in loads.items()], "task")
        assert chosen is not None
        loads[chosen] += 1
    assert sorted(loads.values()) == [0, SLACK]


def test_no_replica_is_much_busier_than_the_mean() -> None:
    """However many votes one task has, its replica passes the others by no more than balance and slack allow."""
    loads = {f"http://m{number}/v1": 0 for number in range(4)}
    for _ in range(400):
        chosen = choose([Replica(endpoint, load, 1000) for endpoint, load in loads.items()], "one task")
        assert chosen is not None
        loads[chosen] += 1
    assert max(loads.values()) <= 1.25 * 100 + SLACK + 1
    assert min(loads.values()) > 0


def test_a_replica_that_goes_moves_only_its_own_tasks() -> None:
    """Rendezvous hashing: what was elsewhere keeps its prefix cache."""
    all_ = [Replica(f"http://m{number}/v1", 0, 16) for number in range(4)]
    tasks = [f"shop/root.{number}/code" for number in range(200)]
    before = {task: choose(all_, task) for task in tasks}
    after = {task: choose(all_[1:], task) for task in tasks}
    moved = {task for task in tasks if before[task] != after[task]}
    assert moved == {task for task in tasks if before[task] == all_[0].endpoint}
