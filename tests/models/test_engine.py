"""Sampling: what is recorded is what the model says, whatever the padding, the block and the rows beside it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from iterdeploy.errors import RunError
from iterdeploy.models import engine as module
from iterdeploy.models.engine import BLOCK, ROOM, Engine, Sampling, blocks, draw
from iterdeploy.train.adapters import open_base
from iterdeploy.types import Request, Trace

HOT = Sampling(temperature=0.7, top_p=1.0, top_k=0, max_tokens=80)
GREEDY = replace(HOT, temperature=0.0)
ALMOST_ONE = float(np.nextafter(1.0, 0.0))

MakeEngine = Callable[[Sampling], Engine]


@pytest.fixture(scope="module")
def engine(base: Path) -> MakeEngine:
    model, tokenizer = open_base(str(base))
    return lambda sampling: Engine(model, tokenizer, sampling, "tiny")


def answers(engine: Engine, requests: list[Request]) -> list[Trace]:
    """All traces, in the order of the requests."""
    prompts = engine.prompt_ids(requests)
    found = {
        trace.id: trace
        for block in blocks(requests, [len(p) for p in prompts])
        for trace in engine.answer_block([requests[i] for i in block], [prompts[i] for i in block])
    }
    return [found[request.trace_id] for request in requests]


@pytest.fixture(scope="module")
def sampled(engine: MakeEngine) -> list[Trace]:
    return answers(engine(HOT), tiny.requests())


@torch.inference_mode()
def plain_logprobs(model: Any, trace: Trace, temperature: float) -> torch.Tensor:
    """By one forward pass over prompt and answer, without cache, padding or neighbours."""
    ids = torch.tensor([[*trace.prompt_ids, *trace.token_ids]])
    scores = model(input_ids=ids, use_cache=False).logits[0, len(trace.prompt_ids) - 1 : -1].double()
    wanted = torch.tensor(trace.token_ids)[:, None]
    found: torch.Tensor = (scores / (temperature or 1.0)).log_softmax(-1).gather(1, wanted)[:, 0]
    return found


# --- what is recorded ------------------------------------------------------------------------


def test_recorded_logprobs_are_those_of_a_plain_forward_pass(
    engine: MakeEngine, sampled: list[Trace]
) -> None:
    model = engine(HOT).model
    for trace in sampled:
        expected = plain_logprobs(model, trace, HOT.temperature)
        torch.testing.assert_close(torch.tensor(trace.logprobs).double(), expected, rtol=0, atol=2e-4)


def test_a_trace_is_the_tokens_that_were_sampled(engine: MakeEngine, sampled: list[Trace]) -> None:
    tokenizer = engine(HOT).tokenizer
    for request, trace in zip(tiny.requests(), sampled, strict=True):
        assert (trace.id, trace.task_id, trace.sample) == (request.trace_id, request.task_id, request.sample)
        assert tokenizer.decode(trace.prompt_ids) == request.prompt
        assert tokenizer.decode(trace.token_ids) == trace.text
        assert len(trace.token_ids) == len(trace.logprobs) <= HOT.max_tokens
        assert all(logprob <= 0 for logprob in trace.logprobs)


def test_an_answer_stops_at_its_first_end_token(engine: MakeEngine, sampled: list[Trace]) -> None:
    ends = engine(HOT).end_ids
    assert ends == {2}
    for trace in sampled:
        assert ends.isdisjoint(trace.token_ids[:-1])
        assert (trace.finish == "stop") == (trace.token_ids[-1] in ends)
    assert "stop" in {trace.finish for trace in sampled}


def test_an_answer_that_reaches_the_limit_says_so(engine: MakeEngine) -> None:
    for trace in answers(engine(replace(HOT, max_tokens=6)), tiny.requests(1)):
        assert (trace.finish, len(trace.token_ids)) == ("length", 6)


def test_a_shorter_limit_cuts_the_same_answer(engine: MakeEngine, sampled: list[Trace]) -> None:
    for whole, cut in zip(sampled, answers(engine(replace(HOT, max_tokens=9)), tiny.requests()), strict=True):
        assert cut.token_ids == whole.token_ids[:9]


# --- padding, blocks, neighbours -------------------------------------------------------------


def test_greedy_answers_are_those_of_transformers_generate(engine: MakeEngine) -> None:
    """One prompt at a time there; here all in one block, padded, and with rows that leave it."""
    here = engine(GREEDY)
    requests = tiny.requests(1)
    traces = answers(here, requests)
    assert len({len(trace.prompt_ids) for trace in traces}) > 3
    assert len({len(trace.token_ids) for trace in traces}) > 3
    for trace in traces[::2]:
        ids = torch.tensor([trace.prompt_ids])
        there = here.model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=GREEDY.max_tokens
        )
        assert tuple(there[0, ids.shape[1] :].tolist()) == trace.token_ids


def test_greedy_answers_are_the_same_alone(engine: MakeEngine) -> None:
    here, requests = engine(GREEDY), tiny.requests(1)[3:9]
    together = answers(here, requests)
    alone = [answers(here, [request])[0] for request in requests]
    assert [trace.token_ids for trace in alone] == [trace.token_ids for trace in together]


def test_the_cache_grows_past_its_first_room() -> None:
    model, tokenizer = tiny.fresh(3)
    model.generation_config.eos_token_id = [len(tokenizer)]  # no token: these answers never end
    here = Engine(model, tokenizer, Sampling(1.0, 1.0, 0, ROOM), "fresh")
    traces = answers(here, tiny.requests(1)[:4])
    assert min(len(trace.prompt_ids) + len(trace.token_ids) for trace in traces) > ROOM
    for trace in traces:
        expected = plain_logprobs(model, trace, 1.0)
        torch.testing.assert_close(torch.tensor(trace.logprobs).double(), expected, rtol=0, atol=2e-4)


def test_neither_order_nor_company_of_requests_moves_an_answer(
    engine: MakeEngine, sampled: list[Trace]
) -> None:
    requests = tiny.requests()
    random.Random(5).shuffle(requests)
    shuffled = {trace.id: trace for trace in answers(engine(HOT), requests)}
    assert shuffled == {trace.id: trace for trace in sampled}


def test_the_seed_decides(engine: MakeEngine, sampled: list[Trace]) -> None:
    assert answers(engine(HOT), tiny.requests()) == sampled
    others = answers(engine(HOT), [replace(request, seed=request.seed + 1) for request in tiny.requests()])
    assert [t.token_ids for t in others] != [t.token_ids for t in sampled]
    assert len({trace.token_ids for trace in sampled[:5]}) > 1, "samples of one task differ"


@given(st.lists(st.integers(1, 40), min_size=1, max_size=200), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_blocks_hold_each_request_once_in_an_order_of_their_own(
    lengths: list[int], chance: random.Random
) -> None:
    requests = [Request(f"r{i:03}", "t", "", 0, 0, i) for i in range(len(lengths))]
    cut = blocks(requests, lengths)
    assert sorted(i for block in cut for i in block) == list(range(len(lengths)))
    assert {len(block) for block in cut[:-1]} <= {BLOCK}
    assert len(cut[-1]) <= BLOCK
    order = chance.sample(range(len(lengths)), len(lengths))
    again = blocks([requests[i] for i in order], [lengths[i] for i in order])
    assert [[order[i] for i in block] for block in again] == cut


# --- one draw --------------------------------------------------------------------------------


def warped(logits: torch.Tensor, how: Sampling) -> torch.Tensor:
    """The distribution that transformers draws from at these settings."""
    ids = torch.zeros(1, 1, dtype=torch.long)
    scores = TemperatureLogitsWarper(how.temperature)(ids, logits[None].double())
    if how.top_k:
        scores = TopKLogitsWarper(how.top_k)(ids, scores)
    if how.top_p < 1:
        scores = TopPLogitsWarper(how.top_p)(ids, scores)
    result: torch.Tensor = scores[0].softmax(-1)
    return result


def drawn(
    logits: torch.Tensor, how: Sampling, uniforms: np.ndarray[Any, Any]
) -> tuple[torch.Tensor, torch.Tensor]:
    return draw(logits.expand(len(uniforms), -1), uniforms, how)


SETTINGS = [
    HOT,
    replace(HOT, temperature=1.5),
    replace(HOT, top_k=1),
    replace(HOT, top_k=5),
    replace(HOT, top_p=0.9),
    replace(HOT, top_p=0.05),
    replace(HOT, top_k=8, top_p=0.8, temperature=0.6),
]


@pytest.mark.parametrize("how", SETTINGS, ids=str)
def test_draws_are_distributed_as_in_transformers(how: Sampling) -> None:
    """Points spread evenly over [0, 1) hit each token as often as its probability, to one point."""
    torch.manual_seed(1)
    logits, count = 2 * torch.randn(30), 20_000
    chosen, logprobs = drawn(logits, how, (np.arange(count) + 0.5) / count)
    expected = warped(logits, how)
    assert (torch.bincount(chosen, minlength=30) / count - expected).abs().max() <= 1.01 / count
    assert set(chosen.tolist()) <= set(expected.nonzero()[:, 0].tolist())
    torch.testing.assert_close(logprobs, expected[chosen].log(), rtol=0, atol=1e-9)


def test_seeded_draws_pass_a_chi_square_test() -> None:
    torch.manual_seed(2)
    logits, count = torch.randn(20), 20_000
    uniforms = np.concatenate(
        [np.random.Generator(np.random.Philox(seed)).random(20) for seed in range(count // 20)]
    )
    chosen, _ = drawn(logits, HOT, uniforms)
    expected = warped(logits, HOT) * count
    chi = ((torch.bincount(chosen, minlength=20) - expected) ** 2 / expected).sum()
    assert chi < 43.8, "99.9 % point at 19 degrees of freedom"


@pytest.mark.parametrize("uniform", [0.0, 5e-324, 0.5, ALMOST_ONE])
@pytest.mark.parametrize("how", SETTINGS, ids=str)
def test_the_ends_of_the_interval_never_draw_what_is_ruled_out(how: Sampling, uniform: float) -> None:
    torch.manual_seed(3)
    for scale in (0.1, 3.0, 30.0):
        logits = scale * torch.randn(40, 50)
        logits[:, [0, -1]] = -torch.inf
        chosen, logprobs = draw(logits, np.full(40, uniform), how)
        assert torch.isfinite(logprobs).all()
        assert all(warped(row, how)[token] > 0 for row, token in zip(logits, chosen, strict=True))


def test_temperature_zero_takes_the_most_likely() -> None:
    torch.manual_seed(0)
    logits = torch.randn(6, 40)
    chosen, logprobs = draw(logits, np.full(6, 0.999), GREEDY)
    assert torch.equal(chosen, logits.argmax(-1))
    torch.testing.assert_close(logprobs, logits.double().log_softmax(-1).max(-1).values)


class Small:
    """A model on a card that has room for so many rows."""

    def __init__(self, model: Any, room: int) -> None:
        self.model, self.room = model, room
        self.most, self.refused = 0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def eval(self) -> Small:
        return self

    def __call__(self, **inputs: Any) -> Any:
        if len(inputs["input_ids"]) > self.room:
            self.refused += 1
            raise torch.OutOfMemoryError("no room")
        self.most = max(self.most, len(inputs["input_ids"]))
        return self.model(**inputs)


def test_a_block_that_does_not_fit_is_sampled_in_halves(engine: MakeEngine, sampled: list[Trace]) -> None:
    whole = engine(HOT)
    small = Small(whole.model, 3)
    found = answers(Engine(small, whole.tokenizer, HOT, "tiny"), tiny.requests())
    assert small.most <= 3
    assert [trace.id for trace in found] == [trace.id for trace in sampled]
    same = sum(a.token_ids == b.token_ids for a, b in zip(found, sampled, strict=True))
    assert same >= 0.9 * len(found), "only rounding may differ"


def test_a_block_that_ran_out_of_memory_is_not_tried_whole_again(engine: MakeEngine) -> None:
    whole = engine(HOT)
    small = Small(whole.model, 3)
    again, requests = Engine(small, whole.tokenizer, HOT, "tiny"), tiny.requests()
    first, refused = answers(again, requests), small.refused
    assert refused > 0
    assert answers(again, requests) == first
    assert small.refused == refused


def test_an_answer_that_does_not_fit_alone_is_named(engine: MakeEngine) -> None:
    whole = engine(HOT)
    with pytest.raises(
        RunError, match=r"an answer to task \S+ \(\d+ prompt tokens\) of up to 80 tokens does not fit"
    ):
        answers(Engine(Small(whole.model, 0), whole.tokenizer, HOT, "tiny"), tiny.requests())


def test_a_block_is_cut_before_it_begins_by_the_size_of_the_card(
    engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = engine(HOT)
    prompts = [[5] * 20] * 8
    weights = sum(p.numel() * p.element_size() for p in one.model.parameters())
    shape = one.model.config
    token = 2 * shape.num_hidden_layers * shape.num_key_value_heads * shape.head_dim * 4
    assert module.cache_bytes(one.model) == token
    for rows, fits in ((8, True), (7, False)):
        room = (weights + rows * 100 * token) / module.CACHE_SHARE + 1
        monkeypatch.setattr(module, "memory_of", lambda device, room=room: room)
        assert one._fits(prompts) is fits


def test_a_long_cache_is_seldom_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM", 4)
    monkeypatch.setattr(module, "LONG", 64)
    layer, rooms = module.GrowingLayer(), []  # type: ignore[no-untyped-call]
    said = torch.arange(1000.0).reshape(1, 1, 1000, 1)
    for at in range(1000):
        keys, values = layer.update(said[:, :, at : at + 1], -said[:, :, at : at + 1])
        rooms.append(layer.keys.shape[2])
    assert torch.equal(keys, said)
    assert torch.equal(values, -said)
    assert len(set(rooms)) < 30
    assert rooms[-1] < 1300
