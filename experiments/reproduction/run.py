"""The paper's figures by generation, to five and to ten: its settings at the size of the small model, and ours.

python experiments/reproduction/run.py             both arms, three seeds; half an hour of two cores, can be stopped
python experiments/reproduction/run.py --quick     both arms of one seed in about a minute; checks the claim
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from arms import Arm, Curves, Experiment, answers, main
from figures import Rows
from measured import Found, Measure, measured, write_measures

from iterdeploy import measure
from iterdeploy.recipe import preset, settings_of
from iterdeploy.store import Run
from iterdeploy.types import SPLITS, Split

DEMO = dict(settings_of(preset("demo")))
PAPER = {
    key: value for key, value in settings_of(preset("paper-small")) if value != DEMO[key] and key != "name"
}
ARMS = (Arm("ours"), Arm("paper", PAPER))
NAMES: Mapping[Split, str] = {"deployed": "deployed", "heldout": "held-out"}


def _of(split: Split) -> list[Measure]:
    """The paper's measures on one split."""

    def solved(run: Run, generation: int) -> float:
        return measure.solved(answers(run, generation, split)).solved

    def length(run: Run, generation: int) -> float | None:
        found = measure.plan_lengths(answers(run, generation, split))
        return found.mean if found else None

    def longest(run: Run, generation: int) -> float | None:
        found = measure.plan_lengths(answers(run, generation, split))
        return found.longest if found else None

    def same(run: Run, generation: int) -> float | None:
        """This generation's plans over generation 0's, on the tasks that both solved."""
        both = measure.length_on_same_tasks(answers(run, 0, split), answers(run, generation, split))
        return both.after / both.before if both else None

    def reasoning(run: Run, generation: int) -> float | None:
        found = measure.reasoning_tokens(answers(run, generation, split))
        return found.mean if found else None

    name = NAMES[split]
    return [
        Measure(f"{name}: solved", solved),
        Measure(f"{name}: plan length", length),
        Measure(f"{name}: longest plan", longest),
        Measure(f"{name}: plan length over generation 0's, tasks solved by both", same, 2, False),
        Measure(f"{name}: reasoning tokens", reasoning),
    ]


def unanimous(runs: Sequence[Run], split: Split) -> list[float | None]:
    """unanimous@3 by generation: tasks that the runs of three seeds solved, as far as all went; none of fewer seeds."""
    shortest = min(len(run.generations()) for run in runs)
    if len(runs) < 3:
        return [None] * shortest
    return [measure.unanimous([answers(run, n, split) for run in runs[:3]]).solved for n in range(shortest)]


def more(runs: Mapping[str, Sequence[Run]], out: Path) -> None:
    """measures.* with unanimous@3 over three seeds, and beside.md: generations 0, 5 and 10 beside the paper's."""
    measures = [one for split in SPLITS for one in _of(split)]
    found = {arm: dict(of) for arm, of in measured(runs, measures).items()}
    for split in SPLITS:
        name = f"{NAMES[split]}: unanimous@3"
        for arm, of in runs.items():
            found[arm][name] = [unanimous(of, split)]
        measures.append(Measure(name, lambda run, generation: None, 0))
    write_measures(found, measures, out)
    (out / "beside.md").write_text(_beside(found, runs))


def _beside(found: Found, runs: Mapping[str, Sequence[Run]]) -> str:
    lines = [
        "| | model | tasks | solved at 0 | at 5 | ratio | at 10 | ratio |",
        "|---|---|---|--:|--:|--:|--:|--:|",
        "| the paper, Blocksworld, deployed | Qwen3-4B-Thinking-2507 | 1000 | 67.4 | 154 | 2.3 | | |",
    ]
    for arm, of in found.items():
        asked = runs[arm][0].generations()[0]
        for name, count in (("deployed", asked.asked), ("held-out", asked.heldout_asked)):
            rows = of[f"{name}: solved"]
            first, *later = (_mean_at(rows, number) for number in (0, 5, 10))
            cells = [f"{mean:.1f} | {mean / first:.1f}" if mean and first else " | " for mean in later]
            seeds = f"{len(rows)} seed{'s' if len(rows) > 1 else ''}"
            lines.append(
                f"| {arm}, {name}, {seeds} | blocks-small | {count} | {first or 0:.1f} | {' | '.join(cells)} |"
            )
    return "\n".join(lines) + "\n"


def _mean_at(rows: Rows, number: int) -> float | None:
    """The mean over seeds; None unless all of them went so far."""
    values = [row[number] for row in rows if len(row) > number]
    there = [value for value in values if value is not None]
    return statistics.mean(there) if len(there) == len(rows) else None


def claim(found: Mapping[str, Curves]) -> None:
    """Both arms solve more than the base, and the arm `paper` is the paper's structure."""
    for curves in found.values():
        assert curves.last("deployed")[0] > curves.deployed[0][0], found
    values = json.loads(Path("runs/reproduction-quick/measures.json").read_text())
    for arm, of in values.items():
        assert of["deployed: solved"] == [list(row) for row in found[arm].deployed], values
    assert {"train.optimizer", "train.rank", "train.dropout", "train.validation_share"} <= set(PAPER), PAPER


if __name__ == "__main__":
    main(
        Experiment(
            folder=Path(__file__).parent,
            base={"generations": 10},
            arms=ARMS,
            quick={
                "tasks.count": 100,
                "tasks.heldout": 20,
                "tasks.sizes": [6, 7],
                "generations": 1,
                "deploy.max_tokens": 160,
                "train.epochs": 5.0,
            },
            quick_arms=("ours", "paper"),
            claim=claim,
            more=more,
        )
    )
