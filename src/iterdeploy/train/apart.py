"""Training here, deployment elsewhere: a Trainer whose models answer in another engine or on another machine.

What holds memory on one side is closed before the other begins, so that one card serves both in turn.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from iterdeploy.errors import BadInput, RunError
from iterdeploy.models.canary import TOP, Expected, cuts
from iterdeploy.models.chat_audit import end_ids
from iterdeploy.models.vllm import Backend, VllmModel
from iterdeploy.recipe import Precision
from iterdeploy.train.adapters import base_folder, content_id, open_generation
from iterdeploy.train.local import LocalTrainer
from iterdeploy.types import Model, Request, Trainer, TrainingJob


class Apart:
    """A Trainer that trains with `trainer` and opens generations with `load`. Either may have close()."""

    def __init__(self, trainer: Trainer, load: Callable[[Path | None], Model]) -> None:
        self._trainer, self._load = trainer, load
        self._model: Model | None = None

    def __enter__(self) -> Apart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_model()

    def train(self, job: TrainingJob) -> None:
        """Train, with no model deployed."""
        self._close_model()
        self._trainer.train(job)

    def load(self, adapter: Path | None) -> Model:
        """The model of one generation; what trained lets go of its memory first."""
        self._close_model()
        _close(self._trainer)
        self._model = self._load(adapter)
        return self._model

    def _close_model(self) -> None:
        model, self._model = self._model, None
        _close(model)


def _close(thing: object) -> None:
    close = getattr(thing, "close", None)
    if callable(close):
        close()


def on_vllm(trainer: LocalTrainer, server: str = "") -> Apart:
    """The local trainer with generations deployed on vLLM: at the address `server`, or else in this process.

    Raises BadInput, ServerFailed if that can't be: before anything is computed.
    """
    recipe = trainer.recipe
    base, whole = recipe.base.model, recipe.train.method == "full" and recipe.generations > 0
    ends = end_ids(Path(base_folder(base)), trainer.tokenizer)
    backend: Backend
    if server:
        from iterdeploy.models.vllm_server import VllmServer

        if whole:
            raise BadInput(
                "train.method is 'full', and a server of vLLM takes adapters alone; set train.method=lora, "
                "or leave --server out"
            )
        backend = VllmServer(server, recipe.deploy, ends, swaps=recipe.generations > 0)
    else:
        from iterdeploy.models.vllm_engine import VllmEngine

        backend = VllmEngine(base_folder(base), recipe.deploy, ends, 0 if whole else recipe.train.rank)

    def load(adapter: Path | None) -> Model:
        name = content_id(base, adapter)

        def expect(texts: Sequence[tuple[int, ...]]) -> Expected:
            return expected(base, adapter, name, texts, recipe.base.precision)

        return VllmModel(name, adapter, backend, _Reader(trainer), expect, recipe.deploy.max_tokens, ends)

    return Apart(trainer, load)


class _Reader:
    """Prompts and answers as the local trainer reads them."""

    def __init__(self, trainer: LocalTrainer) -> None:
        self._trainer = trainer

    def prompt_ids(self, requests: Sequence[Request]) -> list[list[int]]:
        return self._trainer.prompt_ids(requests)

    def opened(self, requests: Sequence[Request]) -> str:
        return self._trainer.opened(requests)

    def score(
        self, adapter: Path | None, answers: Sequence[tuple[Sequence[int], Sequence[int]]]
    ) -> list[float]:
        found = self._trainer.load(adapter).score(answers)
        self._trainer.close()
        return found

    def text(self, token_ids: Sequence[int]) -> str:
        text: str = self._trainer.tokenizer.decode(list(token_ids), skip_special_tokens=False)
        return text


def expected(
    base: str,
    adapter: Path | None,
    name: str,
    texts: Sequence[tuple[int, ...]],
    precision: Precision = "auto",
) -> Expected:
    """Log-probabilities of the TOP likeliest next tokens at the cuts of `texts`, of a generation and of its base.

    The model is opened for this alone and is gone afterwards. Raises RunError if it is no longer the one of `name`.
    """
    import torch

    from iterdeploy.train.work import one_thread

    with one_thread():
        model, _ = open_generation(base, adapter, precision=precision)
        found = content_id(base, adapter)
        if found != name:
            raise RunError(
                f"{adapter or base} was {name} and is now {found}: somebody replaced it; start the command again"
            )
        dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
        model.eval()
        scores = _next(model, texts)
        tokens = scores.topk(min(TOP, scores.shape[-1])).indices
        generation = plain = scores.gather(1, tokens)
        if hasattr(model, "disable_adapter"):
            with model.disable_adapter():
                plain = _next(model, texts).gather(1, tokens)
    del model, scores
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return Expected(
        generation=tuple(generation.flatten().tolist()),
        base=tuple(plain.flatten().tolist()),
        texts=tuple(texts),
        tokens=tuple(map(tuple, tokens.tolist())),
        dtype=dtype,
    )


def _next(model: Any, texts: Sequence[tuple[int, ...]]) -> Any:
    """Log-probabilities of the next token at all cuts of all texts: [places, vocabulary]."""
    import torch

    found = []
    with torch.inference_mode():
        for text in texts:
            ids = torch.tensor([text], device=model.device)
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
            found.append(logits[[cut - 1 for cut in cuts(text)]].float().log_softmax(-1))
    return torch.cat(found)
