"""Keeps the embedded Postgres to its owner: the account it runs as, and the folder of its socket.

It starts no server. Postgres refuses to run as root, so a root lends it another appearance, or another user.
"""

import hashlib
import os
import pwd
import shutil
import signal
import tempfile
from pathlib import Path

from millwright.adapters.embedded.launcher import NOBODY
from millwright.adapters.embedded.processes import SAME, Account, spawn

MAPPED = Account("mapped")
_SOCKET_NAME = ".s.PGSQL.5432.lock"
_LONGEST_PATH = 107
"""unix(7): ``sun_path`` has 108 bytes, the last of them NUL."""


async def choose_account(home: Path, log: Path) -> Account:
    """Choose who Postgres runs as: ourselves; for root, root in disguise where the kernel allows it, else another."""
    if os.geteuid() != 0:
        return SAME
    probe = await spawn(
        ["/bin/true"],
        home=home,
        log=log,
        environment={"PATH": os.defpath},
        death_signal=signal.SIGKILL,
        account=MAPPED,
    )
    if await probe.wait() == 0:
        return MAPPED
    # No user namespaces here, as in most containers: another user it must be.
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwuid(NOBODY)
    return Account(f"{user.pw_uid}:{user.pw_gid}")


def socket_folder(home: Path) -> Path:
    """Make an empty private folder for the socket: in the home, or in a temporary folder if its path does not serve."""
    inside = home / "run"
    if _serves(inside):
        shutil.rmtree(inside, ignore_errors=True)
        inside.mkdir(mode=0o700)
        return inside
    name = f"millwright-{os.geteuid()}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    bases = (Path(tempfile.gettempdir()), Path("/var/tmp"))  # noqa: S108 - what is made there is private
    base = next((base for base in bases if _serves(base / name)), bases[-1])
    short = base / name
    shutil.rmtree(short, ignore_errors=True)
    try:
        short.mkdir(mode=0o700)
    except FileExistsError:
        # Somebody else's: a shared temporary folder lets nobody remove it but its owner.
        return Path(tempfile.mkdtemp(prefix="millwright-", dir=base))
    return short


def _serves(folder: Path) -> bool:
    path = f"{folder}/{_SOCKET_NAME}"
    # Commas and quotes separate folders for the server, commas and colons hosts for the client.
    return len(os.fsencode(path)) <= _LONGEST_PATH and not set(path) & set(",:\"'")


def give(folder: Path, account: Account) -> None:
    """Make a folder and all in it the account's, where we are root and may have run it as another before."""
    if account == SAME:
        return
    user, group = (0, 0) if account == MAPPED else tuple(map(int, account.split(":")))
    if folder.stat().st_uid == user:
        return
    for path, folders, files in os.walk(folder):
        for entry in (path, *(os.path.join(path, name) for name in (*folders, *files))):
            os.chown(entry, user, group, follow_symlinks=False)
