"""One worker on some machine of the cluster: it answers blocks, and takes part in trainings.

Whatever it needs comes to it by content: the base if its machine has none of that name and content, adapters,
checkpoints. What it makes goes back the same way.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from iterdeploy.cluster import parcels
from iterdeploy.cluster.meeting import Gathered
from iterdeploy.errors import BadInput
from iterdeploy.recipe import Recipe
from iterdeploy.train.adapters import content_id
from iterdeploy.train.work import Lesson, Worker
from iterdeploy.types import Request, Trace

CHECKPOINT_FILE = "training.safetensors"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one worker stands in a training of `size` workers, which may be one torch.distributed group."""

    rank: int
    size: int
    meeting: Any
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class Materials:
    """What a training starts from, as parcels: the adapter and a checkpoint, if there are any."""

    start: parcels.Parcel | None = None
    checkpoint: parcels.Parcel | None = None


class Seat:
    """The actor. `base` is the content id that its base must have, `versions` what must be installed."""

    def __init__(self, recipe: Recipe, base: str, versions: dict[str, str]) -> None:
        self._room, self._lock = parcels.room()
        self._recipe, self._base, self._versions = recipe, base, versions
        self._worker: Worker | None = None
        self._adapter = ("", "")  # the id of the latest model that has one, and its folder

    def ready(self) -> bool:
        """Whether this machine has the base. Raises BadInput if its packages are not those of the program."""
        if self._worker is None:
            self._refuse_other_versions()
            if _has(self._recipe.base.model, self._base):
                self._worker = Worker(self._recipe)
        return self._worker is not None

    def take_base(self, parcel: parcels.Parcel) -> bool:
        """Keep the base in a folder of this worker's."""
        folder = str(parcels.unpack(parcel, self._folder() / "base"))
        if not _has(folder, self._base):
            raise BadInput(f"the base arrived on {socket.gethostname()} as something else than {self._base}")
        self._worker = Worker(replace(self._recipe, base=replace(self._recipe.base, model=folder)))
        return True

    def answer(
        self,
        adapter: parcels.Parcel | None,
        model_id: str,
        requests: Sequence[Request],
        prompts: Sequence[Sequence[int]],
    ) -> list[Trace]:
        """One block of answers of a generation."""
        return self._at_work().answer(self._unpacked(adapter, model_id), model_id, requests, prompts)

    def score(
        self,
        adapter: parcels.Parcel | None,
        model_id: str,
        answers: Sequence[tuple[Sequence[int], Sequence[int]]],
    ) -> list[float]:
        """How likely a generation finds given answers, in nats."""
        return self._at_work().score(self._unpacked(adapter, model_id), model_id, answers)

    def train(self, lesson: Lesson, materials: Materials, place: Place) -> parcels.Files | None:
        """Take part in a training; rank 0 gives the files of the adapter."""
        folder = self._folder()
        try:
            return self._train(lesson, materials, place, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _train(
        self, lesson: Lesson, materials: Materials, place: Place, folder: Path
    ) -> parcels.Files | None:
        import ray

        out, scratch = folder / "out", folder / "scratch"
        out.mkdir()
        parcels.unpack(materials.checkpoint or {}, scratch)
        start = str(parcels.unpack(materials.start, folder / "start")) if materials.start else None
        here = replace(lesson, start=start, out=str(out), scratch=str(scratch))
        report = _reporter(scratch / CHECKPOINT_FILE, lambda *news: ray.get(place.meeting.tell.remote(*news)))
        if place.is_group:
            from iterdeploy.train.sharded import train_sharded

            train_sharded(self._at_work(), here, report)
        else:
            self._at_work().parameters(here)
            self._at_work().train(here, Gathered(place.meeting, place.rank, place.size), report)
        return parcels.read(out) if place.rank == 0 else None

    def _at_work(self) -> Worker:
        assert self._worker is not None, "a worker is asked whether it is ready before it gets an order"
        return self._worker

    def _folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._room))

    def _unpacked(self, adapter: parcels.Parcel | None, model_id: str) -> str | None:
        if adapter is None:
            return None
        if self._adapter[0] != model_id:
            folder = parcels.unpack(adapter, self._folder() / "adapter")
            if self._adapter[1]:
                shutil.rmtree(Path(self._adapter[1]).parent, ignore_errors=True)
            self._adapter = (model_id, str(folder))
        return self._adapter[1]

    def _refuse_other_versions(self) -> None:
        here = versions_of(self._versions)
        wrong = [
            f"{name} {here[name]} instead of {this}"
            for name, this in self._versions.items()
            if here[name] != this
        ]
        if wrong:
            raise BadInput(
                f"machine {socket.gethostname()} of the cluster has {', '.join(wrong)}; install the same versions on "
                "all machines: others may round otherwise"
            )


def versions_of(packages: Sequence[str] | dict[str, str]) -> dict[str, str]:
    """The versions that are installed, without their local part (+cpu); "none" for what is not."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            found[name] = "none"
    return found


def _has(base: str, wanted: str) -> bool:
    try:
        return content_id(base, None) == wanted
    except BadInput:
        return False


def _reporter(checkpoint: Path, tell: Callable[[str, Any], Any]) -> Callable[[int, int, str], None]:
    """Tells of each step; of a new checkpoint, with its bytes, before that."""
    seen = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0

    def report(done: int, total: int, note: str) -> None:
        nonlocal seen
        if checkpoint.exists() and checkpoint.stat().st_mtime_ns != seen:
            seen = checkpoint.stat().st_mtime_ns
            tell("checkpoint", parcels.read(checkpoint.parent)[CHECKPOINT_FILE])
        tell("progress", (done, total, note))

    return report
