"""What every store promises of what models were asked and answered, run on memory and Postgres alike."""

import pytest

from millwright.errors import NotFound
from schemas.digests import canonical_json, digest_of_bytes
from schemas.evidence import CompletionRecord
from schemas.identity import Archetype, ProjectId
from schemas.models import Message, Prompt, Role
from tests.contract.stores_fixtures import (
    BANK,
    HOSTILE,
    LEAF,
    NO_CAP,
    SHOP,
    Store,
    completion,
    digest,
    entry,
    node,
    project,
    settled,
)

CALL = digest("call")


def answers(owner: ProjectId, texts: list[str], *, round_: int = 0, first: int = 0) -> list[CompletionRecord]:
    """Make the choices of one answer to the call."""
    return [
        completion(entry(first + choice, owner=owner, round_=round_), text).model_copy(
            update={"call": CALL, "choice": choice, "model": "m"}
        )
        for choice, text in enumerate(texts)
    ]


async def answer(store: Store, given: list[CompletionRecord], owner: ProjectId = SHOP) -> None:
    """Reserve and settle one request with these answers."""
    asked = entry(given[0].index, owner=owner, round_=given[0].round)
    attempt = await store.reserve(asked.model_copy(update={"call": CALL, "choices": len(given)}), NO_CAP)
    await store.settle(attempt, given)


async def test_what_a_call_was_answered_is_found_by_its_digest_in_any_project(store: Store) -> None:
    """The choices come back in their order, whoever asked; another call has no answer."""
    given = answers(SHOP, ["a", "b", "c"])
    await settled(store, entry(7), "of no known call")
    await answer(store, given[::-1])
    assert await store.answers_to(CALL) == tuple(given)
    assert await store.answers_to(digest("another call")) == ()


async def test_of_several_answers_the_first_whole_set_counts(store: Store) -> None:
    """A set that lacks a choice is none, a longer one is better than a shorter, and then the first stays."""
    await answer(store, answers(SHOP, ["torn 0", "torn 1", "torn 2"])[::2])
    assert await store.answers_to(CALL) == ()
    short = answers(BANK, ["short 0"])
    await answer(store, short, BANK)
    assert await store.answers_to(CALL) == tuple(short)
    for round_, text in enumerate(("first", "second"), start=1):
        await answer(store, answers(SHOP, [f"{text} 0", f"{text} 1"], round_=round_, first=5))
    assert [one.text for one in await store.answers_to(CALL)] == ["first 0", "first 1"]


async def test_a_recalled_answer_is_marked_and_nothing_was_requested_for_it(store: Store) -> None:
    """It is read as any other completion of its round; the ledger knows nothing of it, and what was there stays."""
    await answer(store, answers(SHOP, ["a", "b"]))
    await settled(store, entry(1, owner=BANK), "its own")
    known = await store.answers_to(CALL)
    await store.recall(BANK, known)
    await store.recall(BANK, [one.model_copy(update={"text": "late"}) for one in known])
    found = await store.completions(BANK, LEAF, "code", 0)
    assert [(one.text, one.recalled, one.call) for one in found] == [("a", True, CALL), ("its own", False, None)]
    assert [one.key.index for one in await store.ledger(BANK)] == [1]
    assert [one.recalled for one in await store.answers_to(CALL)] == [False, False]
    labelled = found[0].model_copy(update={"candidate": digest("c")})
    await store.label_completion(BANK, labelled)
    assert await store.completions(BANK, LEAF, "code", 0) == (labelled, found[1])
    await store.recall(BANK, [])


async def test_a_project_with_recalled_answers_is_not_forgotten(store: Store) -> None:
    """Else whoever took its id would find answers about other requirements under the same keys."""
    await answer(store, answers(SHOP, ["a"]))
    await store.open_project(project(BANK))
    await store.recall(BANK, await store.answers_to(CALL))
    await store.forget_project(BANK)
    assert (await store.project(BANK)).id == BANK
    assert len(await store.all_completions(BANK)) == 1


async def test_clearing_a_tree_keeps_answers_and_prompts(store: Store) -> None:
    """What was paid for stays, whatever becomes of the nodes that it was paid for."""
    await store.save_nodes([node(LEAF)])
    await answer(store, answers(SHOP, ["a"]))
    written = await store.save_prompt(prompt("said"))
    await store.clear_nodes(SHOP)
    await store.drop_nodes(SHOP, [LEAF])
    assert [one.text for one in await store.answers_to(CALL)] == ["a"]
    assert await store.prompt(written) == prompt("said")


def prompt(text: str) -> Prompt:
    """Make a prompt."""
    system, user = Message(role=Role.SYSTEM, content="Role: coder"), Message(role=Role.USER, content=text)
    return Prompt(archetype=Archetype.CODER, version="coder/1", messages=(system, user))


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_prompt_is_stored_under_the_digest_of_its_canonical_json(store: Store, text: str) -> None:
    """It comes back as it was written, however often it is stored, whatever text is in it."""
    written = [await store.save_prompt(prompt(text)) for _ in range(2)]
    assert written == [digest_of_bytes(canonical_json(prompt(text)))] * 2
    found = await store.prompt(written[0])
    assert canonical_json(found) == canonical_json(prompt(text))


async def test_an_unknown_prompt_is_not_found(store: Store) -> None:
    """Nothing is made up for a digest."""
    with pytest.raises(NotFound, match=digest("x")):
        await store.prompt(digest("x"))
