"""The programs that try out a delivered Python package where it is installed; they run inside the sandbox only.

They judge nothing: they say what happened, and what that means is decided outside.
"""

PLAN = "plan.json"
RESULTS = "results.json"
SOURCE = "source"

DRIVER = '''"""Builds the package, installs it in an environment of its own, and does there what the plan says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path.cwd()
ENVIRONMENT = HERE / "env"
PYTHON = str(ENVIRONMENT / "bin" / "python")
RESULTS = {}
KEPT = ("PATH", "LD_LIBRARY_PATH", "HOME", "LANG", "PYTHONHASHSEED")
CLEAN = {"PYTHONUTF8": "1", **{name: os.environ[name] for name in KEPT if name in os.environ}}


def said(data):
    """Keep the end of what a program said."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data or ""
    return text[-4000:]


def run(argv, seconds, cwd=HERE, stdin=b"", environment=None):
    """Run a program to its end or its limit."""
    try:
        done = subprocess.run(
            argv, cwd=cwd, input=stdin, capture_output=True, timeout=seconds, env=environment, check=False
        )
    except subprocess.TimeoutExpired as late:
        words = said(late.stdout) + said(late.stderr) + f"\\nnot done after {seconds} s"
        return {"status": -9, "stdout": said(late.stdout), "said": words}
    words = said(done.stdout) + said(done.stderr)
    return {"status": done.returncode, "stdout": done.stdout.decode("utf-8", "replace"), "said": words}


def stage(name, result):
    """Record a stage; say whether it went well."""
    RESULTS[name] = {"status": result["status"], "said": result["said"]}
    return result["status"] == 0


def wheel():
    """Return the one wheel that was built, and only that."""
    (found,) = (HERE / "dist").glob("*.whl")
    return str(found)


def pip():
    """Return how to run pip: as it is installed, or as the interpreter brings it along."""
    try:
        import pip  # noqa: F401
    except ImportError:
        import ensurepip

        (found,) = Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")
        return [sys.executable, f"{found}/pip"]
    return [sys.executable, "-m", "pip"]


def installed():
    """Build the wheel and install it in a fresh environment that sees no other package."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(HERE / "dist")]
    if not stage("build", run(build, 60, cwd=HERE / "source")):
        return False
    made = run([sys.executable, "-m", "venv", "--without-pip", str(ENVIRONMENT)], 60)
    if made["status"]:
        return stage("environment", made)
    try:
        program = pip()
    except (ImportError, ValueError):
        return stage("environment", {"status": 1, "said": "the verifier's interpreter has no pip"})
    flags = ["--no-deps", "--no-index", "--no-cache-dir", "--disable-pip-version-check"]
    return stage("install", run([*program, "--python", PYTHON, "install", *flags, wheel()], 60))


def lay_in(names):
    """Lay the packages that the deliverable depends on where it is installed: there is no index to ask."""
    (site,) = ENVIRONMENT.glob("lib/python*/site-packages")
    for name in names:
        for folder in map(Path, sys.path):
            if (folder / name).is_dir():
                shutil.copytree(folder / name, site / name)
                break
            if (folder / f"{name}.py").is_file():
                shutil.copy(folder / f"{name}.py", site)
                break


def probed(name, script, argument, seconds):
    """Run a script of ours with the environment's interpreter, away from the sources; read what it wrote."""
    place = HERE / f"{name}.json"
    argv = [PYTHON, "-I", "-B", "-X", "utf8", str(HERE / script), argument, str(place)]
    result = run(argv, seconds, cwd=HERE / "away", environment=CLEAN)
    stage(name, result)
    try:
        RESULTS[name]["found"] = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        RESULTS[name]["found"] = None


def main():
    """Do what the plan says, as far as it goes."""
    plan = json.loads((HERE / "plan.json").read_text(encoding="utf-8"))
    if installed():
        away = HERE / "away"
        away.mkdir()
        if plan["tests"]:
            shutil.copytree(HERE / "source" / "tests", away / "tests")
        shutil.rmtree(HERE / "source")
        lay_in(plan["packages"])
        if plan["modules"]:
            probed("imports", "try_imports.py", "plan", plan["patience"])
        if plan["tests"]:
            probed("tests", "try_tests.py", "plain", plan["patience"])
            probed("coverage", "try_tests.py", "traced", plan["patience"])
        if plan["requests"]:
            probed("server", "try_server.py", "plan", plan["patience"] + 30 * len(plan["requests"]))
        if plan["command"]:
            program = str(ENVIRONMENT / "bin" / plan["command"])
            RESULTS["runs"] = [
                run([program, *arguments], 30, cwd=away, stdin=text.encode("utf-8"), environment=CLEAN)
                for text, arguments in zip(plan["inputs"], plan["arguments"], strict=True)
            ]
    (HERE / "results.json").write_text(json.dumps(RESULTS), encoding="utf-8")


main()
'''

TRY_IMPORTS = '''"""Imports every module of the installed package, and sees where each comes from."""

import importlib
import json
import sys
from pathlib import Path

plan = json.loads(Path(__file__).with_name("plan.json").read_text(encoding="utf-8"))
failed = {}
for name in plan["modules"]:
    try:
        origin = importlib.import_module(name).__file__ or ""
        if not origin.startswith(sys.prefix + "/"):
            failed[name] = f"it was imported from {origin}"
    except BaseException as error:  # whatever a module raises, the next one is imported all the same
        failed[name] = f"{type(error).__name__}: {error}"
Path(sys.argv[2]).write_text(json.dumps(failed), encoding="utf-8")
'''

TRY_TESTS = '''"""Runs the tests module by module on what is installed; traced, it counts the lines that they reach."""

import json
import sys
import threading
import types
import unittest
from pathlib import Path

HERE = Path(__file__).parent
plan = json.loads((HERE / "plan.json").read_text(encoding="utf-8"))
traced = sys.argv[1] == "traced"
sys.path.insert(0, str(HERE / "away"))
seen = {}


def trace(frame, event, argument):
    """Note the lines of the part whose own tests are running."""
    if frame.f_code.co_filename != current:
        return None
    lines.add(frame.f_lineno)
    return trace


def countable(code):
    """Return the lines inside functions: what a module does when it is imported is no matter of tests."""
    found = set()
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            own = {line for _, _, line in inner.co_lines() if line}
            if not inner.co_name.startswith("<") and inner.co_name != "__annotate__" and len(own) > 1:
                own.discard(inner.co_firstlineno)
            found |= own | countable(inner)
    return found


failed, ran = {}, 0
for test, part in plan["tests"].items():
    current, lines = "", set()
    if traced and part:
        spec = __import__("importlib.util").util.find_spec(part)
        current = spec.origin if spec is not None and spec.origin else ""
        sys.settrace(trace)
        threading.settrace(trace)
    result = unittest.TestResult()
    try:
        unittest.defaultTestLoader.loadTestsFromName(test).run(result)
        complaints = [(case.id(), words) for case, words in result.errors + result.failures]
        complaints += [(case.id(), "it was expected to fail") for case in result.unexpectedSuccesses]
    except BaseException as error:  # a module of tests that stops the program must not hide the others
        complaints = [(test, f"{type(error).__name__}: {error}")]
    finally:
        sys.settrace(None)
        threading.settrace(None)
    ran += result.testsRun
    if complaints:
        failed[test] = [
            f"{name.rpartition('.')[2]}: {words.strip().splitlines()[-1] if words.strip() else ''}"[:300]
            for name, words in complaints[:3]
        ]
    if current:
        code = compile(Path(current).read_text(encoding="utf-8"), current, "exec", dont_inherit=True)
        every = countable(code)
        missed = sorted(every - lines)
        seen[test] = {"lines": len(every), "covered": len(every) - len(missed), "missed": missed[:20]}
Path(sys.argv[2]).write_text(json.dumps({"ran": ran, "failed": failed, "seen": seen}), encoding="utf-8")
'''
