"""Traces and training sets as rows that others train on: prompt and completion, messages, or the very tokens.

Every row names its trace, so that what is trained elsewhere can be traced to here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from iterdeploy.answers import Answer, join
from iterdeploy.errors import BadInput, nearest
from iterdeploy.models.turns import turns_of
from iterdeploy.store import Run
from iterdeploy.types import SPLITS, Split, Trace

Form = Literal["prompt-completion", "messages", "tokens"]
FORMS: tuple[Form, ...] = ("prompt-completion", "messages", "tokens")
Row = dict[str, Any]

_END = re.compile(r"(?:<[|｜][^<>\s]{1,40}[|｜]>|</s>|<(?:eos|eot|end|end_of_turn)>)\s*\Z")


def traces(run: Run, form: Form, generation: int | None, split: Split | None, valid: bool) -> Iterator[Row]:
    """A row for each validated answer: of one generation or all, one split or both, all answers or the valid ones."""
    shape = _shape(form)
    tasks = run.tasks()
    numbers = range(run.recipe.generations + 1) if generation is None else [generation]
    places = [
        (n, s) for n in numbers for s in SPLITS if s == (split or s) and run.verdicts_file(n, s).exists()
    ]
    if not places:
        raise BadInput(f"{run.path} has no validated answers{_of(generation)}; see `iterdeploy status`")
    for number, side in places:
        for answer in join(tasks, run.traces(number, side), run.verdicts(number, side)):
            if answer.verdict.valid or not valid:
                yield shape(answer) | _about(answer)


def examples(run: Run, form: Form, generation: int | None) -> Iterator[Row]:
    """A row for each example of a generation, in its order; by default of the last that was curated."""
    there = [n for n in range(1, run.recipe.generations + 2) if run.examples_file(n).exists()]
    number = there[-1] if generation is None and there else generation
    if number not in there:
        raise BadInput(
            f"{run.path} has no examples{_of(generation)}; generations with examples: {there or 'none'}"
        )
    shape, known = _shape(form), _pool(run, number)
    for example in run.examples(number):
        answer = known[example.trace_id]
        yield shape(answer) | _about(answer) | {"trained_generation": number, "weight": example.weight}


def _pool(run: Run, number: int) -> Mapping[str, Answer]:
    """The answers that a generation's examples are."""
    wanted = {example.trace_id for example in run.examples(number)}
    tasks = run.tasks("deployed")
    return {
        answer.trace.id: answer
        for n in range(number)
        for answer in join(tasks, run.traces(n), run.verdicts(n))
        if answer.trace.id in wanted
    }


def _of(generation: int | None) -> str:
    return "" if generation is None else f" of generation {generation}"


def _about(answer: Answer) -> Row:
    """What is known of the answer; `label` is the verdict, by the name that preference trainers read."""
    task, trace, verdict = answer.task, answer.trace, answer.verdict
    return {
        "trace_id": trace.id,
        "task_id": task.id,
        "domain": task.domain,
        "split": task.split,
        "size": task.size,
        "generation": trace.generation,
        "sample": trace.sample,
        "model": trace.model,
        "label": verdict.valid,
        "fault": None if verdict.fault is None else str(verdict.fault),
        "reason": verdict.reason,
        "plan_steps": verdict.cost,
        "reasoning_tokens": verdict.reasoning_tokens,
        "finish": trace.finish,
    }


def _shape(form: Form) -> Callable[[Answer], Row]:
    shapes: dict[str, Callable[[Answer], Row]] = {
        "prompt-completion": _prompt_completion,
        "messages": _messages,
        "tokens": _tokens,
    }
    if form not in shapes:
        raise BadInput(f"no form {form!r}; {nearest(form, shapes)}")
    return shapes[form]


def _prompt_completion(answer: Answer) -> Row:
    """The text that was read, and the text that was answered, its end token included."""
    return {"prompt": answer.task.prompt, "completion": answer.trace.text}


def _tokens(answer: Answer) -> Row:
    """The ids that were read and sampled; the mask is 1 where a loss belongs."""
    read, said = answer.trace.prompt_ids, answer.trace.token_ids
    if not said and answer.trace.text:
        raise BadInput(
            f"trace {answer.trace.id} has no token ids, for a server gave text alone; export with --form messages or "
            "prompt-completion"
        )
    return {"input_ids": [*read, *said], "completion_mask": [0] * len(read) + [1] * len(said)}


def _messages(answer: Answer) -> Row:
    turns, begun = turns_of(answer.task.prompt)
    said = without_end(answer.trace)
    whole = said if begun and said.startswith(begun) else begun + said  # a server's answer holds it already
    return {"messages": [*turns, {"role": "assistant", "content": whole}]}


def without_end(trace: Trace) -> str:
    """The answer without the end token that was sampled, which a chat template puts there itself."""
    return _END.sub("", trace.text) if trace.finish == "stop" else trace.text
