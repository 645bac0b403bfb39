"""Demonstrations: valid both ways, in the words of the tasks' own prompts, and never of a deployed or held-out task."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from towers import BLOCKSWORLD, DOMAIN, instances, problem_of, put_everything_down, read_back

from iterdeploy.domains.blocksworld import (
    Instance,
    plan_bound,
    problem_text,
    shuffled,
    standing_right,
    state_atoms,
)
from iterdeploy.domains.canonical import share_of
from iterdeploy.domains.demonstrations import (
    Demonstration,
    Diet,
    Way,
    demonstrate,
    demonstrations,
    instance_digest,
    instance_prompt,
    lists,
    reasoning,
)
from iterdeploy.domains.prompts import compact
from iterdeploy.pddl import Judgement, extract, parse_problem, validate
from iterdeploy.recipe import Validate
from iterdeploy.types import SPLITS

WAYS: tuple[Way, ...] = ("table", "keep")
SEEDS = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def many() -> list[Demonstration]:
    """Enough to meet every small instance."""
    return list(islice(demonstrations(Diet(read_sizes=(2, 3, 4, 5, 6)), seed=0), 2500))


def judged(demo: Demonstration) -> Judgement:
    """The verdict of the real reader and the real validator, from the texts alone."""
    found = extract(demo.completion, DOMAIN, Validate().rules)
    assert found.fault is None, found.reason
    return validate(DOMAIN, parse_problem(problem_of(demo.prompt), DOMAIN), found.actions)


def plans(demos: list[Demonstration]) -> list[Demonstration]:
    return [demo for demo in demos if demo.prompt.endswith("<think>")]


# --- never of a task -------------------------------------------------------------------------


def test_no_demonstration_is_of_a_deployed_or_heldout_task(many: list[Demonstration]) -> None:
    taught = {instance_digest(read_back(demo.prompt)) for demo in many}
    assert len(taught) > 400
    assert {share_of(digest) for digest in taught} == {"base"}
    for split in SPLITS:
        asked = {task.spec["canonical"] for task in BLOCKSWORLD.tasks(split, 120, (4, 5, 6, 6, 6), 7)}
        assert len(asked) == 120
        assert not asked & taught


def test_a_task_that_were_a_demonstration_would_be_noticed() -> None:
    """The digest of a prompt that is read back is the digest of its task."""
    for task in BLOCKSWORLD.tasks("deployed", 20, (4, 8), 0):
        assert instance_digest(read_back(task.prompt)) == task.spec["canonical"]


# --- valid, both ways ------------------------------------------------------------------------


def test_every_plan_is_valid(many: list[Demonstration]) -> None:
    shown = plans(many)[:400]
    assert all(judged(demo).valid for demo in shown)
    assert {demo.completion.split()[0] for demo in shown} == set(WAYS)


@given(instances(2, 12), SEEDS)
@settings(max_examples=60, deadline=None)
def test_both_ways_solve_and_keep_is_never_longer(instance: Instance, seed: int) -> None:
    costs = {}
    for way in WAYS:
        verdict = judged(demonstrate(instance, way, plans=True, rng=random.Random(seed)))
        assert verdict.valid, verdict.reason
        costs[way] = verdict.cost
    assert plan_bound(instance) <= costs["keep"] <= costs["table"]
    assert costs["table"] == len(put_everything_down(instance.start, instance.goal))


def test_keep_is_often_shorter_so_that_there_is_something_to_choose(many: list[Demonstration]) -> None:
    instances_shown = [read_back(demo.prompt) for demo in plans(many)[:200]]
    gained = [bool(len(standing_right(one)) > 1) for one in instances_shown]
    assert sum(gained) > 20


@given(instances(2, 12), SEEDS)
@settings(max_examples=60)
def test_keep_moves_exactly_what_does_not_stand_right(instance: Instance, seed: int) -> None:
    kept, apart, build = lists(instance, "keep", instance_prompt(instance, random.Random(seed), "<think>"))
    right = standing_right(instance)
    assert {block for tower in apart for block in tower[:-1]} <= set(instance.blocks) - right
    assert {block for tower in build for block in tower[1:]} <= set(instance.blocks) - right
    assert {block for tower in kept for block in tower} <= right


def test_the_words_of_a_demonstration() -> None:
    """One instance by hand: a on b and c alone; wanted are b on c, a alone."""
    init = "<bos> init clear a clear c handempty on a b ontable b ontable c"
    prompt = f"{init}\ngoal !clear a !clear b !on c b !ontable a !ontable c\n<think>"
    instance = Instance((("b", "a"), ("c",)), (("a",), ("c", "b")))
    assert reasoning(instance, "table", prompt)[0] == " table now a b | want c b |"
    assert reasoning(instance, "keep", prompt)[0] == " keep c | now a b | want c b |"
    same = Instance((("b", "a"), ("c",)), (("b", "a", "c"),))
    wanted = f"{init}\ngoal !clear c !on b a !on a c !ontable b\n<think>"
    assert reasoning(same, "keep", wanted)[0] == " keep b a | now want a c |"
    assert reasoning(same, "table", wanted)[0] == " table now a b | want b a c |"


# --- the mixture -----------------------------------------------------------------------------


def test_the_mixture_is_what_the_diet_says(many: list[Demonstration]) -> None:
    assert len(plans(many)) == pytest.approx(0.5 * len(many), rel=0.05)
    keeps = sum(demo.completion.startswith(" keep") for demo in many)
    assert keeps == pytest.approx(0.5 * len(many), rel=0.1)
    assert {len(read_back(demo.prompt).blocks) for demo in plans(many)} == set(Diet().plan_sizes)
    read = [demo for demo in many if demo.prompt.endswith("<say>")]
    assert {len(read_back(demo.prompt).blocks) for demo in read} == {2, 3, 4, 5, 6}
    assert all(demo.completion.endswith("\n</say><eos>") and "plan" not in demo.completion for demo in read)


def test_the_same_seed_gives_the_same_demonstrations() -> None:
    def first(seed: int) -> list[Demonstration]:
        return list(islice(demonstrations(Diet(), seed), 20))

    assert first(3) == first(3)
    assert first(3) != first(4)


@given(instances(2, 16), SEEDS)
@settings(max_examples=60)
def test_the_prompt_of_an_instance_is_that_of_its_pddl(instance: Instance, seed: int) -> None:
    rng = random.Random(seed)
    init, goal = shuffled(state_atoms(instance.start), rng), shuffled(state_atoms(instance.goal), rng)
    problem = problem_text("p", sorted(instance.blocks), init, goal)
    assert compact(BLOCKSWORLD.text, problem) == instance_prompt(instance, random.Random(seed), "<think>")


@given(instances(2, 16), SEEDS)
@settings(max_examples=60)
def test_a_prompt_says_all_of_its_instance(instance: Instance, seed: int) -> None:
    again = read_back(instance_prompt(instance, random.Random(seed), "<think>"))
    assert (set(again.start), set(again.goal)) == (set(instance.start), set(instance.goal))
