"""Bases and adapters: opening them, telling them apart by content, and putting LoRA on a base with PEFT."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from iterdeploy.errors import BadInput, TrainingRefused, nearest
from iterdeploy.models.tokens import local_folder
from iterdeploy.recipe import Precision, Train

ADAPTER = "adapter_model.safetensors"
WEIGHTS = "model.safetensors"


@contextmanager
def quietly() -> Iterator[None]:
    """Open and save models without the progress bars and the deprecation notes of the libraries."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def base_folder(name: str) -> str:
    """The folder of a base: one that ships, a local folder, or that of a hub's model, fetched if need be."""
    if folder := local_folder(name):
        return str(folder)
    if Path(name).is_dir():
        return name
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not name.startswith("."):
        return _fetched(name)
    shipped = Path(str(files("iterdeploy") / "bases"))
    there = [p.name for p in shipped.iterdir() if p.is_dir()] if shipped.is_dir() else []
    raise BadInput(
        f"no base '{name}': not a folder below {Path.cwd()}, nor OWNER/NAME of a hub; {nearest(name, there)} shipped"
    )


@lru_cache(maxsize=8)
def _fetched(name: str) -> str:
    """Where a hub's model lies on this machine. So it is told by its content, like any other base."""
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(
            name, allow_patterns=["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]
        )
    except (OSError, ValueError) as problem:
        raise BadInput(
            f"the base '{name}' is no folder below {Path.cwd()}, and can't be fetched from a hub: "
            f"{str(problem).partition(chr(10))[0]}"
        ) from problem


def open_tokenizer(name: str) -> Any:
    """The tokenizer of a base. Raises BadInput if it can't be opened."""
    from transformers import AutoTokenizer

    folder = base_folder(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as problem:
        raise BadInput(
            f"the tokenizer of the base '{name}' can't be opened from {folder}: {problem}"
        ) from problem
    tokenizer.clean_up_tokenization_spaces = False  # text is what was sampled, blanks and all
    return tokenizer


def refuse_unknown_targets(name: str, targets: Sequence[str]) -> None:
    """Raise BadInput for a LoRA target that no matrix of the base has, where its files say what it has."""
    from safetensors import SafetensorError, safe_open

    there: set[str] = set()
    try:
        for file in Path(base_folder(name)).glob("*.safetensors"):
            with safe_open(file, framework="pt") as held:
                there |= {key.split(".")[-2] for key in held.keys() if key.endswith(".weight")}  # noqa: SIM118
    except (OSError, SafetensorError) as problem:
        raise BadInput(f"the weights of the base '{name}' can't be read: {problem}") from problem
    for target in targets:
        if there and target.rpartition(".")[2] not in there:
            raise BadInput(
                f"train.targets: the base {name} has no matrix {target!r}; {nearest(target, there)}"
            )


def open_base(name: str, precision: Precision = "auto") -> tuple[Any, Any]:
    """(model, tokenizer) of a base, on a GPU if there is one; "auto" is float32 on a CPU, else what its files hold.

    Raises BadInput if it can't be opened.
    """
    import torch
    from transformers import AutoModelForCausalLM

    folder, tokenizer = base_folder(name), open_tokenizer(name)
    settled = "float32" if precision == "auto" and not torch.cuda.is_available() else precision
    wanted: Any = settled if settled == "auto" else getattr(torch, settled)
    try:
        with quietly():
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=wanted)
    except (OSError, ValueError) as problem:
        raise BadInput(f"the base '{name}' can't be opened from {folder}: {problem}") from problem
    placed: Any = model
    if not torch.cuda.is_available() or _left_on_cpu.get():
        return placed, tokenizer
    try:
        return placed.to("cuda"), tokenizer
    except torch.OutOfMemoryError as problem:
        raise BadInput(
            f"the base '{name}' does not fit into the GPU's memory as {placed.dtype}: "
            f"{str(problem).partition('. ')[0]}; end what else runs there, set base.precision='bfloat16', or take a "
            "larger card"
        ) from problem


_left_on_cpu: ContextVar[bool] = ContextVar("left_on_cpu", default=False)


@contextmanager
def left_on_cpu() -> Iterator[None]:
    """Models that are opened meanwhile stay in main memory: they may be larger than any one card."""
    before = _left_on_cpu.set(True)
    try:
        yield
    finally:
        _left_on_cpu.reset(before)


def open_generation(
    name: str, adapter: Path | None, trainable: bool = False, precision: Precision = "auto"
) -> tuple[Any, Any]:
    """(model, tokenizer) of one generation: the base, with an adapter on it or with weights of its own.

    Raises BadInput unless the adapter holds just the numbers that the base takes: PEFT would leave out what it does
    not know, and the plain base would answer under the adapter's name.
    """
    if adapter is None:
        return open_base(name, precision)
    if (adapter / WEIGHTS).is_file():
        return open_base(str(adapter), precision)
    model, tokenizer = open_base(name, precision)
    return _with_adapter(model, name, adapter, trainable), tokenizer


def _with_adapter(model: Any, name: str, adapter: Path, trainable: bool) -> Any:
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import SafetensorError, safe_open

    try:
        with quietly(), safe_open(adapter / ADAPTER, framework="pt") as file:
            held = set(file.keys())
            opened = PeftModel.from_pretrained(model, str(adapter), is_trainable=trainable)
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as problem:
        raise BadInput(f"the adapter in {adapter} can't be opened: {problem}") from problem
    except RuntimeError as problem:
        raise BadInput(f"the adapter does not fit the base {name}: {problem}") from problem
    wanted = set(get_peft_model_state_dict(opened, save_embedding_layers=False))
    if wanted != held:
        lacks, more = sorted(wanted - held), sorted(held - wanted)
        wrong = [f"lacks {len(lacks)} of its matrices, first {lacks[0]}"] if lacks else []
        wrong += [f"holds {len(more)} that it does not take, first {more[0]}"] if more else []
        raise BadInput(f"the adapter does not fit the base {name}: {adapter} {' and '.join(wrong)}")
    # as for a new adapter: when PEFT saves, it looks where the base lies, and else asks a hub for the recipe's name
    opened.peft_config["default"].base_model_name_or_path = model.name_or_path
    return opened


CANARY_TOLERANCE = 1e-3
"""How far the log-probabilities of an adapter beside its base and of the two added up may lie apart: nats, or the share
of the most that the adapter changes, whichever is more: what is hardly ever said moves most by both."""


def added_up(model: Any) -> Any:
    """For sampling: a float32 model with its adapter added into the weights, which halves the time of a token.

    The sum stays in memory and is never written. A canary compares log-probabilities before and after; models in less
    than float32 keep their adapter beside them, for there the sum loses what the adapter learned.
    """
    import torch

    if not hasattr(model, "merge_and_unload") or any(p.dtype != torch.float32 for p in model.parameters()):
        return model
    ids = torch.arange(min(model.get_input_embeddings().num_embeddings, 64), device=model.device)[None]
    with torch.inference_mode():
        before = model(input_ids=ids).logits.log_softmax(-1)
        with model.disable_adapter():
            change = float((model(input_ids=ids).logits.log_softmax(-1) - before).abs().max())
        whole = model.merge_and_unload()
        gap = float((whole(input_ids=ids).logits.log_softmax(-1) - before).abs().max())
    if not gap <= allowed_gap(change):
        raise TrainingRefused(
            f"the adapter added to its base answers differently from the adapter beside it (log-probabilities differ "
            f"by {gap:.2g} nats, more than {allowed_gap(change):.2g}); the adapter holds values that are too large"
        )
    return whole


def allowed_gap(change: float) -> float:
    """Nats that an adapter added to its base may lie from the one beside it, where it changes so many at most."""
    return CANARY_TOLERANCE * max(1.0, change)


def with_lora(model: Any, recipe: Train) -> Any:
    """The base with a fresh LoRA adapter, drawn from torch's seed."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.rank,
        lora_alpha=recipe.alpha,  # type: ignore[arg-type]  # PEFT divides it by the rank; any number will do
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.targets),
        bias="none",
    )
    with quietly():
        return get_peft_model(model, config)


def settle_config(config: Path, name: str) -> None:
    """Give an adapter's config the same bytes each time.

    It names its base as the recipe does, not by where it lay on this machine, and its target modules in order: PEFT
    keeps them as a set, whose order changes from process to process.
    """
    if config.is_file():
        held = json.loads(config.read_text(encoding="utf-8")) | {"base_model_name_or_path": name}
        if isinstance(held.get("target_modules"), list):
            held["target_modules"].sort()
        config.write_text(json.dumps(held, indent=2, sort_keys=True) + "\n", encoding="utf-8")


_LARGE = 1 << 26
"""Bytes; a smaller file is read each time, so that no change of it can be missed."""


def _file_digest(file: Path) -> str:
    found = file.stat()
    if found.st_size < _LARGE:
        return sha256(file.read_bytes()).hexdigest()
    return _large_digest(str(file), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


@lru_cache(maxsize=256)
def _large_digest(path: str, *state: int) -> str:
    digest = sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def content_id(name: str, adapter: Path | None) -> str:
    """The id of a generation: digests of the weights of its base and of its adapter, 12 hex digits each."""
    base = _folder_digest(Path(base_folder(name)))
    if adapter is None:
        return f"base-{base}"
    return f"base-{base}+{_folder_digest(adapter)}"


def _folder_digest(folder: Path) -> str:
    kinds = ("*.safetensors", "*.bin", "tokenizer.json", "chat_template.jinja")
    weights = sorted(file for kind in kinds for file in folder.glob(kind))
    if not any(file.suffix in (".safetensors", ".bin") for file in weights):
        raise BadInput(f"{folder} holds no weights (*.safetensors)")
    parts = [(file.name, _file_digest(file)) for file in weights]
    settings = [(p.name, _settings(p)) for p in sorted(folder.glob("*config.json"))]
    return sha256(json.dumps([parts, settings]).encode()).hexdigest()[:12]


def _settings(file: Path) -> str:
    """A config as it counts for answers: without where its base lay, and who wrote it."""
    held = json.loads(file.read_text(encoding="utf-8"))
    return json.dumps({k: v for k, v in held.items() if k not in _PLACES}, sort_keys=True)


_PLACES = ("base_model_name_or_path", "transformers_version", "peft_version", "_name_or_path")
