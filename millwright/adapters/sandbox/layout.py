"""Lays out what a sandboxed process sees: namespaces, mounts, user and environment, as bubblewrap's arguments.

It starts nothing. Nothing of the host is visible but the interpreter and the libraries it needs, all read-only.
"""

import os
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from millwright.errors import BadInput

_FIRST_USER, _LAST_USER = 61184, 65519  # set aside for dynamic users by systemd, so that no person or service has them
_NAMESPACES = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
SCRATCH_BYTES = 16 * 1024 * 1024
"""How much a function's scratch space, or a folder that it is granted, may hold."""
_SCRATCH_FILES = 4096
_COMMAND_FILES = 16_384  # for each folder; a type checker keeps a few thousand in its cache
_MEMORY_CEILING = 1024**3
_BOOTSTRAP = """
import sys, posix, marshal
user, receive, send = map(int, sys.argv[1:])
def read(size):
    data = b""
    while len(data) < size:
        data += posix.read(receive, size - len(data)) or posix._exit(70)
    return data
for name, code in marshal.loads(read(int.from_bytes(read(4), "big"))):
    module = type(sys)(name)
    module.__package__ = "inside"
    module.__path__ = []
    sys.modules[name] = module
    exec(code, module.__dict__)
sys.modules["inside.entry"].main(user, receive, send)
"""


_TAKEN = (
    *("bin", "boot", "dev", "lib", "lib32", "lib64", "libx32", "packages", "proc", "python", "run", "sbin", "sys"),
    *("usr", "work"),
)
_MOST_GRANTS = 16
_LONGEST_PATH = 255


class Privilege(StrEnum):
    """How the process is kept apart from the user who starts it."""

    OWN_USER = "a user of its own"  # started by root, which becomes a user that nobody is
    USER_NAMESPACE = "a user namespace"


class Purpose(StrEnum):
    """What the process is for: functions of a program, or a whole command with tools and a scratch directory."""

    FUNCTIONS = "functions"
    COMMAND = "command"


@dataclass(frozen=True)
class Interpreter:
    """The interpreter that runs inside: where it lies here, and where there.

    ``packages`` are folders of installed packages here, ``hidden`` such folders as they would be seen inside.
    """

    executable: str
    prefix: str
    inside: str
    packages: tuple[str, ...]
    hidden: tuple[str, ...]

    @classmethod
    def running(cls) -> "Interpreter":
        """Describe the interpreter that runs this process, its virtual environment left off."""
        name = f"python{sys.version_info.major}.{sys.version_info.minor}"
        root = "/usr" if sys.base_prefix == "/usr" else "/python"
        folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *sys.path]
        paths = [path for path in dict.fromkeys(folders) if path.endswith(("/site-packages", "/dist-packages"))]
        installed = {
            f"{sys.base_prefix}/lib/{name}/site-packages": f"{root}/lib/{name}/site-packages",
            "/usr/lib/python3/dist-packages": "/usr/lib/python3/dist-packages",
        }
        return cls(
            executable=os.path.realpath(sys.executable),
            prefix=sys.base_prefix,
            inside=f"{root}/bin/{name}",
            packages=tuple(path for path in paths if os.path.isdir(path)),
            hidden=tuple(inside for outside, inside in installed.items() if os.path.isdir(outside)),
        )

    @property
    def moved(self) -> bool:
        """Whether it lies elsewhere inside, so that its libraries must be pointed at."""
        return not self.inside.startswith("/usr/")


@dataclass(frozen=True)
class Descriptors:
    """The file descriptors that bubblewrap and the harness inherit."""

    receive: int
    send: int
    information: int

    @property
    def all(self) -> list[int]:
        """All of them."""
        return [self.receive, self.send, self.information]


class Space(NamedTuple):
    """A writable folder: where, how much it may hold in bytes and in files, and whether files in it may be run."""

    path: str
    size: int
    files: int
    runnable: bool


def spaces(purpose: Purpose, memory_bytes: int = 0, files: Sequence[str] = ()) -> list[Space]:
    """List the writable folders of a process, a folder before what lies in it."""
    if purpose is Purpose.COMMAND:
        size = min(memory_bytes, _MEMORY_CEILING)
        return [Space(path, size, _COMMAND_FILES, True) for path in ("/tmp", "/work", "/dev/shm")]  # noqa: S108 - the sandbox's own
    return [Space(path, SCRATCH_BYTES, _SCRATCH_FILES, False) for path in ("/tmp", *sorted(set(files)))]  # noqa: S108 - as above


@dataclass(frozen=True)
class Layout:
    """One way to confine a process on this machine."""

    bwrap: str
    interpreter: Interpreter
    privilege: Privilege

    def argv(
        self,
        purpose: Purpose,
        fds: Descriptors,
        serial: int,
        memory_bytes: int = 0,
        packages: bool = False,
        files: Sequence[str] = (),
    ) -> list[str]:
        """Compose the command line of one process.

        ``serial`` spreads processes over users of their own; ``files`` are folders to make, checked before.
        """
        argv = [self.bwrap, *_NAMESPACES, "--die-with-parent", "--new-session", "--as-pid-1", "--clearenv"]
        # to bound the number of files, which bubblewrap cannot; given up before anything untrusted is read
        argv += ["--hostname", "sandbox", "--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN"]
        user = 0
        if self.privilege is Privilege.OWN_USER:
            user = _FIRST_USER + serial % (_LAST_USER - _FIRST_USER + 1)
            argv += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]  # the change of user is the harness's
        else:
            argv += ["--unshare-user", "--uid", "1000", "--gid", "1000"]
        argv += self._mounts(purpose)
        if packages:
            argv += self._packages()
        writable = spaces(purpose, memory_bytes, files)
        for space in writable:
            argv += _writable(space, writable)
        for name, value in self.environment(purpose, packages).items():
            argv += ["--setenv", name, value]
        argv += ["--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108 - the sandbox's own, fresh and private
        argv += ["--info-fd", str(fds.information)]
        argv += ["--"]
        argv += [self.interpreter.inside, "-P", "-s", "-S", "-B", "-X", "utf8", "-c", _BOOTSTRAP]
        return [*argv, str(user), str(fds.receive), str(fds.send)]

    def environment(self, purpose: Purpose, packages: bool = False) -> dict[str, str]:
        """Compose the environment inside."""
        names = {"PYTHONHASHSEED": "0"}
        if self.interpreter.moved:
            names["LD_LIBRARY_PATH"] = str(Path(self.interpreter.inside).parents[1] / "lib")
        if purpose is Purpose.COMMAND:
            path = dict.fromkeys((str(Path(self.interpreter.inside).parent), "/usr/bin", "/bin"))
            names |= {"PATH": ":".join(path), "LANG": "C.UTF-8", "TZ": "UTC", "LOGNAME": "sandbox"}
            names |= {"HOME": "/tmp", "TMPDIR": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}  # noqa: S108 - as above
        if packages:
            names["PYTHONPATH"] = ":".join(f"/packages/{i}" for i in range(len(self.interpreter.packages)))
        return names

    def _mounts(self, purpose: Purpose) -> list[str]:
        whole = purpose is Purpose.COMMAND
        argv = _folders("/usr", "/usr/bin", "/dev")
        for path in ("/usr",) if whole else ("/usr/lib", "/usr/lib64", "/usr/lib32"):
            argv += ["--ro-bind-try", path, path]
        for path in ("/lib", "/lib64", "/lib32", *(("/bin", "/sbin") if whole else ())):
            argv += _mirror(path)
        for device in ("null", "zero", "urandom"):
            argv += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
        inside = Path(self.interpreter.inside)
        if self.interpreter.moved:
            argv += _folders(*map(str, (inside.parents[1], inside.parent)))
            for name in ("lib", "lib64"):
                source = Path(self.interpreter.prefix, name)
                argv += ["--ro-bind-try", str(source), str(inside.parents[1] / name)]
        argv += ["--ro-bind", self.interpreter.executable, str(inside)]
        for path in self.interpreter.hidden:
            argv += ["--perms", "0755", "--tmpfs", path, "--remount-ro", path]
        return argv

    def _packages(self) -> list[str]:
        argv = _folders("/packages")
        for index, path in enumerate(self.interpreter.packages):
            argv += ["--ro-bind", path, f"/packages/{index}"]
        return argv


def _folders(*paths: str) -> list[str]:
    # made first: bubblewrap gives the parents that it makes by itself to their owner alone
    return [part for path in paths for part in ("--perms", "0755", "--dir", path)]


def check_grants(files: Sequence[str]) -> None:
    """See that folders can be granted.

    Raises:
        BadInput: there are too many, or one is not absolute and normalised, or shadows what the sandbox itself has.
    """
    if len(files) > _MOST_GRANTS:
        raise BadInput(f"{len(files)} folders are granted: at most {_MOST_GRANTS} can be")
    for path in files:
        parts = PurePosixPath(path).parts
        plain = path.isprintable() and len(path) <= _LONGEST_PATH and str(PurePosixPath(path)) == path
        if not plain or len(parts) < 2 or parts[0] != "/" or ".." in parts:
            raise BadInput(
                f"the granted folder {path!r} is not an absolute, normalised path: give one such as /data/in"
            )
        if parts[1] in _TAKEN:
            raise BadInput(f"the granted folder {path!r} lies in what the sandbox itself has there: give another path")


def _writable(space: Space, others: Sequence[Space]) -> list[str]:
    taken = [other.path for other in others]
    above = [str(parent) for parent in reversed(PurePosixPath(space.path).parents)]
    new = [parent for parent in above[1:] if parent not in (*taken, "/dev")]
    return [*_folders(*new), "--perms", "1777", "--size", str(space.size), "--tmpfs", space.path]


def _mirror(path: str) -> Sequence[str]:
    if os.path.islink(path):
        return ["--symlink", os.readlink(path), path]
    return ["--ro-bind-try", path, path]
