"""What a base can do, by size: problems that it may have been taught, never deployed or held-out ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from iterdeploy.domains.blocksworld import (
    Instance,
    plan_bound,
    problem_text,
    random_instance,
    related_instance,
    shuffled,
    state_atoms,
)
from iterdeploy.domains.canonical import share_of
from iterdeploy.domains.demonstrations import Way, instance_digest, reasoning
from iterdeploy.domains.prompts import compact
from iterdeploy.train.planning import plan_length
from iterdeploy.train.school import answered
from iterdeploy.types import Request, Trace

SIZES = (3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16)
PER_SIZE = 40


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """One size: how many were asked, read rightly (the reasoning is what it should be), and solved."""

    size: int
    asked: int
    read: int
    solved: int
    kept: int  # answers that chose to leave what stands right
    steps: int  # of the solved plans, summed
    bound: int  # lower bound for the same, summed


def probe(
    folder: Path, sizes: Sequence[int] = SIZES, per_size: int = PER_SIZE, seed: int = 0
) -> list[ProbeRow]:
    """Ask a base at temperature 0.7 for `per_size` problems of each size."""
    rng = random.Random(f"probe-{seed}")
    instances = [instance for size in sizes for instance in _instances(size, per_size, rng)]
    problems = [_problem(instance, rng) for instance in instances]
    requests = [Request(str(i), str(i), compact("", text), 0, 0, i) for i, text in enumerate(problems)]
    answers = answered(folder, [request.prompt for request in requests], 256)
    rows = []
    for size in sizes:
        at = [i for i, instance in enumerate(instances) if len(instance.blocks) == size]
        rows.append(_row(size, [(instances[i], problems[i], requests[i], answers[i]) for i in at]))
    return rows


def _instances(size: int, count: int, rng: random.Random) -> list[Instance]:
    found: list[Instance] = []
    while len(found) < count:
        make = related_instance if len(found) % 2 else random_instance
        instance = make(size, rng)
        if share_of(instance_digest(instance)) == "base":
            found.append(instance)
    return found


def _problem(instance: Instance, rng: random.Random) -> str:
    init, goal = shuffled(state_atoms(instance.start), rng), shuffled(state_atoms(instance.goal), rng)
    return problem_text("probe", sorted(instance.blocks), init, goal)


def _row(size: int, asked: Sequence[tuple[Instance, str, Request, Trace]]) -> ProbeRow:
    text = (files("iterdeploy.domains") / "blocksworld.domain.pddl").read_text(encoding="utf-8")
    read = solved = kept = steps = bound = 0
    for instance, problem, request, trace in asked:
        way: Way = "keep" if trace.text.startswith(" keep") else "table"
        kept += way == "keep"
        read += trace.text.split("\n</think>")[0] == reasoning(instance, way, request.prompt)[0]
        length = plan_length(text, problem, trace)
        if length is not None:
            solved += 1
            steps += length
            bound += plan_bound(instance)
    return ProbeRow(size, len(asked), read, solved, kept, steps, bound)
