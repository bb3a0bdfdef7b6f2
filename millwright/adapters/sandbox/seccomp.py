"""Assembles the filters of system calls: a list of what is refused to commands, a list of what functions may do.

It loads nothing itself: the harness does. The layout of an instruction is that of
``struct sock_filter`` in ``linux/filter.h``.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from .syscalls import (
    ALLOWED_TO_FUNCTIONS,
    ALLOWED_TO_SERVERS,
    CLONE3,
    DECIDED_BY_ARGUMENTS,
    REFUSED_TO_COMMANDS,
    Numbers,
)


class _Machine(NamedTuple):
    audit_arch: int
    column: int


_MACHINES = {"x86_64": _Machine(0xC000003E, 0), "aarch64": _Machine(0xC00000B7, 1)}
_X32 = 0x40000000  # the second table of calls on x86_64, where the same calls have other numbers

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF opcodes
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16  # offsets in struct seccomp_data; the low half of an argument is first
_KILL, _ALLOW, _REFUSE, _ABSENT = 0x80000000, 0x7FFF0000, 0x00050001, 0x00050026  # EPERM, ENOSYS

_CLONE_THREAD = 0x00010000
_CLONE_NEW_NAMESPACES = 0x7E020080  # NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET, and NEWTIME
_TERMINAL_QUESTIONS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIO*CLEX
_NAMES_OF_THREADS = (15, 16, 0x53564D41)  # PR_SET_NAME PR_GET_NAME, and PR_SET_VMA, with which libc names its memory
_AF_UNIX, _AF_INET = 1, 2
_ITSELF = 1  # the process is number 1 of its namespace; there is nobody else in it

_Step = bytes
_Steps = list[_Step]


def supported(machine: str) -> bool:
    """Tell whether filters can be assembled for a machine, named as by ``os.uname().machine``."""
    return machine in _MACHINES


@cache
def for_commands(machine: str) -> bytes:
    """Assemble the filter for commands and tools: what is on the list fails with EPERM, the rest is allowed.

    ``clone3`` looks absent, so that libc falls back to ``clone``, whose flags a filter can read.
    """
    clone = [_load(0), _step(_ANY_BIT, _CLONE_NEW_NAMESPACES, 1, 0), _step(_RETURN, _ALLOW), _step(_RETURN, _REFUSE)]
    special = {"clone": clone}
    return _assemble(machine, REFUSED_TO_COMMANDS, [_step(_RETURN, _REFUSE)], special, [_step(_RETURN, _ALLOW)])


@cache
def for_functions(machine: str, serves: bool = False) -> bytes:
    """Assemble the filter for candidates, properties and conditions: what is not on the list fails with EPERM.

    Only threads can be made, limits only read, signals sent to oneself only. A pair of sockets may be made, as event
    loops do, but no address be named. One that ``serves`` may use sockets of the Internet's kind, in a network that it
    shares with nobody.
    """
    clone = [_load(0), _step(_ANY_BIT, _CLONE_NEW_NAMESPACES, 1, 0), _step(_ANY_BIT, _CLONE_THREAD, 1, 0)]
    special = {
        "clone": [*clone, _step(_RETURN, _REFUSE), _step(_RETURN, _ALLOW)],
        "ioctl": _one_of(1, _TERMINAL_QUESTIONS),
        "kill": _one_of(0, (_ITSELF,)),
        "prctl": _one_of(0, _NAMES_OF_THREADS),
        "prlimit64": _null(2),
        "sendto": _null(4),
        "socketpair": _one_of(0, (_AF_UNIX,)),
        "tgkill": _one_of(0, (_ITSELF,)),
    }
    if serves:
        special["socket"] = _one_of(0, (_AF_INET,))
    allowed = ALLOWED_TO_FUNCTIONS | ALLOWED_TO_SERVERS if serves else ALLOWED_TO_FUNCTIONS
    return _assemble(machine, allowed, [_step(_RETURN, _ALLOW)], special, [_step(_RETURN, _REFUSE)])


def _assemble(machine: str, listed: Numbers, then: _Steps, special: Mapping[str, _Steps], otherwise: _Steps) -> bytes:
    # calls of another architecture end the process: their numbers mean other calls
    arch, column = _MACHINES[machine]
    steps = [_step(_LOAD, _ARCH_AT), _step(_EQUAL, arch, 1, 0), _step(_RETURN, _KILL), _step(_LOAD, _NUMBER_AT)]
    if machine == "x86_64":
        steps += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _KILL)]
    leaves = {number: then for numbers in listed.values() if (number := numbers[column]) is not None}
    for name, leaf in special.items():
        number = DECIDED_BY_ARGUMENTS[name][column]
        if number is not None:
            leaves[number] = leaf
    leaves[CLONE3] = [_step(_RETURN, _ABSENT)]
    return b"".join(steps + _tree(_ranges(leaves, otherwise)))


def _ranges(leaves: Mapping[int, _Steps], otherwise: _Steps) -> list[tuple[int, _Steps]]:
    """Cover all numbers by ranges, each with its first number and its leaf."""
    ranges: list[tuple[int, _Steps]] = []
    for number in sorted({0, *leaves, *(number + 1 for number in leaves)}):
        leaf = leaves.get(number, otherwise)
        if not ranges or ranges[-1][1] is not leaf:
            ranges.append((number, leaf))
    return ranges


def _tree(ranges: Sequence[tuple[int, _Steps]]) -> _Steps:
    # a search tree: the kernel tries the filter on every number there is when it loads one
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    below, above = _tree(ranges[:middle]), _tree(ranges[middle:])
    return [_step(_AT_LEAST, ranges[middle][0], len(below), 0), *below, *above]


def _one_of(argument: int, values: Sequence[int]) -> _Steps:
    tests = [_step(_EQUAL, value, len(values) - index, 0) for index, value in enumerate(values)]
    return [_load(argument), *tests, _step(_RETURN, _REFUSE), _step(_RETURN, _ALLOW)]


def _null(argument: int) -> _Steps:
    halves = [_load(argument), _step(_EQUAL, 0, 0, 2), _load(argument, high=True), _step(_EQUAL, 0, 1, 0)]
    return [*halves, _step(_RETURN, _REFUSE), _step(_RETURN, _ALLOW)]


def _load(argument: int, high: bool = False) -> _Step:
    return _step(_LOAD, _ARGUMENTS_AT + 8 * argument + (4 if high else 0))


def _step(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> _Step:
    return struct.pack("=HBBI", code, if_true, if_false, operand)
