"""A validator that errs: does the model learn its errors, and do they grow from generation to generation?

python experiments/validator_bias/run.py             all arms, three seeds; about an hour on two cores, can be stopped
python experiments/validator_bias/run.py --quick     two arms of one seed in minutes; checks the claim
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from arms import Arm, Curves, Experiment, by_generation, main
from biased import truth
from figures import Panel, draw

from iterdeploy.measure import second_opinion, to_judge_again
from iterdeploy.store import Run
from iterdeploy.types import Split, Task, Verdict

NAMES = ("accept_5", "accept_10", "accept_30", "no_goal", "no_clear", "likes_unstack", "reject_30")
ARMS = (Arm("truth"), *(Arm(name, {"validate.validator": f"biased:{name}"}) for name in NAMES))


@dataclass(frozen=True, slots=True)
class Truth:
    """One generation: what its validator accepted, what is true of it, and what the generation was trained on."""

    accepted: int
    false_accepts: int
    solved: int  # deployed tasks truly solved, accepted or not
    heldout_accepted: int
    heldout_solved: int
    examples: int
    invalid_examples: int
    chosen_false: int  # tasks with a true and a false accept in the pool whose chosen trace is false
    contested: int  # tasks with a true and a false accept in the pool
    looked_at: int  # accepted deployed traces that a second validator is given (SAMPLE at most)
    found_false: int  # of those, false accepts, which it finds
    found_missed: int  # false rejects that it finds among as many rejected ones


SAMPLE = 50
"""validate.second_sample of the recipe: what a second validator that does not err would find at that price."""


def truths(run: Run) -> list[Truth]:
    """Every generation of a run, its plans judged again by our validator."""
    valid: dict[str, bool] = {}
    accepted: dict[str, list[str]] = {}
    rows = []
    for row in run.generations():
        counts: dict[Split, tuple[int, int, int]] = {}
        for split in ("deployed", "heldout"):
            tasks = {task.id: task for task in run.tasks(split)}
            traces, verdicts = run.traces(row.number, split), run.verdicts(row.number, split)
            for trace, verdict in zip(traces, verdicts, strict=True):
                valid[trace.id] = _true(tasks[trace.task_id], verdict)
            took = [v.trace_id for v in verdicts if v.valid]
            counts[split] = (len(took), sum(not valid[t] for t in took), sum(valid[t.id] for t in traces))
        examples = run.examples(row.number)
        contested = [e for e in examples if len({valid[trace] for trace in accepted.get(e.task_id, [])}) == 2]
        rows.append(
            Truth(
                *counts["deployed"],
                counts["heldout"][0],
                counts["heldout"][2],
                len(examples),
                sum(not valid[e.trace_id] for e in examples),
                sum(not valid[e.trace_id] for e in contested),
                len(contested),
                *_second(run.verdicts(row.number), valid),
            )
        )
        for trace, verdict in zip(run.traces(row.number), run.verdicts(row.number), strict=True):
            if verdict.valid:
                accepted.setdefault(trace.task_id, []).append(trace.id)
    return rows


def _second(verdicts: Sequence[Verdict], valid: Mapping[str, bool]) -> tuple[int, int, int]:
    chosen = frozenset(to_judge_again(verdicts, SAMPLE))
    judged = [replace(one, valid=valid[one.trace_id]) for one in verdicts if one.trace_id in chosen]
    said = second_opinion(verdicts, judged)
    return said.accepted, said.accepted_wrong, said.rejected_wrong


def _true(task: Task, verdict: Verdict) -> bool:
    return (
        bool(verdict.plan) and truth(task.spec["domain"], task.spec["problem"], "\n".join(verdict.plan)).valid
    )


def more(runs: Mapping[str, Sequence[Run]], out: Path) -> None:
    """truth.md, truth.json and truth.png: accepted and true counts side by side."""
    found = {name: [truths(run) for run in of] for name, of in runs.items()}
    content = {name: [[asdict(row) for row in run] for run in of] for name, of in found.items()}
    (out / "truth.json").write_text(json.dumps(content, indent=1) + "\n")
    lines = [
        "Means over seeds, by generation.",
        "",
        "| validator | accepted | truly solved | held-out accepted | held-out truly solved "
        "| invalid in training, % | false chosen where both were there |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, of in found.items():
        invalid = by_generation([_invalid(run)[1:] for run in of], 0)
        chosen = sum(r.chosen_false for run in of for r in run)
        contested = sum(r.contested for run in of for r in run)
        lines.append(
            f"| {name} | {_means(of, 'accepted')} | {_means(of, 'solved')} | {_means(of, 'heldout_accepted')} | "
            f"{_means(of, 'heldout_solved')} | {invalid} | {chosen} of {contested} |"
        )
    lines += [
        "",
        f"What a second validator that does not err finds, given {SAMPLE} accepted and {SAMPLE} rejected traces of a "
        "generation: means over seeds, by generation.",
        "",
        "| validator | accepted ones looked at | false among them | valid among the rejected |",
        "|---|---|---|---|",
    ]
    for name, of in found.items():
        lines.append(
            f"| {name} | {_means(of, 'looked_at')} | {_means(of, 'found_false')} | {_means(of, 'found_missed')} |"
        )
    (out / "truth.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    _figure(found, out / "truth.png")


def _means(runs: Sequence[Sequence[Truth]], field: str) -> str:
    return by_generation([[getattr(row, field) for row in run] for run in runs], 0)


def _invalid(run: Sequence[Truth]) -> list[float | None]:
    """Invalid among the examples of each generation, %; the base has none."""
    return [100 * row.invalid_examples / row.examples if row.examples else None for row in run]


def _figure(found: Mapping[str, Sequence[Sequence[Truth]]], file: Path) -> None:
    def rows(of: Callable[[Truth], float]) -> dict[str, list[list[float]]]:
        return {name: [[of(row) for row in run] for run in runs] for name, runs in found.items()}

    draw(
        [
            Panel("held-out: truly solved", "tasks", rows(lambda row: row.heldout_solved)),
            Panel("held-out: accepted", "tasks", rows(lambda row: row.heldout_accepted)),
            Panel(
                "false among the accepted deployed answers",
                "%",
                rows(lambda row: 100 * row.false_accepts / max(row.accepted, 1)),
            ),
            Panel(
                "invalid among the examples",
                "%",
                {n: [_invalid(run) for run in of] for n, of in found.items()},
            ),
        ],
        file,
    )


def claim(found: Mapping[str, Curves]) -> None:
    """A validator that does not look at the goal has its accepts rise."""
    assert found["no_goal"].last("deployed")[0] > found["no_goal"].deployed[0][0], found


if __name__ == "__main__":
    main(
        Experiment(
            folder=Path(__file__).parent,
            base={
                "tasks.count": 300,
                "tasks.sizes": list(range(6, 14)),
                "generations": 4,
                "train.epochs": 1000.0,
                "train.max_steps": 40,
            },
            arms=ARMS,
            quick={
                "tasks.count": 120,
                "tasks.heldout": 20,
                "tasks.sizes": [6, 7, 8],
                "generations": 1,
                "deploy.max_tokens": 160,
                "train.max_steps": 20,
            },
            quick_arms=("truth", "no_goal"),
            claim=claim,
            more=more,
        )
    )
