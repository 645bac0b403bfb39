"""Models whose layers see only the last few tokens, such as Gemma 3, are sampled from as transformers does it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    MistralForCausalLM,
    PretrainedConfig,
    Qwen3Config,
)

from iterdeploy.errors import BadInput
from iterdeploy.models.engine import Engine, Sampling, sliding
from iterdeploy.models.words import word_tokenizer
from iterdeploy.types import Request, Trace

WINDOW, TOKENS = 8, 24
WORDS = [f" w{n}" for n in range(60)]
SIZES: dict[str, Any] = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 16, "sliding_window": WINDOW, "bos_token_id": 1, "eos_token_id": 63,
    "pad_token_id": 0, "initializer_range": 0.4, "max_position_embeddings": 128,
}  # fmt: skip
PROMPTS = (" w1 w2 w3", " w4" * 7, " w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 w16 w17")


def gemma() -> Any:
    """Two layers that slide and one that does not, with rotary angles of their own."""
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    return Gemma3ForCausalLM(Gemma3TextConfig(**SIZES, layer_types=kinds))


def mistral() -> Any:
    """All layers slide."""
    return MistralForCausalLM(MistralConfig(**SIZES))


def gemma_2() -> Any:
    """Its attention caps its scores, and adds its mask to them."""
    model = Gemma2ForCausalLM(Gemma2Config(**SIZES))
    assert model.config._attn_implementation == "eager"
    return model


def traces(model: Any, sampling: Sampling) -> list[Trace]:
    """One block: prompts shorter and longer than the window, padded side by side."""
    engine = Engine(model, word_tokenizer(WORDS), sampling, "tiny")
    requests = [Request(f"r{i}", f"t{i}", prompt, 0, 0, i) for i, prompt in enumerate(PROMPTS)]
    return engine.answer_block(requests, engine.prompt_ids(requests))


@pytest.fixture(params=[gemma, gemma_2, mistral])
def model(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return request.param().eval()


def test_greedy_answers_are_those_of_generate_beyond_the_window(model: Any) -> None:
    for trace in traces(model, Sampling(0.0, 1.0, 0, TOKENS)):
        ids = torch.tensor([trace.prompt_ids])
        there = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=TOKENS
        )
        assert tuple(there[0, ids.shape[1] :].tolist()) == trace.token_ids


def test_recorded_logprobs_are_those_that_training_sees(model: Any) -> None:
    for trace in traces(model, Sampling(1.0, 1.0, 0, TOKENS)):
        ids = torch.tensor([[*trace.prompt_ids, *trace.token_ids]])
        assert ids.shape[1] > WINDOW
        with torch.inference_mode():
            scores = model(input_ids=ids, use_cache=False).logits[0, len(trace.prompt_ids) - 1 : -1].double()
        expected = scores.log_softmax(-1).gather(1, torch.tensor(trace.token_ids)[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(trace.logprobs).double(), expected, rtol=0, atol=2e-4)


def test_the_window_counts_in_these_tests(model: Any) -> None:
    near = [trace.logprobs for trace in traces(model, Sampling(1.0, 1.0, 0, TOKENS))]
    model.config.sliding_window = 0
    assert [trace.logprobs for trace in traces(model, Sampling(1.0, 1.0, 0, TOKENS))] != near


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (LlamaConfig(), (0, False)),
        (Qwen3Config(), (0, False)),
        (MistralConfig(sliding_window=9), (9, False)),
        (Gemma3TextConfig(sliding_window=9), (9, True)),
    ],
)
def test_what_slides_is_read_from_the_config(config: Any, expected: tuple[int, bool]) -> None:
    assert sliding(config) == expected


def test_layers_that_see_their_past_in_another_way_are_refused() -> None:
    config = PretrainedConfig()
    config.layer_types = ["full_attention", "chunked_attention"]
    with pytest.raises(BadInput, match=re.escape("layers of 'chunked_attention'")):
        sliding(config)
