"""The bundled sample project on a real stack: what is delivered, what Temporal keeps, what was paid, and what a changed
sentence costs.

That two builds give the same bytes is checked by ``test_worker_death`` on small projects, and on this one by .ci/run.
"""

import asyncio
import base64
import contextlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus

from millwright.adapters.embedded import demo_model
from millwright.adapters.embedded.demo_model import DemoModelServer
from millwright.adapters.embedded.demo_protocol import answer
from millwright.adapters.embedded.demo_sampling import CompletionBook, bundled_files, read_book
from schemas.digests import digest_of_bytes
from schemas.identity import NodePath, TaskStatus
from schemas.models import LedgerStatus
from tests.integration.demo_changed import TOUCHED, changed_answers, changed_requirements
from tests.integration.demo_stack import (
    EXAMPLE,
    CountingBook,
    Remains,
    calls_by_task,
    end,
    environment,
    finish,
    remains,
    start,
)

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.temporal, pytest.mark.sandbox]

PROJECT = "order-pricing"
TASKS = 24
LARGEST_EVENT_BYTES = 16 * 1024
TELLING_CHARACTERS = 20
"""A line of a source, prompt or completion counts as distinctive from this length on, if it has a space."""


@dataclass(frozen=True)
class Demo:
    """The sample project, built: what the command said, what was delivered, what was left, what the model saw."""

    output: str
    out: Path
    remains: Remains
    calls: Counter[tuple[str, str, int]]
    prompts: tuple[str, ...]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Build the sample project in a fresh home, on an embedded stack, with the demo model's answers."""
    place = tmp_path_factory.mktemp("demo")
    book = CountingBook(list(read_book(bundled_files())))
    prompts: list[str] = []

    def noting(asked: CompletionBook, body: bytes) -> dict[str, object]:
        prompts.extend(message["content"] for message in json.loads(body)["messages"])
        return answer(asked, body)

    build = ["build", str(EXAMPLE / "requirements.md"), "--project", PROJECT, "--out", str(place / "out")]
    with DemoModelServer(book) as server, contextlib.ExitStack() as ending:
        ending.enter_context(pytest.MonkeyPatch.context()).setattr(demo_model, "answer", noting)
        process = start(build, environment(place / "home", model_url=server.url), place / "log")
        ending.callback(end, process)
        output = finish(process, place / "log")
    return Demo(
        output=output,
        out=place / "out",
        remains=asyncio.run(remains(place / "home", PROJECT)),
        calls=Counter(book.calls),
        prompts=tuple(prompts),
    )


def test_every_task_of_the_sample_project_is_won(demo: Demo) -> None:
    """All tasks are won by their margin, and the command says so, and where the result lies."""
    nodes = demo.remains.nodes
    assert [node.path for node in nodes if node.status is not TaskStatus.WON] == []
    assert len(nodes) == TASKS
    assert all(node.margin >= node.k > 0 for node in nodes)
    assert f"{TASKS} won" in demo.output
    assert str(demo.out) in demo.output


def test_every_node_is_a_workflow_of_its_own(demo: Demo) -> None:
    """The project and its nodes are separate workflows, their ids made of project and path, and all completed."""
    expected = {f"millwright/{PROJECT}"} | {f"millwright/{PROJECT}/node/{node.path}" for node in demo.remains.nodes}
    traces = demo.remains.traces
    assert set(traces) == expected
    assert {trace.description.status for trace in traces.values()} == {WorkflowExecutionStatus.COMPLETED}


def test_the_web_ui_has_a_telling_row_for_each_node(demo: Demo) -> None:
    """State and node are searchable, and summaries say what each workflow and each activity is."""
    traces = demo.remains.traces
    assert demo.remains.won == set(traces)
    for node in demo.remains.nodes:
        trace = traces[f"millwright/{PROJECT}/node/{node.path}"]
        assert trace.description.search_attributes["MillwrightNode"] == [node.path]
        assert trace.summary == node.path
    assert traces[f"millwright/{PROJECT}"].summary
    assert "MillwrightSpend" in traces[f"millwright/{PROJECT}"].description.search_attributes
    scheduled = [
        event
        for trace in traces.values()
        for event in trace.history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    assert len(scheduled) > TASKS
    assert all(event.user_metadata.summary.data for event in scheduled)


def test_no_event_is_large(demo: Demo) -> None:
    """Each event stays under 16 KB; only a project's start may carry more, its requirements."""
    largest = {
        (name, event.event_id): event.ByteSize()
        for name, trace in demo.remains.traces.items()
        for event in trace.history.events
        if event.event_id > 1 or "/node/" in name
    }
    assert max(largest.values()) < LARGEST_EVENT_BYTES


def test_no_history_holds_a_source_a_prompt_or_a_completion(demo: Demo) -> None:
    """No distinctive line of any of them is in any history, encoded or not; the project's start event apart."""
    left = demo.remains
    text = "\n".join(
        leaf
        for name, trace in left.traces.items()
        for event in trace.history.events
        if event.event_id > 1 or "/node/" in name
        for leaf in _leaves(MessageToDict(event))
    )
    assert "plan root.totals" in text, "the search sees what is encoded"
    for kind, written in (("sources", left.sources), ("completions", left.completions), ("prompts", demo.prompts)):
        lines = _telling(written)
        assert len(lines) > 100, kind
        assert [line for line in lines if line in text] == [], kind


def test_every_call_is_one_row_of_the_ledger(demo: Demo) -> None:
    """What the model's server was asked and what the ledger settled are the same calls, each paid once."""
    left = demo.remains
    assert {entry.status for entry in left.ledger} == {LedgerStatus.SETTLED}
    assert calls_by_task(left.ledger, left.nodes) == demo.calls
    assert set(demo.calls.values()) == {1}


def test_the_deliverable_is_what_its_manifest_says(demo: Demo) -> None:
    """Every file of the manifest is there with its digest: modules, tests, metadata and the command."""
    files = {item["path"]: item["digest"] for item in json.loads(demo.remains.manifest)["files"]}
    assert {"pyproject.toml", "README.md", "order_pricing/__main__.py", "tests/test_root.py"} <= set(files)
    assert {path: digest_of_bytes((demo.out / path).read_bytes()) for path in files} == files


def test_the_deliverable_passes_its_own_tests(demo: Demo) -> None:
    """The delivered tests pass with nothing but Python."""
    done = _python(demo.out, "-m", "unittest")
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr


def test_the_deliverable_prices_the_sample_order(demo: Demo) -> None:
    """The delivered command prices the example's order as its requirements say."""
    done = _python(demo.out, "-m", "order_pricing", str(EXAMPLE / "order.json"))
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()
    assert rows[0] == "12 x Green tea                   51.30"
    assert rows[-1] == "Total                            93.74"


@dataclass(frozen=True)
class Rebuilt:
    """The sample, built again with one sentence changed: what the model was asked, what was said and what was left."""

    calls: tuple[tuple[str, str, int], ...]
    output: str
    out: Path
    remains: Remains


@pytest.fixture(scope="module")
def rebuilt(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Rebuilt:
    """Build the sample under the same id, in the same home, with one sentence of its requirements changed."""
    place, home = tmp_path_factory.mktemp("rebuilt"), demo.out.with_name("home")
    file, requirements = place / "requirements.md", changed_requirements()
    file.write_text(requirements, encoding="utf-8")
    book = CountingBook(changed_answers(requirements))
    build = ["build", str(file), "--project", PROJECT, "--out", str(place / "out")]
    with DemoModelServer(book) as server, contextlib.ExitStack() as ending:
        process = start(build, environment(home, model_url=server.url), place / "log")
        ending.callback(end, process)
        output = finish(process, place / "log")
    return Rebuilt(tuple(book.calls), output, place / "out", asyncio.run(remains(home, PROJECT)))


def test_a_changed_sentence_costs_calls_for_what_it_touches_alone(demo: Demo, rebuilt: Rebuilt) -> None:
    """The specifier, the decomposers on the way, the label's coder and the glue above it; nobody else is asked."""
    tasks = {node.path: node.task for node in rebuilt.remains.nodes}
    assert {task for _, task, _ in rebuilt.calls} == {tasks[NodePath(path)] for path in TOUCHED}
    second = [entry for entry in rebuilt.remains.ledger if entry.key.revision == 2]
    assert {entry.key.path for entry in second} == TOUCHED
    assert len(rebuilt.remains.ledger) - len(second) == len(demo.remains.ledger)
    assert len(rebuilt.calls) == len(second) < len(demo.remains.ledger) / 2
    assert f"{len(rebuilt.calls)} calls" in rebuilt.output
    assert f"{PROJECT} was built on other requirements: rebuilding what changed" in rebuilt.output


def test_every_other_part_is_used_again_and_says_from_where(demo: Demo, rebuilt: Rebuilt) -> None:
    """Each keeps its code, votes and place; those that were touched are won anew, and do what is asked now."""
    before = {node.path: node for node in demo.remains.nodes}
    for node in rebuilt.remains.nodes:
        if node.path in TOUCHED:
            assert node.status is TaskStatus.WON
        else:
            reused = {"status": TaskStatus.REUSED, "note": "won in revision 1"}
            assert node == before[node.path].model_copy(update=reused)
    assert f"{TASKS} won" in rebuilt.output
    done = _python(rebuilt.out, "-m", "order_pricing", str(EXAMPLE / "order.json"))
    assert done.stdout.splitlines()[0] == "12 * Green tea                   51.30"


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python in a deliverable, with nothing of ours on its path."""
    return subprocess.run(
        [sys.executable, "-B", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _leaves(data: object) -> Iterator[str]:
    """Yield every text in an event: keys, values, and what payloads hold, decoded."""
    if isinstance(data, dict):
        for key, item in data.items():
            yield str(key)
            if key == "data" and isinstance(item, str):
                yield from _payload(item)
            else:
                yield from _leaves(item)
    elif isinstance(data, list):
        for item in data:
            yield from _leaves(item)
    else:
        yield str(data)


def _payload(encoded: str) -> Iterator[str]:
    text = base64.b64decode(encoded).decode("utf-8", "replace")
    yield text
    with contextlib.suppress(ValueError):
        yield from _leaves(json.loads(text))


def _telling(texts: tuple[str, ...]) -> set[str]:
    lines = {line.strip() for text in texts for line in text.splitlines()}
    return {line for line in lines if len(line) >= TELLING_CHARACTERS and " " in line}
