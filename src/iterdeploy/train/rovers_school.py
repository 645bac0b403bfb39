"""The examination of the Rovers base, and what its card says."""

from __future__ import annotations

import random
from collections.abc import Iterator

from iterdeploy.domains.rovers_demonstrations import WAYS, RoversDiet, may_be_taught, reasoning
from iterdeploy.domains.rovers_small import NAME, TEXT, mission_prompt, problem_of, random_mission
from iterdeploy.train.planning import is_plan
from iterdeploy.train.school import PER_SIZE, ExamQuestion, Subject, drawn, shares

LONGEST = 440  # tokens of an answer


def questions(diet: RoversDiet, per_size: int = PER_SIZE, seed: int = 0) -> Iterator[ExamQuestion]:
    """Missions of each size that is read."""
    rng = random.Random(f"missions-{seed}")
    for size, mission in drawn(
        diet.read_sizes, per_size, lambda size: random_mission(size, rng), may_be_taught
    ):
        told = {way: reasoning(mission, way) for way in WAYS}
        yield ExamQuestion(size, mission_prompt(mission), LONGEST, told, is_plan(TEXT, problem_of(mission)))


def subject(diet: RoversDiet) -> Subject:
    """What the card says."""
    return Subject(
        title="reads Rovers and plans a little",
        tags="planning, rovers, pddl",
        domain=NAME,
        taught="rovers",
        unit="goals",
        teaches=shares(
            diet.read_share,
            diet.plan_sizes,
            diet.read_sizes,
            ("plans", "goals", "with the reasoning alone, under another cue"),
        ),
        ways=f"""\
The reasoning names for each goal what is done, where, and the walk there. Two ways are mixed: `direct`
({diet.direct_share:.0%}; to a neighbour in one step) and `lander` (always by the lander's waypoint), so that one
problem has plans of different length.""",
        first="direct",
        knows="""\
It knows this one domain, in its compact prompt, with the names w1 to w8, o1 to o5, c1 to c3, and nothing else: no
language, no other domain.""",
    )
