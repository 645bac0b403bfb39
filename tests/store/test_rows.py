"""Rows come one by one, survive a kill, and stand in order once the file has its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iterdeploy.errors import RunError, Torn
from iterdeploy.store.rows import Part, encode, finished, part_of, read_rows, write_rows


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    share: float = 0.0


def key(row: Line) -> str:
    return row.name


ROWS = [Line("a", 0.1), Line("b\n", 1e-300), Line("ü\u2028\x85", 1 / 3)]


@given(st.lists(st.builds(Line, st.text(), st.floats(allow_nan=False, allow_infinity=False))))
@settings(max_examples=50)
def test_a_row_is_one_line_and_comes_back_as_it_was(rows: list[Line]) -> None:
    for row in rows:
        line = encode(row)
        assert line.count(b"\n") == 1
        assert msgspec.json.decode(line, type=Line) == row


def test_rows_stand_in_the_order_asked_not_in_that_of_their_coming(tmp_path: Path) -> None:
    file, events = tmp_path / "gen-0" / "rows.jsonl", list[str]()
    with Part(file, Line, key, events.append) as part:
        for row in reversed(ROWS):
            part.append(row)
        assert not file.exists()
        assert part.finish([row.name for row in ROWS]) == ROWS
    assert read_rows(file, Line) == ROWS
    assert events == ["row", "row", "row", "written", "renamed"]
    assert [path.name for path in file.parent.iterdir()] == ["rows.jsonl"]


def test_another_process_goes_on_with_the_rows_that_are_there(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    with Part(file, Line, key) as part:
        part.append(ROWS[0])
    with Part(file, Line, key) as part:
        assert part.rows == {"a": ROWS[0]}
        for row in ROWS[1:]:
            part.append(row)
        part.finish([row.name for row in ROWS])
    assert read_rows(file, Line) == ROWS


@pytest.mark.parametrize("cut", range(1, len(encode(ROWS[1])) + 1))
def test_a_row_torn_anywhere_is_dropped_with_a_notice(
    tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "rows.jsonl"
    with Part(file, Line, key) as part:
        part.append(ROWS[0])
        part.append(ROWS[1])
    data = part_of(file).read_bytes()
    part_of(file).write_bytes(data[:-cut])
    with Part(file, Line, key) as part:
        assert list(part.rows) == ["a"]
        part.append(ROWS[1])
    assert part_of(file).read_bytes() == data
    assert ("line 2 is torn" in caplog.text) == (cut < len(encode(ROWS[1])))


def test_what_follows_an_unreadable_row_is_made_again_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A power cut can leave zeros in the middle of a file that was never synced."""
    file = tmp_path / "rows.jsonl"
    part_of(file).write_bytes(encode(ROWS[0]) + b"\0" * 20 + b"\n" + encode(ROWS[2]))
    with Part(file, Line, key) as part:
        assert list(part.rows) == ["a"]
    assert part_of(file).read_bytes() == encode(ROWS[0])
    assert "line 2 is torn" in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:-5],
        lambda data: data.replace(b"0.3", b"0,3"),
        lambda data: data + b"\xff\xfe\n",
        lambda data: data + b"\n",
        lambda data: data + b'{"name": 3}\n',
    ],
    ids=["no end", "torn", "no JSON", "no text", "empty line", "another type"],
)
def test_a_damaged_finished_file_is_torn_and_names_file_and_line(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    file = tmp_path / "rows.jsonl"
    write_rows(file, ROWS)
    file.write_bytes(damage(file.read_bytes()))
    line = 4 if file.read_bytes().startswith(b"".join(map(encode, ROWS))) else 3
    with pytest.raises(Torn, match=rf"rows\.jsonl, line {line} of a finished file cannot be read"):
        read_rows(file, Line)


def test_a_row_that_comes_twice_or_never_or_unasked_is_refused(tmp_path: Path) -> None:
    with Part(tmp_path / "rows.jsonl", Line, key) as part:
        part.append(ROWS[0])
        with pytest.raises(RunError, match="the row a came twice"):
            part.append(ROWS[0])
        with pytest.raises(RunError, match="1 of 2 rows never came, first z"):
            part.finish(["a", "z"])
        with pytest.raises(RunError, match="1 rows were not asked for, first a"):
            part.finish([])
    assert not (tmp_path / "rows.jsonl").exists()


def test_a_finished_file_clears_what_a_killed_run_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    part_of(file).write_bytes(b"x")
    assert not finished(file)
    assert part_of(file).exists()
    write_rows(file, ROWS)
    assert finished(file)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_no_rows_are_a_file_too(tmp_path: Path) -> None:
    with Part(tmp_path / "rows.jsonl", Line, key) as part:
        part.finish([])
    assert read_rows(tmp_path / "rows.jsonl", Line) == []
