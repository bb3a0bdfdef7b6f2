"""Takes away, from inside, what this process does not need: namespaces, capabilities, limits and system calls.

It gives nothing back and loads no untrusted code. The kernel is asked directly, through ``ctypes``, for the standard
library has no names for most of this. Constants are those of Linux's ``sched.h``, ``mount.h``, ``prctl.h``,
``capability.h`` and ``seccomp.h``.
"""

from __future__ import annotations

import ctypes
import fcntl
import posix
import resource

TYPE_CHECKING = False  # as in wire
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_LIBC = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock, without which no clone could go on
_LIBC.syscall.restype = ctypes.c_long
_CLONE = {"x86_64": 56, "aarch64": 220}[posix.uname().machine]
_NEW = 0x00020000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000  # mount, UTS, IPC, user and PID namespaces
_CLONE_PIDFD, _SIGCHLD = 0x00001000, 17
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT = 2, 4, 8, 32
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 22, 24, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITIES = 64
_INSIDE = 1000  # the user inside; mapping user 0 would need more rights than the interpreter has


class _Program(ctypes.Structure):  # struct sock_fprog
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


RECEIVE, SEND = 3, 4
"""The descriptors of the pipes, once only they are left."""


def settle(spaces: Sequence[tuple[str, int, int, bool]], user: int, filter_program: bytes) -> None:
    """Bound the writable folders, become a user, if any, give up all capabilities, and load a filter, if any.

    Each folder comes with its bytes, its number of files, and whether files in it may be run.

    Raises:
        OSError: the kernel refuses a step.
    """
    for path, size, files, runnable in spaces:
        flags = _MS_REMOUNT | _MS_NOSUID | _MS_NODEV | (0 if runnable else _MS_NOEXEC)
        options = f"size={size},nr_inodes={files}".encode()
        _demand(_LIBC.mount(b"tmpfs", path.encode(), b"tmpfs", flags, options), f"bound {path}")
    if user:
        posix.setgroups([])
        posix.setresgid(user, user, user)
        posix.setresuid(user, user, user)
    drop_capabilities()
    if filter_program:
        _filter(filter_program)


def clone() -> tuple[int, int]:
    """Clone this process into namespaces of its own; return its number, 0 in the clone, and a descriptor of it.

    Raises:
        OSError: the kernel refuses.
    """
    ctypes.pythonapi.PyOS_BeforeFork()
    pidfd = ctypes.c_int(-1)
    # without CLONE_VM a null stack means that of the caller, as fork has it; the pidfd's place is third on all machines
    flags = ctypes.c_ulong(_NEW | _CLONE_PIDFD | _SIGCHLD)
    nothing = ctypes.c_ulong(0)
    pid: int = _LIBC.syscall(ctypes.c_long(_CLONE), flags, nothing, ctypes.byref(pidfd), nothing, nothing)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0, -1
    number = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(number, "clone")
    return pid, pidfd.value


def be_seen() -> None:
    """Let clones open their own entries in /proc, which a change of user forbids."""
    _prctl(_PR_SET_DUMPABLE, 1)


def move_in(proc: int, user: int, group: int, scratch_bytes: int) -> None:
    """Become the user of the new namespaces, with scratch space of its own, and give up every right over them.

    Raises:
        OSError: the kernel refuses a step.
    """
    posix.setsid()  # else signals to the process group reach the interpreter
    maps = (("setgroups", "deny"), ("uid_map", f"{_INSIDE} {user} 1"), ("gid_map", f"{_INSIDE} {group} 1"))
    for name, text in maps:
        fd = posix.open(f"self/{name}", posix.O_WRONLY | posix.O_CLOEXEC, dir_fd=proc)
        posix.write(fd, text.encode())  # a buffered write would hide an error
        posix.close(fd)
    options = f"size={scratch_bytes},nr_inodes=4096,mode=1777".encode()
    _demand(_LIBC.mount(b"tmpfs", b"/tmp", b"tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, options), "mount /tmp")
    posix.chdir("/tmp")  # noqa: S108 - as above; the old one lies beneath
    drop_capabilities()


def keep_only(receive: int, send: int) -> None:
    """Move the pipes to their last places, close everything else, and open the standard streams anew."""
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64) for fd in (receive, send)]  # out of the way of each other
    null = posix.open("/dev/null", posix.O_RDWR)  # one's own: flags of an inherited one are shared with the interpreter
    for number in (0, 1, 2):
        posix.dup2(null, number)
    for number, fd in zip((RECEIVE, SEND), moved, strict=True):
        posix.dup2(fd, number, inheritable=False)
    posix.closerange(SEND + 1, 1 << 20)


def drop_capabilities() -> None:
    """Give up all capabilities for good."""
    for capability in range(_CAPABILITIES):
        if _LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break  # beyond the last that this kernel knows
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _demand(_LIBC.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def limit(limits: dict[str, Any]) -> None:
    """Lower this process's limits; none of them can be raised again."""
    for name, amount in limits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        ceiling = resource.getrlimit(which)[1]
        if ceiling != resource.RLIM_INFINITY:
            amount = min(amount, ceiling)
        resource.setrlimit(which, (amount, amount))


def harden(limits: dict[str, Any], program: bytes) -> None:
    """Set the limits and load a filter of system calls: the last things before untrusted code.

    Raises:
        OSError: the kernel refuses a step.
    """
    _prctl(_PR_SET_DUMPABLE, 0)  # no core dump, which a limit of 0 does not prevent where a program takes it
    limit(limits)
    _filter(program)


def _filter(program: bytes) -> None:
    instructions = ctypes.create_string_buffer(program, len(program))
    loaded = _Program(len(program) // 8, ctypes.addressof(instructions))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _demand(_LIBC.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(loaded), 0, 0), "seccomp")


def _prctl(option: int, value: int) -> None:
    _demand(_LIBC.prctl(option, value, 0, 0, 0), f"prctl {option}")


def _demand(answer: int, what: str) -> None:
    if answer != 0:
        raise OSError(ctypes.get_errno(), what)
