"""Telling people by a program, with real programs: what they are given, what they may say, and that none stays."""

import asyncio
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from millwright.adapters.notification.command import CommandNotifier
from millwright.errors import MillwrightError, NotifierRefused, NotifierUnavailable
from schemas.people import Notice
from tests.notices import notice

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/home/ada",
    "LC_ALL": "C.UTF-8",
    "https_proxy": "http://proxy:1",
    "MILLWRIGHT_DATABASE_URL": "postgresql://u:hush@db/x",
    "MILLWRIGHT_NOTIFY_SECRET": "hush",
    "MILLWRIGHT_NOTIFY_URL": "https://h/hush",
    "MILLWRIGHT_MODEL_KEY": "hush",
    "SOMEBODYS_KEY": "hush",
    "TEMPORAL_API_KEY": "hush",
    "PATHOLOGICAL": "hush",
}


def program(folder: Path, text: str) -> str:
    """Write a shell script that can be run."""
    file = folder / "tell people"
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(stat.S_IRWXU)
    return str(file)


async def tell(*command: str, given: Notice | None = None, seconds: float = 20.0) -> None:
    """Tell of a notice by a program."""
    await CommandNotifier(command, ENVIRONMENT, timeout_seconds=seconds).notify(given or notice())


async def failure(*command: str, seconds: float = 20.0) -> MillwrightError:
    """Return how telling by a program fails, in one line."""
    with pytest.raises(MillwrightError) as caught:
        await tell(*command, seconds=seconds)
    assert "\n" not in str(caught.value)
    assert "hush" not in str(caught.value)
    return caught.value


def runs(pid: int) -> bool:
    """Say whether a process runs; a killed one may stay a zombie until whoever adopted it looks."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status != "Z"


async def until(holds: Callable[[], bool]) -> bool:
    """Wait until something holds, for ten seconds at most."""
    for _ in range(500):
        if holds():
            return True
        await asyncio.sleep(0.02)
    return holds()


async def is_gone(file: Path) -> bool:
    """Wait until the process whose id a file holds has ended."""
    return await until(lambda: not runs(int(file.read_text(encoding="ascii"))))


async def test_a_program_is_given_the_notice(tmp_path: Path) -> None:
    """The same JSON as a webhook's on its input, the fields that scripts want in its environment, its own arguments."""
    script = program(tmp_path, 'cat >"$1/given"; env -0 >"$1/environment"; printf %s "$2" >"$1/argument"')
    await tell(script, str(tmp_path), "$(id) `id` *")
    given = (tmp_path / "given").read_bytes()
    assert given.splitlines(keepends=True) == [given]
    assert given.endswith(b"\n")
    tree = json.loads(given)
    text = tree.pop("text")
    assert Notice.model_validate(tree) == notice()
    assert (tmp_path / "argument").read_text(encoding="utf-8") == "$(id) `id` *"
    variables = dict(
        entry.split("=", 1) for entry in (tmp_path / "environment").read_text(encoding="utf-8").split("\0") if entry
    )
    told = {name.removeprefix("MILLWRIGHT_NOTICE_"): value for name, value in variables.items() if "NOTICE" in name}
    assert told == {
        "EVENT": "opened",
        "PROJECT": "sums",
        "QUESTION": "root.quadruple/1",
        "COMMAND": "millwright answer sums/root.quadruple/1 A",
        "ASSIGNEE": "ada",
        "TEXT": text,
    }


async def test_a_program_gets_no_secret(tmp_path: Path) -> None:
    """It has what finds programs and the network, and nothing whose name is not known to be harmless."""
    script = program(tmp_path, 'env -0 >"$1"')
    await tell(script, str(tmp_path / "environment"))
    variables = (tmp_path / "environment").read_text(encoding="utf-8")
    assert "hush" not in variables
    names = {entry.partition("=")[0] for entry in variables.split("\0")}
    assert {"PATH", "HOME", "LC_ALL", "https_proxy"} < names
    assert not {"SOMEBODYS_KEY", "PATHOLOGICAL", "TEMPORAL_API_KEY"} & names


async def test_any_text_can_be_told(tmp_path: Path) -> None:
    """What no variable can hold is replaced in the variables, and whole in the JSON."""
    script = program(tmp_path, 'cat >"$1/given"; printf %s "$MILLWRIGHT_NOTICE_ASSIGNEE" >"$1/assignee"')
    await tell(script, str(tmp_path), given=notice(assignee="a\x00\ud800 é\n", text="x" * 500_000))
    assert (tmp_path / "assignee").read_text(encoding="utf-8") == "a\ufffd\ufffd é\n"
    assert json.loads((tmp_path / "given").read_bytes())["question"]["assignee"] == "a\x00\ud800 é\n"


async def test_a_program_need_not_read_what_it_is_given() -> None:
    """A notice larger than a pipe is no reason to wait."""
    await tell("true", given=notice(text="x" * 500_000))


@pytest.mark.parametrize(
    ("script", "kind", "said"),
    [
        ("exit 75", NotifierUnavailable, "ended with exit code 75"),
        ("echo no line >&2; exit 75", NotifierUnavailable, "ended with exit code 75: no line"),
        ("exit 1", NotifierRefused, "ended with exit code 1"),
        ("printf 'first\\nno \\033[31maddress\\n\\n \\n' >&2; exit 3", NotifierRefused, "exit code 3: no [31maddress"),
        ("printf 'x%.0s' $(seq 1000) >&2; exit 3", NotifierRefused, f"exit code 3: {'x' * 199}…"),
        ("printf '\\377 bytes' >&2; exit 3", NotifierRefused, "exit code 3: \ufffd bytes"),
        ("yes line | head -c 300000 >&2; echo last >&2; exit 3", NotifierRefused, "exit code 3: last"),
        ("kill -KILL $$", NotifierRefused, "ended with signal 9"),
        ("exit 127", NotifierRefused, "ended with exit code 127"),
    ],
)
async def test_the_exit_code_says_how_it_went(
    tmp_path: Path, script: str, kind: type[MillwrightError], said: str
) -> None:
    """75 is to be tried again, anything else but 0 is a refusal; the last line of its errors is the reason."""
    error = await failure(program(tmp_path, script))
    assert isinstance(error, kind)
    assert str(error).endswith(said)


async def test_a_program_that_cannot_be_run_is_a_refusal(tmp_path: Path) -> None:
    """It is not there, is a folder, may not be run, is no program, or its interpreter is not there."""
    (tmp_path / "text").write_text("no program", encoding="utf-8")
    (tmp_path / "garbled").write_bytes(b"\x7fELF no program")
    (tmp_path / "orphan").write_text("#!/nowhere/sh\n", encoding="utf-8")
    for name in ("garbled", "orphan"):
        (tmp_path / name).chmod(stat.S_IRWXU)
    for path in ("no-such-program-anywhere", *(str(tmp_path / name) for name in ("", "text", "garbled", "orphan"))):
        error = await failure(path)
        assert isinstance(error, NotifierRefused), path
        assert "cannot be run: " in str(error)
        assert "check MILLWRIGHT_NOTIFY_COMMAND" in str(error)


async def test_a_program_that_does_not_end_is_killed_with_all_it_started(tmp_path: Path) -> None:
    """Neither itself, however deaf it makes itself, nor its children and theirs outlive the limit."""
    script = program(
        tmp_path,
        f"""trap '' TERM INT HUP
        cd '{tmp_path}'
        echo $$ >self
        sh -c 'echo $$ >child; sh -c "echo \\$\\$ >grandchild; sleep 600" & wait' &
        while ! [ -s grandchild ]; do sleep 0.01; done
        sleep 600 & wait""",
    )
    error = await failure(script, seconds=5.0)
    assert isinstance(error, NotifierUnavailable)
    assert "did not end in 5 s" in str(error)
    for name in ("self", "child", "grandchild"):
        assert await is_gone(tmp_path / name), name


async def test_what_a_program_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    """A child in the background that holds its output delays nobody, and is gone when the program is."""
    script = program(tmp_path, f"sleep 600 & echo $! >'{tmp_path}/child'; exit 0")
    await tell(script)
    assert await is_gone(tmp_path / "child")


async def test_a_child_that_leaves_the_group_delays_nobody(tmp_path: Path) -> None:
    """It keeps the program's errors open from a session of its own: the outcome does not wait for it."""
    script = program(
        tmp_path,
        f"setsid sh -c 'echo $$ >{tmp_path}/child; exec sleep 60' & while ! [ -s '{tmp_path}/child' ]; do :; done; "
        "echo left >&2; exit 3",
    )
    pid = 0
    try:
        error = await asyncio.wait_for(failure(script), 20)
        assert str(error).endswith("exit code 3: left")
        pid = int((tmp_path / "child").read_text(encoding="ascii"))
        assert runs(pid)
    finally:
        if pid:
            os.kill(pid, 9)


async def test_a_telling_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    """An answer that comes while people are told ends the telling."""
    script = program(tmp_path, f"echo $$ >'{tmp_path}/self'; sleep 600")
    telling = asyncio.create_task(tell(script))
    assert await until(lambda: (tmp_path / "self").exists() and (tmp_path / "self").stat().st_size > 0)
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling
    assert await is_gone(tmp_path / "self")


def test_arguments_are_not_shown() -> None:
    """They may hold a token."""
    assert repr(CommandNotifier(["tell", "--token=hush"], ENVIRONMENT)) == "CommandNotifier('tell')"
