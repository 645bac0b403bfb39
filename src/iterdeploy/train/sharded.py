"""A training by processes of one torch.distributed group: DDP, or FSDP2 for a model that fits on no single card.

The group adds gradients in an order of its own, so the result agrees with `fit` to rounding and not to the byte. This
uses torch's own `fully_shard`, which accelerate's FSDP plug-in wraps: on CPUs, where it is tested, accelerate leaves
FSDP out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from iterdeploy.seeds import seed_of
from iterdeploy.store import disk
from iterdeploy.train.adapters import left_on_cpu
from iterdeploy.train.batches import Row
from iterdeploy.train.diet import Step, audit, row_scales, split, steps_of
from iterdeploy.train.fit import refuse_unless_finite, token_losses
from iterdeploy.train.optimizers import Optimizer
from iterdeploy.train.work import Lesson, Report, Worker, end_ids, one_thread, trainable, validation_loss

PATIENCE = timedelta(minutes=30)
"""How long one process waits for the others before the group gives up."""


def train_sharded(worker: Worker, lesson: Lesson, address: str, rank: int, size: int, report: Report) -> None:
    """Take part as `rank` of `size`; rank 0, which listens at `address` (HOST:PORT), leaves the adapter.

    All hold the same lesson; `lesson.out` may lie on different machines. A killed training of this kind begins anew.
    """
    worker.engine = None  # a model that answers would take the room
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    with _group(backend, address, rank, size), one_thread():
        with left_on_cpu():
            torch.manual_seed(lesson.seed)
            model, tokenizer = trainable(worker.recipe, lesson.start)
        spread = _spread(_Losses(model), worker.recipe.train.sharding)
        checked, losses, last = _trained(worker, lesson, model, tokenizer, spread, rank, size, report)
        values = {name: _whole(p) for name, p in model.named_parameters() if p.requires_grad}
        if rank == 0:
            _leave(worker, lesson, values, checked, losses, last)


@contextmanager
def _group(backend: str, address: str, rank: int, size: int) -> Iterator[None]:
    dist.init_process_group(
        backend, init_method=f"tcp://{address}", rank=rank, world_size=size, timeout=PATIENCE
    )
    try:
        yield
    finally:
        dist.destroy_process_group()


class _Losses(torch.nn.Module):
    """The model with its losses as one module: the group must see the head's part, too, which long rows chunk."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, rows: Sequence[Row], pad: int) -> torch.Tensor:
        return token_losses(self.model, rows, pad)


def _spread(losses: _Losses, how: str) -> Any:
    """What is called in place of these. Under FSDP a decoder layer is gathered only while it computes."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if how == "ddp":
        return torch.nn.parallel.DistributedDataParallel(losses.to(device))
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device, (dist.get_world_size(),))
    model = losses.model
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    kinds = set(getattr(inner, "_no_split_modules", None) or ())
    for part in [module for module in model.modules() if type(module).__name__ in kinds]:
        fully_shard(part, mesh=mesh)
    return fully_shard(losses, mesh=mesh)


def _trained(
    worker: Worker,
    lesson: Lesson,
    model: Any,
    tokenizer: Any,
    spread: Any,
    rank: int,
    size: int,
    report: Report,
) -> tuple[dict[str, int], list[float], float | None]:
    """(audit, losses by step, validation loss), the same on all ranks."""
    recipe = worker.recipe.train
    kept, validation = split(lesson.examples, recipe.validation_share, lesson.seed)
    checked = audit(kept, validation, end_ids(model, tokenizer), recipe, worker.recipe.curate.rule != "none")
    total = sum(1 for _ in steps_of(kept, recipe, lesson.names, lesson.seed))
    if rank == 0:
        report(0, total, checked.sentence())
    optimizer = Optimizer(
        [(n, p) for n, p in model.named_parameters() if p.requires_grad], recipe.optimizer, recipe.learning_rate,
        weight_decay=recipe.weight_decay, steps=total, warmup_share=recipe.warmup_share, schedule=recipe.schedule,
        clip=recipe.clip,
    )  # fmt: skip
    pad, losses = tokenizer.pad_token_id or 0, []
    model.train()
    for number, step in enumerate(steps_of(kept, recipe, lesson.names, lesson.seed)):
        torch.manual_seed(seed_of(lesson.seed, "dropout", number, rank))
        rows, scales = _share(step, recipe.loss, rank, size)
        loss = (spread(rows, pad) * torch.tensor(scales, device=model.device)).sum()
        torch.autograd.backward(loss * size)  # the group takes the mean, and a step is a sum
        losses.append(_summed(loss))
        refuse_unless_finite(losses)
        optimizer.step()
        if rank == 0:
            report(len(losses), total, f"loss {losses[-1]:.4f}")
    return (
        asdict(checked),
        losses,
        validation_loss(model, validation, pad, lambda _, rows, pad: spread(rows, pad)),
    )


def _share(step: Step, loss: str, rank: int, size: int) -> tuple[list[Row], list[float]]:
    """The rows of one process and their scales; one that gets none computes a row that does not count, for its peers
    wait for it in every layer."""
    rows = [row for shard in step.shards for row in shard]
    scales = [scale for shard in row_scales(step, loss) for scale in shard]
    return (rows[rank::size], scales[rank::size]) if rows[rank::size] else (rows[:1], [0.0])


def _summed(loss: torch.Tensor) -> float:
    total = loss.detach().clone()
    dist.all_reduce(total)
    return round(float(total), 6)


def _whole(p: torch.Tensor) -> torch.Tensor:
    """All of a parameter that may be cut among the processes; each must ask for it."""
    gathered: torch.Tensor = p.full_tensor() if hasattr(p, "full_tensor") else p
    return gathered.detach().cpu()


def _leave(
    worker: Worker,
    lesson: Lesson,
    values: dict[str, torch.Tensor],
    checked: dict[str, int],
    losses: Sequence[float],
    validation: float | None,
) -> None:
    """Put what was trained into a model that is whole, and write that as every training does."""
    with left_on_cpu():
        worker.model, worker.tokenizer = trainable(worker.recipe, lesson.start)
    named = dict(worker.model.named_parameters())
    with torch.no_grad():
        for name, value in values.items():
            named[name].copy_(value)
    with disk.filling(Path(lesson.out)):
        worker.leave(Path(lesson.out), checked, losses, validation)
    del worker.model
