"""The scripted model: each answer depends on its request alone, and training makes it better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iterdeploy.errors import BadInput
from iterdeploy.models.scripted import END, ScriptedTrainer
from iterdeploy.types import Example, Request, TrainingJob

TRAINER = ScriptedTrainer(
    right=lambda prompt, chance: f"right {chance.randrange(9)}",
    wrong=lambda prompt, chance: "wrong",
    base_share=0.2,
    halfway=50,
)
REQUESTS = [Request(f"g0.t{n}.0", f"t{n}", "prompt", 0, 0, seed=n) for n in range(200)]


@pytest.fixture
def job(tmp_path: Path) -> TrainingJob:
    for name in ("adapter", "scratch"):
        (tmp_path / name).mkdir()
    examples = [Example(f"g0.t{n}.0", f"t{n}", (1,), (2, END)) for n in range(100)]
    return TrainingJob(1, examples, None, tmp_path / "adapter", tmp_path / "scratch", seed=5)


def solved(adapter: Path | None) -> int:
    return sum(trace.text.startswith("right") for trace in TRAINER.load(adapter).answer(REQUESTS))


def test_an_answer_depends_on_its_request_alone() -> None:
    model = TRAINER.load(None)
    every = {trace.id: trace for trace in model.answer(REQUESTS)}
    done = frozenset(list(every)[::2])
    assert {trace.id: trace for trace in model.answer(REQUESTS[::-1], done)} == {
        name: trace for name, trace in every.items() if name not in done
    }


def test_a_trace_ends_with_the_end_token() -> None:
    trace = next(TRAINER.load(None).answer(REQUESTS))
    assert trace.token_ids[-1] == END
    assert len(trace.token_ids) == len(trace.logprobs)
    assert (trace.finish, trace.model) == ("stop", "scripted-base")


def test_more_examples_more_solved(job: TrainingJob) -> None:
    assert 20 <= solved(None) <= 60
    TRAINER.train(job)
    assert TRAINER.load(job.out).share == pytest.approx(0.8)
    assert solved(job.out) >= 2 * solved(None)


def test_the_id_is_the_content_of_the_adapter(job: TrainingJob, tmp_path: Path) -> None:
    TRAINER.train(job)
    first = TRAINER.load(job.out).id
    (tmp_path / "other").mkdir()
    TRAINER.train(replace(job, out=tmp_path / "other"))
    assert TRAINER.load(tmp_path / "other").id == first, "the same training makes the same model"
    TRAINER.train(replace(job, seed=6))
    assert TRAINER.load(job.out).id != first, "a name is not the model"


def test_training_goes_on_from_its_scratch_folder(job: TrainingJob) -> None:
    class KilledError(Exception):
        pass

    def kill(point: str) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        TRAINER.train(replace(job, point=kill))
    seen: list[str] = []
    TRAINER.train(replace(job, point=seen.append))
    assert seen == ["step", "step", "saved"]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no adapter of a scripted model"):
        TRAINER.load(tmp_path)
