"""A run is a folder that a person can read; docs/run-folder.md says what stands in it."""

from iterdeploy.store.run import Run

__all__ = ["Run"]
