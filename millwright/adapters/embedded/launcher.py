"""Becomes another program that the kernel ends when the program's parent ends.

It is run by path in a bare interpreter, so it imports nothing of ours; it waits for nothing and leaves no process of
its own. Arguments: the parent's pid, the number of the signal that follows the parent's death, the account, then the
program and its arguments. The account is ``same``; ``mapped``, for a root that must not look like root to the program
(a user namespace shows it as ``nobody`` while its files stay root's); or ``uid:gid``, to become that user for good.
"""

import ctypes
import os
import signal
import sys

NOBODY = 65534
REFUSED = 96
"""The exit status when the kernel refuses the account."""

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1


def become(account: str) -> None:
    """Change to the account.

    Raises:
        OSError: the kernel does not allow it.
    """
    if account == "same":
        return
    if account != "mapped":
        user, group = map(int, account.split(":"))
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
        return
    user, group = os.geteuid(), os.getegid()
    _checked(_libc().unshare(_CLONE_NEWUSER))
    _write("/proc/self/uid_map", f"{NOBODY} {user} 1")
    # The kernel accepts a group map from a process without privileges only after this.
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/gid_map", f"{NOBODY} {group} 1")


def die_with(parent: int, death_signal: int) -> None:
    """Ask for a signal at the parent's death, and leave if the parent died before the request."""
    _checked(_libc().prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0))
    if os.getppid() != parent:
        os._exit(0)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def main(arguments: list[str]) -> None:
    """Become the program named by the arguments; return only by exception."""
    parent, death_signal, account, *program = arguments
    try:
        become(account)
    except OSError as error:
        sys.stderr.write(f"cannot run as account {account!r}: {error}\n")
        sys.exit(REFUSED)
    # After the change of account: a change of credentials makes the kernel forget the request.
    die_with(int(parent), int(death_signal))
    # The interpreter ignores these two, and what is ignored stays so across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execv(program[0], program)  # noqa: S606 - becoming the program is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
