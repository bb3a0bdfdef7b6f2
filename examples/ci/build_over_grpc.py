#!/usr/bin/env python3
"""Builds a Millwright project from a CI job over Temporal's gRPC service, with plain JSON and nothing of Millwright.

    build_over_grpc.py build --project shop --requirements requirements.md --options '{"approve": ["plan"]}'
    build_over_grpc.py answer --question shop/gate/plan/1 --value approve

It needs the package temporalio alone, and keeps nothing between two jobs: what it needs to know is in Temporal.
Exit codes of `build`: 0 built, 1 failed, 2 refused, 3 a person is needed, 4 budget reached, 5 a service is not
reachable, 6 built below the margin; of `answer`: 0, 2 and 5.
"""

import argparse
import asyncio
import hashlib
import json
import os
import re
import shlex
import sys
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.api.common.v1 import Memo, Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import (
    HistoryEventFilterType,
    UpdateWorkflowExecutionLifecycleStage,
    WorkflowExecutionStatus,
    WorkflowIdConflictPolicy,
    WorkflowIdReusePolicy,
)
from temporalio.api.failure.v1 import Failure
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    ListWorkflowExecutionsRequest,
    QueryWorkflowRequest,
    StartWorkflowExecutionRequest,
    StartWorkflowExecutionResponse,
    UpdateWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError, RPCStatusCode

WAITING, REFUSED, UNREACHABLE = 3, 2, 5
BUILT = (0, 6)
POLL_SECONDS = 2.0
SETTLE_SECONDS = 5.0
"""How long a question has to stay open before the job ends for it: it may be answered while the job looks on."""
PATIENCE_SECONDS = 60.0
"""How long the service or its workers may give no answer."""
CALL = timedelta(seconds=30)
INPUT_REFUSALS = {"BadInput", "NotFound", "ProjectConflict", "SpecificationInvalid", "PayloadValidationError"}


class Ended(Exception):
    """The job ends with ``code`` and a line that says why."""

    def __init__(self, code: int, line: str) -> None:
        super().__init__(line)
        self.code = code


@dataclass(frozen=True)
class Open:
    """A question that waits: its address for people, what it says, the words that answer it, and who takes them."""

    address: str
    text: str
    options: tuple[str, ...]
    workflow_id: str


def plain(value: object) -> Payload:
    """Encode a value as Temporal's `json/plain`."""
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


def decoded(payload: Payload) -> Any:
    """Decode what came back; `binary/null` is None."""
    return json.loads(payload.data) if payload.data else None


def message(address: str, value: object, by: str, note: str) -> tuple[str, str, dict[str, object]]:
    """Return the workflow that a decision goes to, the name of its update, and the update's input.

    The decision's id is derived, so that a job which is tried again decides nothing twice.
    """
    project, _, question = address.partition("/")
    told = "\n".join((address, value if isinstance(value, str) else json.dumps(value), by))
    decision = {"decision_id": hashlib.sha256(told.encode()).hexdigest()[:16], "by": by, "note": note}
    if question.startswith("gate/"):
        gate = question.split("/")[1]
        return f"millwright/{project}", "approve", {"gate": gate, "decision": value, **decision}
    path = question.rpartition("/")[0]
    return f"millwright/{project}/node/{path}", "answer", {"question": question, "value": value, **decision}


def command(question: Open) -> str:
    """Write the exact command of the stock Temporal CLI that answers a question with the first of its words."""
    workflow_id, name, given = message(question.address, question.options[0], "me", "")
    words = ("temporal", "workflow", "update", "execute", "--workflow-id", workflow_id, "--name", name, "--input")
    return shlex.join((*words, json.dumps(given)))


def summary(project: str, questions: list[Open]) -> str:
    """Write the job's summary, in Markdown: each question, its answers, and how they are given."""
    parts = [f"## {project} waits for a person"]
    for question in questions:
        answers = ", ".join(f"`{word}`" for word in question.options)
        parts += [f"### `{question.address}`", question.text, f"Answers: {answers}", f"```\n{command(question)}\n```"]
    parts.append(
        "Run the command with one of the answers, or run this workflow by hand with the question's address and the "
        "answer. Then re-run this job: it attaches to the build, which has not stopped."
    )
    return "\n\n".join(parts) + "\n"


class Service:
    """The calls that a job makes; each ends the job with 5 where the service cannot be reached."""

    def __init__(self, client: Client) -> None:
        self._service = client.workflow_service
        self._namespace = client.namespace

    async def start(
        self, project: str, given: dict[str, object], commit: str, request: str
    ) -> StartWorkflowExecutionResponse:
        """Start the project's workflow, or attach to the run of it that goes on; the same request is one start."""
        return await self._service.start_workflow_execution(
            StartWorkflowExecutionRequest(
                namespace=self._namespace,
                workflow_id=f"millwright/{project}",
                workflow_type=WorkflowType(name="ProjectWorkflow"),
                task_queue=TaskQueue(name="millwright-control"),
                input=Payloads(payloads=[plain(given)]),
                identity="ci",
                request_id=request,
                workflow_id_conflict_policy=WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
                workflow_id_reuse_policy=WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
                memo=Memo(fields={"commit": plain(commit)}),
            ),
            retry=True,
            timeout=CALL,
        )

    async def describe(self, run: WorkflowExecution) -> tuple[bool, str]:
        """Say whether a run goes on, and which commit it builds; empty where no commit was noted."""
        found = await self._service.describe_workflow_execution(
            DescribeWorkflowExecutionRequest(namespace=self._namespace, execution=run), retry=True, timeout=CALL
        )
        info = found.workflow_execution_info
        commit = decoded(info.memo.fields["commit"]) if "commit" in info.memo.fields else ""
        return info.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING, commit

    async def outcome(self, run: WorkflowExecution) -> tuple[int, str]:
        """Return the exit code of a run that has ended, and what there is to say of it."""
        history = await self._service.get_workflow_execution_history(
            GetWorkflowExecutionHistoryRequest(
                namespace=self._namespace,
                execution=run,
                history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
            ),
            retry=True,
            timeout=CALL,
        )
        last = history.history.events[-1]
        if last.HasField("workflow_execution_completed_event_attributes"):
            result = decoded(last.workflow_execution_completed_event_attributes.result.payloads[0])
            said = result["message"] or json.dumps(result["counts"])
            return result["exit_code"], f"{result['status']}: {said}"
        if last.HasField("workflow_execution_failed_event_attributes"):
            failure: Failure = last.workflow_execution_failed_event_attributes.failure
            refused = failure.application_failure_info.type in INPUT_REFUSALS
            return REFUSED if refused else 1, failure.message
        return 1, "the build was cancelled, terminated or timed out"

    async def query(self, workflow_id: str, name: str) -> Any:
        """Ask a workflow; a worker answers."""
        answer = await self._service.query_workflow(
            QueryWorkflowRequest(
                namespace=self._namespace,
                execution=WorkflowExecution(workflow_id=workflow_id),
                query=WorkflowQuery(query_type=name),
            ),
            timeout=CALL,
        )
        return decoded(answer.query_result.payloads[0])

    async def waiting_nodes(self, project: str) -> list[str]:
        """List the workflows of the nodes that wait for a person."""
        query = (
            f"MillwrightProject = '{project}' AND MillwrightState = 'waiting' "
            "AND WorkflowType = 'NodeWorkflow' AND ExecutionStatus = 'Running'"
        )
        found = await self._service.list_workflow_executions(
            ListWorkflowExecutionsRequest(namespace=self._namespace, query=query, page_size=100),
            retry=True,
            timeout=CALL,
        )
        return sorted(item.execution.workflow_id for item in found.executions)

    async def questions(self, project: str) -> list[Open]:
        """Collect all that is asked of people now: the gate that is open, and the questions of nodes."""
        found = []
        workflow_id = f"millwright/{project}"
        progress = await self.query(workflow_id, "progress")
        if progress["waits_for"]:
            shown = await self.query(workflow_id, "__temporal_workflow_metadata")
            address = f"{project}/{progress['question'] or 'gate/' + progress['waits_for']}"
            found.append(Open(address, shown.get("currentDetails", ""), ("approve", "reject"), workflow_id))
        for node in await self.waiting_nodes(project):
            question = await self.query(node, "question")
            if question is not None:
                address = f"{project}/{question['id']}"
                found.append(Open(address, question["text"], tuple(question["options"]), node))
        return found

    async def update(self, workflow_id: str, name: str, given: dict[str, object]) -> str:
        """Send an update and wait for what followed; the same update sent again is one. Ends the job where refused."""
        request = UpdateWorkflowExecutionRequest(
            namespace=self._namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            wait_policy=WaitPolicy(
                lifecycle_stage=UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED
            ),
            request=Request(
                meta=Meta(update_id=f"{name}-{given['decision_id']}", identity="ci"),
                input=Input(name=name, args=Payloads(payloads=[plain(given)])),
            ),
        )
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            sent = await self._service.update_workflow_execution(request, timeout=CALL)
            if sent.outcome.HasField("failure"):
                raise Ended(REFUSED, f"refused: {sent.outcome.failure.message}")
            if sent.outcome.HasField("success"):
                return str(decoded(sent.outcome.success.payloads[0]))
        raise Ended(UNREACHABLE, f"{workflow_id} has not acted on the decision yet: is a worker running?")


async def build(service: Service, project: str, given: dict[str, object], commit: str, repository: str) -> int:
    """Start or attach, and wait for the end or for a question."""
    request = uuid.uuid5(uuid.NAMESPACE_URL, f"millwright:{repository}:{commit}:{project}")
    started = await service.start(project, given, commit, str(request))
    run = WorkflowExecution(workflow_id=f"millwright/{project}", run_id=started.run_id)
    running, known = await service.describe(run)
    if not running and (await service.outcome(run))[0] not in BUILT:
        # The server takes a request that it knows for the run that it started, ended or not. That one failed: this is
        # another try, and again the same one however often it is sent.
        started = await service.start(project, given, commit, str(uuid.uuid5(request, started.run_id)))
        run.run_id = started.run_id
        running, known = await service.describe(run)
    if known != commit:
        whose = f"of commit {known}" if known else "that no commit started"
        raise Ended(
            REFUSED, f"{project}: a build {whose} is running (run {run.run_id}); wait for its end, or cancel it"
        )
    tell(f"{project}: run {run.run_id}, commit {commit}")
    return await followed(service, project, run)


async def followed(service: Service, project: str, run: WorkflowExecution) -> int:
    """Wait for a run's end or for a question that stays open, and say which it was."""
    since: dict[str, float] = {}
    answered = time.monotonic()
    while True:
        try:
            if not (await service.describe(run))[0]:
                code, line = await service.outcome(run)
                summarise(f"## {project}\n\nexit code {code}: {line}\n")
                tell(f"{project}: {line}")
                return code
            questions = await service.questions(project)
            answered = time.monotonic()
            since = {item.address: since.get(item.address, answered) for item in questions}
            if any(answered - first >= SETTLE_SECONDS for first in since.values()):
                text = summary(project, questions)
                summarise(text)
                tell(text)
                return WAITING
        except RPCError as error:
            # A worker that is restarted answers no query for a moment, and a server none at all.
            if time.monotonic() - answered > PATIENCE_SECONDS:
                raise Ended(UNREACHABLE, f"no answer for {PATIENCE_SECONDS:g} s: {error.message}") from error
        await asyncio.sleep(POLL_SECONDS)


def tell(line: str) -> None:
    """Write to the job's log."""
    print(line, flush=True)


def summarise(text: str) -> None:
    """Add to the job's summary, where there is one."""
    if place := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(place, "a", encoding="utf-8") as file:
            file.write(text)


def project_id(text: str) -> str:
    """Accept a project id."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a project id: lower-case letters, digits and hyphens")
    return text


def address_of(text: str) -> str:
    """Accept the address of a question, as the summary shows it."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}/(gate/[a-z]+(/\d+)?|[\w.-]+/\d+)", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the address of a question, such as shop/root.cart/1")
    return text


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    environment = os.environ
    described = argparse.ArgumentParser(description="Build a Millwright project from a CI job, over gRPC.")
    commands = described.add_subparsers(dest="command", required=True)
    builds = commands.add_parser("build", help="start or attach, and wait for the end or for a question")
    builds.add_argument("--project", type=project_id, required=True)
    builds.add_argument("--requirements", metavar="FILE", help="prose")
    builds.add_argument("--specification", metavar="FILE", help="task specifications")
    builds.add_argument("--options", type=json.loads, default={}, metavar="JSON", help="more fields of ProjectInput")
    builds.add_argument("--commit", default=environment.get("GITHUB_SHA", ""), help="default: $GITHUB_SHA")
    builds.add_argument("--repository", default=environment.get("GITHUB_REPOSITORY", ""))
    answers = commands.add_parser("answer", help="answer a question, or decide at a gate")
    answers.add_argument("--question", type=address_of, required=True, metavar="PROJECT/ID")
    answers.add_argument("--value", required=True, help="a word of the question's answers, or an object as JSON")
    answers.add_argument("--by", default=environment.get("GITHUB_ACTOR") or "ci", help="default: $GITHUB_ACTOR")
    answers.add_argument("--note", default="")
    return described


def asked_for(given: argparse.Namespace) -> dict[str, object]:
    """Make the input of the project's workflow."""
    asked: dict[str, object] = dict(given.options)
    for name in ("requirements", "specification"):
        if place := getattr(given, name):
            with open(place, encoding="utf-8") as file:
                asked[name] = file.read()
    if not given.commit:
        raise Ended(REFUSED, "which commit is built? give --commit, or set GITHUB_SHA")
    return asked


async def main(given: argparse.Namespace) -> int:
    """Do what is asked for; every end is an exit code."""
    # In a workflow file, a variable or secret that is not set is the empty text, which turns TLS on where it stands.
    for name in [name for name, value in os.environ.items() if name.startswith("TEMPORAL_") and not value]:
        del os.environ[name]
    try:
        asked = asked_for(given) if given.command == "build" else {}
        service = Service(await Client.connect(**ClientConfig.load_client_connect_config()))
        if given.command == "build":
            return await build(service, given.project, asked, given.commit, given.repository)
        value = json.loads(given.value) if given.value.startswith("{") else given.value
        tell(await service.update(*message(given.question, value, given.by, given.note)))
    except Ended as end:
        tell(str(end))
        return end.code
    except RPCError as error:
        lost = error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED)
        tell(f"Temporal does not answer: {error.message}" if lost else f"Temporal refused: {error.message}")
        return UNREACHABLE if lost else REFUSED
    except RuntimeError as error:  # how the SDK says that it could not connect
        tell(f"Temporal is not reachable: {error}")
        return UNREACHABLE
    except (OSError, ValueError) as error:
        tell(str(error))
        return REFUSED
    return 0


if __name__ == "__main__":
    code = asyncio.run(main(parser().parse_args()))
    sys.stdout.flush()
    # Not sys.exit: the SDK's threads may crash an interpreter that ends at once (temporalio/sdk-python, issue 300), and
    # the exit code with it.
    os._exit(code)
