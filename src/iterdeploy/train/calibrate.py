"""How fast this machine samples from a base and trains it: one real block of answers, and one pass over them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from iterdeploy.models.engine import BLOCK, Engine, Sampling
from iterdeploy.recipe import Recipe
from iterdeploy.train.adapters import content_id
from iterdeploy.train.fit import Alone
from iterdeploy.train.local import LocalTrainer
from iterdeploy.train.work import Lesson, Worker, one_thread
from iterdeploy.types import Example, Request, Trace

BUDGET = 30.0  # seconds after which no longer answers are tried
FIRST = 16  # tokens of the first, shortest answers


@dataclass(frozen=True, slots=True)
class Measured:
    """Speeds of one worker. On a CPU the seconds are of the processor, so that a busy machine does not matter."""

    sampled_per_second: float
    trained_per_second: float
    starting_seconds: float
    answer_tokens: float | None  # of a mean answer; None if they were cut short of deploy.max_tokens
    examples: int


def clock() -> float:
    """Seconds that count: of this process on a CPU, on the wall where a card computes."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def measure(recipe: Recipe, requests: Sequence[Request]) -> Measured:
    """Sample up to a block of the requests from the recipe's base, and train on the answers, whatever they are."""
    requests = requests[:BLOCK]
    recipe = replace(
        recipe,
        curate=replace(recipe.curate, rule="none"),
        train=replace(recipe.train, augment="none", epochs=1.0, max_steps=0, validation_share=0.0),
    )
    with LocalTrainer(recipe) as trainer:
        prompts = trainer.prompt_ids(requests)
    worker = Worker(recipe)
    model_id = content_id(recipe.base.model, None)
    engine = worker.load(None, model_id)
    starting = time.process_time()
    traces, seconds, whole = _sample(engine, requests, prompts, recipe)
    tokens = sum(len(trace.token_ids) for trace in traces)
    trained = [
        trace for trace in traces if len(trace.prompt_ids) + len(trace.token_ids) <= recipe.train.max_length
    ]
    speed = tokens / seconds
    return Measured(
        sampled_per_second=speed,
        trained_per_second=_train(worker, trained[: _affordable(trained, speed)]),
        starting_seconds=starting,
        answer_tokens=tokens / len(traces) if whole else None,
        examples=len(trained),
    )


def _sample(
    engine: Engine, requests: Sequence[Request], prompts: list[list[int]], recipe: Recipe
) -> tuple[list[Trace], float, bool]:
    """Traces, the seconds they took, and whether they could end by themselves; longer ones while that is quick."""
    how, most = recipe.deploy, recipe.deploy.max_tokens
    limit = min(FIRST, most)
    while True:
        engine.sampling = Sampling(how.temperature, how.top_p, how.top_k, limit)
        began = clock()
        with one_thread():
            traces = engine.answer_block(requests, prompts)
        seconds = clock() - began
        stopped = all(trace.finish == "stop" for trace in traces)
        if limit == most or stopped or seconds * 5 > BUDGET:
            return traces, seconds, limit == most or stopped
        limit = min(4 * limit, most)


def _affordable(traces: Sequence[Trace], sampled_per_second: float) -> int:
    """How many of them may be trained on, if a token takes no longer than to sample one; at least two."""
    mean = sum(len(trace.prompt_ids) + len(trace.token_ids) for trace in traces) / max(1, len(traces))
    return max(2, int(BUDGET * sampled_per_second / max(1.0, mean)))


def _train(worker: Worker, traces: Sequence[Trace]) -> float:
    """Tokens a second of one pass over the traces."""
    examples = tuple(Example(t.id, t.task_id, t.prompt_ids, t.token_ids) for t in traces)
    with TemporaryDirectory() as folder:
        lesson = Lesson(
            examples, None, str(Path(folder, "out")), str(Path(folder, "scratch")), 0, (), "calibration"
        )
        worker.parameters(lesson)
        began = [0.0]

        def report(done: int, total: int, note: str) -> None:
            if done == 0:
                began[0] = clock()

        Path(lesson.out).mkdir()
        Path(lesson.scratch).mkdir()
        worker.train(lesson, Alone(), report)
        seconds = clock() - began[0]
    return sum(len(e.prompt_ids) + len(e.completion_ids) for e in examples) / seconds
