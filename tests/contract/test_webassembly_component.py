"""How the WebAssembly engine's component is built, kept, shared and refused.

The programs that run in it are tested elsewhere.
"""

import importlib.util
import os
import shutil
import threading
import time
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from millwright.adapters.sandbox.webassembly import component
from millwright.adapters.sandbox.webassembly.sandbox import WebAssemblySandbox
from millwright.errors import SandboxUnavailable
from tests.contract.test_webassembly import cache

FAILS = "import sys; print('no', 'room'); sys.exit(3)"


async def check(folder: Path) -> None:
    """Check an engine of its own over a folder."""
    engine = WebAssemblySandbox(folder, slots=1)
    try:
        await engine.check()
    finally:
        engine.close()


def names(folder: Path) -> list[str]:
    """List what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
async def built() -> Path:
    """Name the folder of the component, which is built if it was not."""
    await check(cache())
    folders = [folder for folder in cache().iterdir() if folder.name == component._key(component._sources())]
    assert len(folders) == 1
    return folders[0]


async def test_a_component_that_was_built_is_used_as_it_is(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second engine, as of another process, builds nothing."""
    monkeypatch.setattr(component, "_BUILD", FAILS)
    started = time.monotonic()
    await check(built.parent)
    assert time.monotonic() - started < 5


@pytest.mark.slow
async def test_what_cannot_be_loaded_is_compiled_anew(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of another version, or a broken one, is replaced; the component itself is not built again."""
    monkeypatch.setattr(component, "_BUILD", FAILS)
    folder = tmp_path / built.name
    folder.mkdir()
    shutil.copy(built / "inside.wasm", folder)
    compiled = next(name for name in names(built) if name.endswith(".compiled"))
    (folder / compiled).write_bytes(b"broken")
    left = folder / "build-left"
    left.mkdir()
    await check(tmp_path)
    assert names(folder) == sorted([compiled, "inside.wasm", "lock"])
    assert (folder / compiled).stat().st_size > 1_000_000


async def test_a_build_that_fails_says_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last words of the tool are in the message."""
    monkeypatch.setattr(component, "_BUILD", FAILS)
    with pytest.raises(SandboxUnavailable, match=r"status 3\): no room"):
        await check(tmp_path)
    assert names(tmp_path / names(tmp_path)[0]) == ["lock"]


async def test_a_build_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a build is bounded, and its process goes with it."""
    monkeypatch.setattr(component, "_BUILD", "import time; time.sleep(60)")
    monkeypatch.setattr(component, "_BUILD_SECONDS", 0.5)
    started = time.monotonic()
    with pytest.raises(SandboxUnavailable, match="did not end"):
        await check(tmp_path)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("missing", ["wasmtime", "componentize_py"])
async def test_a_missing_package_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """What to install stands in the message, and nothing was written."""
    find = importlib.util.find_spec

    def partial(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == missing else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", partial)
    with pytest.raises(SandboxUnavailable, match=f"lacks the package {missing}: .*pip install"):
        await check(tmp_path)
    assert names(tmp_path) == []


async def test_a_folder_that_others_may_write_to_is_not_trusted(tmp_path: Path) -> None:
    """Native code is loaded from it, so it has to be the user's own."""
    os.chmod(tmp_path, 0o777)
    with pytest.raises(SandboxUnavailable, match="others may write"):
        await check(tmp_path)


async def test_a_folder_that_cannot_be_made_is_a_fault_of_the_sandbox(tmp_path: Path) -> None:
    """It says nothing of any candidate."""
    (tmp_path / "file").touch()
    with pytest.raises(SandboxUnavailable, match="cannot be used"):
        await check(tmp_path / "file" / "cache")


async def test_only_one_process_builds_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds another at work waits, for a bounded time."""
    monkeypatch.setattr(component, "_LOCK_SECONDS", 0.3)
    folder = tmp_path / component._key(component._sources())
    folder.mkdir()
    with (
        component._lock(folder / "lock", lambda: None),
        pytest.raises(SandboxUnavailable, match="another process"),
    ):
        await check(tmp_path)


async def test_what_was_not_used_for_long_is_forgotten(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other versions' folders go after a month without use; anything else in the cache stays."""
    for folder in ("old", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "old" / "inside.wasm").touch()
    monkeypatch.setattr(component, "_KEPT_SECONDS", -1.0)
    component._forget_unused(tmp_path)
    assert names(tmp_path) == ["other"]


async def test_a_closed_engine_runs_nothing(built: Path) -> None:
    """Closing twice is harmless, and no thread is left."""
    engine = WebAssemblySandbox(built.parent, slots=3)
    await engine.check()
    engine.close()
    engine.close()
    with pytest.raises(SandboxUnavailable, match="closed"):
        await engine.check()
    assert [item.name for item in threading.enumerate() if item.name.startswith(("webassembly", "sandbox-t"))] == []
