"""A Ray cluster of several nodes on this machine, for tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}


@contextmanager
def started() -> Iterator[Any]:
    """A head without room for workers, and two nodes with room for one each; joined."""
    import ray
    from ray.cluster_utils import Cluster

    from iterdeploy.cluster.connect import connect

    with _known_modules():
        nodes = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
    for _ in range(2):
        add_node(nodes)
    connect(nodes.address)
    try:
        yield nodes
    finally:
        ray.shutdown()
        nodes.shutdown()


def add_node(nodes: Any) -> None:
    """One more node with room for one worker."""
    with _known_modules():
        nodes.add_node(**NODE)


@contextmanager
def _known_modules() -> Iterator[None]:
    """Nodes that start here have workers that find the modules of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        yield
