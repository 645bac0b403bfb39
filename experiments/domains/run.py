"""Another domain than Blocksworld, with a small base of its own: Rovers.

python experiments/domains/run.py             two arms, three seeds; about half an hour on two cores, can be stopped
python experiments/domains/run.py --quick     one arm of one seed, one generation, in about a minute; checks the claim
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from arms import Arm, Curves, Experiment, main

from iterdeploy import recipe as recipes

ROVERS = recipes.preset("rovers")
BASE = {
    "tasks.domain": ROVERS.tasks.domain,
    "tasks.sizes": list(ROVERS.tasks.sizes),
    "tasks.count": ROVERS.tasks.count,
    "tasks.heldout": ROVERS.tasks.heldout,
    "base.model": ROVERS.base.model,
    "deploy.max_tokens": ROVERS.deploy.max_tokens,
}


def claim(found: Mapping[str, Curves]) -> None:
    """One generation of curated traces solves more held-out tasks than the base."""
    first, last = found["rovers"].heldout[0][0], found["rovers"].last("heldout")[0]
    assert last > first, found


if __name__ == "__main__":
    main(
        Experiment(
            folder=Path(__file__).parent,
            base=BASE,
            arms=(Arm("rovers"), Arm("rovers-no-renaming", {"train.augment": "none"})),
            quick={
                "tasks.count": 120,
                "tasks.heldout": 60,
                "tasks.sizes": [4, 5, 6],
                "generations": 1,
                "train.max_steps": 40,
            },
            quick_arms=("rovers",),
            claim=claim,
        )
    )
