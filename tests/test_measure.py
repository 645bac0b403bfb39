"""Each measure against a case that can be counted by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations
from math import isclose

import pytest
from rows import answer, plan, task

from iterdeploy import measure
from iterdeploy.answers import Answer, join
from iterdeploy.errors import BadInput
from iterdeploy.measure import Change, SameTasks, Solved, Spread
from iterdeploy.types import Fault

A, B, C, D = (task(n, size) for n, size in enumerate((3, 3, 4, 5)))


def generation(*solves: int, number: int = 0) -> list[Answer]:
    """Answers to A, B, C, D: a number is a valid plan of so many steps, 0 a goal not reached."""
    tasks = (A, B, C, D)
    return [
        answer(t, s, generation=number, fault=None if s else Fault.GOAL)
        for t, s in zip(tasks, solves, strict=True)
    ]


def samples(of: int, valid: int) -> list[Answer]:
    """So many answers to A, the first of them valid."""
    return [answer(A, 2, sample=s, fault=None if s < valid else Fault.GOAL) for s in range(of)]


def test_a_second_validator_sees_as_many_accepted_as_rejected_traces_with_a_plan() -> None:
    verdicts = [a.verdict for a in (*samples(of=40, valid=10), answer(B, 0, fault=Fault.NO_PLAN))]
    chosen = measure.to_judge_again(verdicts, 4)
    by_id = {verdict.trace_id: verdict for verdict in verdicts}
    assert sorted(by_id[one].valid for one in chosen) == [False] * 4 + [True] * 4
    assert chosen == measure.to_judge_again(verdicts[::-1], 4)[::-1]
    assert all(by_id[one].plan for one in chosen)
    turned = [replace(by_id[one], valid=not by_id[one].valid) for one in chosen[:3]]
    said = measure.second_opinion(verdicts, turned)
    assert said.accepted + said.rejected == said.accepted_wrong + said.rejected_wrong == 3
    assert not said.agrees
    assert measure.second_opinion(verdicts, verdicts).agrees


def test_join_pairs_rows_by_id_whatever_their_order() -> None:
    answers = generation(2, 0, 4, 0)
    joined = join([D, C, B, A], [a.trace for a in answers], [a.verdict for a in reversed(answers)])
    assert joined == answers


def test_join_names_the_trace_that_has_no_task_or_verdict() -> None:
    one = answer(A, 2)
    with pytest.raises(BadInput, match="g0-deployed-0000-0 answers task deployed-0000"):
        join([B], [one.trace], [one.verdict])
    with pytest.raises(BadInput, match="has no verdict"):
        join([A], [one.trace], [])


def test_solved_counts_tasks_not_answers() -> None:
    assert measure.solved(samples(of=5, valid=3)) == Solved(asked=1, solved=1)
    assert measure.solved(generation(2, 0, 4, 0)) == Solved(asked=4, solved=2)
    assert measure.solved([]) == Solved(asked=0, solved=0)
    assert measure.solved([]).share == 0.0


def test_solved_by_size() -> None:
    assert measure.solved_by_size(generation(2, 0, 4, 0)) == {
        3: Solved(2, 1),
        4: Solved(1, 1),
        5: Solved(1, 0),
    }


def test_interval_is_wilsons() -> None:
    low, high = Solved(asked=10, solved=1).interval  # published worked value: 0.0179 to 0.4042
    assert isclose(low, 0.0179, abs_tol=1e-4)
    assert isclose(high, 0.4042, abs_tol=1e-4)
    assert Solved(0, 0).interval == (0.0, 1.0)
    assert Solved(5, 0).interval[0] == 0.0


def test_mean_solved_and_unanimous_over_three_runs() -> None:
    runs = [generation(2, 0, 4, 0), generation(2, 2, 0, 0), generation(2, 2, 4, 0)]
    assert measure.mean_solved(runs) == pytest.approx(7 / 3)
    assert measure.unanimous(runs) == Solved(asked=4, solved=1)


def test_runs_over_other_tasks_cannot_be_unanimous() -> None:
    with pytest.raises(BadInput, match="run 1 was asked other tasks than run 0: 1 are in one alone"):
        measure.unanimous([generation(2, 0, 4, 0), generation(2, 0, 4, 0)[:3]])
    with pytest.raises(BadInput, match="no runs"):
        measure.unanimous([])


def test_by_sample_splits_a_run_into_runs() -> None:
    answers = samples(of=3, valid=2)
    assert [[a.trace.sample for a in run] for run in measure.by_sample(answers)] == [[0], [1], [2]]
    assert measure.unanimous(measure.by_sample(answers)) == Solved(1, 0)


@pytest.mark.parametrize(("n", "c", "k"), [(4, 0, 2), (4, 1, 1), (4, 2, 2), (4, 4, 3), (5, 2, 4)])
def test_pass_at_k_is_the_share_of_all_draws_of_k_that_hold_a_valid_one(n: int, c: int, k: int) -> None:
    draws = list(combinations([i < c for i in range(n)], k))
    assert measure.pass_at_k(samples(n, c), k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_k_averages_over_tasks_and_wants_enough_answers() -> None:
    assert measure.pass_at_k(generation(2, 0, 4, 0), 1) == 0.5
    with pytest.raises(BadInput, match="pass@2 needs"):
        measure.pass_at_k(generation(2, 0, 4, 0), 2)
    with pytest.raises(BadInput):
        measure.pass_at_k([], 1)


def test_change_names_what_was_gained_and_lost() -> None:
    assert measure.change(generation(2, 0, 4, 0), generation(2, 2, 0, 2)) == Change(
        gained=(B.id, D.id), lost=(C.id,)
    )


def test_length_on_same_tasks_ignores_tasks_that_one_generation_missed() -> None:
    before, after = generation(4, 0, 8, 0), generation(2, 20, 8, 30)
    assert measure.length_on_same_tasks(before, after) == SameTasks(tasks=2, before=6.0, after=5.0)
    assert measure.length_on_same_tasks(before, generation(0, 1, 0, 1)) is None


def test_spread_by_hand() -> None:
    assert measure.spread([4, 1, 2, 3, 5]) == Spread(5, 3.0, 1.4, 3, 4.6, 5)
    assert measure.spread([7]) == Spread(1, 7.0, 7, 7, 7, 7)
    assert measure.spread([]) is None


def test_plan_lengths_are_of_valid_plans_and_tokens_of_all_answers() -> None:
    answers = [answer(A, 6, tokens=20), answer(B, 99, fault=Fault.GOAL, tokens=60)]
    lengths, tokens = measure.plan_lengths(answers), measure.reasoning_tokens(answers)
    assert lengths is not None
    assert tokens is not None
    assert (lengths.count, lengths.longest) == (1, 6)
    assert (tokens.count, tokens.mean) == (2, 20.0)


def test_over_bound_leaves_out_tasks_with_nothing_to_do() -> None:
    bounds = {A.id: 2, B.id: 0, C.id: 4, D.id: 1}
    ratios = measure.over_bound(generation(2, 2, 6, 0), lambda t: bounds[t.id])
    assert ratios is not None
    assert (ratios.count, ratios.mean, ratios.longest) == (2, 1.25, 1.5)


def test_faults_lists_every_kind() -> None:
    counts = measure.faults([answer(A, 2), answer(B, fault=Fault.GOAL), answer(C, fault=Fault.GOAL)])
    assert list(counts) == list(Fault)
    assert counts[Fault.GOAL] == 2
    assert sum(counts.values()) == 2


def test_shape_is_blind_to_names_alone() -> None:
    assert measure.shape(plan(4, "b")) == measure.shape(plan(4, "zz"))
    assert measure.shape(["(stack a b)", "(stack b c)"]) != measure.shape(["(stack a b)", "(stack c b)"])
    assert measure.shape(["()"]) == ((),)


def test_distinct_plans_up_to_renaming() -> None:
    answers = [
        answer(A, actions=["(stack a b)"]),
        answer(B, actions=["(stack c d)"]),
        answer(C, actions=["(stack c c)"]),
        answer(D, fault=Fault.NO_PLAN),
    ]
    found = measure.diversity(answers)
    assert (found.plans, found.distinct) == (3, 2)


def test_distance_compares_plans_for_tasks_of_one_size() -> None:
    same = [answer(A, actions=["(up a)", "(down a)"]), answer(B, actions=["(up b)", "(down c)"])]
    assert measure.diversity(same).distance == 0.0
    half = [answer(A, actions=["(up a)", "(down a)"]), answer(B, actions=["(up b)", "(stack b c)"])]
    assert measure.diversity(half).distance == 0.5
    other_sizes = [answer(A, actions=["(up a)"]), answer(C, actions=["(down a)"])]
    assert measure.diversity(other_sizes).distance is None
    assert measure.diversity(half).within is None


def test_within_compares_answers_to_one_task() -> None:
    answers = [answer(A, sample=0, actions=["(up a)"]), answer(A, sample=1, actions=["(down a)"])]
    found = measure.diversity(answers)
    assert (found.distance, found.within) == (None, 1.0)


def test_a_collapsed_generation_is_less_diverse_and_the_sample_is_seeded() -> None:
    tasks = [task(n) for n in range(100)]
    chance = random.Random(0)
    varied = [answer(t, actions=[f"({chance.choice('abc')} x)" for _ in range(8)]) for t in tasks]
    collapsed = [answer(t, actions=["(a x)"] * 8) for t in tasks]
    one, two = measure.diversity(varied, seed=3), measure.diversity(varied, seed=3)
    assert one == two
    assert one.distance is not None
    assert one.distance > 0.3
    assert measure.diversity(collapsed).distance == 0.0
    assert measure.diversity(collapsed).distinct == 1


def test_entropy_is_the_mean_surprise_of_all_sampled_tokens() -> None:
    told = [
        replace(a, trace=replace(a.trace, logprobs=p))
        for a, p in zip(samples(2, 1), ((-1.0,), (-2.0, 0.0, -3.0)), strict=True)
    ]
    assert measure.entropy(told) == measure.diversity(told).entropy == 1.5
    untold = [replace(a, trace=replace(a.trace, logprobs=())) for a in samples(2, 1)]
    assert measure.entropy(untold) is None
    sure = [replace(a, trace=replace(a.trace, logprobs=(0.0, 1e-4))) for a in samples(1, 1)]
    assert str(measure.entropy(sure)) == "0.0", "rounding of an engine makes no negative entropy"


def slow_edit_distance(first: str, second: str) -> int:
    row = list(range(len(second) + 1))
    for i, x in enumerate(first, start=1):
        corner, row[0] = row[0], i
        for j, y in enumerate(second, start=1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (x != y))
    return row[-1]


def test_edit_distance_is_the_tables() -> None:
    chance = random.Random(0)
    for _ in range(400):
        one, two = ("".join(chance.choices("abc", k=chance.randint(0, 80))) for _ in range(2))
        assert measure.edit_distance(one, two) == slow_edit_distance(one, two)
