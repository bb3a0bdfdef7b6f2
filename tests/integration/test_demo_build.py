"""The bundled sample project, built twice on real stacks: what is delivered, what Temporal keeps, and what was paid."""

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
from schemas.identity import TaskStatus
from schemas.models import LedgerStatus
from tests.integration.demo_stack import (
    EXAMPLE,
    CountingBook,
    Remains,
    calls_by_task,
    delivered,
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
    """One build in a home of its own."""

    output: str
    out: Path
    remains: Remains


@dataclass(frozen=True)
class Demos:
    """The demo as a newcomer runs it, and the same build against a model that counts."""

    demo: Demo
    counted: Demo
    calls: Counter[tuple[str, str, int]]
    prompts: tuple[str, ...]


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Demos:
    """Build the sample project twice at once, by ``demo`` and by ``build``, in two fresh homes."""
    place = tmp_path_factory.mktemp("demo")
    book = CountingBook(list(read_book(bundled_files())))
    prompts: list[str] = []

    def noting(asked: CompletionBook, body: bytes) -> dict[str, object]:
        prompts.extend(message["content"] for message in json.loads(body)["messages"])
        return answer(asked, body)

    build = ["build", str(EXAMPLE / "requirements.md"), "--project", PROJECT, "--out", str(place / "counted-out")]
    with DemoModelServer(book) as server, contextlib.ExitStack() as ending:
        ending.enter_context(pytest.MonkeyPatch.context()).setattr(demo_model, "answer", noting)
        first = start(["demo", "--out", str(place / "demo-out")], environment(place / "demo"), place / "demo.log")
        ending.callback(end, first)
        variables = environment(place / "counted", model_url=server.url)
        second = start(build, variables, place / "counted.log")
        ending.callback(end, second)
        outputs = [finish(first, place / "demo.log"), finish(second, place / "counted.log")]
    left = [asyncio.run(remains(place / name, PROJECT)) for name in ("demo", "counted")]
    return Demos(
        demo=Demo(outputs[0], place / "demo-out", left[0]),
        counted=Demo(outputs[1], place / "counted-out", left[1]),
        calls=Counter(book.calls),
        prompts=tuple(prompts),
    )


def test_every_task_of_the_sample_project_is_won(demos: Demos) -> None:
    """All tasks are won by their margin, and the command says so, where the result lies and how to come back."""
    nodes = demos.demo.remains.nodes
    assert [node.path for node in nodes if node.status is not TaskStatus.WON] == []
    assert len(nodes) == TASKS
    assert all(node.margin >= node.k > 0 for node in nodes)
    assert f"{TASKS} won" in demos.demo.output
    assert str(demos.demo.out) in demos.demo.output
    assert "millwright up" in demos.demo.output


def test_every_node_is_a_workflow_of_its_own(demos: Demos) -> None:
    """The project and its nodes are separate workflows, their ids made of project and path, and all completed."""
    expected = {f"millwright/{PROJECT}"} | {
        f"millwright/{PROJECT}/node/{node.path}" for node in demos.demo.remains.nodes
    }
    traces = demos.demo.remains.traces
    assert set(traces) == expected
    assert {trace.description.status for trace in traces.values()} == {WorkflowExecutionStatus.COMPLETED}


def test_the_web_ui_has_a_telling_row_for_each_node(demos: Demos) -> None:
    """State and node are searchable, and summaries say what each workflow and each activity is."""
    traces = demos.demo.remains.traces
    assert demos.demo.remains.won == set(traces)
    for node in demos.demo.remains.nodes:
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


def test_no_event_is_large(demos: Demos) -> None:
    """Each event stays under 16 KB; only a project's start may carry more, its requirements."""
    largest = {
        (name, event.event_id): event.ByteSize()
        for name, trace in demos.demo.remains.traces.items()
        for event in trace.history.events
        if event.event_id > 1 or "/node/" in name
    }
    assert max(largest.values()) < LARGEST_EVENT_BYTES


def test_no_history_holds_a_source_a_prompt_or_a_completion(demos: Demos) -> None:
    """No distinctive line of any of them is in any history, encoded or not; the project's start event apart."""
    left = demos.demo.remains
    text = "\n".join(
        leaf
        for name, trace in left.traces.items()
        for event in trace.history.events
        if event.event_id > 1 or "/node/" in name
        for leaf in _leaves(MessageToDict(event))
    )
    assert "plan root.totals" in text, "the search sees what is encoded"
    for kind, written in (("sources", left.sources), ("completions", left.completions), ("prompts", demos.prompts)):
        lines = _telling(written)
        assert len(lines) > 100, kind
        assert [line for line in lines if line in text] == [], kind


def test_every_call_is_one_row_of_the_ledger(demos: Demos) -> None:
    """What the model's server was asked and what the ledger settled are the same calls, each paid once."""
    left = demos.counted.remains
    assert {entry.status for entry in left.ledger} == {LedgerStatus.SETTLED}
    assert calls_by_task(left.ledger, left.nodes) == demos.calls
    assert set(demos.calls.values()) == {1}


def test_two_fresh_homes_build_the_same_bytes(demos: Demos) -> None:
    """One seed and one model give equal manifests and equal files, in whatever order the answers arrive."""
    assert demos.demo.remains.manifest == demos.counted.remains.manifest
    assert delivered(demos.demo.out) == delivered(demos.counted.out)
    listed = {item["path"] for item in json.loads(demos.demo.remains.manifest)["files"]}
    assert {"pyproject.toml", "README.md", "order_pricing/__main__.py", "tests/test_root.py"} <= listed


def test_the_deliverable_passes_its_own_tests(demos: Demos) -> None:
    """The delivered tests pass with nothing but Python."""
    done = _python(demos.demo.out, "-m", "unittest")
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr


def test_the_deliverable_prices_the_sample_order(demos: Demos) -> None:
    """The delivered command prices the example's order as its requirements say."""
    done = _python(demos.demo.out, "-m", "order_pricing", str(EXAMPLE / "order.json"))
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()
    assert rows[0] == "12 x Green tea                   51.30"
    assert rows[-1] == "Total                            93.74"


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
