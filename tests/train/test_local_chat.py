"""A chat model from end to end: what its template renders is what is sampled from, recorded and trained on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import templates
import tiny
import torch

from iterdeploy.cli.main import main
from iterdeploy.domains import load
from iterdeploy.errors import BadInput
from iterdeploy.export import chat
from iterdeploy.models.canary import Expected
from iterdeploy.models.chat_audit import end_ids
from iterdeploy.models.vllm import Ask, Sampled, Swap, VllmModel
from iterdeploy.recipe import Base, Curate, Deploy, Recipe, Train
from iterdeploy.store import Run
from iterdeploy.train.adapters import content_id
from iterdeploy.train.apart import _Reader
from iterdeploy.train.base import new_model
from iterdeploy.train.local import LocalTrainer
from iterdeploy.types import Example, Fault, Request, Task, Trace, TrainingJob

PROMPT = "Plan: (on a b)"
RENDERED = f"<|im_start|>user\n{PROMPT}<|im_end|>\n<|im_start|>assistant\n<think>\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh model that stops where its template ends an answer; its padding is that very token."""
    where = tmp_path_factory.mktemp("chat")
    torch.manual_seed(0)
    tokenizer = templates.tokenizer(templates.THINKING)
    tokenizer.pad_token = "<|im_end|>"
    end = templates.id_of(tokenizer, "<|im_end|>")
    model = new_model(tiny.SHAPE, len(tokenizer))
    model.generation_config.eos_token_id = [end]
    model.generation_config.pad_token_id = end
    model.save_pretrained(where)
    tokenizer.save_pretrained(where)
    return where


def recipe(folder: Path, **base: Any) -> Recipe:
    return Recipe(
        base=Base(model=str(folder), prompt="paper", ready_share=0.0, **base),
        deploy=Deploy(max_tokens=24),
        train=Train(rank=2, alpha=4.0, epochs=1.0, augment="none", max_length=200),
        curate=Curate(rule="none"),
    )


@pytest.fixture(scope="module")
def traces(folder: Path) -> list[Trace]:
    with LocalTrainer(recipe(folder)) as trainer:
        return list(trainer.load(None).answer(requests()))


def requests() -> list[Request]:
    return [Request(f"g0.t{number}", f"t{number}", PROMPT, 0, 0, seed=number) for number in range(6)]


def decoded(folder: Path, ids: Sequence[int]) -> str:
    text: str = LocalTrainer(recipe(folder)).tokenizer.decode(list(ids))
    return text


def test_a_trace_holds_the_rendered_prompt_and_the_opened_answer(folder: Path, traces: list[Trace]) -> None:
    for trace in traces:
        assert decoded(folder, trace.prompt_ids) == RENDERED
        assert trace.text == "<think>\n" + decoded(folder, trace.token_ids)


def test_the_same_prompt_is_read_as_it_stands_without_the_template(folder: Path) -> None:
    with LocalTrainer(recipe(folder, chat="off")) as trainer:
        (trace, *_) = trainer.load(None).answer(requests()[:1])
    assert decoded(folder, trace.prompt_ids) == PROMPT
    assert trace.text == decoded(folder, trace.token_ids)


class Replay:
    """A backend that answers what was sampled before."""

    def __init__(self, traces: Sequence[Trace]) -> None:
        self._known = {trace.id: trace for trace in traces}

    def deploy(self, swap: Swap) -> None:
        assert swap.here.texts

    def sample(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sampled]]:
        for ask in asks:
            trace = self._known[ask.request.trace_id]
            yield ask, Sampled(trace.token_ids, trace.logprobs, trace.finish)

    def close(self) -> None:
        pass


def test_another_engine_reads_and_writes_the_same(folder: Path, traces: list[Trace]) -> None:
    """What vLLM is given and what is made of its tokens are what they are here, to the letter."""
    trainer = LocalTrainer(recipe(folder))
    name, ends = content_id(str(folder), None), end_ids(folder, trainer.tokenizer)
    model = VllmModel(
        name, None, Replay(traces), _Reader(trainer),
        lambda texts: Expected((0.0,), (0.0,), tuple(texts), ((1,),), "float32"), 24, ends,
    )  # fmt: skip
    found = {trace.id: trace for trace in model.answer(requests())}
    assert found == {trace.id: trace for trace in traces}


def test_what_is_done_is_kept_apart_here_too(folder: Path, traces: list[Trace]) -> None:
    with LocalTrainer(recipe(folder)) as trainer:
        rest = list(trainer.load(None).answer(requests(), frozenset(t.id for t in traces[:3])))
    assert [trace for trace in traces[:3] if trace in rest] == []
    assert {trace.id: trace for trace in rest} == {trace.id: trace for trace in traces[3:]}


def test_an_end_token_that_pads_too_is_trained(folder: Path, traces: list[Trace], tmp_path: Path) -> None:
    """Padding is told by the length of a row and never by its token: such an end would vanish from the loss."""
    end = templates.id_of(templates.tokenizer(None), "<|im_end|>")
    examples = [Example(t.id, t.task_id, t.prompt_ids, (*range(10, 19), end)) for t in traces]
    for name in ("out", "scratch"):
        (tmp_path / name).mkdir()
    with LocalTrainer(recipe(folder)) as trainer:
        trainer.train(TrainingJob(1, examples, None, tmp_path / "out", tmp_path / "scratch", seed=3))
    audit = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert (audit["trained_tokens"], audit["end_tokens"]) == (60, 6)


def test_thoughts_without_an_end_hold_no_plan() -> None:
    """The model ended its answer within the reasoning that the prompt had opened; the plan in it was a draft."""
    domain = load("blocksworld", Recipe(base=Base(prompt="paper")))
    task: Task = domain.tasks("deployed", 1, (3,), 0)[0]
    assert domain.solve is not None
    draft = "Perhaps\n<plan>\n" + "\n".join(domain.solve(task.spec["problem"])) + "\n</plan>"

    def judged(text: str) -> tuple[bool, Fault | None, int]:
        trace = Trace("t", task.id, 0, 0, "m", text, (), (0,) * len(text.split()), (), "stop")
        verdict = domain.validate(task, trace)
        return verdict.valid, verdict.fault, verdict.reasoning_tokens

    assert judged(f"{draft}<|im_end|>")[0], "without its opening it would have counted"
    assert judged(f"<think>\n{draft}<|im_end|>")[:2] == (False, Fault.NO_PLAN)
    valid, _, tokens = judged(f"<think>\nfirst things first\n</think>\n\n{draft}")
    assert valid
    assert tokens in (3, 4), "by their share of the words"


def test_a_template_that_would_spoil_the_run_is_refused_before_it(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": 1}')
    with pytest.raises(BadInput, match=r"ends an answer with '<\|im_end\|>'"):
        LocalTrainer(recipe(tmp_path))
    LocalTrainer(recipe(tmp_path, chat="off"))


def test_a_changed_template_makes_another_model(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert content_id(str(tmp_path), None) == content_id(str(folder), None)
    (tmp_path / "chat_template.jinja").write_text(templates.CHATML)
    assert content_id(str(tmp_path), None) != content_id(str(folder), None)


@pytest.mark.slow
def test_a_run_of_a_chat_model_says_so_and_exports_whole_answers(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "short.txt").write_text("Plan!\n{problem}\n;{domain}")
    values = {
        "base.model": folder, "base.prompt": tmp_path / "short.txt", "base.ready_share": 0, "generations": 1,
        "tasks.sizes": "[3]", "tasks.count": 3, "tasks.heldout": 1, "deploy.max_tokens": 8, "curate.rule": "none",
        "train.augment": "none", "train.max_length": 4000, "train.rank": 2, "train.epochs": 1,
    }  # fmt: skip
    settings = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    out = tmp_path / "run"
    assert main(["run", *settings, "--workers", "1", "--out", str(out)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "chat template: 27 tokens around a prompt, opens the answer with <think>" in shown
    run = Run.open(out)
    tasks = {task.id: task for task in run.tasks()}
    for trace in [*run.traces(0), *run.traces(1), *run.traces(1, "heldout")]:
        prompt = tasks[trace.task_id].prompt
        assert decoded(folder, trace.prompt_ids) == RENDERED.replace(PROMPT, prompt)
    read = {trace.id: (trace.prompt_ids, trace.token_ids) for trace in run.traces(0)}
    assert {e.trace_id: (e.prompt_ids, e.completion_ids) for e in run.examples(1)} == read
    for row in chat.traces(run, "messages", 0, "deployed", valid=False):
        user, answer = row["messages"]
        assert user == {"role": "user", "content": tasks[row["task_id"]].prompt.strip()}
        assert answer["content"].startswith("<think>\n")
