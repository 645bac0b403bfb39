"""The training loop: which tokens are in the loss and how much each counts, and a stop that leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import pytest
import tiny
import torch

from iterdeploy.errors import TrainingRefused
from iterdeploy.models.kernels import use_fast_norms
from iterdeploy.recipe import Train
from iterdeploy.train.adapters import open_base, with_lora
from iterdeploy.train.batches import Row
from iterdeploy.train.diet import Step, row_scales, steps_of
from iterdeploy.train.fit import (
    CHECKPOINT,
    Alone,
    Room,
    State,
    fit,
    set_gradients,
    shard_gradient,
    token_losses,
)
from iterdeploy.train.optimizers import Optimizer
from iterdeploy.types import Example

LOSSES: tuple[Literal["sum", "token-mean", "sequence-mean"], ...] = ("sum", "token-mean", "sequence-mean")
ROWS = [
    Row([1, 9, 10, 11, 12], [20, 21, 2], 1.0),
    Row([1, 9], [30, 31, 32, 33, 34, 2], 0.5),
    Row([1, 9, 10, 11, 12, 13, 14], [2], 2.0),
    Row([1, 15, 16], [22, 2], 1.0, positions=[4, 5, 9, 10, 40]),
]


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny.fresh(1)[0]


def by_hand(model: Any, row: Row) -> torch.Tensor:
    """The loss of each completion token of one row, by a plain forward pass.

    Without a mask, transformers takes gaps between positions for the seams of packed sequences.
    """
    ids = torch.tensor([[*row.prompt, *row.completion]])
    places = torch.tensor([list(row.positions)]) if row.positions else None
    out = model(input_ids=ids, attention_mask=torch.ones_like(ids), position_ids=places, use_cache=False)
    logprobs = out.logits[0].log_softmax(-1)
    at = range(len(row.prompt) - 1, len(row) - 1)
    return torch.stack([-logprobs[i, token] for i, token in zip(at, row.completion, strict=True)])


def gradient(model: Any, loss: torch.Tensor) -> torch.Tensor:
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])


# --- the loss --------------------------------------------------------------------------------


def test_losses_are_the_summed_cross_entropy_of_each_completion(model: Any) -> None:
    expected = torch.stack([by_hand(model, row).sum() for row in ROWS])
    torch.testing.assert_close(token_losses(model, ROWS, 0), expected, rtol=1e-5, atol=1e-5)


def test_the_end_token_is_in_the_loss(model: Any) -> None:
    for row in ROWS[:2]:
        open_ended = replace(row, completion=row.completion[:-1])
        with_end, without = (float(token_losses(model, [r], 0)[0].detach()) for r in (row, open_ended))
        assert with_end - without == pytest.approx(float(by_hand(model, row)[-1].detach()), abs=1e-5)
        assert with_end - without > 1


def test_the_gradient_pulls_at_completion_tokens_and_at_nothing_else(model: Any) -> None:
    """The gradient of cross-entropy at the logits is negative at the label alone, and zero where nothing is trained."""
    caught: list[torch.Tensor] = []

    def catch(module: Any, inputs: Any, output: torch.Tensor) -> None:
        output.retain_grad()
        caught.append(output)

    hook = model.lm_head.register_forward_hook(catch)
    token_losses(model, ROWS, 0).sum().backward()  # type: ignore[no-untyped-call]
    hook.remove()
    model.zero_grad()
    pulls = caught[0].grad
    assert pulls is not None
    width, kept = max(map(len, ROWS)), pulls.shape[1]
    for row, pull in zip(ROWS, pulls, strict=True):
        trained = {width - kept + int(i) + 1: int(pull[i].argmin()) for i in pull.any(-1).nonzero()[:, 0]}
        places = range(len(row.prompt), len(row))
        assert trained == dict(zip(places, row.completion, strict=True))


@pytest.mark.parametrize("loss", LOSSES)
def test_each_normalisation_by_hand_with_weights(model: Any, loss: str) -> None:
    hand = [by_hand(model, row) for row in ROWS]
    weights = [1.0, 0.5, 2.0, 1.0]
    expected = {
        "sum": sum(w * each.sum() for w, each in zip(weights, hand, strict=True)) / sum(weights),
        "token-mean": sum(w * each.sum() for w, each in zip(weights, hand, strict=True))
        / sum(w * len(each) for w, each in zip(weights, hand, strict=True)),
        "sequence-mean": sum(w * each.mean() for w, each in zip(weights, hand, strict=True)) / sum(weights),
    }[loss]
    assert isinstance(expected, torch.Tensor)
    step = Step(0, (tuple(ROWS[:3]), tuple(ROWS[3:])))
    total = shards_of(model, step, loss)
    assert float(total[-1]) == pytest.approx(float(expected.detach()), rel=1e-5)
    torch.testing.assert_close(total[:-1], gradient(model, expected), rtol=1e-4, atol=1e-6)


def shards_of(model: Any, step: Step, loss: str) -> torch.Tensor:
    """The gradient of a step, its shards added as one worker alone adds them."""
    parameters, scales = list(model.parameters()), row_scales(step, loss)
    vectors = {
        shard: shard_gradient(model, parameters, rows, scales[shard], 0)
        for shard, rows in enumerate(step.shards)
    }
    return Alone().add(0, vectors)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("cut", [1, 2, 4])
def test_shards_add_up_to_the_gradient_of_the_whole_step(model: Any, loss: str, cut: int) -> None:
    parameters = list(model.parameters())
    whole = Step(0, (tuple(ROWS),))
    together = shard_gradient(model, parameters, ROWS, list(chain(*row_scales(whole, loss))), 0)
    parts = shards_of(model, Step(0, (tuple(ROWS[:cut]), tuple(ROWS[cut:]))), loss)
    torch.testing.assert_close(parts, together, rtol=1e-4, atol=1e-6)


def test_padding_does_not_move_a_gradient(model: Any) -> None:
    parameters = list(model.parameters())
    alone = shard_gradient(model, parameters, ROWS[:1], [1.0], 0)
    beside = shard_gradient(model, parameters, [ROWS[0], Row([1] * 20, [5] * 20)], [1.0, 0.0], 0)
    torch.testing.assert_close(beside, alone, rtol=1e-4, atol=1e-6)


def test_gradients_are_cut_to_their_parameters(model: Any) -> None:
    parameters = list(model.parameters())
    set_gradients(parameters, torch.arange(sum(p.numel() for p in parameters) + 1, dtype=torch.float32))
    at = 0
    for p in parameters:
        assert p.grad is not None
        assert torch.equal(p.grad.flatten(), torch.arange(at, at + p.numel(), dtype=torch.float32))
        at += p.numel()
    model.zero_grad()


# --- a stop that leaves no trace -------------------------------------------------------------

STEPS = CHECKPOINT + 6
SHORT = Train(
    rank=2, alpha=4.0, epochs=20.0, max_steps=STEPS, examples_per_step=2, augment="none", learning_rate=0.02
)  # fmt: skip
EXAMPLES = [Example(f"t{i}", f"t{i}", (1, 9 + i, 15), (20 + i, 2)) for i in range(6)]


class Stopped(Exception):  # noqa: N818
    """What a killed training looks like from inside."""


def no_stop(done: int) -> None:
    """A training that is left alone."""


def stop_at(step: int) -> Callable[[int], None]:
    def watch(done: int) -> None:
        if done == step:
            raise Stopped

    return watch


def opened(base: Path, recipe: Train) -> tuple[Any, Optimizer]:
    """A fresh adapter on the base, and its optimizer."""
    torch.manual_seed(4)
    model = with_lora(open_base(str(base))[0], recipe)
    use_fast_norms(model)
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    rate, clip = recipe.learning_rate, recipe.clip
    return model, Optimizer(
        named, recipe.optimizer, rate, steps=STEPS, weight_decay=0.01, warmup_share=0.1, clip=clip
    )


def trained(
    base: Path, recipe: Train, state: State, watch: Callable[[int], None] = no_stop
) -> list[torch.Tensor]:
    """Every trained number after all steps, and the losses."""
    model, optimizer = opened(base, recipe)
    steps = steps_of(EXAMPLES, recipe, (), 5)
    outcome = fit(model, steps, optimizer, recipe, 0, 5, Alone(), state, lambda done, _: watch(done))
    assert len(outcome.losses) == STEPS
    return [*(p.detach() for p in optimizer.parameters), torch.tensor(outcome.losses)]


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_stopped_after_a_checkpoint_it_ends_with_the_same_bytes(
    base: Path, tmp_path: Path, optimizer: Literal["muon", "adamw"]
) -> None:
    """With dropout, so that chance is put back too."""
    recipe = replace(SHORT, optimizer=optimizer, dropout=0.1)
    whole = trained(base, recipe, State(tmp_path / "never", "job"))
    state = State(tmp_path / "state", "job")
    with pytest.raises(Stopped):
        trained(base, recipe, state, stop_at(CHECKPOINT + 3))
    seen: list[int] = []
    again = trained(base, recipe, state, seen.append)
    assert all(torch.equal(a, b) for a, b in zip(again, whole, strict=True))
    assert seen == list(range(CHECKPOINT + 1, STEPS + 1)), "it went on, and did not begin anew"
    losses = whole[-1].tolist()
    assert sum(losses[-6:]) < 0.5 * sum(losses[:6]), "and it learned"


def test_dropout_is_at_work(base: Path, tmp_path: Path) -> None:
    """Or the test above would prove little about it."""
    losses = []
    for dropout in (0.0, 0.1):
        model, optimizer = opened(base, replace(SHORT, dropout=dropout))
        steps, seen = steps_of(EXAMPLES, SHORT, (), 5), Caught()
        with pytest.raises(Stopped):
            fit(model, steps, optimizer, SHORT, 0, 5, Alone(), State(tmp_path / "state", "job"), seen)
        losses.append(seen.losses)
    assert losses[0][0] == losses[1][0], "a fresh adapter adds nothing that could be dropped"
    assert losses[0][1:] != losses[1][1:]


class Caught:
    """The losses of the first three steps."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def __call__(self, done: int, loss: float) -> None:
        self.losses.append(loss)
        if done == 3:
            raise Stopped


@pytest.fixture(scope="module")
def primed(base: Path) -> Optimizer:
    """An optimizer after one step, so that there is something to save."""
    _, optimizer = opened(base, SHORT)
    set_gradients(optimizer.parameters, torch.ones(sum(p.numel() for p in optimizer.parameters) + 1))
    optimizer.step()
    return optimizer


def test_what_is_saved_is_put_back(base: Path, tmp_path: Path, primed: Optimizer) -> None:
    State(tmp_path / "state", "job").save(primed, [0.5])
    _, other = opened(base, SHORT)
    assert State(tmp_path / "state", "job").restore(other) == [0.5]
    assert other.done == 1
    assert all(torch.equal(a, b) for a, b in zip(other.parameters, primed.parameters, strict=True))
    for mine, theirs in zip(other.parts, primed.parts, strict=True):
        for p, q in zip(mine.state, theirs.state, strict=True):
            assert all(torch.equal(value, theirs.state[q][key]) for key, value in mine.state[p].items())
    assert [path.name for path in tmp_path.iterdir()] == ["state"], "no other file is left"


def test_a_checkpoint_of_another_job_is_not_used(base: Path, tmp_path: Path, primed: Optimizer) -> None:
    State(tmp_path / "state", "job").save(primed, [0.5])
    assert_not_used(base, State(tmp_path / "state", "another job"))


def test_a_torn_checkpoint_is_not_used(
    base: Path, tmp_path: Path, primed: Optimizer, caplog: pytest.LogCaptureFixture
) -> None:
    """A power cut may leave a name without its bytes."""
    State(tmp_path / "state", "job").save(primed, [0.5])
    data = (tmp_path / "state").read_bytes()
    for kept in (0, 20, len(data) - 100):
        (tmp_path / "state").write_bytes(data[:kept])
        assert_not_used(base, State(tmp_path / "state", "job"))
    assert caplog.text.count("is torn") == 3


def assert_not_used(base: Path, state: State) -> None:
    _, optimizer = opened(base, SHORT)
    before = [p.detach().clone() for p in optimizer.parameters]
    assert state.restore(optimizer) == []
    assert optimizer.done == 0
    assert all(torch.equal(p, b) for p, b in zip(optimizer.parameters, before, strict=True))


def test_a_loss_that_is_no_number_ends_the_training(base: Path, tmp_path: Path) -> None:
    wild = replace(SHORT, learning_rate=1e30, clip=0.0)
    with pytest.raises(
        TrainingRefused, match=r"the loss of step \d+ is (nan|inf).*lower train\.learning_rate"
    ):
        trained(base, wild, State(tmp_path / "state", "job"))
    assert not (tmp_path / "state").exists()


class Small:
    """A model on a card that has room for so many rows."""

    def __init__(self, model: Any, room: int) -> None:
        self.model, self.room, self.refused = model, room, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def __call__(self, **inputs: Any) -> Any:
        if len(inputs["input_ids"]) > self.room:
            self.refused += 1
            raise torch.OutOfMemoryError("no room")
        return self.model(**inputs)


def test_rows_that_do_not_fit_together_give_the_same_gradient_in_halves(base: Path) -> None:
    model, optimizer = opened(base, Train(rank=4))
    rows = [Row(e.prompt_ids, e.completion_ids) for e in EXAMPLES]
    scales = [0.01 * (i + 1) for i in range(len(rows))]
    whole = shard_gradient(model, optimizer.parameters, rows, scales, 0)
    small, room = Small(model, 2), Room()
    for _ in range(2):
        parts = shard_gradient(small, optimizer.parameters, rows, scales, 0, room)
        assert float((whole - parts).norm() / whole.norm()) < 1e-5
        refused, small.refused = small.refused, 0
    assert refused == 0, "what did not fit is not tried again"


def test_one_row_that_does_not_fit_says_how_long_it_is_and_what_to_set(base: Path) -> None:
    model, optimizer = opened(base, Train(rank=4))
    step = next(iter(steps_of(EXAMPLES[:1], Train(rank=4, max_steps=1), (), 0)))
    ((row,),) = [shard for shard in step.shards if shard]
    lengths = (
        rf"of trace {EXAMPLES[0].trace_id}, {len(row.prompt)} prompt and {len(row.completion)} completion tokens, "
        r".* train\.checkpointing='on'"
    )
    with pytest.raises(TrainingRefused, match=lengths):
        shard_gradient(Small(model, 0), optimizer.parameters, [row], [1.0], 0)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    with pytest.raises(TrainingRefused, match="by itself; leave such answers out"):
        shard_gradient(Small(model, 0), optimizer.parameters, [row], [1.0], 0)


def test_activations_that_are_made_anew_give_the_same_gradient(base: Path) -> None:
    model, optimizer = opened(base, Train(rank=4))
    rows = [Row(e.prompt_ids, e.completion_ids) for e in EXAMPLES]
    model.train()
    whole = shard_gradient(model, optimizer.parameters, rows, [0.1] * len(rows), 0)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    assert model.is_gradient_checkpointing
    again = shard_gradient(model, optimizer.parameters, rows, [0.1] * len(rows), 0)
    assert float(whole.norm()) > 0
    assert float((whole - again).norm() / whole.norm()) < 1e-5
