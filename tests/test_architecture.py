"""The tree keeps to the design's picture, and every check can fail."""

import pytest

from tests.architecture import (
    CHECKS,
    EMPTY_WORDS,
    LONGEST_MODULE,
    ROOT,
    Check,
    Module,
    Modules,
    cycle_faults,
    form_faults,
    import_faults,
    purity_faults,
    read,
    registry_faults,
    timeout_faults,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_tree_keeps_to_the_design(check: Check) -> None:
    """No module breaks a rule of the picture."""
    modules = read(ROOT)
    assert len(modules) > 50
    assert list(check(modules)) == []


def test_nothing_anywhere_has_a_name_that_says_nothing() -> None:
    """Tests, benchmarks and examples keep to the rule of names too."""
    folders = ("tests", "benchmarks", "examples")
    names = [file for folder in folders for file in (ROOT / folder).rglob("*.py") if file.stem in EMPTY_WORDS]
    assert names == []


def _planted(*sources: tuple[str, str]) -> Modules:
    return {name: Module(name, f'"""A module."""\n{source}') for name, source in sources}


LAYERS = "millwright.core.verification.layers"


@pytest.mark.parametrize(
    ("check", "name", "source"),
    [
        (import_faults, "schemas.a", "import millwright.errors"),
        (import_faults, "schemas.a", "import yaml"),
        (import_faults, "millwright.core.a", "import httpx"),
        (import_faults, "millwright.core.a", "from millwright import ports"),
        (import_faults, "millwright.core.a", "def f():\n    from millwright.adapters.storage import tables"),
        (import_faults, "millwright.core.a", "from .. import adapters"),
        (import_faults, "millwright.adapters.llm.a", "from millwright.core.voting import decide"),
        (import_faults, "millwright.adapters.llm.a", "import millwright.adapters.storage.tables"),
        (import_faults, "millwright.adapters.llm.a", "import sqlalchemy"),
        (import_faults, "millwright.adapters.storage.a", "from activities import records"),
        (import_faults, "millwright.adapters.sandbox.harness.a", "import pydantic"),
        (import_faults, "millwright.adapters.unheard.a", "import httpx"),
        (import_faults, "activities.a", "from temporalio import workflow"),
        (import_faults, "activities.a", "import temporalio"),
        (import_faults, "activities.a", "from workflows.policies import MODEL"),
        (import_faults, "activities.a", "from millwright.adapters.llm import openai_wire"),
        (import_faults, "workflows.a", "from temporalio.client import Client"),
        (import_faults, "workflows.a", "from millwright.ports import Model"),
        (import_faults, "workflows.a", "from worker import main"),
        (import_faults, "millwright.client", "import starter"),
        (import_faults, "millwright.commandline.a", "from millwright.adapters.embedded import home"),
        (import_faults, "millwright.commandline.a", "from millwright import adapters"),
        (import_faults, "millwright.nowhere", ""),
        (purity_faults, "millwright.core.a", "import os.path"),
        (purity_faults, "millwright.core.a", "from pathlib import Path"),
        (purity_faults, "millwright.core.a", "import asyncio"),
        (purity_faults, "millwright.core.a", "x = open('file')"),
        (purity_faults, "millwright.core.a", "import datetime\nx = datetime.datetime.now()"),
        (purity_faults, "workflows.a", "from datetime import date\nx = date.today()"),
        (purity_faults, "workflows.a", "from random import random"),
        (timeout_faults, "workflows.a", "from datetime import timedelta\nx = timedelta(seconds=5)"),
        (cycle_faults, "millwright.core.a", "import millwright.core.b"),
        (form_faults, "millwright.core.a", "x = 1\n" * LONGEST_MODULE),
        (form_faults, "millwright.core.utils", ""),
        (form_faults, "millwright.core.common.a", ""),
        (form_faults, "millwright.core.a", "def f():\n    print(1)"),
        (form_faults, "millwright.core.a", "import sys\nsys.setrecursionlimit(9)"),
        (registry_faults, f"{LAYERS}.forgotten", ""),
    ],
)
def test_a_planted_violation_is_found(check: Check, name: str, source: str) -> None:
    """The checks can fail: each of these breaks one rule."""
    others = (("millwright.core.b", "from millwright.core import a"), ("millwright.core.ladder", "LADDER = ()"))
    found = list(check(_planted((name, source), *others)))
    assert found
    assert all(name in fault for fault in found)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("millwright.core.a", "from pathlib import PurePosixPath\nfrom millwright.core.voting import decide"),
        ("activities.a", "from temporalio import activity\nfrom temporalio.exceptions import ApplicationError"),
        ("workflows.a", "import asyncio\nfrom temporalio import workflow\ndef f():\n    return workflow.now()"),
        ("millwright.adapters.storage.a", "import sqlalchemy.ext.asyncio\nfrom millwright.adapters.storage import b"),
        ("millwright.commandline.a", "from millwright import __version__\ndef f():\n    print(__version__)"),
        ("millwright.adapters.sandbox.harness.a", "if __name__ == '__main__':\n    print(1)"),
        ("starter", "import worker\nimport millwright.adapters.embedded.home"),
    ],
)
def test_what_the_design_allows_is_not_a_fault(name: str, source: str) -> None:
    """The checks do not cry wolf."""
    assert [fault for check in CHECKS for fault in check(_planted((name, source)))] == []


def test_a_listed_file_and_its_parts_are_found_in_the_tuple() -> None:
    """A layer is known by the name that the tuple takes from it, a part by the file that it is named after."""
    modules = _planted(
        (f"{LAYERS}.syntax", ""),
        (f"{LAYERS}.syntax_words", ""),
        (f"{LAYERS}.types", ""),
        ("millwright.core.ladder", f"from {LAYERS}.syntax import Syntax\nLADDER: tuple[object, ...] = (Syntax(),)"),
    )
    assert list(registry_faults(modules)) == [f"{LAYERS}.types is not in LADDER"]


def test_a_module_without_a_docstring_is_found() -> None:
    """Only an empty file needs none."""
    modules = {"millwright.core.a": Module("millwright.core.a", "x = 1"), "schemas": Module("schemas", "", True)}
    assert list(form_faults(modules)) == ["millwright.core.a has no docstring"]
