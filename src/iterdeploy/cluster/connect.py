"""The way to a Ray cluster: one that runs, or one of this machine alone that is started and ends with the program."""

from __future__ import annotations

import logging
import os
from typing import Any

from iterdeploy.errors import BadInput

LOCAL = "local"


def connect(address: str) -> None:
    """Join the cluster at `address`: "local", "auto", HOST:PORT or ray://HOST:PORT. One that is joined is kept.

    Raises BadInput where Ray is not installed, or no cluster answers.
    """
    ray = _ray()
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray sends figures home
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address == LOCAL:
            ray.init(address=LOCAL, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError, OSError) as problem:
        raise BadInput(
            f"no Ray cluster can be joined at {address!r} ({str(problem).strip().splitlines()[0]}); start one with "
            "`ray start --head` and give its address, or use --cluster local"
        ) from problem


def _ray() -> Any:
    try:
        import ray
    except ImportError as problem:
        raise BadInput(
            "--cluster needs Ray, which is not installed here; install it with: pip install 'iterdeploy[ray]'"
        ) from problem
    return ray


def seats_of_cluster() -> tuple[int, int]:
    """(workers, GPUs of each) that fit the cluster as it is now: one a GPU, or one a CPU where there is no GPU."""
    there = _ray().cluster_resources()
    gpus = int(there.get("GPU", 0))
    return (gpus, 1) if gpus else (max(int(there.get("CPU", 1)), 1), 0)
