"""Fixtures of the fault campaign, and its table: what each case cost, beside the build without faults."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.faults.building import Outcome, build
from tests.faults.sample import TASKS, answers
from tests.faults.server import FaultyEndpoint

FIGURES = "fault campaign"
CALM = "no fault"
Shown = Callable[[str, Outcome, Outcome], None]

_HEAD = ("case", "requests", "ratio", "faults met", "ledger", "wall s", "exit")


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Build the project without any fault, once in each process that runs tests."""
    return asyncio.run(build(tmp_path_factory.mktemp("calm") / "build", TASKS, FaultyEndpoint(answers())))


@pytest.fixture
def shown(record_property: Callable[[str, object], None]) -> Shown:
    """Return what puts a case's figures into the table, beside those without faults."""

    def show(case: str, outcome: Outcome, calm: Outcome) -> None:
        record_property(FIGURES, _row(CALM, calm, calm))
        record_property(FIGURES, _row(case, outcome, calm))

    return show


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, of all processes that ran tests."""
    rows = {row[0]: row for row in _rows(terminalreporter)}
    if not rows:
        return
    terminalreporter.section(FIGURES)
    for row in (_HEAD, *sorted(rows.values(), key=lambda row: row[0] != CALM)):
        terminalreporter.write_line("| " + " | ".join(row) + " |")


def _rows(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, ...]]:
    for outcome in ("passed", "failed"):
        for report in reporter.stats.get(outcome, []):
            for name, row in report.user_properties:
                if name == FIGURES:
                    yield tuple(map(str, row))


def _row(case: str, outcome: Outcome, calm: Outcome) -> list[str]:
    faults = ", ".join(f"{name} {number}" for name, number in sorted(outcome.injected.items()))
    statuses = ", ".join(f"{number} {name}" for name, number in sorted(outcome.statuses.items()))
    ratio = f"{outcome.requests / calm.requests:.2f}"
    return [
        case,
        str(outcome.requests),
        ratio,
        faults or "none",
        statuses,
        f"{outcome.seconds:.0f}",
        str(outcome.exit_code),
    ]
