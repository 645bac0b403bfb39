"""Make the small base model: Qwen3 architecture, taught from a seed by demonstrations that are never deployed."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from iterdeploy.domains.blocksworld import NAMES
from iterdeploy.domains.demonstrations import Diet, demonstrations
from iterdeploy.models.kernels import use_fast_norms
from iterdeploy.models.words import word_tokenizer
from iterdeploy.train.batches import Batch, Row, bucketed, collate, jumps
from iterdeploy.train.optimizers import Optimizer

WORDS = (
    " init", "\ngoal", " clear", " handempty", " holding", " on", " ontable",
    " !clear", " !handempty", " !holding", " !on", " !ontable",
    "\n<think>", "\n<say>", "\n</think>", "\n</say>", "\n<plan>", "\n</plan>",
    " table", " keep", " now", " want", " |",
    "\npick-up", "\nput-down", "\nstack", "\nunstack",
    *(f" {name}" for name in NAMES),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BaseRecipe:
    """All that decides a base, but for its seed."""

    hidden: int = 128
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 384
    steps: int = 3000
    tokens_per_step: int = 2048
    muon_rate: float = 6e-3
    adamw_rate: float = 2e-3
    weight_decay: float = 0.01
    diet: Diet = field(default_factory=Diet)


def new_model(recipe: BaseRecipe, vocabulary: int) -> Any:
    """A Qwen3 model with fresh weights from torch's seed."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=vocabulary,
            hidden_size=recipe.hidden,
            intermediate_size=recipe.feed_forward,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            num_key_value_heads=recipe.kv_heads,
            head_dim=recipe.hidden // recipe.heads,
            max_position_embeddings=1024,
            rope_theta=1e4,
            tie_word_embeddings=True,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def batches(recipe: BaseRecipe, tokenizer: Any, seed: int, pool: int = 1024) -> Iterator[Batch]:
    """Endless batches: a pool of demonstrations at a time, cut into batches of rows of like length."""
    rng = random.Random(f"batches-{seed}")
    source = demonstrations(recipe.diet, seed)
    while True:
        demos = [next(source) for _ in range(pool)]
        prompts = tokenizer([d.prompt for d in demos], add_special_tokens=False)["input_ids"]
        answers = tokenizer([d.completion for d in demos], add_special_tokens=False)["input_ids"]
        lengths = [len(p) + len(a) for p, a in zip(prompts, answers, strict=True)]
        for indices in bucketed(lengths, recipe.tokens_per_step, rng):
            rows = [Row(prompts[i], answers[i], 1.0, jumps(lengths[i], rng)) for i in indices]
            yield collate(rows, tokenizer.pad_token_id)


def loss_of(model: Any, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy over completion tokens."""
    logits = model(
        input_ids=batch.input_ids, attention_mask=batch.mask, position_ids=batch.positions, use_cache=False
    ).logits
    return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), batch.labels[:, 1:].flatten())


def make_base(recipe: BaseRecipe, seed: int, out: Path) -> None:
    """Train a base and leave model, tokenizer and the recipe in `out`."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = word_tokenizer(WORDS)
    model = new_model(recipe, len(tokenizer))
    use_fast_norms(model)
    optimizer = Optimizer(
        model.named_parameters(), "muon", recipe.muon_rate, rest_rate=recipe.adamw_rate,
        weight_decay=recipe.weight_decay, steps=recipe.steps, warmup_share=0.05,
    )  # fmt: skip
    source, recent, t0, c0 = batches(recipe, tokenizer, seed), [], time.time(), time.process_time()
    for step in range(recipe.steps):
        loss = loss_of(model, next(source))
        loss.backward()
        optimizer.step()
        recent.append(loss.item())
        if (step + 1) % 100 == 0:
            print(step + 1, f"loss {sum(recent[-100:]) / 100:.4f} wall {time.time() - t0:.0f} cpu {time.process_time() - c0:.0f}", flush=True)
        if (step + 1) % 500 == 0:
            model.save_pretrained(out)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "base.json").write_text(json.dumps({"seed": seed, **asdict(recipe)}, indent=1))
