"""Reads the packages that specifications grant from the worker's own environment, as text.

Only packages that are all Python are read, so that they go wherever a candidate goes: into each engine and before the
type checker. Nothing is installed, and nothing of a package is imported here.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from millwright.errors import BadInput
from schemas.packages import Requirement, parse_requirement
from schemas.specification import PackageGrant

_LARGEST = 4 * 1024 * 1024
"""Characters of a package: it travels with every candidate that is granted it."""

_NATIVE = (".so", ".pyd", ".dylib", ".dll")
_TEXTS = (".py", ".pyi")


def package_modules(grants: Sequence[PackageGrant]) -> dict[str, str]:
    """Return the files of granted packages by path, as a program's own modules are given.

    Raises:
        BadInput: one is not installed here, in another version, not all of Python, too large, or needs another one that
            is not granted; the message says what to do.
    """
    named = {parse_requirement(grant.requirement).key for grant in grants}
    found: dict[str, str] = {}
    for grant in grants:
        found |= _read(grant, frozenset(named))
    return found


@lru_cache(maxsize=32)  # every candidate of a task asks for the same
def _read(grant: PackageGrant, granted: frozenset[str]) -> Mapping[str, str]:
    wanted = parse_requirement(grant.requirement)
    try:
        installed = distribution(wanted.name)
    except PackageNotFoundError as error:
        raise BadInput(
            f"the package {wanted.name} is granted and not installed where candidates are verified: "
            f"pip install '{grant.requirement}' beside millwright there, and try again"
        ) from error
    if not wanted.allows(installed.version):
        raise BadInput(
            f"the package {wanted.name} is installed as {installed.version}, and {grant.requirement} is granted: "
            f"pip install '{grant.requirement}' where candidates are verified, or change the grant"
        )
    _demand_what_it_needs(installed, wanted, granted)
    return _texts(installed, wanted, grant.modules)


def _demand_what_it_needs(installed: Distribution, wanted: Requirement, granted: frozenset[str]) -> None:
    for text in installed.requires or ():
        needed, _, marker = text.partition(";")
        if marker.strip():  # an extra, or another platform or interpreter
            continue
        found = re.match(r"[A-Za-z0-9._-]+", needed.strip())
        key = Requirement(found.group()).key if found else ""
        if key not in granted:
            raise BadInput(f"the package {wanted.name} needs {needed.strip()}: grant that as well, with its modules")


def _texts(installed: Distribution, wanted: Requirement, modules: tuple[str, ...]) -> dict[str, str]:
    files = installed.files
    if files is None:
        raise BadInput(f"the package {wanted.name} has no list of its files: install it from a wheel")
    texts: dict[str, str] = {}
    for file in files:
        path = file.as_posix()
        if path.partition("/")[0].partition(".")[0] not in modules or ".." in path:
            continue
        if path.endswith(_NATIVE):
            raise BadInput(f"the package {wanted.name} is not all of Python ({path}): it cannot be granted")
        if path.endswith(_TEXTS):
            texts[path] = file.read_text(encoding="utf-8")
    for module in modules:
        if f"{module}.py" not in texts and not any(path.startswith(f"{module}/") for path in texts):
            raise BadInput(f"the package {wanted.name} {installed.version} has no module {module}: correct the grant")
    if sum(map(len, texts.values())) > _LARGEST:
        raise BadInput(f"the package {wanted.name} has more than {_LARGEST} characters: it cannot be granted")
    return texts
