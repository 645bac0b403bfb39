"""A training by one torch.distributed group of workers, which Ray Train places, joins and ends.

Ray Train can restart a group, too (FailureConfig). It is not asked to: it would repeat refusals, wait for a machine
that does not come back, and needs a disk that all machines share for its checkpoints. `ClusterTrainer` begins the next
one, as it does for a training without a group.
"""

from __future__ import annotations

import os
import shutil
import time
import traceback
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from iterdeploy.cluster import parcels
from iterdeploy.cluster.seat import Materials, Place, Seat
from iterdeploy.cluster.team import PATIENCE, Lost
from iterdeploy.errors import BadInput, IterdeployError

PEERS = 30.0
"""Seconds in which the death of one worker becomes known after another failed of it."""


@dataclass(frozen=True, slots=True)
class Share:
    """What every worker of a group is given; `held` are references to the recipe and the lesson."""

    held: list[Any]
    base: str
    base_parcel: parcels.Parcel | None
    versions: dict[str, str]
    materials: Materials
    meeting: Any


class Group:
    """The actor that has Ray Train do a training. Whoever kills it ends the processes of the training with it."""

    def __init__(self) -> None:
        os.environ["RAY_TRAIN_V2_ENABLED"] = "1"
        os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"  # a base may be named by a folder relative to this one
        os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", f"{PATIENCE:.0f}")
        self._room, self._lock = parcels.room()

    def train(self, share: Share, size: int, gpus: int) -> None:
        """What is made goes to the meeting. Raises Lost if the training ends before it is done."""
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer

        trainer = TorchTrainer(
            take_part,
            train_loop_config={"share": share},
            scaling_config=ScalingConfig(
                num_workers=size, use_gpu=gpus > 0, resources_per_worker={"CPU": 1, "GPU": gpus}
            ),
            run_config=RunConfig(
                name="training",
                storage_path=str(self._room),
                failure_config=FailureConfig(max_failures=0, controller_failure_limit=1),
            ),
        )
        try:
            trainer.fit()
        except (
            Exception
        ) as problem:  # of Ray Train, by several names: what is ours to say was told to the meeting
            raise Lost(" ".join(str(problem).split())[:500]) from problem
        finally:
            shutil.rmtree(self._room / "training", ignore_errors=True)


def refuse_without_ray_train() -> None:
    """Raise BadInput where a package that Ray Train takes is not installed."""
    missing = [name for name in ("pyarrow", "pandas", "pydantic", "fsspec") if find_spec(name) is None]
    if missing:
        raise BadInput(
            f"train.sharding needs Ray Train, which needs {', '.join(missing)}; pip install 'iterdeploy[ray]'"
        )


def start_group() -> Any:
    """A Group beside the program that starts it."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return ray.remote(Group).options(num_cpus=0, scheduling_strategy=here).remote()


def take_part(config: dict[str, Share]) -> None:
    """What each process of the group does."""
    import ray
    import ray.train

    share, context = config["share"], ray.train.get_context()
    place = Place(context.get_world_rank(), context.get_world_size(), share.meeting, is_group=True)

    def tell(kind: str, content: Any) -> None:
        ray.get(share.meeting.tell.remote(kind, content))

    try:
        recipe, lesson = ray.get(share.held)
        seat = Seat(recipe, share.base, share.versions)
        if not seat.ready():
            assert share.base_parcel is not None, "who has no base was met before"
            seat.take_base(share.base_parcel)
        files = seat.train(lesson, share.materials, place)
    except IterdeployError as problem:
        tell("failed", problem)
        raise
    except Exception:
        time.sleep(PEERS)  # if another died, Ray Train ends this process meanwhile
        tell("failed", RuntimeError(f"a worker failed: {traceback.format_exc()}"))
        raise
    if files is not None:
        tell("adapter", files)
