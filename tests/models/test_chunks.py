"""Losses and scores that are computed in chunks of positions are those of all positions at once."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
import torch.distributed as dist
from transformers import Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM

from iterdeploy.errors import BadInput
from iterdeploy.models import chunks
from iterdeploy.models.score import score
from iterdeploy.recipe import Train
from iterdeploy.train.adapters import open_base, with_lora
from iterdeploy.train.batches import Row
from iterdeploy.train.fit import shard_gradient, token_losses


@pytest.fixture(scope="module")
def model(base: Path) -> Any:
    """With an adapter that has learned something."""
    torch.manual_seed(1)
    made = with_lora(open_base(str(base))[0], Train(rank=4, alpha=8.0))
    for name, parameter in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return made


@pytest.fixture(scope="module")
def rows(base: Path) -> list[Row]:
    return tiny.rows(open_base(str(base))[1])


def make_small(monkeypatch: pytest.MonkeyPatch, model: Any, positions: int) -> None:
    monkeypatch.setattr(chunks, "MOST", positions * model.get_output_embeddings().weight.shape[0])


def test_losses_and_gradients(model: Any, rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = [p for p in model.parameters() if p.requires_grad]
    scales = [0.1 * (i + 1) for i in range(len(rows))]
    whole, gradient = token_losses(model, rows, 0), shard_gradient(model, parameters, rows, scales, 0)
    make_small(monkeypatch, model, positions=3 * len(rows))
    assert chunks.is_large(model, len(rows), 20)
    assert torch.allclose(token_losses(model, rows, 0), whole, atol=1e-4)
    again = shard_gradient(model, parameters, rows, scales, 0)
    assert float((again - gradient).norm() / gradient.norm()) < 1e-5


def test_scores(model: Any, rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    given = [(row.prompt, row.completion) for row in rows]
    whole = score(model, given, 0.7, 0)
    make_small(monkeypatch, model, positions=5)
    assert score(model, given, 0.7, 0) == pytest.approx(whole, abs=1e-4)


def test_a_model_that_caps_its_logits_is_capped_here_too() -> None:
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "head_dim": 8,
        "vocab_size": 32,
    }
    heads: dict[str, Any] = {"num_attention_heads": 2, "num_key_value_heads": 1}
    capped: Any = Gemma2ForCausalLM(Gemma2Config(**shape, **heads, final_logit_softcapping=0.5))
    capped.eval()
    ids = torch.tensor([[3, 4, 5]])
    made = chunks.logits(capped, chunks.hidden_states(capped, input_ids=ids))
    assert torch.allclose(made, capped(input_ids=ids).logits, atol=1e-6)
    assert 0.01 < float(made.abs().max()) < 0.5


class Scaled(LlamaForCausalLM):  # type: ignore[no-untyped-call]
    """Scales its logits by something that only it knows, as HyperCLOVA X and Falcon H1 do."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        made = super().forward(*args, **kwargs)
        made.logits = made.logits * 0.5
        return made


def test_a_model_that_scales_its_logits_in_a_way_of_its_own_is_refused() -> None:
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "vocab_size": 32,
    }
    scaled = Scaled(LlamaConfig(**shape, num_attention_heads=2))
    scaled.train()
    with pytest.raises(BadInput, match="'llama' makes its logits in a way that is not known here"):
        score(scaled, [((3, 4), (5,))], 1.0, 0)
    assert scaled.training, "it is left as it was"


def test_a_model_that_processes_share_makes_its_logits_whole(
    model: Any, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DDP and FSDP must see each forward pass: gradients of one that went past them are never added up."""
    whole = token_losses(model, rows, 0)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{found.getsockname()[1]}"
    make_small(monkeypatch, model, positions=3 * len(rows))
    dist.init_process_group("gloo", init_method=address, rank=0, world_size=1)
    try:
        shared = torch.nn.parallel.DistributedDataParallel(model)
        assert not chunks.is_large(shared, len(rows), 20)
        assert torch.equal(token_losses(shared, rows, 0), whole)
    finally:
        dist.destroy_process_group()
