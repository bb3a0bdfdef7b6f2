"""What a rejected delivery opens again, by the words of the note, and what becomes of a part that it names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.guiding import REJECTED_AS, guided, is_guided, meant
from schemas.digests import digest_of_bytes
from schemas.evidence import NodeRecord
from schemas.identity import NodePath, ProjectId, TaskId, TaskStatus

CANDIDATE = digest_of_bytes(b"candidate")


def node(path: str, name: str = "") -> NodeRecord:
    """Make a won part."""
    own = path.rpartition(".")[2]
    return NodeRecord(
        project=ProjectId("shop"),
        path=NodePath(path),
        task=TaskId(own),
        name=name or own,
        specification=digest_of_bytes(path.encode()),
        status=TaskStatus.WON,
        candidate=CANDIDATE,
    )


TREE = (node("root", "price"), node("root.cart"), node("root.cart.total"), node("root.tax", "tax_rate"))
"""The cart is a group: it has no code of its own."""
WITH_CODE = ("root", "root.cart.total", "root.tax")


@pytest.mark.parametrize(
    ("note", "paths"),
    [
        ("root.tax is wrong", ["root.tax"]),
        ("The tax_rate rounds.", ["root.tax"]),
        ("root.cart.total, and tax_rate.", ["root.cart.total", "root.tax"]),
        ("all of root.cart is wrong", ["root.cart.total"]),
        ("subtotal and tax_rates and root.taxes and totals", ["root"]),
        ("root.cart.totals", ["root"]),
        ("price!", ["root"]),
        ("", ["root"]),
    ],
)
def test_a_part_is_meant_where_its_path_or_name_stands_in_the_note(note: str, paths: list[str]) -> None:
    """A part of a word is not it, a group stands for what is below it, and nothing named is the whole's own code."""
    assert list(meant(note, TREE, [NodePath(path) for path in WITH_CODE])) == paths


def test_where_the_whole_has_no_code_all_parts_are_done_again() -> None:
    """A group is joined by rule: there is nothing of its own to do again."""
    with_code = [NodePath(path) for path in WITH_CODE[1:]]
    assert list(meant("not this", TREE, with_code)) == with_code


@given(st.text())
def test_something_is_always_meant(note: str) -> None:
    """Whatever is said, what is opened has code of its own."""
    with_code = [NodePath(path) for path in WITH_CODE]
    found = meant(note, TREE, with_code)
    assert found
    assert set(found) <= set(with_code)


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_each_rejection_makes_the_calls_others_and_bars_the_answer(notes: list[str]) -> None:
    """Editions never repeat, notes stay in order, and a first attempt is recognised."""
    part, editions = TREE[3], {""}
    for note in notes:
        part = guided(part.model_copy(update={"status": TaskStatus.WON}), note)
        assert part.rework.edition not in editions
        assert is_guided(part, note)
        editions.add(part.rework.edition)
    assert part.rework.guidance == tuple(notes)
    assert part.rework.barred == {CANDIDATE: REJECTED_AS}
    assert part.status is TaskStatus.PENDING
