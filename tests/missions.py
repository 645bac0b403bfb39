"""Rovers missions for tests: at random, and read back from a compact prompt."""

from __future__ import annotations

import random

from iterdeploy.domains.rovers_small import TEXT, Camera, Mission, problem_of, random_mission
from iterdeploy.pddl import Judgement, extract, parse_domain, parse_problem, validate
from iterdeploy.recipe import Validate

DOMAIN = parse_domain(TEXT)


def missions(count: int, seed: int, sizes: tuple[int, ...] = tuple(range(1, 13))) -> list[Mission]:
    rng = random.Random(seed)
    return [random_mission(sizes[i % len(sizes)], rng) for i in range(count)]


def read_back(prompt: str) -> Mission:
    """The mission that a compact prompt tells, read by its words alone."""
    parts: dict[str, list[str]] = {}
    for word in prompt.replace("\ngoal", " goal").split()[1:-1]:
        if word in ("at", "lander", "ways", "soil", "rock", "seen", "camera", "goal"):
            parts[word] = here = []
        else:
            here.append(word)

    def rows(name: str) -> dict[str, tuple[str, ...]]:
        lists = [row.split() for row in " ".join(parts[name]).split("|")]
        return {first: tuple(rest) for first, *rest in filter(None, lists)}

    goals = [tuple(goal.split()) for goal in " ".join(parts["goal"]).split("!")[1:]]
    cameras = [Camera(name, target, tuple(modes)) for name, (target, *modes) in rows("camera").items()]
    return Mission(
        parts["at"][0], parts["lander"][0], rows("ways"), tuple(parts["soil"]), tuple(parts["rock"]),
        rows("seen"), tuple(cameras), tuple(goals),
    )  # fmt: skip


def judged(mission: Mission, answer: str) -> Judgement:
    """The verdict of the real reader and the real validator, on PDDL."""
    found = extract(answer, DOMAIN, Validate().rules)
    assert found.fault is None, found.reason
    return validate(DOMAIN, parse_problem(problem_of(mission), DOMAIN), found.actions)
