"""Folders on their way to other machines: the bytes of each file, in Ray's object store.

Nothing here needs a disk that machines share.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

Files = Mapping[str, Any]
"""Bytes of each file by its name, as arrays of uint8: these travel without being copied on the way."""
Parcel = Mapping[str, Any]
"""The same with references into the object store in place of the bytes."""


def read(folder: Path) -> Files:
    """The files of a folder; it has none below it."""
    return {
        file.name: np.fromfile(file, dtype=np.uint8) for file in sorted(folder.iterdir()) if file.is_file()
    }


def post(folder: Path) -> Parcel:
    """Put a folder into the object store, file by file, so that no more than one is held in memory here."""
    import ray

    return {
        file.name: ray.put(np.fromfile(file, dtype=np.uint8))
        for file in sorted(folder.iterdir())
        if file.is_file()
    }


def unpack(parcel: Parcel, folder: Path) -> Path:
    """Write the folder that a parcel holds."""
    import ray

    folder.mkdir(parents=True)
    for name, held in parcel.items():
        ray.get(held).tofile(folder / name)
    return folder


def write(files: Files, folder: Path) -> None:
    """Write files into a folder that is there."""
    for name, held in files.items():
        (folder / name).write_bytes(held.tobytes())


_PREFIX = "iterdeploy-worker-"
_YOUNG = 60.0
"""Seconds in which a new room may not be locked yet."""


def room() -> tuple[Path, int]:
    """A folder for what this process unpacks, and the lock that shows that it lives, as a file number.

    Workers are killed as a rule, and a base is large: rooms of processes that have ended are removed first.
    """
    for old in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError), open(old / "lock") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - old.stat().st_mtime > _YOUNG:
                shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock
