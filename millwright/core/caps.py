"""What becomes of a project's caps where a person lets it go on past them, and how they are put into words.

It keeps no books and reads no clock: the ledger says when a cap is reached, and the workflow how long was waited.
"""

from schemas.models import Budget

OF_INSTALLATION = "MILLWRIGHT_MAX_"
"""Begins the name of the setting that a message about a cap of the installation names; approval raises none."""


def is_of_installation(reached: str) -> bool:
    """Say whether the cap that a message names is one over all projects, which no project's approval can raise."""
    return OF_INSTALLATION in reached


def raised(current: Budget, first: Budget, given: Budget | None = None, *, waited_seconds: float = 0.0) -> Budget:
    """Return a project's caps from now on.

    A cap that ``given`` names becomes what it says, and the others stay. Without ``given`` each cap grows by what it
    was at ``first``. Time counts from the project's start, so the seconds that a person was waited for are added to its
    cap, unless ``given`` names it.
    """
    if given is not None:
        named = {name: value for name, value in given if value is not None}
        kept = _later(current, waited_seconds)
        return kept.model_copy(update=named)
    grown = {
        name: value + more
        for (name, value), (_, more) in zip(current, first, strict=True)
        if value is not None and more is not None
    }
    return _later(current.model_copy(update=grown), waited_seconds)


def described(budget: Budget) -> str:
    """Say what the caps are, in a line."""
    parts = [
        f"{budget.max_calls} calls" if budget.max_calls is not None else "",
        f"{budget.max_tokens} tokens" if budget.max_tokens is not None else "",
        f"{budget.max_cost:g} in cost" if budget.max_cost is not None else "",
        f"{budget.max_time_seconds:.0f} s" if budget.max_time_seconds is not None else "",
    ]
    return ", ".join(part for part in parts if part) or "none"


def _later(budget: Budget, seconds: float) -> Budget:
    """Move the cap on time, where there is one."""
    if budget.max_time_seconds is None:
        return budget
    return budget.model_copy(update={"max_time_seconds": budget.max_time_seconds + seconds})
