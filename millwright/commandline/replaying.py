"""The command that makes a build again from its record: `replay`.

It asks no model and changes nothing of the record; where a call has no answer in the record, it says so.
"""

import asyncio
from typing import TYPE_CHECKING

import typer

from millwright.commandline.composition import Composition, Session, Stores
from millwright.commandline.options import JsonOption, ProjectArgument
from millwright.commandline.output import emit, note, say

if TYPE_CHECKING:
    from schemas.evidence import ProjectRecord
    from schemas.identity import Digest, ProjectId
    from schemas.people import Decision
    from schemas.presets import Preset
    from schemas.project import ProjectInput, ProjectResult
    from schemas.replay import Replayed

POLL_SECONDS = 0.5

RECORD = "record"
"""The project that the answers stand under, so that none of them counts as drawn by the build itself."""

_OF_POLICY = (
    "on_exhausted",
    "ladder",
    "rejections",
    "proposals",
    "reviews",
    "atomic_lines",
    "atomic_complexity",
)
"""What of the policy was an option of the build."""


def replay(context: typer.Context, project: ProjectArgument, as_json: JsonOption = False) -> None:
    """Make a build again from its record, without any model, and compare it to the byte.

    The project's newest revision is built on a server and a store of its own, which are gone afterwards, from what
    models and people answered then. Candidates run in the sandbox again.

    Example: millwright replay order-pricing

    Exit codes: 0 identical, 1 something differs or the record does not suffice, 2 no such project, or one without a
    record to make it from, 5 a service is not reachable.
    """
    from millwright.core.project_input import checked_project_id

    found = asyncio.run(_replayed(context.obj, checked_project_id(project)))
    if as_json:
        emit({**found.model_dump(mode="json"), "identical": found.identical})
    elif found.identical:
        say(f"{found.project}: identical, made again from {found.answers} recorded answers")
    else:
        say("\n".join((f"{found.project}: differs: {found.reason}", *(f"  {path}" for path in found.differing))))
    raise typer.Exit(0 if found.identical else 1)


async def _replayed(composition: Composition, project: "ProjectId") -> "Replayed":
    from schemas.replay import Replayed

    async with composition.stores(note) as record:
        stored = await record.projects.project(project)
        preset = _preset(stored)
        async with composition.scratch(preset, note) as scratch:
            given = await _input(record, stored)
            answers = await _copied(record, scratch.stores, stored, given)
            result = await _built(record, scratch, stored, given)
            ended = Replayed(project=project, answers=answers, manifest=stored.manifest, again=result.manifest)
            if ended.identical:
                return ended
            differing = await _differing(record, scratch.stores, ended)
            reason = result.message or f"{len(differing)} files are not the same"
            return ended.model_copy(update={"differing": differing, "reason": reason})


def _preset(stored: "ProjectRecord") -> "Preset":
    """Return the preset that was in force. Raises BadInput where there is none."""
    from millwright.errors import BadInput
    from schemas.presets import Preset

    found = stored.options.get("preset")
    if found is None:
        raise BadInput(
            f"project {stored.id!r} was built before its record could be replayed: build it again, under another name"
        )
    return Preset.model_validate(found)


async def _copied(record: Stores, scratch: Stores, stored: "ProjectRecord", given: "ProjectInput") -> int:
    """Copy what was asked for and what was answered; returns the number of answers. Raises BadInput without any."""
    from datetime import UTC, datetime

    from millwright.core.project_input import input_digest
    from millwright.errors import BadInput
    from schemas.identity import ProjectId, TaskStatus

    answers = [each for each in await record.projects.all_completions(stored.id) if each.call is not None]
    if not answers:
        raise BadInput(f"the record of {stored.id!r} has no answer that can be told by its call: build it again")
    # The row of a run that came to nothing: its basis of planning is kept, and nothing else of it.
    row = stored.model_copy(
        update={
            "input_digest": input_digest(given),
            "status": TaskStatus.FAILED,
            "exit_code": 1,
            "manifest": None,
            "report": None,
            "run_id": "",
            "revision": 1,
            "finished_at": datetime.now(UTC),
        }
    )
    await scratch.projects.open_project(row)
    await scratch.projects.recall(ProjectId(RECORD), answers)
    return len(answers)


async def _input(record: Stores, stored: "ProjectRecord") -> "ProjectInput":
    """Restore what the project was started with; caps and gates are left out, for no call is made."""
    from schemas.project import Policy, ProjectInput

    policy = Policy.model_validate(stored.options.get("policy", {}))
    basis = stored.options.get("basis")
    target = basis.get("target") if isinstance(basis, dict) else None
    return ProjectInput.model_validate(
        {
            **policy.model_dump(include=set(_OF_POLICY)),
            "requirements": await _text(record, stored.requirements),
            "specification": await _text(record, stored.specification),
            "target_language": stored.target_language,
            "k": stored.options.get("k"),
            "max_attempts": policy.rule.max_attempts,
            "seed": stored.seed,
            "reuse": False,
            **({"target_reliability": target} if target is not None else {}),
        }
    )


async def _text(record: Stores, digest: "Digest | None") -> str:
    return "" if digest is None else (await record.artifacts.get(digest)).decode("utf-8")


async def _built(record: Stores, scratch: Session, stored: "ProjectRecord", given: "ProjectInput") -> "ProjectResult":
    """Build on the scratch stack to the end; people's answers are given again to the same questions."""
    decisions = {item.question: item for item in await record.projects.decisions(stored.id) if item.question}
    options = given.model_dump(include={*_OF_POLICY, "k", "max_attempts", "seed", "target_reliability", "reuse"})
    await scratch.client.build(
        given.requirements, given.target_language, specification=given.specification, project=stored.id, **options
    )
    while await scratch.client.is_running(stored.id):
        await _answered(scratch, stored.id, decisions)
        await asyncio.sleep(POLL_SECONDS)
    return await scratch.client.result(stored.id)


async def _answered(scratch: Session, project: "ProjectId", decisions: "dict[str, Decision]") -> None:
    """Answer open questions as they were answered. Raises BadInput where the record has no answer."""
    from millwright.errors import BadInput

    for question in await scratch.stores.projects.questions(project):
        if not question.open:
            continue
        decision = decisions.get(question.id)
        if decision is None:
            await scratch.client.cancel(project)
            raise BadInput(f"the record of {project!r} has no person's answer to question {question.id!r}")
        await scratch.client.answer(project, question, decision)


async def _differing(record: Stores, scratch: Stores, ended: "Replayed") -> tuple[str, ...]:
    """List the files that only one of two manifests has, or that are not the same in both."""
    from schemas.evidence import Manifest

    files: list[set[tuple[str, Digest]]] = []
    for stores, digest in ((record, ended.manifest), (scratch, ended.again)):
        content = None if digest is None else Manifest.model_validate_json(await stores.artifacts.get(digest))
        files.append({(item.path, item.digest) for item in content.files} if content else set())
    return tuple(sorted({path for path, _ in files[0] ^ files[1]}))
