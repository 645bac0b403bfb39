"""Tells trackers what a run has finished, once each, while it runs or afterwards.

What was told stands in told.json beside what the trackers keep, so that a run that was stopped goes on in the same
place there. A tracker that fails (its server is away, its disk full) is left out with a word: a run does not end over
a metric.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from iterdeploy.export.metrics import of_generation, of_training
from iterdeploy.export.trackers import Tracker, open_tracker
from iterdeploy.store import Run, disk
from iterdeploy.types import Checkpoint

TOLD = "told.json"


class Tracking:
    """Trackers by name, and what each was told. Use as a context manager."""

    def __init__(self, run: Run, names: Sequence[str], folder: Path, strict: bool = False) -> None:
        """`strict` raises what a tracker raises: for an export, which is of no use without it."""
        self._run, self._folder, self._strict = run, folder, strict
        self._told: dict[str, Any] = _read(folder / TOLD) if names else {}
        self._open: dict[str, Tracker] = {}
        for name in names:
            self._try(name, lambda name=name: self._begin(name))

    def __enter__(self) -> Tracking:
        return self

    def __exit__(self, *_: object) -> None:
        for name, tracker in list(self._open.items()):
            self._try(name, tracker.close)

    def catch_up(self) -> None:
        """Tell each tracker all that is finished and that it was not told."""
        for name in list(self._open):
            self._try(name, lambda name=name: self._tell(name))

    def at(self, point: Checkpoint) -> Checkpoint:
        """A Checkpoint that catches up wherever a training or a generation has ended."""

        def reached(name: str) -> None:
            point(name)
            if self._open and name.endswith(("/train/after", "/summarise/after")):
                self.catch_up()

        return reached

    def _begin(self, name: str) -> None:
        told = self._told.setdefault(name, {"token": "", "generations": [], "trainings": []})
        self._open[name] = open_tracker(name, self._run, self._folder / name, told["token"])
        told["token"] = self._open[name].token
        self._keep()

    def _tell(self, name: str) -> None:
        told, tracker = self._told[name], self._open[name]
        for number in range(self._run.recipe.generations + 1):
            if number not in told["trainings"] and self._run.adapter(number):
                tracker.training(of_training(self._run, number))
                told["trainings"].append(number)
                self._keep()
            if number not in told["generations"] and self._run.generation_file(number).exists():
                tracker.generation(of_generation(self._run, number))
                told["generations"].append(number)
                self._keep()

    def _keep(self) -> None:
        disk.put(self._folder / TOLD, (json.dumps(self._told, indent=1) + "\n").encode())

    def _try(self, name: str, act: Any) -> None:
        """The boundary to a library of others: whatever it raises ends the tracking, never the run."""
        try:
            with redirect_stdout(sys.stderr):  # libraries greet there; what a run prints is its own
                act()
        except Exception as problem:
            self._open.pop(name, None)
            if self._strict:
                raise
            with suppress(OSError):
                print(f"iterdeploy: {name} is told nothing more: {problem}", file=sys.stderr)


def _read(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found
