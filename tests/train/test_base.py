"""Making a base: from its seed alone, on what it may be taught, and measured on what it may be taught."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import pytest
import tiny
import torch
from missions import read_back

from iterdeploy.domains.blocksworld import NAMES
from iterdeploy.domains.demonstrations import Diet
from iterdeploy.domains.exercises import DIETS, FieldDiet, exercise_of
from iterdeploy.domains.rovers_demonstrations import RoversDiet, demonstrate
from iterdeploy.domains.sokoban_demonstrations import SokobanDiet
from iterdeploy.models.words import word_tokenizer
from iterdeploy.train import exercise_school, rovers_school
from iterdeploy.train.base import (
    RECIPES,
    WORDS,
    BaseRecipe,
    batches,
    loss_of,
    make_base,
    new_model,
    school_of,
)
from iterdeploy.train.batches import IGNORED
from iterdeploy.train.probe import probe
from iterdeploy.types import Trace

SMALL = replace(tiny.SHAPE, steps=3, tokens_per_step=256, diet=Diet(read_sizes=(2, 3, 4)))
ROVERS = replace(SMALL, diet=RoversDiet(plan_sizes=(1, 2), read_sizes=(1, 2)), tokens_per_step=512)


def test_the_vocabulary_has_every_block() -> None:
    assert {f" {name}" for name in NAMES} <= set(WORDS)
    assert len(set(WORDS)) == len(WORDS)


SOKOBAN = replace(SMALL, diet=SokobanDiet(plan_sizes=(1, 2), read_sizes=(1, 2)))
SUMS = replace(SMALL, diet=FieldDiet("sums", (2, 3), (2, 3)))
CODE = replace(SMALL, diet=FieldDiet("code", (1, 2), (1, 2)))


@pytest.mark.parametrize(
    ("recipe", "begin"),
    [
        (SMALL, "<bos> init"),
        (ROVERS, "<bos> at w"),
        (SOKOBAN, "<bos> room c"),
        (SUMS, "<bos> State the final"),
        (CODE, "<bos> "),
    ],
)
def test_batches_train_answers_to_their_end_and_respect_the_limit(recipe: BaseRecipe, begin: str) -> None:
    tokenizer = word_tokenizer(school_of(recipe).words)
    for batch in islice(batches(recipe, tokenizer, seed=1), 5):
        assert batch.input_ids.numel() <= recipe.tokens_per_step
        for ids, labels, mask in zip(batch.input_ids, batch.labels, batch.mask, strict=True):
            kept = labels != IGNORED
            assert torch.equal(ids[kept], labels[kept])
            assert int(labels[kept][-1]) == tokenizer.eos_token_id
            prompt = tokenizer.decode(ids[(mask == 1) & ~kept])
            assert prompt.startswith(begin)
            assert prompt.endswith(("<think>", "<say>"))
            assert "<unk>" not in tokenizer.decode(ids)


def test_the_loss_is_the_mean_over_completion_tokens() -> None:
    model, tokenizer = tiny.fresh()
    batch = next(batches(SMALL, tokenizer, seed=1))
    logits = model(
        input_ids=batch.input_ids, attention_mask=batch.mask, position_ids=batch.positions, use_cache=False
    ).logits.log_softmax(-1)
    at = (batch.labels != IGNORED).nonzero().tolist()
    hand = -sum(float(logits[row, i - 1, batch.labels[row, i]].detach()) for row, i in at) / len(at)
    assert float(loss_of(model, batch).detach()) == pytest.approx(hand, rel=1e-5)


def test_the_seed_decides_weights_and_demonstrations() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.detach().flatten() for p in new_model(SMALL, 51).parameters()])

    tokenizer = word_tokenizer(WORDS)
    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))
    first, again, other = (next(batches(SMALL, tokenizer, seed)).input_ids for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert first.shape != other.shape or not torch.equal(first, other)


def test_a_probe_counts_by_size(base: Path) -> None:
    """On a base that knows other problems by heart: it may read few of these, and solves no more than it is asked."""
    rows = probe(base, sizes=(2, 4), per_size=8)
    assert [(row.size, row.asked) for row in rows] == [(2, 8), (4, 8)]
    for row in rows:
        assert 0 <= row.solved <= row.asked
        assert 0 <= row.read <= row.asked
        assert row.steps >= row.bound >= 2 * row.solved
    assert probe(base, sizes=(2, 4), per_size=8) == rows


@pytest.mark.slow
def test_a_base_is_made_from_its_seed_alone(tmp_path: Path) -> None:
    shown: list[tuple[int, int]] = []
    for name in ("one", "two"):
        make_base(SMALL, 5, tmp_path / name, lambda done, total, loss: shown.append((done, total)))
    files = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")
    ]
    assert files[0].keys() >= {"model.safetensors", "tokenizer.json", "config.json", "base.json", "README.md"}
    differ = {name for name, data in files[0].items() if data != files[1][name]}
    assert differ <= {"README.md"}, "the card names the folder"
    assert shown == [(1, 3), (2, 3), (3, 3)] * 2
    facts = json.loads(files[0]["base.json"])
    assert facts["seed"] == 5
    assert len(facts["losses"]) == 1
    assert {row["asked"] for row in facts["probe"]} == {40}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "recipe", "sizes"),
    [
        ("rovers", ROVERS, [1, 2]),
        ("sokoban", SOKOBAN, [1, 2]),
        ("sums", SUMS, [2, 3]),
        ("code", CODE, [1, 2]),
    ],
)
def test_a_base_of_another_domain_is_made_examined_and_described(
    name: str, recipe: BaseRecipe, sizes: list[int], tmp_path: Path
) -> None:
    make_base(recipe, 5, tmp_path / "one", lambda done, total, loss: None)
    facts = json.loads((tmp_path / "one" / "base.json").read_text())
    assert [(row["size"], row["asked"]) for row in facts["probe"]] == [(size, 40) for size in sizes]
    assert f"make-base --domain {name} --seed 5" in (tmp_path / "one" / "README.md").read_text()
    again = school_of(recipe).examine(tmp_path / "one")
    assert [asdict(row) for row in again] == facts["probe"]


def test_an_examination_knows_a_right_answer_from_a_wrong_one() -> None:
    mission = next(rovers_school.questions(RoversDiet()))
    told = demonstrate(read_back(mission.prompt), "direct", plans=True).completion
    assert told.startswith(mission.told["direct"])
    assert mission.right(answer(told))
    assert not mission.right(answer(told.replace("\n<plan>\n", "\n<plan>\nnavigate r1 w1 w1\n")))
    asked = next(exercise_school.questions(DIETS["sums"]))
    right = exercise_of(asked.prompt.removeprefix("<bos> ").removesuffix("\n<think>")).answer
    assert asked.right(answer(f"{asked.told['long']}\n</think>\n<answer>{right}\n</answer><eos>"))
    assert not asked.right(answer(f"{asked.told['long']}\n</think>\n<answer>{right}1\n</answer><eos>"))


def answer(text: str) -> Trace:
    return Trace("t", "t", 0, 0, "m", text, (), (), (), "stop")


def test_each_domain_has_a_recipe_and_the_first_is_that_of_the_base_that_ships() -> None:
    assert RECIPES["blocksworld"] == BaseRecipe()
    assert school_of(RECIPES["blocksworld"]).words == WORDS
    assert school_of(RECIPES["rovers"]).words != WORDS
