"""Following a file that grows: whole rows only, new bytes only, another file of the same name from its start."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from iterdeploy.watch import tail
from iterdeploy.watch.tail import Tail, last_rows


class Row(msgspec.Struct):
    n: int
    good: bool = False


def line(n: int, good: bool = False) -> bytes:
    return msgspec.json.encode(Row(n, good)) + b"\n"


def test_a_row_counts_once_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "rows.part"
    following = Tail(file, Row, lambda row: row.good)
    assert not following.look()
    file.write_bytes(line(1, True) + line(2)[:5])
    assert following.look()
    assert (following.count, following.counted) == (1, 1)
    file.write_bytes(line(1, True) + line(2) + line(3, True))
    following.look()
    assert (following.count, following.counted, [row.n for row in following.last]) == (3, 2, [1, 2, 3])


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.part"
    file.write_bytes(line(1) + line(2))
    following = Tail(file, Row, keep=1)
    following.look()
    with open(file, "r+b") as held:
        held.write(b"x" * 5)  # what was read before is not looked at again
        held.seek(0, 2)
        held.write(line(3))
    following.look()
    assert (following.count, [row.n for row in following.last]) == (3, [3])


def test_a_file_that_is_cut_or_replaced_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "rows.part"
    file.write_bytes(line(1) + line(2) + line(3))
    following = Tail(file, Row)
    following.look()
    file.write_bytes(line(9))
    following.look()
    assert (following.count, [row.n for row in following.last]) == (1, [9])
    file.unlink()
    assert not following.look()
    assert following.count == 0


def test_of_a_large_file_the_count_is_estimated_until_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rows.part"
    file.write_bytes(b"".join(line(n % 10) for n in range(1000)))
    monkeypatch.setattr(tail, "GULP", 2000)
    following = Tail(file, Row, keep=1)
    following.look()
    assert following.count == pytest.approx(1000, abs=5)
    for _ in range(20):
        following.look()
    assert following.count == 1000


def test_a_torn_row_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "rows.part"
    file.write_bytes(line(1) + b"{\xff\n" + line(2))
    following = Tail(file, Row)
    following.look()
    assert [row.n for row in following.last] == [1, 2]


def test_last_rows_of_a_finished_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    assert last_rows(file, Row, 3) == []
    file.write_bytes(b"".join(line(n) for n in range(20_000)))
    assert [row.n for row in last_rows(file, Row, 3)] == [19_997, 19_998, 19_999]
    file.write_bytes(line(1))
    assert [row.n for row in last_rows(file, Row, 3)] == [1]
