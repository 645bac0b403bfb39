"""A Trainer whose blocks and shards are computed on a cluster: the run has the bytes that it has without."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from iterdeploy.cluster import parcels
from iterdeploy.cluster.connect import seats_of_cluster
from iterdeploy.cluster.group import Share, refuse_without_ray_train, start_group
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

        if recipe.train.sharding != "none":
            refuse_without_ray_train()
        fitting, self._gpus = seats_of_cluster()
        self._base = content_id(recipe.base.model, None)
        self._base_parcel: parcels.Parcel | None = None
        self._adapter: tuple[str, parcels.Parcel | None] = ("", None)  # the latest, by the id of its model
        seat = ray.remote(Seat).options(num_cpus=1, num_gpus=self._gpus, scheduling_strategy="SPREAD")
        self._recipe = ray.put(recipe)
        given = (self._recipe, self._base, versions_of(VERSIONS))
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

        meeting = ray.remote(Meeting).options(num_cpus=0).remote()
        try:
            if self.recipe.train.sharding == "none":
                return self._train_apart(lesson, meeting, report)
            return self._train_as_group(lesson, meeting, report)
        finally:
            ray.kill(meeting)

    def _train_apart(
        self, lesson: Lesson, meeting: Any, report: Callable[[int, int, str], None]
    ) -> parcels.Files:
        """Each has the whole model; the bytes are those of a training without a cluster."""
        import ray

        team = self.team.ready(min(self.team.size, SHARDS))
        try:
            given, materials = ray.put(lesson), self._materials(lesson)
            orders = [
                worker.train.remote(given, materials, Place(rank, len(team), meeting))
                for rank, worker in enumerate(team)
            ]
            return _followed(orders, meeting, Path(lesson.scratch), report)
        except BaseException:
            self.team.dismiss(team)
            raise

    def _train_as_group(
        self, lesson: Lesson, meeting: Any, report: Callable[[int, int, str], None]
    ) -> parcels.Files:
        """By Ray Train, whose workers take the places of ours; others are hired when there is more to sample."""
        import ray

        # all that can be placed; their machines are known to have what it takes, and whether they have the base
        size = len(self.team.ready(self.team.size))
        self.team.close()
        held = [self._recipe, ray.put(lesson)]
        share = Share(
            held, self._base, self._base_parcel, versions_of(VERSIONS), self._materials(lesson), meeting
        )
        group = start_group()
        try:
            order = group.train.remote(share, size, self._gpus)
            return _followed([order], meeting, Path(lesson.scratch), report)
        finally:
            ray.kill(group)

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
    """The adapter, which came as news or is what rank 0 gave; checkpoints are kept and progress told meanwhile."""
    import ray

    given: dict[Any, Any] = {}
    adapters: list[parcels.Files] = []
    news = meeting.news.remote()

    def heard(rows: Sequence[tuple[str, Any]]) -> None:
        for kind, content in rows:
            if kind == "checkpoint":
                disk.put(scratch / CHECKPOINT_FILE, content.tobytes())
            elif kind == "adapter":
                adapters.append(content)
            elif kind == "failed":
                raise content
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
    return adapters[0] if adapters else given[orders[0]]


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
