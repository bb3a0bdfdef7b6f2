"""What an attack must not reach on the host: a folder with secrets, and listeners; and whether it did.

It sets nothing right; whoever finds a canary touched has found a hole.
"""

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .attack import ANSWER, Attack, Effect

VARIABLE = "ATTACKED_SECRET"
"""The environment variable that holds the secret as well."""

GOOD = """
import math
from decimal import Decimal
def f(n):
    def down(k): return 0 if k == 0 else 1 + down(k - 1)
    total = abs(-n) * 1000 + math.isqrt(n * n) + down(100)
    return total + int(Decimal(1) / Decimal(3) * 3 + Decimal("0.1") * 10 - Decimal("0.9")) + min([5, 9]) // 5 - 1
"""
"""A candidate that does the task by many things that another one could have spoilt."""


@dataclass(frozen=True)
class Canaries:
    """One set of canaries."""

    folder: Path
    secret: str
    name: str
    stream: socket.socket
    datagram: socket.socket
    abstract: socket.socket

    def source(self, attack: Attack) -> str:
        """Aim an attack at these canaries."""
        text = attack.source
        for mark, value in {
            "@FOLDER@": str(self.folder),
            "@CANARY@": self.name,
            "@PORT@": str(self.stream.getsockname()[1]),
            "@UDP@": str(self.datagram.getsockname()[1]),
            "@SOCKET@": self.name,
            "@VARIABLE@": VARIABLE,
        }.items():
            text = text.replace(mark, value)
        return text

    def touched(self) -> set[Effect]:
        """Tell what was reached."""
        found = set()
        places = (
            self.folder,
            self.folder / "tmp",
            Path("/tmp"),
            Path("/dev/shm"),
            Path("/var/tmp"),
            Path.cwd(),
            Path.home(),
        )
        if any((place / self.name).exists() for place in places):
            found.add(Effect.TOUCHED)
        for kept in (self.folder / "shared", self.folder / "following.py"):
            if not kept.exists() or self.secret not in kept.read_text(encoding="utf-8", errors="replace"):
                found.add(Effect.TOUCHED)
        if any(self._heard()):
            found.add(Effect.CONTACTED)
        return found

    def _heard(self) -> Iterator[bool]:
        for listener in (self.stream, self.abstract):
            with contextlib.suppress(BlockingIOError):
                listener.accept()[0].close()
                yield True
        with contextlib.suppress(BlockingIOError):
            self.datagram.recv(1)
            yield True


@contextlib.contextmanager
def canaries(secret: str) -> Iterator[Canaries]:
    """Lay out canaries, and take them away again."""
    folder = Path(tempfile.mkdtemp(prefix="attacked-", dir="/tmp"))
    try:
        folder.chmod(0o777)
        (folder / "tmp").mkdir()
        name = f"canary-{secrets.token_hex(8)}"
        following = f"{GOOD}\nSECRET = {secret!r}\nassert f(7) == {ANSWER}\n"
        for path, text in {"shared": secret, "following.py": following}.items():
            (folder / path).write_text(text, encoding="utf-8")
            (folder / path).chmod(0o666)
        (folder / "tmp").chmod(0o777)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as abstract,
        ):
            stream.bind(("127.0.0.1", 0))
            datagram.bind(("127.0.0.1", 0))
            abstract.bind(f"\0{name}")
            for one in (stream, datagram, abstract):
                one.setblocking(False)
            stream.listen(8)
            abstract.listen(8)
            yield Canaries(folder, secret, name, stream, datagram, abstract)
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def secret_in_the_environment() -> Iterator[str]:
    """Make a secret that nobody can guess, and have it in the environment of all that is started meanwhile."""
    secret = f"secret-{secrets.token_hex(8)}"
    os.environ[VARIABLE] = secret
    try:
        yield secret
    finally:
        del os.environ[VARIABLE]
