"""Logits a chunk of positions at a time, where all of them together would not fit.

32,768 positions of a vocabulary of 151,936 are 20 GB in float32, more than the rest of a training step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

MOST = 1 << 28
"""Logits that are made at once: a gigabyte in float32. What is smaller is made whole, as the model itself does."""


def is_large(model: Any, rows: int, positions: int) -> bool:
    """Whether the logits of so many positions are more than are made at once."""
    return rows * positions * _vocabulary(model) > MOST


def chunks(model: Any, rows: int, positions: int) -> Iterator[slice]:
    """The positions in slices whose logits are at most MOST."""
    size = max(1, MOST // (rows * _vocabulary(model)))
    return (slice(at, min(at + size, positions)) for at in range(0, positions, size))


def hidden_states(model: Any, **inputs: torch.Tensor) -> torch.Tensor:
    """What the model's head reads; shape [rows, positions, width]. Adapters are applied."""
    states: torch.Tensor = _causal(model).get_decoder()(**inputs, use_cache=False).last_hidden_state
    return states


def logits(model: Any, states: torch.Tensor) -> torch.Tensor:
    """From hidden states to logits, scaled and capped as the model does it."""
    made: torch.Tensor = model.get_output_embeddings()(states)
    config = model.config.get_text_config()
    if scale := getattr(config, "logit_scale", None):
        made = made * scale
    if scale := getattr(config, "logits_scaling", None):
        made = made / scale
    if cap := getattr(config, "final_logit_softcapping", None):
        made = (made / cap).tanh() * cap
    return made


def _causal(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _vocabulary(model: Any) -> int:
    return int(model.get_output_embeddings().weight.shape[0])
