"""The training loop: gradients of fixed shards, added in a fixed order, one optimizer step after another.

It can be killed at any step: every CHECKPOINT steps all that moves is written to one file, and the same bytes come out.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch.utils.checkpoint import checkpoint

from iterdeploy.errors import TrainingRefused
from iterdeploy.models.chunks import chunks, hidden_states, is_large, logits, refuse_unless_alike
from iterdeploy.models.device import release
from iterdeploy.recipe import Train
from iterdeploy.seeds import seed_of
from iterdeploy.store import disk
from iterdeploy.train.adapters import quietly
from iterdeploy.train.batches import IGNORED, Batch, Row, collate
from iterdeploy.train.diet import SHARDS, Step, row_scales
from iterdeploy.train.optimizers import Optimizer

_log = logging.getLogger(__name__)

CHECKPOINT = 50
"""Steps between two checkpoints."""

Report = Callable[[int, float], None]  # steps done, loss of the last one


class Exchange(Protocol):
    """How workers add their gradients; `mine` are the shards that this one computes."""

    rank: int
    mine: Sequence[int]

    def add(self, step: int, vectors: dict[int, torch.Tensor]) -> torch.Tensor:
        """The sum over all shards, in shard order; shape [parameters + 1]."""
        ...


class Alone:
    """One worker that computes every shard."""

    rank = 0
    mine: Sequence[int] = tuple(range(SHARDS))

    def add(self, step: int, vectors: dict[int, torch.Tensor]) -> torch.Tensor:
        total = vectors[0]
        for shard in range(1, SHARDS):
            total = total + vectors[shard]
        return total


@dataclass(frozen=True, slots=True)
class Outcome:
    """Losses by step, in nats as `loss` defines them."""

    losses: list[float]


def token_losses(model: Any, rows: Sequence[Row], pad: int) -> torch.Tensor:
    """Summed cross-entropy of each row's completion, in nats. Shape [rows]."""
    batch = collate(rows, pad)
    device = model.device
    labels = batch.labels[:, 1:].to(device)
    keep = labels.shape[1] - min(len(row.prompt) for row in rows) + 2
    if is_large(model, len(rows), keep):
        return _losses_in_chunks(model, batch, labels[:, 1 - keep :])
    made = model(
        input_ids=batch.input_ids.to(device),
        attention_mask=batch.mask.to(device),
        position_ids=batch.positions.to(device),
        logits_to_keep=keep,
        use_cache=False,
    ).logits[:, :-1]
    wanted = labels[:, -made.shape[1] :]
    losses = torch.nn.functional.cross_entropy(
        made.flatten(0, 1).float(), wanted.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return losses.view(wanted.shape).sum(1)


def _losses_in_chunks(model: Any, batch: Batch, wanted: torch.Tensor) -> torch.Tensor:
    """The same where all logits at once are too many; those of a chunk are made again for its gradient."""
    refuse_unless_alike(model)
    device = model.device
    states = hidden_states(
        model,
        input_ids=batch.input_ids.to(device),
        attention_mask=batch.mask.to(device),
        position_ids=batch.positions.to(device),
    )[:, -1 - wanted.shape[1] : -1]

    def summed(part: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        losses = torch.nn.functional.cross_entropy(
            logits(model, part).flatten(0, 1).float(),
            labels.flatten(),
            ignore_index=IGNORED,
            reduction="none",
        )
        return losses.view(labels.shape).sum(1)

    parts = chunks(model, *wanted.shape)
    sums = [checkpoint(summed, states[:, part], wanted[:, part], use_reentrant=False) for part in parts]
    return torch.stack(sums).sum(0)


@dataclass(slots=True)
class Room:
    """What a training has learned of its memory: padded tokens that did not fit, which are not tried again."""

    too_much: float = math.inf


def shard_gradient(
    model: Any,
    parameters: Sequence[torch.Tensor],
    rows: Sequence[Row],
    scales: Sequence[float],
    pad: int,
    room: Room | None = None,
) -> torch.Tensor:
    """The gradient of one shard as one vector, its scaled loss appended. Shape [parameters + 1].

    Rows that do not fit into memory together are computed in halves. Raises TrainingRefused if one alone does not fit.
    """
    if not rows:
        return torch.zeros(sum(p.numel() for p in parameters) + 1, device=parameters[0].device)
    room = room or Room()
    tokens = len(rows) * max(map(len, rows))
    if len(rows) == 1 or tokens < room.too_much:
        try:
            return _gradient(model, parameters, rows, scales, pad)
        except torch.OutOfMemoryError:
            if len(rows) == 1:
                raise _too_long(rows[0], model) from None
        release()
        room.too_much = tokens
        _log.warning("%d rows do not fit into memory together; they are computed in halves", len(rows))
    half = len(rows) // 2
    first = shard_gradient(model, parameters, rows[:half], scales[:half], pad, room)
    return first + shard_gradient(model, parameters, rows[half:], scales[half:], pad, room)


def _too_long(row: Row, model: Any) -> TrainingRefused:
    with quietly():
        anew = "" if model.is_gradient_checkpointing else "set train.checkpointing='on', "
    return TrainingRefused(
        f"the example of trace {row.trace_id or '?'}, {len(row.prompt)} prompt and {len(row.completion)} completion "
        f"tokens, does not fit into memory by itself; {anew}leave such answers out by a smaller deploy.max_tokens, "
        "or train on a larger card"
    )


def _gradient(
    model: Any, parameters: Sequence[torch.Tensor], rows: Sequence[Row], scales: Sequence[float], pad: int
) -> torch.Tensor:
    loss = (token_losses(model, rows, pad) * torch.tensor(list(scales), device=model.device)).sum()
    grads = torch.autograd.grad(loss, list(parameters))
    return torch.cat([*(g.reshape(-1) for g in grads), loss.detach().reshape(1)])


def fit(
    model: Any,
    steps: Iterator[Step],
    optimizer: Optimizer,
    recipe: Train,
    pad: int,
    seed: int,
    exchange: Exchange,
    state: State,
    report: Report,
) -> Outcome:
    """Train until the steps are over, going on from `state` if it holds any."""
    parameters, losses, room = optimizer.parameters, state.restore(optimizer), Room()
    model.train()
    for number, step in enumerate(steps):
        if number < len(losses):
            continue
        scales = row_scales(step, recipe.loss)
        vectors = {}
        for shard in exchange.mine:
            torch.manual_seed(seed_of(seed, "dropout", number, shard))
            rows = step.shards[shard] if shard < len(step.shards) else ()
            scale = scales[shard] if rows else ()
            vectors[shard] = shard_gradient(model, parameters, rows, scale, pad, room)
        total = exchange.add(number, vectors)
        losses.append(round(float(total[-1]), 6))
        refuse_unless_finite(losses)
        set_gradients(parameters, total)
        optimizer.step()
        if exchange.rank == 0:
            if len(losses) % CHECKPOINT == 0:
                state.save(optimizer, losses)
            report(len(losses), losses[-1])
    return Outcome(losses)


def refuse_unless_finite(losses: Sequence[float]) -> None:
    """Raise TrainingRefused if the last loss is not a number to go on from."""
    if not math.isfinite(losses[-1]):
        raise TrainingRefused(
            f"the loss of step {len(losses)} is {losses[-1]}: the training went astray, and nothing of it is kept; "
            "lower train.learning_rate, or set train.clip"
        )


def set_gradients(parameters: Sequence[torch.Tensor], vector: torch.Tensor) -> None:
    """Cut the vector into the parameters' gradients."""
    at = 0
    for p in parameters:
        p.grad = vector[at : at + p.numel()].view(p.shape).to(p.device, p.dtype, copy=True)
        at += p.numel()


class State:
    """What a killed training goes on from: parameters, optimizer state and losses, in one file."""

    def __init__(self, file: Path, job: str) -> None:
        self.file, self.job = file, job

    def save(self, optimizer: Optimizer, losses: Sequence[float], write: bool = True) -> None:
        """Write the file anew, in place by rename; processes that share a model all call this, and one writes."""
        meta = {"job": self.job, "losses": json.dumps(list(losses))}
        tensors = {}
        for key, value in _tensors(optimizer).items():
            gathered = whole(value)
            if write:
                tensors[key] = gathered.cpu().contiguous()
        if write:
            disk.put(self.file, save(tensors, metadata=meta))

    def restore(self, optimizer: Optimizer) -> list[float]:
        """Put back what was saved for this very job; the losses so far, empty if there is none."""
        if not self.file.is_file():
            return []
        try:
            with safe_open(self.file, framework="pt") as saved:
                return self._put_back(optimizer, saved)
        except SafetensorError as problem:  # a power cut may leave a name without its bytes
            _log.warning("%s is torn (%s); the training begins anew", self.file, problem)
            return []

    def _put_back(self, optimizer: Optimizer, saved: Any) -> list[float]:
        meta = saved.metadata() or {}
        if meta.get("job") != self.job:
            return []
        optimizer.prime()
        with torch.no_grad():
            for name, tensor in _tensors(optimizer).items():
                tensor.copy_(_cut_like(tensor, saved.get_tensor(name)))
        losses: list[float] = json.loads(meta["losses"])
        optimizer.done = len(losses)
        return losses


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """All of a tensor that may be cut among processes; each of them must ask for it."""
    gathered: torch.Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return gathered.detach()


def _cut_like(tensor: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """A whole value, cut among processes if the tensor that it is for is cut."""
    if not hasattr(tensor, "full_tensor"):
        return value
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(tensor, DTensor)
    return distribute_tensor(value.to(tensor.device), tensor.device_mesh, tensor.placements)


def _tensors(optimizer: Optimizer) -> dict[str, torch.Tensor]:
    """Every tensor that a step changes, by a stable name."""
    found: dict[str, torch.Tensor] = {}
    for i, p in enumerate(optimizer.parameters):
        found[f"parameter.{i}"] = p
        for part in optimizer.parts:
            for key, value in part.state.get(p, {}).items():
                found[f"state.{i}.{key}"] = value
    return found
