"""A finished build is made again from its record by the command, with no model there to be asked."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from millwright.adapters.embedded.demo_model import DemoModelServer
from millwright.adapters.embedded.demo_sampling import Completion, TaskCompletions
from millwright.adapters.embedded.stack import EmbeddedStack
from millwright.settings import Settings
from schemas.identity import Archetype
from tests.integration.demo_stack import DEADLINE_SECONDS, CountingBook, command, end, environment, finish, start
from tests.workflow.samples import DOUBLE, QUADRUPLE, SPECIFICATION, fenced

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.temporal, pytest.mark.sandbox]

PROJECT = "sums"
OTHER = fenced("def double(n: int) -> int:\n    return 2 * n\n")
REFUSED = "http://127.0.0.1:9/v1"
"""Nothing listens there, so that a request to a model would end the replay as an error."""


def book() -> CountingBook:
    """Answer the sample's two tasks."""
    answers = {"double": DOUBLE, "quadruple": QUADRUPLE}
    return CountingBook(
        [TaskCompletions(name, name, Archetype.CODER, tuple(map(Completion, texts))) for name, texts in answers.items()]
    )


def replay(home: Path) -> tuple[int, dict[str, Any]]:
    """Run the command; returns its exit code and its object."""
    ran = subprocess.run(
        command("replay", PROJECT, "--json"),
        env=environment(home, model_url=REFUSED),
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert ran.stdout.strip(), ran.stderr
    return ran.returncode, json.loads(ran.stdout)


async def damage(home: Path) -> None:
    """Change the text of the stored answers for one part."""
    async with EmbeddedStack(Settings(home=home), ui=False, handle_signals=False) as state:
        assert state.database_url is not None
        engine = sqlalchemy.create_engine(state.database_url)
        with engine.begin() as connection:
            changed = connection.execute(
                sqlalchemy.text("update completions set text = :text where path = 'root.double'"), {"text": OTHER}
            )
            assert changed.rowcount > 0
        engine.dispose()


def test_a_build_is_made_again_from_its_record_and_a_damaged_record_is_told(tmp_path: Path) -> None:
    """The same bytes without one request; with an answer changed, the file that is not the same is named."""
    specification, home = tmp_path / "sums.yaml", tmp_path / "home"
    specification.write_text(SPECIFICATION, encoding="utf-8")
    counting = book()
    arguments = ["build", "--spec", str(specification), "--project", PROJECT, "--k", "2", "--proposals", "0"]
    with DemoModelServer(counting) as server:
        process = start([*arguments, "--reviews", "0"], environment(home, model_url=server.url), tmp_path / "log")
        try:
            finish(process, tmp_path / "log")
        finally:
            end(process)
        asked = counting.answered
        code, found = replay(home)
        assert (code, found["identical"], found["differing"]) == (0, True, []), found
        assert found["answers"] == asked == counting.answered
    asyncio.run(damage(home))
    code, found = replay(home)
    assert (code, found["identical"]) == (1, False)
    assert "sums/double.py" in " ".join(found["differing"])
