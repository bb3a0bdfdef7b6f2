"""A stream of choices out of a seed, for rules that need some variety and must come out the same everywhere.

It is neither random nor secret, and holds no clock and no state but its own place in the stream.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """A stream of choices out of a seed: SHA-256 over a counter, the same on every platform."""

    def __init__(self, *seed: object) -> None:
        self._seed = "\n".join(map(str, seed))
        self._drawn = 0
        self._words: list[int] = []

    def below(self, number: int) -> int:
        """Return an integer from 0 up to but without ``number``."""
        if not self._words:
            digest = hashlib.sha256(f"{self._seed}\n{self._drawn}".encode("ascii", "backslashreplace")).digest()
            self._words = [int.from_bytes(digest[at : at + 8], "big") for at in range(0, 32, 8)]
            self._drawn += 1
        return self._words.pop() % number

    def one(self, several: Sequence[T]) -> T:
        """Return one of several."""
        return several[self.below(len(several))]

    def once_in(self, number: int) -> bool:
        """Say yes once in ``number`` times."""
        return self.below(number) == 0
