"""Runs a naive verifier once, unguarded yet bounded, and reports what became of it.

It judges nothing and trusts nothing. It is started in a process namespace of its own, and becomes nobody where it is
root.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time

MEMORY = 1 << 30
MOST_FILE = 96 << 20
PROCESSES = 160
CPU_SECONDS = 30
SETTLING_SECONDS = 0.15


def main(folder: str, seconds: float, user: int) -> None:
    """Run the verifier under limits that leave an attack its effect, and write ``report.json``."""
    if user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    libc = ctypes.CDLL(None)
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: undone by the change of user, and not so for ordinary processes
    libc.prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # PR_SET_PTRACER: some kernels ask for it
    for which, soft, hard in (
        (resource.RLIMIT_AS, MEMORY, MEMORY),
        (resource.RLIMIT_FSIZE, MOST_FILE, MOST_FILE),
        (resource.RLIMIT_NPROC, PROCESSES, PROCESSES),
        (resource.RLIMIT_NOFILE, 64, 256),
        (resource.RLIMIT_CPU, CPU_SECONDS, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(which, (soft, hard))
    before = set(_processes())
    verifier = _start(folder)
    status, usage, outlasted = _wait(verifier, time.monotonic() + seconds)
    time.sleep(SETTLING_SECONDS)  # what was left behind gets its moment
    left = [pid for pid in _processes() if pid not in before]
    report = {"status": status, "outlasted": outlasted, "peak": usage.ru_maxrss * 1024, "left": len(left)}
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as file:
        json.dump(report, file)


def _start(folder: str) -> int:
    shared = os.open(os.path.join(folder, "shared"), os.O_RDWR)
    output = os.open(os.path.join(folder, "output"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.set_inheritable(shared, True)
        verifier = os.path.join(folder, "verifier.py")
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-B", verifier, folder])
    os.close(output)
    return pid


def _wait(pid: int, deadline: float) -> tuple[int, resource.struct_rusage, bool]:
    outlasted = False
    while True:
        found, status, usage = os.wait4(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status), usage, outlasted
        if time.monotonic() > deadline:
            outlasted = True
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
