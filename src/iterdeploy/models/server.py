"""Any server that speaks as OpenAI's does, as the model: deployed, validated and curated here, trained elsewhere.

No token ids are known of its answers, and its weights can't be looked at: its id is a name and not its content.
"""

from __future__ import annotations

import logging
import re
import threading
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from iterdeploy.errors import BadInput, ServerFailed, TrainingRefused, WrongModel, nearest
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
from iterdeploy.models.pace import Pace
from iterdeploy.models.server_reply import Reply, filtered, read_reply
from iterdeploy.models.spending import Spending, Spent
from iterdeploy.models.turns import turns_of
from iterdeploy.recipe import Deploy, Recipe
from iterdeploy.types import Request, Trace, TrainingJob

_log = logging.getLogger(__name__)

Failed = TypeVar("Failed", bound=ServerFailed)

KEY = "ITERDEPLOY_SERVER_KEY"
"""The variable that a key is read from. One of our own, so that no other service's key goes to a wrong address."""

TRIAL = "Answer with the single word: ready"
"""What a server is asked before a run has a folder: a wrong address, key, name or setting is told at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a server is asked: all that no answer depends on. Set one by one with --server-set KEY=VALUE."""

    model: str = ""  # its name there, if it is not base.model
    key_from: str = KEY  # the environment variable that holds the key
    at_once: int = 16  # answers under way at a time
    requests_per_minute: float = 0  # 0: no limit
    tokens_per_minute: float = 0  # of prompts and answers; 0: no limit
    timeout: float = 1800  # seconds for one attempt
    attempts: int = 8
    price_prompt: float = 0  # for a million tokens, in any currency
    price_answer: float = 0
    max_cost: float = 0  # in that currency, of the whole run; 0: no limit
    seed: bool = True  # send the seed of each answer; some servers refuse one


def terms_of(settings: Iterable[str]) -> Terms:
    """The Terms that settings such as "at_once=8" state. Raises BadInput with the nearest key."""
    found: dict[str, Any] = {}
    known = {part.name: part for part in fields(Terms)}
    for setting in settings:
        key, equals, text = (part.strip() for part in setting.partition("="))
        if key not in known or not equals:
            raise BadInput(f"--server-set {setting!r}: write KEY=VALUE; {nearest(key, known)}")
        if isinstance(known[key].default, str):
            found[key] = text
            continue
        try:
            found[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[key] = text
    try:
        terms = msgspec.convert(found, Terms, strict=True)
    except msgspec.ValidationError as problem:
        raise BadInput(f"--server-set: {str(problem).replace(' - at `$.', ' for `')}") from problem
    _check(terms)
    return terms


def _check(terms: Terms) -> None:
    values = asdict(terms)
    least = {"at_once": 1, "attempts": 1, "timeout": 0.001}
    for key, value in values.items():
        if isinstance(value, int | float) and not least.get(key, 0) <= value < 1e12:
            raise BadInput(f"--server-set {key}={value}: it must be {least.get(key, 0)} or more")
    if terms.max_cost and not (terms.price_prompt or terms.price_answer):
        raise BadInput(
            "--server-set max_cost needs prices: price_prompt and price_answer, for a million tokens each"
        )


class Server:
    """One model on one server. Safe for many threads."""

    def __init__(
        self, url: str, deploy: Deploy, name: str, terms: Terms, patience: Patience | None = None
    ) -> None:
        self.deploy, self.terms, self.name = deploy, terms, name
        self.url = f"{_root(url)}/{'chat/completions' if deploy.api == 'chat' else 'completions'}"
        self._key = _key(terms.key_from)
        self._patience = patience or Patience(attempts=terms.attempts, silence=terms.timeout)
        self._pace = Pace(terms.requests_per_minute, terms.tokens_per_minute)
        self._limit = "max_tokens"
        self._lock = threading.Lock()
        self.spending = Spending(terms.max_cost)
        self.reported, self._fingerprint = "", ""

    def try_out(self) -> None:
        """Ask one short question, to learn the model's name. Raises ServerFailed with what is wrong."""
        patience = replace(self._patience, attempts=min(3, self._patience.attempts))
        trial = Request("", "", TRIAL, 0, 0, 0)
        try:
            reply = self.ask(trial, patience)
        except Refused as problem:
            if "max_completion_tokens" not in problem.said:
                raise
            self._limit = (
                "max_completion_tokens"  # the newer name of the same, and the only one that some take
            )
            reply = self.ask(trial, patience)
        self.reported, self._fingerprint = reply.model or self.name, reply.fingerprint

    def ask(self, request: Request, patience: Patience | None = None) -> Reply:
        """One answer, with as many attempts as patience allows; what it took is kept. Raises WrongModel."""
        body, began = self._body(request), time.monotonic()
        read = len(request.prompt.encode())  # no tokenizer makes more tokens than there are bytes
        most = read + self.deploy.max_tokens
        ticket = self.spending.reserve(self._cost(read, self.deploy.max_tokens))
        row: Spent | None = None
        try:
            reply = patiently(
                lambda: self._attempt(body, read // 3 + self.deploy.max_tokens), patience or self._patience
            )
            row = self._spent(request, reply, most, time.monotonic() - began)
        finally:
            self.spending.settle(ticket, row)
        self._notice(reply)
        return reply

    def _attempt(self, body: Mapping[str, Any], expected: int) -> Reply:
        self._pace.take(expected)
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            held = ask(self.url, body, headers=headers, silence=self._patience.silence)
            reply = read_reply(self.url, held, self.deploy.max_tokens)
        except Unreachable as problem:
            self._pace.hold(problem.pause)
            self._pace.give_back(expected)
            if "insufficient_quota" in str(
                problem
            ):  # has the status of a rate limit, and no pause will mend it
                raise Refused(self._hidden(problem), 429, str(problem)) from None
            raise Unreachable(self._hidden(problem), problem.pause) from None
        except Refused as problem:
            if (answer := filtered(problem)) is not None:
                return replace(answer, model=self.reported)
            raise Refused(self._hidden(problem), problem.status, problem.said) from None
        if reply.completion_tokens is not None:
            used = (reply.prompt_tokens or 0) + reply.completion_tokens
            self._pace.give_back(expected - used)
        return reply

    def _hidden(self, problem: ServerFailed) -> str:
        """A message without the key, which some servers repeat."""
        return str(problem).replace(self._key, "***") if self._key else str(problem)

    def _body(self, request: Request) -> dict[str, Any]:
        """What is sent. A setting at its neutral value is left out, for not every server knows it."""
        how = self.deploy
        asked: dict[str, Any] = {
            "model": self.name,
            "temperature": how.temperature,
            self._limit: how.max_tokens,
        }
        if how.api == "chat":
            asked["messages"] = turns_of(request.prompt)[0]
        else:
            asked["prompt"] = request.prompt
        if how.top_p < 1:
            asked["top_p"] = how.top_p
        if how.top_k:
            asked["top_k"] = how.top_k
        if self.terms.seed:
            asked["seed"] = request.seed % 2**31
        return asked

    def _cost(self, prompt: int, answer: int) -> float:
        return (prompt * self.terms.price_prompt + answer * self.terms.price_answer) / 1e6

    def _spent(self, request: Request, reply: Reply, most: int, seconds: float) -> Spent:
        """The row of an answer; where a server counts nothing, the most that it may be."""
        known = reply.prompt_tokens is not None and reply.completion_tokens is not None
        read = most - self.deploy.max_tokens if reply.prompt_tokens is None else reply.prompt_tokens
        said = reply.completion_tokens
        said = min(self.deploy.max_tokens, len(reply.text.encode())) if said is None else said
        return Spent(
            trace_id=request.trace_id,
            generation=request.generation,
            model=reply.model,
            fingerprint=reply.fingerprint,
            prompt_tokens=read,
            completion_tokens=said,
            reasoning_tokens=reply.reasoning_tokens or 0,
            cost=self._cost(read, said),
            estimated=not known,
            seconds=round(seconds, 3),
        )

    def _notice(self, reply: Reply) -> None:
        """Refuse an answer of another model; say when the machinery behind the same name changed."""
        if self.reported and reply.model and reply.model != self.reported:
            raise WrongModel(
                f"{self.url} was asked for {self.name} and answered as {self.reported}, now as {reply.model}: another "
                "model, whose answer is not taken; ask for one that stays (base.model, often a name with a date) in "
                "a new folder"
            )
        with self._lock:
            before, self._fingerprint = self._fingerprint, reply.fingerprint or self._fingerprint
        if before and before != self._fingerprint:
            _log.warning(
                "%s: system_fingerprint was %s and is %s: what is behind the name may have changed",
                self.name, before, self._fingerprint,
            )  # fmt: skip


class ServerModel:
    """The model of a run, by its name."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.id = f"server-{re.sub(r'[^A-Za-z0-9._:/@+-]', '_', server.reported)}"

    def answer(self, requests: Sequence[Request], done: AbstractSet[str] = frozenset()) -> Iterator[Trace]:
        """Traces as they finish; only what is not done is asked for."""
        left = [request for request in requests if request.trace_id not in done]
        yield from as_finished(left, self._trace, self._server.terms.at_once)

    def _trace(self, request: Request) -> Trace:
        reply = self._server.ask(request)
        return Trace(
            id=request.trace_id,
            task_id=request.task_id,
            generation=request.generation,
            sample=request.sample,
            model=self.id,
            text=reply.text,
            prompt_ids=(),
            token_ids=(),
            logprobs=(),
            finish=reply.finish,
            source="server",
        )


class ServerTrainer:
    """A Trainer that can't train: it deploys what a server answers with. Tries the server out as it is made."""

    def __init__(self, recipe: Recipe, url: str, terms: Terms, patience: Patience | None = None) -> None:
        refuse_training(recipe)
        if recipe.curate.weights != "equal":
            raise BadInput(
                f"curate.weights is {recipe.curate.weights!r}, but a server does not tell how likely an answer is; set "
                "curate.weights=equal"
            )
        if not url:
            raise BadInput(
                "deploy.engine is 'server', but no server is named; give its address: --server https://HOST/v1"
            )
        self.server = Server(url, recipe.deploy, terms.model or recipe.base.model, terms, patience)
        self.server.try_out()

    def keep_in(self, run: Path) -> None:
        """Write what answers take into the folder of this run."""
        self.server.spending.keep_in(run)

    def load(self, adapter: Path | None) -> ServerModel:
        """The model of generation 0; there is no other."""
        if adapter is not None:
            raise BadInput(f"{adapter} is an adapter, and a server of others can't be given one; {ELSEWHERE}")
        return ServerModel(self.server)

    def train(self, job: TrainingJob) -> None:
        """Raise TrainingRefused."""
        raise TrainingRefused(f"generation {job.generation} can't be trained on a server; {ELSEWHERE}")


ELSEWHERE = (
    "set generations=0 to deploy and validate; then `iterdeploy curate RUN --generation 1` chooses what to learn from, "
    "`iterdeploy export examples RUN --form messages --out FILE.jsonl` writes it for training elsewhere, and a new run "
    "with base.model set to the trained model's name measures that one"
)


def refuse_training(recipe: Recipe) -> None:
    """Raise TrainingRefused if the recipe would train what only a server has."""
    if recipe.generations:
        raise TrainingRefused(
            f"deploy.engine is 'server' and generations is {recipe.generations}: a model behind a server can't be "
            f"trained here; {ELSEWHERE}"
        )


def _root(url: str) -> str:
    """The address that endpoints are appended to: with /v1, unless its path names a version of its own."""
    root = server_url(url)
    return root if re.search(r"/v\d", urlsplit(root).path) else f"{root}/v1"


def _key(variable: str) -> str:
    key = key_of(variable)
    if not key and variable != KEY:
        raise BadInput(
            f"--server-set key_from={variable}: there is no such environment variable, or it is empty"
        )
    return key
