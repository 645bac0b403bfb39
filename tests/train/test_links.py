"""The loop, link by link and token by token: sampled, validated, curated, trained, deployed again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from iterdeploy.loop import run_loop
from iterdeploy.recipe import Recipe, Train
from iterdeploy.store import Run
from iterdeploy.train.adapters import content_id, open_base, open_generation
from iterdeploy.train.batches import IGNORED, collate
from iterdeploy.train.diet import epochs_of
from iterdeploy.types import SPLITS, Split, Trace


@pytest.fixture(scope="module")
def recipe(base: Path) -> Recipe:
    """Nothing is renamed, for this base knows its tasks by heart."""
    train = Train(rank=4, alpha=8.0, epochs=12.0, tokens_per_step=256, augment="none", learning_rate=4e-3)
    return tiny.recipe(base, train=train)


@pytest.fixture(scope="module")
def run(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One round of the real loop: the base, and a generation made of its own valid answers."""
    made = Run.create(tmp_path_factory.mktemp("links") / "run", recipe)
    with tiny.trainer(recipe) as trainer:
        run_loop(made, tiny.domain(), trainer)
    return made


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> Any:
    return open_base(str(base))[1]


ALL: list[tuple[int, Split]] = [(number, split) for number in (0, 1) for split in SPLITS]


@pytest.mark.parametrize(("number", "split"), ALL)
def test_what_is_validated_is_what_was_sampled(run: Run, tokenizer: Any, number: int, split: Split) -> None:
    tasks, domain = {task.id: task for task in run.tasks(split)}, tiny.domain()
    verdicts = {verdict.trace_id: verdict for verdict in run.verdicts(number, split)}
    for trace in run.traces(number, split):
        task = tasks[trace.task_id]
        assert tokenizer.decode(trace.token_ids) == trace.text
        assert tokenizer.decode(trace.prompt_ids) == task.prompt == domain.prompt("", task.spec["problem"])
        assert domain.validate(task, trace) == verdicts[trace.id]


def test_what_is_curated_is_the_shortest_valid_answer_of_each_task(run: Run) -> None:
    valid = {verdict.trace_id: verdict for verdict in run.verdicts(0) if verdict.valid}
    traces = {trace.id: trace for trace in run.traces(0)}
    examples = run.examples(1)
    assert {example.task_id for example in examples} == {traces[name].task_id for name in valid}
    for example in examples:
        trace = traces[example.trace_id]
        assert (example.prompt_ids, example.completion_ids) == (trace.prompt_ids, trace.token_ids)
        rivals = [v.cost for name, v in valid.items() if traces[name].task_id == example.task_id]
        assert valid[example.trace_id].cost == min(rivals)
        assert example.completion_ids[-1] == 2, "the end token is part of what is learned"


def test_what_is_trained_is_what_was_curated(run: Run, recipe: Recipe) -> None:
    """The batch of the first epoch: labels are the completion, the prompt is masked, the end token is trained."""
    examples = run.examples(1)
    _, rows = next(epochs_of(examples, recipe.train, (), 0))
    batch = collate(rows, 0)
    for i, example in enumerate(examples):
        kept = batch.labels[i] != IGNORED
        assert tuple(batch.labels[i][kept].tolist()) == example.completion_ids
        start = len(example.prompt_ids)
        assert not kept[:start].any()
        assert tuple(batch.input_ids[i, : start + len(example.completion_ids)].tolist()) == (
            *example.prompt_ids,
            *example.completion_ids,
        )
    audit = json.loads((run.adapter_folder(1) / "audit.json").read_text())
    assert audit["examples"] == audit["end_tokens"] == len(examples)
    assert audit["trained_tokens"] == sum(len(example.completion_ids) for example in examples)
    assert (audit["truncated"], audit["unfinished"]) == (0, 0)


def test_what_is_deployed_is_what_was_trained(run: Run, base: Path) -> None:
    base_row, row = run.generations()
    assert row.model == content_id(str(base), run.adapter_folder(1)) != base_row.model == row.parent
    for number, split in ALL:
        expected = (base_row, row)[number].model
        assert {trace.model for trace in run.traces(number, split)} == {expected}


@torch.inference_mode()
def logprobs(model: Any, trace: Trace, temperature: float) -> torch.Tensor:
    ids = torch.tensor([[*trace.prompt_ids, *trace.token_ids]])
    scores = (
        model(input_ids=ids, use_cache=False).logits[0, len(trace.prompt_ids) - 1 : -1].double() / temperature
    )
    found: torch.Tensor = scores.log_softmax(-1).gather(1, torch.tensor(trace.token_ids)[:, None])[:, 0]
    return found


def test_the_recorded_logprobs_are_of_the_adapter_beside_its_base(
    run: Run, base: Path, recipe: Recipe
) -> None:
    """Sampled from the sum of both; checked against what PEFT computes; and not what the base says."""
    model, plain = open_generation(str(base), run.adapter_folder(1))[0], open_base(str(base))[0]
    apart = 0.0
    for trace in run.traces(1)[::4]:
        recorded = torch.tensor(trace.logprobs).double()
        beside = logprobs(model, trace, recipe.deploy.temperature)
        torch.testing.assert_close(recorded, beside, rtol=0, atol=1e-3)
        apart = max(apart, float((recorded - logprobs(plain, trace, recipe.deploy.temperature)).abs().max()))
    assert apart > 0.5


def test_what_was_learned_has_become_likelier(run: Run, base: Path) -> None:
    model, plain = open_generation(str(base), run.adapter_folder(1))[0], open_base(str(base))[0]
    learned = {example.trace_id for example in run.examples(1)}
    traces = [trace for trace in run.traces(0) if trace.id in learned]
    before, after = (sum(float(logprobs(m, t, 1.0).sum()) for t in traces) for m in (plain, model))
    assert after > 0.8 * before, "a fifth of the surprise is gone; log-probabilities are negative"
