"""The allow-list held against the standard library that is installed."""

import importlib
import sys
import types

import pytest

from millwright.core.verification.languages.python_allowed import (
    ALLOWED_MEMBERS,
    ALLOWED_MODULES,
    GRANTABLE_MODULES,
    GRANTABLE_WITH_FILES,
    REFUSED_MEMBERS,
    Allowance,
    is_pure,
    may_be_granted,
    never_granted,
)

_PURE = Allowance()
_CARRIED_AND_PURE = {("stringprep", "unicodedata")}


@pytest.mark.parametrize("name", sorted(ALLOWED_MODULES))
def test_no_allowed_module_hands_out_another(name: str) -> None:
    """What a module imports for itself is not reached through it; all that it offers itself is."""
    module, package = importlib.import_module(name), name.partition(".")[0]
    members = {key: value for key, value in vars(module).items() if not key.startswith("__")}
    carried = [key for key, value in members.items() if isinstance(value, types.ModuleType)]
    handed_out = [key for key in carried if _PURE.may_use(name, key) and not _PURE.is_module(f"{name}.{key}")]
    assert [key for key in handed_out if not members[key].__name__.startswith(f"{package}.")] == []
    offered = set(getattr(module, "__all__", members)) - set(carried)
    missing = {key for key in offered if not key.startswith("_") and not _PURE.may_use(name, key)}
    assert {key for key in missing if (name, key) not in _CARRIED_AND_PURE} == REFUSED_MEMBERS.get(name, frozenset())


@pytest.mark.parametrize("name", sorted(ALLOWED_MEMBERS))
def test_members_that_are_allowed_exist(name: str) -> None:
    """No name in the list is misspelt, and nothing else of the module is allowed."""
    module = importlib.import_module(name)
    assert [member for member in ALLOWED_MEMBERS[name] if not hasattr(module, member)] == []
    allowed = {key for key in dir(module) if _PURE.may_use(name, key)}
    assert allowed == ALLOWED_MEMBERS[name]


def test_every_module_is_in_one_place_only() -> None:
    """Nothing is granted that is never granted, and nothing is pure that needs a grant."""
    grantable = GRANTABLE_MODULES | GRANTABLE_WITH_FILES
    assert {name for name in ALLOWED_MODULES if never_granted(name)} == {"urllib.parse"}
    assert {name for name in grantable if never_granted(name)} == {"os.path", "xml.etree"}
    assert not GRANTABLE_MODULES & GRANTABLE_WITH_FILES
    assert not ALLOWED_MODULES & grantable
    assert [name for name in grantable if not may_be_granted(name)] == []


@pytest.mark.parametrize("name", ["os", "socket", "subprocess", "ctypes", "importlib", "builtins", "pickle", "_thread"])
def test_what_is_dangerous_is_nowhere_allowed(name: str) -> None:
    """Neither by itself nor by a grant."""
    assert name in sys.stdlib_module_names
    assert not is_pure(name)
    assert not may_be_granted(name)
