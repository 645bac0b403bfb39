"""Rovers demonstrations: valid both ways by the real validator, reasoning that is right, and never of a task."""

from __future__ import annotations

import itertools
from itertools import islice

import pytest
from missions import DOMAIN, judged, missions, read_back

from iterdeploy import domains
from iterdeploy.domains.canonical import share_of
from iterdeploy.domains.demonstrations import Demonstration
from iterdeploy.domains.digests import digest_of
from iterdeploy.domains.rovers_demonstrations import (
    WAYS,
    WORDS,
    RoversDiet,
    demonstrate,
    demonstrations,
    legs,
    plan_lines,
    reasoning,
)
from iterdeploy.domains.rovers_small import TEXT, Mission, mission_of, problem_of
from iterdeploy.pddl import extract
from iterdeploy.recipe import Recipe, Validate
from iterdeploy.types import SPLITS


@pytest.fixture(scope="module")
def many() -> list[Demonstration]:
    return list(islice(demonstrations(RoversDiet(), seed=0), 400))


def digest(mission: Mission) -> str:
    return digest_of(problem_of(mission), TEXT)


def test_no_demonstration_is_of_a_deployed_or_heldout_task(many: list[Demonstration]) -> None:
    taught = {digest(read_back(demo.prompt)) for demo in many}
    assert len(taught) > 200
    assert {share_of(one) for one in taught} == {"base"}
    for split in SPLITS:
        for task in domains.load("rovers-small", Recipe()).tasks(split, 60, (1, 1, 2, 3), 7):
            assert task.spec["canonical"] not in taught
            assert digest(read_back(task.prompt)) == task.spec["canonical"], "the digests are comparable"


def test_every_plan_is_valid_and_of_few_goals(many: list[Demonstration]) -> None:
    shown = [demo for demo in many if demo.prompt.endswith("<think>")]
    assert len(shown) > 150
    for demo in shown:
        mission = read_back(demo.prompt)
        assert len(mission.goals) <= 3
        assert judged(mission, demo.completion).valid
    assert {demo.completion.split()[0] for demo in shown} == set(WAYS)


def test_what_only_reads_holds_no_plan_and_has_all_sizes(many: list[Demonstration]) -> None:
    read = [demo for demo in many if demo.prompt.endswith("<say>")]
    assert {len(read_back(demo.prompt).goals) for demo in read} == set(RoversDiet().read_sizes)
    for demo in read:
        assert demo.completion.endswith("|\n</say><eos>")
        assert "navigate" not in demo.completion


def test_both_ways_solve_every_size_and_direct_is_never_longer() -> None:
    shorter = 0
    for mission in missions(60, seed=5):
        costs = []
        for way in WAYS:
            verdict = judged(mission, demonstrate(mission, way, plans=True).completion)
            assert verdict.valid, verdict.reason
            costs.append(len(plan_lines(mission, way)))
        assert costs[0] <= costs[1]
        shorter += costs[0] < costs[1]
    assert shorter > 20, "so that there is something to choose"


def test_the_reasoning_walks_along_ways_to_where_things_are() -> None:
    for mission in missions(60, seed=6):
        for way in WAYS:
            here = mission.start
            done: list[tuple[str, ...]] = []
            for leg in legs(mission, way):
                assert leg.walk[0] == here
                assert all(b in mission.ways[a] for a, b in itertools.pairwise(leg.walk))
                here = leg.walk[-1]
                kind, *what = leg.deed
                if kind == "ready":
                    mode, name, target = what
                    camera = next(camera for camera in mission.cameras if camera.name == name)
                    assert camera.target == target
                    assert mode in camera.modes
                    assert here in mission.seen_from[target]
                elif kind == "image":
                    assert here in mission.seen_from[what[0]]
                    done.append(("image", what[0], what[1]))
                else:
                    assert here in getattr(mission, kind)
                    done.append((kind, here))
            assert tuple(done) == mission.goals


def test_the_answer_is_the_reasoning_and_the_pddl_plan() -> None:
    """Compact text to PDDL and back: the reader's actions, written out, are the lines that were demonstrated."""
    for mission in missions(30, seed=7):
        answer = demonstrate(mission, "direct", plans=True).completion
        found = extract(answer, DOMAIN, Validate().rules)
        assert found.reasoning == f"{reasoning(mission, 'direct')}\n"
        assert [str(action).strip("()") for action in found.actions] == plan_lines(mission, "direct")


def test_a_wrong_plan_is_told_from_a_right_one() -> None:
    for mission in missions(30, seed=8, sizes=(2, 3, 4)):
        answer = demonstrate(mission, "lander", plans=True).completion
        lines = answer.split("\n")
        start = lines.index("<plan>") + 1
        for dropped in (start, len(lines) - 2):  # the first action, and the last report
            if "drop " in lines[dropped]:
                continue
            assert not judged(mission, "\n".join(lines[:dropped] + lines[dropped + 1 :])).valid


def test_words_are_known_and_each_is_one() -> None:
    assert len(set(WORDS)) == len(WORDS)
    known = {*(word.strip() for word in WORDS), "<bos>", "<eos>"}
    for mission in missions(30, seed=9):
        one = demonstrate(mission, "lander", plans=True)
        said = f"{one.prompt}{one.completion.replace('<eos>', ' <eos>')}".split()
        assert set(said) <= known
        assert mission_of(problem_of(mission)) == mission
