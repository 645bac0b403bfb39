"""A server that speaks as vLLM does, errors and traps included, over a model that is a formula: no weights, no torch.

The forms are those of vLLM 0.32: entrypoints/openai/models and completion, entrypoints/serve/lora.
"""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from iterdeploy.models.canary import TOP, Expected, cuts, picked

END = 1
"""The end token."""

BASE = "/bases/tiny"


def adapter_in(folder: Path, number: int) -> Path:
    """An "adapter": a folder with the number that moves the formula."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "number").write_text(str(number))
    return folder


def score(ids: Sequence[int], at: int, base: int, adapter: int) -> float:
    """Log-probability of the token at a place: of the base, and moved by an adapter unless that is 0."""
    value = random.Random(f"{base} {list(ids[: at + 1])}").uniform(-3.0, -0.2)
    return value + (random.Random(f"{adapter} {list(ids[: at + 1])}").uniform(-0.2, 0.1) if adapter else 0.0)


WORDS = 40
"""Tokens of the vocabulary."""


def nexts(text: Sequence[int], base: int, adapter: int) -> dict[int, float]:
    """Log-probabilities of all next tokens after a text."""
    return {token: score([*text, token], len(text), base, adapter) for token in range(WORDS)}


def expected(texts: Sequence[tuple[int, ...]], base: int, adapter: int, dtype: str) -> Expected:
    """What the trainer's model would say, were it the formula."""
    places = [text[:cut] for text in texts for cut in cuts(text)]
    said = [nexts(place, base, adapter) for place in places]
    tokens = tuple(tuple(sorted(at, key=lambda token: -at[token])[:TOP]) for at in said)
    plain = [nexts(place, base, 0) for place in places]
    return Expected(picked(said, tokens), picked(plain, tokens), tuple(texts), tokens, dtype)


@dataclass
class FakeVllm:
    """The server; a test sets its traps before or while it is asked."""

    base: int = 0  # which base it has
    swaps: bool = True  # VLLM_ALLOW_RUNTIME_LORA_UPDATING
    lora: bool = True  # --enable-lora
    processed: bool = True  # --logprobs-mode processed_logprobs
    room: int = 512  # --max-model-len
    applies: bool = True  # or takes adapters without a word, and answers as the base
    answers_as: str = ""  # the name in its answers, if not the one that was asked
    seconds: float = 0.0  # that an answer takes
    noise: float = 0.0  # of its log-probabilities, as of a lower precision
    token_ids: bool = True  # or it is a server that does not know return_token_ids
    key: str = ""
    change: dict[str, Any] = field(default_factory=dict)  # of a choice, before it is sent
    foreign: bool = False  # a server of another kind
    dead: bool = False  # hangs up whatever is asked
    hang_ups: int = 0  # so many completions are cut off without a word
    loaded: dict[str, int] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)  # bodies of completions
    at_once: int = 0
    most_at_once: int = 0
    port: int = 0

    def __enter__(self) -> FakeVllm:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                key = self.headers.get("Authorization", "")
                status: int = 401
                said: Any = error("Unauthorized", 401)
                if not fake.key or key == f"Bearer {fake.key}":
                    status, said = fake.reply(self.path, json.loads(body) if body else {})
                if status == 0 or fake.dead:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                data = (said if isinstance(said, str) else json.dumps(said)).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = answer  # noqa: N815  (the names that the class looks for)

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

            def handle_error(self, *args: Any) -> None:
                pass

        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reply(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body; status 0 hangs up."""
        if path == "/v1/models" and self.foreign:
            return 200, {"models": []}
        if path == "/v1/models":
            return 200, {"object": "list", "data": self._cards()}
        if path == "/v1/completions":
            return self._completion(body)
        if path in ("/v1/load_lora_adapter", "/v1/unload_lora_adapter") and self.swaps:
            return self._load(body) if path == "/v1/load_lora_adapter" else self._unload(body)
        return 404, {"detail": "Not Found"}

    def _cards(self) -> list[dict[str, Any]]:
        base = {"id": BASE, "object": "model", "root": BASE, "parent": None, "max_model_len": self.room}
        return [base, *({"id": name, "parent": BASE, "max_model_len": None} for name in self.loaded)]

    def _load(self, body: dict[str, Any]) -> tuple[int, Any]:
        name, path = body["lora_name"], body["lora_path"]
        if not name or not path:
            return 400, error("Both 'lora_name' and 'lora_path' must be provided.", 400)
        if name in self.loaded:
            return 400, error(f"The lora adapter '{name}' has already been loaded. If you want to ...", 400)
        if not self.lora:
            return 500, error("Call to add_lora method failed: LoRA is not enabled.", 500)
        if not (Path(path) / "number").is_file():
            return 404, error(f"Loading lora {name} failed: No adapter found for {path}", 404)
        self.loaded[name] = int((Path(path) / "number").read_text())
        return 200, f"Success: LoRA adapter '{name}' added successfully."

    def _unload(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["lora_name"] not in self.loaded:
            return 404, error(f"The lora adapter '{body['lora_name']}' cannot be found.", 404)
        del self.loaded[body["lora_name"]]
        return 200, f"Success: LoRA adapter '{body['lora_name']}' removed successfully."

    def _completion(self, body: dict[str, Any]) -> tuple[int, Any]:
        with self._lock:
            self.asked.append(body)
            if self.hang_ups:
                self.hang_ups -= 1
                return 0, ""
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self._completed(body)
        finally:
            with self._lock:
                self.at_once -= 1

    def _completed(self, body: dict[str, Any]) -> tuple[int, Any]:
        name, prompts = body["model"], body["prompt"]
        if name != BASE and name not in self.loaded:
            return 404, error(f"The model `{name}` does not exist.", 404)
        if not 0 <= body["temperature"] <= 2:
            return 400, error(f"temperature must be in [0, 2], got {body['temperature']}.", 400)
        if max(map(len, prompts)) + body["max_tokens"] > self.room:
            return 400, error(f"This model's maximum context length is {self.room} tokens.", 400)
        time.sleep(self.seconds)
        adapter = self.loaded.get(name, 0) if self.applies else 0
        choices = [self._choice(body, name, n, prompt, adapter) for n, prompt in enumerate(prompts)]
        return 200, {"id": "cmpl-1", "model": self.answers_as or name, "choices": choices[::-1]}

    def _choice(
        self, body: dict[str, Any], name: str, n: int, prompt: list[int], adapter: int
    ) -> dict[str, Any]:
        allowed = body.get("allowed_token_ids")
        ids = allowed or [7, 8, END][: body["max_tokens"]]
        logprobs = [score(prompt + ids, len(prompt) + i, self.base, adapter) for i in range(len(ids))]
        if allowed and self.processed:
            logprobs = [0.0]
        choice: dict[str, Any] = {
            "index": n,
            "text": "never used",
            "finish_reason": "stop" if ids[-1] == END else "length",
            "stop_reason": None,
            "logprobs": {"tokens": ["x"] * len(ids), "token_logprobs": logprobs},
            "prompt_token_ids": prompt if self.token_ids else None,
            "token_ids": ids if self.token_ids else None,
        }
        if body["logprobs"]:
            noise = random.Random(f"{name} {prompt}")
            said = sorted(nexts(prompt, self.base, adapter).items(), key=lambda one: -one[1])[
                : body["logprobs"]
            ]
            word = "token_id:" if self.token_ids and body["return_tokens_as_token_ids"] else "w"
            choice["logprobs"]["top_logprobs"] = [
                {f"{word}{i}": v + noise.gauss(0, self.noise) for i, v in said}
            ]
        return choice if body["max_tokens"] == 1 else choice | self.change


def error(message: str, code: int) -> dict[str, Any]:
    """An error as vLLM tells it."""
    return {"error": {"message": message, "type": "BadRequestError", "param": None, "code": code}}
