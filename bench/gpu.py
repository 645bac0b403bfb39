"""The loop on a GPU at a larger size: a base made there, tokens a second against the card's ceilings, CPU beside GPU.

python bench/gpu.py                        at most ten minutes on one card; needs torch, transformers, PEFT, no network
python bench/gpu.py --device cpu --quick   the same parts at a tiny size, to see that they work
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from machine import this_machine
from write import RESULTS, put

from iterdeploy import domains
from iterdeploy.domains.blocksworld import NAMES
from iterdeploy.errors import IterdeployError
from iterdeploy.loop import run_loop
from iterdeploy.models.device import release
from iterdeploy.models.engine import Engine, Sampling, cache_bytes
from iterdeploy.models.score import score
from iterdeploy.models.words import word_tokenizer
from iterdeploy.recipe import Base, Precision, Recipe, Tasks, Train
from iterdeploy.steps.answering import requests_of
from iterdeploy.store import Run
from iterdeploy.train.adapters import open_base, open_generation, with_lora
from iterdeploy.train.base import WORDS, BaseRecipe, batches, loss_of, make_base, new_model
from iterdeploy.train.batches import Row
from iterdeploy.train.fit import shard_gradient
from iterdeploy.train.local import LocalTrainer
from iterdeploy.train.optimizers import Optimizer
from iterdeploy.types import Progress

_log = logging.getLogger("gpu")


@dataclass(frozen=True, slots=True)
class Size:
    """How large it all is; the seconds are what making the base may take."""

    base: BaseRecipe
    tasks: int
    heldout: int
    generations: int  # at most
    seconds: float
    square: int  # of the matrices that the ceiling is measured with
    rows: int  # sampled together


FULL = Size(
    BaseRecipe(hidden=640, layers=12, heads=10, kv_heads=5, feed_forward=1920, tokens_per_step=16384),
    2000, 400, 20, 150.0, 8192, 64,
)  # fmt: skip
QUICK = Size(
    BaseRecipe(hidden=32, layers=1, heads=2, kv_heads=1, feed_forward=32, tokens_per_step=512),
    8, 4, 1, 2.0, 256, 4,
)  # fmt: skip


PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")

AFTER = 120.0
"""Seconds that what follows the loop may take."""


class TimeIsUp(Exception):  # noqa: N818  (it says what happened)
    """The loop has had its time; the generations that it finished are in its folder."""


def main() -> None:
    """All parts in order; each is written down as soon as it is measured."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--out", type=Path, default=RESULTS, help="folder of gpu.json and gpu.md")
    options.add_argument(
        "--work", type=Path, default=Path("runs/gpu"), help="folder of the base and the run; new"
    )
    options.add_argument("--seconds", type=float, default=540.0, help="of it all; the loop gets what is left")
    given, started = options.parse_args(), time.monotonic()
    if given.device == "cuda" and not torch.cuda.is_available():
        print(
            "no GPU is here: nothing was measured (--device cpu --quick tries the parts out)", file=sys.stderr
        )
        raise SystemExit(2)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    size = QUICK if given.quick else FULL
    found: dict[str, Any] = {"device": _name(given.device)}

    def note(part: str, values: dict[str, Any]) -> None:
        found[part] = values
        _log.info("%s: %s", part, json.dumps(values))
        put("gpu", {"name": "gpu", "machine": asdict(this_machine()), **found}, _page(found), given.out)

    note("ceilings", ceilings(given.device, size.square))
    torch.set_float32_matmul_precision("high")  # TF32 for making the base alone
    note("base", make(size, given.device, given.work / "base"))
    torch.set_float32_matmul_precision("highest")
    note("loop", loop(size, given.work, started + given.seconds - AFTER))
    note("agreement", agreement(given.work, given.device))
    for precision in PRECISIONS:
        limits = found["ceilings"]
        note(f"sampling, {precision}", sampling(given.work, given.device, size.rows, precision, limits))
        note(f"training, {precision}", training(given.work, given.device, size, precision, limits))


def _name(device: str) -> str:
    if device == "cpu":
        return "CPU"
    held = torch.cuda.get_device_properties(0)
    return f"{held.name}, {held.total_memory / 2**30:.0f} GiB"


def seconds_of(what: Callable[[], object], device: str, times: int) -> float:
    """Of one call, the median of so many, after one to warm up."""
    taken = []
    for _ in range(times + 1):
        started = time.perf_counter()
        what()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return sorted(taken[1:])[times // 2]


def ceilings(device: str, square: int) -> dict[str, Any]:
    """Multiplications in both precisions and bytes copied, a second."""
    tflops = {}
    for precision in PRECISIONS:
        one = torch.randn(square, square, device=device, dtype=getattr(torch, precision))
        seconds = seconds_of(partial(torch.matmul, one, one), device, 9)
        tflops[f"{precision}_tflops"] = round(2 * square**3 / seconds / 1e12, 2)
    much = torch.empty(square * square * 8, dtype=torch.uint8, device=device)
    copied = seconds_of(much.clone, device, 9)
    return {
        **tflops,
        "bandwidth_gbs": round(2 * much.numel() / copied / 1e9, 1),
    }


def make(size: Size, device: str, out: Path) -> dict[str, Any]:
    """A base, in as many steps as the time allows."""
    _forget_peak(device)
    each = _step_seconds(size.base, device)
    recipe = replace(size.base, steps=max(4, int(size.seconds / each)))
    started = time.perf_counter()
    make_base(recipe, 0, out, lambda done, total, loss: None, device)
    held = json.loads((out / "base.json").read_text())
    model, _ = open_base(str(out))
    parameters = sum(p.numel() for p in model.parameters())
    return {
        "parameters": parameters,
        "steps": recipe.steps,
        "padded_tokens_per_second": round(recipe.tokens_per_step / each),
        "seconds": round(time.perf_counter() - started, 1),
        "last_loss": held["losses"][-1],
        "peak_gib": _peak(device),
    }


def _step_seconds(recipe: BaseRecipe, device: str) -> float:
    tokenizer = word_tokenizer(WORDS)
    model = new_model(recipe, len(tokenizer)).to(device)
    optimizer = Optimizer(
        model.named_parameters(), "muon", recipe.muon_rate, rest_rate=recipe.adamw_rate, steps=20
    )
    source = batches(recipe, tokenizer, 1)

    def step() -> None:
        loss_of(model, next(source)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    for _ in range(2):
        step()
    started, times = time.perf_counter(), 16
    for _ in range(times):  # the mean: demonstrations are made for several steps at once, by the CPU
        step()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / times


def loop(size: Size, work: Path, until: float) -> dict[str, Any]:
    """Generations of the real loop on this base, the base's own and as many more as the time allows."""
    _forget_peak("cuda" if torch.cuda.is_available() else "cpu")
    recipe = Recipe(
        name="gpu",
        generations=size.generations,
        tasks=Tasks(count=size.tasks, heldout=size.heldout, sizes=tuple(range(6, 16))),
        base=Base(model=str(work / "base"), ready_share=0.0),
        train=Train(),
    )
    run = Run.create(work / "run", recipe)
    started = time.perf_counter()
    ended = "as planned"

    def observe(progress: Progress) -> None:
        if time.monotonic() > until and run.generations():
            raise TimeIsUp("when its time was up")

    with LocalTrainer(recipe, names=NAMES) as trainer:
        try:
            run_loop(run, domains.load("blocksworld", recipe), trainer, observe=observe)
        except (TimeIsUp, IterdeployError) as problem:  # a base that solves nothing has nothing to learn from
            ended = str(problem)
    seconds: dict[str, float] = {}
    for row in run.clock():
        seconds[row["step"]] = round(seconds.get(row["step"], 0.0) + row["seconds"], 1)
    traces = [trace for row in run.generations() for trace in run.traces(row.number)]
    return {
        "solved": [f"{row.solved}/{row.asked}" for row in run.generations()],
        "heldout_solved": [f"{row.heldout_solved}/{row.heldout_asked}" for row in run.generations()],
        "ended": ended,
        "seconds": round(time.perf_counter() - started, 1),
        "seconds_by_step": seconds,
        "sampled_tokens_per_second": round(
            sum(len(t.token_ids) for t in traces) / max(seconds.get("deploy", 0), 0.1)
        ),
        "peak_gib": _peak("cuda" if torch.cuda.is_available() else "cpu"),
    }


def agreement(work: Path, device: str) -> dict[str, Any]:
    """The last generation in float32 on the device and on the CPU: log-probabilities, and greedy answers."""
    run = Run.open(work / "run")
    number = max(row.number for row in run.generations())
    traces = run.traces(number)[:16]
    given = [(trace.prompt_ids, trace.token_ids) for trace in traces]
    model, tokenizer = open_generation(run.recipe.base.model, run.adapter(number), precision="float32")
    scores, answers = [], []
    for place in (device, "cpu"):
        model = model.to(place).eval()
        scores.append(score(model, given, 1.0, 0))
        engine = Engine(model, tokenizer, Sampling(0.0, 1.0, 0, 64), "agreement")
        requests = requests_of(run, number)[: len(traces)]
        answers.append(
            [trace.token_ids for trace in engine.answer_block(requests, [t.prompt_ids for t in traces])]
        )
    lengths = [len(trace.token_ids) for trace in traces]
    return {
        "answers": len(traces),
        "largest_difference_nats_a_token": max(
            abs(a - b) / length for a, b, length in zip(*scores, lengths, strict=True)
        ),
        "greedy_answers_equal": sum(a == b for a, b in zip(*answers, strict=True)),
    }


def sampling(
    work: Path, device: str, rows: int, precision: Precision, limits: dict[str, Any]
) -> dict[str, Any]:
    """A block of answers: tokens a second, and the bytes that this reads as a share of what the card can read."""
    _forget_peak(device)
    model, tokenizer = open_generation(str(work / "base"), None, precision=precision)
    steps = 16 if device == "cpu" else 256
    engine = Engine(model, tokenizer, Sampling(0.7, 1.0, 0, steps), "sampling")
    engine.end_ids = frozenset()  # every row to its full length
    run = Run.open(work / "run")
    requests = requests_of(run, 0)[:rows]
    prompts: Sequence[Sequence[int]] = [trace.prompt_ids for trace in run.traces(0)[: len(requests)]]
    seconds = seconds_of(lambda: engine.answer_block(requests, prompts), device, 3)
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    held = len(requests) * (len(prompts[0]) + steps / 2) * cache_bytes(model)
    return {
        "rows": len(requests),
        "tokens_per_second": round(len(requests) * steps / seconds),
        "share_of_bandwidth": round(steps * (weights + held) / seconds / 1e9 / limits["bandwidth_gbs"], 4),
        "peak_gib": _peak(device),
    }


def training(
    work: Path, device: str, size: Size, precision: Precision, limits: dict[str, Any]
) -> dict[str, Any]:
    """Gradients of a fresh adapter on the base's own traces, against the ceiling of multiplications.

    Counted as 4 a parameter and token: forward, and back through frozen weights to what is trained.
    """
    _forget_peak(device)
    run = Run.open(work / "run")
    base, tokenizer = open_base(str(work / "base"), precision)
    model = with_lora(base, Train())
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    rows: list[Row] = []
    for trace in run.traces(0):
        if sum(map(len, rows)) < size.base.tokens_per_step:
            rows.append(Row(trace.prompt_ids, trace.token_ids))
    tokens, scales = sum(map(len, rows)), [1.0 / len(rows)] * len(rows)
    pad = tokenizer.pad_token_id or 0
    seconds = seconds_of(lambda: shard_gradient(model, parameters, rows, scales, pad), device, 3)
    frozen = sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in parameters)
    return {
        "rows": len(rows),
        "tokens": tokens,
        "tokens_per_second": round(tokens / seconds),
        "share_of_peak": round(4 * frozen * tokens / seconds / 1e12 / limits[f"{precision}_tflops"], 4),
        "peak_gib": _peak(device),
    }


def _forget_peak(device: str) -> None:
    """What the part before held is let go of, and does not count for the next."""
    release()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()


def _peak(device: str) -> float | None:
    return round(torch.cuda.max_memory_allocated() / 2**30, 2) if device == "cuda" else None


def _page(found: dict[str, Any]) -> str:
    lines = ["# The loop on a GPU", "", f"{found['device']}; {this_machine().sentence()}", ""]
    for part, values in found.items():
        if isinstance(values, dict):
            lines += [f"## {part}", "", "| what | value |", "|---|---|"]
            lines += [f"| {key.replace('_', ' ')} | {value} |" for key, value in values.items()] + [""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
