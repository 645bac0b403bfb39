"""Is fine-tuning on curated traces REINFORCE? Gradients of the model itself, trace by trace.

python experiments/gradients/run.py            about half an hour of one core; can be stopped and started again
python experiments/gradients/run.py --quick    a minute or two: the same on a few tasks
python experiments/gradients/run.py --table    the numbers and the figure of what is there
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from analysis import POLICY, Table, analyse, file_of, write
from rich.progress import track

from iterdeploy import domains
from iterdeploy.domains.blocksworld import NAMES
from iterdeploy.recipe import Deploy
from iterdeploy.seeds import seed_of
from iterdeploy.store import Run
from iterdeploy.store.rows import Part, finished, read_rows
from iterdeploy.train.adapters import open_generation
from iterdeploy.train.batches import Row
from iterdeploy.train.diet import Step, row_scales
from iterdeploy.train.fit import shard_gradient, token_losses
from iterdeploy.train.local import LocalTrainer
from iterdeploy.types import Request, Task, Trace, Verdict

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Size:
    """How much is sampled."""

    run: tuple[str, ...]
    tasks: int
    samples: int


FULL = Size(("generations=2",), tasks=150, samples=16)
QUICK = Size(
    ("generations=2", "tasks.count=60", "tasks.heldout=0", "tasks.sizes=[6,7,8]", "train.max_steps=8"), 20, 8
)


def main() -> None:
    """All stages; each leaves a file and is not done again."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--quick", action="store_true")
    options.add_argument("--table", action="store_true")
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    size = QUICK if given.quick else FULL
    out: Path = given.out or Path("runs/gradients-quick" if given.quick else "runs/gradients")
    if not given.table:
        run = the_run(out / "run", size)
        for generation, temperature in lots():
            sample(run, out, generation, temperature, size)
        gradients(run, out)
    found = analyse(Table.read(out, lots()))
    write(found, out if given.quick else HERE)
    if given.quick:
        found.expect_what_theory_says()


def lots() -> list[tuple[int, float]]:
    """What is sampled: every generation as it is, and the last at the temperature that runs use."""
    return [*((generation, 1.0) for generation in range(POLICY + 1)), (POLICY, 0.7)]


def the_run(folder: Path, size: Size) -> Run:
    """A run of the demo, as far as it is needed."""
    settings = [word for setting in size.run for word in ("--set", setting)]
    command = [sys.executable, "-m", "iterdeploy.cli", "run", "demo", *settings, "--out", str(folder)]
    subprocess.run(command, check=True)
    return Run.open(folder)


def tasks_of(run: Run, size: int) -> list[Task]:
    """Tasks of all sizes alike."""
    tasks = run.tasks("deployed")
    return tasks[:: max(len(tasks) // size, 1)][:size]


def sample(run: Run, out: Path, generation: int, temperature: float, size: Size) -> None:
    """Answers of one generation, and their verdicts."""
    recipe = replace(
        run.recipe, deploy=Deploy(temperature=temperature, max_tokens=run.recipe.deploy.max_tokens)
    )
    tasks = tasks_of(run, size.tasks)
    requests = [
        Request(
            trace_id=f"g{generation}.{task.id}.{number}",
            task_id=task.id,
            prompt=task.prompt,
            generation=generation,
            sample=number,
            seed=seed_of(run.recipe.seed, "gradients", generation, str(temperature), task.id, number),
        )
        for task in tasks
        for number in range(size.samples)
    ]
    traces, verdicts = (file_of(out, generation, temperature, what) for what in ("traces", "verdicts"))
    if not finished(traces):
        with (
            LocalTrainer(recipe, names=NAMES) as trainer,
            Part(traces, Trace, lambda trace: trace.id) as part,
        ):
            answers = trainer.load(run.adapter(generation)).answer(requests, frozenset(part.rows))
            left = len(requests) - len(part.rows)
            for trace in track(answers, f"sample generation {generation} at {temperature}", total=left):
                part.append(trace)
            part.finish([request.trace_id for request in requests])
    if not finished(verdicts):
        domain, by_id = domains.load(run.recipe.tasks.domain, run.recipe), {task.id: task for task in tasks}
        with Part(verdicts, Verdict, lambda v: v.trace_id) as judged:
            rows = read_rows(traces, Trace)
            for trace in rows:
                if trace.id not in judged.rows:
                    judged.append(domain.validate(by_id[trace.task_id], trace))
            judged.finish([trace.id for trace in rows])


def gradients(run: Run, out: Path) -> None:
    """The gradient of the log-likelihood of every valid trace under the policy, and the Gram matrix of all of them."""
    if (out / "gram.npy").is_file():
        return
    table = Table.read_traces(out, lots())
    torch.set_num_threads(1)
    model, tokenizer = open_generation(run.recipe.base.model, run.adapter(POLICY), trainable=True)
    model.eval()
    parameters = [p for p in model.parameters() if p.requires_grad]
    pad = tokenizer.pad_token_id or 0
    count = sum(p.numel() for p in parameters)
    rows = np.lib.format.open_memmap(out / "gradients.npy", "w+", np.float32, (len(table.traces), count))
    now = np.zeros(len(table.traces))
    for i, trace in enumerate(track(table.traces, "gradient of each valid trace")):
        vector = shard_gradient(model, parameters, [Row(trace.prompt_ids, trace.token_ids)], [1.0], pad)
        rows[i], now[i] = -vector[:-1].numpy(), -float(vector[-1])
    gram = np.zeros((len(rows), len(rows)))
    for start in track(range(0, count, 1 << 14), "Gram matrix"):
        part = rows[:, start : start + (1 << 14)].astype(np.float64)
        gram += part @ part.T
    base, _ = open_generation(run.recipe.base.model, run.adapter(0))
    with torch.no_grad():
        under_base = [
            -float(token_losses(base, [Row(trace.prompt_ids, trace.token_ids)], pad)[0])
            for trace in track(table.traces, "log-likelihood under the base")
        ]
    np.save(out / "now.npy", now)
    np.save(out / "under-base.npy", np.array(under_base))
    whole_loss(model, parameters, rows, table, pad, out)
    np.save(out / "gram.npy", gram)
    (out / "gradients.npy").unlink()


def whole_loss(
    model: Any, parameters: Sequence[torch.Tensor], rows: Any, table: Table, pad: int, out: Path
) -> None:
    """The two losses as they are written down, on the same answers: cosine, and how much longer one gradient is.

    REINFORCE: minus the mean over all answers, invalid ones too, of reward times log-likelihood, by code of its own.
    Fine-tuning: what the trainer computes on the valid ones with `train.loss = "sum"`.
    """
    answers, valid = table.on_policy_answers, table.on_policy_ids
    total = [torch.zeros_like(p) for p in parameters]
    for trace in track(answers, "REINFORCE over all answers"):
        reward = float(trace.id in valid)
        ids = torch.tensor([[*trace.prompt_ids, *trace.token_ids]])
        logits = model(input_ids=ids).logits[0, len(trace.prompt_ids) - 1 : -1].log_softmax(-1)
        chosen = logits.gather(1, torch.tensor(trace.token_ids)[:, None]).sum()
        found = torch.autograd.grad(-reward * chosen / len(answers), parameters)
        total = [t + g for t, g in zip(total, found, strict=True)]
    reinforce = torch.cat([t.reshape(-1) for t in total]).double()
    batch = [Row(t.prompt_ids, t.token_ids) for t in answers if t.id in valid]
    (scales,) = row_scales(Step(0, (tuple(batch),)), "sum")
    tuned = torch.zeros(len(reinforce), dtype=torch.float64)
    for start in range(0, len(batch), 16):
        part = slice(start, start + 16)
        tuned += shard_gradient(model, parameters, batch[part], scales[part], pad)[:-1].double()
    cosine = float(reinforce @ tuned / reinforce.norm() / tuned.norm())
    np.save(
        out / "whole.npy",
        np.array([cosine, float(reinforce.norm() / tuned.norm()), len(batch) / len(answers)]),
    )


if __name__ == "__main__":
    main()
