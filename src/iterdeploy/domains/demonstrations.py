"""What the small base is taught: to read Blocksworld at every size, to plan at small ones.

A demonstration is a prompt and a reasoning that states a way (`table`: take everything apart;
`keep`: leave what stands right), the towers to take apart, top first, and the towers to build,
bottom first. After `<think>` a plan follows; after `<say>` nothing does. A plan copies the two lists.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from iterdeploy.domains.blocksworld import (
    Instance,
    Tower,
    random_instance,
    related_instance,
    shuffled,
    standing_right,
    state_atoms,
)
from iterdeploy.domains.canonical import canonical_digest, share_of
from iterdeploy.domains.prompts import compact_prompt

Way = Literal["table", "keep"]


@dataclass(frozen=True, slots=True)
class Diet:
    """Which demonstrations, in which shares."""

    plan_sizes: tuple[int, ...] = (2, 3, 4, 5)
    read_sizes: tuple[int, ...] = tuple(range(2, 17))
    read_share: float = 0.5
    keep_share: float = 0.5
    related_share: float = 0.5  # problems whose goal keeps part of the start


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A prompt (ending in its cue, `<think>` or `<say>`) and the completion that is taught."""

    prompt: str
    completion: str


def instance_prompt(instance: Instance, rng: random.Random, cue: str) -> str:
    """The compact prompt of an instance; the same text that the compact template makes of its PDDL."""
    init = [*shuffled(state_atoms(instance.start), rng), ("handempty",)]
    return compact_prompt(init, shuffled(state_atoms(instance.goal), rng), cue)


def lists(instance: Instance, way: Way, prompt: str) -> tuple[list[Tower], list[Tower], list[Tower]]:
    """(kept, apart, build): what stays, bottom first; what is taken apart, top first; what is built, bottom first.

    Towers come in the order in which the prompt names their tops (`clear`) or bottoms (`!ontable`).
    The last block of a tower in `apart` is where unstacking stops; the first of one in `build` stays put.
    """
    words = prompt.split()
    tops = [words[i + 1] for i, word in enumerate(words) if word == "clear"]
    bases = [words[i + 1] for i, word in enumerate(words) if word == "!ontable"]
    right = standing_right(instance) if way == "keep" else set()
    by_top = {tower[-1]: tower for tower in instance.start}
    by_base = {tower[0]: tower for tower in instance.goal}
    kept, apart, build = [], [], []
    for base in bases:
        tower = by_base[base]
        stay = sum(1 for block in tower if block in right)
        if stay:
            kept.append(tower[:stay])
        rest = tower[max(stay - 1, 0) :]
        if len(rest) >= 2:
            build.append(rest)
    for top in tops:
        tower = by_top[top]
        stay = max(sum(1 for block in tower if block in right), 1)
        if len(tower) > stay:
            apart.append(tuple(reversed(tower[stay - 1 :])))
    return kept, apart, build


def reasoning(instance: Instance, way: Way, prompt: str) -> tuple[str, list[Tower], list[Tower]]:
    """The reasoning text, and the lists to take apart and to build."""
    kept, apart, build = lists(instance, way, prompt)

    def row(towers: Sequence[Tower]) -> str:
        return "".join(f" {' '.join(tower)} |" for tower in towers)

    head = f" keep{row(kept)}" if way == "keep" else " table"
    return f"{head} now{row(apart)} want{row(build)}", apart, build


def plan_lines(apart: Sequence[Tower], build: Sequence[Tower]) -> list[str]:
    """The actions: unstack each tower of `apart` onto the table, then stack each tower of `build`."""
    steps: list[str] = []
    for tower in apart:
        for block, under in itertools.pairwise(tower):
            steps += [f"unstack {block} {under}", f"put-down {block}"]
    for tower in build:
        for under, block in itertools.pairwise(tower):
            steps += [f"pick-up {block}", f"stack {block} {under}"]
    return steps


def demonstrate(instance: Instance, way: Way, plans: bool, rng: random.Random) -> Demonstration:
    """One demonstration, with a plan or with the reading alone."""
    prompt = instance_prompt(instance, rng, "<think>" if plans else "<say>")
    text, apart, build = reasoning(instance, way, prompt)
    if not plans:
        return Demonstration(prompt, f"{text}\n</say><eos>")
    plan = "".join(f"\n{line}" for line in plan_lines(apart, build))
    return Demonstration(prompt, f"{text}\n</think>\n<plan>{plan}\n</plan><eos>")


def demonstrations(diet: Diet, seed: int) -> Iterator[Demonstration]:
    """Endless demonstrations, none of an instance that may be deployed or held out."""
    rng = random.Random(seed)
    while True:
        plans = rng.random() >= diet.read_share
        make = related_instance if rng.random() < diet.related_share else random_instance
        instance = make(rng.choice(diet.plan_sizes if plans else diet.read_sizes), rng)
        if share_of(instance_digest(instance)) != "base":
            continue
        way: Way = "keep" if rng.random() < diet.keep_share else "table"
        yield demonstrate(instance, way, plans, rng)


def instance_digest(instance: Instance) -> str:
    """The canonical digest of an instance, as of its PDDL."""
    init = [*state_atoms(instance.start), ("handempty",)]
    return canonical_digest(init, state_atoms(instance.goal))
