"""`millwright diff`, over files and over what a store holds."""

import asyncio
import json
from pathlib import Path

import pytest

from millwright.commandline.application import run
from schemas.identity import ProjectId, TaskStatus
from schemas.reuse import Revision
from tests.unit.commandline_fakes import TASKS, Pretended, one_line, store_project

CHANGED = TASKS.replace("Double a number.", "Double a number, whatever it is.")
CALLED = """
  - id: quadruple
    name: quadruple
    dependencies: [double]
    inputs: [{name: n, type_annotation: int}]
    outputs: [{name: result, type_annotation: int}]
    test_cases: [{name: two, inputs: {n: 2}, expected_output: 8}]
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Two tasks, and the same with one changed."""
    before, after = tmp_path / "before.yaml", tmp_path / "after.yaml"
    before.write_text(TASKS + CALLED)
    after.write_text(CHANGED + CALLED)
    return str(before), str(after)


def test_two_files_are_compared_without_any_service(
    composition: Pretended, files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What would be built and why, what is verified again for it, and in one line how many of each."""
    assert run(["diff", *files], composition) == 1
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines() if line.startswith("root.")]
    assert rows == [["root.double", "changed", "description"], ["root.quadruple", "verified", "again", "root.double"]]
    assert "1 of 2 parts to be built, 1 verified again, 0 used again as they are, 0 left out" in out
    assert run(["diff", files[0], files[0]], composition) == 0
    assert capsys.readouterr().out.splitlines() == [
        "0 of 2 parts to be built, 0 verified again, 2 used again as they are, 0 left out"
    ]
    assert composition.sessions == 0


def test_a_difference_is_one_object_for_programs(
    composition: Pretended, files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every part with what becomes of it, and the counts."""
    assert run(["diff", *files, "--json"], composition) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["counts"] == {"changed": 1, "verified_again": 1}
    assert told["nodes"] == [
        {"path": "root.double", "name": "double", "change": "changed", "why": ["description"]},
        {"path": "root.quadruple", "name": "quadruple", "change": "verified_again", "why": ["root.double"]},
    ]


def test_a_project_is_compared_as_it_stands_or_stood(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its newest revision by its id alone, an earlier one by its number; neither needs a stack."""
    store, shop = composition.store, ProjectId("shop")
    asyncio.run(store_project(store, shop, TaskStatus.WON, 0))

    async def supersede() -> None:
        ended = await store.project(shop)
        nodes = await store.nodes(shop)
        await store.supersede(Revision(project=ended, nodes=nodes), ended.model_copy(update={"revision": 2}))
        await store.save_nodes([node.model_copy(update={"status": TaskStatus.FAILED}) for node in nodes])

    asyncio.run(supersede())
    assert run(["diff", "shop@1", "shop@2"], composition) == 0
    assert run(["diff", "shop@2", "shop@1"], composition) == 1
    assert "it was failed" in capsys.readouterr().out
    assert composition.sessions == 0
    assert run(["report", "shop@1"], composition) == 0
    assert capsys.readouterr().out == "# Report\n"
    assert run(["fetch", "shop@1", "--into", str(tmp_path / "out")], composition) == 0
    assert (tmp_path / "out" / "double.py").is_file()
    assert run(["status", "shop"], composition) == 0
    assert "revision 2" in capsys.readouterr().out
    for name, words in (
        ("shop@3", "shop has no revision 3: its newest is 2"),
        ("shop@x", "names no revision: write it as shop@1"),
        ("nobody", "millwright list"),
        ("No Such", "is not a project id"),
    ):
        assert run(["diff", "shop", name], composition) == 2
        assert words in one_line(capsys)


def test_prose_is_refused_with_what_to_do_instead(
    composition: Pretended, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a changed sentence touches is known once it was specified."""
    assert run(["diff", str(requirements), str(requirements)], composition) == 2
    assert "build it under its project's id" in one_line(capsys)
