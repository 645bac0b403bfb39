"""The examination of the Sokoban base, and what its card says."""

from __future__ import annotations

import random
from collections.abc import Iterator

from iterdeploy.domains.sokoban import problem_of
from iterdeploy.domains.sokoban_demonstrations import SokobanDiet, may_be_taught, reasoning
from iterdeploy.domains.sokoban_small import NAME, TEXT, WAYS, random_scene, scene_prompt
from iterdeploy.train.planning import is_plan
from iterdeploy.train.school import PER_SIZE, ExamQuestion, Subject, drawn, shares

LONGEST = 384  # tokens of an answer


def questions(diet: SokobanDiet, per_size: int = PER_SIZE, seed: int = 0) -> Iterator[ExamQuestion]:
    """Scenes of each size that is read."""
    rng = random.Random(f"scenes-{seed}")
    for size, scene in drawn(diet.read_sizes, per_size, lambda size: random_scene(size, rng), may_be_taught):
        told = {way: reasoning(scene, way) for way in WAYS}
        yield ExamQuestion(size, scene_prompt(scene), LONGEST, told, is_plan(TEXT, problem_of(NAME, scene)))


def subject(diet: SokobanDiet) -> Subject:
    """What the card says."""
    return Subject(
        title="reads Sokoban and plans a little",
        tags="planning, sokoban, pddl",
        domain=NAME,
        taught="sokoban",
        unit="pushes",
        teaches=shares(
            diet.read_share,
            diet.plan_sizes,
            diet.read_sizes,
            ("plans", "pushes", "with the reasoning alone, under another cue"),
        ),
        ways=f"""\
The reasoning names each straight push: the box, where it is, the direction, where the robot must stand, and where the
box ends. Two ways are mixed: `column` (each box along its column first) and `row` ({diet.row_share:.0%}; along its row
first), so that one problem has plans of different length.""",
        first="column",
        knows="""\
It knows this one domain, in its compact prompt, with the cells c11 to c88 and the boxes b1 to b3, and nothing else: no
language, no other domain.""",
    )
