"""A generation as others load it: the adapter in PEFT's own form, with a model card that the run fills in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from iterdeploy import lineage
from iterdeploy.errors import BadInput
from iterdeploy.export.tables import refuse_existing
from iterdeploy.export.trackers import name_of
from iterdeploy.lineage import Descent
from iterdeploy.measure import Solved
from iterdeploy.recipe import dump
from iterdeploy.report.markdown import grid
from iterdeploy.store import Run, disk

CONFIG = "adapter_config.json"


def write_adapter(run: Run, generation: int | None, out: Path, base: str | None = None) -> int:
    """Leave the adapter of a generation in the folder `out`, with README.md and recipe.toml; the generation's number.

    By default of the last that is finished. `base` is put into the config as what the adapter goes on: a hub name or a
    folder; otherwise it is what the recipe names. The weights are copied byte for byte. Raises BadInput if there is no
    such adapter, or if `out` is there.
    """
    rows = lineage.generations(run)
    number, folder = finished_adapter(run, generation)
    refuse_existing(out)
    unfinished = out.with_name(out.name + ".tmp")
    disk.remove(unfinished)
    with disk.writing(out):
        shutil.copytree(folder, unfinished)
        if base:
            _name_base(unfinished / CONFIG, base)
        (unfinished / "recipe.toml").write_text(dump(run.recipe), encoding="utf-8")
        (unfinished / "README.md").write_text(model_card(run, rows, number, base), encoding="utf-8")
    disk.put_folder(unfinished, out)
    return number


def finished_adapter(run: Run, generation: int | None) -> tuple[int, Path]:
    """(number, folder) of a generation, by default of the last that is finished. Raises BadInput if there is none."""
    finished = [row.number for row in run.generations() if row.number]
    number = finished[-1] if generation is None and finished else generation
    folder = run.adapter(number) if number else None
    if number not in finished or folder is None:
        raise BadInput(
            f"{run.path} has no finished adapter{_of(number)}; finished generations with one: {finished}"
        )
    return number, folder


def _of(number: int | None) -> str:
    return "" if number is None else f" of generation {number}"


def _name_base(config: Path, base: str) -> None:
    if config.is_file():
        held: dict[str, Any] = json.loads(config.read_text(encoding="utf-8"))
        held["base_model_name_or_path"] = base
        config.write_text(json.dumps(held, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def model_card(
    run: Run, rows: Sequence[Descent], number: int, base: str | None = None, merged: str = ""
) -> str:
    """README.md of a generation: what it is, its numbers, what it was made of, how to use and remake it, its limits.

    `merged` says how far a merged model is from the adapter; empty for the adapter itself.
    """
    row, recipe = rows[number], run.recipe
    base = base or recipe.base.model
    parts = [
        _head(rows, number, run, base, bool(merged)),
        f"# {name_of(run)}, generation {number}",
        _opening(run, row, base) + (f"\n\nThe adapter is merged into its base: {merged}." if merged else ""),
        "## Numbers\n\n" + _numbers(rows[: number + 1]),
        "## What it was trained on\n\n" + _data(run, row),
        "## Use\n\n" + _use(run, base, bool(merged)),
        "## Make it again\n\n" + _again(run, number),
        "## Limits\n\n" + _limits(run, rows, number),
    ]
    return "\n\n".join(parts) + "\n"


def _head(rows: Sequence[Descent], number: int, run: Run, base: str, merged: bool) -> str:
    """The block that model hubs read; its numbers are on held-out tasks, else on deployed ones."""
    row = rows[number].row
    assert row is not None
    heldout = row.heldout_asked > 0
    asked, solved = (row.heldout_asked, row.heldout_solved) if heldout else (row.asked, row.solved)
    domain = json.dumps(run.recipe.tasks.domain)
    lora = run.recipe.train.method == "lora" and not merged
    return f"""---
base_model: {json.dumps(base)}
library_name: {"peft" if lora else "transformers"}
pipeline_tag: text-generation
tags: [iterative-deployment, planning{", lora" if lora else ""}]
model-index:
- name: {json.dumps(f"{name_of(run)}-generation{number}")}
  results:
  - task: {{type: text-generation}}
    dataset: {{type: {domain}, name: {domain}, split: {"heldout" if heldout else "deployed"}}}
    metrics:
    - {{type: solved, value: {solved / max(1, asked):.4f}, name: {json.dumps(f"share of {asked} tasks solved")}}}
---"""


def _opening(run: Run, row: Descent, base: str) -> str:
    train = run.recipe.train
    what = f"A LoRA adapter of rank {train.rank} for" if train.method == "lora" else "A full fine-tune of"
    start = "the base" if row.parent_generation == 0 else f"generation {row.parent_generation}"
    return (
        f"{what} `{base}`, made by iterative deployment (Corrêa et al. 2025, arXiv 2512.24940): a model is deployed on "
        f"{run.recipe.tasks.domain} tasks, a validator checks its answers, the good ones are curated, and the next "
        f"generation is trained on them. This is generation {row.number}, trained from {start}. Its content id is "
        f"`{row.model}`."
    )


def _numbers(rows: Sequence[Descent]) -> str:
    head = ["generation", "examples", "deployed solved", "95 %", "held-out solved", "95 %"]
    table = []
    for row in rows:
        if row.row is not None:
            deployed = Solved(row.row.asked, row.row.solved)
            heldout = Solved(row.row.heldout_asked, row.row.heldout_solved)
            table.append(
                [
                    str(row.number),
                    str(row.examples) if row.number else "-",
                    *_cells(deployed),
                    *_cells(heldout),
                ]
            )
    return grid(head, table) + (
        "\n\nSolved tasks of those asked, one run; held-out tasks were never trained on. The interval is Wilson's over "
        "tasks and says nothing about other seeds."
    )


def _cells(solved: Solved) -> list[str]:
    if not solved.asked:
        return ["-", "-"]
    low, high = solved.interval
    return [f"{solved.solved} / {solved.asked}", f"{100 * low:.0f}-{100 * high:.0f} %"]


def _data(run: Run, row: Descent) -> str:
    recipe = run.recipe
    kept = {
        "paper": "the best valid answer to each task",
        "best-k": f"the {recipe.curate.k} best valid answers to each task",
        "all-valid": "all valid answers",
        "none": "all answers, valid or not",
    }[recipe.curate.rule]
    by = ", ".join(f"{source.examples} by generation {source.generation}" for source in row.sources)
    lines = [
        f"{row.examples} of the model's own answers to {row.tasks} tasks of {recipe.tasks.domain} (sizes "
        f"{', '.join(map(str, recipe.tasks.sizes))}): {kept}. Sampled {by}, at temperature "
        f"{recipe.deploy.temperature:g}; judged by the validator `{recipe.validate.validator}`.",
        "",
        "The run's files, by SHA-256:",
        "",
        *(f"- `{file}`: `{digest}`" for file, digest in row.digests.items()),
    ]
    return "\n".join(lines)


def _use(run: Run, base: str, merged: bool) -> str:
    whole = merged or run.recipe.train.method == "full"
    shipped = "/" not in base and ":" not in base and not whole
    where = f'base_folder("{base}")' if shipped else f'"{base}"'
    imports = ["from transformers import AutoModelForCausalLM, AutoTokenizer"]
    imports += ["from iterdeploy.train.adapters import base_folder"] if shipped else []
    if whole:
        body = ['model = AutoModelForCausalLM.from_pretrained("THIS FOLDER")']
        body += ['tokenizer = AutoTokenizer.from_pretrained("THIS FOLDER")']
    else:
        imports.insert(0, "from peft import PeftModel")
        body = [
            f"base = {where}",
            'model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), "THIS FOLDER")',
        ]
        body += ["tokenizer = AutoTokenizer.from_pretrained(base)"]
    code = "\n".join(["```python", *imports, "", *body, "```"])
    return (
        f"{code}\n\nIt expects the prompt that it was deployed with: the template `{run.recipe.base.prompt}`."
    )


def _again(run: Run, number: int) -> str:
    return (
        "`recipe.toml` beside this card is the whole recipe; the same machine and packages give the same bytes:\n\n"
        f"    iterdeploy run recipe.toml --out {name_of(run)}\n\n"
        f"and generation {number} is then in `{name_of(run)}/gen-{number}/adapter`.\n\n"
        "```toml\n" + dump(run.recipe) + "```"
    )


def _limits(run: Run, rows: Sequence[Descent], number: int) -> str:
    recipe, row = run.recipe, rows[number].row
    assert row is not None
    lines = [
        f"- It was trained on and measured on {recipe.tasks.domain} of sizes {min(recipe.tasks.sizes)} to "
        f"{max(recipe.tasks.sizes)} alone; nothing is known of other domains, sizes or prompts.",
        "- It learned what its validator accepts. A validator that is wrong in a systematic way has taught that.",
        "- Deployed tasks were met in each generation and can be remembered: quote the held-out numbers."
        if row.heldout_asked
        else "- No tasks were held out: the numbers may be memory.",
        "- One run with one seed. Other abilities, and safety, were not measured by this run.",
        "- The licence of the base holds for what is made from it.",
    ]
    return "\n".join(lines)
