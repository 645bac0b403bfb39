"""A generation as a model of its own: a folder that any library loads, or one GGUF file. Checked before it is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from iterdeploy import lineage
from iterdeploy.errors import BadInput
from iterdeploy.export.adapter import finished_adapter, model_card
from iterdeploy.export.tables import refuse_existing
from iterdeploy.recipe import dump
from iterdeploy.store import Run, disk

if TYPE_CHECKING:
    from iterdeploy.train.merge import Dtype, Gap

DTYPES = ("float32", "bfloat16", "float16")

ANSWERS = 8
"""Answers of the run, the shortest, that a stored model is compared on."""


def write_merged(run: Run, generation: int | None, out: Path, dtype: Dtype | None = None) -> tuple[int, Gap]:
    """Leave a generation's merged model in the folder `out`, with a model card; its number, and how far it is.

    Weights are stored as those of the base are, unless `dtype` says otherwise. Raises BadInput, and TrainingRefused
    where the stored model does not answer as the generation did.
    """
    number, adapter = finished_adapter(run, generation)
    refuse_existing(out)

    def fill(folder: Path) -> Gap:
        found = _merge(run, number, adapter, folder, dtype or stored(run, adapter))
        rows = lineage.generations(run)
        card = model_card(run, rows, number, merged=found.sentence())
        (folder / "merge.json").write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
        (folder / "recipe.toml").write_text(dump(run.recipe), encoding="utf-8")
        (folder / "README.md").write_text(card, encoding="utf-8")
        return found

    unfinished = out.with_name(out.name + ".tmp")
    found = _filled(unfinished, out, fill)
    disk.put_folder(unfinished, out)
    return number, found


def write_gguf(run: Run, generation: int | None, out: Path, dtype: Dtype | None = None) -> tuple[int, Gap]:
    """Leave a generation's merged model in the GGUF file `out`; its number, and how far what is read back is."""
    from iterdeploy.train import gguf
    from iterdeploy.train.adapters import base_folder

    number, adapter = finished_adapter(run, generation)
    refuse_existing(out)
    whole = (adapter / "config.json").is_file()
    gguf.refuse_unless_known(adapter if whole else Path(base_folder(run.recipe.base.model)))

    def fill(folder: Path) -> Gap:
        _merge(run, number, adapter, folder / "merged", "float32")
        prompts = [task.prompt for task in run.tasks()]
        kind = dtype or stored(run, adapter)
        return gguf.write_gguf(folder / "merged", answers(run, number), prompts, folder / "model.gguf", kind)

    unfinished = out.with_name(out.name + ".tmp")
    found = _filled(unfinished, out, fill)
    with disk.writing(out):
        (unfinished / "model.gguf").replace(out)
    disk.remove(unfinished)
    return number, found


def _filled(folder: Path, out: Path, fill: Callable[[Path], Gap]) -> Gap:
    """What `fill` finds; nothing is left in the folder if it fails."""
    disk.remove(folder)
    try:
        with disk.filling(out):
            folder.mkdir(parents=True)
            return fill(folder)
    except BaseException:
        disk.remove(folder)
        raise


def _merge(run: Run, number: int, adapter: Path, folder: Path, dtype: Dtype) -> Gap:
    from iterdeploy.train import merge

    return merge.write_merged(run.recipe.base.model, adapter, answers(run, number), folder, dtype)


def answers(run: Run, number: int) -> Sequence[tuple[Sequence[int], Sequence[int]]]:
    """(prompt, completion) token ids of the shortest answers of a generation."""
    held = [(t.prompt_ids, t.token_ids) for t in run.traces(number) if t.prompt_ids and t.token_ids]
    return sorted(held, key=lambda row: len(row[0]) + len(row[1]))[:ANSWERS]


def stored(run: Run, adapter: Path) -> Dtype:
    """What the weights of a run's base are stored as."""
    from iterdeploy.train.adapters import base_folder

    whole = adapter if (adapter / "config.json").is_file() else Path(base_folder(run.recipe.base.model))
    config: dict[str, Any] = json.loads((whole / "config.json").read_text(encoding="utf-8"))
    found = config.get("dtype") or config.get("torch_dtype") or "float32"
    if found not in DTYPES:
        raise BadInput(
            f"the base is stored as {found!r}; say how to store the merged model: --dtype, {DTYPES}"
        )
    return cast("Dtype", found)


def next_steps(out: Path, kind: str) -> list[str]:
    """Commands that serve what was exported, of programs that are not ours."""
    where = out.resolve()
    if kind == "gguf":
        return [
            f"llama-server -m {where}",
            f"printf 'FROM {where}\\nTEMPLATE {{{{ .Prompt }}}}\\n' > Modelfile; ollama create NAME -f Modelfile",
        ]
    return [f"vllm serve {where}", f"iterdeploy run RECIPE --set base.model={where}"]
