"""What reaches generation 5's level in two generations, from as many samples and as many steps?

python experiments/better/run.py --choose    every arm on seed 10 and tasks of their own; 20 minutes of two idle cores
python experiments/better/run.py             the best two of them and their controls, three other seeds; 20 minutes
python experiments/better/run.py --quick     three arms of one seed in a minute; checks that costs are equal
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from arms import Arm, Curves, Experiment, Settings, main, spread

from iterdeploy.store import Run

HERE = Path(__file__).parent
FIVE = Arm("five", {"generations": 5, "deploy.samples": 2, "train.max_steps": 40})
TWO: Settings = {"generations": 2, "deploy.samples": 5, "train.max_steps": 100}
ARMS = (
    FIVE,
    Arm("two", TWO),
    Arm("two-all-valid", {**TWO, "curate.rule": "all-valid"}),
    Arm("two-edge", {**TWO, "deploy.spread": "edge"}),
    Arm("two-edge-all-valid", {**TWO, "deploy.spread": "edge", "curate.rule": "all-valid"}),
    Arm("two-hot", {**TWO, "deploy.temperature": 1.0}),
    Arm("two-rename", {**TWO, "train.augment_share": 1.0}),
    Arm("two-plain", {**TWO, "train.augment": "none"}),
    Arm("two-last", {**TWO, "train.start": "last"}),
)
CONTROLS = ("five", "two")
CHOSEN = 2  # arms that are tested beside the controls


def cost(run: Run) -> dict[str, float]:
    """What a run was made of: answers sampled before its last generation, their tokens, steps, and tokens of them."""
    rows = run.generations()
    sampled = [trace for row in rows[:-1] for trace in run.traces(row.number)]
    steps = sum(len(run.training(row.number)) for row in rows)
    return {
        "answers": len(sampled),
        "sampled tokens": sum(len(trace.token_ids) for trace in sampled),
        "steps": steps,
        "trained tokens, prompts too, at most": steps * run.recipe.train.tokens_per_step,
        "held-out": rows[-1].heldout_solved,
        "deployed, each asked once": _once(run),
    }


def _once(run: Run) -> int:
    """Deployed tasks whose first answer is valid in the last generation: arms differ in how many they have."""
    last = run.generations()[-1].number
    valid = {verdict.trace_id for verdict in run.verdicts(last) if verdict.valid}
    return sum(trace.sample == 0 and trace.id in valid for trace in run.traces(last))


def more(runs: Mapping[str, Sequence[Run]], out: Path) -> None:
    """costs.json and costs.md: what each arm reaches, and from how much."""
    table = {arm: [cost(run) for run in of] for arm, of in runs.items()}
    (out / "costs.json").write_text(json.dumps(table, indent=1) + "\n")
    names = list(next(iter(table.values()))[0])
    lines = ["| arm | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    for arm, rows in table.items():
        lines.append(
            f"| {arm} | " + " | ".join(spread([row[name] for row in rows], 0) for name in names) + " |"
        )
    (out / "costs.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def chosen() -> list[str]:
    """The controls, and the arms that solve most held-out tasks of the choice; all before there is one."""
    file = HERE / "choice" / "costs.json"
    if not file.is_file():
        return [arm.name for arm in ARMS]
    found = json.loads(file.read_text())
    rest = sorted((n for n in found if n not in CONTROLS), key=lambda n: -found[n][0]["held-out"])
    return [*CONTROLS, *rest[:CHOSEN]]


def claim(found: Mapping[str, Curves]) -> None:
    """All arms are made of equally many answers and steps, and all of them learn."""
    costs = json.loads(Path("runs/better-quick/costs.json").read_text())
    (five,), (two,), (edge,) = (costs[name] for name in ("five", "two", "two-edge"))
    for name in ("answers", "steps"):
        assert five[name] == two[name] == edge[name], costs
    for name, curves in found.items():
        assert curves.last("deployed")[0] > curves.deployed[0][0], (name, found)


BASE: Settings = {
    "tasks.count": 200,
    "tasks.sizes": list(range(6, 14)),
    "train.epochs": 1000.0,
}
QUICK: Settings = {
    "tasks.count": 40,
    "tasks.heldout": 20,
    "tasks.sizes": [6, 7],
    "train.tokens_per_step": 1024,
    "deploy.max_tokens": 128,
}


def quick_arms() -> tuple[Arm, ...]:
    """The same shape at a cost of a minute: two generations of 2 answers a task, and one of 4."""
    both: Settings = {"generations": 2, "deploy.samples": 2, "train.max_steps": 8}
    return (
        Arm("five", both),
        Arm("two", {"generations": 1, "deploy.samples": 4, "train.max_steps": 16}),
        Arm("two-edge", {**both, "deploy.spread": "edge"}),
    )


if __name__ == "__main__":
    choosing = "--choose" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--choose"]
    quick = "--quick" in sys.argv
    if choosing:
        (HERE / "choice").mkdir(exist_ok=True)
    wanted = [arm.name for arm in ARMS] if choosing else chosen()
    main(
        Experiment(
            folder=HERE / "choice" if choosing else HERE,
            base={**BASE, "tasks.seed": 10} if choosing else BASE,
            arms=quick_arms() if quick else [arm for arm in ARMS if arm.name in wanted],
            quick=QUICK,
            quick_arms=("five", "two", "two-edge"),
            claim=claim,
            seeds=(10,) if choosing else (0, 1, 2),
            more=more,
        )
    )
