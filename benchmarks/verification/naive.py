"""The baseline: each layer as its own command in a fresh process, as one would write it in an afternoon.

Same strictness, warm caches, no sandbox; the candidates are our own. It is what the ladder's speed is measured against.
"""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from millwright.core.verification.evidence import examples
from millwright.core.verification.evidence import text as written
from schemas.specification import TaskSpecification

_TYPES = {"int": "integers(-1000, 1000)", "float": "floats(-1000, 1000)", "str": "text(max_size=30)"}
_PLUGINS_OFF = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
_SECONDS = 120.0


class Naive:
    """Runs the eight commands over one file in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def verify(self, task: TaskSpecification, source: str) -> dict[str, float]:
        """Run every layer on a solution; returns the wall-clock seconds of each.

        Raises:
            RuntimeError: a command rejects it, which makes it useless for a comparison.
        """
        (self._folder / "solution.py").write_text(source, encoding="utf-8")
        for name, text in _scripts(task).items():
            (self._folder / name).write_text(text, encoding="utf-8")
        return {layer: self._run(layer, command) for layer, command in _commands(task).items()}

    def _run(self, layer: str, command: tuple[str, ...]) -> float:
        started = time.perf_counter()
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self._folder), **_PLUGINS_OFF}
        ended = subprocess.run(
            command, cwd=self._folder, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        if ended.returncode != 0:
            raise RuntimeError(f"{layer}: {(ended.stdout + ended.stderr)[-500:]}")
        return time.perf_counter() - started


def _commands(task: TaskSpecification) -> Mapping[str, tuple[str, ...]]:
    python = sys.executable
    ruff = str(Path(python).parent / "ruff")
    select = f"--config=lint.mccabe.max-complexity={task.max_complexity}"
    return {
        "syntax": (python, "-m", "py_compile", "solution.py"),
        "types": (python, "-m", "mypy", "--strict", "--config-file=", "--no-site-packages", "solution.py"),
        "contracts": (python, "contracts.py"),
        "unit_tests": (python, "-m", "pytest", "-q", "test_cases.py"),
        "property_tests": (python, "-m", "pytest", "-q", "test_properties.py"),
        "static_analysis": (ruff, "check", "--isolated", "--select=E9,F,C901", select, "solution.py"),
        "security": (python, "-m", "bandit", "-q", "-lll", "solution.py"),
        "performance": (python, "timed.py"),
    }


def _scripts(task: TaskSpecification) -> dict[str, str]:
    names = [item.name for item in task.inputs]
    calls = [[written(argument) for argument in example.arguments] for example in examples(task)]
    wanted = [written(example.expected) if example.expected is not None else "None" for example in examples(task)]
    cases = "\n".join(
        f"def test_{index}():\n    assert {task.name}({', '.join(call)}) == {value}\n"
        for index, (call, value) in enumerate(zip(calls, wanted, strict=True))
    )
    listed = ",\n".join(f"    ({', '.join(call)},)" for call in calls)
    begin = f"from solution import {task.name}\n"
    given = ", ".join(f"{item.name}: {item.type_annotation}" for item in task.inputs)
    strategies = "\n".join(f"st.register_type_strategy({name}, st.{how})" for name, how in _TYPES.items())
    drawing = f"from typing import Any\nfrom hypothesis import given, settings, strategies as st\n{strategies}\n"
    drawn = (
        "@settings(max_examples=100, database=None, deadline=None)\n"
        f"@given({', '.join(f'{item.name}=st.from_type({item.type_annotation})' for item in task.inputs)})\n"
    )
    return {
        # As the ladder does: the contracts hold on the examples and on generated inputs, of which 100 are tried.
        "contracts.py": f"{begin}{drawing}\nCALLS = [\n{listed}\n]\n"
        f"def contracts({', '.join(names)}):\n    result = {task.name}({', '.join(names)})\n"
        + "".join(f"    assert {condition.expression}\n" for condition in task.postconditions)
        + f"for call in CALLS:\n    contracts(*call)\n"
        f"{drawn}def generated({given}):\n"
        f"    try:\n        {task.name}({', '.join(names)})\n    except Exception:\n        return\n"
        f"    contracts({', '.join(names)})\ngenerated()\n",
        "test_cases.py": f"{begin}\n{cases}",
        "test_properties.py": f"{begin}{drawing}{''.join(item.property_function for item in task.properties)}\n"
        f"{drawn}def test_property({given}):\n    check({', '.join(names)})\n",
        "timed.py": f"import time\n{begin}\nCALLS = [\n{listed}\n]\nfor call in CALLS:\n"
        f"    started = time.process_time()\n    {task.name}(*call)\n"
        f"    assert time.process_time() - started < {task.timeout_ms / 1000}\n",
    }
