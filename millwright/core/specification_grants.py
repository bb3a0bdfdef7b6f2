"""Whether a task may be granted what its specification grants, and whether a part's grants lie within the whole's.

What it does not know is which modules and names are harmless: that is the language's.
"""

from collections.abc import Iterable, Iterator, Sequence

from millwright.core.verification.languages import LANGUAGES
from schemas.specification import Fault, Grants, PackageGrant, TaskSpecification

_PROTECTED = frozenset(
    {"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "python", "run", "sbin", "sys", "usr"}
)
"""Top directories that the sandbox fills itself: nothing may be put over or into them."""

_LONGEST_PATH = 200


def grant_faults(where: str, task: TaskSpecification) -> Iterator[Fault]:
    """Yield every fault of what a task grants; ``where`` is the place of its grants."""
    if task.grants == Grants():
        return
    for language in LANGUAGES:
        if language.name == task.target_language:
            for fault in language.check_grants(task.grants):
                yield Fault(where=f"{where}.{fault.where}", what=fault.what)
    for index, path in enumerate(task.grants.files):
        place = f"{where}.files[{index}]"
        problem = _path_problem(path)
        if problem is not None:
            yield Fault(where=place, what=f"{path!r} {problem}")
        for other in task.grants.files[:index]:
            if is_within(path, other) or is_within(other, path):
                yield Fault(where=place, what=f"{path!r} and {other!r} lie one in the other; grant the outer one")


def package_faults(tasks: Sequence[TaskSpecification]) -> Iterator[Fault]:
    """Yield each task whose code runs another one's, and is not granted the packages that this one is."""
    by_id = {task.id: task for task in tasks}
    for index, task in enumerate(tasks):
        if not task.has_interface:
            continue
        below = [other.id for other in tasks if other.parent == task.id]
        for name in dict.fromkeys((*task.children, *below, *task.dependencies)):
            used = by_id.get(name)
            for package in used.grants.packages if used is not None else ():
                if package not in task.grants.packages:
                    what = f"{task.id!r} runs {name!r}, which is granted {package.requirement}: grant it here as well"
                    yield Fault(where=f"tasks[{index}].grants.packages", what=what)


def granted_packages(tasks: Iterable[TaskSpecification]) -> tuple[PackageGrant, ...]:
    """Return the packages that tasks are granted, each once, by name."""
    found = {grant: None for task in tasks for grant in task.grants.packages}
    return tuple(sorted(found, key=lambda grant: grant.requirement))


def _path_problem(path: str) -> str | None:
    """Return why a path cannot be granted; None when it can."""
    parts = path.split("/")[1:]
    if not path.startswith("/"):
        return "is not an absolute path"
    if len(path) > _LONGEST_PATH or not path.isascii() or not path.isprintable() or "\\" in path:
        return f"is not a plain path of at most {_LONGEST_PATH} printable ASCII characters"
    if parts == [""]:
        return "is everything, and cannot be granted; name one directory"
    if any(part in ("", ".", "..") for part in parts):
        return "is not normalised: no // or /./ or /../, and no / at the end"
    if parts[0] in _PROTECTED:
        return f"lies in /{parts[0]}, which is the sandbox's own and cannot be granted"
    if parts == ["tmp"]:
        return "needs no grant: it is private and may be written to; grant a directory of another name for files"
    return None


def is_within(path: str, directory: str) -> bool:
    """Say whether a normalised path is a directory, or lies in it."""
    return path == directory or path.startswith(directory + "/")


def excess_of(part: Grants, whole: Grants) -> str | None:
    """Return the first thing that a part grants and the whole does not; None when all of it lies within."""
    for module in part.imports:
        if not any(module == granted or module.startswith(granted + ".") for granted in whole.imports):
            return f"the module {module}"
    for name in part.names:
        if name not in whole.names:
            return f"the name {name}"
    for package in part.packages:
        if package not in whole.packages:
            return f"the package {package.requirement}"
    for path in part.files:
        if not any(is_within(path, granted) for granted in whole.files):
            return f"the directory {path}"
    return None
