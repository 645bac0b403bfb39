"""The boundary to the disk: a file is whole or absent, and what the disk refuses becomes a clear error."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from iterdeploy.errors import DiskFull, IterdeployError, RunError

# EFBIG is a limit on the size of a file (ulimit -f), EDQUOT a user's quota: to the user all are one thing.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

Mark = Callable[[str], None]
"""Called with what has just happened to a file: "row", "written", "renamed"."""


def unmarked(event: str) -> None:
    """A Mark that does nothing."""


def read(path: Path) -> bytes:
    """The bytes of a file; raises RunError saying why it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as cause:
        raise RunError(f"{path} is not there") from cause
    except OSError as cause:
        raise RunError(
            f"cannot read {path}: {cause.strerror}; make it readable for you, and give the same command again"
        ) from cause


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the disk refuses while `path` is written into DiskFull or RunError."""
    with filling(path):
        try:
            yield
        except OSError as cause:
            if cause.errno in _NO_ROOM:
                raise
            raise RunError(
                f"cannot write {path}: {cause.strerror or cause}; all that was finished is kept; "
                "make the folder writable for you, and give the same command again"
            ) from cause


@contextmanager
def filling(path: Path) -> Iterator[None]:
    """Turn a full disk into DiskFull, and nothing else: for code of others that writes to `path`."""
    try:
        yield
    except IterdeployError:
        raise
    except Exception as cause:
        # safetensors reports a full disk as an error of its own, with the system's words in it
        words = str(cause)
        if getattr(cause, "errno", None) in _NO_ROOM or any(os.strerror(n) in words for n in _NO_ROOM):
            raise _no_room(path, words) from cause
        raise


def put(path: Path, data: bytes, mark: Mark = unmarked) -> None:
    """Write a whole file under another name, sync it, and rename it into place."""
    unfinished = path.with_name(path.name + ".tmp")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mark("written")
        os.replace(unfinished, path)
        sync_folder(path.parent)
    mark("renamed")


def put_folder(unfinished: Path, folder: Path, mark: Mark = unmarked) -> None:
    """Sync every file of a folder that was written under another name, and rename it into place."""
    with writing(folder):
        for path in sorted(unfinished.rglob("*")):
            if path.is_file():
                _sync(path, os.O_RDONLY)
        sync_folder(unfinished)
        mark("written")
        os.replace(unfinished, folder)
        sync_folder(folder.parent)
    mark("renamed")


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    with writing(path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder survive a power cut."""
    if os.name == "posix":
        _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    number = os.open(path, flags)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _no_room(path: Path, words: str) -> DiskFull:
    return DiskFull(
        f"no room to write {path} ({words}; {_free(path)}); all rows and files that were finished are kept; "
        "make room, and give the same command again to go on from there"
    )


def _free(path: Path) -> str:
    there = next(folder for folder in [path, *path.absolute().parents] if folder.exists())
    return f"{shutil.disk_usage(there).free / 2**20:.0f} MiB free on its disk"
