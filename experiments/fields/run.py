"""Other fields than planning, each with a small base of its own: sums of reasoning-gym, and short programs.

python experiments/fields/run.py             all arms, three seeds; half an hour of two idle cores, stops and goes on
python experiments/fields/run.py --quick     both fields, one seed, one generation; checks the claim
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from arms import Arm, Curves, Experiment, answers, main, of_preset
from measured import Measure, measured, write_measures
from reasoned import right_reasoning

from iterdeploy.store import Run

ARMS = (
    Arm("sums", of_preset("sums")),
    Arm("sums-all-valid", {**of_preset("sums"), "curate.rule": "all-valid"}),
    Arm("sums-reasoned", {**of_preset("sums"), "tasks.domain": "reasoned:open_reasoned"}),
    Arm("code", of_preset("code")),
    Arm("code-all-valid", {**of_preset("code"), "curate.rule": "all-valid"}),
)


def wrong_within(run: Run, generation: int) -> float | None:
    """Share of the valid answers to deployed tasks whose reasoning is not right."""
    valid = [one for one in answers(run, generation) if one.verdict.valid]
    wrong = [not right_reasoning(one.task, one.trace) for one in valid]
    return sum(wrong) / len(wrong) if wrong else None


def reasoning_tokens(run: Run, generation: int) -> float | None:
    """Mean over valid answers to deployed tasks."""
    counts = [verdict.reasoning_tokens for verdict in run.verdicts(generation) if verdict.valid]
    return statistics.mean(counts) if counts else None


def largest(run: Run, generation: int) -> float | None:
    """The largest size of which a held-out task is solved."""
    return max(
        (one.task.size for one in answers(run, generation, "heldout") if one.verdict.valid), default=None
    )


MEASURES = (
    Measure("valid answers with wrong reasoning, share", wrong_within, 2),
    Measure("reasoning tokens of valid answers", reasoning_tokens, 1),
    Measure("largest held-out size solved", largest, 1),
)


def more(runs: Mapping[str, Sequence[Run]], out: Path) -> None:
    """measures.*: what the judge of the answer does not see, by generation."""
    write_measures(measured(runs, MEASURES), MEASURES, out)


def claim(found: Mapping[str, Curves]) -> None:
    """Curated traces of one generation solve more deployed tasks than the base, in both fields."""
    for name in ("sums", "code"):
        assert found[name].last("deployed")[0] > found[name].deployed[0][0], found
    values = json.loads(Path("runs/fields-quick/measures.json").read_text())
    assert values["sums"]["reasoning tokens of valid answers"][0][0] > 0, values


if __name__ == "__main__":
    main(
        Experiment(
            folder=Path(__file__).parent,
            base={"tasks.count": 300, "tasks.heldout": 150},
            arms=ARMS,
            quick={
                "tasks.count": 120,
                "tasks.heldout": 40,
                "generations": 1,
                "train.max_steps": 40,
            },
            quick_arms=("sums", "code"),
            claim=claim,
            more=more,
        )
    )
