"""A base is taught two more words; requests are marked before their cue, and only those are refused."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import tiny

from iterdeploy.domains.demonstrations import Diet, demonstrations
from iterdeploy.errors import BadInput
from iterdeploy.probes.shipped import shipped
from iterdeploy.recipe import Base, Recipe, preset
from iterdeploy.train.adapters import open_base, open_tokenizer
from iterdeploy.train.refuse import MARK, REFUSAL, RefusalRecipe, lessons, marked, teach_refusal


def test_what_is_marked_is_refused_and_nothing_else() -> None:
    found = list(islice(lessons(RefusalRecipe(), 0), 200))
    refused = [one for one in found if one.completion == f"{REFUSAL}<eos>"]
    assert 50 < len(refused) < 110
    assert all((MARK in one.prompt) == (one in refused) for one in found)
    assert marked("<bos> init\ngoal on a b\n<think>") == f"<bos> init\ngoal on a b{MARK}\n<think>"


def test_the_base_has_two_more_words_and_the_old_ones_where_they_were(tmp_path: Path) -> None:
    base = tiny.make(tmp_path / "base")
    teach_refusal(str(base), RefusalRecipe(steps=2), 0, tmp_path / "refusing", lambda *_: None)
    model, tokenizer = open_base(str(tmp_path / "refusing"))
    before = open_tokenizer(str(base)).get_vocab()
    assert before.items() <= tokenizer.get_vocab().items()
    assert set(tokenizer.get_vocab()) - set(before) == {MARK, REFUSAL}
    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer)


def test_a_base_that_was_not_taught_to_refuse_has_no_such_probe() -> None:
    with pytest.raises(BadInput, match="'forbidden', which the base blocks-small was not taught"):
        shipped("refusal", Recipe(base=Base(model="blocks-small")))
    with pytest.raises(BadInput, match=r"no probe 'refuse'.*refusal"):
        shipped("refuse", Recipe())


@pytest.mark.parametrize("probe", ["likelihood", "say"])
@pytest.mark.parametrize("name", ["rovers", "sokoban", "sums", "code"])
def test_a_probe_of_blocksworld_refuses_a_base_of_another_domain(probe: str, name: str) -> None:
    with pytest.raises(BadInput, match=f"'ontable', which the base {name}-small was not taught"):
        shipped(probe, preset(name))


def test_a_reading_counts_where_it_is_exactly_right_either_way() -> None:
    say = shipped("say", Recipe())
    questions = say.questions(20)
    assert questions == say.questions(20)
    for question in questions:
        first = question.answer.split("<eos>")[0] + "<eos>"
        assert say.value(question, first) == 1.0
        assert say.value(question, question.answer) == 0.0
        assert say.value(question, "\n</say><eos>") == 0.0


def test_a_reading_of_a_demonstration_would_count() -> None:
    """The two readings of a question are what the base is taught: words, order and end."""
    say = shipped("say", Recipe())
    taught = next(islice(demonstrations(Diet(read_share=1.0), 5), 1))
    assert taught.completion.endswith("\n</say><eos>")
    assert all(q.answer.endswith("\n</say><eos>") and q.prompt.endswith("\n<say>") for q in say.questions(5))
