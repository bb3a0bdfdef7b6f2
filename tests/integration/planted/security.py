"""Defects of layer 7: modules, names and literals that pure code has no business with.

Where such code would be stopped by the sandbox, it stands where no input leads, so that only this layer can tell.
"""

from schemas.identity import LayerName
from tests.integration.planted.case import planted, task

COUNT = task("count", {"text": "str"}, "int", [(["a b"], 2), ([""], 0)], constraints={"text": ["len(text) <= 20"]})
NOTED = task(
    "noted",
    {"text": "str"},
    "int",
    [(["a b"], 3)],
    constraints={"text": ["len(text) <= 20"]},
    grants={"names": ["open"], "files": ["/notes"]},
)

DEFECTS = planted(
    LayerName.SECURITY,
    (
        COUNT,
        "the operating system",
        "import",
        """
import os§


def count(text: str) -> int:
    return len(text.replace(os.linesep, " ").split())
""",
    ),
    (
        COUNT,
        "a process",
        "import",
        """
def count(text: str) -> int:
    if len(text) > 1000:
        import subprocess§

        return subprocess.call(["wc", text])
    return len(text.split())
""",
    ),
    (
        COUNT,
        "a socket",
        "import",
        """
def count(text: str) -> int:
    if len(text) > 1000:
        from socket import create_connection§

        create_connection((text, 80)).close()
    return len(text.split())
""",
    ),
    (
        COUNT,
        "foreign functions",
        "import",
        """
def count(text: str) -> int:
    if len(text) > 1000:
        import ctypes§

        ctypes.string_at(0)
    return len(text.split())
""",
    ),
    (
        COUNT,
        "the importer",
        "import",
        """
import importlib§


def count(text: str) -> int:
    if len(text) > 1000:
        importlib.import_module(text)
    return len(text.split())
""",
    ),
    (
        COUNT,
        "paths",
        "import",
        """
from pathlib import Path§


def count(text: str) -> int:
    if len(text) > 1000:
        return len(Path(text).read_text(encoding="utf-8").split())
    return len(text.split())
""",
    ),
    (
        COUNT,
        "a file",
        "name",
        """
def count(text: str) -> int:
    if len(text) > 1000:
        with open(text, encoding="utf-8") as file:§
            return len(file.read().split())
    return len(text.split())
""",
    ),
    (
        COUNT,
        "evaluated text",
        "name",
        """
def count(text: str) -> int:
    if len(text) > 1000:
        return int(eval(text))§
    return len(text.split())
""",
    ),
    (
        COUNT,
        "executed text",
        "name",
        """
def count(text: str) -> int:
    if len(text) > 1000:
        exec(text)§
    return len(text.split())
""",
    ),
    (
        COUNT,
        "compiled text",
        "name",
        """
def count(text: str) -> int:
    if len(text) > 1000:
        compile(text, "text", "exec")§
    return len(text.split())
""",
    ),
    (
        COUNT,
        "an import by name",
        "name",
        """
def count(text: str) -> int:
    if len(text) > 1000:
        __import__(text)§
    return len(text.split())
""",
    ),
    (
        COUNT,
        "the names of the module",
        "name",
        """
def count(text: str) -> int:
    if text in globals():§
        return 1
    return len(text.split())
""",
    ),
    (
        COUNT,
        "a walk over the classes",
        "attribute",
        """
def count(text: str) -> int:
    classes = len(object.__subclasses__())§
    return len(text.split()) + 0 * classes
""",
    ),
    (
        COUNT,
        "the globals of a function",
        "attribute",
        """
def count(text: str) -> int:
    around = count.__globals__§
    return len(text.split()) + 0 * len(around)
""",
    ),
    (
        COUNT,
        "a module behind a module",
        "reflection",
        """
import random


def count(text: str) -> int:
    if len(text) > 1000:
        return len(str(getattr(random, "_os").getcwd()))§
    return len(text.split())
""",
    ),
    (
        COUNT,
        "an attribute by a computed name",
        "reflection",
        """
def count(text: str) -> int:
    words: list[str] = getattr(text, "sp" + "lit")()§
    return len(words)
""",
    ),
    (
        COUNT,
        "a guarded name as text",
        "reflection",
        """
HIDDEN = "__subclasses__"§


def count(text: str) -> int:
    return len(text.replace(HIDDEN, " ").split())
""",
    ),
    (
        COUNT,
        "a cloud key",
        "secret",
        """
def count(text: str) -> int:
    marker = "AKIA" "QRSTUVWXYZ234567"§
    return len(text.replace(marker, " ").split())
""",
    ),
    (
        COUNT,
        "a password",
        "secret",
        """
PASSWORD = "x7Kq9zTw2LmB4vRn8pYc"§


def count(text: str) -> int:
    return len(text.replace(PASSWORD, "").split())
""",
    ),
    (
        COUNT,
        "a private key",
        "secret",
        """
KEY = "-----BEGIN RSA " "PRIVATE KEY-----"§


def count(text: str) -> int:
    return len(text.replace(KEY, "").split())
""",
    ),
    (
        NOTED,
        "more than the granted files",
        "import",
        """
import shutil§


def noted(text: str) -> int:
    with open("/notes/text", "w", encoding="utf-8") as file:
        written = file.write(text)
    if written > 1000:
        shutil.rmtree("/notes")
    return written
""",
    ),
)
