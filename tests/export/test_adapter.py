"""An exported adapter is the run's own, byte for byte, opens with PEFT, and its card says what the run says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import scripted_run

from iterdeploy.cli import main
from iterdeploy.errors import BadInput
from iterdeploy.export.adapter import model_card, write_adapter
from iterdeploy.lineage import generations
from iterdeploy.recipe import load
from iterdeploy.store import Run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("adapters") / "run"
    scripted_run.go(folder)
    return Run.open(folder)


def test_it_is_the_adapter_of_the_last_generation_with_a_card_and_the_recipe(
    run: Run, tmp_path: Path
) -> None:
    assert write_adapter(run, None, tmp_path / "out") == 2
    held = run.adapter(2)
    assert held is not None
    for file in held.iterdir():
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()
    assert load(tmp_path / "out" / "recipe.toml") == run.recipe
    assert (tmp_path / "out" / "README.md").read_text().startswith("---\nbase_model:")


def test_the_card_says_what_the_run_says(run: Run) -> None:
    rows = generations(run)
    card = model_card(run, rows, 1)
    row = rows[1].row
    assert row is not None
    assert f"| 1 | {row.examples} | {row.solved} / {row.asked} |" in card
    assert "| 2 |" not in card, "a card of generation 1 knows nothing of what came later"
    assert f"value: {row.heldout_solved / row.heldout_asked:.4f}" in card
    assert f"{row.examples} of the model's own answers" in card
    assert f"`{rows[1].model}`" in card
    assert all(digest in card for digest in rows[1].digests.values())
    recipe = re.search(r"```toml\n(.*?)```", card, re.DOTALL)
    assert recipe
    assert load(recipe[1]) == run.recipe
    assert {"Numbers", "What it was trained on", "Use", "Make it again", "Limits"} == set(
        re.findall("^## (.*)", card, re.M)
    )


def test_the_head_of_the_card_is_what_hubs_read(run: Run) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(model_card(run, generations(run), 2))
    assert card.data.base_model == run.recipe.base.model
    assert card.data.library_name == "peft"
    (result,) = card.data.eval_results
    assert result.dataset_split == "heldout"
    assert 0 <= result.metric_value <= 1


def test_the_code_of_the_card_is_code(run: Run) -> None:
    for base in ("blocks-small", "Qwen/Qwen3-4B"):
        code = re.search(r"```python\n(.*?)```", model_card(run, generations(run), 2, base), re.DOTALL)
        assert code
        compile(code[1], "card", "exec")
        assert ("base_folder" in code[1]) == (base == "blocks-small")


def test_another_base_for_another_machine(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "run" / "gen-2" / "adapter" / "adapter_config.json"
    scripted_run.go(tmp_path / "run")
    config.write_text('{"base_model_name_or_path": "scripted", "r": 4}')
    write_adapter(Run.open(tmp_path / "run"), 2, tmp_path / "out", base="me/my-base")
    held = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert held == {"base_model_name_or_path": "me/my-base", "r": 4}
    assert 'base_model: "me/my-base"' in (tmp_path / "out" / "README.md").read_text()


def test_what_cannot_be_exported_is_said(run: Run, tmp_path: Path, capsys: Capture) -> None:
    for number in (0, 5):
        with pytest.raises(BadInput, match=rf"no finished adapter of generation {number}; .*: \[1, 2\]"):
            write_adapter(run, number, tmp_path / "out")
    begun = Run.create(tmp_path / "begun", scripted_run.RECIPE)
    with pytest.raises(BadInput, match="no finished adapter; "):
        write_adapter(begun, None, tmp_path / "out")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    assert main(["export", "adapter", str(run.path), "--out", str(tmp_path / "there")]) == 2
    assert "is there already" in capsys.readouterr().err


def test_without_held_out_tasks_the_card_says_so(tmp_path: Path) -> None:
    recipe = replace(scripted_run.RECIPE, tasks=replace(scripted_run.RECIPE.tasks, heldout=0))
    scripted_run.go(tmp_path / "run", recipe)
    run = Run.open(tmp_path / "run")
    card = model_card(run, generations(run), 1)
    assert "the numbers may be memory" in card
    assert "split: deployed" in card


@pytest.mark.slow
def test_peft_opens_it_and_it_answers_as_the_run_did(base: Path, tmp_path: Path) -> None:
    import local_run
    import torch
    from peft import AutoPeftModelForCausalLM, PeftModel
    from transformers import AutoModelForCausalLM

    local_run.go(tmp_path / "run", base, 1)
    run = Run.open(tmp_path / "run")
    write_adapter(run, None, tmp_path / "out", base=str(base))
    opened = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(tmp_path / "out"))
    by_itself = AutoPeftModelForCausalLM.from_pretrained(str(tmp_path / "out"))
    trace = run.traces(1)[0]
    ids = torch.tensor([[*trace.prompt_ids, *trace.token_ids]])
    start = len(trace.prompt_ids) - 1
    for model in (opened, by_itself):
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, start:-1] / run.recipe.deploy.temperature
        said = logits.log_softmax(-1).gather(1, ids[0, start + 1 :, None])[:, 0]
        assert torch.allclose(said, torch.tensor(trace.logprobs), atol=2e-3)
