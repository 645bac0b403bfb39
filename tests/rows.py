"""Rows of a run that tests write by hand: tasks, traces and verdicts of a small blocksworld."""

from __future__ import annotations

from collections.abc import Sequence

from iterdeploy.answers import Answer
from iterdeploy.types import Fault, Split, Task, Trace, Verdict


def task(number: int, size: int = 3, split: Split = "deployed") -> Task:
    """One task; its prompt and spec are as short as they can be."""
    return Task(
        id=f"{split}-{number:04d}",
        domain="blocksworld",
        prompt=f"stack {size} blocks, way {number}",
        spec={"domain": "(define (domain blocksworld))", "problem": f"(define (problem p{number}))"},
        split=split,
        size=size,
    )


def plan(steps: int, block: str = "b") -> tuple[str, ...]:
    """A plan of so many steps, which takes up and puts down in turn."""
    names = ("unstack", "put-down")
    return tuple(f"({names[i % 2]} {block}{i // 2} {block}{i // 2 + 1})" for i in range(steps))


def answer(
    of: Task,
    steps: int = 0,
    *,
    fault: Fault | None = None,
    generation: int = 0,
    sample: int = 0,
    tokens: int = 10,
    actions: Sequence[str] | None = None,
) -> Answer:
    """A valid answer of so many steps, or one with a fault; `actions` is the plan where it matters."""
    trace_id = f"g{generation}-{of.id}-{sample}"
    trace = Trace(
        id=trace_id,
        task_id=of.id,
        generation=generation,
        sample=sample,
        model=f"model-{generation}",
        text="<think> tower </think> <plan> unstack b0 b1 </plan> <eos>",
        prompt_ids=(1, 2, 3),
        token_ids=tuple(range(tokens)),
        logprobs=(-0.5,) * tokens,
        finish="length" if fault is Fault.TRUNCATED else "stop",
    )
    verdict = Verdict(
        trace_id=trace_id,
        validator="pddl",
        valid=fault is None,
        cost=steps,
        fault=fault,
        reason="" if fault is None else f"the plan fails: {fault}",
        plan=plan(steps) if actions is None else tuple(actions),
        reasoning_tokens=tokens // 2,
    )
    return Answer(of, trace, verdict)
