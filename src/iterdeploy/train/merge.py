"""One generation as a model of its own: the adapter added into its base, stored, and compared with the two apart.

What is compared is read back from the disk: fixed sequences, and answers that the generation gave in its run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from iterdeploy.errors import TrainingRefused
from iterdeploy.train.adapters import allowed_gap, open_generation, quietly

Dtype = Literal["float32", "bfloat16", "float16"]

MEAN_TOLERANCE = 0.05
"""Nats by which a log-probability may differ on average where weights are stored in 16 bits."""

FIXED = 64
"""Tokens of a sequence that needs no run: the first of the vocabulary, and the same backwards."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a model reads, and what of it is scored: all tokens after the first `read`."""

    ids: tuple[int, ...]
    read: int


@dataclass(frozen=True, slots=True)
class Gap:
    """How far two models are apart on the same tokens: log-probabilities in nats, and their most likely tokens."""

    tokens: int
    mean: float
    most: float
    same: float  # share of tokens after which both find the same token the most likely

    def sentence(self) -> str:
        """One line for a person."""
        return (
            f"log-probabilities of {self.tokens} tokens differ by {self.mean:.2g} nats on average and {self.most:.2g} "
            f"at most; the most likely token is the same after {self.same:.2%}"
        )


def write_merged(
    base: str,
    adapter: Path | None,
    rows: Sequence[tuple[Sequence[int], Sequence[int]]],
    out: Path,
    dtype: Dtype,
) -> Gap:
    """Leave a model, its tokenizer and its generation settings in the folder `out`; how far it is from the adapter's.

    `rows` are (prompt, completion) token ids of the generation's own answers. The sum is made in float32, on the CPU.
    Raises TrainingRefused, with the gap, where it is too large; `out` is then not to be used.
    """
    model, tokenizer = open_generation(base, adapter)
    model = model.float().cpu().eval()
    sequences = sequences_of(model.get_input_embeddings().num_embeddings, rows)
    before, change = scores(model, sequences), 0.0
    if hasattr(model, "merge_and_unload"):
        with model.disable_adapter():
            change = gap(before, scores(model, sequences)).most
        model = model.merge_and_unload()
    with quietly():
        model.to(getattr(torch, dtype)).save_pretrained(str(out))
    tokenizer.save_pretrained(str(out))
    del model
    found = gap(before, scores(reopened(out), sequences))
    refuse_unless_near(found, dtype, change)
    return found


def reopened(folder: Path, **source: Any) -> Any:
    """A stored model in float32, whatever it is stored in."""
    from transformers import AutoModelForCausalLM

    with quietly():
        model: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32, **source)
    return model.eval()


def refuse_unless_near(found: Gap, dtype: Dtype, change: float = 0.0) -> None:
    """Raise TrainingRefused where a stored model is not the one meant; `change`: the most that its adapter changes."""
    most = allowed_gap(change)
    near = found.most <= most if dtype == "float32" else found.mean <= MEAN_TOLERANCE
    if not near:
        allowed = f"{most:.2g} at most" if dtype == "float32" else f"{MEAN_TOLERANCE:g} on average"
        raise TrainingRefused(
            f"the merged model is not the generation: {found.sentence()}; {allowed} is allowed in {dtype}. "
            + ("" if dtype == "float32" else "Take --dtype float32, or ")
            + "export the adapter, which loses nothing"
        )


def sequences_of(vocabulary: int, rows: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[Scored]:
    """What is compared: two sequences that every model has, and a run's own answers."""
    fixed = range(min(vocabulary, FIXED))
    return [
        Scored(tuple(fixed), 1),
        Scored(tuple(reversed(fixed)), 1),
        *(Scored((*prompt, *answer), len(prompt)) for prompt, answer in rows if prompt and answer),
    ]


Scores = tuple[torch.Tensor, torch.Tensor]
"""Of all scored tokens, [tokens] each: log-probability, and which token was the most likely."""


def scores(model: Any, sequences: Sequence[Scored]) -> Scores:
    """What a model makes of each token, one sequence at a time."""
    found: list[Scores] = []
    with torch.inference_mode():
        for one in sequences:
            ids = torch.tensor([one.ids], device=model.device)
            logits = model(input_ids=ids).logits[0, one.read - 1 : -1].float()
            chosen = logits.log_softmax(-1).gather(1, ids[0, one.read :, None])[:, 0]
            found.append((chosen, logits.argmax(-1)))
    return torch.cat([chosen for chosen, _ in found]), torch.cat([best for _, best in found])


def gap(one: Scores, other: Scores) -> Gap:
    """How far two models are apart. What is not a number is infinitely far."""
    apart = (one[0] - other[0]).abs().nan_to_num(float("inf"), float("inf"))
    same = (one[1] == other[1]).float().mean()
    return Gap(len(apart), float(apart.mean()), float(apart.max()), float(same))
