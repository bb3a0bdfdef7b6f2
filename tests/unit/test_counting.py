"""What the ledger counts: sums without drift, periods, and when a cap is passed."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.adapters.storage.counting import (
    EVER,
    Account,
    Sums,
    account_of,
    demand_room,
    demand_room_for_all,
    demand_time_for_all,
    nanos,
    period_start,
    total,
)
from millwright.errors import BudgetReached
from schemas.models import Budget, InstallationBudget, LedgerEntry, LedgerStatus, Period
from tests.contract.stores_fixtures import entry

_ENTRIES = st.lists(
    st.builds(
        lambda status, tokens, cost: entry(tokens=tokens, cost=cost).model_copy(update={"status": status}),
        st.sampled_from(LedgerStatus),
        st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)),
        st.floats(0, 100),
    ),
    max_size=20,
)


@given(_ENTRIES)
def test_totals_that_are_kept_up_equal_sums_in_any_order(entries: list[LedgerEntry]) -> None:
    """Adding and taking away in whatever order ends at the exact sum: nothing drifts."""
    account = Account()
    for one in entries:
        account = account.plus(account_of(one.model_copy(update={"status": LedgerStatus.RESERVED})))
    for one in sorted(entries, key=lambda each: each.cost):
        before = account_of(one.model_copy(update={"status": LedgerStatus.RESERVED}))
        account = account.plus(account_of(one).minus(before))
    assert account == total(entries) == total(entries[::-1])
    released = [one for one in entries if one.status is LedgerStatus.RELEASED]
    assert account.used.calls == len(entries) - len(released)


@given(st.sampled_from(Period), st.dates(EVER, date(2200, 1, 1)))
def test_a_period_begins_once_and_holds_its_days(period: Period, day: date) -> None:
    """All days of a period have the same first day, which is in it, and the day before that is in another."""
    first = period_start(period, day)
    assert first <= day
    assert period_start(period, first) == first
    if period is Period.EVER:
        assert first == EVER
    else:
        assert period_start(period, first - timedelta(days=1)) < first
        assert (day - first).days < {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31}[period]


def test_weeks_begin_on_mondays_and_months_on_their_first() -> None:
    """By ISO 8601, in whatever month or year the Monday lies."""
    assert period_start(Period.WEEK, date(2027, 1, 3)) == date(2026, 12, 28)
    assert period_start(Period.WEEK, date(2026, 12, 28)) == date(2026, 12, 28)
    assert period_start(Period.MONTH, date(2028, 2, 29)) == date(2028, 2, 1)


@given(st.integers(0, 10**15))
def test_whole_nano_dollars_survive_being_written_as_a_double(amount: int) -> None:
    """A cost up to a million dollars comes back exactly."""
    assert nanos(Sums(nano_cost=amount).spend().cost) == amount


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 100))
def test_a_cap_may_be_used_up_and_not_passed(used: int, asked: int, cap: int) -> None:
    """A reservation is refused when, and only when, the sum would be above the cap."""
    call = entry(tokens=(asked, 0), cost=asked / 10)
    before = Sums(calls=used, prompt_tokens=used, nano_cost=nanos(used / 10))
    for budget, passed in (
        (Budget(max_calls=cap), used + 1 > cap),
        (Budget(max_tokens=cap), used + asked > cap),
        (Budget(max_cost=cap / 10), used + asked > cap),
        (Budget(), False),
    ):
        everybody = InstallationBudget.model_validate(budget.model_dump())
        with pytest.raises(BudgetReached) if passed else nullcontext():
            demand_room(before, call, budget)
        with pytest.raises(BudgetReached) if passed else nullcontext():
            demand_room_for_all(before, call, everybody)


def test_refusals_name_the_cap_its_use_and_what_raises_it() -> None:
    """One line each, for the project by its option, for the installation by its variable."""
    used, call = Sums(3, 20, 10, nanos(0.25)), entry(tokens=(5, 5), cost=0.125)

    def told(demand: Callable[[], None]) -> str:
        with pytest.raises(BudgetReached) as caught:
            demand()
        return str(caught.value)

    key = "shop/root.cart.subtotal/code/0/0"
    assert told(lambda: demand_room(used, call, Budget(max_tokens=39))) == (
        "the budget of project 'shop' is reached: the cap is 39 tokens, 30 used or reserved, and "
        f"{key} asks for 10; raise --max-tokens to go on"
    )
    weekly = InstallationBudget(max_cost=0.3, period=Period.WEEK)
    assert told(lambda: demand_room_for_all(used, call, weekly)) == (
        "the budget of the installation is reached: the cap is a cost of 0.3 a week, 0.25 used or reserved by all "
        f"projects, and {key} asks for 0.125; "
        "raise MILLWRIGHT_MAX_COST, or wait for the next week (MILLWRIGHT_BUDGET_PERIOD, in UTC)"
    )
    assert told(lambda: demand_time_for_all(7261.4, call, InstallationBudget(max_time_seconds=7200))) == (
        "the budget of the installation is reached: the cap is 7200 s of all projects' time, and they have taken "
        f"7261 s before {key}; raise MILLWRIGHT_MAX_TIME, or set MILLWRIGHT_BUDGET_PERIOD, to go on"
    )
