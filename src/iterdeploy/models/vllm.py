"""A generation that vLLM answers for, in this process or in a server: what is asked, and what is checked of an answer.

Prompts go as token ids and answers come as token ids, so that what is trained on is what was sampled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from iterdeploy.errors import ServerFailed
from iterdeploy.models import canary
from iterdeploy.recipe import Deploy
from iterdeploy.types import Finish, Request, Trace

PLAIN: dict[str, object] = {
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
"""The model as it is. All is stated: a server would take the rest from its model's generation_config.json."""

NEXT: dict[str, object] = {**PLAIN, "max_tokens": 1, "logprobs": canary.WIDE}
"""How the likeliest next tokens are asked for."""


def probe(text: Sequence[int]) -> dict[str, object]:
    """How to ask which log-probabilities vLLM gives: for a next token that can only be the text's first one.

    At the sampling settings its log-probability is 0, while the model alone hardly expects it.
    """
    return {**PLAIN, "max_tokens": 1, "logprobs": 0, "allowed_token_ids": [text[0]]}


@dataclass(frozen=True, slots=True)
class Ask:
    """One answer to be sampled: a request, and its prompt as the model reads it."""

    request: Request
    prompt_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sampled:
    """What was sampled for an Ask: ids, the log-probability of each at the sampling settings, and why it ended."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: str


@dataclass(frozen=True, slots=True)
class Swap:
    """What is to be deployed: a name of content, its adapter, and what the canary compares."""

    name: str
    adapter: Path | None
    here: canary.Expected
    check: Callable[[canary.Heard], None]
    room: int  # tokens of the longest sequence, prompt and answer


class Backend(Protocol):
    """Where vLLM runs."""

    def deploy(self, swap: Swap) -> None:
        """Make ready to answer as `swap.name`, after `swap.check` of what is heard."""
        ...

    def sample(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sampled]]:
        """Answers as they finish."""
        ...

    def close(self) -> None:
        """Let go of what was deployed."""
        ...


class Reader(Protocol):
    """What turns requests into token ids and answers into text: the trainer, so that both are as in training."""

    def prompt_ids(self, requests: Sequence[Request]) -> list[list[int]]:
        """Token ids of the prompts."""
        ...

    def opened(self, requests: Sequence[Request]) -> str:
        """What the chat template has opened of each answer; a trace's text begins with it."""
        ...

    def text(self, token_ids: Sequence[int]) -> str:
        """A completion, decoded, special tokens kept."""
        ...

    def score(
        self, adapter: Path | None, answers: Sequence[tuple[Sequence[int], Sequence[int]]]
    ) -> list[float]:
        """How likely the trainer's own model finds given answers, as types.Scorer has it."""
        ...


class VllmModel:
    """One generation. `expect` tells what the trainer's own model makes of a few sequences; asked once."""

    def __init__(
        self,
        name: str,
        adapter: Path | None,
        backend: Backend,
        reader: Reader,
        expect: Callable[[Sequence[tuple[int, ...]]], canary.Expected],
        most: int,
        end_ids: AbstractSet[int],
    ) -> None:
        self.id, self._adapter, self._backend, self._reader = name, adapter, backend, reader
        self._expect, self._most, self._end_ids = expect, most, end_ids
        self._here: canary.Expected | None = None

    def answer(self, requests: Sequence[Request], done: AbstractSet[str] = frozenset()) -> Iterator[Trace]:
        """Traces as they finish. Before the first, log-probabilities are compared with the trainer's."""
        prompts = self._reader.prompt_ids(requests)
        asks = [
            Ask(request, tuple(prompt))
            for request, prompt in zip(requests, prompts, strict=True)
            if request.trace_id not in done
        ]
        if not asks:
            return
        here = self._here = self._here or self._expect(canary.sequences(prompts))

        def check(there: canary.Heard) -> None:
            canary.refuse_unless_alike(there, here, "vLLM", self.id)

        room = max(len(prompt) for prompt in prompts) + self._most
        self._backend.deploy(Swap(self.id, self._adapter, here, check, room))
        opened = self._reader.opened(requests)
        for ask, sampled in self._backend.sample(asks):
            yield self._trace(ask, sampled, opened)

    def score(self, answers: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
        """How likely given answers are, as types.Scorer has it: by the trainer's model, with vLLM's closed first."""
        self._backend.close()
        return self._reader.score(self._adapter, answers)

    def close(self) -> None:
        """Let go of memory, and of the adapter."""
        self._backend.close()

    def _trace(self, ask: Ask, sampled: Sampled, opened: str) -> Trace:
        request = ask.request
        return Trace(
            id=request.trace_id,
            task_id=request.task_id,
            generation=request.generation,
            sample=request.sample,
            model=self.id,
            text=opened + self._reader.text(sampled.token_ids),
            prompt_ids=ask.prompt_ids,
            token_ids=sampled.token_ids,
            logprobs=tuple(round(value, 4) for value in sampled.logprobs),
            finish=finish_of(sampled, self._most, self._end_ids, request.trace_id),
        )


def finish_of(sampled: Sampled, most: int, end_ids: AbstractSet[int], trace_id: str) -> Finish:
    """Why an answer ended, if it holds together; ServerFailed with what does not, if not."""
    ids, logprobs, finish = sampled.token_ids, sampled.logprobs, sampled.finish
    if not ids or len(ids) != len(logprobs):
        wrong = f"{len(ids)} token ids and {len(logprobs)} log-probabilities"
    elif not all(-math.inf < value <= 1e-3 for value in logprobs):
        wrong = f"a log-probability of {next(v for v in logprobs if not -math.inf < v <= 1e-3)}"
    elif finish == "stop" and ids[-1] not in end_ids:
        wrong = f"an end at token {ids[-1]}, which is no end token of the base ({sorted(end_ids)})"
    elif finish == "length" and len(ids) != most:
        wrong = f"a cut after {len(ids)} tokens, where deploy.max_tokens is {most}"
    elif finish not in ("stop", "length"):
        wrong = f"the reason to end {finish!r}"
    else:
        return "stop" if finish == "stop" else "length"
    raise ServerFailed(f"vLLM answers {trace_id} with {wrong}; nothing can be learned from such an answer")


def sampling(deploy: Deploy, end_ids: AbstractSet[int]) -> dict[str, object]:
    """The recipe's settings in vLLM's words.

    End tokens are named and vLLM's own are left out, so that both engines stop at the same ones.
    """
    return {
        **PLAIN,
        "temperature": deploy.temperature,
        "top_p": deploy.top_p,
        "top_k": deploy.top_k,
        "max_tokens": deploy.max_tokens,
        "ignore_eos": True,
        "stop_token_ids": sorted(end_ids),
        "logprobs": 0,
    }


def shaped(deploy: Deploy) -> bool:
    """Whether the distribution that is sampled from differs from the model's own."""
    return deploy.temperature not in (0.0, 1.0) or deploy.top_p < 1 or deploy.top_k > 0


def are_at_the_settings(probes: Sequence[float]) -> bool:
    """Whether log-probabilities of what `probe` samples are those of the distribution that was sampled from."""
    return all(abs(value) < 1e-3 for value in probes)


RAW = (
    "vLLM gives log-probabilities of the model alone, not at the sampling settings, which a trace records; "
    "start it with --logprobs-mode processed_logprobs"
)
