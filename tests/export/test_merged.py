"""An exported model answers as its generation did: the same traces for the same seeds, and the same greedy tokens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import local_run
import pytest
import tiny

from iterdeploy.cli import main
from iterdeploy.errors import BadInput
from iterdeploy.export.merged import write_merged
from iterdeploy.recipe import Deploy, Recipe, with_settings
from iterdeploy.steps.answering import requests_of
from iterdeploy.store import Run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("merged") / "run"
    local_run.go(folder, base, 1)
    return Run.open(folder)


def answered(recipe: Recipe, adapter: Path | None, run: Run) -> dict[str, tuple[int, ...]]:
    with tiny.trainer(recipe) as trainer:
        return {trace.id: trace.token_ids for trace in trainer.load(adapter).answer(requests_of(run, 1))}


def test_it_answers_as_the_generation_did(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["export", "merged", str(run.path), "--out", str(out), "--dtype", "float32"]) == 0
    deployed = with_settings(run.recipe, [f"base.model={out}", "generations=0"])
    assert answered(deployed, None, run) == {trace.id: trace.token_ids for trace in run.traces(1)}
    assert json.loads((out / "merge.json").read_text())["most"] < 1e-3
    card = (out / "README.md").read_text()
    assert "library_name: transformers" in card
    assert "PeftModel" not in card


def test_greedy_tokens_are_those_of_transformers(run: Run, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    write_merged(run, 1, tmp_path / "out", "float32")
    greedy = replace(run.recipe, deploy=Deploy(temperature=0.0, max_tokens=40))
    ours = answered(greedy, run.adapter(1), run)
    model: Any = AutoModelForCausalLM.from_pretrained(str(tmp_path / "out"))
    for trace in run.traces(1)[:6]:
        import torch

        ids = torch.tensor([trace.prompt_ids])
        theirs = model.generate(ids, do_sample=False, max_new_tokens=40)[0, len(trace.prompt_ids) :].tolist()
        assert tuple(theirs) == ours[trace.id]


def test_what_is_there_already_or_not_there_yet_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    with pytest.raises(BadInput, match="out"):
        write_merged(run, 1, tmp_path / "out")
    with pytest.raises(BadInput, match="no finished adapter of generation 7"):
        write_merged(run, 7, tmp_path / "new")


def test_gguf_of_a_tokenizer_of_words_is_refused(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gguf")
    assert main(["export", "gguf", str(run.path), "--out", str(tmp_path / "m.gguf")]) == 2
    assert "is of kind WordLevel" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
