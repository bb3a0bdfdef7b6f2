"""What the ledger counts, and when it refuses: sums, periods, and the caps of a project and of an installation.

It keeps nothing and reads no clock.

Sums of money are whole nano-dollars (10^-9 of the price list's currency): sums of doubles depend on their order, so a
total from which the same figures are added and taken away again would drift away from its rows; integers do not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from millwright.errors import BudgetReached
from schemas.models import Budget, InstallationBudget, LedgerEntry, LedgerStatus, Period, Spend

NANO = 1_000_000_000
EVER = date(1970, 1, 1)
"""Where the period that never ends is taken to begin."""


@dataclass(frozen=True)
class Sums:
    """So many requests, their tokens, and what they cost in nano-dollars."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    nano_cost: int = 0

    def plus(self, other: "Sums") -> "Sums":
        """Add other sums to these."""
        return Sums(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.nano_cost + other.nano_cost,
        )

    def minus(self, other: "Sums") -> "Sums":
        """Take other sums away from these."""
        return self.plus(Sums(-other.calls, -other.prompt_tokens, -other.completion_tokens, -other.nano_cost))

    def spend(self) -> Spend:
        """Write the sums as a spend."""
        return Spend(
            calls=self.calls,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cost=self.nano_cost / NANO,
        )


@dataclass(frozen=True)
class Account:
    """What was spent, and what is reserved and not concluded yet."""

    spent: Sums = Sums()
    reserved: Sums = Sums()

    @property
    def used(self) -> Sums:
        """What counts against a cap."""
        return self.spent.plus(self.reserved)

    def plus(self, other: "Account") -> "Account":
        """Add another account to this one."""
        return Account(self.spent.plus(other.spent), self.reserved.plus(other.reserved))

    def minus(self, other: "Account") -> "Account":
        """Take another account away from this one."""
        return Account(self.spent.minus(other.spent), self.reserved.minus(other.reserved))


def nanos(cost: float) -> int:
    """Return a cost in nano-dollars, rounded half to even, as Postgres rounds doubles."""
    return round(cost * NANO)


def sums_of(entry: LedgerEntry) -> Sums:
    """Return the figures of one ledger entry, whatever its state."""
    return Sums(1, entry.prompt_tokens, entry.completion_tokens, nanos(entry.cost))


def account_of(entry: LedgerEntry) -> Account:
    """Return what one ledger entry counts as: a released one as nothing."""
    if entry.status is LedgerStatus.RELEASED:
        return Account()
    if entry.status is LedgerStatus.RESERVED:
        return Account(reserved=sums_of(entry))
    return Account(spent=sums_of(entry))


def total(entries: Iterable[LedgerEntry]) -> Account:
    """Sum what ledger entries count as."""
    summed = Account()
    for entry in entries:
        summed = summed.plus(account_of(entry))
    return summed


def is_capped(budget: Budget) -> bool:
    """Tell whether a budget caps what the ledger counts; a project's time is watched by whoever holds its clock."""
    return any(cap is not None for cap in (budget.max_calls, budget.max_tokens, budget.max_cost))


def limits_installation(installation: InstallationBudget) -> bool:
    """Tell whether an installation has any cap, one on time included."""
    return is_capped(installation) or installation.max_time_seconds is not None


def period_start(period: Period, day: date) -> date:
    """Return the first day of the period that ``day`` lies in; weeks begin on Mondays (ISO 8601)."""
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)
        case Period.EVER:
            return EVER


def demand_room(used: Sums, entry: LedgerEntry, budget: Budget) -> None:
    """Check that a project's budget has room for ``entry`` on top of ``used``.

    Raises:
        BudgetReached: it has not.
    """
    passed = _passed(used, sums_of(entry), budget)
    if passed is not None:
        raise BudgetReached(
            f"the budget of project {entry.key.project!r} is reached: the cap is {passed.cap}, {passed.used} used or "
            f"reserved, and {entry.key} asks for {passed.asked}; raise --max-{passed.name} to go on"
        )


def demand_room_for_all(used: Sums, entry: LedgerEntry, budget: InstallationBudget) -> None:
    """Check that an installation's budget has room for ``entry`` on top of ``used``.

    Raises:
        BudgetReached: it has not.
    """
    passed = _passed(used, sums_of(entry), budget)
    if passed is not None:
        raise BudgetReached(
            f"the budget of the installation is reached: the cap is {passed.cap}{_each(budget.period)}, {passed.used} "
            f"used or reserved by all projects, and {entry.key} asks for {passed.asked}; "
            f"{_remedy(f'MILLWRIGHT_MAX_{passed.name.upper()}', budget.period)}"
        )


def demand_time_for_all(seconds: float, entry: LedgerEntry, budget: InstallationBudget) -> None:
    """Check that all projects together have not run as long yet as an installation's budget allows.

    Raises:
        BudgetReached: they have.
    """
    cap = budget.max_time_seconds
    if cap is not None and seconds >= cap:
        raise BudgetReached(
            f"the budget of the installation is reached: the cap is {cap:g} s of all projects' time"
            f"{_each(budget.period)}, and they have taken {seconds:.0f} s before {entry.key}; "
            f"{_remedy('MILLWRIGHT_MAX_TIME', budget.period)}"
        )


@dataclass(frozen=True)
class _Passed:
    name: str
    cap: str
    used: str
    asked: str


def _passed(used: Sums, asked: Sums, budget: Budget) -> _Passed | None:
    used_tokens, asked_tokens = (sums.prompt_tokens + sums.completion_tokens for sums in (used, asked))
    if budget.max_calls is not None and used.calls + asked.calls > budget.max_calls:
        return _Passed("calls", f"{budget.max_calls} calls", f"{used.calls}", f"{asked.calls}")
    if budget.max_tokens is not None and used_tokens + asked_tokens > budget.max_tokens:
        return _Passed("tokens", f"{budget.max_tokens} tokens", f"{used_tokens}", f"{asked_tokens}")
    if budget.max_cost is not None and used.nano_cost + asked.nano_cost > nanos(budget.max_cost):
        shown = f"{used.nano_cost / NANO:.6g}", f"{asked.nano_cost / NANO:.6g}"
        return _Passed("cost", f"a cost of {budget.max_cost:g}", *shown)
    return None


def _each(period: Period) -> str:
    return "" if period is Period.EVER else f" a {period.value}"


def _remedy(variable: str, period: Period) -> str:
    if period is Period.EVER:
        return f"raise {variable}, or set MILLWRIGHT_BUDGET_PERIOD, to go on"
    return f"raise {variable}, or wait for the next {period.value} (MILLWRIGHT_BUDGET_PERIOD, in UTC)"
