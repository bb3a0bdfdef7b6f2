"""Which modules, members and names Python code may use: the pure ones, and what a specification grants.

It is data and look-ups only; it reads no source.
"""

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from schemas.specification import Grants, TaskKind


def words(text: str) -> frozenset[str]:
    """Split a text into its words."""
    return frozenset(text.split())


ALLOWED_MODULES = words(
    """__future__ abc array base64 binascii bisect calendar cmath collections collections.abc colorsys contextlib
    copy csv dataclasses datetime decimal difflib enum fnmatch fractions functools graphlib hashlib heapq hmac html
    html.entities ipaddress itertools json json.decoder json.encoder keyword math numbers operator pprint quopri random
    re reprlib statistics string stringprep struct textwrap tomllib typing unicodedata urllib.parse zlib"""
)
"""The pure parts of the standard library: no process, network, file, clock of their own, or code execution."""

ALLOWED_MEMBERS: dict[str, frozenset[str]] = {
    "ast": words("literal_eval"),
    "bz2": words("BZ2Compressor BZ2Decompressor compress decompress"),
    "gzip": words("BadGzipFile compress decompress"),
    "io": words("BytesIO StringIO"),
    "lzma": words("LZMACompressor LZMADecompressor LZMAError compress decompress"),
    "shlex": words("join quote split"),
    "sys": words("byteorder float_info getsizeof hash_info int_info maxsize maxunicode version_info"),
    "types": words("MappingProxyType SimpleNamespace"),
    "uuid": words("NAMESPACE_DNS NAMESPACE_OID NAMESPACE_URL NAMESPACE_X500 UUID uuid3 uuid5"),
}
"""Modules of which only these members may be used."""

MEMBERS_OF_KINDS: dict[TaskKind, dict[str, frozenset[str]]] = {
    TaskKind.ASYNC_FUNCTION: {
        "asyncio": words(
            """ALL_COMPLETED Barrier BoundedSemaphore CancelledError Condition Event FIRST_COMPLETED FIRST_EXCEPTION
            Future InvalidStateError Lock LifoQueue PriorityQueue Queue QueueEmpty QueueFull Semaphore Task TaskGroup
            TimeoutError as_completed create_task current_task gather shield sleep timeout timeout_at wait wait_for"""
        )
    },
    TaskKind.COMMAND: {
        "argparse": words(
            """Action ArgumentDefaultsHelpFormatter ArgumentError ArgumentParser ArgumentTypeError BooleanOptionalAction
            HelpFormatter Namespace ONE_OR_MORE OPTIONAL REMAINDER RawDescriptionHelpFormatter RawTextHelpFormatter
            SUPPRESS ZERO_OR_MORE"""
        ),
        "sys": ALLOWED_MEMBERS["sys"] | words("argv exit stderr stdin stdout"),
    },
    TaskKind.HTTP_HANDLER: {
        "http": words("HTTPMethod HTTPStatus"),
        "http.cookies": words("CookieError Morsel SimpleCookie"),
        "wsgiref.headers": words("Headers"),
        "wsgiref.types": words("StartResponse WSGIApplication WSGIEnvironment"),
    },
}
"""Modules of which only these members may be used, by tasks of one kind: what the kind is about, and no more."""

NAMES_OF_KINDS = {TaskKind.COMMAND: words("input")}
"""Built-in names that tasks of one kind may use."""

REFUSED_MEMBERS: dict[str, frozenset[str]] = {
    "dataclasses": words("make_dataclass"),
    "hashlib": words("file_digest"),
    "string": words("Formatter"),
    "typing": words("get_type_hints"),
}
"""Members of allowed modules that run code, read files or reach attributes by text."""

GRANTABLE_MODULES = words(
    """argparse ast bz2 configparser contextvars email errno getopt gzip locale logging lzma optparse plistlib queue
    secrets shlex time token uuid warnings weakref xml.etree zoneinfo"""
)
"""Modules that a specification may grant: they reach a clock, chance or settings, and nothing beyond the process."""

GRANTABLE_WITH_FILES = words(
    """codecs filecmp fileinput glob io linecache mimetypes os.path pathlib shutil sqlite3 stat tarfile tempfile
    tokenize wave zipfile"""
)
"""Modules that a specification may grant together with a directory."""

_NEVER_GRANTED = (
    (
        "it reaches the network",
        words(
            """asynchat asyncio asyncore cgi cgitb ftplib http imaplib logging.config logging.handlers mailbox nntplib
            poplib select selectors smtpd smtplib socket socketserver ssl telnetlib urllib webbrowser wsgiref xml
            xmlrpc"""
        ),
    ),
    (
        "it reaches processes, threads or the system below them",
        words(
            """atexit concurrent faulthandler fcntl multiprocessing nt os pipes platform posix pty resource sched
            signal subprocess syslog termios threading tty"""
        ),
    ),
    (
        "it runs or reaches code that is not in the source",
        words(
            """bdb builtins code codeop compileall copyreg doctest dis ensurepip gettext idlelib imp importlib inspect
            lib2to3 marshal modulefinder pdb pickle pickletools pkgutil profile cProfile py_compile pydoc runpy shelve
            site symtable sys sysconfig timeit trace traceback types unittest venv zipapp zipimport"""
        ),
    ),
    ("it reaches memory beyond the interpreter's own objects", words("ctypes gc mmap tracemalloc")),
    (
        "it reaches what belongs to the machine and its users",
        words("crypt curses dbm getpass grp pwd readline rlcompleter spwd tkinter turtle winreg"),
    ),
)

REFUSED_NAMES = words("breakpoint compile delattr eval exec globals locals open setattr")
REFUSED_BUILTINS = words("copyright credits dir exit help input license quit vars")
"""Refused as built-ins; as a name of the candidate's own each is harmless, and common."""

GRANTABLE_NAMES = words("delattr dir input locals open setattr vars")

ALLOWED_DUNDERS = words(
    """__abs__ __add__ __aenter__ __aexit__ __all__ __and__ __annotations__ __author__ __bool__ __bytes__ __call__
    __ceil__ __class__ __class_getitem__ __complex__ __contains__ __copy__ __debug__ __deepcopy__ __delitem__
    __divmod__ __doc__ __enter__ __eq__ __exit__ __float__ __floor__ __floordiv__ __format__ __future__ __ge__
    __getitem__ __gt__ __hash__ __iadd__ __iand__ __imul__ __index__ __init__ __init_subclass__ __int__ __invert__
    __ior__ __isub__ __iter__ __itruediv__ __ixor__ __le__ __len__ __length_hint__ __lshift__ __lt__ __main__
    __matmul__ __missing__ __mod__ __mul__ __name__ __ne__ __neg__ __new__ __next__ __or__ __pos__ __post_init__
    __pow__ __qualname__ __radd__ __rand__ __rdivmod__ __repr__ __reversed__ __rfloordiv__ __rlshift__ __rmatmul__
    __rmod__ __rmul__ __ror__ __round__ __rpow__ __rrshift__ __rshift__ __rsub__ __rtruediv__ __rxor__ __setitem__
    __slots__ __str__ __sub__ __truediv__ __trunc__ __version__ __xor__"""
)
"""Names with two underscores on both sides that reach nothing but an object's own behaviour."""

REFUSED_ATTRIBUTES = words(
    """ag_await ag_code ag_frame co_code co_consts co_names cr_await cr_code cr_frame cr_origin f_back f_builtins
    f_code f_globals f_locals f_trace func_code func_globals gi_code gi_frame gi_yieldfrom tb_frame tb_lasti tb_next"""
)
"""Attributes that lead to frames and code, and from there to everything."""

_ALIASED = words("bltns stdlib_re")
"""Names under which allowed modules carry others that have a name of their own."""

_NOT_MODULES = frozenset(
    {("ast", "keyword"), ("ast", "operator"), ("datetime", "time"), ("shutil", "copy"), ("unicodedata", "decimal")}
)
"""Members that have the name of a module, another than their own, and are none."""


def never_granted(module: str) -> str | None:
    """Return why a module can never be granted; None when nothing is known against it."""
    for reason, modules in _NEVER_GRANTED:
        if _is_among(module, modules):
            return reason
    return None


def is_pure(module: str) -> bool:
    """Say whether a module, or some of its members, may be used without a grant."""
    return module in ALLOWED_MODULES or module in ALLOWED_MEMBERS


def needs_files(module: str) -> bool:
    """Say whether a module can be granted together with a directory only."""
    return _is_among(module, GRANTABLE_WITH_FILES)


def may_be_granted(module: str) -> bool:
    """Say whether a module is one that specifications may grant; those that need a directory included."""
    listed = _is_among(module, GRANTABLE_MODULES | GRANTABLE_WITH_FILES)
    return listed and not _is_among(module, words("logging.config logging.handlers"))


def _is_among(module: str, modules: Collection[str]) -> bool:
    """Say whether a module or a package that it is in is one of ``modules``."""
    parts = module.split(".")
    return any(".".join(parts[:count]) in modules for count in range(1, len(parts) + 1))


@dataclass(frozen=True)
class Allowance:
    """What one candidate may use: the pure, what its task grants, and the project's own modules."""

    grants: Grants = field(default_factory=Grants)
    own_modules: frozenset[str] = frozenset()
    kind: TaskKind = TaskKind.FUNCTION
    _granted: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # What can never be granted is not, not even by a specification that nobody checked.
        imports = frozenset(name for name in self.grants.imports if may_be_granted(name))
        if not self.grants.files:
            imports = frozenset(name for name in imports if not needs_files(name))
        object.__setattr__(self, "_granted", imports)

    def names(self) -> frozenset[str]:
        """Return the built-in names that are granted."""
        granted = frozenset(self.grants.names) & GRANTABLE_NAMES
        usual = NAMES_OF_KINDS.get(self.kind, frozenset())
        return usual | (granted if self.grants.files else granted - {"open"})

    def may_import(self, module: str) -> bool:
        """Say whether the module may be imported, be it for some of its members only."""
        given = module in self._of_kind or self._is_packaged(module) or module in self.own_modules
        return is_pure(module) or given or self._is_granted(module)

    def _is_packaged(self, module: str) -> bool:
        """Say whether a module is of a package that the task is granted: all of it may be used."""
        return _is_among(module, [name for grant in self.grants.packages for name in grant.modules])

    @property
    def _of_kind(self) -> Mapping[str, frozenset[str]]:
        return MEMBERS_OF_KINDS.get(self.kind, {})

    def leads_on(self, module: str) -> bool:
        """Say whether the name is that of a package on the way to a module that may be imported."""
        known = (*ALLOWED_MODULES, *self._of_kind, *self.own_modules, *self._granted)
        return any(name.startswith(f"{module}.") for name in known)

    def may_use(self, module: str, member: str) -> bool:
        """Say whether a member of a module may be used: not its private names, and not what it imports itself."""
        whole = f"{module}.{member}"
        if module in self.own_modules or module == "__future__" or self.is_module(whole):
            return True
        if self._is_packaged(module):
            return not member.startswith("__") or member in ALLOWED_DUNDERS
        if member in self._of_kind.get(module, ()):
            return True
        if self._is_granted(module):
            return not _is_carried(module, member) and may_be_granted(whole)
        if module in ALLOWED_MEMBERS:
            return member in ALLOWED_MEMBERS[module]
        if module not in ALLOWED_MODULES or member in REFUSED_MEMBERS.get(module, ()):
            return False
        return not _is_carried(module, member)

    def is_module(self, module: str) -> bool:
        """Say whether a dotted name is that of a module that is allowed or granted by just this name."""
        return module in ALLOWED_MODULES or module in self._granted

    def _is_granted(self, module: str) -> bool:
        return _is_among(module, self._granted) and may_be_granted(module)


def _is_carried(module: str, member: str) -> bool:
    """Say whether a member is private, or a module that this one imports and so carries (``random._os``)."""
    if member.startswith("_") and member not in ALLOWED_DUNDERS:
        return True
    if member in _ALIASED:
        return True
    is_own = member == module.rpartition(".")[2] or (module, member) in _NOT_MODULES
    return member in sys.stdlib_module_names and not is_own
