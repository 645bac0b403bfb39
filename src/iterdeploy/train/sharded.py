"""A training by processes of one torch.distributed group: DDP, or FSDP2 for a model that fits on no single card.

accelerate prepares the model. The group adds gradients in an order of its own, so the result agrees with `fit` to
rounding and not to the byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from iterdeploy.seeds import seed_of
from iterdeploy.store import disk
from iterdeploy.train.adapters import left_on_cpu
from iterdeploy.train.batches import Row
from iterdeploy.train.diet import Step, audit, row_scales, split, steps_of
from iterdeploy.train.fit import CHECKPOINT, State, refuse_unless_finite, token_losses, whole
from iterdeploy.train.optimizers import Optimizer
from iterdeploy.train.work import Lesson, Report, Worker, end_ids, one_thread, trainable, validation_loss


def train_sharded(worker: Worker, lesson: Lesson, report: Report) -> None:
    """Take part in the group that this process is in; its rank 0 leaves the adapter.

    All hold the same lesson; `lesson.out` and `lesson.scratch` may lie on different machines, but a checkpoint must be
    in all or in none. The variables of torchrun (RANK, LOCAL_RANK, WORLD_SIZE) are set, as accelerate expects.
    """
    worker.engine = None  # a model that answers would take the room
    with left_on_cpu():
        torch.manual_seed(lesson.seed)
        model, tokenizer = trainable(worker.recipe, lesson.start)
    accelerator = _accelerator(worker.recipe.train.sharding, model)
    with one_thread():
        checked, losses, last = _trained(worker, lesson, model, tokenizer, accelerator, report)
        values = {name: whole(p).cpu() for name, p in model.named_parameters() if p.requires_grad}
        if dist.get_rank() == 0:
            _leave(worker, lesson, values, checked, losses, last)


class _Losses(torch.nn.Module):
    """The model with its losses as one module: the group must see the head's part, too, which long rows chunk."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, rows: Sequence[Row], pad: int) -> torch.Tensor:
        return token_losses(self.model, rows, pad)


def _accelerator(how: str, model: Any) -> Any:
    """An Accelerator for DDP or FSDP2; under FSDP a decoder layer is gathered only while it computes."""
    from accelerate import Accelerator
    from accelerate.utils import FullyShardedDataParallelPlugin

    on_cpu = not torch.cuda.is_available()
    if how == "ddp":
        return Accelerator(cpu=on_cpu)
    kinds = set(getattr(model, "_no_split_modules", None) or ())
    plugin = FullyShardedDataParallelPlugin(
        fsdp_version=2,
        auto_wrap_policy="transformer_based_wrap",
        transformer_cls_names_to_wrap=sorted(kinds & {type(part).__name__ for part in model.modules()}),
        cpu_ram_efficient_loading=False,  # every process opened the whole base
    )
    accelerator = Accelerator(cpu=on_cpu, fsdp_plugin=plugin)
    if on_cpu:
        _allow_fsdp_on_cpus(accelerator, plugin)
    return accelerator


def _allow_fsdp_on_cpus(accelerator: Any, plugin: Any) -> None:
    """Set what AcceleratorState sets for a group of GPUs, and for one of CPUs does not.

    All that follows, `Accelerator.prepare` above all, then takes the way that it takes on GPUs; torch's fully_shard
    does not mind. It is for tests: there is nothing to gain from FSDP on CPUs.
    """
    from accelerate.utils import DistributedType

    accelerator.state.distributed_type = DistributedType.FSDP
    accelerator.state.fsdp_plugin = plugin


def _trained(
    worker: Worker,
    lesson: Lesson,
    model: Any,
    tokenizer: Any,
    accelerator: Any,
    report: Report,
) -> tuple[dict[str, int], list[float], float | None]:
    """(audit, losses by step, validation loss), the same on all ranks."""
    recipe, rank, size = worker.recipe.train, dist.get_rank(), dist.get_world_size()
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
    spread, *_ = accelerator.prepare(_Losses(model), *optimizer.parts)
    optimizer.take_parameters()
    state, pad = State(Path(lesson.scratch) / "training.safetensors", lesson.job), tokenizer.pad_token_id or 0
    losses = state.restore(optimizer)
    model.train()
    for number, step in enumerate(steps_of(kept, recipe, lesson.names, lesson.seed)):
        if number < len(losses):
            continue
        torch.manual_seed(seed_of(lesson.seed, "dropout", number, rank))
        rows, scales = _share(step, recipe.loss, rank, size)
        loss = (spread(rows, pad) * torch.tensor(scales, device=model.device)).sum()
        accelerator.backward(loss * size)  # the group takes the mean, and a step is a sum
        losses.append(_summed(loss))
        refuse_unless_finite(losses)
        optimizer.step()
        # all weights, and what their optimizer holds, would be too much to send so often
        if recipe.method == "lora" and len(losses) % CHECKPOINT == 0:
            state.save(optimizer, losses, write=rank == 0)
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
