"""One run: the names of its files, what they hold, and who may write to them."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import filelock
import msgspec

from iterdeploy import recipe as recipes
from iterdeploy.errors import BadInput, Locked, RecipeChanged, RunError, Torn
from iterdeploy.store import disk, rows
from iterdeploy.types import Ended, Example, Generation, Likelihood, ProbeRow, Split, Task, Trace, Verdict

Row = TypeVar("Row")

_LOCKS = ("lock", "lock.pid")


class Run:
    """A run's folder. Reading needs no lock; whoever writes holds `lock()`."""

    def __init__(self, path: Path, recipe: recipes.Recipe) -> None:
        self.path = path
        self.recipe = recipe
        self._lock = filelock.FileLock(path / "lock")

    @classmethod
    def create(cls, path: Path, recipe: recipes.Recipe, mark: disk.Mark = disk.unmarked) -> Run:
        """The run of `recipe` at `path`: a new folder, or the one that already holds this very run.

        A run that holds no answer yet takes another recipe, so that a setting that was refused can be mended.
        Raises RecipeChanged with the differences if the folder holds a run of another recipe, and
        BadInput if it holds something else.
        """
        recipes.check(recipe)
        recipes.check_together(recipe, "recipe")
        if (path / "recipe.toml").exists():
            run = cls.open(path)
            if recipes.differences(run.recipe, recipe):
                with run.lock():
                    run._refuse_begun(recipe)
                    disk.remove(path / "tasks.jsonl")
                    disk.put(path / "recipe.toml", _sealed(recipe), mark)
            return cls(path, recipe)
        _refuse_foreign_folder(path)
        disk.put(path / "recipe.toml", _sealed(recipe), mark)
        return cls(path, recipe)

    @classmethod
    def open(cls, path: Path) -> Run:
        """The run that a folder holds; raises BadInput if it holds none, Torn if its recipe is damaged."""
        file = path / "recipe.toml"
        if not file.exists():
            raise BadInput(f"{path} is not a run: it has no recipe.toml; start one with `iterdeploy run`")
        try:
            text = disk.read(file).decode()
            recipe = recipes.load(text)
        except (BadInput, UnicodeDecodeError) as cause:
            raise Torn(f"{file} was changed after the run wrote it: {cause}; put a good copy back") from cause
        if not _seal_holds(text):
            raise Torn(
                f"{file} was changed after the run wrote it: its text and the digest in its first line differ; "
                "a run keeps its recipe: put it back, and give the changed one to a new folder (--out)"
            )
        return cls(path, recipe)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder while writing; raises Locked with the holder's pid. May be nested."""
        with disk.writing(self.path / "lock"):
            try:
                self._lock.acquire(timeout=0)
            except filelock.Timeout as cause:
                raise Locked(self._held()) from cause
        try:
            self._name_holder()
            yield
        finally:
            self._release()

    def tasks(self, split: Split | None = None) -> list[Task]:
        """All tasks, deployed then held-out; or those of one split."""
        tasks = self._rows(self.path / "tasks.jsonl", Task, "make its tasks first")
        return [task for task in tasks if split in (None, task.split)]

    def traces(self, generation: int, split: Split = "deployed") -> list[Trace]:
        """What a generation answered, in the order of the tasks."""
        return self._rows(self.traces_file(generation, split), Trace, f"deploy generation {generation} first")

    def verdicts(self, generation: int, split: Split = "deployed") -> list[Verdict]:
        """The verdicts on a generation's traces, in the same order."""
        file = self.verdicts_file(generation, split)
        return self._rows(file, Verdict, f"validate the traces of generation {generation} first")

    def second_verdicts(self, generation: int) -> list[Verdict]:
        """What the second validator said of some deployed traces; nothing where the recipe names none."""
        if not self.recipe.validate.second:
            return []
        first = f"judge traces of generation {generation} by the second validator first"
        return self._rows(self.second_file(generation), Verdict, first)

    def likelihoods(self, generation: int) -> list[Likelihood]:
        """How likely the traces that a generation learns from were and are, where the recipe weights them so."""
        first = f"score the examples of generation {generation} first"
        return self._rows(self.likelihoods_file(generation), Likelihood, first)

    def probed(self, generation: int, name: str) -> list[ProbeRow]:
        """What a generation made of the questions of a probe."""
        first = f"probe generation {generation} first"
        return self._rows(self.probe_file(generation, name), ProbeRow, first)

    def ended(self) -> Ended | None:
        """Why the run ended before its last generation; None if it did not."""
        file = self.ended_file()
        if not file.exists():
            return None
        found = rows.read_rows(file, Ended)
        if len(found) != 1:
            raise Torn(
                f"{file} holds {len(found)} rows where it must hold one; delete it to have it made again"
            )
        return found[0]

    def examples(self, generation: int) -> list[Example]:
        """What a generation was trained on; nothing for the base."""
        if generation == 0:
            return []
        return self._rows(self.examples_file(generation), Example, f"curate generation {generation} first")

    def generation(self, number: int) -> Generation | None:
        """The row of a finished generation; None if it is not finished."""
        file = self.generation_file(number)
        if not file.exists():
            return None
        found = rows.read_rows(file, Generation)
        if len(found) != 1:
            raise Torn(
                f"{file} holds {len(found)} rows where it must hold one; delete it to have it made again"
            )
        return found[0]

    def generations(self) -> list[Generation]:
        """The rows of the generations that are finished, from the base on."""
        found: list[Generation] = []
        while (row := self.generation(len(found))) is not None:
            found.append(row)
        return found

    def adapter(self, generation: int) -> Path | None:
        """The adapter folder of a generation; None for the base, and for one that is not trained yet."""
        folder = self.adapter_folder(generation)
        return folder if generation > 0 and folder.is_dir() else None

    def training(self, generation: int) -> list[dict[str, Any]]:
        """What was logged while a generation was trained: step, loss, ...; empty for the base."""
        folder = self.adapter(generation)
        file = folder / "training.jsonl" if folder else None
        return rows.read_rows(file, dict[str, Any]) if file and file.exists() else []

    def clock(self) -> list[dict[str, Any]]:
        """Seconds by generation and step, as they were spent; an interrupted step has several rows."""
        file = self.path / "clock.jsonl"
        lines = disk.read(file).split(b"\n") if file.exists() else []
        return [row for row in map(_clock_row, lines) if row is not None]

    def add_seconds(self, generation: int | None, step: str, seconds: float) -> None:
        """Append to the clock; `generation` is None for what belongs to the whole run."""
        row = {"generation": generation, "step": step, "seconds": round(seconds, 3)}
        with disk.writing(self.path / "clock.jsonl"), open(self.path / "clock.jsonl", "ab+") as file:
            file.seek(max(0, file.tell() - 1))
            torn = file.read(1) not in (b"", b"\n")  # a killed process may have left half a line
            file.write((b"\n" if torn else b"") + rows.encode(row))

    def folder(self, generation: int) -> Path:
        """The folder of one generation."""
        return self.path / f"gen-{generation}"

    def traces_file(self, generation: int, split: Split = "deployed") -> Path:
        """Where the traces of a generation stand."""
        return self.folder(generation) / f"{_prefix(split)}traces.jsonl"

    def verdicts_file(self, generation: int, split: Split = "deployed") -> Path:
        """Where the verdicts of a generation stand."""
        return self.folder(generation) / f"{_prefix(split)}verdicts.jsonl"

    def second_file(self, generation: int) -> Path:
        """Where the verdicts of the second validator stand."""
        return self.folder(generation) / "second-verdicts.jsonl"

    def likelihoods_file(self, generation: int) -> Path:
        """Where the likelihoods of the chosen traces stand."""
        return self.folder(generation) / "likelihoods.jsonl"

    def probe_file(self, generation: int, name: str) -> Path:
        """Where the rows of a probe stand."""
        return self.folder(generation) / f"probe-{name}.jsonl"

    def ended_file(self) -> Path:
        """Where it stands that a rule or a gate ended the run."""
        return self.path / "ended.json"

    def examples_file(self, generation: int) -> Path:
        """Where the training examples of a generation stand."""
        return self.folder(generation) / "examples.jsonl"

    def generation_file(self, generation: int) -> Path:
        """Where the row of a finished generation stands."""
        return self.folder(generation) / "generation.json"

    def adapter_folder(self, generation: int) -> Path:
        """Where the adapter of a generation stands once it is trained."""
        return self.folder(generation) / "adapter"

    def _rows(self, file: Path, kind: type[Row], first: str) -> list[Row]:
        if not file.exists():
            raise RunError(f"{self.path} has no {file.relative_to(self.path)}; {first}")
        return rows.read_rows(file, kind)

    def _refuse_begun(self, recipe: recipes.Recipe) -> None:
        changed = recipes.differences(self.recipe, recipe)
        if any(file.stat().st_size for file in self.path.glob("gen-*/**/*") if file.is_file()):
            raise RecipeChanged(
                f"{self.path} holds a run of another recipe:\n  " + "\n  ".join(changed) + "\n"
                "a run keeps its recipe: ask for the same settings, or give another folder",
                changed,
            )

    def _held(self) -> str:
        # filelock empties the lock file itself on every try, so the holder's name stands beside it
        file = self.path / "lock.pid"
        holder = disk.read(file).decode(errors="replace").strip() if file.exists() else ""
        by = f"process {holder}" if holder else "another process"
        return f"{self.path} is being written by {by}; wait for it, stop it, or give another folder"

    def _name_holder(self) -> None:
        with disk.writing(self.path / "lock.pid"):
            (self.path / "lock.pid").write_text(f"{os.getpid()} on {platform.node()}\n")

    def _release(self) -> None:
        if self._lock.lock_counter == 1:
            disk.remove(self.path / "lock.pid")
        self._lock.release()


_SEAL = "# what this run does; its digest is "


def _sealed(recipe: recipes.Recipe) -> bytes:
    """The recipe as a run keeps it: a first line tells whether somebody changed the rest."""
    text = recipes.dump(recipe)
    return f"{_SEAL}{_digest(text)}\n{text}".encode()


def _seal_holds(text: str) -> bool:
    first, _, rest = text.partition("\n")
    return not first.startswith(_SEAL) or first == _SEAL + _digest(rest)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _prefix(split: Split) -> str:
    return "" if split == "deployed" else f"{split}-"


def _clock_row(line: bytes) -> dict[str, Any] | None:
    """A row of the clock; None for a torn line, which costs a figure and no result."""
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _refuse_foreign_folder(path: Path) -> None:
    """A new run wants an empty folder; what a killed start leaves does not count."""
    if not path.exists():
        return
    if not path.is_dir():
        raise BadInput(f"{path} is a file; a run is a folder: give another name")
    others = sorted(file.name for file in path.iterdir() if file.name not in (*_LOCKS, "recipe.toml.tmp"))
    if others:
        raise BadInput(
            f"{path} is no run and not empty (it holds {others[0]}); give a new or an empty folder"
        )
