"""The memory that a plan states follows what the engine and the trainer do with a card."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iterdeploy.plan_ahead import memory as assumed
from iterdeploy.plan_ahead.memory import Memory, memory
from iterdeploy.plan_ahead.shape import known_shape
from iterdeploy.recipe import Recipe, preset

A_TOKEN = 147_456  # bytes of the cache of Qwen3-4B, in bf16


def needed(recipe: Recipe, gib: float, on_card: bool = True) -> Memory:
    shape = known_shape("Qwen/Qwen3-4B", rank=16)
    assert shape is not None
    found = memory(recipe, shape, 2000, on_card, gib * 2**30)
    assert found is not None
    return found


def test_the_numbers_are_those_of_the_engine_and_the_trainer() -> None:
    from iterdeploy.models import chunks, engine
    from iterdeploy.train import work

    theirs = (engine.BLOCK, engine.CACHE_SHARE, chunks.MOST, work.LONG)
    assert theirs == (assumed.BLOCK, assumed.CACHE_SHARE, assumed.MOST_LOGITS, assumed.LONG)


@pytest.mark.parametrize(("gib", "rows"), [(1000, 64), (141, 16), (80, 8), (24, 2), (8, 1)])
def test_a_block_is_cut_in_halves_until_it_fits_the_card(gib: float, rows: int) -> None:
    recipe = preset("paper")
    found = needed(recipe, gib)
    assert found.rows == rows
    assert found.cache == rows * (2000 + recipe.deploy.max_tokens) * A_TOKEN


def test_main_memory_cuts_no_block() -> None:
    assert needed(preset("paper"), 8, on_card=False).rows == 64


def test_the_paper_is_sampled_and_trained_on_one_card_of_80_gib() -> None:
    found = needed(preset("paper"), 80)
    assert found.peak == max(found.sampling, found.training) < 80 * 2**30


def test_activations_are_made_anew_where_the_trainer_does_so() -> None:
    paper = preset("paper")
    short = replace(paper, train=replace(paper.train, max_length=4096))

    def kept(recipe: Recipe, how: str, on_card: bool = True) -> int:
        train = replace(recipe.train, checkpointing=how)  # type: ignore[arg-type]
        return needed(replace(recipe, train=train), 80, on_card).activations

    assert kept(paper, "auto") == kept(paper, "on") < kept(paper, "off") / 4
    assert kept(short, "auto") == kept(short, "off") > kept(short, "on")
    assert kept(paper, "auto", on_card=False) == kept(paper, "off", on_card=False)


def test_logits_take_no_more_than_a_chunk() -> None:
    paper = preset("paper")
    longer = replace(paper, deploy=replace(paper.deploy, max_tokens=50_000))
    per_token = (36 * 2560 + assumed.KEPT * 2560 + assumed.KEPT_WIDE * 9728) * 2
    more = needed(longer, 80).activations - needed(paper, 80).activations
    assert more == (50_000 - paper.deploy.max_tokens) * per_token
