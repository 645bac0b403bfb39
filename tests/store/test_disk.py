"""A file is whole or absent, and what the disk refuses is a sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from iterdeploy.errors import DiskFull, Locked, RunError
from iterdeploy.store import disk


def test_put_writes_the_whole_file_before_it_has_its_name(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "file.json"
    seen: list[tuple[str, bool]] = []
    disk.put(file, b"all", lambda event: seen.append((event, file.exists())))
    assert seen == [("written", False), ("renamed", True)]
    assert file.read_bytes() == b"all"
    assert [path.name for path in file.parent.iterdir()] == ["file.json"]


def test_put_replaces_a_file(tmp_path: Path) -> None:
    disk.put(tmp_path / "file", b"old and long")
    disk.put(tmp_path / "file", b"new")
    assert disk.read(tmp_path / "file") == b"new"


def test_a_folder_is_put_in_place_whole(tmp_path: Path) -> None:
    unfinished, folder = tmp_path / "adapter.tmp", tmp_path / "adapter"
    (unfinished / "deep").mkdir(parents=True)
    (unfinished / "deep" / "file").write_bytes(b"x")
    seen: list[tuple[str, bool]] = []
    disk.put_folder(unfinished, folder, lambda event: seen.append((event, folder.exists())))
    assert seen == [("written", False), ("renamed", True)]
    assert (folder / "deep" / "file").read_bytes() == b"x"
    assert not unfinished.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_of_any_kind_says_what_is_kept_and_what_to_do(tmp_path: Path, number: int) -> None:
    message = r"all rows and files that were finished are kept; make room, and"
    with pytest.raises(DiskFull, match=message), disk.writing(tmp_path / "file"):
        raise OSError(number, os.strerror(number))


def test_a_full_disk_in_the_words_of_a_library_is_a_full_disk(tmp_path: Path) -> None:
    class SafetensorError(Exception):
        pass

    words = 'I/O error: Os { code: 28, kind: StorageFull, message: "No space left on device" }'
    with pytest.raises(DiskFull), disk.filling(tmp_path / "adapter"):
        raise SafetensorError(words)


def test_code_of_others_keeps_its_other_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), disk.filling(tmp_path / "adapter"):
        (tmp_path / "no base here").read_bytes()
    with pytest.raises(Locked), disk.writing(tmp_path / "file"):
        raise Locked("held")


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of a folder")
    with pytest.raises(RunError, match=r"cannot write .*file/row: (Not a directory|File exists)"):
        disk.put(tmp_path / "file" / "row", b"x")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot read .*: Is a directory; make it readable"):
        disk.read(tmp_path)
    with pytest.raises(RunError, match="none is not there"):
        disk.read(tmp_path / "none")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0)
    with pytest.raises(RunError, match=r"cannot read .*: Permission denied"):
        disk.read(tmp_path / "file")


def test_remove_takes_files_folders_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "file").touch()
    for name in ("folder", "file", "none"):
        disk.remove(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
