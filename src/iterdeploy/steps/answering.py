"""What a generation answers, and what the validators say of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from iterdeploy import measure
from iterdeploy.errors import BadInput, RunError
from iterdeploy.seeds import seed_of
from iterdeploy.steps.adapters import adapter_of
from iterdeploy.steps.marks import QUIET, Watch, name_of, step_of
from iterdeploy.steps.spreading import samples_of
from iterdeploy.store import Run
from iterdeploy.store.rows import Part, finished, write_rows
from iterdeploy.types import Domain, Model, Progress, Request, Split, Trace, Trainer, Verdict
from iterdeploy.validators import Judge, one_by_one


def requests_of(run: Run, generation: int, split: Split = "deployed") -> list[Request]:
    """What is asked of a generation, in order; held-out tasks are asked once each."""
    tasks = run.tasks(split)
    samples = samples_of(run, generation) if split == "deployed" else [1] * len(tasks)
    return [
        Request(
            trace_id=f"g{generation}.{task.id}.{sample}",
            task_id=task.id,
            prompt=task.prompt,
            generation=generation,
            sample=sample,
            seed=seed_of(run.recipe.seed, generation, task.id, sample),
        )
        for task, count in zip(tasks, samples, strict=True)
        for sample in range(count)
    ]


def deploy_step(
    run: Run, trainer: Trainer, generation: int, watch: Watch = QUIET, split: Split = "deployed"
) -> None:
    """Leave traces.jsonl: what this generation answers to every task of the split."""
    file = run.traces_file(generation, split)
    if finished(file):
        return
    requests = requests_of(run, generation, split)
    with (
        step_of(run, generation, name_of("deploy", split), watch) as mark,
        Part(file, Trace, lambda trace: trace.id, mark) as part,
    ):
        if requests:
            _answer(
                trainer.load(adapter_of(run, generation)), requests, part, watch, name_of("deploy", split)
            )
        part.finish([request.trace_id for request in requests])


def validate_step(
    run: Run,
    domain: Domain,
    generation: int,
    watch: Watch = QUIET,
    split: Split = "deployed",
    judge: Judge = one_by_one,
) -> None:
    """Leave verdicts.jsonl: the validator's verdict on every trace of the split."""
    file, step = run.verdicts_file(generation, split), name_of("validate-traces", split)
    if finished(file):
        return
    tasks, traces = {task.id: task for task in run.tasks(split)}, run.traces(generation, split)
    with (
        step_of(run, generation, step, watch) as mark,
        Part(file, Verdict, lambda verdict: verdict.trace_id, mark) as part,
    ):
        valid = sum(verdict.valid for verdict in part.rows.values())
        work = [(tasks[trace.task_id], trace) for trace in traces if trace.id not in part.rows]
        with closing(judge(domain, work)) as verdicts:
            for verdict in verdicts:
                part.append(verdict)
                valid += verdict.valid
                watch.observe(Progress(generation, step, len(part.rows), len(traces), f"{valid} valid"))
        part.finish([trace.id for trace in traces])


def second_step(run: Run, second: Domain | None, generation: int, watch: Watch = QUIET) -> None:
    """Leave second-verdicts.jsonl, if the recipe names a second validator: its verdicts on some deployed traces."""
    wanted, file = run.recipe.validate, run.second_file(generation)
    if not wanted.second or finished(file):
        return
    if second is None:
        raise BadInput(f"the recipe names the second validator {wanted.second!r}, but no domain came with it")
    with step_of(run, generation, "second", watch) as mark:
        tasks, verdicts = {task.id: task for task in run.tasks("deployed")}, run.verdicts(generation)
        traces = {trace.id: trace for trace in run.traces(generation)}
        chosen = [traces[trace_id] for trace_id in measure.to_judge_again(verdicts, wanted.second_sample)]
        rows = [second.validate(tasks[trace.task_id], trace) for trace in chosen]
        write_rows(file, rows, mark)
        said = measure.second_opinion(verdicts, rows).sentence()
        watch.observe(Progress(generation, "second", len(rows), len(rows), said))


def heldout_step(
    run: Run,
    domain: Domain,
    trainer: Trainer,
    generation: int,
    watch: Watch = QUIET,
    judge: Judge = one_by_one,
) -> None:
    """Leave heldout-traces.jsonl and heldout-verdicts.jsonl: the same for tasks never trained on."""
    deploy_step(run, trainer, generation, watch, "heldout")
    validate_step(run, domain, generation, watch, "heldout", judge)


def _answer(model: Model, requests: Sequence[Request], part: Part[Trace], watch: Watch, step: str) -> None:
    """Collect what the model answers; rows of an earlier process must be of this very model."""
    for trace in part.rows.values():
        _refuse_foreign(trace, model, part.path)
    generation = requests[0].generation
    watch.observe(Progress(generation, step, len(part.rows), len(requests)))
    for trace in model.answer(requests, frozenset(part.rows)):
        _refuse_foreign(trace, model, part.path)
        part.append(trace)
        watch.observe(Progress(generation, step, len(part.rows), len(requests)))


def _refuse_foreign(trace: Trace, model: Model, file: Path) -> None:
    if trace.model != model.id:
        raise RunError(
            f"{file}: trace {trace.id} is of model {trace.model}, but this generation is now {model.id}; "
            f"put the adapter of that model back, or delete {file.name}.part to have all answered again"
        )
