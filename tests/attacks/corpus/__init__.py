"""All attacks, by theme."""

from .bombs import BOMBS
from .escapes import ESCAPES
from .forgeries import FORGERIES
from .processes import PROCESSES
from .tampering import TAMPERING

ATTACKS = (*ESCAPES, *PROCESSES, *FORGERIES, *TAMPERING, *BOMBS)
