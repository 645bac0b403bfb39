"""Logits a chunk of positions at a time, where all of them together would not fit.

32,768 positions of a vocabulary of 151,936 are 20 GB in float32, more than the rest of a training step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakSet

import torch

from iterdeploy.errors import BadInput

MOST = 1 << 28
"""Logits that are made at once: a gigabyte in float32. What is smaller is made whole, as the model itself does."""


def is_large(model: Any, rows: int, positions: int) -> bool:
    """Whether the logits of so many positions are more than are made at once.

    Those of a model that processes share are always made whole: its parts may be called through it alone.
    """
    if not hasattr(model, "get_output_embeddings") or hasattr(model, "unshard"):  # of DDP, of FSDP
        return False
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


_alike: WeakSet[Any] = WeakSet()


def refuse_unless_alike(model: Any) -> None:
    """Raise BadInput unless `logits` of `hidden_states` are what the model itself says: some scale them otherwise."""
    if model in _alike:
        return
    ids, training = torch.tensor([[0, 1, 2]], device=model.device), model.training
    model.eval()
    with torch.no_grad():
        own = model(input_ids=ids, use_cache=False).logits
        made = logits(model, hidden_states(model, input_ids=ids))
    model.train(training)
    if not torch.allclose(made, own, rtol=1e-2, atol=1e-2 * float(own.abs().max())):
        raise BadInput(
            f"a model of type {model.config.model_type!r} makes its logits in a way that is not known here, so answers "
            "can't be scored, nor trained on where their logits do not fit into memory at once; take another base"
        )
    _alike.add(model)


def _causal(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _vocabulary(model: Any) -> int:
    return int(model.get_output_embeddings().weight.shape[0])
