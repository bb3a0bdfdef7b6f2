"""Loads a candidate from memory and calls it, one line of outcome for each frame of arguments.

It compares nothing: outputs are judged outside. A candidate shares this process and could forge its own outputs; it
could as well return them.
"""

from __future__ import annotations

import sys
import time

from .wire import MAX_MESSAGE, Channel, Encoder, Records, Unusable, brief, class_name, decode

TYPE_CHECKING = False  # as in wire
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType
    from typing import Any


class MemoryImporter:
    """Finds and loads the program's modules from a dict of paths; a folder without ``__init__.py`` is a package too."""

    def __init__(self, modules: dict[str, str]) -> None:
        self._modules = modules
        for top in {path.partition("/")[0].removesuffix(".py") for path in modules}:
            sys.modules.pop(top, None)  # a module of the program wins over one of the same name that is loaded already
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


def seed() -> None:
    """Seed the global random generator, where it is loaded."""
    if (random := sys.modules.get("random")) is not None and hasattr(random, "seed"):
        random.seed(0)


def _load(header: dict[str, Any]) -> tuple[Any, Records]:
    importer = MemoryImporter(header["modules"])
    prepare_random(header["modules"].values())
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


def prepare_random(texts: Iterable[str]) -> None:
    """Load ``random`` ahead of texts that mention it, so that it is seeded before its first use."""
    if any("random" in text for text in texts):
        __import__("random")
    seed()


def serve(channel: Channel, header: dict[str, Any]) -> None:
    """Load the program and answer each frame of arguments with one line."""
    try:
        function, records = _load(header)
    except MemoryError:
        return channel.line(["loaded", "MemoryError: out of memory"])
    except BaseException as error:  # noqa: BLE001 - SystemExit too: importing the candidate may raise anything
        return channel.line(["loaded", brief(error)])
    channel.line(["loaded", None])
    index = 0
    while isinstance(frame := channel.frame(), list):
        channel.line([index, *_answer(function, frame, records)])
        index += 1
    channel.line(["bye", index, frame])
    channel.frame()  # wait to be killed: the driver still reads this process's memory account
    return None


def _answer(function: Callable[..., Any], frame: list[Any], records: Records) -> list[Any]:
    encoder = Encoder(records)
    try:
        arguments = [decode(item, records) for item in frame]
    except (Unusable, TypeError) as error:  # TypeError: a record without hash stands in a set
        return ["unusable", str(error)[:MAX_MESSAGE]]
    seed()
    started = time.process_time()
    try:
        value = function(*arguments)
        spent = time.process_time() - started
        return ["returned", encoder.value(value), [encoder.value(item) for item in arguments], spent]
    except MemoryError:
        return ["memory"]
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are outcomes like any other
        spent = time.process_time() - started
        bases = [class_name(base) for base in type(error).__mro__[1:]]
        message = brief(error).partition(": ")[2]
        after = [encoder.value(item) for item in arguments]
        return ["raised", class_name(type(error)), bases[:50], message, after, spent]
