"""JSON over HTTP to a server of models: one attempt, another one after a pause, and several requests at a time.

The standard library is enough: what an answer costs is sampling it, not its connection.
"""

from __future__ import annotations

import json
import math
import os
import random
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, IncompleteRead
from queue import SimpleQueue
from typing import Any, TypeVar
from urllib.parse import urlsplit

from iterdeploy.errors import BadInput, ServerFailed

Item = TypeVar("Item")
Result = TypeVar("Result")

PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses that may be gone at the next attempt: too busy, too many requests, starting up, or failed inside."""


class Unreachable(ServerFailed):
    """No answer, or one that says "not now": another attempt may succeed.

    `pause`: seconds that were asked for; `status` is that of HTTP, 0 without an answer.
    """

    def __init__(self, message: str, pause: float = 0.0, status: int = 0) -> None:
        super().__init__(message)
        self.pause, self.status = pause, status


class Refused(ServerFailed):
    """The server understood and says no: another attempt would end the same. `status` is that of HTTP."""

    def __init__(self, message: str, status: int = 0, said: str = "") -> None:
        super().__init__(message)
        self.status, self.said = status, said


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on asking. Pauses double from `first` to `longest` seconds; `silence` is that of one attempt."""

    attempts: int = 8
    first: float = 1.0
    longest: float = 30.0
    silence: float = 1800.0  # a long answer is one silence: nothing is sent before its end

    def pause(self, attempt: int) -> float:
        """Seconds before the next attempt, a little apart for requests that failed together."""
        longest: float = min(self.longest, self.first * 2.0**attempt)
        return longest * random.uniform(0.8, 1.0)


def key_of(variable: str) -> str:
    """The key in an environment variable, "" without one. Raises BadInput if no header can hold it."""
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise BadInput(f"the key in the environment variable {variable} holds spaces or other odd characters")
    return key


def server_url(text: str) -> str:
    """The address of a server without a path that clients add: "http://HOST:PORT", also from ".../v1/".

    Raises BadInput for no address, and for one with a secret in it: addresses are shown and written.
    """
    if set(text) & set("@?#"):
        raise BadInput(
            "--server holds a user, a password, a query or a fragment; give the bare address, and the key in an "
            "environment variable (docs/server.md, docs/engines.md)"
        )
    try:
        parts = urlsplit(text.strip())
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise BadInput(f"--server is {text!r}; it must be an address such as http://localhost:8000")
    return text.strip().rstrip("/").removesuffix("/v1").rstrip("/")


def ask(
    url: str, body: object = None, *, headers: Mapping[str, str] | None = None, silence: float = 1800.0
) -> Any:
    """One attempt: the JSON that a server answers to a POST of `body`, or to a GET without one.

    Raises Unreachable where another attempt may help, Refused where not.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data=data, headers={"Content-Type": "application/json", **(headers or {})}
    )
    try:
        with _opener().open(request, timeout=silence) as reply:
            text = _whole(reply, silence)
    except urllib.error.HTTPError as problem:
        raise _refusal(url, problem) from None
    except (OSError, HTTPException) as problem:  # URLError, a lost connection, a time-out
        cause = getattr(problem, "reason", problem)
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise Refused(f"{url}: its certificate is not accepted: {cause}", 0, str(cause)) from problem
        raise Unreachable(f"{url} can't be reached: {cause or type(problem).__name__}") from problem
    if not text.strip():
        return ""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.decode("utf-8", "replace")  # vLLM confirms the loading of an adapter in plain text


def patiently(call: Callable[[], Result], patience: Patience) -> Result:
    """What `call` returns, called again after a pause where it raises Unreachable; the last one is raised."""
    began = time.monotonic()
    for attempt in range(patience.attempts):
        try:
            return call()
        except Unreachable as problem:
            if attempt + 1 == patience.attempts:
                raise Unreachable(
                    f"{problem} ({patience.attempts} attempts in {time.monotonic() - began:.0f} s); finished "
                    "answers are kept: see to the server, then start the same command again",
                    status=problem.status,
                ) from problem
            time.sleep(max(patience.pause(attempt), min(problem.pause, patience.silence)))
    raise ValueError("Patience.attempts must be 1 or more")


def post_json(url: str, body: object, patience: Patience, headers: Mapping[str, str] | None = None) -> Any:
    """The JSON that a server answers to `body`, with as many attempts as patience allows."""
    return patiently(lambda: ask(url, body, headers=headers, silence=patience.silence), patience)


def as_finished(
    items: Iterable[Item], call: Callable[[Item], Result], at_once: int
) -> Generator[Result, None, None]:
    """`call(item)` for all items, `at_once` of them at a time, each result as it comes.

    The first exception starts no further item; what is under way is waited for and yielded, for it was paid for, and
    then that exception is raised. Threads are daemons, so that an interrupted program ends at once.
    """
    source, lock, stop = iter(items), threading.Lock(), threading.Event()
    finished: SimpleQueue[tuple[Result] | BaseException | None] = SimpleQueue()
    nothing: Any = object()

    def work() -> None:
        try:
            while not stop.is_set():
                with lock:
                    item = next(source, nothing)
                if item is nothing:
                    break
                finished.put((call(item),))
        except BaseException as problem:
            stop.set()
            finished.put(problem)
        finished.put(None)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(max(1, at_once))]
    for thread in threads:
        thread.start()
    failed: list[BaseException] = []
    try:
        for _ in threads:
            while (outcome := finished.get()) is not None:
                if isinstance(outcome, BaseException):
                    failed.append(outcome)
                else:
                    yield outcome[0]
    finally:
        stop.set()
    if failed:
        raise failed[0]


def _whole(reply: Any, seconds: float) -> bytes:
    """The body. A server that sends a byte now and then is none the less too slow after so many seconds."""
    parts, end = [], time.monotonic() + seconds
    while chunk := reply.read1(1 << 16):
        parts.append(chunk)
        if time.monotonic() > end:
            raise TimeoutError(f"the answer is not whole after {seconds:g} s")
    if reply.length:
        raise IncompleteRead(b"".join(parts), reply.length)
    return b"".join(parts)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A key must not travel to where a server points."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirects)


def _refusal(url: str, problem: urllib.error.HTTPError) -> ServerFailed:
    """What a status means, in the server's own words."""
    try:
        said = _said(problem.read())
    except (OSError, HTTPException):
        said = ""
    message = f"{url} answers {problem.code}{': ' if said else ''}{said[:500]}"
    if problem.code in PASSING or problem.code >= 500:
        return Unreachable(message, _seconds(problem.headers), problem.code)
    return Refused(message, problem.code, said)


def _said(body: bytes) -> str:
    """The sentence in an error's body: {"error": {"message": ...}}, {"detail": ...}, or plain text."""
    text = body.decode("utf-8", "replace").strip()
    try:
        held = json.loads(text)
    except ValueError:
        return text
    if isinstance(held, dict):
        inner = held.get("error", held)
        if not isinstance(inner, dict):
            return _worded(inner)
        found, code = _worded(inner.get("message") or inner.get("detail") or inner), inner.get("code")
        return f"{found} ({code})" if isinstance(code, str) and code not in found else found
    return text


def _worded(said: object) -> str:
    return said if isinstance(said, str) else json.dumps(said)


def _seconds(headers: Message) -> float:
    """The pause that Retry-After asks for, in seconds or until a date; 0 without one."""
    asked = headers.get("Retry-After", "0")
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(asked).timestamp() - time.time()
        except (ValueError, TypeError):
            return 0.0
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0
