"""Seconds of a validation step by one process and by several: what more processes cost, and what they save."""

from __future__ import annotations

import argparse
import random
import statistics
import time
from dataclasses import asdict
from functools import partial

from machine import this_machine
from plans import large
from race import cpu_seconds
from write import put

from iterdeploy import domains
from iterdeploy.recipe import Recipe
from iterdeploy.types import Domain, Task, Trace
from iterdeploy.validators import Judge, Validators, Work, one_by_one

BLOCKS = 200


def main() -> None:
    """Judge the same traces in turn by one process and by `--workers`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="steps of each; default: 5")
    parser.add_argument("--traces", type=int, default=600, help="of a step; default: 600")
    parser.add_argument("--workers", type=int, default=2, help="processes; default: 2")
    given = parser.parse_args()
    machine, recipe = this_machine(), Recipe()
    reopen = partial(domains.load, "blocksworld", recipe)
    judges: dict[str, Judge] = {"1": one_by_one, str(given.workers): Validators(given.workers, reopen)}
    laps: dict[str, list[tuple[float, float]]] = {name: [] for name in judges}
    for number in range(given.rounds):
        traces = work(given.traces, random.Random(number))
        for name, judge in judges.items():
            laps[name].append(timed(judge, reopen(), traces))
            print(f"  round {number + 1}/{given.rounds}  {name}: {laps[name][-1][0]:.2f} seconds")
    rows = [(name, *map(statistics.median, zip(*laps[name], strict=True))) for name in judges]
    content = {
        "name": "pool",
        "machine": asdict(machine),
        "settings": {"rounds": given.rounds, "traces": given.traces, "blocks": BLOCKS},
        "seconds": {name: {"wall": wall, "cpu": cpu} for name, wall, cpu in rows},
        "laps": laps,
    }
    lines = [
        "# Validation of a step: processes", "", machine.sentence(), "",
        f"{given.traces} traces, a problem of {BLOCKS} blocks for each; medians of {given.rounds} rounds.", "",
        "| processes | seconds | CPU seconds |", "|--:|--:|--:|",
        *(f"| {name} | {wall:.2f} | {cpu:.2f} |" for name, wall, cpu in rows), "",
    ]  # fmt: skip
    print(put("pool", content, "\n".join(lines)))


def work(count: int, rng: random.Random) -> Work:
    """Tasks of `BLOCKS` blocks, each with an answer that states a valid plan."""
    text, made = domains.load("blocksworld", Recipe()).text, []
    for number in range(count):
        case = large(BLOCKS, rng)
        task = Task(
            str(number), "blocksworld", "", {"domain": text, "problem": case.problem}, "deployed", BLOCKS
        )
        answer = f"<plan>\n{case.plan}</plan>"
        made.append((task, Trace(str(number), task.id, 0, 0, "bench", answer, (1,), (2,), (0.0,), "stop")))
    return made


def timed(judge: Judge, domain: Domain, traces: Work) -> tuple[float, float]:
    """Wall and CPU seconds of judging all."""
    started, spent = time.perf_counter(), cpu_seconds()
    verdicts = list(judge(domain, traces))
    taken = time.perf_counter() - started, cpu_seconds() - spent
    assert len(verdicts) == len(traces)
    assert all(verdict.valid for verdict in verdicts)
    return taken


if __name__ == "__main__":
    main()
