"""Loads a candidate from memory and calls it, one line of outcome for each frame of arguments.

It compares nothing: outputs are judged outside. A candidate shares this process and could forge its own outputs; it
could as well return them.
"""

from __future__ import annotations

import sys
import time

from .kinds import caller
from .wire import MAX_MESSAGE, Channel, Encoder, Records, Unusable, brief, class_name, decode, imprint, line_of

_RANDOM = ("random", "statistics")  # what a text says that draws from the generator

TYPE_CHECKING = False  # as in wire
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType
    from typing import Any


class MemoryImporter:
    """Finds and loads the program's modules from a dict of paths; a folder without ``__init__.py`` is a package too."""

    def __init__(self, modules: dict[str, str]) -> None:
        self._modules = modules
        own = {path.partition("/")[0].removesuffix(".py") for path in modules}
        if any(name in sys.modules for name in own):  # else no name is touched: each would cost the clone a page
            for name in [name for name in sys.modules if name.partition(".")[0] in own]:
                del sys.modules[name]  # a module of the program wins over one of the same name that is loaded already
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """Find a module of the program."""
        base = name.replace(".", "/")
        for file in (f"{base}/__init__.py", f"{base}.py"):
            if file in self._modules:
                return self._spec(name, file)
        if any(file.startswith(base + "/") for file in self._modules):
            return self._spec(name, f"{base}/__init__.py")
        return None

    def _spec(self, name: str, file: str) -> Any:
        spec = type(sys.__spec__)(name, self, origin=file, is_package=file.endswith("/__init__.py"))  # type: ignore[arg-type]  # as above
        spec.has_location = True
        return spec

    def create_module(self, spec: object) -> None:
        """Leave the making of module objects to the interpreter."""

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's text in its namespace."""
        file = str(module.__file__)
        exec(compile(self._modules.get(file, ""), file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - its purpose

    def get_source(self, name: str) -> str:
        """Return a module's text, for ``inspect``."""
        return self._modules.get(self.find_spec(name).origin, "")


def module_file(header: dict[str, Any]) -> str:
    """Name the file of the program's own module, as the tracebacks do."""
    base = header["module"].replace(".", "/")
    package = f"{base}/__init__.py"
    return package if package in header["modules"] else f"{base}.py"


def _load(header: dict[str, Any]) -> tuple[Callable[..., Any], Records]:
    seeder(header["modules"].values())
    importer = MemoryImporter(header["modules"])
    __import__(header["module"])
    module = sys.modules[header["module"]]
    function = getattr(module, header["function"], None)
    if not callable(function):
        raise AttributeError(f"module {header['module']} has no function {header['function']}")

    def find(name: str) -> Any:
        first = [sys.modules.get(header["records_module"] or ""), module]
        loaded = [item for item in list(sys.modules.values()) if getattr(item, "__loader__", None) is importer]
        for place in (*first, *loaded):
            if isinstance(found := getattr(place, name, None), type):
                return found
        return None

    if header["records"] and header["records_module"]:
        __import__(header["records_module"])
    return function, Records(header["records"], find)


def seeder(texts: Iterable[str]) -> Callable[[], object]:
    """Seed the global random generator, and return what does so again before each call where texts may draw from it."""
    drawn = any(word in text for text in texts for word in _RANDOM)
    if drawn:
        __import__("random")  # ahead of its first use
    _seed()
    return _seed if drawn else _nothing


def _seed() -> None:
    if (random := sys.modules.get("random")) is not None and hasattr(random, "seed"):
        random.seed(0)


def _nothing() -> None:
    """Do nothing: seeding for each call would cost more than most calls."""


def answerer(header: dict[str, Any]) -> Callable[[list[Any], bool], list[Any]]:
    """Load the program, and return what answers a frame; the answer may leave out arguments that stayed as they were.

    Raises whatever the program raises while it is loaded.
    """
    seed = seeder(header["modules"].values())
    function, records = _load(header)
    file = module_file(header)
    if header["kind"] == "function":
        return lambda frame, brief_after: _answer(function, frame, records, seed, file, brief_after)
    prepared = caller(function, header, records)
    return lambda frame, _: _answer_as(prepared, frame, seed, file)


def serve(channel: Channel, header: dict[str, Any]) -> None:
    """Load the program and answer each frame of arguments with one line."""
    try:
        answer = answerer(header)
    except MemoryError:
        return channel.line(["loaded", "MemoryError: out of memory"])
    except BaseException as error:  # noqa: BLE001 - SystemExit too: importing the candidate may raise anything
        return channel.line(["loaded", brief(error), line_of(error, module_file(header))])
    channel.line(["loaded", None])
    index = 0
    while isinstance(frame := channel.frame(), list):
        channel.line([index, *answer(frame, channel.plain)])
        index += 1
    channel.line(["bye", index, frame])
    channel.frame()  # wait to be killed: the driver may still read this process's memory account
    return None


def _answer(
    function: Callable[..., Any],
    frame: list[Any],
    records: Records,
    seed: Callable[[], object] = _seed,
    file: str = "",
    brief_after: bool = False,
) -> list[Any]:
    encoder = Encoder(records)
    try:
        arguments = [decode(item, records) for item in frame]
    except (Unusable, TypeError) as error:  # TypeError: a record without hash stands in a set
        return ["unusable", str(error)[:MAX_MESSAGE]]
    before = imprint(arguments) if brief_after else None
    seed()
    started = time.process_time()
    try:
        value = function(*arguments)
        spent = time.process_time() - started
        return ["returned", encoder.value(value), _after(arguments, before, encoder), spent]
    except MemoryError:
        return ["memory"]
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are outcomes like any other
        spent = time.process_time() - started
        return _raised(error, _after(arguments, before, encoder), spent, file)


def _answer_as(
    prepared: Callable[[list[Any]], Any], frame: list[Any], seed: Callable[[], object], file: str
) -> list[Any]:
    """Answer a frame that means more than a call of a function."""
    try:
        act, written, after = prepared(frame)
    except (Unusable, TypeError) as error:  # as above
        return ["unusable", str(error)[:MAX_MESSAGE]]
    seed()
    started = time.process_time()
    try:
        value = act()
        spent = time.process_time() - started
        return ["returned", written(value), after(), spent]
    except MemoryError:
        return ["memory"]
    except BaseException as error:  # noqa: BLE001 - as above
        return _raised(error, after(), time.process_time() - started, file)


def _raised(error: BaseException, after: list[Any] | None, spent: float, file: str) -> list[Any]:
    bases = [class_name(base) for base in type(error).__mro__[1:]]
    message = brief(error).partition(": ")[2]
    return ["raised", class_name(type(error)), bases[:50], message, after, spent, line_of(error, file)]


def _after(arguments: list[Any], before: bytes | None, encoder: Encoder) -> list[Any] | None:
    """Encode the arguments as a call left them; None says that they are as they came."""
    if before is not None and imprint(arguments) == before:
        return None
    return [encoder.value(item) for item in arguments]
