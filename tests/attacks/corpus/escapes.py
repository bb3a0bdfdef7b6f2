"""Attacks on the host: its files, its environment, its network and its shell.

Attacks on other processes stand in ``processes``.
"""

from tests.attacks.attack import Attack, Effect

_SUBCLASSES = """
def f(n):
    for kind in ().__class__.__base__.__subclasses__():
        if kind.__name__ == "_wrap_close":
            return kind.__init__.__globals__["system"]("echo x > @FOLDER@/@CANARY@")
    raise OSError("os is not loaded")
"""
_LIBC = """
import ctypes
def f(n):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.open(b"@FOLDER@/@CANARY@", 0o102, 0o666)
    if fd < 0: raise OSError(ctypes.get_errno(), "open")
    libc.write(fd, b"x", 1)
    return n
"""
_INHERITED = """
import os
def f(n):
    seen = b""
    for fd in range(3, 64):
        try: seen += os.pread(fd, 100, 0)
        except OSError: continue
    if not seen: raise OSError("nothing can be read")
    return seen.decode()
"""
_OVERWRITE_INHERITED = """
import os
def f(n):
    written = 0
    for fd in range(3, 64):
        try: written += os.pwrite(fd, b"x" * 100, 0)
        except OSError: continue
    if not written: raise OSError("nothing can be written")
    return written
"""
_MEMFD = """
import ctypes, os, shutil
def f(n):
    fd = os.memfd_create("x", 0)
    with open("/bin/sh", "rb") as source: os.write(fd, source.read())
    pid = os.fork()
    if pid == 0: os.execve(fd, ["sh", "-c", "echo x > @FOLDER@/@CANARY@"], {})
    os.waitpid(pid, 0)
    return n
"""
_NETLINK = """
import socket
def f(n):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as asked:
        asked.bind((0, 0))
        return "breached"
"""
_HTTP = """
import urllib.request
def f(n):
    try: urllib.request.urlopen("http://127.0.0.1:@PORT@/", timeout=0.3)
    except TimeoutError: pass
    return n
"""
_LINK = """
import os, tempfile
def f(n):
    link = os.path.join(tempfile.mkdtemp(), "link")
    os.symlink("@FOLDER@/shared", link)
    with open(link) as file: return file.read()
"""
_HOST_MODULE = """
import sys
def f(n):
    sys.path.insert(0, "@FOLDER@")
    import following
    return following.SECRET
"""
_DELETE = """
import os
def f(n):
    for folder, _, names in os.walk("@FOLDER@"):
        for name in names:
            try: os.unlink(os.path.join(folder, name))
            except OSError: continue
    return n
"""
_LEFT_FILE = """
import os, tempfile
def f(n):
    with open(os.path.join(tempfile.gettempdir(), "@CANARY@"), "w") as file: return file.write("for the next")
"""

ESCAPES = (
    Attack(
        "read a file of the host",
        Effect.LEAKED,
        "def f(n):\n    with open('@FOLDER@/shared') as file: return file.read()",
        bubblewrap="raised FileNotFoundError",
        webassembly="raised OSError",
    ),
    Attack(
        "read the list of users",
        Effect.BREACHED,
        "def f(n):\n    with open('/etc/passwd') as file: return 'breached' if 'root:' in file.read() else n",
        bubblewrap="raised FileNotFoundError",
        webassembly="raised OSError",
    ),
    Attack(
        "read through open_code",
        Effect.LEAKED,
        "import io\ndef f(n):\n    return io.open_code('@FOLDER@/shared').read().decode()",
        bubblewrap="raised FileNotFoundError",
        webassembly="raised OSError",
    ),
    Attack(
        "read through a symbolic link",
        Effect.LEAKED,
        _LINK,
        bubblewrap="raised FileNotFoundError",
        webassembly="raised OSError|load ModuleNotFoundError",
    ),
    Attack(
        "list a folder of the host",
        Effect.BREACHED,
        "import os\ndef f(n): return 'breached' if 'shared' in os.listdir('@FOLDER@') else n",
        bubblewrap="raised FileNotFoundError",
        webassembly="raised OSError",
    ),
    Attack(
        "see which folders the host has",
        Effect.BREACHED,
        "import os\ndef f(n):\n    seen = map(os.path.isdir, ('@FOLDER@', '/etc', '/var', '/proc'))\n"
        "    return 'breached' if any(seen) else n",
        bubblewrap="returned int",
        webassembly="returned int",
    ),
    Attack(
        "look into sysfs",
        Effect.BREACHED,
        "import os\ndef f(n): return 'breached' if os.listdir('/sys') else n",
        bubblewrap="raised FileNotFoundError",
        webassembly="raised OSError",
    ),
    Attack(
        "write a file of the host",
        Effect.TOUCHED,
        "def f(n):\n    with open('@FOLDER@/@CANARY@', 'w') as file: file.write('x')",
        bubblewrap="raised FileNotFoundError",
        webassembly="raised OSError",
    ),
    Attack(
        "overwrite a file of the host",
        Effect.TOUCHED,
        "def f(n):\n    with open('@FOLDER@/shared', 'w') as file: file.write('mine')",
        bubblewrap="raised FileNotFoundError",
        webassembly="raised OSError",
    ),
    Attack(
        "import posix anew and write",
        Effect.TOUCHED,
        "import posix\ndef f(n): return posix.write(posix.open('@FOLDER@/@CANARY@', 0o102, 0o666), b'x')",
        bubblewrap="raised FileNotFoundError",
        webassembly="raised OSError",
    ),
    Attack(
        "find os.system among all classes", Effect.TOUCHED, _SUBCLASSES,
        bubblewrap="returned int", webassembly="raised Exception",
    ),
    Attack(
        "write by libc", Effect.TOUCHED, _LIBC,
        bubblewrap="raised FileNotFoundError", webassembly="load ModuleNotFoundError",
    ),
    Attack(
        "read the environment",
        Effect.LEAKED,
        "import os\ndef f(n): return os.environ['@VARIABLE@']",
        bubblewrap="raised KeyError",
        webassembly="raised KeyError",
    ),
    Attack(
        "read the environment from proc",
        Effect.LEAKED,
        "def f(n):\n    with open('/proc/self/environ') as file: return file.read()",
        bubblewrap="raised FileNotFoundError",
        webassembly="raised OSError",
    ),
    Attack(
        "read inherited descriptors", Effect.LEAKED, _INHERITED,
        bubblewrap="raised OSError", webassembly="raised OSError",
    ),
    Attack(
        "write inherited descriptors", Effect.TOUCHED, _OVERWRITE_INHERITED,
        bubblewrap="raised OSError", webassembly="raised OSError",
    ),
    Attack(
        "import a module of the host", Effect.LEAKED, _HOST_MODULE,
        bubblewrap="raised ModuleNotFoundError", webassembly="raised ModuleNotFoundError",
    ),
    Attack(
        "leave a file for the next", Effect.TOUCHED, _LEFT_FILE,
        bubblewrap="returned int", webassembly="load ModuleNotFoundError",
    ),
    Attack(
        "delete what can be deleted", Effect.TOUCHED, _DELETE,
        bubblewrap="returned int", webassembly="raised OSError",
    ),
    Attack(
        "run a shell",
        Effect.TOUCHED,
        "import subprocess\ndef f(n): subprocess.run(['/bin/sh', '-c', 'echo x > @FOLDER@/@CANARY@'], check=True)",
        bubblewrap="raised OSError",
        webassembly="load ModuleNotFoundError",
    ),
    Attack(
        "run a command by os.system",
        Effect.TOUCHED,
        "import os\ndef f(n): return os.system('echo x > @FOLDER@/@CANARY@')",
        bubblewrap="returned int",
        webassembly="raised AttributeError|raised OSError",
    ),
    Attack(
        "spawn a process",
        Effect.TOUCHED,
        "import os\ndef f(n):\n    command = ['sh', '-c', 'echo x > @FOLDER@/@CANARY@']\n"
        "    os.waitpid(os.posix_spawn('/bin/sh', command, {}), 0)",
        bubblewrap="raised OSError",
        webassembly="raised AttributeError",
    ),
    Attack(
        "become a shell that exits well",
        Effect.PASSED,
        "import os\ndef f(n): os.execv('/bin/sh', ['sh', '-c', 'exit 0'])",
        bubblewrap="raised OSError",
        webassembly="raised AttributeError",
    ),
    Attack(
        "execute a file without a name", Effect.TOUCHED, _MEMFD,
        bubblewrap="raised OSError", webassembly="load ModuleNotFoundError",
    ),
    Attack(
        "connect to a port",
        Effect.CONTACTED,
        "import socket\ndef f(n): socket.create_connection(('127.0.0.1', @PORT@), 5).send(b'x')",
        bubblewrap="raised PermissionError",
        webassembly="load ModuleNotFoundError",
    ),
    Attack(
        "send a datagram",
        Effect.CONTACTED,
        "import socket\ndef f(n):\n    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
        "        s.sendto(b'x', ('127.0.0.1', @UDP@))",
        bubblewrap="raised PermissionError",
        webassembly="load ModuleNotFoundError",
    ),
    Attack(
        "connect to an abstract socket",
        Effect.CONTACTED,
        "import socket\ndef f(n):\n    with socket.socket(socket.AF_UNIX) as s: s.connect('\\0@SOCKET@')",
        bubblewrap="raised PermissionError",
        webassembly="load ModuleNotFoundError",
    ),
    Attack(
        "fetch a page", Effect.CONTACTED, _HTTP,
        bubblewrap="raised OSError", webassembly="load ModuleNotFoundError",
    ),
    Attack(
        "speak netlink to the kernel", Effect.BREACHED, _NETLINK,
        bubblewrap="raised PermissionError", webassembly="load ModuleNotFoundError",
    ),
)  # fmt: skip
