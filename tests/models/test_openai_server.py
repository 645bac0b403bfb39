"""A server as the model: what is sent, what is taken, what is asked again, what it costs; against a nasty server."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_server import Fake, Heard, Said, chat, said, serving

from iterdeploy.errors import BadInput, TrainingRefused, WrongModel
from iterdeploy.models.http import Patience, Refused, Unreachable
from iterdeploy.models.server import KEY, ServerModel, ServerTrainer, Terms, terms_of
from iterdeploy.models.spending import CostReached, read_spending, sums
from iterdeploy.recipe import Base, Deploy, Recipe
from iterdeploy.types import Request, Trace

QUICK = Patience(attempts=4, first=0.01, longest=0.02, silence=5.0)
RECIPE = Recipe(generations=0, base=Base(model="asked"), deploy=Deploy(engine="server", max_tokens=50))


def requests(count: int) -> list[Request]:
    return [Request(f"g0.t{i}.0", f"t{i}", f"task {i}", 0, 0, 2**40 + i) for i in range(count)]


def opened(fake: Fake, terms: Terms | None = None, recipe: Recipe = RECIPE) -> ServerTrainer:
    return ServerTrainer(recipe, fake.url, terms or Terms(at_once=4), QUICK)


def answers(trainer: ServerTrainer, count: int = 3) -> list[Trace]:
    return sorted(trainer.load(None).answer(requests(count)), key=lambda trace: trace.id)


def after_the_trial(*replies: Said | None) -> Callable[[Heard], Said | None]:
    """A good answer to the trial, then these, then good ones."""
    left = itertools.chain([chat("ready")], replies, itertools.repeat(chat("good")))
    return lambda heard: next(left)


def echo(heard: Heard) -> Said:
    return chat(f"re: {heard.body['messages'][0]['content']}")


def test_traces_hold_text_and_no_token_ids() -> None:
    with serving(echo) as fake:
        found = answers(opened(fake))
    assert [trace.text for trace in found] == ["re: task 0", "re: task 1", "re: task 2"]
    first = found[0]
    assert (first.model, first.source, first.finish) == ("server-fake-1", "server", "stop")
    assert first.token_ids == first.prompt_ids == first.logprobs == ()


def test_what_is_sent_to_a_chat_endpoint() -> None:
    with serving(echo) as fake:
        answers(opened(fake), 1)
    trial, asked = fake.heard
    assert trial.path == asked.path == "/v1/chat/completions"
    assert asked.body == {
        "model": "asked",
        "messages": [{"role": "user", "content": "task 0"}],
        "temperature": 0.7,
        "max_tokens": 50,
        "seed": 2**40 % 2**31,
    }
    assert "Authorization" not in asked.headers


def test_what_is_sent_to_a_completion_endpoint() -> None:
    deploy = Deploy(engine="server", api="completion", top_p=0.9, top_k=5)
    with serving(lambda heard: said({"choices": [{"text": "x"}]})) as fake:
        trainer = opened(fake, Terms(model="theirs", seed=False), Recipe(generations=0, deploy=deploy))
        assert answers(trainer, 1)[0].model == "server-theirs"  # it names none itself
    asked = fake.heard[1]
    assert asked.path == "/v1/completions"
    assert asked.body == {
        "model": "theirs", "prompt": "task 0", "temperature": 0.7, "max_tokens": 256, "top_p": 0.9, "top_k": 5,
    }  # fmt: skip


def test_only_what_is_missing_is_asked_for() -> None:
    with serving(echo) as fake:
        found = list(opened(fake).load(None).answer(requests(5), frozenset({"g0.t0.0", "g0.t3.0"})))
    assert {trace.id for trace in found} == {"g0.t1.0", "g0.t2.0", "g0.t4.0"}
    assert len(fake.heard) == 1 + 3


@pytest.mark.parametrize(
    "bad",
    [
        said({"error": {"message": "busy"}}, 429, Retry_After="0"),
        said({"error": "conflict"}, 409),
        said({}, 408),
        Said(b"oops", 500),
        Said(b"", 503),
        None,
        Said(b"<html>gateway</html>"),
        Said(b'{"choices": [{"te', 200, {"Content-Length": "17"}),
        Said(b'{"choices": []}', cut=5),
        Said(b"[" * 100_000),
    ],
)
def test_what_may_pass_is_asked_again(bad: Said | None) -> None:
    with serving(after_the_trial(bad, bad)) as fake:
        assert [trace.text for trace in answers(opened(fake, Terms(at_once=1)), 1)] == ["good"]
    assert len(fake.heard) == 4


def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    with serving(after_the_trial(said({}, 429, Retry_After="0.5"))) as fake:
        answers(opened(fake, Terms(at_once=1)), 1)
    assert fake.heard[2].at - fake.heard[1].at >= 0.5


def test_an_answer_that_drips_is_too_slow() -> None:
    with serving(after_the_trial(Said(b'{"choices": []}    ', drip=0.1))) as fake:
        trainer = ServerTrainer(RECIPE, fake.url, Terms(), Patience(2, 0.01, 0.01, silence=0.4))
        began = time.monotonic()
        assert answers(trainer, 1)[0].text == "good"
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_will_not_pass_is_asked_once(status: int) -> None:
    bad = said({"error": {"message": "no such thing"}}, status)
    with (
        serving(after_the_trial(bad)) as fake,
        pytest.raises(Refused, match=f"answers {status}: no such thing"),
    ):
        answers(opened(fake, Terms(at_once=1)), 1)
    assert len(fake.heard) == 2


def test_no_credit_left_is_not_asked_again_though_it_has_the_status_of_a_rate_limit() -> None:
    bad = said({"error": {"message": "pay", "code": "insufficient_quota"}}, 429)
    with serving(after_the_trial(bad)) as fake, pytest.raises(Refused, match="pay"):
        answers(opened(fake, Terms(at_once=1)), 1)


def test_a_prompt_that_is_filtered_is_data() -> None:
    bad = said({"error": {"message": "filtered", "code": "content_filter"}}, 400)
    with serving(after_the_trial(bad)) as fake:
        (trace,) = answers(opened(fake), 1)
    assert (trace.text, trace.finish) == ("", "filtered")


def test_a_server_that_is_gone_ends_with_what_to_do() -> None:
    with (
        serving(after_the_trial(*[None] * 9)) as fake,
        pytest.raises(Unreachable, match=r"4 attempts.*same command"),
    ):
        answers(opened(fake, Terms(at_once=1)), 1)


def test_what_is_under_way_when_one_fails_is_kept() -> None:
    others = threading.Event()

    def reply(heard: Heard) -> Said:
        place = heard.body["messages"][0]["content"]
        if place == "task 0":
            others.wait(10)
            return said({"error": "no"}, 400)
        if place.startswith("task"):
            others.set()
            time.sleep(0.2)
        return chat("late")

    found: list[Trace] = []
    with serving(reply) as fake, pytest.raises(Refused):
        found.extend(opened(fake).load(None).answer(requests(20)))
    assert 1 <= len(found) <= 4


def test_no_more_at_once_than_told() -> None:
    def slow(heard: Heard) -> Said:
        time.sleep(0.02)
        return chat("x")

    with serving(slow) as fake:
        answers(opened(fake, Terms(at_once=3)), 12)
    assert fake.most_at_once == 3


def test_the_newer_name_of_the_token_limit_is_found() -> None:
    def picky(heard: Heard) -> Said:
        if "max_tokens" in heard.body:
            return said({"error": {"message": "use 'max_completion_tokens' instead"}}, 400)
        return chat("x")

    with serving(picky) as fake:
        answers(opened(fake), 1)
    assert fake.heard[-1].body["max_completion_tokens"] == 50


# --- names ----------------------------------------------------------------------------------


def test_another_model_behind_the_name_is_refused() -> None:
    with (
        serving(after_the_trial(chat("x", model="fake-2"))) as fake,
        pytest.raises(WrongModel, match="now as fake-2"),
    ):
        answers(opened(fake, Terms(at_once=1)), 1)


def test_a_changed_fingerprint_is_said_and_recorded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving(after_the_trial(chat("x"), chat("x", fingerprint="fp_2"))) as fake:
        trainer = opened(fake, Terms(at_once=1))
        trainer.keep_in(tmp_path)
        answers(trainer, 3)
    assert "system_fingerprint was fp_1 and is fp_2" in caplog.text
    assert sums(read_spending(tmp_path))["fingerprints"] == ["fp_1", "fp_2"]


# --- keys -----------------------------------------------------------------------------------


def test_a_key_is_sent_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "sk-12345\n")

    def reply(heard: Heard) -> Said:
        assert heard.headers["Authorization"] == "Bearer sk-12345"
        return said({"error": {"message": "wrong key sk-12345"}}, 401)

    with serving(reply) as fake, pytest.raises(Refused) as refusal:
        opened(fake, Terms(key_from="SECRET"))
    assert "wrong key ***" in str(refusal.value)
    assert "sk-12345" not in repr((refusal.value, refusal.value.__cause__))


def test_only_its_own_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    with serving(echo) as fake:
        opened(fake)
    assert "Authorization" not in fake.heard[0].headers


@pytest.mark.parametrize(("value", "said"), [("a b", "odd characters"), ("a\nb", "odd characters")])
def test_a_key_that_is_none(value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, value)
    with pytest.raises(BadInput, match=said) as refusal:
        ServerTrainer(RECIPE, "http://localhost:1", Terms())
    assert value not in str(refusal.value)


def test_a_variable_that_is_not_there() -> None:
    with pytest.raises(BadInput, match="NO_SUCH_KEY"):
        ServerTrainer(RECIPE, "http://localhost:1", Terms(key_from="NO_SUCH_KEY"))


# --- addresses and terms ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "path"),
    [("", "/v1"), ("/v1/", "/v1"), ("/api/v1", "/api/v1"), ("/v1beta/openai", "/v1beta/openai")],
)
def test_addresses(given: str, path: str) -> None:
    with serving(echo) as fake:
        ServerTrainer(RECIPE, fake.url + given, Terms(), QUICK)
    assert fake.heard[0].path == f"{path}/chat/completions"


@pytest.mark.parametrize("url", ["http://me:pass@host/v1", "http://host/v1?key=x", "host:80", "ftp://x", ""])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(BadInput) as refusal:
        ServerTrainer(RECIPE, url, Terms())
    assert "pass" not in str(refusal.value).replace("a password", "")


def test_terms() -> None:
    found = terms_of(["at_once=3", "model=org/name:free", "price_prompt = 0.5", "max_cost=2", "seed=false"])
    assert found == Terms(at_once=3, model="org/name:free", price_prompt=0.5, max_cost=2, seed=False)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("atonce=3", "did you mean at_once"),
        ("at_once", "KEY=VALUE"),
        ("at_once=0", "1 or more"),
        ("at_once=many", "at_once"),
        ("timeout=-1", "or more"),
        ("timeout=nan", "or more"),
        ("max_cost=1", "price_prompt"),
    ],
)
def test_terms_that_are_wrong(setting: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        terms_of([setting])


def test_training_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(TrainingRefused, match=r"generations=0.*curate RUN --generation 1.*export examples"):
        ServerTrainer(Recipe(), "http://localhost:1", Terms())


# --- cost -----------------------------------------------------------------------------------


def test_what_answers_took_is_kept(tmp_path: Path) -> None:
    with serving(lambda heard: chat("x", usage=(1000, 500), reasoning_tokens=400)) as fake:
        trainer = opened(fake, Terms(price_prompt=1.0, price_answer=10.0))
        trainer.keep_in(tmp_path)
        answers(trainer, 3)
    found = sums(read_spending(tmp_path))
    assert found["answers"] == 3
    assert (found["prompt_tokens"], found["completion_tokens"], found["reasoning_tokens"]) == (
        4000,
        2000,
        1600,
    )
    assert found["cost"] == pytest.approx(4 * 0.006)
    assert found["estimated"] == 0


def test_without_usage_the_most_it_can_be_is_counted(tmp_path: Path) -> None:
    with serving(lambda heard: chat("four", usage=None)) as fake:
        trainer = opened(fake)
        trainer.keep_in(tmp_path)
        answers(trainer, 1)
    row = read_spending(tmp_path)[1]
    assert (row.prompt_tokens, row.completion_tokens, row.estimated) == (len("task 0"), len("four"), True)


def test_the_cost_stops_a_run_below_its_limit_and_a_restart_counts_what_was_spent(tmp_path: Path) -> None:
    terms = Terms(at_once=4, price_answer=1000.0, max_cost=0.3)  # an answer: 0.005, and 0.05 at most
    with serving(echo) as fake:
        trainer = opened(fake, terms)
        trainer.keep_in(tmp_path)
        done: set[str] = set()
        with pytest.raises(CostReached, match=r"max_cost = 0\.3"):
            done.update(trace.id for trace in trainer.load(None).answer(requests(200)))
        spent = sums(read_spending(tmp_path))["cost"]
        assert 0.25 <= spent <= 0.3
        assert len(done) + 1 == round(spent / 0.005)
        again = opened(fake, terms)
        again.keep_in(tmp_path)
        with pytest.raises(CostReached):
            list(again.load(None).answer(requests(200), frozenset(done)))
    assert (
        sums(read_spending(tmp_path))["cost"] <= 0.305
    )  # the question of the second start, asked before its folder


def test_a_torn_row_costs_a_figure_only(tmp_path: Path) -> None:
    (tmp_path / "server.jsonl").write_text('{"trace_id": "g0')
    with serving(echo) as fake:
        trainer = opened(fake)
        trainer.keep_in(tmp_path)
        answers(trainer, 2)
    assert sums(read_spending(tmp_path))["answers"] == 2
    assert len(json.loads((tmp_path / "server.jsonl").read_text().splitlines()[-1])) == 10


def test_a_name_of_odd_characters_makes_a_plain_id() -> None:
    with serving(lambda heard: chat("x", model="a b\nc:free")) as fake:
        assert ServerModel(opened(fake).server).id == "server-a_b_c:free"
