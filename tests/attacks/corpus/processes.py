"""Attacks on other processes and on the kernel's walls between them.

Attacks that want too much of a resource stand in ``bombs``.
"""

from tests.attacks.attack import Attack, Effect

_CALL = """
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
column = ["x86_64", "aarch64"].index(platform.machine())
def call(numbers, *arguments):
    arguments = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    answer = libc.syscall(ctypes.c_long(numbers[column]), *arguments)
    if answer < 0: raise OSError(ctypes.get_errno(), "refused")
    return answer
"""
_READ_PARENT = """
class Piece(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
def f(n):
    with open(f"/proc/{os.getppid()}/maps") as maps:
        start = next(int(line.split("-")[0], 16) for line in maps if "[heap]" in line)
    room = ctypes.create_string_buffer(64)
    mine, theirs = Piece(ctypes.addressof(room), 64), Piece(start, 64)
    call((310, 270), os.getppid(), ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
    return "breached"
"""
_READ_PARENT_BLINDLY = """
class Piece(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
def f(n):
    room = ctypes.create_string_buffer(64)
    mine, theirs = Piece(ctypes.addressof(room), 64), Piece(id(int), 64)
    for pid in range(1, 64):
        try: call((310, 270), pid, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
        except OSError as error:
            if error.errno == 14: return "breached"
            continue
        if pid != os.getpid(): return "breached"
    raise OSError("nobody can be read")
"""
_SEIZE_PARENT = """
def f(n):
    parent = os.getppid()
    call((101, 117), 0x4206, parent, 0, 0)
    call((101, 117), 0x4207, parent, 0, 0)
    os.waitpid(parent, 0)
    call((101, 117), 17, parent, 0, 0)
    return "breached"
"""
_STEAL_DESCRIPTOR = """
def f(n):
    pidfd = call((434, 434), os.getppid(), 0)
    taken = call((438, 438), pidfd, 0, 0)
    return "breached"
"""
_BECOME_ROOT = """
def f(n):
    user = os.geteuid()
    call((272, 97), 0x10000000)
    fd = os.open("/proc/self/uid_map", os.O_WRONLY)
    os.write(fd, f"0 {user} 1".encode())
    return "breached" if os.geteuid() == 0 else n
"""
_MOUNT = """
def f(n):
    call((272, 97), 0x10000000 | 0x00020000)
    call((165, 40), b"none", b"@FOLDER@/tmp", b"tmpfs", 0, 0)
    return "breached"
"""
_IO_URING = """
def f(n):
    call((425, 425), 4, ctypes.create_string_buffer(120))
    return "breached"
"""
_KEYRING = """
def f(n):
    call((248, 217), b"user", b"canary", b"x", 1, -3)
    return "breached"
"""
_USERFAULTFD = """
def f(n):
    call((323, 282), 1)
    return "breached"
"""
_SHARED_MEMORY = """
def f(n):
    number = call((29, 194), 0x4D57, 4096, 0o1666)
    call((31, 195), number, 0, 0)
    return "breached"
"""
_POSIX_MEMORY = """
import os
def f(n):
    fd = os.open("/dev/shm/@CANARY@", os.O_RDWR | os.O_CREAT)
    os.write(fd, b"x")
    return "breached"
"""
_FORK = """
def f(n):
    pid = libc.fork()
    if pid == 0: os._exit(0)
    if pid < 0: raise OSError(ctypes.get_errno(), "refused")
    os.waitpid(pid, 0)
    return "breached"
"""
_LIST = """
import os
def f(n):
    others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    return "breached" if others else n
"""
_STOP_PARENT = """
import os, signal, time
def f(n):
    parent = os.getppid()
    os.kill(parent, signal.SIGSTOP)
    for _ in range(200):
        with open(f"/proc/{parent}/stat") as file: stopped = file.read().rpartition(")")[2].split()[0] == "T"
        if stopped: break
        time.sleep(0.01)
    os.kill(parent, signal.SIGCONT)
    return "breached" if stopped else n
"""
_DAEMON = """
import os, time
def f(n):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(20)
        os._exit(0)
    return n
"""
_LATE_WRITER = """
import os, time
def f(n):
    if os.fork() == 0:
        os.setsid()
        time.sleep(0.02)
        with open("@FOLDER@/@CANARY@", "w") as file: file.write("x")
        time.sleep(20)
    return n
"""
_LATE_THREAD = """
import threading, time
def late():
    while True:
        try:
            with open("@FOLDER@/@CANARY@", "w") as file: file.write("x")
        except OSError: time.sleep(0.01)
        else: break
def f(n):
    threading.Thread(target=late, daemon=True).start()
    return n
"""
_RAISE_LIMITS = """
import resource
def f(n):
    for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_NPROC):
        soft, hard = resource.getrlimit(which)
        for wanted in ((resource.RLIM_INFINITY,) * 2, (hard, hard)):
            try: resource.setrlimit(which, wanted)
            except (ValueError, OSError): continue
            return "breached"
    raise OSError("no limit can be raised")
"""
_READ_NEIGHBOUR = """
import os
def f(n):
    with open(f"/proc/{os.getppid()}/cmdline") as file: return "breached" if file.read() else n
"""
_NEIGHBOURS_ENVIRONMENT = """
import os
def f(n):
    with open(f"/proc/{os.getppid()}/environ") as file: return file.read()
"""

_FICKLE = {
    "read a neighbour's memory",
    "read any process's memory",
    "trace a neighbour",
    "steal a neighbour's descriptor",
    "become root of a new user namespace",
    "mount in a new namespace",
    "set up io_uring",
    "put a key into the session's keyring",
    "handle page faults",
}

PROCESSES = tuple(
    Attack(name, effect, source, bubblewrap, webassembly, brief=brief, fickle=name in _FICKLE)
    for name, effect, source, bubblewrap, webassembly, brief in (
        ("list processes", Effect.BREACHED, _LIST, "raised FileNotFoundError", "raised OSError", False),
        ("read a neighbour's command line", Effect.BREACHED, _READ_NEIGHBOUR, "raised FileNotFoundError",
         "raised AttributeError|raised OSError", False),
        ("read a neighbour's environment", Effect.LEAKED, _NEIGHBOURS_ENVIRONMENT, "raised FileNotFoundError",
         "raised AttributeError|raised OSError", False),
        ("read a neighbour's memory", Effect.BREACHED, _CALL + _READ_PARENT, "raised FileNotFoundError",
         "load ModuleNotFoundError", False),
        ("read any process's memory", Effect.BREACHED, _CALL + _READ_PARENT_BLINDLY, "raised OSError",
         "load ModuleNotFoundError", False),
        ("trace a neighbour", Effect.BREACHED, _CALL + _SEIZE_PARENT, "raised PermissionError",
         "load ModuleNotFoundError", False),
        ("steal a neighbour's descriptor", Effect.BREACHED, _CALL + _STEAL_DESCRIPTOR, "raised PermissionError",
         "load ModuleNotFoundError", False),
        ("become root of a new user namespace", Effect.BREACHED, _CALL + _BECOME_ROOT, "raised PermissionError",
         "load ModuleNotFoundError", False),
        ("mount in a new namespace", Effect.BREACHED, _CALL + _MOUNT, "raised PermissionError",
         "load ModuleNotFoundError", False),
        ("set up io_uring", Effect.BREACHED, _CALL + _IO_URING, "raised PermissionError",
         "load ModuleNotFoundError", False),
        ("put a key into the session's keyring", Effect.BREACHED, _CALL + _KEYRING, "raised PermissionError",
         "load ModuleNotFoundError", False),
        ("handle page faults", Effect.BREACHED, _CALL + _USERFAULTFD, "raised PermissionError",
         "load ModuleNotFoundError", False),
        ("leave System V memory to others", Effect.BREACHED, _CALL + _SHARED_MEMORY, "raised PermissionError",
         "load ModuleNotFoundError", False),
        ("leave POSIX memory to others", Effect.BREACHED, _POSIX_MEMORY, "raised OSError", "raised OSError", False),
        ("fork by libc", Effect.BREACHED, _CALL + _FORK, "raised PermissionError|raised BlockingIOError",
         "load ModuleNotFoundError", False),
        ("kill the parent", Effect.DISTURBED, "import os\ndef f(n): os.kill(os.getppid(), 9)",
         "raised PermissionError", "raised AttributeError", False),
        ("kill everybody", Effect.DISTURBED, "import os\ndef f(n): os.kill(-1, 9)",
         "raised PermissionError", "raised AttributeError|raised OSError", False),
        ("kill the process group", Effect.DISTURBED, "import os\ndef f(n): os.killpg(0, 9)",
         "raised PermissionError|raised ProcessLookupError", "raised AttributeError", False),
        ("stop the parent", Effect.BREACHED, _STOP_PARENT, "raised PermissionError",
         "raised AttributeError|load ModuleNotFoundError", False),
        ("stop itself", Effect.OUTLASTED, "import os\ndef f(n): os.kill(os.getpid(), 19)",
         "returned none", "raised AttributeError|raised OSError", True),
        ("leave a daemon behind", Effect.LEFT, _DAEMON, "raised PermissionError|raised BlockingIOError",
         "raised AttributeError", False),
        ("leave a process that writes later", Effect.TOUCHED, _LATE_WRITER,
         "raised PermissionError|raised BlockingIOError", "raised AttributeError", False),
        ("leave a thread that writes later", Effect.TOUCHED, _LATE_THREAD, "returned int",
         "raised RuntimeError|raised OSError", False),
        ("raise its limits", Effect.BREACHED, _RAISE_LIMITS, "raised OSError", "load ModuleNotFoundError", False),
    )
)  # fmt: skip
