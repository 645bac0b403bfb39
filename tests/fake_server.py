"""A server in a thread that speaks as OpenAI's does, and says what a function tells it to: also what none should."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    """A reply as it goes over the wire. `cut`: the connection breaks after so many bytes of the body."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: float = 0.0  # seconds between bytes


@dataclass(slots=True)
class Heard:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float


@dataclass(slots=True)
class Fake:
    """Where the server is, and what it was asked."""

    url: str
    heard: list[Heard] = field(default_factory=list)
    most_at_once: int = 0


def chat(
    text: str | None, finish: str | None = "stop", usage: tuple[int, int] | None = (10, 5), **more: Any
) -> Said:
    """A chat completion; `more` goes into its message, but for model, fingerprint and reasoning_tokens."""
    top = {"model": more.pop("model", "fake-1"), "system_fingerprint": more.pop("fingerprint", "fp_1")}
    reasoning = more.pop("reasoning_tokens", None)
    message = {"role": "assistant", "content": text, **more}
    held: dict[str, Any] = {**top, "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    if usage:
        held["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    if reasoning is not None:
        held["usage"]["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return said(held)


def said(value: object, status: int = 200, **headers: str) -> Said:
    return Said(json.dumps(value).encode(), status, {k.replace("_", "-"): v for k, v in headers.items()})


@contextmanager
def serving(reply: Callable[[Heard], Said | None]) -> Iterator[Fake]:
    """A server that answers with what `reply` returns; None hangs up without a word."""
    lock, busy = threading.Lock(), 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal busy
            length = int(self.headers.get("Content-Length", 0))
            one = Heard(self.path, dict(self.headers), json.loads(self.rfile.read(length)), time.monotonic())
            with lock:
                fake.heard.append(one)
                busy += 1
                fake.most_at_once = max(fake.most_at_once, busy)
            try:
                self._say(reply(one))
            finally:
                with lock:
                    busy -= 1

        def _say(self, answer: Said | None) -> None:
            if answer is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if answer.drip:
                for byte in answer.body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(answer.drip)
            self.wfile.write(answer.body[: answer.cut] if not answer.drip else b"")

        def log_message(self, *args: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the client left
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake = Fake(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield fake
        server.shutdown()
