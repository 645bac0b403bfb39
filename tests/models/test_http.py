"""Asking a server: what is worth another attempt, what is not, and several requests at a time."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from iterdeploy.errors import BadInput
from iterdeploy.models.http import (
    Patience,
    Refused,
    Unreachable,
    as_finished,
    ask,
    patiently,
    post_json,
    server_url,
)

QUICK = Patience(attempts=4, first=0.01, longest=0.05, silence=5.0)

Reply = tuple[int, dict[str, str], bytes]


@contextmanager
def serving(reply: Callable[[str, bytes], Reply | None]) -> Iterator[str]:
    """A server that says what `reply(path, body)` says; None hangs up without a word."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            said = reply(self.path, self.rfile.read(int(self.headers.get("Content-Length", 0))))
            if said is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, headers, body = said
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815  (the names that the class looks for)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def in_turn(*replies: Reply | None) -> Callable[[str, bytes], Reply | None]:
    left = list(replies)
    return lambda path, body: left.pop(0)


def good(value: object) -> Reply:
    return 200, {}, json.dumps(value).encode()


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://localhost:8000/v1/", "http://localhost:8000"),
        (" https://models.example/team/v1", "https://models.example/team"),
    ],
)
def test_an_address_is_taken_with_and_without_v1(given: str, meant: str) -> None:
    assert server_url(given) == meant


@pytest.mark.parametrize(
    "text", ["localhost:8000", "", "ftp://a", "http://", "http:/localhost", "http://[::1", "http://a:99999"]
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match=r"--server is .*http://localhost:8000"):
        server_url(text)


def test_json_goes_and_json_comes() -> None:
    with serving(lambda path, body: good({"path": path, "body": json.loads(body or "null")})) as url:
        assert ask(f"{url}/a", {"n": [1, 2]}) == {"path": "/a", "body": {"n": [1, 2]}}
        assert ask(f"{url}/b") == {"path": "/b", "body": None}


def test_plain_text_is_an_answer_too() -> None:
    with serving(in_turn((200, {}, b"Success: loaded"), (200, {}, b""))) as url:
        assert ask(url) == "Success: loaded"
        assert ask(url) == ""


@pytest.mark.parametrize("first", [None, (503, {}, b"starting"), (429, {"Retry-After": "0.01"}, b"")])
def test_what_may_pass_is_asked_again(first: Reply | None) -> None:
    with serving(in_turn(first, first, good("there"))) as url:
        assert post_json(url, {}, QUICK) == "there"


def test_half_an_answer_is_asked_for_again() -> None:
    with serving(in_turn((200, {"Content-Length": "99"}, b'{"half": '), good("whole"))) as url:
        assert post_json(url, {}, QUICK) == "whole"


def test_a_silent_server_is_asked_again() -> None:
    def reply(path: str, body: bytes) -> Reply:
        if not asked:
            asked.append(path)
            time.sleep(0.6)
        return good("late")

    asked: list[str] = []
    with serving(reply) as url:
        assert post_json(url, {}, Patience(attempts=2, first=0.01, silence=0.2)) == "late"


def test_a_server_that_stays_away_ends_with_what_to_do() -> None:
    url = closed_port()
    with pytest.raises(Unreachable, match=rf"{url}.*refused.*4 attempts.*kept.*same command again"):
        post_json(url, {}, QUICK)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"error": {"message": "no model `x`", "type": "NotFoundError", "code": 404}}', "no model `x`"),
        (b'{"object": "error", "message": "too long", "code": 400}', "too long"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"error": "model not loaded"}', "model not loaded"),
        (b"[1]", "[1]"),
        (b"<html>", "<html>"),
        (b"", "answers 404"),
    ],
)
def test_a_refusal_is_final_and_told_in_the_servers_words(body: bytes, sentence: str) -> None:
    with serving(in_turn((404, {}, body))) as url, pytest.raises(Refused) as refused:
        post_json(url, {}, QUICK)
    assert refused.value.status == 404
    assert sentence in str(refused.value)


def test_a_key_does_not_follow_to_where_a_server_points() -> None:
    heard: list[str] = []

    def elsewhere(path: str, body: bytes) -> Reply:
        heard.append(path)
        return good("stolen")

    with serving(elsewhere) as thief:
        for status in (301, 302, 303, 307, 308):
            with serving(in_turn((status, {"Location": f"{thief}/key"}, b""))) as url:
                with pytest.raises(Refused) as refused:
                    ask(url, {}, headers={"Authorization": "Bearer secret"})
                assert refused.value.status == status
    assert heard == []


def test_the_server_says_how_long_to_wait_within_reason() -> None:
    with serving(in_turn((429, {"Retry-After": "7"}, b""), (429, {"Retry-After": "Mon, 1 Jan"}, b""))) as url:
        with pytest.raises(Unreachable) as busy:
            ask(url, {})
        assert busy.value.pause == 7.0
        with pytest.raises(Unreachable) as busy:
            ask(url, {})
        assert busy.value.pause == 0.0


def test_only_what_is_unreachable_is_called_again() -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise Refused("no", 400)

    with pytest.raises(Refused):
        patiently(call, QUICK)
    assert len(calls) == 1


def test_results_come_as_they_finish_and_at_most_so_many_at_once() -> None:
    lock, running, peak = threading.Lock(), 0, 0

    def call(seconds: float) -> float:
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        time.sleep(seconds)
        with lock:
            running -= 1
        return seconds

    assert next(as_finished([0.5, 0.01], call, 2)) == 0.01
    assert sorted(as_finished([0.02] * 9, call, 3)) == [0.02] * 9
    assert peak <= 3 + 1  # one of the generator above that was left


def test_nothing_to_do_is_done() -> None:
    assert list(as_finished([], str, 4)) == []


def test_after_a_failure_what_is_under_way_is_kept_and_nothing_is_begun() -> None:
    begun: list[int] = []

    def call(number: int) -> int:
        begun.append(number)
        if number == 1:
            time.sleep(0.05)
            raise Refused("the second")
        time.sleep(0.2)
        return number

    came: list[int] = []
    with pytest.raises(Refused, match="the second"):
        came.extend(as_finished(range(9), call, 3))
    # extend keeps what came before the exception
    assert sorted(came) == [0, 2]
    assert sorted(begun) == [0, 1, 2]


def test_who_stops_listening_starts_nothing_more() -> None:
    begun: list[int] = []

    def call(number: int) -> int:
        begun.append(number)
        time.sleep(0.02)
        return number

    results = as_finished(range(100), call, 2)
    next(results)
    results.close()
    time.sleep(0.1)
    assert len(begun) <= 6
