"""The page of a run over HTTP, kept current: read-only, for this machine unless asked otherwise.

Three things are served: the page, the files beside it, and the state as JSON with an ETag, which the page asks for
every other second. A request must name a host that this server may be called by: a page of elsewhere, whose name an
attacker points at this machine (DNS rebinding), is turned away.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from iterdeploy.errors import BadInput, IterdeployError
from iterdeploy.watch.follow import Follower, State
from iterdeploy.watch.paint import FOLDER, NAME, Painter

PAUSE = 0.5  # seconds in which all who ask are told the same
STEADY = 5  # seconds by which the time left changes, so that a state in which nothing happens stays equal
_BLOCK = re.compile(rf"/{FOLDER}/([A-Za-z0-9-]+\.js)")
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

Left = Callable[[State], float | None]
"""Seconds that a run still takes; None if nothing tells."""


class Live:
    """What is served: looked at when somebody asks, and not more often than PAUSE."""

    def __init__(self, path: Path, left: Left) -> None:
        self._follower = Follower(path)
        self.painter = Painter(self._follower.run)
        self._left = left
        self._lock = threading.Lock()
        self._until = 0.0
        self._state = b"{}"

    def state(self) -> bytes:
        """The state as JSON; equal states are equal bytes."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._state = json.dumps(self._look()).encode()
                self._until = time.monotonic() + PAUSE
            return self._state

    def _look(self) -> dict[str, Any]:
        try:
            self.painter.look()
            state = self._follower.look()
            left = self._left(state) if state.writer else None
        except IterdeployError as problem:
            return {"problem": str(problem)}
        page = {"page": self.painter.mark, "problem": self.painter.problem}
        return asdict(state) | page | {"left": None if left is None else STEADY * round(left / STEADY)}


class Server(ThreadingHTTPServer):
    """Serves one run; `url` is where."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, live: Live, host: str = "127.0.0.1", port: int = 0, share: bool = False) -> None:
        """Raises BadInput for a host that others could reach unless `share`, and for a port that is taken."""
        refuse_unless_local(host, share)
        self.live = live
        self.share = share
        self.named = {host.lower(), *_LOCAL_NAMES, *({socket.gethostname().lower()} if share else ())}
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as problem:
            raise BadInput(
                f"cannot listen on {host}, port {port}: {problem}; give another --port, or --port 0 for any free one"
            ) from problem
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.server_address[1]}/"

    def may_be_called(self, header: str) -> bool:
        """Whether a Host header names this server: by a name it has, or, where it is shared, by an address."""
        try:
            name = (urlsplit(f"//{header}").hostname or "").lower()
        except ValueError:
            return False
        return name in self.named or (self.share and _is_address(name))


def refuse_unless_local(host: str, share: bool) -> None:
    """Raise BadInput for a host that is not this machine's own loopback, unless others are to see it."""
    local = host in _LOCAL_NAMES or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
    if not local and not share:
        raise BadInput(
            f"--host {host} would let others see this run: all prompts, answers and figures, without a password; "
            "add --share if that is meant, or leave --host out and reach this machine through an SSH tunnel"
        )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "iterdeploy", ""
    timeout = 30

    def do_GET(self) -> None:
        """Answer one request; HEAD is the same without its body."""
        if not self.server.may_be_called(self.headers.get("Host", "")):
            self._send(421, "text/plain", b"This server is not called by that name.\n")
            return
        path = urlsplit(self.path).path
        if path == "/":
            self._send(200, "text/html", self._page())
        elif path == "/state":
            self._send_state()
        elif path == "/live.js":
            self._send(200, "text/javascript", asset("live.js").encode())
        elif match := _BLOCK.fullmatch(path):
            self._send_file(f"{FOLDER}/{match[1]}")
        else:
            self._send(404, "text/plain", b"There is no such page.\n")

    do_HEAD = do_GET  # noqa: N815  (the name that http.server calls)

    def _page(self) -> bytes:
        self.server.live.state()
        painter = self.server.live.painter
        if painter.folder is None:
            return asset("waiting.html").encode()
        return live(painter.folder / NAME, painter.mark)

    def _send_state(self) -> None:
        state = self.server.live.state()
        tag = f'"{sha256(state).hexdigest()[:20]}"'
        if self.headers.get("If-None-Match") == tag:
            self._send(304, "application/json", b"", tag)
        else:
            self._send(200, "application/json", state, tag)

    def _send_file(self, name: str) -> None:
        folder = self.server.live.painter.folder
        try:
            content = (folder / name).read_bytes() if folder else b""
        except OSError:
            content = b""
        self._send(200 if content else 404, "text/javascript", content)

    def _send(self, status: int, kind: str, body: bytes, tag: str = "") -> None:
        self.send_response(status)
        if status != 304:
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        if tag:
            self.send_header("ETag", tag)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a request every other second is no news."""


_HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",
}


def live(page: Path, mark: str) -> bytes:
    """The page with the program that keeps it current, which alone may ask this server for the state."""
    text = page.read_text(encoding="utf-8")
    text = text.replace(
        "content=\"default-src 'none';", "content=\"default-src 'none'; connect-src 'self';", 1
    )
    before, body, after = text.rpartition("</body>")
    return f'{before}<script src="/live.js?page={quote(mark)}"></script>\n{body}{after}'.encode()


def asset(name: str) -> str:
    """A file that ships with this room."""
    return (files("iterdeploy.watch") / "assets" / name).read_text(encoding="utf-8")
