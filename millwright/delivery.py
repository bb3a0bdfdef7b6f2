"""Writes a deliverable into a directory, and touches nothing there that it did not write itself.

What it wrote is remembered in ``.millwright-manifest.json`` with digests, so that a later delivery can tell its own
untouched files from everybody else's. It fetches nothing.
"""

import json
import os
import tempfile
from pathlib import Path, PurePosixPath

from pydantic import Field, ValidationError

from millwright.errors import BadInput, IntegrityError
from millwright.records import Deliverable
from schemas.base import Schema
from schemas.digests import digest_of_bytes
from schemas.evidence import Manifest
from schemas.identity import Digest, ProjectId

MANIFEST_NAME = ".millwright-manifest.json"
REPORT_NAME = "REPORT.md"
_LISTED = 5


class Delivered(Schema):
    """What stands in ``.millwright-manifest.json``: the manifest, and the digest of every file written by path."""

    manifest: Manifest
    written: dict[str, Digest] = Field(default_factory=dict)


class Delivery(Schema):
    """What a delivery did: files now in place; those of an earlier one that were removed, or left as changed."""

    project: ProjectId
    directory: str
    files: tuple[str, ...]
    removed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def deliver(deliverable: Deliverable, into: Path, *, force: bool = False) -> Delivery:
    """Write a deliverable's files and its report into ``into``; all of them, or none.

    Files that an earlier delivery wrote and nobody changed since are replaced, or removed where the new deliverable has
    them no longer. ``force`` also overwrites other files that are in the way; it never removes them.

    Raises:
        BadInput: files that were not written by a delivery are in the way, or the directory cannot be written.
        IntegrityError: the deliverable's paths or digests are not sound.
    """
    _check(deliverable)
    wanted = dict(deliverable.files)
    if deliverable.report is not None:
        wanted.setdefault(REPORT_NAME, deliverable.report)
    try:
        earlier = _earlier(into)
        in_the_way = [path for path, content in wanted.items() if _blocks(into / path, content, earlier.get(path))]
        _refuse(into, in_the_way, wanted, force)
        for path, content in wanted.items():
            _write(into / path, content)
        stale = [path for path in earlier if path not in wanted]
        removed = [path for path in stale if _remove(into, path, earlier[path])]
        left = [path for path in stale if path not in removed and (into / path).exists()]
        written = {path: digest_of_bytes(content) for path, content in sorted(wanted.items())}
        record = Delivered(manifest=deliverable.manifest, written=written)
        text = json.dumps(record.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"
        _write(into / MANIFEST_NAME, text.encode("utf-8"))
    except OSError as error:
        raise BadInput(
            f"cannot write into {str(into)!r}: {error.strerror or error}; choose another directory"
        ) from error
    return Delivery(
        project=deliverable.manifest.project,
        directory=str(into),
        files=tuple(sorted(wanted)),
        removed=tuple(sorted(removed)),
        left=tuple(sorted(left)),
    )


def _check(deliverable: Deliverable) -> None:
    for entry in deliverable.manifest.files:
        pure = PurePosixPath(entry.path)
        sound = (
            entry.path == str(pure)
            and not pure.is_absolute()
            and not {"..", "."} & set(pure.parts)
            and entry.path.isprintable()
            and not set('\\:"') & set(entry.path)
            and pure.parts
            and entry.path != MANIFEST_NAME
        )
        if not sound:
            raise IntegrityError(f"the manifest names the path {entry.path!r}, which does not stay in its directory")
        if digest_of_bytes(deliverable.files[entry.path]) != entry.digest:
            raise IntegrityError(f"{entry.path} does not match its digest {entry.digest}: nothing was written")


def _earlier(into: Path) -> dict[str, Digest]:
    path = into / MANIFEST_NAME
    if into.is_symlink() or into.exists():
        if not into.is_dir():
            raise BadInput(f"{str(into)!r} is not a directory: choose another with --into or --out")
        if path.exists() and not path.is_file():
            raise BadInput(f"{str(path)!r} is in the way of the record that a delivery keeps: move what stands there")
        if path.is_file():
            try:
                return Delivered.model_validate_json(path.read_bytes()).written
            except ValidationError:
                return {}  # somebody changed it: then nothing is known to be ours, and nothing is overwritten
    return {}


def _blocks(target: Path, content: bytes, ours: Digest | None) -> bool:
    """Say whether what stands at ``target`` may not be replaced: it differs, and is not ours untouched."""
    if target.is_symlink() or (target.exists() and not target.is_file()):
        return True
    if not target.exists():
        return False
    present = digest_of_bytes(target.read_bytes())
    return present not in (digest_of_bytes(content), ours)


def _refuse(into: Path, in_the_way: list[str], wanted: dict[str, bytes], force: bool) -> None:
    base = into.resolve()
    for path in wanted:
        # A directory inside that is a link, or a file where a directory is needed, leads out or stops half way.
        for above in (into / path).parents:
            if above == into:
                break
            if above.is_symlink() or (above.exists() and not above.is_dir()):
                raise BadInput(f"{str(above)!r} is in the way of {path}: move it, or choose another directory")
        if not (into / path).parent.resolve().is_relative_to(base):
            raise IntegrityError(f"{path} would leave {str(into)!r}")
    hard = [path for path in in_the_way if (into / path).is_symlink() or (into / path).is_dir()]
    if hard:
        raise BadInput(f"{_list(hard)} in {str(into)!r} cannot be replaced by a file: move what stands there")
    if in_the_way and not force:
        raise BadInput(
            f"{_list(in_the_way)} in {str(into)!r} would be overwritten but was not written by millwright, or was "
            "changed since: use --force, or choose another directory"
        )


def _list(paths: list[str]) -> str:
    shown = ", ".join(sorted(paths)[:_LISTED])
    return shown if len(paths) <= _LISTED else f"{shown} and {len(paths) - _LISTED} more"


def _write(target: Path, content: bytes) -> None:
    if target.is_file() and target.read_bytes() == content:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".millwright-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current


def _remove(into: Path, path: str, ours: Digest) -> bool:
    target = into / path
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or target.is_symlink():
        return False
    if not target.is_file() or digest_of_bytes(target.read_bytes()) != ours:
        return False
    if not target.resolve().is_relative_to(into.resolve()):
        return False
    target.unlink()
    for above in target.parents:
        if above == into or any(above.iterdir()):
            break
        above.rmdir()
    return True
