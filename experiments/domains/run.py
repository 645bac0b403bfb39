"""Other domains than Blocksworld, each with a small base of its own: Rovers and Sokoban.

python experiments/domains/run.py             three arms, three seeds; about half an hour on two cores, can be stopped
python experiments/domains/run.py --quick     both domains, one seed, one generation; checks the claim
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from arms import Arm, Curves, Experiment, main, of_preset

ARMS = (
    Arm("rovers", of_preset("rovers")),
    Arm("sokoban", of_preset("sokoban")),
    Arm("rovers-no-renaming", {**of_preset("rovers"), "train.augment": "none"}),
)


def claim(found: Mapping[str, Curves]) -> None:
    """One generation of curated traces solves more held-out tasks than the base."""
    for name in ("rovers", "sokoban"):
        first, last = found[name].heldout[0][0], found[name].last("heldout")[0]
        assert last > first, found


if __name__ == "__main__":
    main(
        Experiment(
            folder=Path(__file__).parent,
            base={"tasks.count": 300, "tasks.heldout": 150},
            arms=ARMS,
            quick={
                "tasks.count": 120,
                "tasks.heldout": 60,
                "generations": 1,
                "train.max_steps": 40,
            },
            quick_arms=("rovers", "sokoban"),
            claim=claim,
        )
    )
