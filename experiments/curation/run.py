"""What curation does: its rules, its pool and its start, at equal steps and at equal numbers of traces.

python experiments/curation/run.py             all arms, three seeds; about an hour on two cores, can be stopped
python experiments/curation/run.py --quick     two arms of one seed in minutes; checks the claim
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from arms import Arm, Curves, Experiment, main

ARMS = (
    Arm("paper"),
    Arm("all-valid", {"curate.rule": "all-valid"}),
    Arm("best-2", {"curate.rule": "best-k", "curate.k": 2}),
    Arm("none", {"curate.rule": "none"}),
    Arm("paper-50", {"curate.most": 50}),
    Arm("all-valid-50", {"curate.rule": "all-valid", "curate.most": 50}),
    Arm("none-50", {"curate.rule": "none", "curate.most": 50}),
    Arm("pool-last", {"curate.rule": "paper", "curate.pool": "last"}),
    Arm("start-last", {"train.start": "last"}),
    Arm("full", {"train.method": "full", "train.learning_rate": 2e-3}),
)


def claim(found: Mapping[str, Curves]) -> None:
    """Curated traces teach, uncurated ones do not."""
    curated, uncurated = (found[name].last("deployed")[0] for name in ("paper", "none"))
    assert curated > 1.2 * found["paper"].deployed[0][0], found
    assert curated > uncurated, found


if __name__ == "__main__":
    main(
        Experiment(
            folder=Path(__file__).parent,
            base={
                "tasks.count": 300,
                "tasks.sizes": list(range(6, 14)),
                "generations": 3,
                # every arm takes the same number of steps, however many traces it has
                "train.epochs": 1000.0,
                "train.max_steps": 40,
            },
            arms=ARMS,
            quick={"tasks.count": 160, "tasks.heldout": 40, "tasks.sizes": [6, 7, 8], "generations": 1},
            quick_arms=("paper", "none"),
            claim=claim,
        )
    )
