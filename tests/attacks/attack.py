"""What an attack is: a candidate that goes for something else than the task, and how one sees that it got there.

It runs nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import JsonValue

ARGUMENT = 7
ANSWER = 7108
"""What the task wants of ``f(7)``. Only what forges lines holds it: believed, they would be a pass."""


class Effect(StrEnum):
    """What an attack does to a naive verifier, as seen from outside."""

    PASSED = "it is passed, and does not do the task"
    BREACHED = "what should be forbidden succeeds, and it says so"
    LEAKED = "it returns a secret"
    TOUCHED = "a file appears on the host"
    CONTACTED = "a listener on the host hears of it"
    OUTLASTED = "it goes on past the time limit"
    GREW = "it takes more memory than it may"
    FLOODED = "it writes more than anyone wants to read"
    LEFT = "a process of it is left behind"
    DISTURBED = "the verifier breaks, or the next good candidate fails"
    UNEVEN = "two runs differ"


@dataclass(frozen=True)
class Attack:
    """A candidate ``f`` with its intent, and the reasons for which each engine may turn it down.

    In ``source``, ``@FOLDER@`` stands for a folder of the host that everybody may write to, ``@CANARY@`` for the name
    of a file that must not appear anywhere, ``@PORT@`` and ``@SOCKET@`` for listeners. Reasons are those that
    ``guarded.reasons`` gives, several separated by ``|`` where kernels or moments decide. ``brief``: it is to run into
    the time limit, which is then a short one. ``fickle``: some kernels refuse it to everybody, so that it cannot be
    shown on every machine.
    """

    name: str
    effect: Effect
    source: str
    bubblewrap: str
    webassembly: str
    brief: bool = False
    fickle: bool = False
    argument: JsonValue = ARGUMENT
    argument_type: str = "int"
    answer: JsonValue = ANSWER
    answer_type: str = "int"
    oracle: str = "expected"
    """What a naive verifier compares the result with: an expression over ``expected`` and ``argument``."""

    @property
    def knows(self) -> bool:
        """Whether the answer stands in its source, so that it could as well return it."""
        return str(ANSWER) in self.source
