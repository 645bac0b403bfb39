"""Where the adapter of a generation lies."""

from __future__ import annotations

from pathlib import Path

from iterdeploy.errors import RunError
from iterdeploy.store import Run


def adapter_of(run: Run, generation: int) -> Path | None:
    """The folder of the adapter, None for the base. Raises RunError if the generation was not trained."""
    adapter = run.adapter(generation)
    if generation > 0 and adapter is None:
        raise RunError(f"{run.path} has no gen-{generation}/adapter; train generation {generation} first")
    return adapter
