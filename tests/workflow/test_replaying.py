"""A build is made again from its record alone: the same bytes, and no request to any model."""

import pytest

from schemas.evidence import CompletionRecord
from schemas.identity import ProjectId
from tests.workflow.builds import PROJECT, build
from tests.workflow.environment import TableModel, staged
from tests.workflow.samples import ANSWERS, fenced

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]

RECORD = ProjectId("record")
WITHOUT_AGENTS_BESIDE = {"proposals": 0, "reviews": 0}


async def recorded() -> tuple[str, tuple[CompletionRecord, ...]]:
    """Build the sample, and return its manifest and all that models answered."""
    async with staged(TableModel(ANSWERS)) as stage:
        result = await build(stage, **WITHOUT_AGENTS_BESIDE)
        assert result.manifest is not None
        return result.manifest, await stage.store.all_completions(PROJECT)


@pytest.mark.slow
async def test_the_record_of_a_build_suffices_to_make_it_again() -> None:
    """With every answer known by its call, an empty store and no model give the same manifest."""
    manifest, answers = await recorded()
    assert all(answer.call is not None for answer in answers)
    async with staged(TableModel({}), recalls_all=True) as stage:
        await stage.store.recall(RECORD, answers)
        again = await build(stage, **WITHOUT_AGENTS_BESIDE)
        assert (again.exit_code, again.manifest) == (0, manifest)
        assert stage.model.calls == []
        assert await stage.store.ledger(PROJECT) == ()


@pytest.mark.slow
async def test_a_record_that_was_changed_gives_something_else() -> None:
    """Where an answer in the record is another one, the manifest tells."""
    manifest, answers = await recorded()
    other = fenced("def double(n: int) -> int:\n    return 2 * n\n")
    changed = [
        answer.model_copy(update={"text": other}) if answer.path == "root.double" else answer for answer in answers
    ]
    assert other in {answer.text for answer in changed}
    async with staged(TableModel({}), recalls_all=True) as stage:
        await stage.store.recall(RECORD, changed)
        again = await build(stage, **WITHOUT_AGENTS_BESIDE)
        assert again.exit_code == 0
        assert again.manifest != manifest
