"""Becomes another program after setting limits: ``bounded.py CPU_SECONDS MEMORY_BYTES PROGRAM [ARGUMENT …]``.

It is run by its path in an interpreter of its own, so that limits are set without forking a threaded process, and
imports nothing of Millwright.
"""

import os
import resource
import sys


def main(arguments: list[str]) -> None:
    """Set the limits and replace this process by the program."""
    cpu, memory, *command = arguments
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu), int(cpu) + 5))
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.execv(command[0], command)  # noqa: S606 - to become the program is what this module is for


if __name__ == "__main__":
    main(sys.argv[1:])
