"""One worker: it trains what it was given, leaves what it trained, and opens just that."""

from __future__ import annotations

import json
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from safetensors.torch import load_file

from iterdeploy.errors import TrainingRefused
from iterdeploy.models.kernels import use_fast_norms
from iterdeploy.recipe import Curate, Recipe, Train
from iterdeploy.train.adapters import content_id, open_base, open_generation
from iterdeploy.train.diet import split, steps_of
from iterdeploy.train.fit import Alone
from iterdeploy.train.work import Lesson, Worker, one_thread, trainable
from iterdeploy.types import Example

IDS = torch.arange(4, 44)[None]
QUICK = Train(rank=4, alpha=8.0, epochs=3.0, tokens_per_step=400, augment="none")


def examples(base: Path) -> list[Example]:
    tokenizer = open_base(str(base))[1]
    return [
        Example(f"t{i}", f"t{i}", tuple(r.prompt), tuple(r.completion))
        for i, r in enumerate(tiny.rows(tokenizer))
    ]


def train(
    base: Path,
    out: Path,
    how: Train = QUICK,
    start: Path | None = None,
    given: Sequence[Example] | None = None,
) -> tuple[Any, list[tuple[int, int, str]]]:
    """The trained model as it stands in memory, and what was reported."""
    out.mkdir()
    scratch = out.with_name(f"{out.name}.scratch")
    scratch.mkdir()
    worker, seen = Worker(tiny.recipe(base, train=how)), []
    taught = tuple(examples(base)[:12] if given is None else given)
    lesson = Lesson(taught, str(start) if start else None, str(out), str(scratch), 7, (), "job")
    worker.parameters(lesson)
    model = worker.model
    worker.train(lesson, Alone(), lambda *row: seen.append(row))
    return model, seen


def rows_of(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]


@torch.inference_mode()
def logits(model: Any) -> torch.Tensor:
    use_fast_norms(model)
    found: torch.Tensor = model.eval()(input_ids=IDS, use_cache=False).logits
    return found


@torch.inference_mode()
def token_mean(model: Any, taught: Sequence[Example]) -> float:
    """Mean loss of completion tokens, one plain forward pass for each example."""
    total = 0.0
    for example in taught:
        ids = torch.tensor([[*example.prompt_ids, *example.completion_ids]])
        scores = model.eval()(input_ids=ids, use_cache=False).logits[0, len(example.prompt_ids) - 1 : -1]
        wanted = torch.tensor(example.completion_ids)
        total += float(torch.nn.functional.cross_entropy(scores, wanted, reduction="sum"))
    return total / sum(len(example.completion_ids) for example in taught)


@pytest.fixture(scope="module")
def trained(
    base: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Path, list[tuple[int, int, str]]]:
    out = tmp_path_factory.mktemp("work") / "adapter"
    model, seen = train(base, out, replace(QUICK, validation_share=0.25))
    return model, out, seen


# --- what was trained is what is left and opened ----------------------------------------------


def test_what_is_opened_answers_exactly_as_training_left_it(
    base: Path, trained: tuple[Any, Path, list[tuple[int, int, str]]]
) -> None:
    model, out, _ = trained
    opened = logits(open_generation(str(base), out)[0])
    assert torch.equal(opened, logits(model))
    assert not torch.allclose(opened, logits(open_base(str(base))[0]), atol=0.01)


def test_the_file_holds_every_trained_number(trained: tuple[Any, Path, list[tuple[int, int, str]]]) -> None:
    model, out, _ = trained
    saved = load_file(out / "adapter_model.safetensors")
    held = {name.replace(".default", ""): p for name, p in model.named_parameters() if p.requires_grad}
    assert saved.keys() == held.keys()
    assert all(torch.equal(saved[name], p) for name, p in held.items())


def test_a_folder_holds_the_adapter_the_losses_and_the_audit(
    trained: tuple[Any, Path, list[tuple[int, int, str]]],
) -> None:
    names = {path.name for path in trained[1].iterdir()}
    assert names == {"adapter_model.safetensors", "adapter_config.json", "training.jsonl", "audit.json"}


def test_the_audit_is_said_before_the_first_step_and_kept(
    base: Path, trained: tuple[Any, Path, list[tuple[int, int, str]]]
) -> None:
    _, out, seen = trained
    taught, kept_out = split(examples(base)[:12], 0.25, 7)
    assert (len(taught), len(kept_out)) == (9, 3)
    audit = json.loads((out / "audit.json").read_text())
    assert (audit["examples"], audit["validation"], audit["end_tokens"]) == (9, 3, 9)
    assert audit["trained_tokens"] == sum(len(e.completion_ids) for e in taught)
    done, total, note = seen[0]
    assert (done, note.split(":")[0]) == (0, "9 examples")
    assert [row[0] for row in seen] == list(range(total + 1))
    assert total == len(list(steps_of(taught, QUICK, (), 7)))


def test_the_first_loss_is_that_of_the_base_on_the_first_step(
    base: Path, trained: tuple[Any, Path, list[tuple[int, int, str]]]
) -> None:
    """Token by token what was curated is what is trained on."""
    taught, _ = split(examples(base)[:12], 0.25, 7)
    first = next(steps_of(taught, QUICK, (), 7))
    shown = [Example("", "", tuple(r.prompt), tuple(r.completion)) for shard in first.shards for r in shard]
    assert all(
        (e.prompt_ids, e.completion_ids) in {(t.prompt_ids, t.completion_ids) for t in taught} for e in shown
    )
    losses = [row["loss"] for row in rows_of(trained[1]) if "loss" in row]
    assert losses[0] == pytest.approx(token_mean(open_base(str(base))[0], shown), abs=1e-4)
    assert sum(losses[-3:]) < sum(losses[:3])


def test_the_validation_loss_is_of_what_was_kept_out(
    base: Path, trained: tuple[Any, Path, list[tuple[int, int, str]]]
) -> None:
    _, out, _ = trained
    _, kept_out = split(examples(base)[:12], 0.25, 7)
    last = rows_of(out)[-1]
    expected = token_mean(open_generation(str(base), out)[0], kept_out)
    assert last["validation_loss"] == pytest.approx(expected, abs=1e-4)


# --- where training starts, and what it moves -------------------------------------------------


def test_training_starts_from_the_last_generation_if_asked(
    base: Path, tmp_path: Path, trained: tuple[Any, Path, list[tuple[int, int, str]]]
) -> None:
    one_step = replace(QUICK, max_steps=1, learning_rate=1e-12, optimizer="adamw")
    train(base, tmp_path / "next", one_step, start=trained[1])
    before, after = (load_file(f / "adapter_model.safetensors") for f in (trained[1], tmp_path / "next"))
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[name], tensor, atol=1e-9) for name, tensor in after.items())
    train(base, tmp_path / "anew", one_step)
    anew = load_file(tmp_path / "anew" / "adapter_model.safetensors")
    assert not all(torch.allclose(anew[name], tensor, atol=1e-9) for name, tensor in after.items())


def test_a_full_training_leaves_a_model_of_its_own(base: Path, tmp_path: Path) -> None:
    full = replace(QUICK, method="full", learning_rate=2e-3, epochs=1.0)
    model, _ = train(base, tmp_path / "full", full)
    opened, tokenizer = open_generation(str(base), tmp_path / "full")
    assert torch.equal(logits(opened), logits(model))
    before = dict(open_base(str(base))[0].named_parameters())
    assert all(not torch.equal(p, before[name]) for name, p in opened.named_parameters()), (
        "every weight moved"
    )
    assert tokenizer(tiny.tasks()[0].prompt)["input_ids"]
    assert content_id(str(base), tmp_path / "full") != content_id(str(base), None)
    train(base, tmp_path / "more", replace(full, max_steps=1, learning_rate=1e-12), start=tmp_path / "full")
    again = open_generation(str(base), tmp_path / "more")[0]
    torch.testing.assert_close(logits(again), logits(opened), rtol=1e-4, atol=1e-5)


def test_a_lora_leaves_the_base_alone(base: Path, tmp_path: Path) -> None:
    before = (base / "model.safetensors").read_bytes()
    model, _ = train(base, tmp_path / "a", replace(QUICK, max_steps=2, targets=("v_proj",)))
    assert (base / "model.safetensors").read_bytes() == before
    held = {name: p for name, p in model.named_parameters() if "lora_" not in name}
    fresh = dict(open_base(str(base))[0].named_parameters())
    assert all(any(torch.equal(p, q) for q in fresh.values() if q.shape == p.shape) for p in held.values())
    saved = load_file(tmp_path / "a" / "adapter_model.safetensors")
    assert all("v_proj" in name for name in saved)


# --- refused before anything is trained -------------------------------------------------------


def test_an_example_without_its_end_token_is_refused_unless_uncurated(base: Path, tmp_path: Path) -> None:
    cut = [replace(example, completion_ids=example.completion_ids[:-1]) for example in examples(base)[:4]]
    with pytest.raises(TrainingRefused, match="does not end in an end token"):
        train(base, tmp_path / "refused", given=cut)
    assert not list((tmp_path / "refused").iterdir())
    worker = Worker(uncurated(base))
    (tmp_path / "out").mkdir()
    lesson = Lesson(tuple(cut), None, str(tmp_path / "out"), str(tmp_path), 7, (), "job")
    worker.parameters(lesson)
    worker.train(lesson, Alone(), lambda *row: None)
    assert json.loads((tmp_path / "out" / "audit.json").read_text())["unfinished"] == 4


def uncurated(base: Path) -> Recipe:
    return tiny.recipe(base, curate=Curate(rule="none"), train=replace(QUICK, max_steps=1))


def test_one_thread_is_given_back() -> None:
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_a_worker_holds_one_model_at_a_time(base: Path, tmp_path: Path) -> None:
    worker, name = Worker(tiny.recipe(base, train=QUICK)), content_id(str(base), None)
    (tmp_path / "out").mkdir()
    answering = weakref.ref(worker.load(None, name).model)
    lesson = Lesson(tuple(examples(base)[:4]), None, str(tmp_path / "out"), str(tmp_path), 7, (), "job")
    worker.parameters(lesson)
    assert answering() is None
    learning = weakref.ref(worker.model)
    worker.train(lesson, Alone(), lambda *_: None)
    assert learning() is None
    worker.parameters(lesson)
    learning = weakref.ref(worker.model)
    worker.load(None, name)
    assert learning() is None, "nor does one stay whose training was broken off"


def test_all_weights_are_trained_in_float32_whatever_they_are_sampled_in(base: Path) -> None:
    low = tiny.recipe(base, train=replace(QUICK, method="full"))
    model, _ = trainable(replace(low, base=replace(low.base, precision="bfloat16")), None)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert all(p.requires_grad for p in model.parameters())
