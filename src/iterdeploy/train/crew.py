"""Worker processes that sample and train side by side; they end when their parent does."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory
from typing import TYPE_CHECKING, Any

import numpy as np

from iterdeploy.errors import IterdeployError, WorkerDied
from iterdeploy.gpus import take_one
from iterdeploy.recipe import Recipe
from iterdeploy.train.diet import SHARDS

if TYPE_CHECKING:
    import torch

PATIENCE = 900.0
"""Seconds that a worker waits for another's gradient before it gives up."""


class SharedGradients:
    """Gradients of all shards in shared memory, two steps deep, so that one barrier a step is enough."""

    def __init__(self, name: str, parameters: int, rank: int, size: int, barrier: Any) -> None:
        self.memory = SharedMemory(name=name)
        shape = (2, SHARDS, parameters + 1)
        self.all: np.ndarray[Any, Any] = np.ndarray(shape, dtype=np.float32, buffer=self.memory.buf)
        self.rank, self.mine, self.barrier = rank, tuple(range(rank, SHARDS, size)), barrier

    def add(self, step: int, vectors: dict[int, torch.Tensor]) -> torch.Tensor:
        """Put mine, wait for the others', and add them in order."""
        import torch

        room = self.all[step % 2]
        for shard, vector in vectors.items():
            room[shard] = vector.cpu().numpy()
        self.barrier.wait(PATIENCE)
        total = room[0].copy()
        for shard in range(1, len(room)):
            total = total + room[shard]
        return torch.from_numpy(total)

    def close(self) -> None:
        """Let go of the memory."""
        del self.all
        self.memory.close()


def serve(connection: Connection, recipe: Recipe, rank: int, size: int, barrier: Any) -> None:
    """The life of a worker: take an order, carry it out, answer; until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    take_one(rank)
    _end_with_parent()
    from iterdeploy.train.work import Worker

    worker = Worker(recipe)
    while True:
        try:
            order, *details = connection.recv()
            _carry_out(connection, worker, order, details, rank, size, barrier)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        except IterdeployError as problem:
            barrier.abort()
            connection.send(("refused", problem))
        except Exception as problem:
            barrier.abort()
            connection.send(("failed", "".join(traceback.format_exception(problem))))
            return


def _end_with_parent() -> None:
    """End this process when its parent does, however that ends and whatever is being done here.

    A killed parent closes no barrier: a worker that waits for another's gradient would stay for PATIENCE.
    """
    parent = mp.parent_process()
    assert parent is not None, "a worker is somebody's child"

    def watch(sentinel: int) -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


def _carry_out(
    connection: Connection,
    worker: Any,
    order: str,
    details: Sequence[Any],
    rank: int,
    size: int,
    barrier: Any,
) -> None:
    if order == "answer":
        connection.send(("answers", worker.answer(*details)))
    elif order == "prepare":
        worker.lesson = details[0]
        connection.send(("prepared", worker.parameters(details[0])))
    elif order == "train":
        name, parameters = details
        gradients = SharedGradients(name, parameters, rank, size, barrier)
        try:
            worker.train(worker.lesson, gradients, lambda *row: connection.send(("progress", row)))
        finally:
            gradients.close()
        connection.send(("trained", None))


class Crew:
    """`size` workers of one recipe. Use as a context manager."""

    def __init__(self, recipe: Recipe, size: int) -> None:
        context = mp.get_context("spawn")
        self.size = size
        self.barrier = context.Barrier(min(size, SHARDS))  # all who train
        self.connections: list[Connection] = []
        self.processes = []
        for rank in range(size):
            mine, theirs = context.Pipe()
            process = context.Process(
                target=serve, args=(theirs, recipe, rank, size, self.barrier), daemon=True
            )
            process.start()
            theirs.close()
            self.connections.append(mine)
            self.processes.append(process)

    def replies(self, open_orders: Sequence[int]) -> Iterator[tuple[int, str, Any]]:
        """(rank, kind, content) of whatever comes first from these workers."""
        ready = wait([self.connections[rank] for rank in open_orders])
        for rank in (rank for rank in open_orders if self.connections[rank] in ready):
            kind: str
            content: Any
            try:
                kind, content = self.connections[rank].recv()
            except (EOFError, ConnectionResetError):
                raise self._died(rank) from None
            if kind == "refused":
                raise content
            if kind == "failed":
                raise RuntimeError(f"worker {rank} failed: {content}")  # ours to mend: its traceback counts
            yield rank, kind, content

    def send(self, rank: int, *order: Any) -> None:
        """Give an order; raises WorkerDied if nobody is there to take it."""
        try:
            self.connections[rank].send(order)
        except (BrokenPipeError, ConnectionResetError):  # not ours to pass on: a closed pipe means `| head`
            raise self._died(rank) from None

    def _died(self, rank: int) -> WorkerDied:
        return WorkerDied(
            f"worker {rank} of {self.size} died (out of memory?); what was finished is kept, "
            "start the same command again, with fewer --workers if it happens again"
        )

    def close(self) -> None:
        """End all workers: an idle one goes when its connection is closed, a busy one is ended."""
        for connection in self.connections:
            connection.close()
        for process in self.processes:
            process.join(2)
            process.terminate()
            process.join(5)
