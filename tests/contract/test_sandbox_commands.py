"""What every sandbox promises of commands, held against the bubblewrap engine.

No command here needs a tool but the interpreter.
"""

import pytest

from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.errors import BadInput
from schemas.execution import CommandRequest, Ending, Limits
from tests.contract.sandbox_fixtures import descendants

pytestmark = pytest.mark.sandbox


async def test_a_command_runs_over_files_and_brings_outputs_back(sandbox: BubblewrapSandbox) -> None:
    """Files go in, streams, status and outputs come out; folders bring back what is in them."""
    source = """
import os, subprocess, sys
print("hello"); print("oops", file=sys.stderr)
os.makedirs("dist/deep")
open("dist/a.bin", "wb").write(b"\\x00\\xff")
open("dist/deep/b.txt", "w").write(open("data/in.txt").read().upper())
os.symlink("/etc/passwd", "link")
subprocess.run([sys.executable, "-c", "open('child', 'w').write('1')"], check=True)
sys.exit(3)
"""
    report = await sandbox.run(
        CommandRequest(
            files={"build.py": source, "data/in.txt": "caf\u00e9"},
            argv=("python", "build.py"),
            outputs=("dist", "link", "missing", "child"),
        )
    )
    assert (report.exit_status, report.ending, report.stdout, report.stderr) == (
        3,
        Ending.COMPLETED,
        "hello\n",
        "oops\n",
    )
    assert report.files == {"dist/a.bin": b"\x00\xff", "dist/deep/b.txt": "CAF\u00c9".encode(), "child": b"1"}


async def test_a_command_sees_the_verifiers_packages_only_when_asked(sandbox: BubblewrapSandbox) -> None:
    """Packages are importable with ``with_packages``; then a test suite can be run."""
    files = {"test_x.py": "def test_x(): assert 1 + 1 == 2"}
    argv = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_x.py")
    with_them = await sandbox.run(CommandRequest(files=files, argv=argv, with_packages=True))
    assert (with_them.exit_status, "1 passed" in with_them.stdout) == (0, True), with_them.stderr
    without = await sandbox.run(CommandRequest(files={}, argv=("python", "-c", "import pydantic")))
    assert without.exit_status == 1


async def test_a_command_is_confined_and_bounded(sandbox: BubblewrapSandbox) -> None:
    """No network, no host, no end of time, memory or processes."""
    probe = """
import os, socket, sys
try:
    socket.create_connection(("192.0.2.1", 80), 1); sys.exit("network")
except OSError: pass
for path in ("/etc/passwd", "/root", "/home", "/proc/1"):
    if os.path.exists(path): sys.exit(path)
try:
    open("/usr/x", "w"); sys.exit("written")
except OSError: pass
"""
    assert (await sandbox.run(CommandRequest(files={"p.py": probe}, argv=("python", "p.py")))).stderr == ""
    limits = Limits(wall_seconds=1.5, memory_bytes=256 << 20)
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    before = descendants()
    stopped = await sandbox.run(CommandRequest(files={"b.py": bomb}, argv=("python", "b.py"), limits=limits))
    assert (stopped.ending, stopped.exit_status, descendants()) == (Ending.TIMED_OUT, -9, before)
    flood = "while True: print('x' * 1000)"
    flooding = await sandbox.run(CommandRequest(files={"b.py": flood}, argv=("python", "b.py"), limits=limits))
    assert (flooding.ending, len(flooding.stdout)) == (Ending.TIMED_OUT, 64 * 1024)
    missing = await sandbox.run(CommandRequest(files={}, argv=("no-such-program",)))
    assert (missing.exit_status, "no-such-program" in missing.stderr) == (127, True)


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "", "a\0b"])
async def test_a_path_out_of_the_scratch_directory_is_refused(sandbox: BubblewrapSandbox, path: str) -> None:
    """Neither files nor outputs may lead out."""
    with pytest.raises(BadInput, match="scratch directory"):
        await sandbox.run(CommandRequest(files={path: "x"}, argv=("python",)))
    with pytest.raises(BadInput, match="scratch directory"):
        await sandbox.run(CommandRequest(files={}, argv=("python",), outputs=(path,)))
