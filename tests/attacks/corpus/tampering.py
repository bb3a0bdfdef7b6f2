"""Attacks on what comes after: the verifier's own state, the next candidate, and whoever reads the result.

What breaks the verifier by its value alone stands here too.
"""

from tests.attacks.attack import Attack, Effect

_NEXT_FILE = """
def f(n):
    with open("@FOLDER@/following.py", "w") as file: file.write("def f(n): return 0")
    return n
"""
_READ_NEXT = """
def f(n):
    with open("@FOLDER@/following.py") as file: return file.read()
"""
_MODULES = """
import sys, types
def f(n):
    fake = types.ModuleType("following")
    fake.f = lambda n: 0
    for name in ("following", "attacked", "work"): sys.modules[name] = fake
    return n
"""
_FORGET = """
import sys
def f(n):
    sys.modules.clear()
    sys.path.clear()
    return n
"""
_FINDER = """
import sys
Spec = type(sys.__spec__)
class Liar:
    def find_spec(self, name, path=None, target=None):
        return Spec(name, self) if name in ("following", "attacked") else None
    def create_module(self, spec): return None
    def exec_module(self, module): module.f = lambda n: 0
def f(n):
    sys.meta_path.insert(0, Liar())
    return n
"""
_REPLACED = """
import builtins
def f(n):
    builtins.abs = lambda x: 0
    return n
"""
_DELETED = """
import builtins
def f(n):
    for name in ("abs", "min", "int", "len", "isinstance", "Exception"): delattr(builtins, name)
    return 7
"""
_CLEARED = """
import builtins
def f(n):
    vars(builtins).clear()
    return 7
"""
_MATH = """
import math
def f(n):
    math.isqrt = lambda n: 0
    return n
"""
_CONTEXT = """
import decimal
def f(n):
    decimal.getcontext().prec = 1
    decimal.getcontext().rounding = decimal.ROUND_UP
    decimal.getcontext().traps[decimal.Inexact] = True
    return n
"""
_RECURSION = """
import sys
def f(n):
    sys.setrecursionlimit(40)
    return n
"""
_SMALL_INT = """
import ctypes, sys
def f(n):
    ctypes.memmove(id(5) + 24, id(6) + 24, 4)
    return n
"""
_THREAD = """
import builtins, threading, time
def spoil():
    while True:
        builtins.abs = lambda x: 0
        time.sleep(0.001)
def f(n):
    threading.Thread(target=spoil, daemon=True).start()
    return n
"""
_DESCRIPTORS = """
import os
kept = []
def f(n):
    while True: kept.append(os.dup(1))
"""
_MANY_OPEN = """
import os
def f(n):
    for _ in range(1000): os.dup(1)
"""
_STREAM = """
import os
def f(n):
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(1, 12):
        if fd != null: os.dup2(null, fd)
    return n
"""
_TRACE = """
import sys
def spoil(frame, event, argument):
    if frame.f_code.co_name == "f": raise ValueError("spoilt")
def f(n):
    sys.settrace(spoil)
    return n
"""
_DEEP = """
def f(n):
    value = []
    for _ in range(100_000): value = [value]
    return value
"""
_DEEP_DICT = """
def f(n):
    value = {}
    for _ in range(100_000): value = {"a": value}
    return value
"""
_DEEP_REPR = """
import sys
def f(n):
    sys.setrecursionlimit(10 ** 9)
    value = []
    for _ in range(10 ** 6): value = [value]
    return len(repr(value))
"""
_RECURSE_IN_C = """
import sys
sys.setrecursionlimit(10 ** 9)
class C:
    def __getattr__(self, name): return getattr(self, name + "x")
def f(n): return C().name
"""
_SELF = """
def f(n):
    value = []
    value.append(value)
    return value
"""
_SELF_DICT = """
def f(n):
    value = {}
    value["a"] = [value]
    return value
"""
_REDUCE = """
class Gadget:
    def __reduce__(self): return eval, ("open('@FOLDER@/@CANARY@', 'w').write('x')",)
def f(n): return Gadget()
"""
_GENERATOR = """
def f(n):
    yield n
"""
_HASH_ORDER = """
def f(n): return list({"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"})
"""
_CHANCE = """
import random
def f(n): return [random.random() for _ in range(4)]
"""

_TEXT = "list[str]"
TAMPERING = tuple(
    Attack(name, effect, source, native, wasm)
    for name, effect, source, native, wasm in (
        ("overwrite the next candidate", Effect.TOUCHED, _NEXT_FILE, "raised FileNotFoundError", "raised OSError"),
        ("read the next candidate", Effect.LEAKED, _READ_NEXT, "raised FileNotFoundError", "raised OSError"),
        ("stand in for the next candidate", Effect.DISTURBED, _MODULES, "returned int", "returned int"),
        ("forget all modules and where they were", Effect.DISTURBED, _FORGET, "returned int|lost crashed",
         "returned int|lost crashed"),
        ("find modules before others do", Effect.DISTURBED, _FINDER, "returned int", "returned int"),
        ("replace a builtin for the next", Effect.DISTURBED, _REPLACED, "returned int", "returned int"),
        ("delete builtins", Effect.DISTURBED, _DELETED, "returned int|lost crashed|returned object",
         "returned int|lost crashed|returned object"),
        ("clear the builtins", Effect.DISTURBED, _CLEARED, "returned int|lost crashed|returned object",
         "returned int|lost crashed|returned object"),
        ("replace a function of math", Effect.DISTURBED, _MATH, "returned int", "returned int"),
        ("spoil decimal arithmetic", Effect.DISTURBED, _CONTEXT, "returned int", "returned int"),
        ("lower the limit of recursion", Effect.DISTURBED, _RECURSION, "returned int|returned object",
         "returned int|returned object"),
        ("change what five is", Effect.DISTURBED, _SMALL_INT, "returned int|lost crashed|lost malformed",
         "load ModuleNotFoundError"),
        ("spoil builtins from a thread", Effect.DISTURBED, _THREAD, "returned int",
         "raised RuntimeError|raised OSError"),
        ("open descriptors until none is left", Effect.DISTURBED, _DESCRIPTORS, "raised OSError",
         "raised AttributeError|raised OSError"),
        ("close all descriptors", Effect.DISTURBED, "import os\ndef f(n):\n    os.closerange(0, 256)\n    return n",
         "lost crashed", "returned int|raised OSError|lost crashed"),
        ("put nothing in the place of the streams", Effect.DISTURBED, _STREAM, "lost crashed|lost timed_out",
         "raised AttributeError|raised OSError"),
        ("trace and break whoever comes next", Effect.DISTURBED, _TRACE, "returned int|lost crashed|raised ValueError",
         "returned int|lost crashed|raised ValueError"),
        ("crash by a null pointer", Effect.DISTURBED, "import ctypes\ndef f(n): return ctypes.string_at(0)",
         "lost crashed", "load ModuleNotFoundError"),
        ("abort", Effect.DISTURBED, "import os\ndef f(n): os.abort()", "lost crashed", "lost crashed"),
        ("overflow the stack by a text", Effect.DISTURBED, _DEEP_REPR, "lost crashed",
         "lost crashed|raised RecursionError|raised MemoryError|lost out_of_memory"),
        ("overflow the stack by attributes", Effect.DISTURBED, _RECURSE_IN_C, "lost crashed",
         "lost crashed|raised RecursionError|lost out_of_memory"),
        ("return lists a hundred thousand deep", Effect.DISTURBED, _DEEP, "returned object too large",
         "returned object too large|lost crashed"),
        ("return dicts a hundred thousand deep", Effect.DISTURBED, _DEEP_DICT, "returned object too large",
         "returned object too large|lost crashed"),
        ("return a list that holds itself", Effect.DISTURBED, _SELF, "returned object too large",
         "returned object too large"),
        ("return a dict that holds itself", Effect.DISTURBED, _SELF_DICT, "returned object too large",
         "returned object too large"),
        ("return a number of a million digits", Effect.DISTURBED, "def f(n): return 1 << 3_400_000",
         "returned object too large", "returned object too large"),
        ("return half a character", Effect.DISTURBED, "def f(n): return 'a' + chr(0xD800)", "returned str",
         "returned str"),
        ("return half a character as a key", Effect.DISTURBED, "def f(n): return {chr(0xDFFF) + chr(0): [chr(0xD83D)]}",
         "returned dict", "returned dict"),
        ("raise half a character", Effect.DISTURBED,
         "def f(n): raise type('E', (BaseException,), {})('it broke ' + chr(0xD800) + chr(0))",
         "raised BaseException", "raised BaseException"),
        ("fail to load with half a character", Effect.DISTURBED,
         "def f(n): return n\nraise type('E', (BaseException,), {})('it broke ' + chr(0xD800) + chr(0))",
         "load E", "load E"),
        ("return a generator", Effect.DISTURBED, _GENERATOR, "returned object generator", "returned object generator"),
        ("run code where the result is unpickled", Effect.TOUCHED, _REDUCE, "returned object Gadget",
         "returned object Gadget"),
        ("depend on the order of hashes", Effect.UNEVEN, _HASH_ORDER, "returned list", "returned list"),
        ("depend on chance", Effect.UNEVEN, _CHANCE, "returned list", "returned list"),
        ("depend on addresses", Effect.UNEVEN, "def f(n): return hash(object()) % 10 ** 9", "returned int",
         "returned int"),
    )
)  # fmt: skip
