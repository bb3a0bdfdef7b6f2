"""Whether what a specification grants can be granted to Python code.

Directories are no affair of a language, and are judged with the specification.
"""

import builtins
import sys
from collections.abc import Iterator

from millwright.core.verification.languages.python_allowed import (
    ALLOWED_MEMBERS,
    GRANTABLE_NAMES,
    REFUSED_BUILTINS,
    REFUSED_NAMES,
    is_pure,
    may_be_granted,
    needs_files,
    never_granted,
)
from schemas.packages import RequirementSyntaxError, parse_requirement
from schemas.specification import Fault, Grants

_RUNNERS = frozenset({"__import__", "breakpoint", "compile", "eval", "exec", "globals"})


def check_grants(grants: Grants) -> tuple[Fault, ...]:
    """Find modules and names that are unknown, granted twice, or can never be granted; what is free may be listed."""
    faults: list[Fault] = []
    for kind, granted, problems in (
        ("imports", grants.imports, _module_problems),
        ("names", grants.names, _name_problems),
    ):
        for index, name in enumerate(granted):
            where = f"{kind}[{index}]"
            faults += (Fault(where=where, what=problem) for problem in problems(name, bool(grants.files)))
            if name in granted[:index]:
                faults.append(Fault(where=where, what=f"{name!r} is there twice"))
    faults += _package_faults(grants)
    return tuple(faults)


def _package_faults(grants: Grants) -> Iterator[Fault]:
    """Yield why packages cannot be granted: no requirement, there twice, or of a name that something else has."""
    keys: list[str] = []
    taken: list[str] = []
    for index, grant in enumerate(grants.packages):
        where = f"packages[{index}]"
        try:
            key = parse_requirement(grant.requirement).key
        except RequirementSyntaxError as error:
            yield Fault(where=f"{where}.requirement", what=str(error))
            continue
        if key in keys:
            yield Fault(where=where, what=f"the package {key!r} is there twice")
        keys.append(key)
        for name in grant.modules:
            if not name.isidentifier() or not name.isascii():
                yield Fault(where=f"{where}.modules", what=f"{name!r} is not the name of a top-level module")
            elif name in sys.stdlib_module_names:
                yield Fault(where=f"{where}.modules", what=f"{name!r} is of the standard library: grant it in imports")
            elif name in taken:
                yield Fault(where=f"{where}.modules", what=f"the module {name!r} is there twice")
            taken.append(name)


def _module_problems(module: str, has_files: bool) -> Iterator[str]:
    parts = module.split(".")
    reason = never_granted(module)
    if not module.isascii() or not all(part.isidentifier() for part in parts):
        yield f"{module!r} is not the name of a module"
    elif parts[0] not in sys.stdlib_module_names:
        yield f"{module!r} is not in the standard library; nothing else is there, and dependencies need no grant"
    elif may_be_granted(module):
        if needs_files(module) and not has_files:
            yield f"{module!r} reads or writes files: grant a directory in files as well"
    elif reason is not None and not is_pure(module):
        yield f"{module!r} may not be granted: {reason}"
    elif module in ALLOWED_MEMBERS:
        yield f"{module!r} may not be granted: what is harmless of it may be used without, and no more"
    elif not is_pure(module):
        yield f"{module!r} is not one of the modules that may be granted"


def _name_problems(name: str, has_files: bool) -> Iterator[str]:
    if name in _RUNNERS:
        yield f"{name!r} may not be granted: it runs or reaches code that is not in the source"
    elif name == "open" and not has_files:
        yield "'open' reads or writes files: grant a directory in files as well"
    elif name not in GRANTABLE_NAMES:
        known = hasattr(builtins, name) or name in REFUSED_NAMES | REFUSED_BUILTINS
        refused = name in REFUSED_NAMES | REFUSED_BUILTINS or name.startswith("_")
        if not known:
            yield f"{name!r} is not a built-in name"
        elif refused:
            yield f"{name!r} is not one of the names that may be granted"
