"""Writes a forecast in words: how sure, at what margins, how it was corrected, and how far off it was.

It computes no forecast; the figures are those that were stored.
"""

from collections.abc import Sequence

from millwright.core.estimation import duration
from schemas.evidence import Forecast, PlannedKind

_MOST_KINDS = 8


def foretold(forecast: Forecast) -> list[str]:
    """Write the paragraphs of a report: what was expected, what was planned, what stood against it, how it came out."""
    lines = [f"Forecast: {figures(forecast)}, k = {forecast.k}. {forecast.basis}"]
    if forecast.corrections:
        lines.append(f"The forecast was {forecast.corrections}.")
    if planned := certainty(forecast):
        lines.append(f"Planned: {planned}. {margins(forecast.kinds)}.")
    lines += [f"Against the plan: {note}." for note in forecast.notes]
    if off := error(forecast):
        lines.append(f"It took: {off}.")
    return lines


def certainty(forecast: Forecast) -> str:
    """Say how likely all tasks are right, as far as votes are independent; empty where that was not planned."""
    if forecast.success is None or forecast.target is None:
        return ""
    low, high = forecast.success_range
    return (
        f"all tasks are right with probability {forecast.success:.3f} ({low:.3f} to {high:.3f}) if votes err "
        f"independently and p is a standard deviation worse than believed; {forecast.target:g} is wanted"
    )


def margins(kinds: Sequence[PlannedKind]) -> str:
    """Say which kind of task gets which margin, and from what p."""
    shown = [
        f"k = {kind.k} for {kind.tasks:,} tasks ({kind.name}; p taken as {kind.p:.2f}, {kind.p_range[0]:.2f} to "
        f"{kind.p_range[1]:.2f})"
        for kind in kinds[:_MOST_KINDS]
    ]
    rest = len(kinds) - _MOST_KINDS
    return "; ".join(shown) + (f"; and {rest} kinds more" if rest > 0 else "")


def figures(forecast: Forecast) -> str:
    """Write the expected figures with their intervals in one sentence."""
    counts = [
        f"{getattr(forecast, name):,} {name} ({getattr(forecast, f'{name}_range')[0]:,} to "
        f"{getattr(forecast, f'{name}_range')[1]:,})"
        for name in ("tasks", "calls", "tokens")
    ]
    low, high = forecast.wall_seconds_range
    return f"{', '.join(counts)}, {duration(forecast.wall_seconds)} ({duration(low)} to {duration(high)})"


def error(forecast: Forecast) -> str:
    """Say how far off the forecast was, figure by figure; empty while nothing is known of that."""
    actual = forecast.actual
    if actual is None:
        return ""
    shown = [
        f"{name} {was:,} for {expected:,}{_ratio(was, expected)}{_outside(was, bounds)}"
        for name, was, expected, bounds in (
            ("lines", actual.lines, forecast.lines, forecast.lines_range),
            ("tasks", actual.tasks, forecast.tasks, forecast.tasks_range),
            ("calls", actual.calls, forecast.calls, forecast.calls_range),
            ("tokens", actual.tokens, forecast.tokens, forecast.tokens_range),
        )
    ]
    if actual.seconds is not None:
        was, expected = actual.seconds, forecast.wall_seconds
        outside = _outside(was, forecast.wall_seconds_range)
        shown.append(f"time {duration(was)} for {duration(expected)}{_ratio(was, expected)}{outside}")
    if forecast.cost or actual.cost:
        shown.append(f"cost {actual.cost:,.4f} for {forecast.cost:,.4f}{_ratio(actual.cost, forecast.cost)}")
    return ", ".join(shown)


def _ratio(was: float, expected: float) -> str:
    return f" (×{was / expected:.2f})" if expected else ""


def _outside(was: float, bounds: tuple[float, float]) -> str:
    return "" if bounds[0] <= was <= bounds[1] else ", outside its interval"
