"""Importance-weighted fine-tuning against plain, at equal samples and equal steps, on the pool of all generations.

python experiments/weights/run.py             all arms, three seeds; ten minutes of two idle cores, stops and goes on
python experiments/weights/run.py --quick     two arms of one seed in about a minute; checks the claim
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from arms import Arm, Curves, Experiment, main
from measured import Measure, measured, write_measures

from iterdeploy import measure
from iterdeploy.store import Run

RATIO = {"curate.weights": "ratio", "curate.weight_most": 2.0}
ARMS = (
    Arm("paper"),
    Arm("paper-ratio", RATIO),
    Arm("all-valid", {"curate.rule": "all-valid"}),
    Arm("all-valid-ratio", {"curate.rule": "all-valid", **RATIO}),
    Arm("all-valid-last", {"curate.rule": "all-valid", "curate.pool": "last"}),  # on-policy: needs no ratio
)


def effective(run: Run, generation: int) -> float | None:
    """Equal examples that those of a generation are worth, as a share of them; 1 where all weigh the same."""
    weights = [example.weight for example in run.examples(generation)] if generation else []
    return measure.effective_size(weights) / len(weights) if weights else None


def examples(run: Run, generation: int) -> float | None:
    """Examples that a generation was trained on."""
    return len(run.examples(generation)) if generation else None


def clipped(run: Run, generation: int) -> float | None:
    """Share of the examples whose ratio is above what it may count as."""
    rule = run.recipe.curate
    if not generation or rule.weights == "equal":
        return None
    weights = [example.weight for example in run.examples(generation)]
    return sum(weight >= rule.weight_most for weight in weights) / len(weights)


MEASURES = (
    Measure("examples", examples, 0),
    Measure("effective examples / examples", effective, 2),
    Measure("share of examples at the clip", clipped, 2),
)


def more(runs: Mapping[str, Sequence[Run]], out: Path) -> None:
    """measures.*: examples, and what they are worth, by generation."""
    write_measures(measured(runs, MEASURES), MEASURES, out)


def claim(found: Mapping[str, Curves]) -> None:
    """Both learn; from generation 2 on the weights differ, and are worth fewer examples than there are."""
    values = json.loads(Path("runs/weights-quick/measures.json").read_text())
    for name in ("all-valid", "all-valid-ratio"):
        assert found[name].last("deployed")[0] > found[name].deployed[0][0], found
    worth = values["all-valid-ratio"]["effective examples / examples"][0]
    assert worth[1] == 1.0, worth  # a pool of the newest generation alone
    assert worth[2] < 1.0, worth
    assert found["all-valid"].examples[0][:2] == found["all-valid-ratio"].examples[0][:2], found


if __name__ == "__main__":
    main(
        Experiment(
            folder=Path(__file__).parent,
            base={
                "tasks.count": 300,
                "tasks.sizes": list(range(6, 14)),
                "generations": 4,
                # every arm takes the same number of steps, however many traces it has
                "train.epochs": 1000.0,
                "train.max_steps": 40,
            },
            arms=ARMS,
            quick={
                "tasks.count": 80,
                "tasks.heldout": 20,
                "tasks.sizes": [6, 7],
                "generations": 2,
                "train.max_steps": 15,
                "deploy.max_tokens": 160,
            },
            quick_arms=("all-valid", "all-valid-ratio"),
            claim=claim,
            more=more,
        )
    )
