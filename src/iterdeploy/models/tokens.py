"""How many tokens a prompt has for a model: its tokenizer alone, without the model and without the network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from iterdeploy.recipe import Chat


def local_folder(model: str, having: str = "config.json") -> Path | None:
    """Where a base that ships lies, or a local one, with a certain file in it; a path never names one that ships."""
    shipped = Path(str(files("iterdeploy") / "bases"))
    bases = [] if Path(model).name != model else [shipped / model]
    return next((folder for folder in (*bases, Path(model)) if (folder / having).is_file()), None)


def tokenizer_file(model: str) -> Path | None:
    """The tokenizer.json of a base that ships, of a local folder, or of a hub name whose files are on this machine."""
    if folder := local_folder(model, "tokenizer.json"):
        return folder / "tokenizer.json"
    from huggingface_hub import try_to_load_from_cache

    try:
        cached = try_to_load_from_cache(model, "tokenizer.json")
    except ValueError:  # not a name that the hub could have
        return None
    return Path(cached) if isinstance(cached, str) else None


def token_counts(file: Path, prompts: Sequence[str], how: Chat = "auto") -> list[int]:
    """Tokens of each prompt as the model reads it, given its tokenizer.json: the chat template's are counted too.

    Raises BadInput where the template can't be used.
    """
    if how == "on" or (how == "auto" and _has_template(file.parent)):
        from transformers import AutoTokenizer  # takes seconds, which only a template is worth

        from iterdeploy.models.chat import prompt_ids

        return list(map(len, prompt_ids(AutoTokenizer.from_pretrained(str(file.parent)), prompts, how)))
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    first = tokenizer.encode("x").ids[:1]
    first = [] if first == tokenizer.encode("x", add_special_tokens=False).ids[:1] else first
    rows = [row.ids for row in tokenizer.encode_batch(list(prompts), add_special_tokens=False)]
    return [len(row) + (first != row[: len(first)]) for row in rows]


def _has_template(folder: Path) -> bool:
    settings = folder / "tokenizer_config.json"
    return (folder / "chat_template.jinja").is_file() or (
        settings.is_file() and "chat_template" in json.loads(settings.read_text(encoding="utf-8"))
    )
