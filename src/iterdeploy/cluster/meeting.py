"""Where the workers of one training meet: gradients are passed on, news go to the program that waits for them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from iterdeploy.train.diet import SHARDS

Vector = Any  # torch's, which this room does not know

Shards = Mapping[int, list[Any]]
"""Of each shard a list of one reference to its gradient: Ray would resolve a bare one on its way."""


class Meeting:
    """An asynchronous actor; it holds references and no gradient."""

    def __init__(self) -> None:
        self._there: defaultdict[int, dict[int, list[Any]]] = defaultdict(dict)
        self._full: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self._news: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    async def meet(self, step: int, shards: Shards) -> Shards:
        """The gradients of all shards of a step, when they are all there."""
        self._there[step].update(shards)
        if len(self._there[step]) == SHARDS:
            self._full[step].set()
            # who is here has taken all of the step before last
            for held in (self._there, self._full):
                held.pop(step - 2, None)
        await self._full[step].wait()
        return self._there[step]

    async def tell(self, kind: str, content: Any) -> None:
        """News for `news`, in their order."""
        await self._news.put((kind, content))

    async def news(self) -> list[tuple[str, Any]]:
        """All news since the last call; at least one is waited for."""
        rows = [await self._news.get()]
        while not self._news.empty():
            rows.append(self._news.get_nowait())
        return rows


class Gathered:
    """An Exchange between actors: each shard's gradient goes through the object store, and all add them in order."""

    def __init__(self, meeting: Any, rank: int, size: int) -> None:
        self.rank, self._meeting = rank, meeting
        self.mine: Sequence[int] = range(rank, SHARDS, size)

    def add(self, step: int, vectors: dict[int, Vector]) -> Vector:
        """Give mine, wait for the others', and add them in shard order."""
        there = vectors if len(vectors) == SHARDS else self._with_others(step, vectors)
        total = there[0]
        for shard in range(1, SHARDS):
            total = total + there[shard]
        return total

    def _with_others(self, step: int, vectors: dict[int, Vector]) -> dict[int, Vector]:
        import ray

        given = {shard: [ray.put(vector.cpu().numpy())] for shard, vector in vectors.items()}
        everyone: Shards = ray.get(self._meeting.meet.remote(step, given))
        like = next(iter(vectors.values()))
        others = {s: like.new_tensor(ray.get(ref)) for s, (ref,) in everyone.items() if s not in vectors}
        return {**vectors, **others}
