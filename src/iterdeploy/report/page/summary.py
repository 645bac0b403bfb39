"""What the page shows at once: the numbers of the run, its recipe, its training and its clock."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from iterdeploy.measure import binned
from iterdeploy.recipe import Recipe, dump, settings_of
from iterdeploy.report.markdown import ending
from iterdeploy.report.numbers import RunNumbers, SplitNumbers, rounded
from iterdeploy.report.page.traces import FAULTS, Chunk, Tally
from iterdeploy.store import Run, disk
from iterdeploy.types import SPLITS

POINTS = 150  # of one curve of training; more are averaged in groups
BINS = 32


def summary(run: Run, numbers: RunNumbers, chunks: Sequence[Chunk]) -> dict[str, Any]:
    """The block `summary`; all else of the page is loaded when it is asked for."""
    count = range(len(numbers.generations))
    return {
        "numbers": _numbers(numbers),
        "recipe": _recipe(run.recipe),
        "faults": FAULTS,
        "chunks": [
            {"generation": c.generation, "split": c.split, "rows": c.rows, "pages": c.pages} for c in chunks
        ],
        "plan_length": _distributions(chunks, lambda tally: tally.steps),
        "reasoning": _distributions(chunks, lambda tally: tally.reasoning),
        "sampled": [_sampled(chunks, number) for number in count],
        "training": [_training(run, number) for number in count if number],
        "seconds": _seconds(run),
        "series": series(numbers),
    }


def _numbers(numbers: RunNumbers) -> dict[str, Any]:
    """report.json, with the number of tasks gained and lost in place of their names."""
    found: dict[str, Any] = rounded(asdict(numbers))
    for generation in found["generations"]:
        for split in SPLITS:
            for change in ("gained", "lost"):
                generation[split][change] = len(generation[split][change])
    return found


def _recipe(recipe: Recipe) -> dict[str, Any]:
    defaults = dict(settings_of(Recipe()))
    changed = [
        [key, _toml(value), _toml(defaults[key])]
        for key, value in settings_of(recipe)
        if value != defaults[key] and key not in ("name", "seed")
    ]
    return {"facts": facts(recipe), "changed": changed, "whole": dump(recipe)}


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def facts(recipe: Recipe) -> list[tuple[str, str]]:
    """What was run, in a few words a line."""
    tasks, deploy, curate, train = recipe.tasks, recipe.deploy, recipe.curate, recipe.train
    sizes = f"{min(tasks.sizes)} to {max(tasks.sizes)}" if len(tasks.sizes) > 1 else str(tasks.sizes[0])
    answers = f"{deploy.samples} answer{'s' if deploy.samples > 1 else ''} a task"
    kept = {
        "paper": "the best valid answer to each task",
        "all-valid": "all valid answers",
        "best-k": f"the {curate.k} best valid answers to each task",
        "none": "every answer, valid or not",
    }[curate.rule]
    pool = "of all generations so far" if curate.pool == "all" else "of the last generation"
    how = f"LoRA of rank {train.rank}" if train.method == "lora" else "all weights"
    start = "the base" if train.start == "base" else "the generation before"
    return [
        ("Tasks", f"{tasks.domain}, size {sizes}: {tasks.count} deployed, {tasks.heldout} held out"),
        ("Model", recipe.base.model),
        ("Deploy", f"{answers} at temperature {deploy.temperature}, at most {deploy.max_tokens} tokens"),
        ("Curate", f"{kept}, {pool}"),
        ("Train", f"{how} from {start}, {train.optimizer}, {train.epochs:g} epochs"),
    ]


def _distributions(chunks: Sequence[Chunk], of: Callable[[Tally], Counter[int]]) -> dict[str, Any]:
    """For each split, [generation, bins as [first value, count]] a row; both splits share the width and the axis."""
    width, rows = binned([of(chunk.tally) for chunk in chunks], BINS)
    firsts = [first for row in rows for first, _ in row]
    found: dict[str, Any] = {
        "width": width,
        "reach": [min(firsts, default=0), max(firsts, default=0) + width],
    }
    pairs = list(zip(chunks, rows, strict=True))
    for split in SPLITS:
        found[split] = [[chunk.generation, bins] for chunk, bins in pairs if chunk.split == split]
    return found


def _sampled(chunks: Sequence[Chunk], generation: int) -> dict[str, int]:
    return {c.split: c.tally.sampled for c in chunks if c.generation == generation}


def _training(run: Run, generation: int) -> dict[str, Any]:
    rows = run.training(generation)
    return {
        "generation": generation,
        "loss": _thinned([(row["step"], row["loss"]) for row in rows if _finite(row.get("loss"))]),
        "validation": [
            (row["step"], row["validation_loss"]) for row in rows if _finite(row.get("validation_loss"))
        ],
        "audit": _audit(run, generation),
    }


def _finite(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _thinned(points: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    size = max(1, -(-len(points) // POINTS))
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        (sum(x for x, _ in group) / len(group), round(sum(y for _, y in group) / len(group), 6))
        for group in groups
    ]


def _audit(run: Run, generation: int) -> dict[str, int]:
    """What was trained on, as it was counted before the first step; empty for a trainer that counts nothing."""
    folder = run.adapter(generation)
    file = folder / "audit.json" if folder else None
    found: dict[str, int] = json.loads(disk.read(file)) if file and file.exists() else {}
    return found


def _seconds(run: Run) -> list[tuple[int | None, str, float]]:
    spent: dict[tuple[int | None, str], float] = defaultdict(float)
    for row in run.clock():
        if row["step"] != "report":  # else each report would differ from the one before
            spent[row["generation"], row["step"]] += row["seconds"]
    return [(generation, step, round(seconds, 3)) for (generation, step), seconds in spent.items()]


# --- what only some runs have ---------------------------------------------------------------


def series(numbers: RunNumbers) -> list[dict[str, Any]]:
    """Further figures by generation, each only where the run has it: a title, a sentence, and curves."""
    return [figure for make in OPTIONAL if (figure := make(numbers)) is not None] + _probes(numbers)


def _probes(numbers: RunNumbers) -> list[dict[str, Any]]:
    """A figure for each probe; the candidate that a gate blocked is its last point."""
    found = [(g.number, g.probes) for g in numbers.generations]
    if numbers.ended and numbers.candidate is not None:
        found.append((numbers.ended.generation, numbers.candidate))
    return [
        {
            "id": f"probe-{name}",
            "short": f"Probe {name}",
            "title": f"Probe: {name}",
            "says": f"Mean over questions that are never trained on; higher is better. {ending(numbers)}".strip(),
            "lines": [
                {
                    "split": "deployed",
                    "name": name,
                    "points": [
                        (number, round(probes[name], 6)) for number, probes in found if name in probes
                    ],
                }
            ],
        }
        for name in (numbers.generations[0].probes if numbers.generations else ())
    ]


def _curves(
    numbers: RunNumbers, short: str, title: str, says: str, of: Callable[[SplitNumbers], float | None]
) -> dict[str, Any] | None:
    lines = []
    for split in SPLITS:
        found = [(g.number, of(getattr(g, split))) for g in numbers.generations]
        points = [(number, round(value, 6)) for number, value in found if value is not None]
        if points:
            lines.append({"split": split, "points": points})
    name = short.lower().replace(" ", "-")
    return {"id": name, "short": short, "title": title, "says": says, "lines": lines} if lines else None


def _over_bound(numbers: RunNumbers) -> dict[str, Any] | None:
    return _curves(
        numbers,
        "Over the bound",
        "Plan length over its lower bound",
        "Mean of steps divided by the least number that any valid plan needs; 1 cannot be improved on, and less "
        "than 1 would prove that the validator accepted a plan that is not one.",
        lambda split: split.over_bound.mean if split.over_bound else None,
    )


def _unanimous(numbers: RunNumbers) -> dict[str, Any] | None:
    return _curves(
        numbers,
        "Unanimous",
        f"Solved by each of {numbers.samples} answers",
        "Share of the tasks that every one of the answers solved. The gap to the share of tasks solved at least "
        "once is how much luck there is in one answer.",
        lambda split: split.unanimous / split.asked if split.unanimous is not None and split.asked else None,
    )


OPTIONAL: tuple[Callable[[RunNumbers], dict[str, Any] | None], ...] = (_over_bound, _unanimous)
"""Figures that some runs have."""
