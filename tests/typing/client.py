"""How a user's typed program uses the client: checked by mypy under ``strict``, never executed."""

from typing import assert_type

from millwright.client import Build, Client
from millwright.inbox import History, Inbox
from millwright.ports import ArtifactStore, ProjectStore
from millwright.temporal import connect
from schemas.identity import Digest, Gate, ProjectId
from schemas.models import Budget
from schemas.people import Question, Waiting
from schemas.project import ApprovalDecision, LadderMode, OnExhausted, ProjectProgress, ProjectResult


async def build_a_shop(projects: ProjectStore, artifacts: ArtifactStore) -> int:
    """Start a build with every option, follow it to its end and read what came of it."""
    client = Client(await connect("localhost:7233"), projects, artifacts)
    build = await client.build(
        "Price an order.",
        "python",
        specification="",
        project="shop",
        k=3,
        max_attempts=20,
        on_exhausted=OnExhausted.PARTIAL,
        approve=[Gate.PLAN],
        budget=Budget(max_calls=1000),
        seed=1,
        ladder=LadderMode.FUSED,
        waiting=Waiting(deadline_seconds=7 * 86_400),
        max_rejections=1,
    )
    assert_type(build, Build)
    assert_type(build.project, ProjectId)
    assert_type(build.attached, bool)
    progress = await client.progress(build.project)
    assert_type(progress, ProjectProgress)
    assert_type(progress.waits_for, Gate | None)
    result = await build.result()
    assert_type(result, ProjectResult)
    assert_type(result.manifest, Digest | None)
    assert_type(await client.result("shop"), ProjectResult)
    await client.cancel("shop")
    return result.exit_code


async def the_least_that_is_needed(client: Client) -> ProjectResult:
    """Prose alone starts a build."""
    return await (await client.build("Add two numbers.")).result()


async def mistakes_are_found(client: Client) -> None:
    """A wrong option is an error of types: were it none, the ignore would be unused and mypy would say so."""
    await client.build("Add.", on_exhausted="panic")  # type: ignore[arg-type]
    await client.build("Add.", margin=3)  # type: ignore[call-arg]


async def decide(projects: ProjectStore, artifacts: ArtifactStore) -> None:
    """Find what waits, and decide it."""
    client, inbox = Client(await connect("localhost:7233"), projects, artifacts), Inbox(projects)
    question = await inbox.question("shop/root.total/1")
    assert_type(question, Question)
    assert_type(await client.answer(question, {"returns": 4}, by="ann", decision_id="ci-7"), str)
    assert_type(await client.approve("shop", ApprovalDecision.REJECT, by="ann", note="too many parts"), str)
    assert_type(await inbox.history("shop@1"), History)
