"""A Trainer whose blocks and shards are computed on a cluster: the run has the bytes that it has without."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from iterdeploy.cluster import parcels
from iterdeploy.cluster.connect import seats_of_cluster
from iterdeploy.cluster.meeting import Meeting
from iterdeploy.cluster.seat import CHECKPOINT_FILE, Materials, Place, Seat, versions_of
from iterdeploy.cluster.team import RETRIES, Lost, Team, outcome
from iterdeploy.errors import WorkerDied
from iterdeploy.recipe import Recipe
from iterdeploy.store import disk
from iterdeploy.train.adapters import base_folder, content_id, settle_config
from iterdeploy.train.diet import SHARDS
from iterdeploy.train.local import LocalTrainer, Work
from iterdeploy.train.work import Lesson
from iterdeploy.types import Names, Trace

_log = logging.getLogger(__name__)

VERSIONS = ("iterdeploy", "torch", "transformers", "peft")
"""Packages that must be the same on all machines."""


class ClusterTrainer(LocalTrainer):
    """A LocalTrainer whose workers are actors on the cluster that this program has joined.

    `size` workers, or with 0 one for each GPU of the cluster (for each CPU, where it has no GPU).
    """

    def __init__(self, recipe: Recipe, size: int = 0, names: Names = ()) -> None:
        super().__init__(recipe, workers=1, names=names)
        import ray

        fitting, gpus = seats_of_cluster()
        self._base = content_id(recipe.base.model, None)
        self._base_parcel: parcels.Parcel | None = None
        self._adapter: tuple[str, parcels.Parcel | None] = ("", None)  # the latest, by the id of its model
        seat = ray.remote(Seat).options(num_cpus=1, num_gpus=gpus, scheduling_strategy="SPREAD")
        given = (ray.put(recipe), self._base, versions_of(VERSIONS))
        self.team = Team(lambda: seat.remote(*given), size or fitting, self._welcome)

    def _welcome(self, worker: Any, has_base: bool) -> Any:
        """The base travels to machines that have none of its name and content."""
        if has_base:
            return None
        if self._base_parcel is None:
            self._base_parcel = parcels.post(Path(base_folder(self.recipe.base.model)))
        return worker.take_base.remote(self._base_parcel)

    def answer_blocks(
        self, adapter: str | None, model_id: str, work: Sequence[Work]
    ) -> Iterator[list[Trace]]:
        """Blocks of traces as they are finished."""
        posted = self._posted(adapter, model_id)
        orders = (("answer", posted, model_id, requests, prompts) for requests, prompts in work)
        return (traces for _, traces in self.team.carry_out(orders))

    def score(
        self, adapter: str | None, model_id: str, answers: Sequence[tuple[Sequence[int], Sequence[int]]]
    ) -> list[float]:
        """How likely one generation finds given answers, in nats; by one worker, for it has the card."""
        order = ("score", self._posted(adapter, model_id), model_id, answers)
        ((_, found),) = self.team.carry_out([order])
        return list(found)

    def _posted(self, adapter: str | None, model_id: str) -> parcels.Parcel | None:
        if self._adapter[0] != model_id:
            self._adapter = (model_id, parcels.post(Path(adapter)) if adapter else None)
        return self._adapter[1]

    def _compute(self, lesson: Lesson, report: Callable[[int, int, str], None]) -> None:
        """The training, from its last checkpoint each time that a worker dies in it."""
        for _ in range(RETRIES + 1):
            try:
                files = self._train_once(lesson, report)
            except Lost as problem:
                why = problem
                _log.warning("a worker died in a training (%s): it goes on from its last checkpoint", problem)
                continue
            out = Path(lesson.out)
            with disk.writing(out):
                parcels.write(files, out)
            settle_config(out / "adapter_config.json", self.recipe.base.model)
            return
        raise WorkerDied(
            f"{RETRIES + 1} times a worker died in a training, the last of this: {why}; out of memory? Its last "
            "checkpoint is kept, start the same command again on larger machines"
        )

    def _train_once(self, lesson: Lesson, report: Callable[[int, int, str], None]) -> parcels.Files:
        import ray

        whole = self.recipe.train.sharding != "none"
        team = self.team.ready(self.team.size if whole else min(self.team.size, SHARDS))
        meeting = ray.remote(Meeting).options(num_cpus=0).remote()
        try:
            group = outcome(team[0].address.remote()) if whole else ""
            given, materials = ray.put(lesson), self._materials(lesson)
            orders = [
                worker.train.remote(given, materials, Place(rank, len(team), meeting, group))
                for rank, worker in enumerate(team)
            ]
            return _followed(orders, meeting, Path(lesson.scratch), report)
        except BaseException:
            self.team.dismiss(team)
            raise
        finally:
            ray.kill(meeting)

    @staticmethod
    def _materials(lesson: Lesson) -> Materials:
        scratch = Path(lesson.scratch)
        return Materials(
            parcels.post(Path(lesson.start)) if lesson.start else None,
            parcels.post(scratch) if (scratch / CHECKPOINT_FILE).is_file() else None,
        )

    def close(self) -> None:
        """End the workers."""
        self.team.close()
        super().close()


def _followed(
    orders: Sequence[Any], meeting: Any, scratch: Path, report: Callable[[int, int, str], None]
) -> parcels.Files:
    """What rank 0 gave when all are done; checkpoints are kept and progress told meanwhile."""
    import ray

    given: dict[Any, Any] = {}
    news = meeting.news.remote()

    def heard(rows: Sequence[tuple[str, Any]]) -> None:
        for kind, content in rows:
            if kind == "checkpoint":
                disk.put(scratch / CHECKPOINT_FILE, content.tobytes())
            else:
                report(*content)

    while len(given) < len(orders):
        waiting = [order for order in orders if order not in given]
        done, _ = ray.wait([*waiting, news], num_returns=1)
        for ref in done:
            if ref == news:
                heard(outcome(news))
                news = meeting.news.remote()
            else:
                given[ref] = _given(ref, waiting)
    ray.get(meeting.tell.remote("end", None))
    heard([row for row in outcome(news) if row[0] != "end"])
    files: parcels.Files = given[orders[0]]
    return files


def _given(ref: Any, others: Sequence[Any]) -> Any:
    """What one gave; a failure is a death if another died, for its peers fail with it."""
    import ray

    try:
        return outcome(ref)
    except RuntimeError:
        done, _ = ray.wait(list(others), num_returns=len(others), timeout=_PEERS)
        for other in done:
            try:
                outcome(other)
            except RuntimeError:
                continue
        raise


_PEERS = 10.0
"""Seconds in which the death of one worker becomes known after another failed of it."""
