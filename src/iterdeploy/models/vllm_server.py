"""vLLM as a server: adapters are loaded under the name of their content, checked, asked, and unloaded.

A server may be restarted while it is asked. Its adapters are then gone, or its base is another: after any failed
connection the adapter is loaded and compared again before the next answer is taken.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from iterdeploy.errors import BadInput, ServerFailed, WrongModel
from iterdeploy.models import canary
from iterdeploy.models.http import (
    Patience,
    Refused,
    Unreachable,
    as_finished,
    ask,
    key_of,
    patiently,
    server_url,
)
from iterdeploy.models.vllm import NEXT, RAW, Ask, Sampled, Swap, are_at_the_settings, probe, sampling, shaped
from iterdeploy.recipe import Deploy

AT_ONCE = 128
"""Answers that are asked for at a time: what a server that dies costs at most."""

FIRST = Patience(attempts=3, silence=60.0)
"""For the first word with a server: a wrong address is told in seconds."""

BUSY = 429


class VllmServer:
    """One server and what is deployed on it; a Backend. A key is read from VLLM_API_KEY, as by vLLM itself."""

    def __init__(
        self,
        url: str,
        deploy: Deploy,
        end_ids: AbstractSet[int],
        *,
        swaps: bool = True,
        patience: Patience | None = None,
    ) -> None:
        self.url, self._deploy, self._patience = server_url(url), deploy, patience or Patience()
        key = key_of("VLLM_API_KEY")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._sampling = sampling(deploy, end_ids)
        self._base, self._room = patiently(self._first_word, FIRST)
        if swaps:
            self._refuse_without_swaps()
        self._lock = threading.Lock()
        self._loaded: str | None = None  # by us, to be unloaded by us
        self._sure = False

    def deploy(self, swap: Swap) -> None:
        """Load the adapter under its name, and compare; the one before it is unloaded."""
        if self._room and swap.room > self._room:
            raise BadInput(
                f"the longest prompt and deploy.max_tokens make {swap.room} tokens, but {self.url} takes "
                f"{self._room}; start it with --max-model-len {swap.room}, or set a smaller deploy.max_tokens"
            )
        if self._loaded != swap.name:
            self.close()
        self._swap, self._sure = swap, False
        self._served = self._base if swap.adapter is None else swap.name
        patiently(self._make_sure, self._patience)

    def sample(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sampled]]:
        """Answers as they finish, AT_ONCE at a time."""
        yield from as_finished(
            asks, lambda one: (one, patiently(lambda: self._answer(one), self._patience)), AT_ONCE
        )

    def close(self) -> None:
        """Unload the adapter; a server that is gone has none."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            try:
                self._ask("unload_lora_adapter", {"lora_name": loaded}, silence=60.0)
            except (Refused, Unreachable):
                return

    def _ask(self, path: str, body: object = None, silence: float | None = None) -> Any:
        silence = self._patience.silence if silence is None else silence
        return ask(f"{self.url}/v1/{path}", body, headers=self._headers, silence=silence)

    def _first_word(self) -> tuple[str, int]:
        """The name of the base there, and how many tokens a sequence may have (0: not said)."""
        try:
            cards = self._ask("models", silence=60.0)["data"]
            base = next(card for card in cards if not card.get("parent"))
            return str(base["id"]), int(base.get("max_model_len") or 0)
        except (KeyError, TypeError, ValueError, StopIteration, AttributeError) as problem:
            raise BadInput(
                f"{self.url} is no server of vLLM: {self.url}/v1/models lists no model; for others, "
                "set deploy.engine=server"
            ) from problem

    def _refuse_without_swaps(self) -> None:
        """Raise BadInput if the server loads no adapters: it is told before anything is sampled."""
        try:
            self._ask("load_lora_adapter", {"lora_name": "", "lora_path": ""}, silence=60.0)
        except Refused as problem:
            if problem.status == 404:
                raise BadInput(f"{self.url} loads no adapters at run time; {STARTED}") from problem

    def _make_sure(self) -> None:
        """Have the adapter loaded and compared, once for all who ask at the time."""
        with self._lock:
            if not self._sure:
                self._load()
                self._swap.check(self._listen())
                self._sure = True

    def _load(self) -> None:
        """Load the adapter. One that is there already was loaded by somebody else: the comparison decides on it."""
        self._salt = secrets.token_hex(8)  # states of an earlier adapter of this name are not used again
        name, adapter = self._swap.name, self._swap.adapter
        if adapter is None:
            return
        body = {"lora_name": name, "lora_path": str(adapter.resolve())}
        try:
            self._ask("load_lora_adapter", body, silence=300.0)
        except (Refused, Unreachable) as problem:
            if isinstance(problem, Unreachable) and problem.status != 500:
                raise
            if "already been loaded" not in str(problem):
                raise ServerFailed(
                    f"the adapter in {adapter} can't be loaded: {problem}; the server must be able to read "
                    f"that folder, and {STARTED}"
                ) from problem
        self._loaded = name

    def _listen(self) -> canary.Heard:
        """What the server makes of the canary's texts, as the generation and as its base."""
        generation = self._scores(self._served)
        base = generation if self._swap.adapter is None else self._scores(self._base)
        texts = self._swap.here.texts
        probes = [self._complete(self._served, [text], probe(text), silence=300.0)[0] for text in texts]
        if shaped(self._deploy) and not are_at_the_settings(
            [p["logprobs"]["token_logprobs"][0] for p in probes]
        ):
            raise ServerFailed(f"{self.url}: {RAW}")
        return canary.Heard(generation, base)

    def _scores(self, model: str) -> tuple[float, ...]:
        here = self._swap.here
        places = [text[:cut] for text in here.texts for cut in canary.cuts(text)]
        choices = self._complete(model, places, {**NEXT, "return_tokens_as_token_ids": True}, silence=300.0)
        try:
            found = [
                {
                    int(token.removeprefix("token_id:")): value
                    for token, value in at["logprobs"]["top_logprobs"][0].items()
                }
                for at in choices
            ]
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as problem:
            raise ServerFailed(f"{self.url} gives no log-probabilities of token ids; {NOT_VLLM}") from problem
        return canary.picked(found, here.tokens)

    def _answer(self, one: Ask) -> Sampled:
        self._make_sure()
        try:
            body = {**self._sampling, "seed": one.request.seed}
            choice = self._complete(self._served, [one.prompt_ids], body)[0]
        except Unreachable as problem:
            self._sure = self._sure and problem.status == BUSY
            raise
        except Refused as problem:
            if problem.status != 404:
                raise
            self._sure = False  # restarted since: what was loaded is gone
            raise Unreachable(str(problem), status=404) from problem
        ids, held = choice.get("token_ids"), choice.get("logprobs")
        if not isinstance(ids, list) or choice.get("prompt_token_ids") != list(one.prompt_ids) or not held:
            raise ServerFailed(f"{self.url} gives no token ids, or others than were asked; {NOT_VLLM}")
        if choice.get("finish_reason") not in (
            "stop",
            "length",
        ):  # such as "abort", of a server that is shut down
            raise Unreachable(f"{self.url} broke off an answer: {choice.get('finish_reason')}")
        return Sampled(tuple(ids), tuple(held["token_logprobs"]), choice["finish_reason"])

    def _complete(
        self,
        model: str,
        prompts: Sequence[Sequence[int]],
        body: dict[str, object],
        silence: float | None = None,
    ) -> list[dict[str, Any]]:
        """The completion of each prompt; they must bear the name that was asked."""
        given = [list(prompt) for prompt in prompts]
        wanted = {"model": model, "prompt": given, "return_token_ids": True, "cache_salt": self._salt}
        reply = self._ask("completions", {**wanted, **body}, silence)
        try:
            answered = reply["model"]
            choices: list[dict[str, Any]] = sorted(reply["choices"], key=lambda choice: int(choice["index"]))
        except (KeyError, TypeError) as problem:
            raise ServerFailed(f"{self.url} answers with no completion: {str(reply)[:200]}") from problem
        if answered != model:
            raise WrongModel(
                f"{self.url} was asked as {model} and answers as {answered}; its answer is not taken"
            )
        if len(choices) != len(given):
            raise ServerFailed(f"{self.url} answers {len(given)} prompts with {len(choices)} completions")
        return choices


STARTED = (
    "it is started as: VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 vllm serve BASE --enable-lora --max-lora-rank RANK "
    "--logprobs-mode processed_logprobs"
)

NOT_VLLM = "this engine needs vLLM 0.11 or later; for other servers, set deploy.engine=server"
