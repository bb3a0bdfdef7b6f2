"""Attacks that want too much: time, memory, processes, files, output.

What each takes unguarded is bounded, so that it can be shown.
"""

from tests.attacks.attack import Attack, Effect

_STUBBORN = """
def f(n):
    while True:
        try:
            while True: pass
        except BaseException: pass
"""
_DEAF = """
import signal, time
def f(n):
    for number in signal.valid_signals():
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True: time.sleep(1)
"""
_UNHEARD = """
import os
def f(n):
    os.closerange(0, 256)
    while True: pass
"""
_DRIP = """
import os, time
def f(n):
    while True:
        for fd in range(1, 16):
            try: os.write(fd, b" ")
            except OSError: continue
        time.sleep(0.01)
"""
_TORRENT = """
import os
def f(n):
    while True:
        for fd in range(1, 16):
            try: os.write(fd, b'[0,"returned",["none"],[],0.0]\\n' * 100)
            except OSError: continue
"""
_NAMELESS = """
class Kind(type):
    def __getattribute__(self, name):
        while True: pass
class E(Exception, metaclass=Kind): pass
def f(n): raise E
"""
_COLLISIONS = """
import sys
def f(n):
    width = sys.hash_info.modulus
    return len({width * number: number for number in range(1, 10 ** 6)})
"""
_GROWING = """
def f(n):
    kept = []
    while len(kept) < 90: kept.append(bytearray(b"x" * (4 << 20)))
    return n
"""
_LAUGHS = """
def f(n):
    text = "ha"
    while len(text) < 300 << 20: text += text
    return len(text)
"""
_DECOMPRESS = """
import zlib
def f(n):
    member = zlib.compress(bytes(8 << 20))
    kept = [zlib.decompress(member) for _ in range(40)]
    return len(kept)
"""
_FORKS = """
import os, time
def f(n):
    for _ in range(100):
        if os.fork() == 0:
            time.sleep(5)
            os._exit(0)
    return "breached"
"""
_THREADS = """
import threading, time
def f(n):
    threading.stack_size(1 << 18)
    for _ in range(120): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return "breached"
"""
_FILES = """
import os, tempfile
def f(n):
    folder = tempfile.mkdtemp()
    for number in range(6000): os.close(os.open(f"{folder}/{number}", os.O_CREAT | os.O_WRONLY))
    return "breached"
"""
_LARGE_FILE = """
import tempfile
def f(n):
    with tempfile.TemporaryFile() as file:
        for _ in range(48): file.write(b"x" * (1 << 20))
    return "breached"
"""
_SPARSE_FILE = """
import os, tempfile
def f(n):
    with tempfile.TemporaryFile() as file:
        os.truncate(file.fileno(), 80 << 20)
        return "breached"
"""
_MANY_FILES = """
import os, tempfile
def f(n):
    for _ in range(40):
        fd, path = tempfile.mkstemp()
        os.write(fd, b"x" * (1 << 20))
        os.close(fd)
    return "breached"
"""
_PRINTS = """
import sys
def f(n):
    for _ in range(30):
        print("x" * (1 << 20))
        sys.stderr.write("y" * (1 << 20))
    return n
"""
_PRINTS_BY_NUMBER = """
import os
def f(n):
    for _ in range(30): os.write(1, b"x" * (1 << 20))
    return n
"""
_BUILT = """
class Many(str):
    pass
def f(n): return ["x" * 1000] * 50_000
"""

_TIME = (
    ("loop without end", "def f(n):\n    while True: pass", "lost timed_out", "lost timed_out"),
    ("loop and catch whatever comes", _STUBBORN, "lost timed_out", "lost timed_out"),
    ("sleep past the limit", "import time\ndef f(n): time.sleep(60)", "lost timed_out", "lost timed_out"),
    ("ignore all signals", _DEAF, "lost timed_out", "load ModuleNotFoundError|lost timed_out|raised AttributeError"),
    ("compute a tower of powers", "def f(n): return 10 ** 10 ** 8 % n", "lost timed_out",
     "lost timed_out|lost out_of_memory"),
    ("backtrack in a pattern", "import re\ndef f(n): return len(re.findall('(a+)+$', 'a' * 40 + 'b'))",
     "lost timed_out", "lost timed_out"),
    ("let all hashes collide", _COLLISIONS, "lost timed_out", "lost timed_out"),
    ("loop while it is imported", "def f(n): return n\nwhile True: pass", "load timed_out", "load timed_out"),
    ("sum without end in C", "import itertools\ndef f(n): return sum(itertools.repeat(1))",
     "lost timed_out", "lost timed_out"),
    ("wait for a lock", "import threading\ndef f(n):\n    lock = threading.Lock()\n    lock.acquire(); lock.acquire()",
     "lost timed_out", "lost timed_out|lost crashed|raised RuntimeError"),
    ("close its descriptors and go on", _UNHEARD, "lost crashed", "lost timed_out|lost crashed|raised OSError"),
    ("drip without end", _DRIP, "lost timed_out|lost malformed", "lost timed_out|lost crashed"),
    ("write answers without end", _TORRENT, "lost output_limit|lost malformed|lost timed_out",
     "lost timed_out|lost crashed"),
    ("have a class whose name takes forever", _NAMELESS, "lost timed_out", "lost timed_out"),
    ("show itself without end", "class C:\n    def __str__(self):\n        while True: pass\ndef f(n): return C()",
     "returned object", "returned object"),
    ("fail and explain without end",
     "class E(Exception):\n    def __str__(self):\n        while True: pass\ndef f(n): raise E",
     "lost timed_out", "lost timed_out"),
)  # fmt: skip
_MEMORY = "lost out_of_memory"
_REST = (
    ("allocate at once", Effect.GREW, "def f(n): return len(bytearray(b'x') * (400 << 20))", _MEMORY, _MEMORY),
    ("allocate while it is imported", Effect.GREW, "kept = bytearray(b'x') * (400 << 20)\ndef f(n): return n",
     "load MemoryError", "load MemoryError"),
    ("allocate bit by bit", Effect.GREW, _GROWING, _MEMORY, _MEMORY),
    ("double a text", Effect.GREW, _LAUGHS, _MEMORY, _MEMORY),
    ("decompress a bomb", Effect.GREW, _DECOMPRESS, _MEMORY, _MEMORY),
    ("format to a huge width", Effect.GREW, "def f(n): return len(format(n, '0400000000d'))", _MEMORY, _MEMORY),
    ("start a hundred processes", Effect.BREACHED, _FORKS, "raised PermissionError|raised BlockingIOError",
     "raised AttributeError|raised OSError"),
    ("start a hundred threads", Effect.BREACHED, _THREADS, "raised RuntimeError", "raised RuntimeError|raised OSError"),
    ("make thousands of files", Effect.BREACHED, _FILES, "raised OSError", "raised OSError|load ModuleNotFoundError"),
    ("write a large file", Effect.BREACHED, _LARGE_FILE, "raised OSError", "raised OSError|load ModuleNotFoundError"),
    ("make a large file of nothing", Effect.BREACHED, _SPARSE_FILE, "raised OSError",
     "raised OSError|load ModuleNotFoundError"),
    ("fill the disk file by file", Effect.BREACHED, _MANY_FILES, "raised OSError",
     "raised OSError|load ModuleNotFoundError"),
    ("flood the standard streams", Effect.FLOODED, _PRINTS, "returned int", "returned int"),
    ("flood descriptor 1", Effect.FLOODED, _PRINTS_BY_NUMBER, "returned int", "lost crashed|raised OSError"),
    ("return a huge text", Effect.FLOODED, "def f(n): return 'x' * (16 << 20)", "lost output_limit",
     "lost output_limit"),
    ("return a huge list", Effect.FLOODED, "def f(n): return [0] * (4 << 20)", "returned object too large",
     "returned object too large"),
    ("return many references to one text", Effect.FLOODED, _BUILT, "lost output_limit", "lost output_limit"),
    ("explain itself at length", Effect.FLOODED, "def f(n): raise ValueError('x' * (16 << 20))",
     "raised ValueError", "raised ValueError"),
)  # fmt: skip

BOMBS = (
    *(Attack(name, Effect.OUTLASTED, source, native, wasm, brief=True) for name, source, native, wasm in _TIME),
    *(Attack(name, effect, source, native, wasm) for name, effect, source, native, wasm in _REST),
)
