"""A merged model as one GGUF file, for llama.cpp and what is built on it: Qwen3 with a byte-level BPE tokenizer.

The file is read back before it is put in place: its tokenizer on the run's prompts, its log-probabilities on the run's
answers. All else is refused by name; llama.cpp's own converter, which no package has, does more from a merged model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from iterdeploy.errors import BadInput, TrainingRefused
from iterdeploy.train.adapters import quietly
from iterdeploy.train.merge import Dtype, Gap, gap, refuse_unless_near, reopened, scores, sequences_of

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How the family of Qwen2 cuts text before its merges; a GGUF file names this rule "qwen2" and does not hold it."""

CONTROL, USER_DEFINED, UNUSED, NORMAL = 3, 4, 5, 1

OTHERWISE = "export merged, and give that folder to llama.cpp's convert_hf_to_gguf.py"


def refuse_unless_known(folder: Path) -> None:
    """Raise BadInput, before anything is computed, unless the model in a folder can be written as GGUF."""
    try:
        import gguf  # noqa: F401
    except ImportError as problem:
        raise BadInput("GGUF needs the package gguf: pip install gguf") from problem
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "qwen3":
        raise BadInput(
            f"{folder}: GGUF of {config.get('model_type')!r} is not written here, only qwen3; {OTHERWISE}"
        )
    if not (folder / "tokenizer.json").is_file():
        raise BadInput(f"{folder} has no tokenizer.json, which GGUF is written from; {OTHERWISE}")
    if wrong := _why_not(json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))):
        raise BadInput(f"{folder}: its tokenizer {wrong}, so GGUF can't hold it; export merged")


def _why_not(held: dict[str, Any]) -> str:
    """Why a tokenizer.json is not one that GGUF calls gpt2 with the rule qwen2; empty if it is."""
    kind = held["model"].get("type", "BPE")
    if kind != "BPE":
        return f"is of kind {kind}, and GGUF knows BPE and Unigram"
    first = held.get("pre_tokenizer") or {}
    parts = first.get("pretokenizers", [first])
    splits = [part["pattern"].get("Regex") for part in parts if part.get("type") == "Split"]
    if splits != [QWEN2_SPLIT] or "ByteLevel" not in {part.get("type") for part in parts}:
        return "cuts text by another rule than Qwen's, which is the only one that is written here"
    if (held.get("normalizer") or {}).get("type") not in (None, "NFC"):
        return f"changes text before it is cut ({held['normalizer']['type']})"
    return ""


def write_gguf(
    merged: Path,
    rows: Sequence[tuple[Sequence[int], Sequence[int]]],
    prompts: Sequence[str],
    out: Path,
    dtype: Dtype,
) -> Gap:
    """Leave the model of the folder `merged` in the file `out`; how far what is read back is from it.

    `rows` and `prompts` are the run's own, as for a merged model. Raises BadInput, TrainingRefused.
    """
    refuse_unless_known(merged)
    model = reopened(merged)
    _write(model, merged, out, dtype)
    refuse_unless_read_alike(merged, out, prompts)
    sequences = sequences_of(model.get_input_embeddings().num_embeddings, rows)
    before = scores(model, sequences)
    del model
    config = _config(merged)
    found = gap(before, scores(reopened(out.parent, gguf_file=out.name, config=config), sequences))
    refuse_unless_near(found, dtype)
    return found


def _config(merged: Path) -> Any:
    """The model's own shape: a reader of GGUF may take a width of heads for granted."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(str(merged))


def _write(model: Any, merged: Path, out: Path, dtype: Dtype) -> None:
    import gguf

    config = model.config
    writer = gguf.GGUFWriter(str(out), "qwen3")
    _add_shape(writer, config, dtype)
    _add_tokenizer(writer, merged, config.vocab_size)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        there = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if there is None:
            raise BadInput(f"{merged}: GGUF has no place for the tensor {name}; {OTHERWISE}")
        kind = "float32" if tensor.ndim == 1 else dtype  # norms are small, and readers want them whole
        _add_tensor(writer, there, tensor, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tensor(writer: Any, name: str, tensor: Any, dtype: Dtype) -> None:
    import gguf
    import torch

    if dtype == "bfloat16":  # numpy has no such numbers: their bytes go as they are
        raw = tensor.to(torch.bfloat16).contiguous().view(torch.uint8).numpy()
        writer.add_tensor(name, raw, raw_dtype=gguf.GGMLQuantizationType.BF16)
        return
    writer.add_tensor(name, tensor.to(getattr(torch, dtype)).contiguous().numpy())


def _add_shape(writer: Any, config: Any, dtype: Dtype) -> None:
    import gguf

    kinds = {
        "float32": gguf.LlamaFileType.ALL_F32,
        "float16": gguf.LlamaFileType.MOSTLY_F16,
        "bfloat16": gguf.LlamaFileType.MOSTLY_BF16,
    }
    rope = dict(getattr(config, "rope_parameters", None) or {})
    if rope.get("rope_type", "default") != "default":
        raise BadInput(f"GGUF with positions of kind {rope['rope_type']!r} is not written here; {OTHERWISE}")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_freq_base(float(rope.get("rope_theta") or 10000.0))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(kinds[dtype])


def _add_tokenizer(writer: Any, merged: Path, size: int) -> None:
    from transformers import AutoTokenizer

    held = json.loads((merged / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(str(merged))
    tokens, kinds = [f"[PAD{i}]" for i in range(size)], [UNUSED] * size
    for text, number in held["model"]["vocab"].items():
        tokens[number], kinds[number] = text, NORMAL
    for added in held.get("added_tokens", []):
        special = added["special"]
        tokens[added["id"]], kinds[added["id"]] = added["content"], CONTROL if special else USER_DEFINED
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in held["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_add_bos_token(False)
    for number, add in (
        (tokenizer.eos_token_id, writer.add_eos_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
        (tokenizer.bos_token_id, writer.add_bos_token_id),
    ):
        if number is not None:
            add(number)
    if isinstance(tokenizer.chat_template, str):
        writer.add_chat_template(tokenizer.chat_template)


def refuse_unless_read_alike(merged: Path, out: Path, prompts: Sequence[str]) -> None:
    """Raise TrainingRefused unless the tokenizer in the file makes the same ids of each prompt."""
    from transformers import AutoTokenizer

    own = AutoTokenizer.from_pretrained(str(merged))
    with quietly():
        there = AutoTokenizer.from_pretrained(str(out.parent), gguf_file=out.name)
    for prompt in prompts:
        meant = own(prompt, add_special_tokens=False)["input_ids"]
        read = there(prompt, add_special_tokens=False)["input_ids"]
        if meant != read:
            at = next(
                (i for i, (a, b) in enumerate(zip(meant, read, strict=False)) if a != b),
                min(len(meant), len(read)),
            )
            raise TrainingRefused(
                f"the tokenizer that was written reads a prompt otherwise, from its token {at} on: "
                f"{meant[at : at + 3]} became {read[at : at + 3]}; export merged"
            )
