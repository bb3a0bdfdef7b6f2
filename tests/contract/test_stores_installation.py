"""What every store promises of the caps of an installation, run on memory and Postgres alike."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from millwright.errors import BudgetReached
from schemas.evidence import ProjectSpend
from schemas.identity import ProjectId
from schemas.models import Budget, InstallationBudget, LedgerEntry, LedgerStatus, Period
from schemas.reuse import Revision
from tests.contract.stores_fixtures import BANK, NO_CAP, SHOP, Store, completion, entry, project

PROJECTS = [ProjectId(f"project-{number}") for number in range(5)]


async def test_a_cap_on_calls_holds_over_all_projects_however_many_ask_at_once(store: Store) -> None:
    """Of fifty concurrent reservations of five projects exactly the cap's twenty succeed."""
    cap = InstallationBudget(max_calls=20)
    outcomes = await asyncio.gather(
        *(store.reserve(entry(index, owner=owner), NO_CAP, cap) for index in range(10) for owner in PROJECTS),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BudgetReached)]
    assert (sum(isinstance(outcome, LedgerEntry) for outcome in outcomes), len(refused)) == (20, 30)
    assert sum([len(await store.ledger(owner)) for owner in PROJECTS]) == 20
    assert sum([(await store.spend(owner)).reserved.calls for owner in PROJECTS]) == 20
    assert "the cap is 20 calls, 20 used or reserved by all projects" in str(refused[0])
    assert "raise MILLWRIGHT_MAX_CALLS" in str(refused[0])


@pytest.mark.parametrize(
    ("cap", "words"),
    [
        (InstallationBudget(max_tokens=89), r"the cap is 89 tokens, 60 used or reserved .* asks for 30; .*_MAX_TOKENS"),
        (InstallationBudget(max_cost=0.29), r"a cost of 0\.29, 0\.2 used or reserved .* asks for 0\.1; .*_MAX_COST"),
        (InstallationBudget(max_calls=2, period=Period.DAY), r"2 calls a day, .* next day \(MILLWRIGHT_BUDGET_PERIOD"),
        (InstallationBudget(max_calls=2, period=Period.MONTH), "2 calls a month, .* next month"),
    ],
)
async def test_every_cap_counts_what_came_before_it_was_set(store: Store, cap: InstallationBudget, words: str) -> None:
    """Requests that were made without a cap count under it, and a refusal says which it was and what to do."""
    for owner in (SHOP, BANK):
        await store.reserve(entry(owner=owner, cost=0.1), NO_CAP)
    with pytest.raises(BudgetReached, match=f"^the budget of the installation is reached: .*{words}"):
        await store.reserve(entry(1, cost=0.1), NO_CAP, cap)
    wider = cap.model_copy(update={"max_tokens": cap.max_tokens and 90, "max_cost": cap.max_cost and 0.3})
    wider = wider.model_copy(update={"max_calls": cap.max_calls and 3})
    assert (await store.reserve(entry(1, cost=0.1), NO_CAP, wider)).attempt == 1


async def test_a_refused_reservation_leaves_nothing_behind(store: Store) -> None:
    """Neither a row nor a sum, whichever cap it met; and either cap can be the one."""
    attempt = await store.reserve(entry(), NO_CAP)
    before = await store.spend(SHOP), await store.spend(BANK)
    for budget, cap, words in (
        (Budget(max_calls=1), InstallationBudget(max_calls=9), "--max-calls"),
        (Budget(max_calls=9), InstallationBudget(max_calls=1), "MILLWRIGHT_MAX_CALLS"),
    ):
        with pytest.raises(BudgetReached, match=words):
            await store.reserve(entry(), budget, cap)
    assert (await store.spend(SHOP), await store.spend(BANK)) == before
    assert await store.ledger(SHOP) == (attempt,)
    assert (await store.reserve(entry(owner=BANK), Budget(max_calls=1), InstallationBudget(max_calls=2))).attempt == 1


async def test_what_is_concluded_gives_back_what_it_did_not_use(store: Store) -> None:
    """A settled request counts at what it used, a refused one as a call, a lost one in full, a released one nowhere."""
    made = [await store.reserve(entry(index, owner=BANK), NO_CAP) for index in range(4)]
    await store.settle(made[0].model_copy(update={"completion_tokens": 1}), [completion(made[0])])
    for attempt, status in zip(made[1:], (LedgerStatus.REFUSED, LedgerStatus.LOST, LedgerStatus.RELEASED), strict=True):
        await store.conclude(attempt.model_copy(update={"status": status}))
    used_calls, used_tokens = 3, 11 + 0 + 30
    assert await store.spend(SHOP) == ProjectSpend()
    for cap in (
        InstallationBudget(max_calls=used_calls),
        InstallationBudget(max_tokens=used_tokens + 29),
    ):
        with pytest.raises(BudgetReached):
            await store.reserve(entry(), NO_CAP, cap)
    exact = InstallationBudget(max_calls=used_calls + 1, max_tokens=used_tokens + 30)
    assert (await store.reserve(entry(), NO_CAP, exact)).status is LedgerStatus.RESERVED


async def test_a_cap_on_time_adds_up_what_all_projects_took(store: Store) -> None:
    """Projects that run, that ended and earlier revisions count, each from its start to its end or to now."""
    now = datetime.now(UTC)
    ended = project(SHOP).model_copy(
        update={"started_at": now - timedelta(hours=100), "finished_at": now - timedelta(hours=98)}
    )
    await store.open_project(ended)
    following = ended.model_copy(
        update={"revision": 2, "started_at": now - timedelta(hours=50), "finished_at": now - timedelta(hours=49)}
    )
    await store.supersede(Revision(project=ended), following)
    await store.open_project(project(BANK).model_copy(update={"started_at": now - timedelta(hours=4)}))
    await store.open_project(project(ProjectId("not-begun")))
    taken = 7 * 3600.0
    with pytest.raises(BudgetReached, match=r"of all projects' time, .* taken 252\d\d s before shop/.*MAX_TIME"):
        await store.reserve(entry(), NO_CAP, InstallationBudget(max_time_seconds=taken))
    roomy = InstallationBudget(max_time_seconds=taken + 1800)
    assert (await store.reserve(entry(), NO_CAP, roomy)).attempt == 1


async def test_no_cap_refuses_nothing(store: Store) -> None:
    """The default has no cap at all, whatever its period."""
    await store.open_project(project(SHOP).model_copy(update={"started_at": datetime(2000, 1, 1, tzinfo=UTC)}))
    for period in Period:
        await store.reserve(entry(tokens=(2**40, 2**40), cost=1e6), NO_CAP, InstallationBudget(period=period))
    assert (await store.spend(SHOP)).reserved.calls == len(Period)
