"""What a project left in the store, and how its deliverable is written out."""

import json
from pathlib import Path

import pytest

from millwright.adapters.storage.memory import MemoryStore
from millwright.delivery import MANIFEST_NAME, deliver
from millwright.errors import BadInput, IntegrityError, NotFound
from millwright.records import Deliverable, LineStatus, Records
from schemas.digests import digest_of_bytes
from schemas.evidence import Manifest, ManifestEntry, NodeRecord, ProjectRecord
from schemas.identity import ROOT_PATH, Digest, LayerName, NodePath, ProjectId, TaskId, TaskStatus
from schemas.planning import Promises
from schemas.specification import Parameter, TaskSpecification

PROJECT = ProjectId("shop")
FILES = {"pyproject.toml": b"[project]\n", "shop/money.py": b"def parse() -> int:\n    return 1\n"}


def deliverable(files: dict[str, bytes], report: bytes | None = b"# Report\n") -> Deliverable:
    """Make a deliverable of files."""
    entries = tuple(
        ManifestEntry(path=path, digest=digest_of_bytes(content), size_bytes=len(content))
        for path, content in files.items()
    )
    manifest = Manifest(project=PROJECT, package="shop", files=entries)
    return Deliverable(manifest=manifest, digest=digest_of_bytes(b"manifest"), files=files, report=report)


async def stored_project(store: MemoryStore, statuses: dict[str, TaskStatus], **fields: object) -> Records:
    """Store a project with a group as its root and a task for each status."""
    await store.open_project(ProjectRecord(id=PROJECT, input_digest=Digest("0" * 64)).model_copy(update=fields))
    group = await store.save_specification(TaskSpecification(id=TaskId("root"), name="shop"))
    task = TaskSpecification(id=TaskId("a"), name="a", outputs=(Parameter(name="result", type_annotation="int"),))
    coded = await store.save_specification(task)
    source = await store.put(b"def a() -> int:\n    return 1\n", "text/x-python")
    children = tuple(NodePath(f"root.{name}") for name in statuses)
    root = NodeRecord(
        project=PROJECT,
        path=ROOT_PATH,
        task=TaskId("root"),
        name="shop",
        specification=group,
        children=children,
        promises=Promises(examples=3, composed=2),
    )
    nodes = [root]
    for name, status in statuses.items():
        nodes.append(
            NodeRecord(
                project=PROJECT,
                path=NodePath(f"root.{name}"),
                task=TaskId(name),
                name=name,
                parent=ROOT_PATH,
                specification=coded,
                status=status,
                artifact=source if status is TaskStatus.WON else None,
                votes=3,
                margin=3,
                samples=5,
                red_flags=1,
                rejected_by_layer={LayerName.TYPES: 1},
                estimated_lines=8,
                lines=6,
            )
        )
    await store.save_nodes(nodes)
    return Records(store, store)


async def test_a_line_has_exactly_the_documented_keys() -> None:
    """Programs read these lines by key."""
    store = MemoryStore()
    records = await stored_project(store, {"a": TaskStatus.WON})
    (line,) = await records.task_results(PROJECT)
    assert list(line.model_dump()) == [
        "task",
        "node",
        "status",
        "votes",
        "margin",
        "samples",
        "red_flags",
        "rejected_by_layer",
        "defect",
        "digest",
        "source",
    ]
    assert line.source == "def a() -> int:\n    return 1\n"
    assert line.digest == digest_of_bytes(line.source.encode())


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (TaskStatus.WON, LineStatus.WON),
        (TaskStatus.REUSED, LineStatus.WON),
        (TaskStatus.RESOLVED, LineStatus.WON),
        (TaskStatus.PARTIAL, LineStatus.PARTIAL),
        (TaskStatus.WAITING, LineStatus.WAITING),
        (TaskStatus.BLOCKED, LineStatus.FAILED),
        (TaskStatus.CANCELLED, LineStatus.FAILED),
    ],
)
async def test_every_end_is_told_in_four_words(status: TaskStatus, line: LineStatus) -> None:
    """The ten statuses of nodes become the four of results."""
    records = await stored_project(MemoryStore(), {"a": status})
    assert [found.status for found in await records.task_results(PROJECT)] == [line]


async def test_an_undecided_task_has_no_line_until_its_project_has_ended() -> None:
    """A running task has no result; one left over at the end was never won."""
    running = await stored_project(MemoryStore(), {"a": TaskStatus.RUNNING, "b": TaskStatus.WON})
    assert [line.task for line in await running.task_results(PROJECT)] == ["b"]
    assert (await running.view(PROJECT)).undecided == 1
    ended = await stored_project(MemoryStore(), {"a": TaskStatus.PENDING}, exit_code=1)
    assert [line.status for line in await ended.task_results(PROJECT)] == [LineStatus.FAILED]


async def test_groups_are_in_the_tree_but_are_not_counted() -> None:
    """A group has no code of its own."""
    records = await stored_project(MemoryStore(), {"a": TaskStatus.WON, "b": TaskStatus.FAILED})
    view = await records.view(PROJECT)
    assert (view.counts.tasks, view.counts.won, view.counts.failed) == (2, 1, 1)
    assert view.tree is not None
    assert not view.tree.has_code
    assert [child.task for child in view.tree.children] == ["a", "b"]
    assert view.tree.promises == Promises(examples=3, composed=2)
    assert [(child.estimated_lines, child.lines) for child in view.tree.children] == [(8, 6), (8, 6)]


async def test_a_missing_project_names_the_next_step() -> None:
    """An unknown id is answered by the command that lists them."""
    store = MemoryStore()
    with pytest.raises(NotFound, match="millwright list"):
        await Records(store, store).view(ProjectId("nobody"))


async def test_a_deliverable_is_read_back_whole() -> None:
    """The manifest's files come back with their bytes."""
    store = MemoryStore()
    wanted = deliverable(FILES)
    for content in FILES.values():
        await store.put(content, "text/plain")
    manifest = await store.put(wanted.manifest.model_dump_json().encode(), "application/json")
    records = await stored_project(store, {}, manifest=manifest)
    found = await records.deliverable(PROJECT)
    assert found.files == FILES
    assert found.report is None


async def test_a_manifest_with_a_wrong_size_is_refused() -> None:
    """Size and digest must both agree."""
    store = MemoryStore()
    digest = await store.put(b"abc", "text/plain")
    entry = ManifestEntry(path="a", digest=digest, size_bytes=4)
    text = Manifest(project=PROJECT, package="shop", files=(entry,)).model_dump_json()
    records = await stored_project(store, {}, manifest=await store.put(text.encode(), "application/json"))
    with pytest.raises(IntegrityError, match="3 bytes"):
        await records.deliverable(PROJECT)


def test_a_delivery_can_be_repeated(tmp_path: Path) -> None:
    """What was written once is recognised and written again without complaint."""
    first = deliver(deliverable(FILES), tmp_path / "out")
    second = deliver(deliverable(FILES), tmp_path / "out")
    assert first.files == second.files == ("REPORT.md", "pyproject.toml", "shop/money.py")
    assert (tmp_path / "out" / "shop" / "money.py").read_bytes() == FILES["shop/money.py"]
    assert json.loads((tmp_path / "out" / MANIFEST_NAME).read_text())["manifest"]["project"] == "shop"


def test_a_file_of_somebody_else_is_never_overwritten(tmp_path: Path) -> None:
    """Nothing at all is written when one file is in the way."""
    (tmp_path / "pyproject.toml").write_text("mine")
    with pytest.raises(BadInput, match=r"pyproject\.toml .*--force"):
        deliver(deliverable(FILES), tmp_path)
    assert (tmp_path / "pyproject.toml").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]
    deliver(deliverable(FILES), tmp_path, force=True)
    assert (tmp_path / "pyproject.toml").read_bytes() == FILES["pyproject.toml"]


def test_a_file_changed_since_is_never_overwritten(tmp_path: Path) -> None:
    """A delivered file that was edited belongs to whoever edited it."""
    deliver(deliverable(FILES), tmp_path)
    (tmp_path / "shop" / "money.py").write_text("edited")
    with pytest.raises(BadInput, match=r"shop/money\.py"):
        deliver(deliverable({**FILES, "shop/money.py": b"new"}), tmp_path)
    assert (tmp_path / "shop" / "money.py").read_text() == "edited"


def test_untouched_files_follow_a_new_deliverable(tmp_path: Path) -> None:
    """Ours are replaced and removed; what was edited, and what is not ours, stays."""
    files = {**FILES, "shop/old.py": b"old", "deep/er/gone.py": b"gone"}
    deliver(deliverable(files), tmp_path)
    (tmp_path / "shop" / "old.py").write_text("edited")
    (tmp_path / "notes.txt").write_text("mine")
    written = deliver(deliverable({"pyproject.toml": b"new"}, report=b"second"), tmp_path)
    assert written.removed == ("deep/er/gone.py", "shop/money.py")
    assert written.left == ("shop/old.py",)
    assert (tmp_path / "pyproject.toml").read_bytes() == b"new"
    assert (tmp_path / "REPORT.md").read_bytes() == b"second"
    assert not (tmp_path / "deep").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("path", ["../out.py", "/etc/x", "a/../../b", "a//b", "./a", MANIFEST_NAME, "a\\b", ""])
def test_a_path_that_leaves_the_directory_is_refused(tmp_path: Path, path: str) -> None:
    """A manifest is data: its paths are checked before anything is written."""
    with pytest.raises(IntegrityError, match="does not stay"):
        deliver(deliverable({path: b"x"}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bytes_that_do_not_match_are_not_written(tmp_path: Path) -> None:
    """Every digest is checked before the first file is written."""
    found = deliverable(FILES)
    broken = found.model_copy(update={"files": {**FILES, "pyproject.toml": b"other"}})
    with pytest.raises(IntegrityError, match="nothing was written"):
        deliver(broken, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_are_not_followed_out_of_the_directory(tmp_path: Path) -> None:
    """A link inside the directory must not make a delivery write elsewhere, forced or not."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (inside / "shop").symlink_to(outside)
    with pytest.raises(BadInput, match="in the way"):
        deliver(deliverable(FILES), inside, force=True)
    assert list(outside.iterdir()) == []


def test_a_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """--into must name a directory."""
    (tmp_path / "out").write_text("a file")
    with pytest.raises(BadInput, match="not a directory"):
        deliver(deliverable(FILES), tmp_path / "out")


@pytest.mark.parametrize("force", [False, True])
def test_a_directory_in_the_place_of_the_record_is_seen_before_anything_is_written(tmp_path: Path, force: bool) -> None:
    """All or nothing: a delivery whose record cannot be written writes no file either."""
    (tmp_path / MANIFEST_NAME).mkdir()
    with pytest.raises(BadInput, match="in the way of the record"):
        deliver(deliverable({"double.py": b"x = 1\n"}), tmp_path, force=force)
    assert [found.name for found in tmp_path.iterdir()] == [MANIFEST_NAME]


def test_a_report_of_the_deliverable_itself_comes_first(tmp_path: Path) -> None:
    """Where the manifest lists a REPORT.md, that file is written and not the stored report."""
    deliver(deliverable({"REPORT.md": b"listed"}, report=b"stored"), tmp_path)
    assert (tmp_path / "REPORT.md").read_bytes() == b"listed"
