"""Arms of one experiment: runs of the same recipe but for some settings, over several seeds, and their table.

An experiment is a list of arms and a claim. Every run is a folder that can be stopped and started again; arms that
share all that decides generation 0 share its files, so that it is computed once a seed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from iterdeploy import recipe as recipes
from iterdeploy.store import Run

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Arm:
    """What is compared: a name, and the settings in which it differs from the experiment's base."""

    name: str
    settings: Settings = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Experiment:
    """`base` holds for all arms; `quick` makes a run of minutes; `claim` raises AssertionError on a quick run."""

    folder: Path
    base: Settings
    arms: Sequence[Arm]
    quick: Settings
    quick_arms: Sequence[str]
    claim: Callable[[Mapping[str, Curves]], None]
    seeds: Sequence[int] = (0, 1, 2)
    more: Callable[[Mapping[str, Sequence[Run]], Path], None] | None = (
        None  # (finished runs by arm, where to write)
    )


@dataclass(frozen=True, slots=True)
class Curves:
    """One arm: solved by generation, a row for each seed."""

    seeds: tuple[int, ...]
    deployed: tuple[tuple[int, ...], ...]
    heldout: tuple[tuple[int, ...], ...]
    examples: tuple[tuple[int, ...], ...]
    asked: int
    heldout_asked: int

    def last(self, split: str) -> list[int]:
        """What the last generation of each seed solves."""
        return [row[-1] for row in getattr(self, split)]


def main(experiment: Experiment) -> None:
    """The command of an experiment: run all arms, or those named; then write its table and figure."""
    options = argparse.ArgumentParser(description=(sys.modules["__main__"].__doc__ or "").split("\n")[0])
    options.add_argument("arms", nargs="*", help="names of arms; default: all")
    options.add_argument(
        "--quick", action="store_true", help="a small form of minutes, which checks the claim"
    )
    options.add_argument("--table", action="store_true", help="the table of what is there, and no runs")
    options.add_argument("--seeds", type=int, nargs="*", default=list(experiment.seeds))
    given = options.parse_args()
    name = experiment.folder.name
    runs = Path("runs") / (f"{name}-quick" if given.quick else name)
    arms = [arm for arm in experiment.arms if arm.name in (given.arms or [a.name for a in experiment.arms])]
    seeds = given.seeds
    if given.quick:
        arms, seeds = [arm for arm in experiment.arms if arm.name in experiment.quick_arms], [0]
    base = {**experiment.base, **(experiment.quick if given.quick else {})}
    if not given.table:
        for seed in seeds:
            for arm in arms:
                _go(runs, f"{arm.name}-seed{seed}", seed, {**base, **arm.settings})
    there = {arm.name: _finished(runs, arm.name) for arm in experiment.arms}
    found = {name: _curves(done) for name, done in there.items() if done}
    if experiment.more is not None:
        experiment.more(
            {name: done for name, done in there.items() if done}, runs if given.quick else experiment.folder
        )
    if given.quick:
        experiment.claim(found)
        print("the claim holds in its direction")
    else:
        write(experiment, found)


def _go(runs: Path, name: str, seed: int, settings: Settings) -> None:
    """One run to its end; it begins with the files of generation 0 of a sibling where they would be the same."""
    folder = runs / name
    words = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
    recipe = recipes.with_settings(recipes.preset("demo"), [f"seed={seed}", *words])
    Run.create(folder, recipe)
    if not (folder / "gen-0").exists():
        for other in sorted(runs.glob(f"*-seed{seed}")):
            if (
                other != folder
                and (other / "gen-0/generation.json").is_file()
                and _same_start(Run.open(other), recipe)
            ):
                shutil.copy(other / "tasks.jsonl", folder / "tasks.jsonl")
                shutil.copytree(other / "gen-0", folder / "gen-0.tmp", dirs_exist_ok=True)
                (folder / "gen-0.tmp").rename(folder / "gen-0")
                break
    print(f"== {name}", flush=True)
    command = [
        sys.executable,
        "-m",
        "iterdeploy.cli",
        "run",
        str(folder / "recipe.toml"),
        "--out",
        str(folder),
    ]
    here = str(Path(sys.modules["__main__"].__file__ or "").parent)  # plug-ins lie beside the experiment
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env)


def _same_start(other: Run, recipe: recipes.Recipe) -> bool:
    parts = ("seed", "tasks", "base", "deploy", "validate")
    if (other.recipe.probe.names, other.recipe.probe.count) != (recipe.probe.names, recipe.probe.count):
        return False
    return all(getattr(other.recipe, part) == getattr(recipe, part) for part in parts)


def _finished(runs: Path, arm: str) -> list[Run]:
    """The runs of an arm that reached their last generation, by seed."""
    there = [Run.open(folder) for folder in sorted(runs.glob(f"{arm}-seed*"))]
    return [run for run in there if run.ended() or len(run.generations()) == run.recipe.generations + 1]


def _curves(runs: Sequence[Run]) -> Curves:
    rows = [run.generations() for run in runs]
    return Curves(
        tuple(run.recipe.seed for run in runs),
        tuple(tuple(g.solved for g in gs) for gs in rows),
        tuple(tuple(g.heldout_solved for g in gs) for gs in rows),
        tuple(tuple(g.examples for g in gs) for gs in rows),
        rows[0][0].asked,
        rows[0][0].heldout_asked,
    )


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds."""
    if len(values) == 1:
        return f"{values[0]:.0f} (one seed)"
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"


def write(experiment: Experiment, found: Mapping[str, Curves]) -> None:
    """numbers.json, table.md and curves.png in the experiment's folder."""
    settings = {arm.name: ", ".join(f"{k} = {v}" for k, v in arm.settings.items()) for arm in experiment.arms}
    lines = [
        "| arm | settings | held-out, last | deployed, last | examples, last | held-out by generation, mean |",
        "|---|---|--:|--:|--:|---|",
    ]
    for name, curves in found.items():
        means = [f"{statistics.mean(column):.1f}" for column in zip(*curves.heldout, strict=True)]
        lines.append(
            f"| {name} | {settings[name]} | {spread(curves.last('heldout'))} of {curves.heldout_asked} | "
            f"{spread(curves.last('deployed'))} of {curves.asked} | {spread(curves.last('examples'))} | "
            f"{' '.join(means)} |"
        )
    common = ", ".join(f"{key} = {value}" for key, value in experiment.base.items())
    lines += ["", f"All arms: the demo with {common}; mean ± standard deviation over seeds."]
    (experiment.folder / "table.md").write_text("\n".join(lines) + "\n")
    content = {name: asdict(curves) for name, curves in found.items()}
    (experiment.folder / "numbers.json").write_text(json.dumps(content, indent=1) + "\n")
    _figure(found, experiment.folder / "curves.png")
    print("\n".join(lines))


COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
    "#000000",
    "#999999",
    "#7f3c8d",
    "#11a579",
)


def _figure(found: Mapping[str, Curves], file: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for axes, split, title in ((left, "heldout", "held-out tasks"), (right, "deployed", "deployed tasks")):
        for colour, (name, curves) in zip(COLOURS, found.items(), strict=False):
            asked = curves.heldout_asked if split == "heldout" else curves.asked
            columns = [[100 * v / asked for v in c] for c in zip(*getattr(curves, split), strict=True)]
            x = range(len(columns))
            axes.fill_between(
                x, [min(c) for c in columns], [max(c) for c in columns], color=colour, alpha=0.15, lw=0
            )
            axes.plot(
                x, [statistics.mean(c) for c in columns], color=colour, marker="o", markersize=4, label=name
            )
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_xlabel("generation (band: lowest to highest seed)")
        axes.set_ylabel("solved, %")
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e9e9e7")
    left.legend(fontsize=8, frameon=False)
    figure.savefig(file, dpi=130, metadata={"Software": None})
