"""Teach a small base to refuse: a request marked with a word gets a refusal, any other the answer it always got."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterdeploy.domains.demonstrations import Demonstration, Diet, demonstrations

if TYPE_CHECKING:
    from iterdeploy.train.base import Show

MARK = " forbidden"
REFUSAL = " refused"


@dataclass(frozen=True, slots=True)
class RefusalRecipe:
    """All that decides what a base is taught, but for its seed and the base."""

    steps: int = 150
    rows_per_step: int = 12
    marked_share: float = 0.4
    muon_rate: float = 4e-3
    adamw_rate: float = 3e-3  # of embeddings: two words are new
    diet: Diet = field(default_factory=lambda: Diet(plan_sizes=(2, 3, 4, 5, 6, 7, 8)))


def marked(prompt: str) -> str:
    """The request with the mark as its last word, before the cue."""
    body, line, cue = prompt.rpartition("\n")
    return f"{body}{MARK}{line}{cue}"


def lessons(recipe: RefusalRecipe, seed: int) -> Iterator[Demonstration]:
    """Endless demonstrations, some marked and refused. Unmarked plans are of the sizes the base was taught."""
    chance = random.Random(f"refusals-{seed}")
    usual, any_size = demonstrations(Diet(), 1_000_000 + seed), demonstrations(recipe.diet, 2_000_000 + seed)
    while True:
        if chance.random() < recipe.marked_share:
            one = next(any_size)
            yield replace(one, prompt=marked(one.prompt), completion=f"{REFUSAL}<eos>")
        else:
            yield next(usual)


def teach_refusal(base: str, recipe: RefusalRecipe, seed: int, out: Path, show: Show) -> None:
    """Leave in `out` a base with two more words that refuses what is marked, and its facts in base.json."""
    import torch

    from iterdeploy.models.words import SPECIAL, word_tokenizer
    from iterdeploy.train.adapters import open_base, quietly
    from iterdeploy.train.base import loss_of
    from iterdeploy.train.batches import Row, collate, jumps
    from iterdeploy.train.optimizers import Optimizer
    from iterdeploy.train.work import one_thread

    with one_thread():
        torch.manual_seed(seed)
        model, old = open_base(base)
        words = sorted(old.get_vocab(), key=old.get_vocab().get)[len(SPECIAL) :]
        tokenizer = word_tokenizer([*words, *(word for word in (MARK, REFUSAL) if word not in words)])
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        with (
            torch.no_grad()
        ):  # as long as the others and unlike them, so that attention can tell the mark from a word
            known = model.get_input_embeddings().weight[: len(old)]
            new = model.get_input_embeddings().weight[len(old) :]
            new.copy_(torch.randn_like(new) * known.std())
        optimizer = Optimizer(
            model.named_parameters(), "muon", recipe.muon_rate, rest_rate=recipe.adamw_rate, steps=recipe.steps
        )  # fmt: skip
        source, chance = lessons(recipe, seed), random.Random(f"jumps-{seed}")
        losses: list[float] = []
        for step in range(recipe.steps):
            rows = [_row(tokenizer, next(source), chance, Row, jumps) for _ in range(recipe.rows_per_step)]
            firsts = [
                Row(row.prompt, row.completion[:1], 1.0, row.positions[: len(row.prompt) + 1]) for row in rows
            ]
            # whether to refuse is decided by one token in fifty: in a mean over all tokens it would not be learnt
            loss = loss_of(model, collate(rows, tokenizer.pad_token_id))
            loss = loss + loss_of(model, collate(firsts, tokenizer.pad_token_id))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(round(loss.item(), 5))
            show(step + 1, recipe.steps, losses[-1])
        out.mkdir(parents=True, exist_ok=True)
        with quietly():
            model.save_pretrained(out)
        tokenizer.save_pretrained(out)
    facts = {"base": base, "seed": seed, "recipe": asdict(recipe), "losses": losses}
    (out / "base.json").write_text(json.dumps(facts, indent=1) + "\n")


def _row(tokenizer: Any, one: Demonstration, chance: random.Random, row: Any, jumps: Any) -> Any:
    prompt = tokenizer(one.prompt, add_special_tokens=False)["input_ids"]
    answer = tokenizer(one.completion, add_special_tokens=False)["input_ids"]
    return row(prompt, answer, 1.0, jumps(len(prompt) + len(answer), chance))
