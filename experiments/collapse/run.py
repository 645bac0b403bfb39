"""Sixty generations: where the loop rises, stands and falls, and whether a stop rule sees a fall before the damage.

python experiments/collapse/run.py             all arms, three seeds; 40 minutes of two idle cores, can be stopped
python experiments/collapse/run.py --quick     three arms of one seed in about a minute; checks what the rules see
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from arms import Arm, Curves, Experiment, answers, main
from measured import Measure, measured, write_measures

from iterdeploy import measure, recipe, stop
from iterdeploy.cli.rooms import open_domain
from iterdeploy.recipe import Stop
from iterdeploy.store import Run
from iterdeploy.types import Split

LATER = {"generations": 12}  # the first seed alone goes further
NONE = {"curate.rule": "none", "curate.pool": "last"}
ARMS = (
    Arm("accumulate", later=LATER),
    Arm("replace", {"curate.pool": "last"}, LATER),
    Arm("capped", {"curate.most": 40, "generations": 30}, LATER),
    Arm("none", {**NONE, "generations": 30}, LATER),
    Arm("none-go-on", {**NONE, "train.start": "last"}, LATER),
    Arm("fooled", {"validate.validator": "fooled:likes_unstack", "deploy.samples": 4, **LATER}),
    Arm("broken", {"train.learning_rate": 0.5, "generations": 2}),  # a control that must be seen
    Arm("stopped", {"train.learning_rate": 0.5, "generations": 2, "stop.acceptance_patience": 1}),
)
RULES: Mapping[str, Stop] = {
    "heldout": Stop(heldout_patience=10, heldout_gain=0.0),
    "diversity": Stop(diversity_patience=2),
    "acceptance": Stop(acceptance_patience=2),
}
"""Looked at afterwards, one by one, so that each arm goes on and shows what a rule would have spared."""


def acceptance(run: Run, generation: int) -> float:
    """Share of answers to deployed tasks that the run's validator accepts."""
    return measure.acceptance(answers(run, generation))


def distance(run: Run, generation: int) -> float | None:
    """Mean distance of two plans for different tasks of one size."""
    return measure.diversity(answers(run, generation)).distance


def distinct(run: Run, generation: int) -> float | None:
    """Different plans, names aside, as a share of the plans that could be read."""
    plans = measure.diversity(answers(run, generation))
    return plans.distinct / plans.plans if plans.plans else None


def reasoning(run: Run, generation: int) -> float | None:
    """The same distance between the words before the plan, objects numbered by first appearance; 100 pairs a size."""
    groups = defaultdict(list)
    for answer in answers(run, generation):
        words = answer.trace.text.partition("</think>")[0].split()
        numbers: dict[str, int] = {}
        shape = [numbers.setdefault(word, len(numbers)) if word[-1].isdigit() else word for word in words]
        groups[answer.task.size].append(shape)
    chance, found = random.Random("reasoning"), []
    for size in sorted(groups):
        pairs = [pair for pair in combinations(groups[size], 2) if all(pair)]
        for a, b in chance.sample(pairs, min(100, len(pairs))):
            found.append(measure.edit_distance(a, b) / max(len(a), len(b)))
    return statistics.mean(found) if found else None


def entropy(run: Run, generation: int) -> float | None:
    """Of the answers, nats a token at the sampling settings."""
    return measure.entropy(answers(run, generation))


def truly(run: Run, generation: int, split: Split = "deployed") -> float:
    """Share of the answers that our own validator accepts, whichever the run has."""
    if run.recipe.validate.validator == "pddl":
        return measure.acceptance(answers(run, generation, split))
    domain = open_domain(recipe.with_settings(run.recipe, ["validate.validator=pddl"]))
    tasks = {task.id: task for task in run.tasks(split)}
    return statistics.mean(domain.validate(tasks[t.task_id], t).valid for t in run.traces(generation, split))


def length(run: Run, generation: int) -> float:
    """Tokens of an answer."""
    return statistics.mean(len(trace.token_ids) for trace in run.traces(generation))


MEASURES = (
    Measure("accepted answers, share", acceptance, 3),
    Measure("truly valid answers, share", truly, 3),
    Measure("distance of plans", distance, 3),
    Measure("distinct plans, share", distinct, 3),
    Measure("distance of reasoning", reasoning, 3),
    Measure("entropy, nats a token", entropy, 4),
    Measure("tokens of an answer", length, 0),
)


def first(rules: Stop, seen: Sequence[stop.Standing]) -> int | None:
    """The generation after which the rules would have ended the run."""
    return next((n for n in range(len(seen)) if stop.fired(rules, seen[: n + 1])), None)


def halved(shares: Sequence[float]) -> int | None:
    """The damage: the first generation that solves less than half of the best so far."""
    return next((n for n in range(1, len(shares)) if 2 * shares[n] < max(shares[:n])), None)


def history(run: Run) -> dict[str, object]:
    """Where a run truly stood best, where half of that was lost, where each rule fires, and what was to come after."""
    seen = [stop.standing(row, answers(run, row.number)) for row in run.generations()]
    shares = [truly(run, number, "heldout") for number in range(len(seen))]
    fires = {name: first(rules, seen) for name, rules in RULES.items()}
    return {
        "best": max(range(len(seen)), key=lambda n: (shares[n], -n)),
        "best held-out": max(shares),
        "mean of the last five": statistics.mean(shares[-5:]),
        "last": len(seen) - 1,
        "half lost": halved(shares),
        "fires": fires,
        "gained after it": {
            name: max(shares) - max(shares[: n + 1]) for name, n in fires.items() if n is not None
        },
    }


def more(runs: Mapping[str, Sequence[Run]], out: Path) -> None:
    """measures.*, and stops.json and stops.md: where each rule fires, and the damage."""
    controls = [arm for arm in runs if arm in ("broken", "stopped")]  # their entropy would flatten all others
    write_measures(measured(runs, MEASURES), MEASURES, out, undrawn=controls)
    table = {arm: {f"seed{run.recipe.seed}": history(run) for run in of} for arm, of in runs.items()}
    (out / "stops.json").write_text(json.dumps(table, indent=1) + "\n")
    lines = [
        "| run | generations | best held-out, at | mean of the last five | half of the best lost at "
        "| rules fire at: heldout, diversity, acceptance | better was to come, by |",
        "|---|--:|---|--:|--:|---|---|",
    ]
    for arm, of in table.items():
        for seed, row in of.items():
            fires, later = row["fires"], row["gained after it"]
            assert isinstance(fires, dict) and isinstance(later, dict)  # noqa: PT018
            at = ", ".join("-" if n is None else str(n) for n in fires.values())
            missed = ", ".join(f"{name} {gain:.1%}" for name, gain in later.items() if gain > 0)
            half = "-" if row["half lost"] is None else row["half lost"]
            lines.append(
                f"| {arm}, {seed} | {row['last']} | {row['best held-out']:.1%}, {row['best']} | "
                f"{row['mean of the last five']:.1%} | {half} | {at} | {missed} |"
            )
    (out / "stops.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def claim(found: Mapping[str, Curves]) -> None:
    """The rule on acceptance ends a broken run at once, in the run itself too, and no rule ends the one that learns."""
    stops = json.loads(Path("runs/collapse-quick/stops.json").read_text())
    assert not any(stops["accumulate"]["seed0"]["fires"].values()), stops
    assert stops["broken"]["seed0"]["fires"] == {"heldout": None, "diversity": 2, "acceptance": 2}, stops
    assert stops["broken"]["seed0"]["half lost"] == 1, stops
    assert found["stopped"].ends == ("stop: acceptance",), found
    assert len(found["stopped"].deployed[0]) == 2, found
    assert found["accumulate"].last("deployed")[0] > found["accumulate"].deployed[0][0], found


if __name__ == "__main__":
    main(
        Experiment(
            folder=Path(__file__).parent,
            base={
                "tasks.count": 120,
                "tasks.heldout": 60,
                "tasks.sizes": [6, 7, 8, 9],
                "generations": 60,
                "train.epochs": 1000.0,
                "train.max_steps": 10,
            },
            arms=ARMS,
            quick={
                "tasks.count": 80,
                "tasks.heldout": 20,
                "tasks.sizes": [6, 7],
                "generations": 2,
                "train.tokens_per_step": 1024,
                "deploy.max_tokens": 128,
            },
            quick_arms=("accumulate", "broken", "stopped"),
            claim=claim,
            more=more,
        )
    )
