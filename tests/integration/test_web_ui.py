"""What a person sees in Temporal's Web UI where a build waits for them, in a real browser without a screen.

The expectations are read from the workflows, and the command that the page shows is run.
"""

import asyncio
import os
import re
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Page, ViewportSize, async_playwright, expect
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client

from millwright.adapters.embedded.demo_model import DemoModelServer
from millwright.adapters.embedded.demo_sampling import Completion, TaskCompletions
from millwright.adapters.embedded.home import StackState
from millwright.adapters.embedded.temporal_server import executable
from millwright.temporal import data_converter
from schemas.identity import Archetype, NodePath, ProjectId
from schemas.people import Question
from schemas.project import ProjectProgress
from tests.integration.demo_stack import CountingBook, end, environment, start, until_up
from tests.workflow.samples import TRIPLE, TRIPLING
from workflows.identifiers import CONTROL_QUEUE, node_workflow_id, project_workflow_id
from workflows.presentation import answer_command

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.temporal, pytest.mark.sandbox]

PROJECT = ProjectId("triples")
SIZE = ViewportSize(width=1400, height=1200)
PATIENCE_MS = 60_000
STRAIGHT = str.maketrans("“”‘’", "\"\"''")
ANSWERS = TaskCompletions("triple", "triple", Archetype.CODER, tuple(map(Completion, TRIPLING["coder", "triple"])))


def chromium() -> str:
    """Find the browser. Skips the test where there is none, but on a build server, where it fails."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None and os.environ.get("CI") != "true":
        pytest.skip("chromium is not installed: run `make browser`")
    assert found is not None, "a build server looks at the Web UI, and chromium is not installed: run `make browser`"
    return found


@dataclass(frozen=True)
class Stack:
    """A running stack with its Web UI, and the environment of commands that reach it."""

    state: StackState
    variables: dict[str, str]

    async def client(self) -> Client:
        """Connect to its Temporal."""
        assert self.state.temporal_address is not None
        return await Client.connect(self.state.temporal_address, data_converter=data_converter)

    def page_of(self, workflow_id: str) -> str:
        """Return the address of a workflow's page."""
        return f"{self.state.ui_url}/namespaces/default/workflows/{quote(workflow_id, safe='')}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run a stack in the foreground of a process, as ``millwright up`` does; not where there is no browser."""
    chromium()
    place = tmp_path_factory.mktemp("ui")
    with DemoModelServer(CountingBook((ANSWERS,))) as server:
        variables = environment(place / "home", model_url=server.url)
        process = start(["up"], variables, place / "up.log")
        try:
            state = asyncio.run(until_up(place / "home", process))
            reached = variables | {name: text for name, text in state.environment().items() if "MODEL" not in name}
            yield Stack(state, reached | {"PATH": f"{executable().parent}:{os.defpath}"})
        finally:
            end(process)


@asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[Page]:
    """Open a browser that reaches this machine alone, with a profile of its own."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium(),
            headless=True,
            viewport=SIZE,
            args=["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
            env={"PATH": os.defpath, "HOME": str(profile), "LANG": "C.UTF-8"},
        )
        try:
            yield context.pages[0]
        finally:
            await context.close()


@dataclass(frozen=True)
class Shown:
    """What a person reads in a workflow's current details: all of it, and the commands in it."""

    text: str
    commands: tuple[str, ...]

    @property
    def stock_command(self) -> str:
        """The command that needs nothing of ours."""
        (command,) = [text for text in self.commands if text.startswith("temporal ")]
        return command


async def shown(page: Page, address: str, picture: Path) -> Shown:
    """Go to a workflow's page as a person does, open the tab that has its current details, and read them."""
    await page.goto(address)
    await page.get_by_text("User Metadata", exact=True).first.click(timeout=PATIENCE_MS)
    # The UI renders Markdown in a frame of its own.
    frame = page.frame_locator("#user-metadata-current-details")
    await expect(frame.locator("main")).not_to_be_empty(timeout=PATIENCE_MS)
    await expect(page.locator("#user-metadata-current-details")).to_be_in_viewport(timeout=PATIENCE_MS)
    await page.screenshot(path=picture)
    commands = await frame.locator("pre").all_inner_texts()
    # Outside code, the UI sets quotation marks as a printer does.
    text = (await frame.locator("main").inner_text()).translate(STRAIGHT)
    return Shown(text, tuple(command.strip() for command in commands))


def told_lines(markdown: str) -> list[str]:
    """Return the lines of a text as Markdown shows them: without marks for bold, code and items of lists."""
    return [line for text in markdown.splitlines() if (line := re.sub(r"\*\*|`+|^[-*] ", "", text).strip())]


async def metadata(client: Client, workflow_id: str) -> str:
    """Read the current details as the workflow wrote them."""
    handle = client.get_workflow_handle(workflow_id)
    found: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return found.current_details


async def awaited_gate(client: Client) -> ProjectProgress:
    """Wait until the project waits at a gate and shows it."""
    async with asyncio.timeout(60):
        while True:
            handle = client.get_workflow_handle(project_workflow_id(PROJECT))
            progress: ProjectProgress = await handle.query("progress", result_type=ProjectProgress)
            if progress.waits_for is not None and await metadata(client, project_workflow_id(PROJECT)):
                return progress
            await asyncio.sleep(0.2)


async def awaited_question(client: Client, workflow_id: str) -> Question:
    """Wait until a node waits for a person and shows why."""
    listed = f"MillwrightProject = '{PROJECT}' AND MillwrightState = 'waiting' AND WorkflowType = 'NodeWorkflow'"
    async with asyncio.timeout(120):
        while True:
            await asyncio.sleep(0.5)
            if workflow_id not in [found.id async for found in client.list_workflows(listed)]:
                continue
            asked = await client.get_workflow_handle(workflow_id).query("question")
            if asked is not None and asked["id"] in await metadata(client, workflow_id):
                return Question.model_validate(asked)


def read_picture(picture: Path) -> tuple[int, int]:
    """Return width and height of a PNG that is more than one colour."""
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(content) > 10_000
    width, height = struct.unpack(">II", content[16:24])
    return width, height


async def typed(stack: Stack, command: str) -> str:
    """Run a command line as a person who copied it from the page does; it must succeed."""
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-c", command],
        env=stack.variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def left_behind(profile: Path) -> list[str]:
    """Name the processes that still use a profile."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if str(profile).encode() in words:
            found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found


async def test_a_person_reads_what_is_awaited_and_answers_with_the_command_on_the_page(
    stack: Stack, tmp_path: Path
) -> None:
    """First a gate, then a node's question: both pages show all of it, and their commands end the build."""
    client = await stack.client()
    build = await client.start_workflow(
        "ProjectWorkflow",
        {"specification": TRIPLE, "project": PROJECT, "approve": ["plan"]},
        id=project_workflow_id(PROJECT),
        task_queue=CONTROL_QUEUE,
    )
    profile = tmp_path / "profile"
    async with browser(profile) as page:
        gate = await awaited_gate(client)
        seen = await shown(page, stack.page_of(build.id), tmp_path / "gate.png")
        for line in told_lines(await metadata(client, build.id)):
            assert line in seen.text
        assert gate.waits_for is not None
        assert gate.waits_for.value in seen.text
        await typed(stack, seen.stock_command)

        node = node_workflow_id(PROJECT, NodePath("root.triple"))
        question = await awaited_question(client, node)
        seen = await shown(page, stack.page_of(node), tmp_path / "question.png")
        for line in (*told_lines(question.text), *question.options, *told_lines(await metadata(client, node))):
            assert line in seen.text
        assert answer_command(question) in seen.commands
        await typed(stack, seen.stock_command)
        async with asyncio.timeout(120):
            result = await build.result()
    assert result["exit_code"] in (0, 6), result
    assert read_picture(tmp_path / "gate.png") == (SIZE["width"], SIZE["height"])
    assert read_picture(tmp_path / "question.png") == (SIZE["width"], SIZE["height"])
    assert left_behind(profile) == []


def test_a_build_server_without_a_browser_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere the test is skipped by name; there it must not pass by not running."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(AssertionError, match="make browser"):
        chromium()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="make browser"):
        chromium()
