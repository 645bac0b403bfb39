"""Demonstrations of sums and programs: right answers, never of a task, known words alone."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from iterdeploy import domains
from iterdeploy.domains.canonical import share_of
from iterdeploy.domains.code import CASES, SHOWN, behaviour, lists, run
from iterdeploy.domains.exercises import (
    DIETS,
    QUESTION,
    Field,
    demonstrations,
    exercise_of,
    of_base_share,
    random_program,
    random_sum,
    words_of,
)
from iterdeploy.domains.gym import question_digest
from iterdeploy.models.words import word_tokenizer
from iterdeploy.recipe import preset
from iterdeploy.types import SPLITS, Domain


def opened(field: Field) -> Domain:
    """The domain of a field's preset, to make tasks of."""
    recipe = preset(field)
    return domains.load_field(recipe.tasks.domain, recipe, judging=False)


FIELDS: tuple[Field, ...] = ("sums", "code")


@pytest.mark.parametrize("field", FIELDS)
def test_every_demonstration_is_of_known_words_and_comes_back(field: Field) -> None:
    tokenizer = word_tokenizer(words_of(field))
    assert len(set(words_of(field))) == len(words_of(field))
    for demo in islice(demonstrations(DIETS[field], 0), 500):
        ids = tokenizer(demo.prompt + demo.completion, add_special_tokens=False)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids) == demo.prompt + demo.completion


@pytest.mark.parametrize("field", FIELDS)
def test_demonstrations_have_the_sizes_and_cues_of_the_diet(field: Field) -> None:
    diet = DIETS[field]
    many = list(islice(demonstrations(diet, 1), 600))
    solved = [demo for demo in many if demo.prompt.endswith("<think>")]
    assert 0.5 < len(solved) / len(many) < 0.7
    assert {demo.completion.split()[0] for demo in solved} == {"short", "long"}
    assert all("<answer>" not in demo.completion for demo in many if demo.prompt.endswith("<say>"))
    for demo in many:
        steps = demo.completion.split("\n</")[0].count("|")
        assert steps in (diet.solve_sizes if demo in solved else diet.read_sizes)


def test_a_sum_comes_out_as_arithmetic_says() -> None:
    rng = random.Random(3)
    for terms in (2, 4, 9, 14):
        for _ in range(50):
            one = random_sum(terms, rng)
            asked = one.question.removeprefix(QUESTION.split("{")[0]).removesuffix("=")
            assert int(one.answer) == eval(asked)  # digits and signs alone
            assert one.short.split()[-2] == one.long.split()[-2] == one.answer.strip()
            assert exercise_of(one.question) == one
            assert one.long.count("|") == one.short.count("|") == one.reading.count("|") == terms


def test_a_program_does_what_its_words_say() -> None:
    rng = random.Random(4)
    for steps in (1, 3, 8):
        for _ in range(20):
            one = random_program(steps, rng)
            made: dict[str, object] = {}
            exec(one.answer, made)
            for given in lists(SHOWN + CASES, rng):
                assert made["f"](list(given)) == run(one.question.split(), given)  # type: ignore[operator]
            assert exercise_of(one.question) == one
            assert one.digest == behaviour(one.question.split())


@pytest.mark.parametrize("field", FIELDS)
def test_no_demonstration_is_of_a_deployed_or_heldout_task(field: Field) -> None:
    if field == "sums":
        pytest.importorskip("reasoning_gym")
    domain = opened(field)
    sizes = (4, 5) if field == "sums" else (3, 4)
    taught = {of_base_share(field, size, random.Random(seed)).digest for size in sizes for seed in range(200)}
    for split in SPLITS:
        for task in domain.tasks(split, 80, sizes, 7):
            assert task.spec["canonical"] not in taught
    for demo in islice(demonstrations(DIETS[field], 0), 500):
        asked = demo.prompt.removeprefix("<bos> ").rsplit("\n", 1)[0]
        assert share_of(exercise_of(asked).digest) == "base"


def test_the_prompts_of_the_domains_are_those_that_were_taught() -> None:
    code = opened("code")
    for task in code.tasks("deployed", 30, (3, 8), 1):
        words = task.spec["words"]
        assert task.prompt == f"<bos> {words}\n<think>"
        assert behaviour(words.split()) == task.spec["canonical"]
    pytest.importorskip("reasoning_gym")
    recipe = preset("sums")
    known = word_tokenizer(words_of("sums"))
    for task in opened("sums").tasks("heldout", 60, recipe.tasks.sizes, 1):
        question = task.prompt.removeprefix("<bos> ").removesuffix("\n<think>")
        head, tail = QUESTION.split("{sum}")
        assert question.startswith(head)
        assert question.endswith(tail)
        assert question_digest("gym:chain_sum", question) == task.spec["canonical"]
        assert known.unk_token_id not in known(task.prompt, add_special_tokens=False)["input_ids"]
