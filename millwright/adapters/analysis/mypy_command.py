"""Runs mypy's command line, each time in a fresh process over a copy of the standard library's types.

It judges nothing, and does not know what the files are.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from millwright.adapters.analysis.batches import BatchFailed, Bounds, Ended, again_if_killed, lay_out, run_bounded
from millwright.errors import AnalyserUnavailable

OPTIONS = (
    *("--strict", "--config-file=", "--no-site-packages", "--explicit-package-bases", "--no-error-summary"),
    *("--no-color-output", "--output=json"),
)
WARMED = (
    *("abc", "argparse", "array", "ast", "base64", "binascii", "bisect", "bz2", "calendar", "cmath", "codecs"),
    *("collections.abc", "colorsys", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal"),
    *("difflib", "enum", "fnmatch", "fractions", "functools", "graphlib", "gzip", "hashlib", "heapq", "hmac"),
    *("html.entities", "inspect", "io", "ipaddress", "itertools", "json", "keyword", "logging", "lzma", "math"),
    *("numbers", "operator", "os", "pathlib", "pprint", "quopri", "random", "re", "reprlib", "secrets"),
    *("shlex", "statistics", "string", "stringprep", "struct", "sys", "textwrap", "threading", "time"),
    *("tomllib", "traceback", "types", "typing", "typing_extensions", "unicodedata", "urllib.parse", "uuid"),
    *("warnings", "weakref", "zlib", "zoneinfo"),
)
"""Modules of the standard library whose types are read once and kept."""


class MypyCommand:
    """mypy's command line; ``cache`` is a folder of its own in which the types of the standard library are kept."""

    def __init__(self, cache: Path, bounds: Bounds) -> None:
        self._cache = cache
        self._bounds = bounds
        self._warming = asyncio.Lock()

    async def check(self, folder: Path, files: Sequence[str]) -> Ended:
        """Check files under ``folder`` in a fresh process.

        Raises:
            BatchFailed: it did not end in time, or was killed from outside.
            AnalyserUnavailable: mypy is missing or cannot be started.
        """
        warm = await self.types()
        with tempfile.TemporaryDirectory(prefix="millwright-mypy-cache-") as scratch:
            cache = Path(scratch, "cache")
            await asyncio.to_thread(shutil.copytree, warm, cache)
            return await run_bounded(_command(cache, files), folder, self._bounds)

    async def types(self) -> Path:
        """Return the folder with the standard library's types, made by the first who needs it.

        Raises:
            AnalyserUnavailable: mypy is missing or cannot read the types.
        """
        warm = self._cache / "standard-library"
        if warm.is_dir():
            return warm
        async with self._warming:
            if not warm.is_dir():
                await self._make(warm)
        return warm

    async def _make(self, warm: Path) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="warming-", dir=self._cache) as scratch:
            folder, fresh = Path(scratch, "modules"), Path(scratch, "cache")
            lay_out(folder, {"warm.py": "".join(f"import {name}\n" for name in WARMED)})
            ended = await self._warmed(fresh, folder)
            if ended.status != 0:
                raise AnalyserUnavailable(f"mypy cannot read the standard library's types: {ended.last_words}")
            await asyncio.to_thread(_keep, fresh, warm)

    async def _warmed(self, cache: Path, folder: Path) -> Ended:
        if find_spec("mypy") is None:
            raise AnalyserUnavailable("mypy is not installed: install Millwright again, or run `make setup`")
        command = _command(cache, ("warm.py",))
        try:
            return await again_if_killed(lambda: run_bounded(command, folder, self._bounds))
        except BatchFailed as failure:
            raise AnalyserUnavailable(f"mypy is not usable: {failure}; run `millwright doctor`") from failure


def _keep(fresh: Path, warm: Path) -> None:
    try:
        fresh.rename(warm)
    except OSError as error:
        if not warm.is_dir():  # another process with the same folder may have been faster
            raise AnalyserUnavailable(f"mypy's cache cannot be kept in {warm}: {error}") from error


def _command(cache: Path, files: Sequence[str]) -> tuple[str, ...]:
    return (sys.executable, "-I", "-m", "mypy", *OPTIONS, f"--cache-dir={cache}", *files)
