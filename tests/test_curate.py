"""Curation chooses by a total order: no order of its input, and no held-out trace, moves a choice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterdeploy.answers import Answer, join
from iterdeploy.curate import curate, pooled, to_examples
from iterdeploy.errors import BadInput
from iterdeploy.recipe import Curate
from iterdeploy.types import Fault, Split, Task, Trace, Verdict


def scored(
    task: str = "a",
    *,
    cost: int = 4,
    tokens: int = 0,
    generation: int = 0,
    sample: int = 0,
    valid: bool = True,
    split: Split = "deployed",
) -> Answer:
    """A trace with its task and verdict, told apart by its id."""
    name = f"g{generation}.{task}.{sample}"
    return Answer(
        Task(task, "blocksworld", "prompt", {}, split, 3),
        Trace(name, task, generation, sample, "model", "text", (1, 2), (3, 4, 5), (-0.1,) * 3, "stop"),
        Verdict(name, "pddl", valid, cost, None if valid else Fault.GOAL, "" if valid else "no", (), tokens),
    )


PAPER, ALL, NONE = Curate(rule="paper"), Curate(rule="all-valid"), Curate(rule="none")


def ids(chosen: list[Answer]) -> list[str]:
    return [one.trace.id for one in chosen]


@pytest.mark.parametrize(
    ("best", "other"),
    [
        (scored(cost=4, tokens=90, generation=2), scored(cost=6, tokens=10)),
        (scored(tokens=10, generation=2), scored(tokens=11)),
        (scored(generation=0, sample=3), scored(generation=1)),
        (scored(sample=0), scored(sample=1)),
    ],
    ids=["fewest steps", "then fewest reasoning tokens", "then the earlier generation", "then the sample"],
)
def test_paper_keeps_one_per_task_the_best(best: Answer, other: Answer) -> None:
    assert curate(PAPER, [other, best]) == curate(PAPER, [best, other]) == [best]


def test_paper_keeps_no_invalid_trace_however_short() -> None:
    assert ids(curate(PAPER, [scored(cost=1, valid=False), scored(cost=9, sample=1)])) == ["g0.a.1"]
    assert curate(PAPER, [scored(valid=False)]) == []


def test_all_valid_keeps_every_valid_trace_of_a_task() -> None:
    given_ = [scored(sample=1), scored(sample=0), scored(sample=2, valid=False), scored("b")]
    assert ids(curate(ALL, given_)) == ["g0.a.0", "g0.a.1", "g0.b.0"]


def test_best_k_keeps_up_to_k_per_task() -> None:
    given_ = [scored(sample=n, cost=9 - n) for n in range(4)] + [scored("b")]
    assert ids(curate(Curate(rule="best-k", k=2), given_)) == ["g0.a.2", "g0.a.3", "g0.b.0"]
    assert ids(curate(Curate(rule="best-k", k=9), given_)) == ids(curate(ALL, given_))
    assert curate(Curate(rule="best-k", k=1), given_) == curate(PAPER, given_)


def test_of_more_than_the_most_that_many_are_drawn_whatever_the_order() -> None:
    answers = [scored(f"t{i:02}", valid=i % 2 == 0) for i in range(40)]
    few = ids(curate(replace(ALL, most=7), answers))
    assert len(few) == 7
    assert set(few) < set(ids(curate(ALL, answers)))
    assert ids(curate(replace(ALL, most=7), answers[::-1])) == few == sorted(few)
    assert few != ids(curate(ALL, answers))[:7], "drawn, not the first"
    assert ids(curate(replace(ALL, most=20), answers)) == ids(curate(ALL, answers))


def test_none_keeps_every_trace_valid_or_not() -> None:
    given_ = [scored("b", valid=False), scored("a"), scored("a", generation=1, valid=False)]
    assert ids(curate(NONE, given_)) == ["g0.a.0", "g1.a.0", "g0.b.0"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), st.integers(1, 3), st.integers(0, 2), st.integers(0, 2), st.booleans()
        ),
        unique_by=lambda row: (row[0], row[2], row[3]),
    ),
    st.sampled_from([PAPER, ALL, NONE, Curate(rule="best-k", k=2)]),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_traces_moves_nothing(
    rows: list[tuple[str, int, int, int, bool]], rule: Curate, chance: object
) -> None:
    made = [scored(t, cost=c, generation=g, sample=s, valid=v) for t, c, g, s, v in rows]
    shuffled = sorted(made, key=lambda one: (one.trace.sample, one.verdict.cost, one.trace.id[::-1]))
    chosen = curate(rule, made)
    assert curate(rule, shuffled) == curate(rule, made[::-1]) == chosen
    assert len(set(ids(chosen))) == len(chosen)
    if rule == PAPER:
        assert {one.task.id for one in chosen} == {one.task.id for one in made if one.verdict.valid}
        assert all(count == 1 for count in Counter(one.task.id for one in chosen).values())


@pytest.mark.parametrize("rule", [PAPER, ALL, NONE])
def test_a_heldout_trace_is_refused_under_every_rule(rule: Curate) -> None:
    with pytest.raises(BadInput, match=r"trace g0\.b\.0 answers the heldout task b"):
        curate(rule, [scored(), scored("b", split="heldout", valid=False)])


def test_a_verdict_of_another_trace_is_refused() -> None:
    with pytest.raises(BadInput, match="put each trace with its own task and verdict"):
        curate(PAPER, [replace(scored(), verdict=scored(sample=1).verdict)])


def test_pool_all_is_every_generation_so_far_and_last_the_last() -> None:
    assert list(pooled(Curate(pool="all"), 3)) == [0, 1, 2]
    assert list(pooled(Curate(pool="last"), 3)) == [2]
    assert list(pooled(Curate(pool="all"), 1)) == list(pooled(Curate(pool="last"), 1)) == [0]


def test_traces_are_joined_with_their_task_and_verdict() -> None:
    one, two = scored(), scored("b")
    joined = join([two.task, one.task], [one.trace, two.trace], [two.verdict, one.verdict])
    assert joined == [one, two]
    with pytest.raises(BadInput, match=r"trace g0\.b\.0 has no verdict"):
        join([one.task, two.task], [two.trace], [one.verdict])
    with pytest.raises(BadInput, match="answers task b, which is not among the tasks"):
        join([one.task], [two.trace], [two.verdict])


def test_an_example_holds_the_sampled_token_ids_of_its_trace() -> None:
    (example,) = to_examples([scored()])
    assert (example.trace_id, example.task_id, example.weight) == ("g0.a.0", "a", 1.0)
    assert (example.prompt_ids, example.completion_ids) == ((1, 2), (3, 4, 5))
