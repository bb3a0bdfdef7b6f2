"""The design's picture as data, held against the imports of every module.

It reads source with ``ast`` and imports nothing of it. Each check is a function from modules to faults; the tests
beside it hold the tree against all of them.
"""

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("schemas", "millwright", "activities", "workflows", "migrations", "starter", "worker")
ROOTS = ("starter", "worker")
LONGEST_MODULE = 400
EMPTY_WORDS = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"})

NOUNS = ("schemas", "millwright.errors")
BORDER = (*NOUNS, "millwright.ports")
PICTURE: dict[str, tuple[str, ...]] = {
    # package: what it may import besides the standard library; the longest matching package decides
    "schemas": ("schemas", "pydantic", "pydantic_core"),
    "millwright": (),
    "millwright.errors": ("schemas",),
    "millwright.ports": NOUNS,
    "millwright.settings": NOUNS,
    "millwright.telemetry": (*NOUNS, "millwright.settings", "opentelemetry", "temporalio"),
    "millwright.temporal": (*NOUNS, "millwright.settings", "pydantic", "temporalio"),
    "millwright.core": (*NOUNS, "millwright.core", "pydantic"),
    "activities": (
        *BORDER,
        "millwright.core",
        "activities",
        "pydantic",
        "temporalio.activity",
        "temporalio.common",
        "temporalio.exceptions",
    ),
    "workflows": (
        *NOUNS,
        "millwright.core",
        "activities",
        "workflows",
        "pydantic",
        "temporalio.common",
        "temporalio.exceptions",
        "temporalio.workflow",
    ),
    "workflows.sandbox": ("temporalio.worker.workflow_sandbox",),
    "millwright.client": (
        *BORDER,
        "millwright.core.project_input",
        "millwright.records",
        "millwright.delivery",
        "millwright.temporal",
        "workflows.identifiers",
        "pydantic",
        "temporalio",
    ),
    "millwright.records": (*BORDER, "millwright.core", "millwright.revisions", "pydantic"),
    "millwright.revisions": (*BORDER, "millwright.core"),
    "millwright.delivery": (*BORDER, "millwright.core", "millwright.records", "pydantic"),
    "millwright.commandline": (
        *BORDER,
        "millwright",
        "millwright.client",
        "millwright.commandline",
        "millwright.core",
        "millwright.delivery",
        "millwright.records",
        "millwright.revisions",
        "millwright.settings",
        "workflows.identifiers",
        "pydantic",
        "rich",
        "typer",
    ),
    "millwright.search_attributes": ("millwright.errors", "workflows.identifiers", "temporalio"),
    "millwright.toolbox": (*BORDER, "millwright.adapters"),
    "millwright.model_setup": (*NOUNS, "millwright.adapters", "millwright.core", "millwright.settings"),
    "millwright.notification_setup": (*BORDER, "millwright.adapters.notification", "millwright.settings"),
    "millwright.replay_setup": (
        *BORDER,
        "millwright.adapters",
        "millwright.client",
        "millwright.settings",
        "millwright.temporal",
        "millwright.toolbox",
        "temporalio",
    ),
    "migrations": ("millwright.adapters.storage", "alembic", "sqlalchemy"),
}
FAMILIES: dict[str, tuple[str, ...]] = {
    # each family of adapters, with the outside libraries that are its reason to exist
    "analysis": ("bandit", "crosshair", "mypy", "ruff"),
    "documents": ("yaml",),
    "embedded": ("google.protobuf", "httpx", "psycopg", "temporalio", "yaml"),
    "inputs": ("hypothesis",),
    "llm": ("httpx",),
    "notification": ("httpx",),
    "packages": (),
    "sandbox": ("wasmtime",),
    "storage": ("alembic", "psycopg", "sqlalchemy"),
}
PICTURE |= {
    f"millwright.adapters.{family}": (
        *BORDER,
        "millwright.settings",
        f"millwright.adapters.{family}",
        "pydantic",
        *libraries,
    )
    for family, libraries in FAMILIES.items()
}
PICTURE["millwright.adapters"] = ()
PICTURE["millwright.adapters.sandbox.harness"] = ("millwright.adapters.sandbox.harness",)

IMPURE = (
    *("concurrent", "http", "logging", "multiprocessing", "os", "pathlib.Path", "platform", "random", "secrets"),
    *("select", "shutil", "signal", "socket", "subprocess", "tempfile", "threading", "time", "urllib.request", "uuid"),
)
PURE: dict[str, tuple[str, ...]] = {
    # modules of the standard library that a package must not touch, since it has to replay
    "millwright.core": (*IMPURE, "asyncio"),
    "schemas": (*IMPURE, "asyncio"),
    "workflows": IMPURE,
}
IMPURE_CALLS = frozenset({"open", "print", "input", "eval", "exec", "breakpoint", "__import__"})
CLOCKS = frozenset({"now", "utcnow", "today"})
RUN_BY_OTHERS = frozenset(
    {
        "migrations.env",  # Alembic runs it, and only so
        "millwright.adapters.storage.tables",  # SQLAlchemy's indexes join their table by being made
    }
)
MAY_PRINT = ("millwright.commandline", *ROOTS)

REGISTRIES: dict[str, tuple[str, frozenset[str]]] = {
    # folder: its tuple, and the files in it that others share
    "millwright.core.verification.layers": ("LADDER", frozenset()),
    "millwright.core.verification.confirmations": ("CONFIRMATIONS", frozenset({"catalogue"})),
    "millwright.core.verification.languages": ("LANGUAGES", frozenset()),
    "millwright.adapters.llm": ("PROVIDERS", frozenset({"connections", "failures", "openai_wire", "probing"})),
}


@dataclass(frozen=True)
class Module:
    """A module: its dotted name, its source and whether it is a package's ``__init__``."""

    name: str
    source: str
    is_package: bool = False

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return _parsed(self.source)

    def within(self, *packages: str) -> bool:
        """Whether it is one of some packages, or in one."""
        return any(_under(self.name, package) for package in packages)


Modules = Mapping[str, Module]


@cache
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)


def _under(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def read(root: Path) -> Modules:
    """Read every module of the product under a root."""
    files = [file for top in SOURCES for file in (*(root / top).rglob("*.py"), root / f"{top}.py") if file.is_file()]
    found = {}
    for file in files:
        parts = file.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(name, file.read_text(encoding="utf-8"), is_package)
    return found


def _imports(module: Module, modules: Modules, *, top_level: bool = False) -> Iterator[str]:
    """Yield what a module imports, as dotted names; ``from a import b`` is ``a.b``."""
    for node in module.tree.body if top_level else ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (_sibling(alias.name, module, modules) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _sibling(node.module or "", module, modules) if not node.level else _relative(node, module)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _sibling(name: str, module: Module, modules: Modules) -> str:
    """Resolve the plain imports of scripts that run with their own folder on the path."""
    beside = f"{module.name.rpartition('.')[0]}.{name}"
    return beside if beside in modules and name.partition(".")[0] not in sys.stdlib_module_names else name


def _relative(node: ast.ImportFrom, module: Module) -> str:
    parts = module.name.split(".")
    kept = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


def import_faults(modules: Modules) -> Iterator[str]:
    """Find imports against the picture's arrows, and modules that the picture does not know."""
    for module in modules.values():
        if module.name in ROOTS:
            continue
        package = max((known for known in PICTURE if module.within(known)), key=len, default=None)
        if package is None or (package == "millwright" and module.name != "millwright"):
            yield f"{module.name} is not in the picture: give it its place in PICTURE"
            continue
        for name in _imports(module, modules):
            if name.partition(".")[0] in sys.stdlib_module_names:
                continue
            if not any(_allows(allowed, name) for allowed in PICTURE[package]):
                yield f"{module.name} imports {name}"


def _allows(allowed: str, name: str) -> bool:
    # The root package stands for its own names (its version), not for all that is under it.
    return name.startswith("millwright.__") if allowed == "millwright" else _under(name, allowed)


def purity_faults(modules: Modules) -> Iterator[str]:
    """Find clocks, disks, networks, environment, randomness, threads and loggers where there may be none."""
    for package, banned in PURE.items():
        for module in (found for found in modules.values() if found.within(package)):
            for name in _imports(module, modules):
                if any(_under(name, outside) for outside in banned):
                    yield f"{module.name} imports {name}"
            for call in (node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
                if isinstance(call, ast.Name) and call.id in IMPURE_CALLS:
                    yield f"{module.name}:{call.lineno} calls {call.id}"
                if (
                    isinstance(call, ast.Attribute)
                    and call.attr in CLOCKS
                    and _last(call.value) in ("datetime", "date")
                ):
                    yield f"{module.name}:{call.lineno} reads the clock"


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def timeout_faults(modules: Modules) -> Iterator[str]:
    """Find durations written out in workflows, anywhere but in their policies."""
    for module in modules.values():
        if not module.within("workflows") or module.name == "workflows.policies":
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and _last(node.func) == "timedelta":
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                if any(isinstance(value, ast.Constant) for value in given):
                    yield f"{module.name}:{node.lineno} writes a duration out: name it in workflows/policies.py"


def cycle_faults(modules: Modules) -> Iterator[str]:
    """Find modules that import each other in a circle."""
    edges = {
        module.name: {
            target
            for name in _imports(module, modules, top_level=True)
            for target in (name if name in modules else name.rpartition(".")[0],)
            if target in modules and target != module.name
        }
        for module in modules.values()
    }
    done: set[str] = set()

    def search(name: str, way: tuple[str, ...]) -> Iterator[str]:
        if name in way:
            yield " → ".join((*way[way.index(name) :], name))
        elif name not in done:
            for target in sorted(edges[name]):
                yield from search(target, (*way, name))
            done.add(name)

    for name in sorted(edges):
        yield from search(name, ())


def form_faults(modules: Modules) -> Iterator[str]:
    """Find modules that are too long, have an empty name or no docstring, print, or act on import."""
    for module in modules.values():
        lines = len(module.source.splitlines())
        if lines > LONGEST_MODULE:
            yield f"{module.name} has {lines} lines; at most {LONGEST_MODULE}"
        if EMPTY_WORDS & set(module.name.split(".")):
            yield f"{module.name} has a name that says nothing"
        if module.source.strip() and ast.get_docstring(module.tree) is None:
            yield f"{module.name} has no docstring"
        if _is_program(module) or module.name in RUN_BY_OTHERS:
            continue
        for node in ast.walk(module.tree):
            prints = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            if prints and not module.within(*MAY_PRINT):
                yield f"{module.name} prints"
        for statement in module.tree.body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                yield f"{module.name}:{statement.lineno} acts on import"


def _is_program(module: Module) -> bool:
    return module.name.endswith("__main__") or any(
        isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'" for node in module.tree.body
    )


def registry_faults(modules: Modules) -> Iterator[str]:
    """Find files that their folder's tuple forgets."""
    for folder, (registry, shared) in REGISTRIES.items():
        prefix = folder + "."
        stems = {name.removeprefix(prefix) for name in modules if name.startswith(prefix)} - shared
        # A file named after another (python_records beside python) is a part of it.
        members = {stem for stem in stems if not any(stem.startswith(other + "_") for other in stems)}
        listed = {name for module in modules.values() for name in _listed(module, registry, modules)}
        for stem in sorted(members):
            if stem[0] != "_" and not any(_under(name, prefix + stem) for name in listed):
                yield f"{prefix}{stem} is not in {registry}"


def _listed(module: Module, registry: str, modules: Modules) -> Iterator[str]:
    """Yield what the names in a module's tuple ``registry`` were imported from."""
    names = {name.rpartition(".")[2]: name for name in _imports(module, modules)}
    for statement in module.tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        target = statement.target if isinstance(statement, ast.AnnAssign) else next(iter(targets), None)
        if isinstance(target, ast.Name) and target.id == registry and isinstance(statement, ast.Assign | ast.AnnAssign):
            for node in ast.walk(statement.value or target):
                if isinstance(node, ast.Name) and node.id in names:
                    yield names[node.id]


Check = Callable[[Modules], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    import_faults,
    purity_faults,
    timeout_faults,
    cycle_faults,
    form_faults,
    registry_faults,
)
