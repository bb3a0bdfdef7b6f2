"""The system calls that sandboxed code may not make, assembled into a filter program that bubblewrap loads.

It loads nothing itself. Numbers are those of ``asm/unistd_64.h`` (x86_64) and ``asm-generic/unistd.h`` (aarch64) of
Linux; the layout of an instruction is that of ``struct sock_filter`` in ``linux/filter.h``.
"""

import struct
from typing import NamedTuple


class _Machine(NamedTuple):
    audit_arch: int
    column: int


_MACHINES = {"x86_64": _Machine(0xC000003E, 0), "aarch64": _Machine(0xC00000B7, 1)}

# name: (number on x86_64, number on aarch64); None where the machine has no such call
_ALWAYS: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "lookup_dcookie": (212, 18),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "nfsservctl": (180, 42),
    "personality": (135, 92),
    "vhangup": (153, 58),
    "move_pages": (279, 239),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "migrate_pages": (256, 238),
    "memfd_secret": (447, 447),
}
# memory that RLIMIT_AS does not count, and everything that reaches beyond the process
_FOR_FUNCTIONS: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
}
_CLONE = (56, 220)
_CLONE3 = 435
_CLONE_THREAD = 0x00010000
_CLONE_NEW_NAMESPACES = 0x7E020080  # NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET, and NEWTIME
_X32 = 0x40000000  # the second table of calls on x86_64, where the same calls have other numbers

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF opcodes
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16  # offsets in struct seccomp_data; flags are the low half
_KILL, _ALLOW, _REFUSE, _ABSENT = 0x80000000, 0x7FFF0000, 0x00050001, 0x00050026  # EPERM, ENOSYS


def supported(machine: str) -> bool:
    """Tell whether filters can be assembled for a machine, named as by ``os.uname().machine``."""
    return machine in _MACHINES


def assemble(machine: str, *, may_start_processes: bool) -> bytes:
    """Assemble the filter for a machine.

    Refused calls fail with EPERM; calls of another architecture end the process. ``clone3`` looks absent, so that libc
    falls back to ``clone``, whose flags a filter can read. Without ``may_start_processes`` only threads can be made.
    """
    arch, column = _MACHINES[machine]
    refused = _ALWAYS if may_start_processes else _ALWAYS | _FOR_FUNCTIONS
    program = [_step(_LOAD, _ARCH_AT), _step(_EQUAL, arch, 1, 0), _step(_RETURN, _KILL), _step(_LOAD, _NUMBER_AT)]
    if machine == "x86_64":
        program += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _KILL)]
    for numbers in refused.values():
        if (number := numbers[column]) is not None:
            program += [_step(_EQUAL, number, 0, 1), _step(_RETURN, _REFUSE)]
    program += [_step(_EQUAL, _CLONE3, 0, 1), _step(_RETURN, _ABSENT)]
    program += [_step(_EQUAL, _CLONE[column], 1, 0), _step(_RETURN, _ALLOW), _step(_LOAD, _FIRST_ARGUMENT_AT)]
    if may_start_processes:
        program += [_step(_ANY_BIT, _CLONE_NEW_NAMESPACES, 1, 0), _step(_RETURN, _ALLOW), _step(_RETURN, _REFUSE)]
    else:
        program += [_step(_ANY_BIT, _CLONE_THREAD, 1, 0), _step(_RETURN, _REFUSE), _step(_RETURN, _ALLOW)]
    return b"".join(program)


def _step(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)
