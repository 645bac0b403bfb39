"""Rows for trainers: what was read and said, each with its trace; they read back through the peers' own readers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import scripted_run
from rows import answer, task

from iterdeploy.cli import main
from iterdeploy.errors import BadInput
from iterdeploy.export.chat import FORMS, examples, traces, without_end
from iterdeploy.export.tables import write_table
from iterdeploy.models.turns import turns_of
from iterdeploy.store import Run
from iterdeploy.types import Fault

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("export") / "run"
    scripted_run.go(folder)
    return Run.open(folder)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_answer_is_a_row_with_its_verdict(run: Run) -> None:
    rows = list(traces(run, "prompt-completion", None, None, valid=False))
    assert len(rows) == 3 * (12 + 6)
    verdicts = {v.trace_id: v for n in range(3) for v in [*run.verdicts(n), *run.verdicts(n, "heldout")]}
    prompts = {t.id: t.prompt for t in run.tasks()}
    for row in rows:
        verdict = verdicts[row["trace_id"]]
        assert (row["label"], row["fault"]) == (verdict.valid, verdict.fault)
        assert row["prompt"] == prompts[row["task_id"]]
    assert {row["completion"] for row in rows} == {
        t.text for n in range(3) for t in [*run.traces(n), *run.traces(n, "heldout")]
    }


def test_one_generation_one_split_the_valid_ones(run: Run) -> None:
    rows = list(traces(run, "prompt-completion", 1, "heldout", valid=True))
    assert [row["trace_id"] for row in rows] == [v.trace_id for v in run.verdicts(1, "heldout") if v.valid]
    assert {(row["generation"], row["split"], row["label"]) for row in rows} == {(1, "heldout", True)}


def test_examples_are_those_of_the_file_in_its_order(run: Run) -> None:
    for number in (None, 1):
        rows, held = list(examples(run, "tokens", number)), run.examples(number or 2)
        assert [row["trace_id"] for row in rows] == [e.trace_id for e in held]
        for row, example in zip(rows, held, strict=True):
            assert row["input_ids"] == [*example.prompt_ids, *example.completion_ids]
            assert sum(row["completion_mask"]) == len(example.completion_ids)
            assert row["completion_mask"][: len(example.prompt_ids)] == [0] * len(example.prompt_ids)


def test_what_is_not_there_is_said(run: Run, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no examples of generation 7; generations with examples: \\[1, 2\\]"):
        list(examples(run, "tokens", 7))
    with pytest.raises(BadInput, match="no validated answers of generation 7"):
        list(traces(run, "tokens", 7, None, valid=False))
    with pytest.raises(BadInput, match="did you mean tokens"):
        list(traces(run, "token", None, None, valid=False))  # type: ignore[arg-type]
    begun = Run.create(tmp_path / "begun", scripted_run.RECIPE)
    with pytest.raises(BadInput, match="no examples; generations with examples: none"):
        list(examples(begun, "tokens", None))


@pytest.mark.parametrize(
    ("prompt", "turns", "begun"),
    [
        ("plan this", [("user", "plan this")], ""),
        ("<bos> init on a b\n<think>", [("user", "init on a b")], "<think>"),
        (
            "<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\nplan\nthis<|im_end|>\n"
            "<|im_start|>assistant\n<think>\n",
            [("system", "be brief"), ("user", "plan\nthis")],
            "<think>\n",
        ),
        ("<|im_start|>user\nplan<|im_end|>\n<|im_start|>assistant\n", [("user", "plan")], ""),
        ("<|im_start|>user\nplan<|im_end|>\n", [("user", "plan")], ""),
    ],
)
def test_markup_of_a_prompt_becomes_turns(prompt: str, turns: list[tuple[str, str]], begun: str) -> None:
    found, rest = turns_of(prompt)
    assert [(turn["role"], turn["content"]) for turn in found] == turns
    assert rest == begun


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<plan> a </plan> <eos>", "<plan> a </plan> "),
        ("x<|im_end|>", "x"),
        ("x</s>\n", "x"),
        ("<plan>a</plan>", "<plan>a</plan>"),
        ("a <b>", "a <b>"),
    ],
)
def test_the_end_token_is_left_to_the_template(text: str, left: str) -> None:
    one = replace(answer(task(0), 2).trace, text=text)
    assert without_end(one) == left


def test_an_answer_that_was_cut_has_no_end_token_to_lose() -> None:
    one = answer(task(0), fault=Fault.TRUNCATED).trace
    assert without_end(replace(one, text="he said <eos>")) == "he said <eos>"


def test_messages_end_with_the_assistant(run: Run) -> None:
    for row in traces(run, "messages", None, None, valid=False):
        assert [turn["role"] for turn in row["messages"]] == ["user", "assistant"]


def test_jsonl_from_the_command_line(run: Run, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "new" / "traces.jsonl"
    assert main(["export", "traces", str(run.path), "--out", str(out), "--valid"]) == 0
    assert f"{out}: {len(lines(out))} rows as jsonl, prompt-completion" in capsys.readouterr().out
    assert all(row["label"] for row in lines(out))
    assert main(["export", "traces", str(run.path), "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert not list(out.parent.glob("*.tmp"))


def test_arguments_that_would_do_nothing_are_refused(run: Run, tmp_path: Path, capsys: Capture) -> None:
    assert main(["export", "adapter", str(run.path), "--out", str(tmp_path / "a"), "--valid"]) == 2
    assert "--valid is for traces, not for adapter" in capsys.readouterr().err
    assert main(["export", "traces", str(run.path), "--out", str(tmp_path / "a"), "--to", "jsonll"]) == 2
    assert "did you mean jsonl?" in capsys.readouterr().err


def test_nothing_to_write_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no row is left"):
        write_table([], "parquet", tmp_path / "out.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_leaves_nothing(run: Run, tmp_path: Path) -> None:
    def torn() -> Any:
        yield {"a": 1}
        raise BadInput("half way")

    with pytest.raises(BadInput, match="half way"):
        write_table(torn(), "jsonl", tmp_path / "out.jsonl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", FORMS)
def test_parquet_reads_back_the_same(run: Run, tmp_path: Path, form: Any) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = list(traces(run, form, None, None, valid=False))
    assert write_table(iter(rows), "parquet", tmp_path / "t.parquet") == len(rows)
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == rows


def test_parquet_keeps_its_columns_in_the_first_batch_without_a_fault(
    tmp_path: Path, monkeypatch: Any
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("iterdeploy.export.tables.BATCH", 2)
    rows = [{"trace_id": str(n), "fault": None if n < 2 else "goal", "size": n} for n in range(5)]
    write_table(iter(rows), "parquet", tmp_path / "t.parquet")
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == rows


@pytest.mark.parametrize("form", FORMS)
def test_a_data_set_reads_back_through_datasets(
    run: Run, tmp_path: Path, form: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    rows = list(examples(run, form, None))
    write_table(iter(rows), "dataset", tmp_path / "set")
    assert list(datasets.load_from_disk(str(tmp_path / "set"))) == rows
    for kind, name in (("json", "e.jsonl"), ("parquet", "e.parquet")):
        write_table(iter(rows), "jsonl" if kind == "json" else "parquet", tmp_path / name)
        found = datasets.load_dataset(
            kind, data_files=str(tmp_path / name), split="train", cache_dir=str(tmp_path / "cache")
        )
        assert list(found) == rows


def test_without_its_library_a_form_says_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("iterdeploy.export.extras.find_spec", lambda name: None)
    assert main(["export", "examples", str(run.path), "--out", str(tmp_path / "x.parquet")]) == 2
    assert (
        "pyarrow is not installed; it comes with: pip install 'iterdeploy[parquet]'"
        in capsys.readouterr().err
    )


@pytest.mark.slow
def test_trl_trains_on_each_form(base: Path, tmp_path: Path) -> None:
    """On the tokens it trains on just what the run trained on: the same ids, the same mask."""
    trl = pytest.importorskip("trl")
    datasets = pytest.importorskip("datasets")
    import local_run
    from transformers import AutoModelForCausalLM, AutoTokenizer

    local_run.go(tmp_path / "run", base, 1)
    made = Run.open(tmp_path / "run")
    tokenizer = AutoTokenizer.from_pretrained(base)
    held = made.examples(1)
    for form in ("tokens", "prompt-completion"):
        write_table(examples(made, form, None), "dataset", tmp_path / form)
        data = datasets.load_from_disk(str(tmp_path / form))
        config = trl.SFTConfig(
            output_dir=str(tmp_path / f"out-{form}"),
            max_steps=1,
            per_device_train_batch_size=2,
            completion_only_loss=True,
            report_to="none",
            use_cpu=True,
            bf16=False,
        )
        trainer = trl.SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(base),
            args=config,
            train_dataset=data,
            processing_class=tokenizer,
        )
        for row, example in zip(trainer.train_dataset, held, strict=True):
            assert list(row["input_ids"]) == [*example.prompt_ids, *example.completion_ids]
            ids = [n for n in row["labels"] if n != -100]
            assert ids == list(example.completion_ids)
        assert trainer.train().training_loss > 0
    write_table(examples(made, "messages", None), "dataset", tmp_path / "messages")
    row = datasets.load_from_disk(str(tmp_path / "messages"))[0]
    assert trl.is_conversational(row)
