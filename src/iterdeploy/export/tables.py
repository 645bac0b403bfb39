"""Rows to a file or a folder: JSONL with nothing installed, Parquet with pyarrow, a data set with datasets.

What is written is put in place whole, and nothing that is there is written over.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from iterdeploy.errors import BadInput, nearest
from iterdeploy.export.chat import Row
from iterdeploy.export.extras import load
from iterdeploy.store import disk

Kind = Literal["jsonl", "parquet", "dataset"]
KINDS: tuple[Kind, ...] = ("jsonl", "parquet", "dataset")
BATCH = 10_000  # rows held in memory while Parquet is written


def write_table(rows: Iterable[Row], kind: Kind, out: Path) -> int:
    """Write the rows; how many there were. Raises BadInput if `out` is there, or without the library it takes."""
    writers: dict[str, Callable[[Iterator[Row], Path], int]] = {
        "jsonl": _jsonl,
        "parquet": _parquet,
        "dataset": _dataset,
    }
    if kind not in writers:
        raise BadInput(f"no form {kind!r} of a table; {nearest(kind, writers)}")
    refuse_existing(out)
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        raise BadInput(f"nothing to write to {out}: no row is left of what was asked for")
    unfinished = out.with_name(out.name + ".tmp")
    disk.remove(unfinished)
    with disk.writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            count = writers[kind](chain([first], rows), unfinished)
            os.replace(unfinished, out)
        except BaseException:
            shutil.rmtree(unfinished) if unfinished.is_dir() else unfinished.unlink(missing_ok=True)
            raise
    return count


def refuse_existing(out: Path) -> None:
    """Raise BadInput if there is something at `out` that would be lost; an empty folder may be there."""
    if out.is_dir() and not any(out.iterdir()):
        out.rmdir()
    elif out.exists():
        raise BadInput(f"{out} is there already; give another --out, or remove it")


def _jsonl(rows: Iterator[Row], out: Path) -> int:
    count = 0
    with open(out, "w", encoding="utf-8") as file:
        for row in rows:
            count += 1
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    return count


def _parquet(rows: Iterator[Row], out: Path) -> int:
    arrow, parquet = load("pyarrow"), load("pyarrow.parquet")
    first = list(islice(rows, BATCH))
    schema = schema_of(arrow, first)
    count = 0
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        batch = first
        while batch:
            writer.write_table(arrow.Table.from_pylist(batch, schema=schema))
            count += len(batch)
            batch = list(islice(rows, BATCH))
    return count


def _dataset(rows: Iterator[Row], out: Path) -> int:
    arrow, datasets = load("pyarrow"), load("datasets")
    held = list(rows)
    table = arrow.Table.from_pylist(held, schema=schema_of(arrow, held))
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        datasets.Dataset(table).save_to_disk(str(out))
    finally:
        if shown:
            datasets.enable_progress_bars()
    return len(held)


def schema_of(arrow: Any, rows: list[Row]) -> Any:
    """The columns' types, said rather than guessed: a first batch without a fault must not make its column empty."""
    text, whole, flag, real = arrow.string(), arrow.int64(), arrow.bool_(), arrow.float64()
    types = {
        **dict.fromkeys(
            ("size", "generation", "sample", "plan_steps", "reasoning_tokens", "trained_generation"), whole
        ),
        "label": flag,
        "weight": real,
        "input_ids": arrow.list_(whole),
        "completion_mask": arrow.list_(whole),
        "messages": arrow.list_(arrow.struct([("role", text), ("content", text)])),
    }
    return arrow.schema([(name, types.get(name, text)) for name in rows[0]])
