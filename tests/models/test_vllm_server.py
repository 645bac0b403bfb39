"""A generation on a server of vLLM: every trace is of the generation that it names, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fake_vllm import BASE, END, FakeVllm, adapter_in, expected, score

from iterdeploy.errors import BadInput, ServerFailed, WrongModel
from iterdeploy.models import canary
from iterdeploy.models.http import Patience, Unreachable
from iterdeploy.models.vllm import VllmModel
from iterdeploy.models.vllm_server import AT_ONCE, VllmServer
from iterdeploy.recipe import Deploy
from iterdeploy.types import Request, Trace

QUICK = Patience(attempts=5, first=0.02, longest=0.1, silence=10.0)
DEPLOY = Deploy(engine="vllm", temperature=0.7, max_tokens=9)
FIRST, SECOND = "base-0+1", "base-0+2"


class Reader:
    """A tokenizer of which a word is a number."""

    def prompt_ids(self, requests: Sequence[Request]) -> list[list[int]]:
        return [[int(word) for word in request.prompt.split()] for request in requests]

    def opened(self, requests: Sequence[Request]) -> str:
        return "<think>"

    def text(self, token_ids: Sequence[int]) -> str:
        return " ".join(map(str, token_ids))

    def score(
        self, adapter: Path | None, answers: Sequence[tuple[Sequence[int], Sequence[int]]]
    ) -> list[float]:
        return [0.0] * len(answers)


def requests(count: int = 6) -> list[Request]:
    prompts = [" ".join(str(10 + (n + i) % 50) for i in range(20 + n % 5)) for n in range(count)]
    return [Request(f"g1.t{n}.0", f"t{n}", prompt, 1, 0, 2**62 + n) for n, prompt in enumerate(prompts)]


def model(
    server: VllmServer,
    adapter: Path | None,
    name: str = FIRST,
    number: int = 1,
    base: int = 0,
    dtype: str = "float32",
) -> VllmModel:
    """A generation; what the trainer expects is the formula with `number`."""

    def expect(texts: Sequence[tuple[int, ...]]) -> canary.Expected:
        return expected(texts, base, number if adapter else 0, dtype)

    return VllmModel(name, adapter, server, Reader(), expect, DEPLOY.max_tokens, {END})


def server(fake: FakeVllm, deploy: Deploy = DEPLOY) -> VllmServer:
    return VllmServer(fake.url, deploy, {END}, patience=QUICK)


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm() as one:
        yield one


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder: Path = adapter_in(tmp_path / "gen-1" / "adapter", 1)
    return folder


def test_a_trace_holds_what_was_sampled_and_the_generation_it_is_of(fake: FakeVllm, adapter: Path) -> None:
    asked = requests()
    traces = {trace.id: trace for trace in model(server(fake), adapter).answer(asked)}
    assert traces.keys() == {request.trace_id for request in asked}
    for request in asked:
        trace = traces[request.trace_id]
        prompt = Reader().prompt_ids([request])[0]
        said = [score([*prompt, 7, 8, END], len(prompt) + n, 0, 1) for n in range(3)]
        assert trace.model == FIRST
        assert trace.prompt_ids == tuple(prompt)
        assert (trace.token_ids, trace.text, trace.finish) == ((7, 8, END), f"<think>7 8 {END}", "stop")
        assert trace.logprobs == pytest.approx(said, abs=1e-4)


def test_the_recipes_settings_are_sent_and_the_servers_defaults_left_out(
    fake: FakeVllm, adapter: Path
) -> None:
    how = Deploy(engine="vllm", temperature=0.6, top_p=0.95, top_k=20, max_tokens=9)
    list(model(server(fake, how), adapter).answer(requests(1)))
    sent = fake.asked[-1]
    assert sent["prompt"] == Reader().prompt_ids(requests(1))
    assert (sent["temperature"], sent["top_p"], sent["top_k"], sent["max_tokens"]) == (0.6, 0.95, 20, 9)
    assert (sent["min_p"], sent["repetition_penalty"], sent["presence_penalty"]) == (0, 1, 0)
    assert (sent["ignore_eos"], sent["stop_token_ids"]) == (True, [END])
    assert (sent["seed"], sent["model"]) == (2**62, FIRST)


def test_what_is_done_is_not_asked_again_and_nothing_left_asks_nobody(fake: FakeVllm, adapter: Path) -> None:
    asked = requests()
    done = {request.trace_id for request in asked[:4]}
    left = model(server(fake), adapter)
    assert {trace.id for trace in left.answer(asked, done)} == {"g1.t4.0", "g1.t5.0"}
    before = len(fake.asked)
    assert list(left.answer(asked, {request.trace_id for request in asked})) == []
    assert len(fake.asked) == before


def test_the_base_answers_under_the_servers_name_and_is_recorded_under_ours(fake: FakeVllm) -> None:
    traces = list(model(server(fake), None, "base-0").answer(requests()))
    assert {trace.model for trace in traces} == {"base-0"}
    assert {body["model"] for body in fake.asked} == {BASE}


def test_a_swap_loads_the_next_adapter_and_unloads_the_last(fake: FakeVllm, tmp_path: Path) -> None:
    one = server(fake)
    for name, number in ((FIRST, 1), (SECOND, 2)):
        folder = adapter_in(tmp_path / name, number)
        assert len(list(model(one, folder, name, number).answer(requests()))) == 6
        assert list(fake.loaded) == [name]
    one.close()
    assert fake.loaded == {}


def test_answers_are_taken_many_at_a_time(fake: FakeVllm, adapter: Path) -> None:
    fake.seconds = 0.05
    assert len(list(model(server(fake), adapter).answer(requests(AT_ONCE + 40)))) == AT_ONCE + 40
    assert 8 < fake.most_at_once <= AT_ONCE


# What answers must be what was asked.


@pytest.mark.parametrize("noise", [0.0, 2e-4])
def test_an_adapter_that_is_not_applied_stops_the_run(fake: FakeVllm, adapter: Path, noise: float) -> None:
    fake.applies, fake.noise = False, noise
    with pytest.raises(
        WrongModel, match=rf"not answer as {FIRST.replace('+', '.')}: the plain base.*not applied.*nats"
    ):
        list(model(server(fake), adapter).answer(requests()))


def test_a_stale_adapter_under_the_same_name_stops_the_run(fake: FakeVllm, adapter: Path) -> None:
    fake.loaded[FIRST] = 2
    with pytest.raises(WrongModel, match=r"an adapter of other content, such as a stale one.*nats"):
        list(model(server(fake), adapter).answer(requests()))


def test_a_stale_adapter_is_told_from_the_noise_of_bfloat16(fake: FakeVllm, adapter: Path) -> None:
    fake.noise = 0.02
    assert len(list(model(server(fake), adapter, dtype="bfloat16").answer(requests()))) == 6
    fake.loaded[FIRST] = 2
    with pytest.raises(WrongModel, match="stale"):
        list(model(server(fake), adapter, dtype="bfloat16").answer(requests()))


def test_another_base_stops_the_run(fake: FakeVllm, adapter: Path) -> None:
    fake.base = 5
    for folder in (None, adapter):
        with pytest.raises(WrongModel, match=r"another base model.*nats.*--dtype float32"):
            list(model(server(fake), folder).answer(requests()))


def test_an_answer_under_another_name_is_not_taken(fake: FakeVllm, adapter: Path) -> None:
    fake.answers_as = BASE
    with pytest.raises(WrongModel, match=f"asked as {FIRST.replace('+', '.')} and answers as {BASE}"):
        list(model(server(fake), adapter).answer(requests()))


def test_log_probabilities_of_the_model_alone_are_refused_unless_they_are_the_same(fake: FakeVllm) -> None:
    fake.processed = False
    with pytest.raises(ServerFailed, match="--logprobs-mode processed_logprobs"):
        list(model(server(fake), None, "base-0").answer(requests()))
    for plain in (replace(DEPLOY, temperature=1.0), replace(DEPLOY, temperature=0.0)):
        assert len(list(model(server(fake, plain), None, "base-0").answer(requests()))) == 6


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"token_ids": [7]}, "1 token ids and 3 log-probabilities"),
        ({"token_ids": []}, "0 token ids"),
        ({"token_ids": [7, 8, 9]}, "an end at token 9, which is no end token"),
        ({"finish_reason": "length"}, "a cut after 3 tokens, where deploy.max_tokens is 9"),
        ({"prompt_token_ids": [1, 2]}, "no token ids, or others than were asked"),
        ({"logprobs": {"token_logprobs": [-0.1, 0.5, -1.0]}}, "a log-probability of 0.5"),
        ({"logprobs": {"token_logprobs": [-0.1, float("nan"), -1.0]}}, "a log-probability of nan"),
        ({"logprobs": None}, "no token ids, or others than were asked"),
    ],
)
def test_an_answer_that_does_not_hold_together_is_refused(
    fake: FakeVllm, change: dict[str, object], sentence: str
) -> None:
    fake.change = change
    with pytest.raises(ServerFailed, match=sentence):
        list(model(server(fake), None, "base-0").answer(requests(1)))


# A server may go away.


def test_a_lost_connection_is_asked_again_after_another_comparison(fake: FakeVllm, adapter: Path) -> None:
    fake.seconds = 0.02
    first = next(answers := model(server(fake), adapter).answer(requests(200)))
    fake.hang_ups = 3
    rest = list(answers)
    assert len({trace.id for trace in [first, *rest]}) == 200
    assert sum(body["logprobs"] == canary.WIDE for body in fake.asked) > 2


def test_a_server_that_was_restarted_gets_its_adapter_again(fake: FakeVllm, adapter: Path) -> None:
    fake.seconds = 0.01
    answers = model(server(fake), adapter).answer(requests(200))
    traces = [next(answers) for _ in range(5)]
    fake.loaded.clear()
    traces += answers
    assert len({trace.id for trace in traces}) == 200
    assert list(fake.loaded) == [FIRST]


def test_a_server_that_came_back_with_another_base_gives_no_further_trace(fake: FakeVllm) -> None:
    fake.seconds = 0.01
    answers = model(server(fake), None, "base-0").answer(requests(200))
    taken: list[Trace] = [next(answers) for _ in range(5)]
    fake.base, fake.hang_ups = 5, 1
    with pytest.raises(WrongModel, match="another base model"):
        taken.extend(answers)
    assert len(taken) < 200


def test_a_server_that_dies_costs_what_was_under_way_and_the_rest_resumes(adapter: Path) -> None:
    asked, taken = requests(400), list[Trace]()
    with FakeVllm(seconds=0.02) as fake:
        one = server(fake)
        answers = model(one, adapter).answer(asked)
        taken += [next(answers) for _ in range(50)]
        fake.dead = True
        with pytest.raises(Unreachable, match=r"5 attempts.*kept.*same command again"):
            taken.extend(answers)
        port = fake.port
    assert 50 <= len(taken) < 400
    with FakeVllm(port=port) as again:
        rest = list(model(server(again), adapter).answer(asked, {trace.id for trace in taken}))
    assert {trace.id for trace in [*taken, *rest]} == {request.trace_id for request in asked}
    assert len(taken) + len(rest) == 400


def test_a_broken_off_answer_is_asked_again(fake: FakeVllm, adapter: Path) -> None:
    fake.change = {"finish_reason": "abort"}
    timer = threading.Timer(0.1, fake.change.clear)
    timer.start()
    assert {trace.finish for trace in model(server(fake), adapter).answer(requests())} == {"stop"}


# What can only fail later is told at once.


def test_a_server_that_loads_no_adapters_is_refused_before_anything_is_sampled(fake: FakeVllm) -> None:
    fake.swaps = False
    with pytest.raises(BadInput, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"):
        server(fake)
    assert fake.asked == []
    assert (
        VllmServer(fake.url, DEPLOY, {END}, swaps=False).url == fake.url
    )  # a run of the base alone needs none


def test_an_adapter_that_can_not_be_loaded_says_why_at_once(
    fake: FakeVllm, adapter: Path, tmp_path: Path
) -> None:
    with pytest.raises(ServerFailed, match=r"elsewhere can't be loaded.*No adapter found.*able to read"):
        list(model(server(fake), tmp_path / "elsewhere").answer(requests()))
    fake.lora = False
    with pytest.raises(ServerFailed, match=r"LoRA is not enabled.*--enable-lora"):
        list(model(server(fake), adapter).answer(requests()))


def test_prompts_that_are_too_long_for_the_server_are_refused_with_what_to_do(fake: FakeVllm) -> None:
    fake.room = 30
    with pytest.raises(BadInput, match=r"make 33 tokens, but .* takes 30.*--max-model-len 33"):
        list(model(server(fake), None, "base-0").answer(requests()))


def test_a_server_of_another_kind_is_refused(fake: FakeVllm) -> None:
    fake.token_ids = False
    with pytest.raises(ServerFailed, match=r"vLLM 0\.11 or later.*deploy\.engine=server"):
        list(model(server(fake), None, "base-0").answer(requests()))
    fake.foreign = True
    with pytest.raises(BadInput, match="no server of vLLM"):
        server(fake)


@pytest.mark.parametrize("key", ["sk se cret", "sk\rsecret", "sk-sécret"])
def test_a_key_that_no_header_can_hold_is_told_and_not_shown(
    fake: FakeVllm, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_API_KEY", key)
    with pytest.raises(BadInput, match="VLLM_API_KEY holds spaces or other odd characters") as told:
        VllmServer(fake.url, Deploy(), {END})
    assert key not in str(told.value)


def test_an_address_with_a_password_is_refused_and_not_shown() -> None:
    """Addresses stand in messages and in the command to go on with."""
    with pytest.raises(BadInput, match="--server holds a user, a password") as told:
        VllmServer("http://me:hidden@127.0.0.1:9", Deploy(), {END})
    assert "hidden" not in str(told.value)


def test_a_key_is_read_from_the_environment(fake: FakeVllm, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.key = "secret"
    with pytest.raises(ServerFailed, match="401"):
        server(fake)
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    assert server(fake).url == fake.url
