"""Sampling from a transformers model: blocks of like prompts in lockstep, finished rows dropped, every draw seeded.

Sums on a computer depend on the shape of the batch, so the batches are fixed instead of the claim that an answer
depends on its request alone: `blocks` cuts the whole list of requests by one rule, whoever computes which block.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import Cache, CacheLayerMixin

from iterdeploy.errors import BadInput, RunError
from iterdeploy.models.device import memory_of, release
from iterdeploy.types import Finish, Request, Trace

BLOCK = 64
"""Rows that are sampled together."""

ROOM = 128
"""Tokens by which the cache grows while it is short; a long one grows by a quarter, so that copies stay few."""

LONG = 4096
"""Tokens from which a cache is long."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is drawn; `temperature` 0 takes the most likely one."""

    temperature: float
    top_p: float
    top_k: int
    max_tokens: int


class GrowingLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """Keys and values in a buffer that grows by ROOM tokens, so that a step copies one token and not the past."""

    is_sliding = False
    keys: torch.Tensor  # [rows, heads, room, width]; the first `length` tokens are there
    values: torch.Tensor

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.length = 0
        self.is_initialized = True
        self.keys, self.values = self._room(key_states, 0), self._room(value_states, 0)

    @staticmethod
    def _room(like: torch.Tensor, tokens: int) -> torch.Tensor:
        rows, heads, _, width = like.shape
        return like.new_zeros(rows, heads, tokens, width)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.length + key_states.shape[2]
        if end > self.keys.shape[2]:
            room = self.keys.shape[2]
            more = max(-(-(end - room) // ROOM) * ROOM, room // 4 if room >= LONG else 0)
            self.keys = torch.cat([self.keys, self._room(key_states, more)], 2)
            self.values = torch.cat([self.values, self._room(value_states, more)], 2)
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def keep(self, rows: torch.Tensor) -> None:
        """Drop all rows but these."""
        self.keys, self.values = self.keys.index_select(0, rows), self.values.index_select(0, rows)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        return self.length if self.is_initialized else 0

    def get_max_length(self) -> int:
        return -1


CACHE_SHARE = 0.8
"""Of a card's memory, for weights and cache; the rest is for what a step computes with, and for a growing cache."""


def cache_bytes(model: Any) -> int:
    """Bytes that the keys and values of one token take."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * int(config.num_hidden_layers) * int(heads) * int(width) * int(model.dtype.itemsize)


def blocks(requests: Sequence[Request], prompt_lengths: Sequence[int]) -> list[list[int]]:
    """Indices of the requests, cut into blocks of BLOCK by prompt length, then by id; longest first."""
    order = sorted(range(len(requests)), key=lambda i: (-prompt_lengths[i], requests[i].trace_id))
    return [order[at : at + BLOCK] for at in range(0, len(order), BLOCK)]


@dataclass(slots=True)
class _Rows:
    """What is known of the rows of a block while they grow."""

    tokens: list[list[int]]
    logprobs: list[list[float]]
    finish: list[Finish]


class Engine:
    """One model and its tokenizer, ready to answer. `end_ids` finish an answer."""

    def __init__(self, model: Any, tokenizer: Any, sampling: Sampling, model_id: str) -> None:
        self.model, self.tokenizer, self.sampling, self.model_id = model.eval(), tokenizer, sampling, model_id
        ends = model.generation_config.eos_token_id
        self.end_ids = frozenset([ends] if isinstance(ends, int) else ends or [tokenizer.eos_token_id])
        self._too_much = math.inf  # tokens of a block that ran out of memory; as many are not tried again

    def prompt_ids(self, requests: Sequence[Request]) -> list[list[int]]:
        """Token ids of the prompts, as they are given to the model."""
        prompts = [request.prompt for request in requests]
        ids: list[list[int]] = self.tokenizer(prompts, add_special_tokens=False)["input_ids"]
        return ids

    def answer_block(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]]) -> list[Trace]:
        """Sample one block in lockstep; one that does not fit into memory is sampled in halves.

        Raises RunError if one answer alone does not fit.
        """
        if len(requests) == 1 or self._fits(prompts):
            try:
                return self._answer(requests, prompts)
            except torch.OutOfMemoryError:
                if len(requests) == 1:
                    raise RunError(
                        f"an answer to task {requests[0].task_id} ({len(prompts[0])} prompt tokens) of up to "
                        f"{self.sampling.max_tokens} tokens does not fit into memory by itself; set a smaller "
                        "deploy.max_tokens, or sample on a larger card"
                    ) from None
            release()
            self._too_much = self._most_tokens(prompts)
            _log.warning(
                "%d answers do not fit into memory together; they are sampled in halves", len(requests)
            )
        half = len(requests) // 2
        first = self.answer_block(requests[:half], prompts[:half])
        return first + self.answer_block(requests[half:], prompts[half:])

    def _fits(self, prompts: Sequence[Sequence[int]]) -> bool:
        """Whether the cache of answers of full length would fit beside the weights, and no such block ran out before.

        Reckoned from the size of the card and not from what is free on it now, so that a block is cut alike each time.
        """
        tokens = self._most_tokens(prompts)
        if tokens >= self._too_much:
            return False
        room = memory_of(self.model.device)
        if room is None:
            return True
        weights = sum(p.numel() * p.element_size() for p in self.model.parameters())
        return bool(tokens * cache_bytes(self.model) <= CACHE_SHARE * room - weights)

    def _most_tokens(self, prompts: Sequence[Sequence[int]]) -> int:
        return len(prompts) * (max(map(len, prompts)) + self.sampling.max_tokens)

    @torch.inference_mode()
    def _answer(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]]) -> list[Trace]:
        rows = self._sample(prompts, [request.seed for request in requests])
        return [
            Trace(
                id=request.trace_id,
                task_id=request.task_id,
                generation=request.generation,
                sample=request.sample,
                model=self.model_id,
                text=self.tokenizer.decode(rows.tokens[i], skip_special_tokens=False),
                prompt_ids=tuple(prompts[i]),
                token_ids=tuple(rows.tokens[i]),
                logprobs=tuple(rows.logprobs[i]),
                finish=rows.finish[i],
            )
            for i, request in enumerate(requests)
        ]

    def _sample(self, prompts: Sequence[Sequence[int]], seeds: Sequence[int]) -> _Rows:
        count, limit = len(prompts), self.sampling.max_tokens
        rows = _Rows([[] for _ in prompts], [[] for _ in prompts], ["length"] * count)
        draws = np.stack([np.random.Generator(np.random.Philox(seed)).random(limit) for seed in seeds])
        herd = _Herd(self.model, prompts, self.tokenizer.pad_token_id or 0, limit)
        for step in range(limit):
            chosen, logprobs = draw(herd.logits, draws[herd.rows, step], self.sampling)
            for row, token, logprob in zip(herd.rows, chosen.tolist(), logprobs.tolist(), strict=True):
                if rows.finish[row] != "stop":
                    rows.tokens[row].append(token)
                    rows.logprobs[row].append(round(logprob, 4))
                    if token in self.end_ids:
                        rows.finish[row] = "stop"
            alive = [i for i, row in enumerate(herd.rows) if rows.finish[row] != "stop"]
            if not alive or step + 1 == limit:
                break
            herd.step(chosen, alive)
        return rows


def sliding(config: Any) -> tuple[int, bool]:
    """(tokens that sliding layers see, or 0 if none slides; whether only some do), of a model's config.

    Our cache keeps the whole past of every layer, so the window is a matter of the mask alone. Raises BadInput for a
    layer that sees its past in another way, such as in chunks.
    """
    text = config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or [])
    if other := sorted(kinds - {"full_attention", "sliding_attention"}):
        raise BadInput(
            f"the base has layers of {other[0]!r}, which can't be sampled from here; take another base"
        )
    if kinds == {"full_attention"}:
        return 0, False
    return getattr(text, "sliding_window", None) or 0, bool(kinds)


class _Herd:
    """The rows of a block on their way: their cache, masks and positions; finished rows leave an eighth at a time."""

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], pad: int, limit: int) -> None:
        self.model, device = model, model.device
        self.rows = list(range(len(prompts)))
        self.width = width = max(len(p) for p in prompts)
        ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts], device=device)
        real = torch.tensor([[False] * (width - len(p)) + [True] * len(p) for p in prompts], device=device)
        self.mask = torch.cat([real, real.new_ones(len(prompts), limit)], 1)[:, None, None]
        causal = torch.ones(width, width, dtype=torch.bool, device=device).tril()
        own = torch.eye(
            width, dtype=torch.bool, device=device
        )  # padding sees itself, so that no row is empty
        positions = (real.cumsum(1) - 1).clamp_min(0)
        self.last = positions[:, -1:]
        self.cache = Cache(layer_class_to_replicate=GrowingLayer)
        self.window, self.by_kind = sliding(model.config)
        self._forward(ids, (causal & self.mask[..., :width]) | own, positions)

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor) -> None:
        self.logits = self.model(
            input_ids=ids, attention_mask=self._seen(mask), position_ids=positions, past_key_values=self.cache,
            use_cache=True, logits_to_keep=1,
        ).logits[:, -1]  # fmt: skip

    def _seen(self, mask: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
        """The mask [rows, 1, queries, keys] as the layers want it: those that slide see `window` keys alone."""
        queries, keys = mask.shape[-2:]
        if not self.window or keys <= self.window:
            return mask
        place = torch.arange(keys, device=mask.device)
        near = mask & (place[keys - queries :, None] - place < self.window)
        return {"full_attention": mask, "sliding_attention": near} if self.by_kind else near

    def step(self, tokens: torch.Tensor, alive: Sequence[int]) -> None:
        """Read one more token a row, and compute the logits of the next; rows not in `alive` may leave."""
        if len(alive) * 8 <= len(self.rows) * 7:
            keep = torch.tensor(alive, device=tokens.device)
            for layer in self.cache.layers:
                layer.keep(keep)  # type: ignore[union-attr]
            self.mask, self.last = self.mask.index_select(0, keep), self.last.index_select(0, keep)
            tokens = tokens.index_select(0, keep)
            self.rows = [self.rows[i] for i in alive]
        self.last = self.last + 1
        self.width += 1
        self._forward(tokens[:, None], self.mask[..., : self.width], self.last)


def draw(
    logits: torch.Tensor, uniforms: np.ndarray[Any, Any], how: Sampling
) -> tuple[torch.Tensor, torch.Tensor]:
    """One token a row by inverse transform, and its log-probability at the sampling settings.

    Shapes: logits [rows, vocabulary], uniforms [rows] in [0, 1); both results are [rows].
    """
    scores = logits.double()
    if how.temperature == 0:
        chosen = scores.argmax(-1)
        return chosen, torch.log_softmax(scores, -1).gather(1, chosen[:, None])[:, 0]
    scores = scores / how.temperature
    if 0 < how.top_k < scores.shape[-1]:
        scores = scores.masked_fill(scores < scores.topk(how.top_k).values[:, -1:], -torch.inf)
    if how.top_p < 1:
        ordered, index = scores.sort(dim=-1, descending=True, stable=True)
        share = ordered.softmax(-1)
        drop = (share.cumsum(-1) - share >= how.top_p).scatter(
            1, index, share.cumsum(-1) - share >= how.top_p
        )
        scores = scores.masked_fill(drop, -torch.inf)
    logprobs = torch.log_softmax(scores, -1)
    ladder = logprobs.exp().cumsum(-1)
    points = torch.from_numpy(uniforms).to(ladder.device) * ladder[:, -1]
    chosen = torch.searchsorted(ladder, points[:, None], right=True).clamp_max(scores.shape[-1] - 1)
    return chosen[:, 0], logprobs.gather(1, chosen)[:, 0]
