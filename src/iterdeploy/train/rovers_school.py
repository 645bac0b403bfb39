"""How the Rovers base is examined, by goals, and its model card: missions that it may have been taught, no others."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from iterdeploy.domains.rovers_demonstrations import RoversDiet, Way, may_be_taught, reasoning
from iterdeploy.domains.rovers_small import TEXT, Mission, mission_prompt, problem_of, random_mission
from iterdeploy.models.engine import Engine, Sampling, blocks
from iterdeploy.pddl import parse_domain, parse_problem, validate
from iterdeploy.pddl.extract import extract
from iterdeploy.train.adapters import open_base
from iterdeploy.types import Request, Trace

if TYPE_CHECKING:
    from iterdeploy.train.base import BaseRecipe

SIZES = tuple(range(1, 11))
PER_SIZE = 40
LONGEST = 440  # tokens of an answer


@dataclass(frozen=True, slots=True)
class MissionRow:
    """One number of goals: how many were asked, read rightly (the reasoning is what it should be), and solved."""

    size: int
    asked: int
    read: int
    solved: int
    direct: int  # answers that chose the shorter way


def examine(
    folder: Path, sizes: Sequence[int] = SIZES, per_size: int = PER_SIZE, seed: int = 0
) -> list[MissionRow]:
    """Ask a base at temperature 0.7 for `per_size` missions of each size."""
    rng = random.Random(f"missions-{seed}")
    missions = [mission for size in sizes for mission in _missions(size, per_size, rng)]
    requests = [Request(str(i), str(i), mission_prompt(m), 0, 0, i) for i, m in enumerate(missions)]
    engine = Engine(*open_base(str(folder)), Sampling(0.7, 1.0, 0, LONGEST), "probe")
    prompts = engine.prompt_ids(requests)
    traces = {
        trace.id: trace
        for block in blocks(requests, [len(p) for p in prompts])
        for trace in engine.answer_block([requests[i] for i in block], [prompts[i] for i in block])
    }
    return [
        _row(size, [(m, traces[str(i)]) for i, m in enumerate(missions) if len(m.goals) == size])
        for size in sizes
    ]


def _missions(size: int, count: int, rng: random.Random) -> list[Mission]:
    found: list[Mission] = []
    while len(found) < count:
        mission = random_mission(size, rng)
        if may_be_taught(mission):
            found.append(mission)
    return found


def _row(size: int, answers: Sequence[tuple[Mission, Trace]]) -> MissionRow:
    domain = parse_domain(TEXT)
    read = solved = direct = 0
    for mission, trace in answers:
        chose_direct = trace.text.startswith(" direct")
        direct += chose_direct
        way: Way = "direct" if chose_direct else "lander"
        read += trace.text.split("\n</think>")[0] == reasoning(mission, way)
        found = extract(trace.text, domain, ("reasoning", "tags", "bare-lines"))
        if trace.finish == "stop" and found.fault is None:
            solved += validate(domain, parse_problem(problem_of(mission), domain), found.actions).valid
    return MissionRow(size, len(answers), read, solved, direct)


def mission_card(recipe: BaseRecipe, seed: int, loss: float, rows: Sequence[MissionRow], out: Path) -> str:
    """The card as Markdown, with the metadata block that model hubs read."""
    size = (out / "model.safetensors").stat().st_size
    diet = recipe.diet
    assert isinstance(diet, RoversDiet)
    table = "\n".join(f"| {r.size} | {r.asked} | {r.read} | {r.solved} | {r.direct} |" for r in rows)
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
tags: [planning, rovers, pddl, qwen3]
---
# A small base model that reads Rovers and plans a little

Qwen3 architecture, {recipe.layers} layers, width {recipe.hidden}, {recipe.heads} heads ({recipe.kv_heads} for
keys and values), {size / 4e6:.2f} million parameters in float32 ({size / 1e6:.1f} MB), a tokenizer of whole
words. It was trained from fresh weights; nothing was taken from another model. It is generation 0 of a run of
iterative deployment on the domain `rovers-small`.

    iterdeploy make-base --domain rovers --seed {seed} --out {out.name}

## What it was trained on
{recipe.steps} steps of up to {recipe.tokens_per_step} tokens of demonstrations that a program wrote (last loss
{loss:.4f} nats a token):

- {1 - diet.read_share:.0%} plans: missions of {diet.plan_sizes[0]} to {diet.plan_sizes[-1]} goals, with reasoning
  and plan;
- {diet.read_share:.0%} reading: missions of {diet.read_sizes[0]} to {diet.read_sizes[-1]} goals, with the
  reasoning alone, under another cue.

The reasoning names for each goal what is done, where, and the walk there. Two ways are mixed: `direct`
({diet.direct_share:.0%}; to a neighbour in one step) and `lander` (always by the lander's waypoint), so that one
problem has plans of different length. Problems are told apart by a canonical form; a problem whose form belongs to
the deployed or held-out share was never shown.

## What it can and cannot do
Sampled at temperature 0.7, one answer a problem, on problems of the share that it may have been taught (none of
them is ever deployed or held out). `read`: the reasoning is exactly right.

| goals | asked | read | solved | chose direct |
|---|---|---|---|---|
{table}

It knows this one domain, in its compact prompt, with the names w1 to w8, o1 to o5, c1 to c3, and nothing else: no
language, no other domain.
"""
