"""What the cost of a model depends on, from its config.json; for a few models that are not here, from a table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iterdeploy.models.tokens import local_folder

_QWEN3 = {"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936}

KNOWN: dict[str, dict[str, Any]] = {
    "Qwen/Qwen3-0.6B": {
        **_QWEN3, "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28,
        "num_attention_heads": 16, "tie_word_embeddings": True,
    },
    "Qwen/Qwen3-1.7B": {
        **_QWEN3, "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28,
        "num_attention_heads": 16, "tie_word_embeddings": True,
    },
    "Qwen/Qwen3-4B": {
        **_QWEN3, "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36,
        "num_attention_heads": 32, "tie_word_embeddings": True,
    },
    "Qwen/Qwen3-8B": {
        **_QWEN3, "hidden_size": 4096, "intermediate_size": 12_288, "num_hidden_layers": 36,
        "num_attention_heads": 32, "tie_word_embeddings": False,
    },
    "Qwen/Qwen3-14B": {
        **_QWEN3, "hidden_size": 5120, "intermediate_size": 17_408, "num_hidden_layers": 40,
        "num_attention_heads": 40, "tie_word_embeddings": False,
    },
    "Qwen/Qwen3-32B": {
        **_QWEN3, "hidden_size": 5120, "intermediate_size": 25_600, "num_hidden_layers": 64,
        "num_attention_heads": 64, "tie_word_embeddings": False,
    },
}  # fmt: skip
"""The relevant part of the published config.json; `-Thinking-2507` and the like have their family's.

Checked against copies of those files (of 14B and 1.7B: against settings for Megatron) and the parameters that the
model cards state.
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """Numbers of a decoder; what is 0 is not known, and what depends on it is not estimated."""

    parameters: int
    adapter_parameters: int
    layers: int = 0
    hidden: int = 0
    wide: int = 0  # of the feed-forward part
    vocabulary: int = 0
    cached: int = 0  # numbers that the cache holds for one token, over all layers


def base_folder(model: str) -> Path | None:
    """Where the files of a base are, if on this machine: one that ships, a local folder, or fetched earlier."""
    if folder := local_folder(model):
        return folder
    if model.count("/") != 1:
        return None
    from huggingface_hub import try_to_load_from_cache

    try:
        cached = try_to_load_from_cache(model, "config.json")
    except ValueError:  # not a name that a hub could have
        return None
    return Path(cached).parent if isinstance(cached, str) else None


def known_shape(model: str, rank: int) -> Shape | None:
    """The shape of a model in the table KNOWN, by its name or its family's; None if it is not there."""
    for name in sorted(KNOWN, key=len, reverse=True):
        if model == name or model.startswith(f"{name}-"):
            return shape_of_config(KNOWN[name], rank)
    return None


def shape_of(folder: Path, rank: int) -> Shape:
    """The shape of the base in a folder, and of LoRA of this rank on all its projections."""
    return shape_of_config(json.loads((folder / "config.json").read_text()), rank)


def shape_of_config(config: dict[str, Any], rank: int) -> Shape:
    """The shape that a config.json states; the text part of it, if the model also sees."""
    config = config.get("text_config", config)
    hidden, wide, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    queries, keys = _head_widths(config)
    tables = 1 if config.get("tie_word_embeddings") else 2
    ends = [(hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden)]
    ends += [(hidden, wide), (hidden, wide), (wide, hidden)]
    return Shape(
        parameters=layers * sum(a * b for a, b in ends) + tables * config["vocab_size"] * hidden,
        adapter_parameters=layers * rank * sum(a + b for a, b in ends),
        layers=layers,
        hidden=hidden,
        wide=wide,
        vocabulary=config["vocab_size"],
        cached=2 * layers * keys,
    )


def _head_widths(config: dict[str, Any]) -> tuple[int, int]:
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    return heads * width, (config.get("num_key_value_heads") or heads) * width
