"""The worker: settings become adapters, adapters become activities, and a Temporal worker runs them by role.

A composition root; nothing imports it. Roles: ``control`` (workflows and records), ``model`` (waiting on models),
``verify`` (CPU and the sandbox), ``all``.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.attributing import Attributing
from activities.calling import Caller
from activities.climbing import Climber
from activities.consenting import Consenting
from activities.consulting import Consulting
from activities.coordinating import Coordinating
from activities.decomposition import Decomposition
from activities.escalating import Escalating
from activities.generation import Generation
from activities.integration import Integration
from activities.notification import Notification
from activities.planning import Planning
from activities.proposing import Proposing
from activities.records import Records
from activities.reuse import Reuse
from activities.reviewing import Reviewing
from activities.reworking import Reworking
from activities.specification import Specification
from activities.verification import Verification
from millwright.adapters.documents.front_matter import read_front_matter
from millwright.adapters.documents.red_flag_rules import read_red_flags
from millwright.adapters.documents.specification_file import read_specification
from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.adapters.storage.memory import MemoryStore
from millwright.adapters.storage.postgres import PostgresStore, open_store
from millwright.core.basis import planned_by
from millwright.core.calibration import Calibration, read_calibration
from millwright.core.red_flags.rule_set import RuleSet, rule_sets, settings_faults
from millwright.core.specification import check_document
from millwright.errors import BadInput, MillwrightError
from millwright.model_setup import configured_preset, keys_configured
from millwright.notification_setup import notifiers_configured
from millwright.ports import (
    NO_CAPS,
    Analyser,
    ArtifactStore,
    BreakerStore,
    InputSource,
    Model,
    Notifier,
    ProjectStore,
    Sandbox,
)
from millwright.search_attributes import register_search_attributes
from millwright.settings import Settings
from millwright.temporal import connect
from millwright.toolbox import Toolbox, open_toolbox, spare_collections
from schemas.identity import Archetype
from schemas.models import InstallationBudget
from schemas.presets import ANY_MODEL, Preset
from schemas.specification import SpecificationDocument
from workflows.identifiers import CONTROL_QUEUE, MODEL_QUEUE, VERIFY_QUEUE
from workflows.node import NodeWorkflow
from workflows.project import ProjectWorkflow
from workflows.sandbox import runner

MOST_DRAWS = 200
"""Draws of one worker under way at once, whatever the endpoints bear: each holds the prompts of its round."""

RUNS_CANDIDATES = frozenset({"verify", "all"})
"""The roles that need an engine to run candidates in."""

STICKY_TIMEOUT = timedelta(seconds=2)
"""How long a dead worker's waiting workflows stay unanswered (10 s by default: measured as the longest gap)."""

HEARTBEAT_INTERVAL = timedelta(seconds=2)
"""How soon a cancellation reaches an activity."""

log = logging.getLogger("millwright.worker")


class Role(StrEnum):
    """Which task queues a worker serves."""

    CONTROL = "control"
    MODEL = "model"
    VERIFY = "verify"
    ALL = "all"


@dataclass(frozen=True)
class Ports:
    """The outside world as a worker needs it; ``model`` None serves no task queue that waits on models.

    ``second`` is the engine that winners are run on once more, where there is one; ``programs`` is how many programs
    the sandbox runs at once; ``rules`` are each archetype's red flags, and ``calibration`` predicts how likely a winner
    is wrong; ``preset`` says which models there are, and ``installation`` caps what all projects together may spend;
    ``notifiers`` tell people what waits for them. ``recalls_all``: every answer that is known is used again, also one
    of a model whose revision nobody stated.
    """

    model: Model | None
    projects: ProjectStore
    artifacts: ArtifactStore
    breakers: BreakerStore
    preset: Preset
    sandbox: Sandbox
    analyser: Analyser
    inputs: InputSource
    second: Sandbox | None = None
    programs: int = 0
    rules: Mapping[Archetype, RuleSet] = field(default_factory=lambda: rule_sets({}))
    calibration: Calibration | None = None
    installation: InstallationBudget = NO_CAPS
    notifiers: Sequence[Notifier] = ()
    recalls_all: bool = False


Activities = list[Callable[..., Any]]


def activities_of(ports: Ports) -> dict[str, Activities]:
    """Make the activities of each task queue."""
    projects, artifacts = ports.projects, ports.artifacts
    planned = planned_by(ports.preset)
    planning = Planning(projects, profile=planned, model="" if planned.name == ANY_MODEL else planned.name)
    records = Records(
        projects,
        artifacts,
        read_head=read_front_matter,
        planning=planning,
        calibration=ports.calibration,
        preset=ports.preset,
    )
    specification = Specification(projects, artifacts, ports.sandbox, _read)
    decomposition = Decomposition(projects, ports.sandbox)
    integration = Integration(projects, artifacts, ports.sandbox, ports.analyser, calibration=ports.calibration)
    reuse = Reuse(projects, artifacts)
    climber = Climber(ports.sandbox, ports.analyser, ports.second, programs=ports.programs)
    verification = Verification(climber, ports.inputs, projects, artifacts)
    attributing = Attributing(climber, ports.sandbox, projects, artifacts)
    reworking = Reworking(projects, artifacts)
    consenting = Consenting(projects, artifacts, planning)
    escalating = Escalating(verification, climber, ports.sandbox, projects, artifacts)
    return {
        CONTROL_QUEUE: [
            records.open_project,
            records.plan_given,
            planning.choose_margin,
            records.set_state,
            records.block_below,
            records.record_approval,
            records.raise_caps,
            records.mark_waiting,
            records.finish,
            records.close,
            records.forget,
            specification.settle_root,
            specification.left_open,
            specification.why_refused,
            decomposition.plan_node,
            decomposition.settle_proposal,
            reuse.find_accepted,
            reuse.take_accepted,
            integration.settle_node,
            integration.join,
            reworking.reopen,
            reworking.note_replan,
            consenting.open_gate,
            consenting.close_gate,
            consenting.show_plan,
            consenting.show_delivery,
            consenting.note_respecified,
            consenting.reopen_rejected,
            Notification(ports.notifiers).notify,
        ],
        MODEL_QUEUE: _waiting_on(ports.model, ports) if ports.model else [],
        VERIFY_QUEUE: [
            specification.accept_given,
            specification.examine_roots,
            decomposition.examine_proposals,
            verification.prepare_inputs,
            verification.climb_layer,
            verification.climb,
            verification.observe,
            verification.compare,
            verification.choose,
            verification.confirm,
            integration.deliver,
            attributing.attribute,
            escalating.ask,
            escalating.record_answer,
        ],
    }


def _waiting_on(model: Model, ports: Ports) -> Activities:
    caller = Caller(
        model,
        ports.projects,
        ports.breakers,
        ports.preset,
        installation=ports.installation,
        recalls_all=ports.recalls_all,
    )
    generation = Generation(caller, ports.projects, ports.artifacts, rules=ports.rules)
    proposing = Proposing(generation, ports.projects, ports.artifacts, ports.sandbox)
    consulting = Consulting(generation, ports.projects, ports.artifacts, ports.sandbox)
    reviewing = Reviewing(generation, ports.projects, ports.artifacts, ports.sandbox)
    coordinating = Coordinating(generation, ports.projects, ports.artifacts)
    return [
        generation.draw,
        proposing.propose_inputs,
        proposing.settle_examples,
        consulting.ask_about_calls,
        reviewing.review_winner,
        coordinating.advise,
    ]


def _calibration(file: Path | None) -> Calibration:
    """Read what predicts wrong winners; without a file, the one that comes with the program. Raises BadInput."""
    chosen = file or Path(__file__).resolve().parent / "config" / "calibration.json"
    return read_calibration(_bytes(chosen, "the calibration "), str(chosen))


def _bytes(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {what}{str(file)!r}: {error.strerror}") from error


def _rules(file: Path | None) -> Mapping[Archetype, RuleSet]:
    """Read each archetype's red flags; without a file, the defaults. Raises BadInput."""
    if file is None:
        return rule_sets({})
    return rule_sets(read_red_flags(_bytes(file, "MILLWRIGHT_RED_FLAGS, "), str(file), settings_faults))


def _read(text: str, origin: str) -> SpecificationDocument:
    return read_specification(text, origin, check_document)


def workers(client: Client, ports: Ports, role: Role) -> list[Worker]:
    """Make the workers of a role, one per task queue that it serves."""
    slots = {CONTROL_QUEUE: 50, MODEL_QUEUE: _draws_at_once(ports.preset), VERIFY_QUEUE: os.cpu_count() or 1}
    served = {
        Role.CONTROL: (CONTROL_QUEUE,),
        Role.MODEL: (MODEL_QUEUE,),
        Role.VERIFY: (VERIFY_QUEUE,),
        Role.ALL: (CONTROL_QUEUE, MODEL_QUEUE, VERIFY_QUEUE),
    }[role]
    made = activities_of(ports)
    return [
        Worker(
            client,
            task_queue=queue,
            activities=made[queue],
            workflows=[ProjectWorkflow, NodeWorkflow] if queue == CONTROL_QUEUE else [],
            workflow_runner=runner(),
            max_concurrent_activities=slots[queue],
            sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
            max_heartbeat_throttle_interval=HEARTBEAT_INTERVAL,
            graceful_shutdown_timeout=timedelta(seconds=10),
        )
        for queue in served
    ]


def _draws_at_once(preset: Preset) -> int:
    """Return how many draws keep the endpoints busy: a call each at least. What waits beyond that waits in Temporal."""
    return min(MOST_DRAWS, sum(entry.most_at_once * max(1, len(entry.endpoints)) for entry in preset.models.values()))


async def run(settings: Settings, role: Role, environment: Mapping[str, str]) -> None:
    """Serve a role until SIGINT or SIGTERM, then leave gracefully; ``environment`` has the keys that presets name.

    Raises:
        BadInput: no database or no model is configured.
        TemporalUnavailable: Temporal does not answer.
        DatabaseUnavailable: Postgres does not answer.
        SandboxUnavailable: no engine can confine a candidate here.
    """
    if settings.database_url is None:
        raise BadInput("MILLWRIGHT_DATABASE_URL is not set: a worker needs it (`millwright up` sets it for its own)")
    rules = _rules(settings.red_flags)
    calibration = _calibration(settings.calibration)
    preset = configured_preset(settings)
    keys = keys_configured(settings, environment, needed=role in (Role.MODEL, Role.ALL))
    notifiers = notifiers_configured(settings, environment)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    client = await connect()
    await register_search_attributes(client)
    async with contextlib.AsyncExitStack() as open_:
        store = await open_.enter_async_context(open_store(settings.database_url))
        model = await open_.enter_async_context(OpenAICompatibleModels(keys)) if keys else None
        tools = await open_.enter_async_context(open_toolbox(settings.cache, runs=role in RUNS_CANDIDATES))
        ports = replace(_over(store, tools, model, preset), rules=rules, calibration=calibration)
        ports = replace(ports, installation=settings.installation, notifiers=notifiers)
        if role in RUNS_CANDIDATES:
            spare_collections()
        for worker in workers(client, ports, role):
            await open_.enter_async_context(worker)
        log.info("worker.serving", extra={"role": role.value})
        await stop.wait()
    log.info("worker.stopped", extra={"role": role.value})


def _over(store: PostgresStore | MemoryStore, tools: Toolbox, model: Model | None, preset: Preset) -> Ports:
    return Ports(
        model=model,
        projects=store,
        artifacts=store,
        breakers=store,
        preset=preset,
        sandbox=tools.sandbox,
        analyser=tools.analyser,
        inputs=tools.inputs,
        second=tools.second,
        programs=tools.programs,
    )


def workers_of_record(
    client: Client, store: MemoryStore, tools: Toolbox, model: Model, preset: Preset, settings: Settings
) -> list[Worker]:
    """Make the workers of all roles over a store in memory, to which every answer that it knows counts."""
    rules, calibration = _rules(settings.red_flags), _calibration(settings.calibration)
    ports = replace(_over(store, tools, model, preset), rules=rules, calibration=calibration, recalls_all=True)
    return workers(client, ports, Role.ALL)


def _log() -> None:
    """Write the log to standard error, from INFO on; not httpx's, which has a URL's user and password in every line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="millwright worker", description=__doc__)
    parser.add_argument("--role", choices=[role.value for role in Role], default=Role.ALL.value)
    given = parser.parse_args(arguments)
    _log()
    try:
        asyncio.run(run(Settings.read(os.environ), Role(given.role), os.environ))
    except MillwrightError as error:
        sys.stderr.write(f"millwright worker: {error}\n")
        return 2 if isinstance(error, BadInput) else 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
