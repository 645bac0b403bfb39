"""What servers reply: one text, why it ended, and what it took, however a server says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_server import Said, chat

from iterdeploy.models.http import Refused, Unreachable
from iterdeploy.models.server_reply import Reply, filtered, read_reply


def read(reply: Said | object, most: int = 100) -> Reply:
    return read_reply("URL", json.loads(reply.body) if isinstance(reply, Said) else reply, most)


def test_a_plain_answer() -> None:
    assert read(chat("(a b)", reasoning_tokens=3)) == Reply("(a b)", "stop", "fake-1", "fp_1", 10, 5, 3)


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"reasoning_content": "hm", "reasoning": "hm"},  # some send both, for old and new clients
        {"reasoning_content": None, "reasoning": "hm"},
        {"reasoning_content": "<think>\nhm\n</think>\n"},
    ],
)
def test_reasoning_in_a_field_of_its_own_comes_back_in_front_once(fields: dict[str, Any]) -> None:
    assert read(chat("<plan>", **fields)).text == "<think>\nhm\n</think>\n<plan>"


def test_reasoning_that_the_text_holds_already_is_not_put_there_again() -> None:
    assert read(chat("<think>hm</think>x", reasoning="hm")).text == "<think>hm</think>x"


def test_reasoning_that_was_cut_off_is_left_open() -> None:
    assert read(chat("", "length", reasoning="so fa")).text == "<think>\nso fa"


def test_content_in_parts() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    reply = chat(None)
    held = json.loads(reply.body)
    held["choices"][0]["message"]["content"] = [thought, {"type": "text", "text": "x"}]
    assert read(held).text == "<think>\nhm\n</think>\nx"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("tool_calls", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("content_filter", "filtered"),
        (None, "stop"),
    ],
)
def test_finish_reasons(said: str | None, meant: str) -> None:
    assert read(chat("x", said)).finish == meant


def test_without_a_reason_the_limit_tells() -> None:
    assert read(chat("x", None, usage=(10, 100))).finish == "length"


def test_refusals_and_empty_answers_are_data() -> None:
    refused = read(chat(None, refusal="I will not"))
    assert (refused.text, refused.finish) == ("I will not", "filtered")
    assert (read(chat(None)).text, read(chat(None)).finish) == ("", "stop")
    assert read({"choices": [], "model": "m"}) == Reply("", "filtered", "m", "", None, None, None)


def test_a_prompt_that_a_filter_refuses_is_data_and_other_refusals_are_not() -> None:
    found = filtered(Refused("no", 400, "The response was filtered (content_filter)"))
    assert found is not None
    assert found.finish == "filtered"
    assert filtered(Refused("no", 400, "temperature must be 1")) is None


def test_a_completion() -> None:
    assert read({"choices": [{"text": " x", "finish_reason": "length"}]}).text == " x"


def test_counts_and_names_that_make_no_sense_are_unknown() -> None:
    held = {
        "choices": [{"text": "x"}],
        "usage": {"prompt_tokens": "7", "completion_tokens": -1, "completion_tokens_details": None},
        "model": 3,
    }
    assert read(held) == Reply("x", "stop", "", "", None, None, None)


def test_half_of_a_surrogate_pair_can_be_written() -> None:
    assert read(json.loads('{"choices": [{"text": "\\ud800x"}]}')).text.encode() == b"?x"


@pytest.mark.parametrize(
    "held",
    [
        "<html>busy</html>",
        [1],
        {},
        {"choices": "x"},
        {"choices": [None]},
        {"choices": [{"text": "x", "finish_reason": "error"}]},
        {"error": {"message": "upstream", "code": 502}},
        {"error": {"message": "slow down", "code": 429}, "choices": []},
    ],
)
def test_what_is_no_answer_is_asked_for_again(held: object) -> None:
    with pytest.raises(Unreachable):
        read(held)


def test_an_error_inside_a_reply_of_status_200_that_will_not_pass() -> None:
    with pytest.raises(Refused, match="402: no credits"):
        read({"error": {"message": "no credits", "code": 402}})
