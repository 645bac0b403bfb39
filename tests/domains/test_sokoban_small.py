"""Sokoban for a small base: prompt and PDDL tell the same room, both ways are valid plans, nothing taught is a task."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from itertools import islice

import pytest

from iterdeploy import domains
from iterdeploy.domains.canonical import share_of
from iterdeploy.domains.sokoban import make as make_any
from iterdeploy.domains.sokoban import problem_of, solve
from iterdeploy.domains.sokoban_demonstrations import (
    WORDS,
    SokobanDiet,
    demonstrate,
    demonstrations,
    may_be_taught,
)
from iterdeploy.domains.sokoban_search import Scene
from iterdeploy.domains.sokoban_small import (
    BOXES,
    CELLS,
    NAME,
    TEXT,
    WAYS,
    brief,
    legs,
    make,
    plan_of,
    random_scene,
    read_scene,
    rectangle,
    scene_prompt,
)
from iterdeploy.errors import BadInput
from iterdeploy.models.words import word_tokenizer
from iterdeploy.pddl import Judgement, extract, parse_domain, parse_problem, validate
from iterdeploy.recipe import Recipe, Tasks, Validate
from iterdeploy.types import SPLITS, groups_of

DOMAIN = parse_domain(TEXT)


def scenes(count: int, seed: int, sizes: tuple[int, ...] = (1, 2, 4, 6, 8, 10)) -> list[Scene]:
    rng = random.Random(seed)
    return [random_scene(sizes[i % len(sizes)], rng) for i in range(count)]


def judged(scene: Scene, answer: str) -> Judgement:
    found = extract(answer, DOMAIN, Validate().rules)
    assert found.fault is None, found.reason
    return validate(DOMAIN, parse_problem(problem_of(NAME, scene), DOMAIN), found.actions)


def read_back(prompt: str) -> Scene:
    """The scene that a compact prompt tells, read by its words alone."""
    words = prompt.split()
    boxes, goals = prompt.split(" box ")[1].split("\ngoal ")
    pairs = [[row.split() for row in part.split("|")[:-1]] for part in (boxes, goals)]
    return Scene(rectangle(words[2], words[3]), words[5], dict(pairs[0]), dict(pairs[1]))


def test_the_pddl_and_the_prompt_tell_the_same_room() -> None:
    for scene in scenes(40, seed=1):
        assert read_scene(problem_of(NAME, scene)) == scene
        assert brief("", problem_of(NAME, scene)) == scene_prompt(scene)
        assert read_back(scene_prompt(scene)) == scene
        assert set(scene.room) <= set(CELLS)
        assert list(scene.boxes.values()) != [scene.goals.get(box) for box in scene.boxes]


def test_a_problem_that_the_prompt_could_not_tell_is_refused() -> None:
    problem = problem_of(NAME, scenes(1, seed=2)[0])
    inner = next(cell for cell in CELLS if f"(clear {cell})" in problem)
    for other in (
        make_any({"grid": 6, "boxes": 2}, random.Random(0)),
        problem.replace(f"(clear {inner})", ""),
        problem.replace("(at-robot", "(at-rabbit"),
        problem.replace("b1", "b9").replace("b2", "b8").replace("b3", "b7"),
        problem.replace("(:goal (and", f"(:goal (and (clear {inner})"),
        problem[: problem.index("(:goal")] + "(:goal (and (at-robot c11))))",
        problem[: problem.index("(:goal")] + "(:goal (and (at b1 c22) (at b1 c33))))",
        problem[: problem.index("(:goal")] + "(:goal (and (at b1 c01))))",
        re.sub(r"\(at-robot \w+\)", "", problem),
        re.sub(r"\((at|clear) [^)]*\)", "", problem),
    ):
        assert other != problem
        with pytest.raises(BadInput, match=r"is not one of sokoban-small: .*base\.prompt=paper"):
            brief("", other)


@pytest.mark.parametrize("size", [0, 13])
def test_sizes_that_there_are_none_of_are_refused(size: int) -> None:
    with pytest.raises(BadInput, match="pushes must be"):
        make(size, random.Random(0))


def test_both_ways_are_valid_plans_of_so_many_pushes_and_the_reasoning_is_theirs() -> None:
    lengths = []
    for number, scene in enumerate(scenes(60, seed=3)):
        for way in WAYS:
            told = demonstrate(scene, way, plans=True)
            verdict = judged(scene, told.completion)
            assert verdict.valid, verdict.reason
            steps = plan_of(scene, way) or []
            assert [line for line in told.completion.split("\n") if f"({line})" in steps] == [
                s[1:-1] for s in steps
            ]
            pushes = [step.split() for step in steps if step.startswith("(push")]
            assert len(pushes) == (1, 2, 4, 6, 8, 10)[number % 6]
            firsts = [(leg.behind, leg.start, leg.direction, f"{leg.box})") for leg in legs(scene, way)]
            made = [(p[1], p[2], p[4], p[5]) for p in pushes]
            assert [one for one in made if one in firsts] == firsts
            assert told.completion.startswith(f" {way} {legs(scene, way)[0].box} ")
        lengths.append([len(plan_of(scene, way) or []) for way in WAYS])
    assert sum(a != b for a, b in lengths) > 20, "so that there is something to choose"


def test_the_reference_solver_solves_each_and_a_shortened_plan_is_none() -> None:
    for scene in scenes(20, seed=4):
        plan = "\n".join(solve(problem_of(NAME, scene)))
        assert judged(scene, f"<plan>\n{plan}\n</plan>").valid
        told = demonstrate(scene, "row", plans=True).completion
        before, last = told.rsplit("\npush", 1)
        assert last.count("\n") == 1, "a plan ends with its last push"
        if before.endswith("<plan>"):
            continue
        assert not judged(scene, f"{before}\n</plan><eos>").valid


def test_a_way_that_is_blocked_is_no_plan() -> None:
    room = rectangle("c11", "c44")
    assert plan_of(Scene(room, "c44", {"b1": "c22"}, {"b1": "c24"}), "row") is not None
    assert plan_of(Scene(room, "c44", {"b1": "c22", "b2": "c23"}, {"b1": "c24"}), "row") is None
    assert plan_of(Scene(room, "c44", {"b1": "c21"}, {"b1": "c24"}), "row") is None, "no cell behind the box"
    corner = {"b1": "c12", "b2": "c21", "b3": "c33"}
    assert plan_of(Scene(room, "c11", corner, {"b3": "c23"}), "row") is None, "the robot is shut in"


def test_no_demonstration_is_of_a_task_and_all_are_of_known_words() -> None:
    tokenizer = word_tokenizer(WORDS)
    assert len(set(WORDS)) == len(WORDS)
    diet = SokobanDiet()
    many = list(islice(demonstrations(diet, 0), 150))
    taught = set()
    for demo in many:
        ids = tokenizer(demo.prompt + demo.completion, add_special_tokens=False)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids) == demo.prompt + demo.completion
        scene = read_back(demo.prompt)
        assert may_be_taught(scene)
        taught.add(scene_prompt(scene))
        shown = "<plan>" in demo.completion
        assert shown == demo.prompt.endswith("<think>")
        assert not shown or judged(scene, demo.completion).valid
    domain = domains.load(NAME, Recipe())
    for split in SPLITS:
        for task in domain.tasks(split, 30, (4, 6), 7):
            assert share_of(task.spec["canonical"]) == split
            assert not may_be_taught(read_scene(task.spec["problem"]))
            assert task.prompt not in taught


def test_another_template_is_left_as_it_is_and_boxes_may_swap_names() -> None:
    assert groups_of(domains.load(NAME, Recipe()).names) == (BOXES,)
    paper = replace(Recipe(), base=replace(Recipe().base, prompt="paper"))
    for recipe, whole in ((paper, True), (Recipe(), False)):
        (task,) = domains.load(NAME, recipe).tasks("deployed", 1, (4,), 0)
        assert ("(:action push" in task.prompt) is whole
    with pytest.raises(BadInput, match=r"tasks\.range"):
        domains.load(NAME, Recipe(tasks=Tasks(range="easy")))
