"""Follows a build to its end, or to where only a person can go on, and tells how it ended.

It starts no build: that is the caller's.
"""

import asyncio
from pathlib import Path

from millwright.client import Client
from millwright.commandline.asking import listed
from millwright.commandline.composition import Session, Stores
from millwright.commandline.display import Display
from millwright.commandline.output import emit, note, say
from millwright.delivery import deliver
from millwright.errors import DatabaseUnavailable, NotFound, TemporalUnavailable
from millwright.records import ProjectView, Records
from schemas.base import Schema
from schemas.identity import Digest, ProjectId, TaskStatus
from schemas.models import Spend
from schemas.project import CODES, Counts, ExitCode, ProjectProgress, ProjectResult
from schemas.requirements import Proven

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
"""How long a service may be away: the embedded stack starts again what has ended, after half a minute at most."""

_MOST_NAMED = 10


class Outcome(Schema):
    """What ``--json`` prints at the end of `build`, `demo` and `watch`; ``waits``: a line for each open question."""

    project: ProjectId
    status: TaskStatus
    exit_code: int
    counts: Counts
    spend: Spend
    message: str = ""
    manifest: Digest | None = None
    report: Digest | None = None
    out: str | None = None
    requirements: Proven | None = None
    waits: tuple[str, ...] = ()


async def follow(client: Client, stores: Stores, project: ProjectId, shown: Display) -> Outcome:
    """Show a build until it ends or waits for a person with nothing else to do.

    A service that was reached once may be away for a while, as in a restart: the build goes on all the same.

    Raises:
        NotFound: no such project is known to Temporal.
        BadInput: the build refused its input.
        ServiceUnavailable: a service does not answer, or has not for ``PATIENCE_SECONDS``.
    """
    records = Records(stores.projects, stores.artifacts)
    clock = asyncio.get_running_loop().time
    reached: float | None = None
    with shown:
        while True:
            try:
                outcome = await _looked(client, records, project, shown)
                reached = clock()
            except (DatabaseUnavailable, TemporalUnavailable):
                if reached is None or clock() - reached > PATIENCE_SECONDS:
                    raise
                outcome = None
            if outcome is not None:
                return outcome
            await asyncio.sleep(POLL_SECONDS)


async def _looked(client: Client, records: Records, project: ProjectId, shown: Display) -> Outcome | None:
    """Look at a build once and show how it stands; return its outcome where there is nothing left to follow.

    It is asked again and again, and not by one long call for the result: that would have to be cancelled when the build
    waits for a person, and the threads of Temporal's client do not survive that well.
    """
    running = await client.is_running(project)
    view = await _view(records, project)
    if view is not None and not (running and _is_stale(view)):
        shown.update(view)
    if not running:
        return _ended(await client.result(project), view)
    if view is None or not _waits(view):
        return None
    if view.questions:
        return _waiting(view, None)
    progress = await client.progress(project)  # its gate may be from before gates were questions
    return _waiting(view, progress) if progress.waits_for else None


async def settled(stores: Stores, project: ProjectId) -> Outcome | None:
    """Tell how a project ended if it has; None while it has not. Raises NotFound."""
    view = await Records(stores.projects, stores.artifacts).view(project)
    record = view.project
    if record.exit_code is None:
        return None
    return Outcome(
        project=record.id,
        status=record.status,
        exit_code=record.exit_code,
        counts=view.counts,
        spend=view.spend,
        message=record.message,
        manifest=record.manifest,
        report=record.report,
        requirements=view.requirements,
    )


async def conclude(outcome: Outcome, stores: Stores, out: Path | None, *, force: bool, as_json: bool) -> int:
    """Write the deliverable where it is wanted and there is one, tell the outcome, and return the exit code.

    Raises:
        BadInput: files in ``out`` are in the way.
    """
    if out is not None and outcome.manifest is not None:
        found = await Records(stores.projects, stores.artifacts).deliverable(outcome.project)
        written = deliver(found, out, force=force)
        outcome = outcome.model_copy(update={"out": str(out)})
        for path in written.left:
            note(f"left {path} in {out}: it is no longer part of the deliverable, but was changed since it was written")
    elif out is not None:
        note(f"nothing is written to {out}: {outcome.project} delivered nothing")
    if as_json:
        emit(outcome.model_dump(mode="json"))
    else:
        say(summary(outcome))
    return outcome.exit_code


def summary(outcome: Outcome) -> str:
    """Write an outcome for people, with the next step."""
    counts, spend = outcome.counts, outcome.spend
    name = next(word for word, code in CODES.items() if code == outcome.exit_code) if outcome.exit_code else "built"
    words = [f"{number} {word}" for word, number in counts.model_dump(exclude={"tasks"}).items() if number]
    tokens = spend.prompt_tokens + spend.completion_tokens
    lines = [
        f"{outcome.project}: {str(name).replace('_', ' ')}",
        f"  tasks  {counts.tasks}: {', '.join(words) or 'none decided'}",
        f"  spend  {spend.calls:,} calls, {tokens:,} tokens, {spend.cost:,.4f} USD",
    ]
    if outcome.requirements:
        lines.append(f"  shown  {shown_requirements(outcome.requirements)}")
    if outcome.message:
        lines.append(f"  note   {outcome.message}")
    if outcome.out:
        lines.append(f"  result {outcome.out}")
    lines += [f"  waits  {line}" for line in outcome.waits]
    if outcome.status is TaskStatus.WAITING:
        lines.append(f"  next   millwright inbox --interactive; then millwright watch {outcome.project}")
    elif outcome.exit_code and outcome.report:
        lines.append(f"  next   millwright report {outcome.project}")
    elif outcome.manifest and not outcome.out:
        lines.append(f"  next   millwright fetch {outcome.project} --into DIR")
    return "\n".join(lines)


def shown_requirements(found: Proven) -> str:
    """Say how many requirements tests show, and which of them none does."""
    named = ", ".join(found.unproven[:_MOST_NAMED])
    more = f" and {len(found.unproven) - _MOST_NAMED} more" if len(found.unproven) > _MOST_NAMED else ""
    rest = f"; unproven: {named}{more}" if found.unproven else ""
    return f"{found.shown} of {found.of} requirements, by tests that passed{rest}"


def come_back(session: Session, project: ProjectId) -> str:
    """Say how to come back to a build that is left running."""
    if session.owned:
        return (
            f"left {project}: its stack stops with this command, and the build goes on where it stood at the next "
            f"`millwright watch {project}` or `millwright up`; `millwright cancel {project}` ends it"
        )
    return f"left {project} running: `millwright watch {project}` comes back, `millwright cancel {project}` ends it"


async def _view(records: Records, project: ProjectId) -> ProjectView | None:
    try:
        return await records.view(project)
    except NotFound:
        return None  # the workflow has not yet opened its project


def _ended(result: ProjectResult, view: ProjectView | None) -> Outcome:
    counted = result.counts if result.counts.tasks or view is None else view.counts
    fields = result.model_dump(include={"project", "status", "exit_code", "message", "manifest", "report"})
    return Outcome(
        **fields,
        counts=counted,
        spend=view.spend if view else result.spend,
        requirements=view.requirements if view else None,
    )


def _waits(view: ProjectView) -> bool:
    return view.project.status is TaskStatus.WAITING and not _is_stale(view)


def _is_stale(view: ProjectView) -> bool:
    """Say whether the row is still that of an earlier run, and the new one has not opened its project yet."""
    return view.project.exit_code is not None


def _waiting(view: ProjectView, progress: ProjectProgress | None) -> Outcome:
    project, count = view.project.id, len(view.questions)
    if view.questions:
        message = f"{count} question{'' if count == 1 else 's'} for a person"
        waits = listed(view.questions)
    else:  # builds of before gates had questions
        gate = f"the {progress.waits_for.value}" if progress and progress.waits_for else "a gate"
        message = view.project.message or "an approval is awaited"
        waits = (f"{project}: approval of {gate} (`millwright approve {project}`)",)
    return Outcome(
        project=project,
        status=TaskStatus.WAITING,
        exit_code=CODES[ExitCode.WAITING],
        counts=view.counts,
        spend=view.spend,
        message=message,
        report=view.project.report,
        waits=waits,
    )
