"""Arms of one experiment: runs of the same recipe but for some settings, over several seeds, and their table.

An experiment is a list of arms and a claim. Every run is a folder that can be stopped and started again. A run
begins with the generations that any other run under runs/ has by the same settings, so nothing is computed twice.
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

from figures import Panel, draw

from iterdeploy import measure, stop
from iterdeploy import recipe as recipes
from iterdeploy.answers import Answer, join
from iterdeploy.domains import is_field
from iterdeploy.errors import IterdeployError, NotReady
from iterdeploy.gates import gate_of, probe_name
from iterdeploy.steps.guarding import require_ready
from iterdeploy.store import Run
from iterdeploy.store.rows import finished
from iterdeploy.types import Split

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Arm:
    """What is compared: a name, and the settings in which it differs from the experiment's base."""

    name: str
    settings: Settings = field(default_factory=dict)
    later: Settings = field(default_factory=dict)  # over these, for all seeds but the first


def of_preset(name: str) -> Settings:
    """The settings in which a preset departs from the demo; how many tasks there are is for the experiment to say."""
    demo = dict(recipes.settings_of(recipes.preset("demo")))
    own = recipes.settings_of(recipes.preset(name))
    left_out = ("name", "tasks.count", "tasks.heldout")
    return {key: value for key, value in own if key not in left_out and value != demo[key]}


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
    """One arm: solved by generation, a row for each seed; rows differ in length where runs ended early."""

    seeds: tuple[int, ...]
    deployed: tuple[tuple[int, ...], ...]
    heldout: tuple[tuple[int, ...], ...]
    examples: tuple[tuple[int, ...], ...]
    asked: int
    heldout_asked: int
    ends: tuple[str, ...] = ()  # for each seed why it ended before its last generation; "" if it did not

    def last(self, split: str) -> list[int]:
        """What the last generation of each seed solves; a seed whose base was refused has none."""
        return [row[-1] for row in getattr(self, split) if row]


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
    if unknown := set(given.arms) - {arm.name for arm in experiment.arms}:
        options.error(
            f"no arm {', '.join(sorted(unknown))}; there are {', '.join(a.name for a in experiment.arms)}"
        )
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
                later = arm.later if seed != experiment.seeds[0] else {}
                settings = {**base, **arm.settings, **later}
                # what is over in a minute is not worth a second process, which opens torch and the model anew
                _go(runs, f"{arm.name}-seed{seed}", seed, settings, ["--workers", "1"] if given.quick else [])
    there = {arm.name: _over(runs, arm.name) for arm in experiment.arms}
    there = {name: done for name, done in there.items() if done}
    found = {name: _curves(done) for name, done in there.items()}
    if experiment.more is not None:
        begun = {name: [run for run in done if run.generations()] for name, done in there.items()}
        experiment.more(
            {name: done for name, done in begun.items() if done}, runs if given.quick else experiment.folder
        )
    if given.quick:
        experiment.claim(found)
        print("the claim holds in its direction")
    else:
        write(experiment, found)


def _go(runs: Path, name: str, seed: int, settings: Settings, options: Sequence[str]) -> None:
    """One run to its end, or to where it goes no further; it begins with what another run has of it."""
    folder = runs / name
    words = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
    recipe = recipes.with_settings(recipes.preset("demo"), [f"seed={seed}", *words])
    run = Run.create(folder, recipe)
    if why_over(run) is not None:
        return
    if not (folder / "gen-0").exists():
        _begin(run, runs.parent)
    print(f"== {name}", flush=True)
    command = [
        sys.executable,
        "-m",
        "iterdeploy.cli",
        "run",
        str(folder / "recipe.toml"),
        "--out",
        str(folder),
        *options,
    ]
    here = str(Path(sys.modules["__main__"].__file__ or "").parent)  # plug-ins lie beside the experiment
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=env)
    if why_over(run) is None:
        raise SystemExit(f"{name} stopped with exit code {done.returncode}; the same command goes on")


def why_over(run: Run) -> str | None:
    """Why a run goes no further: "" at its last generation, a reason where it ended before; None if it can go on."""
    rows = run.generations()
    if (ended := run.ended()) is not None:
        return f"{ended.cause}: {', '.join(ended.rules)}"
    if len(rows) == run.recipe.generations + 1:
        return ""
    if rows and finished(run.examples_file(len(rows))) and not run.examples(len(rows)):
        return "nothing to learn from"
    if not rows and finished(run.verdicts_file(0)):
        try:
            require_ready(run)
        except NotReady as no:
            return f"refused: the base solves {no.solved} of {no.asked}"
    return None


def _begin(run: Run, runs: Path) -> None:
    """Copy the generations that another run under `runs` has by the same settings; those of the run that has most.

    A base is known by its name here: after one is made anew in its old folder, remove the runs that began with it.
    """
    most, source = 0, None
    for file in sorted(runs.glob("*/*/recipe.toml")):
        beside = file.parent.parent == run.path.parent
        if file.parent == run.path or (_has_plugins(run.recipe) and not beside):
            continue
        try:
            other = Run.open(file.parent)
            count = min(
                shared(other.recipe, run.recipe), _passing(other, run.recipe), run.recipe.generations + 1
            )
        except IterdeployError:  # a folder of another version, or a damaged one, is no source
            continue
        if count > most:
            most, source = count, other
    if source is None:
        return
    shutil.copy(source.path / "tasks.jsonl", run.path / "tasks.jsonl")
    out = "likelihoods.jsonl" if run.recipe.curate.weights == "equal" else ""
    for number in range(most):
        part = run.path / f"gen-{number}.tmp"
        shutil.copytree(source.folder(number), part, dirs_exist_ok=True, ignore=shutil.ignore_patterns(out))
        part.rename(run.folder(number))
    print(f"== {run.path.name}: generations 0 to {most - 1} are those of {source.path}", flush=True)


_NEVER = {"name", "generations", "probe.gate"}  # these move no byte of a generation that is deployed
_LATE = {"curate.pool", "curate.weights", "train.start"}  # these move none before generation 2: a pool of one


def shared(there: recipes.Recipe, here: recipes.Recipe) -> int:
    """How many generations of two runs are the same bytes, by their recipes alone."""
    old, new = dict(recipes.settings_of(there)), dict(recipes.settings_of(here))
    differ = {key for key in new if old[key] != new[key] and not key.startswith("stop.")} - _NEVER
    if any(key.partition(".")[0] not in ("curate", "train") for key in differ - {"deploy.spread"}):
        return 0
    if differ - _LATE:
        return 1
    return 2 if differ else sys.maxsize


def _passing(other: Run, recipe: recipes.Recipe) -> int:
    """How many finished generations another run has up to where the recipe's gates or stop rules would end it."""
    rows = other.generations()
    gates = [gate for gate in map(gate_of, recipe.probe.gate) if gate is not None]
    if gates and rows and other.recipe.probe.names == recipe.probe.names:
        found = [probed(other, row.number) for row in rows]
        blocked = next((n for n in range(len(rows)) if stop.blocked(gates, found[0], found[n])), len(rows))
        rows = rows[:blocked]
    if stop.active(recipe.stop):
        seen = [stop.standing(row, answers(other, row.number)) for row in rows]
        fires = next((n for n in range(len(seen)) if stop.fired(recipe.stop, seen[: n + 1])), len(seen))
        rows = rows[: fires + 1]
    return len(rows)


def answers(run: Run, generation: int, split: Split = "deployed") -> list[Answer]:
    """The judged answers of one generation."""
    return join(run.tasks(split), run.traces(generation, split), run.verdicts(generation, split))


def _has_plugins(recipe: recipes.Recipe) -> bool:
    """Whether code that lies beside an experiment decides its bytes: the same name may be other code elsewhere."""
    named = (recipe.tasks.domain, recipe.validate.validator, recipe.validate.second, recipe.base.model)
    return any(":" in name and not is_field(name) for name in (*named, *recipe.probe.names))


def probed(run: Run, generation: int) -> dict[str, float]:
    """The probes' numbers of one generation, by name."""
    names = map(probe_name, run.recipe.probe.names)
    return {name: measure.probe_mean(run.probed(generation, name)) for name in names}


def _over(runs: Path, arm: str) -> list[Run]:
    """The runs of an arm that go no further, by seed."""
    there = [Run.open(folder) for folder in runs.glob(f"{arm}-seed*") if (folder / "recipe.toml").is_file()]
    return sorted((run for run in there if why_over(run) is not None), key=lambda run: run.recipe.seed)


def _curves(runs: Sequence[Run]) -> Curves:
    rows = [run.generations() for run in runs]
    first = next((row[0] for row in rows if row), None)
    return Curves(
        tuple(run.recipe.seed for run in runs),
        tuple(tuple(g.solved for g in gs) for gs in rows),
        tuple(tuple(g.heldout_solved for g in gs) for gs in rows),
        tuple(tuple(g.examples for g in gs) for gs in rows),
        first.asked if first else 0,
        first.heldout_asked if first else 0,
        tuple(why_over(run) or "" for run in runs),
    )


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Mean and standard deviation over seeds."""
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.{digits}f} (one seed)"
    return f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"


def by_generation(rows: Sequence[Sequence[float | None]], digits: int = 1) -> str:
    """Means over seeds, one a generation; in brackets over how many of them, where not all went so far."""
    words = []
    for number in range(max(map(len, rows), default=0)):
        values = [v for row in rows if len(row) > number and (v := row[number]) is not None]
        mean = f"{statistics.mean(values):.{digits}f}" if values else "-"
        words.append(mean if len(values) in (0, len(rows)) else f"{mean} ({len(values)})")
    return " ".join(words)


def ends(curves: Curves) -> str:
    """Which seeds ended before their last generation, where and why."""
    early = [
        f"seed {seed} at {len(row) - 1} ({why})" if row else f"seed {seed} ({why})"
        for seed, row, why in zip(curves.seeds, curves.deployed, curves.ends, strict=True)
        if why
    ]
    return "; ".join(early)


def write(experiment: Experiment, found: Mapping[str, Curves]) -> None:
    """numbers.json, table.md and curves.png in the experiment's folder."""
    settings = {arm.name: ", ".join(f"{k} = {v}" for k, v in arm.settings.items()) for arm in experiment.arms}
    lines = [
        "| arm | settings | seeds | held-out, last | against the first arm of its base, by seed | deployed, last "
        "| examples, last | ended early | held-out by generation, mean |",
        "|---|---|--:|--:|--:|--:|--:|---|---|",
    ]
    base = {arm.name: arm.settings.get("base.model") for arm in experiment.arms}
    for name, curves in found.items():
        first = next(found[other] for other in found if base[other] == base[name])
        lines.append(
            f"| {name} | {settings[name]} | {len(curves.seeds)} | {spread(curves.last('heldout'))} of "
            f"{curves.heldout_asked} | {against(curves, first)} | {spread(curves.last('deployed'))} of "
            f"{curves.asked} | {spread(curves.last('examples'))} | {ends(curves)} | {by_generation(curves.heldout)} |"
        )
    common = ", ".join(f"{key} = {value}" for key, value in experiment.base.items())
    lines += ["", f"All arms: the demo with {common}; mean ± standard deviation over seeds."]
    if any(len({len(row) for row in curves.deployed}) > 1 for curves in found.values()):
        lines += ["", "(n): over n seeds, for the others did not go so far; `last` is each seed's own last."]
    (experiment.folder / "table.md").write_text("\n".join(lines) + "\n")
    content = {name: asdict(curves) for name, curves in found.items()}
    (experiment.folder / "numbers.json").write_text(json.dumps(content, indent=1) + "\n")
    draw([_solved(found, "heldout"), _solved(found, "deployed")], experiment.folder / "curves.png")
    print("\n".join(lines))


def against(curves: Curves, first: Curves | None) -> str:
    """Held-out tasks more than another arm, for each seed that both have, in the last generation that both have."""
    other = dict(zip(first.seeds, first.heldout, strict=True)) if first else {}
    words = []
    for seed, row in zip(curves.seeds, curves.heldout, strict=True):
        both = min(len(row), len(other.get(seed, ())))
        words += [f"{row[both - 1] - other[seed][both - 1]:+d}"] if both else []
    return " ".join(words)


def _solved(found: Mapping[str, Curves], split: str) -> Panel:
    rows = {}
    for name, curves in found.items():
        asked = curves.heldout_asked if split == "heldout" else curves.asked
        rows[name] = [[100 * value / max(asked, 1) for value in row] for row in getattr(curves, split)]
    return Panel(f"{'held-out' if split == 'heldout' else split} tasks", "solved, %", rows)
