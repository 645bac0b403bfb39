"""What a training sees: refused where it is not what was promised, renamed consistently, cut into equal steps."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice

import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from missions import judged, missions, read_back

from iterdeploy.domains import rovers_demonstrations as rovers
from iterdeploy.domains.atoms import atoms_of
from iterdeploy.domains.blocksworld import NAMES, problem_text
from iterdeploy.domains.digests import digest_of
from iterdeploy.domains.rovers_small import NAMES as MISSION_NAMES
from iterdeploy.domains.rovers_small import TEXT, mission_prompt, problem_of
from iterdeploy.errors import TrainingRefused
from iterdeploy.models.words import word_tokenizer
from iterdeploy.recipe import Train
from iterdeploy.train.base import WORDS
from iterdeploy.train.batches import Row
from iterdeploy.train.diet import SHARDS, Step, audit, epochs_of, renamed, row_scales, split, steps_of
from iterdeploy.types import Example, Task, Trace

ENDS = frozenset({2})
PLAIN = Train(augment="none", epochs=3.0, tokens_per_step=120)
TOKENIZER = word_tokenizer(WORDS)
NAME_IDS = [TOKENIZER.convert_tokens_to_ids(f" {name}") for name in NAMES]


def example(number: int, prompt: int = 10, answer: int = 6, weight: float = 1.0) -> Example:
    return Example(f"t{number}", f"task{number}", (5,) * prompt, (*(6,) * (answer - 1), 2), weight)


def examples(count: int = 12) -> list[Example]:
    return [example(i, prompt=8 + i % 5, answer=4 + i % 7) for i in range(count)]


# --- audit -----------------------------------------------------------------------------------


def test_the_audit_counts_what_is_kept_and_masked() -> None:
    checked = audit(examples(12), examples(2), ENDS, PLAIN, curated=True)
    assert (checked.examples, checked.validation) == (12, 2)
    assert checked.prompt_tokens == sum(len(e.prompt_ids) for e in examples(12))
    assert checked.trained_tokens == sum(len(e.completion_ids) for e in examples(12))
    assert (checked.end_tokens, checked.unfinished, checked.truncated) == (12, 0, 0)
    assert "end token trained in 12, unfinished 0, truncated 0, kept for validation 2" in checked.sentence()


EMPTY = replace(example(7), completion_ids=())
LONG = example(7, prompt=1000, answer=25)
ENDLESS = replace(example(7), completion_ids=(6, 6, 6))


@pytest.mark.parametrize("kept_out", [False, True], ids=["trained", "validation"])
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (EMPTY, "example t7 has no completion"),
        (LONG, r"example t7 has 1025 tokens, more than train\.max_length = 1024"),
        (ENDLESS, r"example t7 does not end in an end token \[2\]"),
        (replace(example(7), prompt_ids=()), "example t7 has no prompt"),
        (replace(example(7), weight=0.0), r"example t7 has the weight 0\.0"),
        (replace(example(7), weight=float("nan")), "example t7 has the weight nan"),
    ],
)
def test_examples_that_would_not_be_trained_as_promised_are_refused(
    bad: Example, said: str, kept_out: bool
) -> None:
    """Those that are kept for validation too: chance must not decide what is refused."""
    trained, validation = (examples(), [bad]) if kept_out else ([*examples(), bad], [])
    with pytest.raises(TrainingRefused, match=said):
        audit(trained, validation, ENDS, PLAIN, curated=True)


def test_the_longest_example_that_is_taken() -> None:
    audit([example(0, prompt=1000, answer=24)], [], ENDS, PLAIN, curated=True)


def test_uncurated_examples_may_be_unfinished_and_are_counted() -> None:
    checked = audit([*examples(3), ENDLESS], [], ENDS, PLAIN, curated=False)
    assert (checked.examples, checked.end_tokens, checked.unfinished) == (4, 3, 1)


# --- validation share ------------------------------------------------------------------------


@given(st.integers(1, 40), st.floats(0, 0.99), st.integers(0, 2**63 - 1))
def test_a_share_is_kept_for_validation_and_never_all(count: int, share: float, seed: int) -> None:
    trained, kept_out = split(examples(count), share, seed)
    assert sorted(e.trace_id for e in trained + kept_out) == sorted(e.trace_id for e in examples(count))
    assert len(kept_out) == min(round(share * count), count - 1)
    order = [e.trace_id for e in examples(count)]
    assert [order.index(e.trace_id) for e in trained] == sorted(order.index(e.trace_id) for e in trained)


def test_the_seed_decides_which_are_kept_out() -> None:
    assert split(examples(30), 0.2, 1) == split(examples(30), 0.2, 1)
    assert split(examples(30), 0.2, 1)[1] != split(examples(30), 0.2, 2)[1]


# --- renaming --------------------------------------------------------------------------------


def solved(task: Task, way_of: int) -> Example:
    ids = TOKENIZER([task.prompt, tiny.solution(task, tiny.WAYS[way_of])], add_special_tokens=False)[
        "input_ids"
    ]
    return Example(f"g0.{task.id}.0", task.id, tuple(ids[0]), tuple(ids[1]))


def test_renaming_is_a_permutation_alike_in_prompt_and_answer() -> None:
    for seed, task in enumerate(tiny.tasks()):
        one = solved(task, seed % 2)
        prompt, answer = renamed(one, [NAME_IDS], random.Random(seed))
        before, after = (*one.prompt_ids, *one.completion_ids), (*prompt, *answer)
        table = dict(zip(before, after, strict=True))
        assert [table[token] for token in before] == list(after), "one token, one new token"
        assert len(set(table.values())) == len(table)
        assert all(new == old for old, new in table.items() if old not in NAME_IDS)
        assert {new for old, new in table.items() if old in NAME_IDS} <= set(NAME_IDS)


def test_a_renamed_valid_answer_is_valid_on_the_renamed_task() -> None:
    domain = tiny.domain()
    moved = 0
    for seed, task in enumerate(tiny.tasks()):
        one = solved(task, seed % 2)
        prompt, answer = renamed(one, [NAME_IDS], random.Random(seed))
        assert domain.validate(task, trace(one.completion_ids)).valid
        new = Task(
            task.id,
            task.domain,
            TOKENIZER.decode(prompt),
            respelled(task, one, prompt),
            "deployed",
            task.size,
        )
        assert domain.prompt(new.spec["domain"], new.spec["problem"]) == new.prompt
        assert domain.validate(new, trace(answer)).valid
        moved += not domain.validate(task, trace(answer)).valid
    assert moved == len(tiny.tasks()), "on the task as it was the new names are wrong"


def test_renamed_missions_stay_valid_and_keep_the_kinds_of_their_names_apart() -> None:
    tokenizer = word_tokenizer(rovers.WORDS)
    groups = [[tokenizer.convert_tokens_to_ids(f" {name}") for name in group] for group in MISSION_NAMES]
    moved = 0
    for seed, mission in enumerate(missions(40, seed=10)):
        shown = rovers.demonstrate(mission, rovers.WAYS[seed % 2], plans=True)
        ids = tokenizer([shown.prompt, shown.completion], add_special_tokens=False)["input_ids"]
        one = Example("g0.t.0", "t", tuple(ids[0]), tuple(ids[1]))
        prompt, answer = renamed(one, groups, random.Random(seed))
        new = read_back(tokenizer.decode(prompt))
        assert judged(new, tokenizer.decode(answer)).valid
        assert mission_prompt(new) == tokenizer.decode(prompt)
        assert digest_of(problem_of(new), TEXT) == digest_of(problem_of(mission), TEXT)
        moved += new != mission
    assert moved == 40


def trace(ids: Sequence[int]) -> Trace:
    return Trace("t", "t", 0, 0, "m", TOKENIZER.decode(ids), (1,), tuple(ids), (0.0,) * len(ids), "stop")


def respelled(task: Task, one: Example, prompt: list[int]) -> dict[str, str]:
    """The task's problem under the names of the renamed prompt."""
    words = dict(zip(map(TOKENIZER.decode, one.prompt_ids), map(TOKENIZER.decode, prompt), strict=True))
    said = atoms_of(task.spec["problem"])

    def new(atom: tuple[str, ...]) -> tuple[str, ...]:
        return (atom[0], *(words[f" {name}"].strip() for name in atom[1:]))

    init, goal = (
        [new(atom) for atom in said.init if atom[0] != "handempty"],
        [new(atom) for atom in said.goal],
    )
    objects = [words[f" {name}"].strip() for name, _ in said.objects]
    return {**task.spec, "problem": problem_text("renamed", objects, init, goal)}


def test_the_first_epoch_is_as_it_was_sampled_and_later_ones_are_renamed_by_chance() -> None:
    ones = [solved(task, 0) for task in tiny.tasks()]
    recipe = Train(augment="rename", augment_share=0.5)
    epochs = [rows for _, rows in islice(epochs_of(ones, recipe, [NAME_IDS], 3), 9)]
    plain = [(list(one.prompt_ids), list(one.completion_ids)) for one in ones]
    assert [(row.prompt, row.completion) for row in epochs[0]] == plain
    moved = sum((row.prompt, row.completion) != plain[i] for rows in epochs[1:] for i, row in enumerate(rows))
    assert moved == pytest.approx(0.5 * 8 * len(ones), rel=0.3)


def test_without_augmentation_nothing_is_renamed() -> None:
    ones = [solved(task, 0) for task in tiny.tasks()]
    for _, rows in islice(epochs_of(ones, PLAIN, [NAME_IDS], 3), 3):
        assert [(row.prompt, row.completion) for row in rows] == [
            (list(one.prompt_ids), list(one.completion_ids)) for one in ones
        ]


def test_positions_jump_if_the_recipe_says_so() -> None:
    def first(recipe: Train) -> list[Row]:
        return next(epochs_of(examples(), recipe, (), 0))[1]

    assert all(row.positions is None for row in first(PLAIN))
    jumping = first(replace(PLAIN, positions="jumps"))
    assert all(row.positions is not None and len(row.positions) == len(row) for row in jumping)


# --- steps -----------------------------------------------------------------------------------


def steps(recipe: Train, count: int = 12, seed: int = 5) -> list[Step]:
    return list(steps_of(examples(count), recipe, (), seed))


def seen(found: Sequence[Step]) -> Counter[tuple[int, int]]:
    """How often each example came, known by its lengths, which differ."""
    return Counter((len(r.prompt), len(r.completion)) for s in found for shard in s.shards for r in shard)


@pytest.mark.parametrize("per_step", [0, 1, 4, 5, 100])
def test_each_epoch_shows_each_example_once(per_step: int) -> None:
    recipe = replace(PLAIN, examples_per_step=per_step)
    for epoch in range(3):
        once = seen([step for step in steps(recipe) if step.epoch == epoch])
        assert once == Counter({(len(e.prompt_ids), len(e.completion_ids)): 1 for e in examples()})


def test_a_step_has_at_most_so_many_tokens_or_exactly_so_many_examples() -> None:
    for step in steps(PLAIN):
        assert len(step.shards) <= SHARDS
        for shard in step.shards:
            assert max(map(len, shard)) * len(shard) <= PLAIN.tokens_per_step // SHARDS
    sizes = [sum(map(len, step.shards)) for step in steps(replace(PLAIN, examples_per_step=5))]
    assert sizes == [5, 5, 2] * 3


def test_parts_of_epochs_and_the_limit_of_steps() -> None:
    whole = len(steps(replace(PLAIN, epochs=1.0)))
    assert len(steps(replace(PLAIN, epochs=2.0))) == pytest.approx(2 * whole, abs=1)
    assert whole < len(steps(replace(PLAIN, epochs=1.5))) < 2 * whole
    assert 1 <= len(steps(replace(PLAIN, epochs=0.01))) <= 1
    assert len(steps(replace(PLAIN, max_steps=4))) == 4


def test_the_seed_decides_the_steps() -> None:
    assert steps(PLAIN, seed=5) == steps(PLAIN, seed=5)
    assert steps(PLAIN, seed=5) != steps(PLAIN, seed=6)
    first, second = (seen(found) for found in (steps(PLAIN, seed=5), steps(PLAIN, seed=6)))
    assert first == second, "another order of the same rows"


# --- the scale of each row -------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(1, 9), st.floats(0.1, 5)), min_size=1, max_size=8),
    st.integers(0, 8),
    st.sampled_from(["sum", "token-mean", "sequence-mean"]),
)
@settings(max_examples=60)
def test_scales_make_weighted_means(rows: list[tuple[int, float]], cut: int, loss: str) -> None:
    """If every token has a loss of 1 nat, the means are 1, whatever the weights and the cut into shards."""
    all_rows = tuple(Row([1], [6] * length, weight) for length, weight in rows)
    step = Step(0, (all_rows[:cut], all_rows[cut:]))
    scaled = [s * len(r.completion) for s, r in zip(chain(*row_scales(step, loss)), all_rows, strict=True)]
    weights = sum(weight for _, weight in rows)
    mean_length = sum(weight * length for length, weight in rows) / weights
    assert sum(scaled) == pytest.approx(mean_length if loss == "sum" else 1.0)
