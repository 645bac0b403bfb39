"""What is computed on: a GPU's memory is given back before another model is opened."""

from __future__ import annotations

import gc

import torch


def release() -> None:
    """Give back the memory of what nobody holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def memory_of(device: torch.device) -> int | None:
    """Bytes of a GPU; None for anything else."""
    if device.type != "cuda":
        return None
    return int(torch.cuda.get_device_properties(device).total_memory)
