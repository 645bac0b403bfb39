"""Runs for the page, with real tasks, plans and verdicts of a domain that ships, and no model."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from iterdeploy.domains.family import Family
from iterdeploy.domains.pddl import PddlDomain
from iterdeploy.recipe import Deploy, Recipe, Tasks
from iterdeploy.store import Run
from iterdeploy.store.rows import write_rows
from iterdeploy.types import SPLITS, Example, Generation, Split, Task, Trace

HOSTILE = (
    "<script>document.title = 'stolen'</script><img src=x onerror=\"document.title='stolen'\">"
    "</script><style>body{display:none}</style>\x1b[2J\x00 \u202egnp.exe\u202c \ufeff&lt;b&gt;"
)


@dataclass(frozen=True)
class Played:
    """A run to look at: which domain, how many tasks of which size."""

    family: Family
    size: dict[str, int]
    count: int = 12
    heldout: int = 4
    generations: int = 2


def write(path: Path, of: Played, hostile: str = "") -> Run:
    """A run in which later generations break fewer of their plans; the last answer of all may be a hostile text."""
    recipe = Recipe(
        name="played",
        generations=of.generations,
        tasks=Tasks(domain=of.family.name, sizes=(1,), count=of.count, heldout=of.heldout),
        deploy=Deploy(max_tokens=4096),
    )
    run = Run.create(path, recipe)
    tasks = [
        _task(of, split, n)
        for split in SPLITS
        for n in range(of.count if split == "deployed" else of.heldout)
    ]
    write_rows(path / "tasks.jsonl", tasks)
    judge = PddlDomain(
        of.family.name, of.family.text, lambda size, rng: "", lambda a, b: "", recipe.validate.rules
    )
    before: dict[Split, list[Trace]] = {}
    for number in range(of.generations + 1):
        solved: dict[Split, int] = {}
        learned = before.get("deployed", [])
        for split in SPLITS:
            chance = random.Random(f"{number} {split}")
            traces = [_trace(of, task, number, chance) for task in tasks if task.split == split]
            if hostile and number == of.generations and split == "heldout":
                traces[-1] = _said(tasks[-1], number, hostile, 9)
            verdicts = [
                judge.validate(task, trace) for task, trace in zip(_of(tasks, split), traces, strict=True)
            ]
            write_rows(run.traces_file(number, split), traces)
            write_rows(run.verdicts_file(number, split), verdicts)
            solved[split] = sum(verdict.valid for verdict in verdicts)
            run.add_seconds(number, "deploy" if split == "deployed" else "heldout/deploy", 2.0 + number)
            if split == "deployed" and number:
                _train(run, number, learned)
            before[split] = [t for t, v in zip(traces, verdicts, strict=True) if v.valid]
        row = Generation(
            number, f"model-{number}", f"model-{number - 1}" if number else None, of.count, solved["deployed"],
            of.heldout, solved["heldout"], len(learned),
        )  # fmt: skip
        write_rows(run.generation_file(number), [row])
    return run


def _of(tasks: list[Task], split: Split) -> list[Task]:
    return [task for task in tasks if task.split == split]


def _task(of: Played, split: Split, number: int) -> Task:
    problem = of.family.make(of.size, random.Random(f"{split} {number}"))
    spec = {"domain": of.family.text, "problem": problem}
    return Task(
        f"{split[0]}{number:03d}", of.family.name, f"solve {problem}", spec, split, of.size[of.family.size]
    )


def _trace(of: Played, task: Task, generation: int, chance: random.Random) -> Trace:
    plan = of.family.solve(task.spec["problem"])
    if chance.random() > 0.25 + 0.3 * generation:
        breaks: list[Callable[[], object]] = [
            lambda: plan.pop(len(plan) // 2), lambda: plan.pop(), plan.clear, lambda: plan.append("(vanish x)")
        ]  # fmt: skip
        chance.choice(breaks)()
    text = "thinking of it\n</think>\n" + (
        "<plan>\n" + "\n".join(plan) + "\n</plan>" if plan else "I do not know."
    )
    return _said(task, generation, text, 3 * len(plan) + 4)


def _said(task: Task, generation: int, text: str, tokens: int) -> Trace:
    return Trace(
        id=f"g{generation}.{task.id}.0",
        task_id=task.id,
        generation=generation,
        sample=0,
        model=f"model-{generation}",
        text=text,
        prompt_ids=(1, 2),
        token_ids=tuple(range(tokens)),
        logprobs=(-0.1,) * tokens,
        finish="stop",
    )


def _train(run: Run, number: int, learned: list[Trace]) -> None:
    write_rows(
        run.examples_file(number), [Example(t.id, t.task_id, t.prompt_ids, t.token_ids) for t in learned]
    )
    losses = [{"step": step, "loss": 1.0 / step} for step in range(1, 41)]
    write_rows(run.adapter_folder(number) / "training.jsonl", [*losses, {"step": 40, "validation_loss": 0.2}])
    (run.adapter_folder(number) / "audit.json").write_text('{"trained_tokens": 123}')
