"""Who is told how far a step is; its named points and its seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from iterdeploy.errors import RunError
from iterdeploy.store import Run, disk
from iterdeploy.types import Checkpoint, Observer, Split, ignore_point, ignore_progress


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how far a step is, and who is told of the named points."""

    observe: Observer = ignore_progress
    point: Checkpoint = ignore_point


QUIET = Watch()


@contextmanager
def step_of(run: Run, generation: int | None, step: str, watch: Watch) -> Iterator[disk.Mark]:
    """Name the points of a step, and put its seconds on the clock, those of an interrupted one too."""
    where = step if generation is None else f"gen-{generation}/{step}"
    watch.point(f"{where}/before")
    started = time.monotonic()
    try:
        yield lambda event: watch.point(f"{where}/{event}")
    finally:
        with suppress(RunError):  # a disk without room for a figure says so at the next row that counts
            run.add_seconds(generation, step, time.monotonic() - started)
    watch.point(f"{where}/after")


def name_of(step: str, split: Split) -> str:
    """What a step is called in the points, the clock and the progress."""
    return step if split == "deployed" else f"{split}/{step}"
