"""Libraries that only exports need: asked for by name, and missed with a sentence that says what to install."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from types import ModuleType

from iterdeploy.errors import BadInput

EXTRAS = {
    "tensorboard": "tensorboard",
    "mlflow": "mlflow",
    "trackio": "trackio",
    "wandb": "wandb",
    "pyarrow": "parquet",
    "datasets": "datasets",
}
"""Module to the extra of pyproject.toml that brings it."""


def require(module: str) -> None:
    """Raise BadInput if a library is not installed; nothing is imported."""
    top = module.partition(".")[0]
    if find_spec(top) is None:
        raise BadInput(f"{top} is not installed; it comes with: pip install 'iterdeploy[{EXTRAS[top]}]'")


def load(module: str) -> ModuleType:
    """The module of an extra; raises BadInput if its library is not installed."""
    require(module)
    return importlib.import_module(module)
