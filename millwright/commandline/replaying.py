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
    from collections.abc import Sequence

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

_OF_INPUT = ("k", "max_attempts", "seed", "target_reliability", "reuse", "approve", "max_rejections")

BY_DIGEST = {"code_digest": "text/x-source", "specification_digest": "application/json"}
"""The answers that name a stored text, with the kind of text it is."""


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
            decisions = await record.projects.decisions(project)
            given = await _input(record, stored, decisions)
            answers = await _copied(record, scratch.stores, stored, given)
            await _copy_what_people_gave(record, scratch.stores, decisions)
            result = await _built(scratch, stored, given, decisions)
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


async def _copy_what_people_gave(record: Stores, scratch: Stores, decisions: "Sequence[Decision]") -> None:
    """Copy the code and the specifications that people answered with, which answers name by digest."""
    from schemas.identity import Digest

    for decision in decisions:
        for form, value in (decision.content or {}).items():
            if form in BY_DIGEST:
                await scratch.artifacts.put(await record.artifacts.get(Digest(str(value))), BY_DIGEST[form])


async def _input(record: Stores, stored: "ProjectRecord", decisions: "Sequence[Decision]") -> "ProjectInput":
    """Restore what the project was started with.

    Caps are left out, for no call is made, and gates at which nothing was rejected, for consent changes nothing. What
    is rejected is done again with the reason as guidance, which is part of what models were asked.
    """
    from schemas.identity import Gate
    from schemas.project import ApprovalDecision, Policy, ProjectInput

    rejected = [
        item.gate
        for item in decisions
        if item.question and item.gate not in (None, Gate.BUDGET) and item.value == ApprovalDecision.REJECT
    ]
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
            "approve": tuple(dict.fromkeys(rejected)),
            **({"max_rejections": max(rejected.count(gate) for gate in rejected)} if rejected else {}),
            **({"target_reliability": target} if target is not None else {}),
        }
    )


async def _text(record: Stores, digest: "Digest | None") -> str:
    return "" if digest is None else (await record.artifacts.get(digest)).decode("utf-8")


async def _built(
    scratch: Session, stored: "ProjectRecord", given: "ProjectInput", decisions: "Sequence[Decision]"
) -> "ProjectResult":
    """Build on the scratch stack to the end; people's answers are given again to the same questions."""
    options = given.model_dump(include={*_OF_POLICY, *_OF_INPUT})
    await scratch.client.build(
        given.requirements, given.target_language, specification=given.specification, project=stored.id, **options
    )
    while await scratch.client.is_running(stored.id):
        await _answered(scratch, stored.id, decisions)
        await asyncio.sleep(POLL_SECONDS)
    return await scratch.client.result(stored.id)


async def _answered(scratch: Session, project: "ProjectId", decisions: "Sequence[Decision]") -> None:
    """Answer open questions as they were answered. Raises BadInput where the record has no answer."""
    from millwright.core.audit import settling
    from millwright.errors import BadInput

    for question in await scratch.stores.projects.questions(project):
        if not question.open:
            continue
        decision = settling(question.id, decisions)
        if decision is None:
            await scratch.client.cancel(project)
            raise BadInput(f"the record of {project!r} has no person's answer to question {question.id!r}")
        value = decision.value if decision.content is None else decision.content
        await scratch.client.answer(question, value, by=decision.by, note=decision.note, decision_id=decision.id)


async def _differing(record: Stores, scratch: Stores, ended: "Replayed") -> tuple[str, ...]:
    """List the files that only one of two manifests has, or that are not the same in both."""
    from schemas.evidence import Manifest

    files: list[set[tuple[str, Digest]]] = []
    for stores, digest in ((record, ended.manifest), (scratch, ended.again)):
        content = None if digest is None else Manifest.model_validate_json(await stores.artifacts.get(digest))
        files.append({(item.path, item.digest) for item in content.files} if content else set())
    return tuple(sorted({path for path, _ in files[0] ^ files[1]}))
