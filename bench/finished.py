"""The finished run that the benchmarks take their base, prompts, adapter, examples and clock from."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from iterdeploy.store import Run

RUN = Path("runs/bench")
"""Where `bench/all.py` leaves its run."""

One = TypeVar("One")


def arguments(says: str, rounds: int = 0, rows: int = 0) -> argparse.ArgumentParser:
    """The options that the benchmarks share."""
    parser = argparse.ArgumentParser(description=says)
    parser.add_argument("--run", type=Path, default=RUN, help=f"a finished run's folder; default: {RUN}")
    if rounds:
        parser.add_argument("--rounds", type=int, default=rounds, help=f"laps of each; default: {rounds}")
    if rows:
        parser.add_argument("--rows", type=int, default=rows, help=f"prompts or examples; default: {rows}")
    return parser


def open_finished(folder: Path) -> Run:
    """The run in a folder; ends the program where it has no trained generation."""
    run = Run.open(folder)
    if len(run.generations()) < 2:
        raise SystemExit(f"{folder} has no trained generation; make it: iterdeploy run demo --out {folder}")
    return run


def last_adapter(run: Run) -> Path:
    """The adapter of the last generation."""
    adapter = run.adapter(len(run.generations()) - 1)
    if adapter is None:
        raise SystemExit(f"{run.path} has lost the adapter of its last generation")
    return adapter


def spread(items: Sequence[One], count: int) -> list[One]:
    """`count` items, evenly from all; all of them if there are fewer."""
    if count >= len(items):
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]
