"""Make the small base model: Qwen3 architecture, taught from a seed by demonstrations that are never deployed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from iterdeploy.domains import exercises
from iterdeploy.domains import rovers_demonstrations as rovers
from iterdeploy.domains import sokoban_demonstrations as sokoban
from iterdeploy.domains.blocksworld import NAMES
from iterdeploy.domains.demonstrations import Demonstration, Diet, demonstrations
from iterdeploy.models.kernels import use_fast_norms
from iterdeploy.models.words import word_tokenizer
from iterdeploy.train import exercise_school, rovers_school, sokoban_school
from iterdeploy.train.adapters import quietly
from iterdeploy.train.batches import Batch, Row, bucketed, collate, jumps
from iterdeploy.train.card import model_card
from iterdeploy.train.optimizers import Optimizer
from iterdeploy.train.probe import probe
from iterdeploy.train.school import ExamQuestion, Subject, card, examine
from iterdeploy.train.work import one_thread

WORDS = (
    " init", "\ngoal", " clear", " handempty", " holding", " on", " ontable",
    " !clear", " !handempty", " !holding", " !on", " !ontable",
    "\n<think>", "\n<say>", "\n</think>", "\n</say>", "\n<plan>", "\n</plan>",
    " table", " keep", " now", " want", " |",
    "\npick-up", "\nput-down", "\nstack", "\nunstack",
    *(f" {name}" for name in NAMES),
)  # fmt: skip

POOL = 1024
"""Demonstrations that are sorted by length together."""


@dataclass(frozen=True, slots=True)
class BaseRecipe:
    """All that decides a base, but for its seed."""

    hidden: int = 128
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 384
    steps: int = 2500
    tokens_per_step: int = 2048  # padded
    muon_rate: float = 6e-3
    adamw_rate: float = 2e-3  # of embeddings and norms
    weight_decay: float = 0.01
    warmup_share: float = 0.05
    diet: Diet | rovers.RoversDiet | sokoban.SokobanDiet | exercises.FieldDiet = field(default_factory=Diet)


@dataclass(frozen=True, slots=True)
class School:
    """What one domain teaches a base: its words, endless demonstrations from a seed, an examination, a model card."""

    words: tuple[str, ...]
    demonstrations: Callable[[int], Iterator[Demonstration]]
    examine: Callable[[Path], Sequence[Any]]  # rows of numbers
    card: Callable[
        [Any, int, float, Any, Path], str
    ]  # of the recipe, the seed, the last loss, the rows, the folder


def school_of(recipe: BaseRecipe) -> School:
    """The school of the domain that the recipe's demonstrations are of."""
    diet = recipe.diet
    if isinstance(diet, rovers.RoversDiet):
        learned = partial(rovers.demonstrations, diet)
        return _two_ways(
            rovers.WORDS, learned, partial(rovers_school.questions, diet), rovers_school.subject(diet)
        )
    if isinstance(diet, sokoban.SokobanDiet):
        learned = partial(sokoban.demonstrations, diet)
        return _two_ways(
            sokoban.WORDS, learned, partial(sokoban_school.questions, diet), sokoban_school.subject(diet)
        )
    if isinstance(diet, exercises.FieldDiet):
        words, learned = exercises.words_of(diet.field), partial(exercises.demonstrations, diet)
        return _two_ways(
            words, learned, partial(exercise_school.questions, diet), exercise_school.subject(diet)
        )
    return School(WORDS, partial(demonstrations, diet), probe, model_card)


def _two_ways(
    words: tuple[str, ...],
    learned: Callable[[int], Iterator[Demonstration]],
    questions: Callable[[], Iterable[ExamQuestion]],
    subject: Subject,
) -> School:
    return School(words, learned, lambda folder: examine(list(questions()), folder), partial(card, subject))


RECIPES = {
    "blocksworld": BaseRecipe(),
    "rovers": BaseRecipe(diet=rovers.RoversDiet()),
    "sokoban": BaseRecipe(steps=1750, diet=sokoban.SokobanDiet()),
    "sums": BaseRecipe(steps=2000, diet=exercises.DIETS["sums"]),
    "code": BaseRecipe(steps=800, diet=exercises.DIETS["code"]),
}
"""The recipe of each domain's base."""


Show = Callable[[int, int, float], None]  # steps done, steps in all, recent loss in nats per token


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
            rope_parameters={"rope_type": "default", "rope_theta": 1e4},
            tie_word_embeddings=True,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def batches(recipe: BaseRecipe, tokenizer: Any, seed: int) -> Iterator[Batch]:
    """Endless batches: a pool of demonstrations at a time, cut into batches of rows of like length."""
    rng = random.Random(f"batches-{seed}")
    source = school_of(recipe).demonstrations(seed)
    while True:
        demos = [next(source) for _ in range(POOL)]
        prompts = tokenizer([d.prompt for d in demos], add_special_tokens=False)["input_ids"]
        answers = tokenizer([d.completion for d in demos], add_special_tokens=False)["input_ids"]
        lengths = [len(p) + len(a) for p, a in zip(prompts, answers, strict=True)]
        for indices in bucketed(lengths, recipe.tokens_per_step, rng):
            rows = [Row(prompts[i], answers[i], 1.0, jumps(lengths[i], rng)) for i in indices]
            yield collate(rows, tokenizer.pad_token_id)


def loss_of(model: Any, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy over completion tokens, in nats."""
    device = model.device
    logits = model(
        input_ids=batch.input_ids.to(device), attention_mask=batch.mask.to(device),
        position_ids=batch.positions.to(device), use_cache=False,
    ).logits  # fmt: skip
    labels = batch.labels[:, 1:].to(device)
    return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels.flatten())


def make_base(recipe: BaseRecipe, seed: int, out: Path, show: Show, device: str = "cpu") -> None:
    """Train a base; leave weights, tokenizer, its recipe, losses, a probe by size and a model card in `out`.

    On a CPU the same seed gives the same bytes; on a GPU ("cuda") it does not.
    """
    with one_thread():
        torch.manual_seed(seed)
        school = school_of(recipe)
        tokenizer = word_tokenizer(school.words)
        model = new_model(recipe, len(tokenizer)).to(device)
        out.mkdir(parents=True, exist_ok=True)
        losses = _teach(recipe, model, batches(recipe, tokenizer, seed), show)
        with quietly():
            model.save_pretrained(out)
        tokenizer.save_pretrained(out)
        rows = school.examine(out)
    facts = {"seed": seed, "recipe": asdict(recipe), "losses": losses, "probe": [asdict(row) for row in rows]}
    (out / "base.json").write_text(json.dumps(facts, indent=1) + "\n")
    (out / "README.md").write_text(school.card(recipe, seed, losses[-1], rows, out))


def _teach(recipe: BaseRecipe, model: Any, source: Iterator[Batch], show: Show) -> list[float]:
    """All steps; the mean loss of each hundred."""
    use_fast_norms(model)
    optimizer = Optimizer(
        model.named_parameters(), "muon", recipe.muon_rate, rest_rate=recipe.adamw_rate,
        weight_decay=recipe.weight_decay, steps=recipe.steps, warmup_share=recipe.warmup_share,
    )  # fmt: skip
    losses: list[float] = []
    recent: list[float] = []
    for step in range(recipe.steps):
        loss = loss_of(model, next(source))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        recent.append(loss.item())
        show(step + 1, recipe.steps, sum(recent) / len(recent))
        if len(recent) == 100 or step + 1 == recipe.steps:
            losses.append(round(sum(recent) / len(recent), 5))
            recent = []
    return losses
