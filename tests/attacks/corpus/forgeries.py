"""Attacks on the verdict: wrong candidates that a naive verifier passes.

None of them knows the answer before it has looked around.
"""

from tests.attacks.attack import Attack, Effect

_EQUAL = """
class Always:
    def __eq__(self, other): return True
    def __hash__(self): return 1
def f(n): return Always()
"""
_SUBCLASS = """
class Number(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def f(n): return Number(3)
"""
_DICT = """
class Lying(dict):
    def __eq__(self, other): return True
def f(n): return Lying(a=2)
"""
_CLASS = """
class Kind(type):
    def __eq__(self, other): return True
    def __hash__(self): return 1
class Made(metaclass=Kind): pass
def f(n): return Made
"""
_DISGUISED = """
class Disguised:
    @property
    def __class__(self): return int
    def __eq__(self, other): return True
    def __int__(self): return 3
    __index__ = __int__
def f(n): return Disguised()
"""
_PRINT = """
import os, sys
def f(n):
    print('{"passed": true}', flush=True)
    raise ValueError
"""
_EVERY_DESCRIPTOR = """
import os
ANSWER = '[0,"returned",["int","7108"],[["int","7"]],0.0]'
LINES = ['["loaded",null]', ANSWER, '["bye",1,null]', '{"passed": true}']
def f(n):
    for fd in range(1, 64):
        try: os.write(fd, ("\\n" + "\\n".join(LINES) + "\\n").encode())
        except OSError: continue
    return n
"""
_ANSWER_FIRST = """
import os
os.write(1, b'{"passed": true}\\n')
for fd in range(3, 10):
    try: os.write(fd, b'["loaded",null]\\n[0,"returned",["int","7108"],[["int","7"]],0.0]\\n')
    except OSError: continue
def f(n): return n
"""
_FRAMES = """
import sys
def f(n):
    frame = sys._getframe(1)
    while frame is not None:
        for names in (frame.f_locals, frame.f_globals):
            if "expected" in names: return names["expected"]
        frame = frame.f_back
    raise LookupError("no frame knows")
"""
_TRACEBACK = """
def f(n):
    try: raise KeyError
    except KeyError as error: frame = error.__traceback__.tb_frame
    while frame is not None and "expected" not in frame.f_locals: frame = frame.f_back
    return frame.f_locals["expected"]
"""
_CURRENT_FRAMES = """
import sys
def f(n):
    for frame in sys._current_frames().values():
        while frame is not None:
            if "job" in frame.f_locals: return frame.f_locals["job"]["expected"]
            frame = frame.f_back
    raise LookupError("no frame knows")
"""
_GARBAGE = """
import gc
def f(n):
    for thing in gc.get_objects():
        if type(thing) is dict and "expected" in thing and "argument" in thing: return thing["expected"]
    raise LookupError("nothing knows")
"""
_JOB_FILE = """
import json, sys
def f(n):
    with open(sys.argv[1] + "/job.json") as file: return json.load(file)["expected"]
"""
_JSON = """
import json, sys
def forged(*_, **__): return '{"passed": true}'
def f(n):
    json.dumps = json.encoder.JSONEncoder.encode = forged
    for name, module in list(sys.modules.items()):
        for held in ("dumps", "_dumps", "_text", "_encode"):
            if callable(getattr(module, held, None)): setattr(module, held, forged)
    return n
"""
_HARNESS = """
import sys
def lie(*_, **__): return True
def f(n):
    for module in list(sys.modules.values()):
        for name, thing in list(getattr(module, "__dict__", {}).items()):
            if name in ("same", "equal", "compare"): setattr(module, name, lie)
            if name in ("Encoder",): setattr(thing, "value", lambda *_: ["int", "7108", "forged"])
    return n
"""
_CALLER = """
import sys
def f(n):
    names = sys._getframe(1).f_globals
    names["same"] = names["_answer"] = lambda *_: True
    return n
"""
_BUILTINS = """
import builtins
def f(n):
    builtins.bool = lambda *_: True
    return n
"""
_REPLACED_EXIT = """
import os, sys
def f(n):
    sys.exit = lambda *_: os._exit(0)
    return n
"""
_PROFILE = """
import os, sys
def watch(frame, event, argument):
    if event == "call" and frame.f_code is not f.__code__: os._exit(0)
def f(n):
    sys.setprofile(watch)
    return n
"""
_AUDIT = """
import os, sys
def f(n):
    sys.addaudithook(lambda event, arguments: event in ("import", "open") and os._exit(0))
    return n
"""
_GC_CALLBACK = """
import gc, os
def f(n):
    gc.callbacks.append(lambda *_: os._exit(0))
    gc.set_threshold(1)
    return n
"""
_DELETED = """
import os
class Mine:
    def __del__(self): os._exit(0)
def f(n): return Mine()
"""
_EXPLAINED = """
import os
class Mine(Exception):
    def __str__(self): os._exit(0)
def f(n): raise Mine
"""
_THREAD = """
import os, threading, time
def late():
    threading.main_thread().join()
    os._exit(0)
def f(n):
    threading.Thread(target=late).start()
    return n
"""
_ALARM = """
import os, signal, time
def f(n):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    time.sleep(1)
    return n
"""
_OVERWRITTEN = """
import ctypes, sys
def f(n):
    expected = sys._getframe(1).f_locals["expected"]
    false = 7_000_001
    ctypes.memmove(id(expected), id(false), sys.getsizeof(false))
    return false
"""
_NEWLINES = "def f(n): return 'x' + chr(10) + '{\"passed\": true}' + chr(10)"
_EXITS = (
    ("exit while it is imported", "import os\ndef f(n): return n\nos._exit(0)", "load crashed", "load crashed"),
    ("exit politely while it is imported", "def f(n): return n\nraise SystemExit(0)", "load SystemExit",
     "load SystemExit"),
    ("exit", "import os\ndef f(n): os._exit(0)", "lost crashed", "lost crashed"),
    ("exit politely", "import sys\ndef f(n): sys.exit(0)", "raised SystemExit", "raised SystemExit"),
    ("exit at the end", "import atexit, os\ndef f(n):\n    atexit.register(os._exit, 0)\n    return n",
     "returned int", "returned int"),
    ("exit by the hook of exceptions",
     "import os, sys\ndef f(n):\n    sys.excepthook = lambda *_: os._exit(0)\n    raise KeyboardInterrupt",
     "raised KeyboardInterrupt", "raised KeyboardInterrupt"),
    ("exit when it is thrown away", _DELETED, "lost crashed|returned object", "lost crashed|returned object"),
    ("exit when the error is shown", _EXPLAINED, "lost crashed", "lost crashed"),
    ("exit from a thread at the end", _THREAD, "returned int", "raised RuntimeError|raised OSError"),
    ("exit on a timer", _ALARM, "lost crashed", "raised AttributeError|load ModuleNotFoundError|raised OSError"),
    ("exit on the next call", _PROFILE, "lost crashed", "lost crashed|returned int"),
    ("exit on the next event", _AUDIT, "returned int|lost crashed", "returned int|lost crashed"),
    ("exit on the next collection", _GC_CALLBACK, "returned int|lost crashed", "returned int|lost crashed"),
    ("take the way out", _REPLACED_EXIT, "returned int", "returned int"),
)  # fmt: skip
_LIES = (
    ("equal everything", _EQUAL, "returned object Always", "returned object Always"),
    ("be a number that equals everything", _SUBCLASS, "returned object Number", "returned object Number"),
    ("be a dict that equals everything", _DICT, "returned object Lying", "returned object Lying"),
    ("be a class that equals everything", _CLASS, "returned object Kind", "returned object Kind"),
    ("disguise itself as a number", _DISGUISED, "returned object Disguised", "returned object Disguised"),
    ("print the verdict", _PRINT, "raised ValueError", "raised ValueError"),
    ("return a text with the verdict in it", _NEWLINES, "returned str", "returned str"),
    ("write the verdict to every descriptor", _EVERY_DESCRIPTOR, "lost malformed", "lost crashed|returned int"),
    ("answer before it is asked", _ANSWER_FIRST, "lost malformed", "load crashed|lost crashed|returned int"),
    ("find the answer in the frames", _FRAMES, "raised LookupError", "raised LookupError"),
    ("find the answer by a traceback", _TRACEBACK, "raised AttributeError", "raised AttributeError"),
    ("find the answer in the frames of all threads", _CURRENT_FRAMES, "raised LookupError", "raised LookupError"),
    ("find the answer among all objects", _GARBAGE, "raised LookupError", "raised LookupError"),
    ("find the answer in a file", _JOB_FILE, "raised Exception", "raised Exception"),
    ("replace what writes the verdict", _JSON, "lost malformed|lost crashed", "lost malformed|lost crashed"),
    ("replace what judges, wherever it is", _HARNESS, "lost malformed|returned int", "lost malformed|returned int"),
    ("replace what judges in the caller", _CALLER, "returned int|lost crashed|lost malformed",
     "returned int|lost crashed|lost malformed"),
    ("replace a builtin", _BUILTINS, "lost crashed|returned int", "lost crashed|returned int"),
    ("overwrite the answer in memory", _OVERWRITTEN, "raised KeyError", "load ModuleNotFoundError"),
)  # fmt: skip

FORGERIES = (
    *(Attack(name, Effect.PASSED, source, native, wasm) for name, source, native, wasm in (*_EXITS, *_LIES)),
    Attack(
        "answer a number with a truth", Effect.PASSED, "def f(n): return n == 7", "returned bool", "returned bool",
        answer=1,
    ),
    Attack(
        "answer a number with a float", Effect.PASSED, "def f(n): return 3.0", "returned float", "returned float",
        answer=3,
    ),
    Attack(
        "spoil the argument that the oracle reads", Effect.PASSED,
        "def f(n):\n    n.clear()\n    return []", "returned list", "returned list",
        argument=[3, 1, 2], argument_type="list[int]", answer=[1, 2, 3], answer_type="list[int]",
        oracle="sorted(argument)",
    ),
    Attack(
        "sort the argument in place", Effect.PASSED,
        "def f(n):\n    n.sort()\n    return list(n)", "returned list", "returned list",
        argument=[3, 1, 2], argument_type="list[int]", answer=[1, 2, 3], answer_type="list[int]",
    ),
)  # fmt: skip
