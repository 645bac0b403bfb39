"""vLLM in this process. Its engine is opened at the first answer and holds the card until it is closed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from iterdeploy.errors import BadInput, ServerFailed
from iterdeploy.models import canary
from iterdeploy.models.vllm import NEXT, RAW, Ask, Sampled, Swap, are_at_the_settings, probe, sampling, shaped
from iterdeploy.recipe import Deploy

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks of adapters for which vLLM has room; one in between takes the next."""


class VllmEngine:
    """A Backend: `base` is a folder, `rank` that of the adapters, 0 where generations are whole models."""

    def __init__(self, base: str, deploy: Deploy, end_ids: AbstractSet[int], rank: int) -> None:
        if not installed():
            raise BadInput(
                "deploy.engine is 'vllm', but vLLM is not installed here; install it (in an environment of its own, "
                "docs/engines.md), or name a server of it: --server http://HOST:PORT"
            )
        if rank > RANKS[-1]:
            raise BadInput(f"train.rank is {rank}; vLLM takes adapters up to rank {RANKS[-1]}")
        self._base, self._deploy, self._rank = base, deploy, rank
        self._sampling = sampling(deploy, end_ids)
        self._engine: Any = None
        self._opened, self._room = ("", ""), 0  # weights and their type; tokens of a sequence
        self._lora: Any = None

    def deploy(self, swap: Swap) -> None:
        """Open the engine if need be, put the adapter on it, and compare."""
        whole = swap.adapter is not None and not self._rank
        opened = str(swap.adapter) if whole else self._base, swap.here.dtype
        if self._engine is None or self._opened != opened or self._room < swap.room:
            self.close()
            self._engine = _engine(*opened, self._rank, swap.room)
            self._opened, self._room = opened, swap.room
        self._take_off()
        if swap.adapter is not None and not whole:
            self._put_on(swap.name, swap.adapter)
        generation = self._scores(swap.here, self._lora)
        base = generation if self._lora is None else self._scores(swap.here, None)
        probes = self._next([(text, probe(text)) for text in swap.here.texts], self._lora)
        if shaped(self._deploy) and not are_at_the_settings([max(at.values()) for at in probes]):
            raise ServerFailed(RAW)
        swap.check(canary.Heard(generation, base))

    def sample(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sampled]]:
        """Answers as they finish."""
        by_id = {one.request.trace_id: one for one in asks}
        work = {i: (one.prompt_ids, {**self._sampling, "seed": one.request.seed}) for i, one in by_id.items()}
        for name, output in self._run(work, self._lora):
            answer = output.outputs[0]
            ids = tuple(answer.token_ids)
            logprobs = tuple(float(at[i].logprob) for at, i in zip(answer.logprobs, ids, strict=True))
            yield by_id[name], Sampled(ids, logprobs, str(answer.finish_reason))

    def close(self) -> None:
        """End the engine and free its memory."""
        engine, self._engine, self._lora = self._engine, None, None
        if engine is not None:
            engine.engine_core.shutdown()

    def _put_on(self, name: str, adapter: Path) -> None:
        from vllm.lora.request import LoRARequest

        self._lora = LoRARequest(
            lora_name=name, lora_int_id=number_of(name), lora_path=str(adapter.resolve())
        )
        try:
            self._engine.add_lora(self._lora)
        except Exception as problem:  # vLLM names no class for what an adapter may lack
            raise ServerFailed(f"the adapter in {adapter} can't be loaded into vLLM: {problem}") from problem

    def _take_off(self) -> None:
        if self._lora is not None:
            self._engine.remove_lora(self._lora.lora_int_id)
            self._lora = None

    def _scores(self, here: canary.Expected, lora: Any) -> tuple[float, ...]:
        places = [(text[:cut], NEXT) for text in here.texts for cut in canary.cuts(text)]
        return canary.picked(self._next(places, lora), here.tokens)

    def _next(
        self, places: Sequence[tuple[tuple[int, ...], dict[str, object]]], lora: Any
    ) -> list[dict[int, float]]:
        """Log-probabilities of next tokens, by id, for each text and how it is asked."""
        outputs = dict(self._run({str(n): place for n, place in enumerate(places)}, lora))
        found = [outputs[str(n)].outputs[0].logprobs[0] for n in range(len(places))]
        return [{token: float(value.logprob) for token, value in at.items()} for at in found]

    def _run(
        self, work: dict[str, tuple[tuple[int, ...], dict[str, object]]], lora: Any
    ) -> Iterator[tuple[str, Any]]:
        """(id, output) as they finish. Whoever stops listening has the rest aborted."""
        from vllm import SamplingParams
        from vllm.v1.engine.exceptions import EngineDeadError

        left: set[str] = set()
        try:
            for name, (ids, settings) in work.items():
                how = SamplingParams(detokenize=False, **settings)
                self._engine.add_request(name, {"prompt_token_ids": list(ids)}, how, lora_request=lora)
                left.add(name)
            while left:
                for output in self._engine.step():
                    if output.finished:
                        left.discard(output.request_id)
                        yield output.request_id, output
        except EngineDeadError as problem:
            self._engine = None
            left.clear()
            raise ServerFailed(
                f"the engine of vLLM died ({problem}); finished answers are kept: start the same command again"
            ) from problem
        finally:
            if left and self._engine is not None:
                self._engine.abort_request(sorted(left))


def installed() -> bool:
    """Whether vLLM is there to be imported; not by importing it, which takes many seconds."""
    found = find_spec("vllm")
    return found is not None and found.origin is not None  # a folder of that name has none


def number_of(name: str) -> int:
    """The number that vLLM knows an adapter by: of its content, like its name; from 1 to 2**31 - 1."""
    return int(sha256(name.encode()).hexdigest()[:8], 16) % (2**31 - 1) + 1


def _engine(weights: str, dtype: str, rank: int, room: int) -> Any:
    """A fresh engine. Log-probabilities are those at the sampling settings, as traces have them."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    import torch
    from vllm import EngineArgs, LLMEngine

    on_gpu = torch.cuda.is_available()
    lora: dict[str, Any] = {
        "enable_lora": True, "max_loras": 1, "max_lora_rank": next(r for r in RANKS if r >= rank),
    } if rank else {}  # fmt: skip
    try:
        return LLMEngine.from_engine_args(
            EngineArgs(
                model=weights,
                dtype=dtype,
                max_model_len=room,
                logprobs_mode="processed_logprobs",
                generation_config="vllm",
                enforce_eager=not on_gpu,  # to compile for a CPU takes a compiler, and longer than it saves
                disable_log_stats=True,
                **lora,
            )
        )
    except (ValueError, RuntimeError) as problem:
        raise ServerFailed(f"vLLM can't open {weights}: {problem}") from problem
