"""The GPUs that this process may use, found without loading a library."""

from __future__ import annotations

import os
from pathlib import Path

NAMED = "CUDA_VISIBLE_DEVICES"


def gpus(devices: Path = Path("/dev")) -> list[str]:
    """Their names as CUDA_VISIBLE_DEVICES has them: those that it names, else the numbers of all that are there."""
    there = len(list(devices.glob("nvidia[0-9]*")))
    if not there:
        return []
    named = os.environ.get(NAMED)
    if (
        named is None
    ):  # CUDA numbers them from 0, whatever a container calls the files of those that it was given
        return [str(number) for number in range(there)]
    return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]


def take_one(rank: int) -> None:
    """Leave this process one GPU, dealt out by rank; to be called before CUDA is."""
    found = gpus()
    if len(found) > 1:
        os.environ[NAMED] = found[rank % len(found)]
