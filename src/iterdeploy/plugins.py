"""An object of the user's own, by `module:attribute`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from iterdeploy.errors import BadInput, nearest


def plugin(name: str) -> Any:
    """The object that `module:attribute` names; modules in the current folder are found too."""
    module_name, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as cause:
        if cause.name is None or not f"{module_name}.".startswith(f"{cause.name}."):
            raise  # the plug-in is there, and lacks something itself
        raise BadInput(
            f"no module {module_name!r} for {name!r}; it is looked for in {here} and among installed packages"
        ) from cause
    if not hasattr(module, attribute):
        there = [known for known in vars(module) if not known.startswith("_")]
        raise BadInput(f"module {module_name!r} has no {attribute!r}; {nearest(attribute, there)}")
    return getattr(module, attribute)
