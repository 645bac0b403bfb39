"""How many tokens a text has for a model: its tokenizer alone, without the model and without the network."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path


def tokenizer_file(model: str) -> Path | None:
    """The tokenizer.json of a base that ships, of a local folder, or of a hub name whose files are on this machine."""
    for folder in (Path(str(files("iterdeploy").joinpath("bases", model))), Path(model)):
        if (folder / "tokenizer.json").is_file():
            return folder / "tokenizer.json"
    from huggingface_hub import try_to_load_from_cache

    try:
        cached = try_to_load_from_cache(model, "tokenizer.json")
    except ValueError:  # not a name that the hub could have
        return None
    return Path(cached) if isinstance(cached, str) else None


def token_counts(file: Path, texts: Sequence[str]) -> list[int]:
    """Tokens of each text, as it is trained on and sampled from: no special token is added."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    return [len(encoded.ids) for encoded in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
