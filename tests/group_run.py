"""A training of a few steps on the tiny model: its recipe and lesson, and one process of a group that does it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import local_run
import tiny
import torch
from safetensors.torch import load_file

from iterdeploy.recipe import Recipe
from iterdeploy.types import Example

STEPS = 6


def recipe(base: Path, sharding: Any = "none") -> Recipe:
    """Plain AdamW: what Muon does to rounding would hide a wrong sum."""
    of = local_run.recipe(base)
    how = replace(
        of.train, sharding=sharding, max_steps=STEPS, dropout=0.0, augment="none", optimizer="adamw"
    )
    return replace(of, train=how)


def examples(base: Path) -> list[Example]:
    """Tasks with their solutions; an odd number in a step now and then."""
    from iterdeploy.train.adapters import open_tokenizer

    rows = tiny.rows(open_tokenizer(str(base)))[:13]
    return [Example(f"t{i}", "t", tuple(r.prompt), tuple(r.completion)) for i, r in enumerate(rows)]


def trained(out: Path) -> tuple[dict[str, torch.Tensor], list[float]]:
    """(matrices, losses by step) of the adapter in a folder."""
    rows = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    return load_file(out / "adapter_model.safetensors"), [row["loss"] for row in rows]


def assert_agree(alone: Path, group: Path, steps: int = STEPS) -> None:
    """Two adapters are one training's, to rounding, and it moved them."""
    (one, losses), (two, others) = trained(alone), trained(group)
    assert len(losses) == len(others) == steps
    assert max(abs(a - b) for a, b in zip(losses, others, strict=True)) < 1e-4
    assert one.keys() == two.keys()
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-4
    assert max(float(one[name].abs().max()) for name in one if "lora_B" in name) > 1e-2, (
        "zero before the first step"
    )
    assert sorted(p.name for p in alone.iterdir()) == sorted(p.name for p in group.iterdir())
    config = "adapter_config.json"
    assert (alone / config).read_bytes() == (group / config).read_bytes()


def take_part(rank: int, base: str, folder: str, address: str, sharding: str, most: int) -> None:
    """The life of one of two processes; each has a folder of its own, as on machines of their own."""
    import torch.distributed as dist

    from iterdeploy.models import chunks
    from iterdeploy.train.sharded import train_sharded
    from iterdeploy.train.work import Lesson, Worker

    chunks.MOST = most
    place = Path(folder) / str(rank)
    (place / "out").mkdir(parents=True)
    lesson = Lesson(tuple(examples(Path(base))), None, str(place / "out"), str(place), 7, (), "job")
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    dist.init_process_group("gloo", init_method=f"tcp://{address}", rank=rank, world_size=2)
    train_sharded(Worker(recipe(Path(base), sharding)), lesson, lambda *_: None)
    dist.destroy_process_group()


def go_on_from_a_checkpoint(rank: int, folder: str, address: str) -> None:
    """The life of one of two processes that share a few matrices: six steps, and three twice with a checkpoint."""
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    from iterdeploy.train.fit import State, whole
    from iterdeploy.train.optimizers import Optimizer

    dist.init_process_group("gloo", init_method=f"tcp://{address}", rank=rank, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    rows = torch.randn(8, 16, generator=torch.Generator().manual_seed(1))

    def opened(kind: Any) -> tuple[torch.nn.Module, Optimizer]:
        torch.manual_seed(0)
        layers = [torch.nn.Linear(16, 4), torch.nn.Linear(4, 24, bias=False), torch.nn.Linear(24, 5)]
        model = torch.nn.Sequential(*layers)
        fully_shard(model, mesh=mesh)
        return model, Optimizer(list(model.named_parameters()), kind, 0.02, steps=8)

    def trained(model: torch.nn.Module, optimizer: Optimizer) -> list[torch.Tensor]:
        for _ in range(3):
            torch.autograd.backward(model(rows).square().sum())
            optimizer.step()
        return [whole(p).clone() for p in model.parameters()]

    for kind in ("adamw", "muon"):
        state = State(Path(folder) / kind, "job")
        model, optimizer = opened(kind)
        trained(model, optimizer)
        state.save(optimizer, [3.0, 2.0, 1.0], write=rank == 0)
        dist.barrier()
        wanted = trained(model, optimizer)
        model, optimizer = opened(kind)
        assert state.restore(optimizer) == [3.0, 2.0, 1.0]
        assert all(torch.equal(a, b) for a, b in zip(wanted, trained(model, optimizer), strict=True))
    dist.destroy_process_group()
