"""The loop on one page: deploy, validate, curate, train, and deploy again.

Each step leaves one file, reads only files, and does nothing where its file is there. Between the
lines stand the named points of a run, at which it may be killed and started again without a trace.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from iterdeploy import measure, stop
from iterdeploy.answers import Answer, join
from iterdeploy.curate import curate, pooled, ratio, to_examples
from iterdeploy.errors import BadInput, NotReady, RecipeChanged, RunError, TrainingRefused
from iterdeploy.recipe import gate_of, probe_name
from iterdeploy.seeds import seed_of
from iterdeploy.store import Run, disk
from iterdeploy.store.rows import Part, finished, write_rows
from iterdeploy.types import (
    SPLITS,
    Checkpoint,
    Domain,
    Ended,
    Generation,
    Likelihood,
    Model,
    Observer,
    Probe,
    ProbeRow,
    Progress,
    Question,
    Request,
    Scorer,
    Split,
    Task,
    Trace,
    Trainer,
    TrainingJob,
    Verdict,
    ignore_point,
    ignore_progress,
)
from iterdeploy.validators import Judge, one_by_one


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how far a step is, and who is told of the named points."""

    observe: Observer = ignore_progress
    point: Checkpoint = ignore_point


QUIET = Watch()


def run_loop(
    run: Run,
    domain: Domain,
    trainer: Trainer,
    *,
    observe: Observer = ignore_progress,
    point: Checkpoint = ignore_point,
    report: Callable[[Run], object] | None = None,
    judge: Judge = one_by_one,
    second: Domain | None = None,
    probes: Mapping[str, Probe] | None = None,
) -> list[Generation]:
    """Run a recipe to its last generation, or go on where it stopped; the rows of all generations.

    `second` is the domain with the recipe's second validator, if it names one; `probes` are those that it names, by
    `recipe.probe_name`. A stop rule or a gate of the recipe ends the run early (`run.ended()`).
    Raises Locked if another process writes to the folder, NotReady if the base solves too little.
    """
    watch, trainer = Watch(observe, point), _OneAtATime(trainer)
    with run.lock():
        make_tasks(run, domain, watch)
        seen: list[stop.Standing] = []
        for generation in range(run.recipe.generations + 1):
            if generation > 0:
                score_step(run, trainer, generation, watch)
                curate_step(run, generation, watch)
                train_step(run, trainer, generation, watch)
            probe_step(run, trainer, probes or {}, generation, watch)
            if gate_step(run, generation, watch):
                break
            deploy_step(run, trainer, generation, watch)
            validate_step(run, domain, generation, watch, judge=judge)
            second_step(run, second, generation, watch)
            if generation == 0 and run.recipe.generations:
                require_ready(run)
            heldout_step(run, domain, trainer, generation, watch, judge)
            summarise_step(run, generation, watch)
            if stop_step(run, generation, seen, watch):
                break
        if report is not None:
            report_step(run, report, watch)
    return run.generations()


def make_tasks(run: Run, domain: Domain, watch: Watch = QUIET) -> None:
    """Leave tasks.jsonl: the deployed tasks, then the held-out ones."""
    file = run.path / "tasks.jsonl"
    if finished(file):
        refuse_changed_tasks(run, domain)
        return
    with _step(run, None, "tasks", watch) as mark:
        write_rows(file, _tasks_of(run, domain), mark)


def _tasks_of(run: Run, domain: Domain) -> list[Task]:
    wanted = run.recipe.tasks
    counts: dict[Split, int] = {"deployed": wanted.count, "heldout": wanted.heldout}
    tasks: list[Task] = []
    for split in SPLITS:
        made = domain.tasks(split, counts[split], wanted.sizes, wanted.seed) if counts[split] else []
        _refuse_tasks_unless(made, split, counts[split], domain.name)
        tasks += made
    _refuse_shared(tasks, domain.name)
    return tasks


def refuse_changed_tasks(run: Run, domain: Domain) -> None:
    """Raise RecipeChanged if the run's tasks are files (`domain.given`), and they are not what they were.

    A run goes on from its own copy of the tasks; files that changed since are no longer what its recipe names.
    """
    if not getattr(domain, "given", False) or not finished(run.path / "tasks.jsonl"):
        return
    now = {task.id: task for task in _tasks_of(run, domain)}
    changed = [task.spec.get("file", task.id) for task in run.tasks() if now.get(task.id) != task]
    if changed:
        raise RecipeChanged(
            f"{run.recipe.tasks.domain} has changed since this run took its tasks from it, first in {changed[0]}; "
            f"put the files back as they were, or start a new run in another folder",
            [f"tasks from {file}" for file in changed],
        )


def score_step(run: Run, trainer: Trainer, generation: int, watch: Watch = QUIET) -> None:
    """Leave likelihoods.jsonl, if the recipe weights traces by them: by whom they were sampled, and by the newest.

    A trace of the newest generation keeps what was recorded when it was sampled.
    """
    file, newest = run.likelihoods_file(generation), generation - 1
    if run.recipe.curate.weights == "equal" or finished(file):
        return
    with _step(run, generation, "score", watch) as mark:
        chosen = [answer.trace for answer in _chosen(run, generation)]
        older = [trace for trace in chosen if trace.generation < newest]
        then = {trace.id: round(math.fsum(trace.logprobs), 4) for trace in chosen}
        now = dict(then)
        if older:
            model = trainer.load(_adapter(run, newest))
            if not isinstance(model, Scorer):
                raise BadInput(
                    f"curate.weights = 'ratio' needs a model that tells how likely a given answer is, and "
                    f"{type(model).__name__} has no score(...); set curate.weights = 'equal'"
                )
            said = model.score([(trace.prompt_ids, trace.token_ids) for trace in older])
            now |= {trace.id: round(one, 4) for trace, one in zip(older, said, strict=True)}
        rows = [Likelihood(trace.id, then[trace.id], now[trace.id]) for trace in chosen]
        write_rows(file, rows, mark)


def _chosen(run: Run, generation: int) -> list[Answer]:
    rule, tasks = run.recipe.curate, run.tasks("deployed")
    pool = (
        one
        for earlier in pooled(rule, generation)
        for one in join(tasks, run.traces(earlier), run.verdicts(earlier))
    )
    return curate(rule, list(pool))


def curate_step(run: Run, generation: int, watch: Watch = QUIET) -> None:
    """Leave examples.jsonl: what this generation learns from the deployed traces of those before it."""
    file, rule = run.examples_file(generation), run.recipe.curate
    if finished(file):
        return
    with _step(run, generation, "curate", watch) as mark:
        weights = None
        if rule.weights == "ratio":
            weights = {one.trace_id: ratio(one, rule.weight_most) for one in run.likelihoods(generation)}
        write_rows(file, to_examples(_chosen(run, generation), weights), mark)


def train_step(run: Run, trainer: Trainer, generation: int, watch: Watch = QUIET) -> None:
    """Leave adapter/: the next generation. A killed training goes on from what it left in scratch/."""
    folder, scratch = run.adapter_folder(generation), run.folder(generation) / "scratch"
    unfinished = folder.with_name("adapter.tmp")
    if folder.exists():
        disk.remove(scratch)
        return
    examples = run.examples(generation)
    if not examples:
        raise TrainingRefused(
            f"generation {generation} has nothing to learn from: no trace in its pool was kept "
            f"(curate.rule {run.recipe.curate.rule}); deploy on easier tasks, or take a better base"
        )
    with _step(run, generation, "train", watch) as mark, disk.filling(folder):
        disk.remove(unfinished)
        with disk.writing(unfinished):
            unfinished.mkdir(parents=True)
            scratch.mkdir(exist_ok=True)
        trainer.train(
            TrainingJob(
                generation=generation,
                examples=examples,
                start=_start(run, generation),
                out=unfinished,
                scratch=scratch,
                seed=seed_of(run.recipe.seed, generation, "train"),
                observe=watch.observe,
                point=lambda name: mark(name.rpartition("/")[2]),
            )
        )
        disk.put_folder(unfinished, folder, mark)
        disk.remove(scratch)


def deploy_step(
    run: Run, trainer: Trainer, generation: int, watch: Watch = QUIET, split: Split = "deployed"
) -> None:
    """Leave traces.jsonl: what this generation answers to every task of the split."""
    file = run.traces_file(generation, split)
    if finished(file):
        return
    requests = requests_of(run, generation, split)
    with (
        _step(run, generation, _name("deploy", split), watch) as mark,
        Part(file, Trace, lambda trace: trace.id, mark) as part,
    ):
        if requests:
            _answer(trainer.load(_adapter(run, generation)), requests, part, watch, _name("deploy", split))
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
    file, step = run.verdicts_file(generation, split), _name("validate-traces", split)
    if finished(file):
        return
    tasks, traces = {task.id: task for task in run.tasks(split)}, run.traces(generation, split)
    with (
        _step(run, generation, step, watch) as mark,
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
    with _step(run, generation, "second", watch) as mark:
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


def summarise_step(run: Run, generation: int, watch: Watch = QUIET) -> None:
    """Leave generation.json: the row of this generation."""
    file = run.generation_file(generation)
    if finished(file):
        return
    with _step(run, generation, "summarise", watch) as mark:
        deployed, heldout = _solved(run, generation, "deployed"), _solved(run, generation, "heldout")
        row = Generation(
            number=generation,
            model=run.traces(generation)[0].model,
            parent=_parent(run, generation),
            asked=deployed.asked,
            solved=deployed.solved,
            heldout_asked=heldout.asked,
            heldout_solved=heldout.solved,
            examples=len(run.examples(generation)),
        )
        write_rows(file, [row], mark)


def probe_step(
    run: Run, trainer: Trainer, probes: Mapping[str, Probe], generation: int, watch: Watch = QUIET
) -> None:
    """Leave probe-NAME.jsonl for each probe of the recipe: what this generation makes of its questions."""
    for name in map(probe_name, run.recipe.probe.names):
        file = run.probe_file(generation, name)
        if finished(file):
            continue
        if name not in probes:
            raise BadInput(f"the recipe names the probe {name!r}, but it was not given to the loop")
        with (
            _step(run, generation, f"probe-{name}", watch) as mark,
            Part(file, ProbeRow, lambda row: row.question_id, mark) as part,
        ):
            questions = probes[name].questions(run.recipe.probe.count)
            model = trainer.load(_adapter(run, generation))
            for foreign in (row for row in part.rows.values() if row.model != model.id):
                raise RunError(
                    f"{file}: the answer to {foreign.question_id} is of model {foreign.model}, but this generation is "
                    f"now {model.id}; delete {file.name}.part to have all asked again"
                )
            for row in _probed(run, name, probes[name], questions, model, frozenset(part.rows)):
                part.append(row)
                watch.observe(Progress(generation, f"probe-{name}", len(part.rows), len(questions)))
            part.finish([question.id for question in questions])


def _probed(
    run: Run, name: str, probe: Probe, questions: Sequence[Question], model: Model, done: frozenset[str]
) -> Iterator[ProbeRow]:
    scored = [question for question in questions if question.completion_ids]
    if scored and not done.issuperset(question.id for question in scored):
        if not isinstance(model, Scorer):
            raise BadInput(
                f"the probe {name!r} needs a model that tells how likely a given answer is, and "
                f"{type(model).__name__} has no score(...); leave it out of probe.names"
            )
        said = model.score([(question.prompt_ids, question.completion_ids) for question in scored])
        for question, value in zip(scored, said, strict=True):
            if question.id not in done:
                yield _probe_row(name, question, model, value / len(question.completion_ids), "")
    asked = {question.id: question for question in questions if not question.completion_ids}
    requests = [
        Request(
            trace_id=question.id,
            task_id=question.id,
            prompt=question.prompt,
            generation=0,  # nothing of a question depends on the generation: drift is not the dice's
            sample=0,
            seed=seed_of(run.recipe.seed, "probe", name, question.id),
        )
        for question in asked.values()
    ]
    for trace in model.answer(requests, done) if requests else ():
        question = asked[trace.task_id]
        yield _probe_row(name, question, model, probe.value(question, trace.text), trace.text)


def _probe_row(name: str, question: Question, model: Model, value: float, text: str) -> ProbeRow:
    if not math.isfinite(value):
        raise RunError(
            f"the probe {name!r} gives {value} for question {question.id} of model {model.id}; a value must be finite: "
            "look into the probe, or into the training of this generation"
        )
    return ProbeRow(question.id, model.id, round(value, 6), text)


def gate_step(run: Run, generation: int, watch: Watch = QUIET) -> bool:
    """Whether a gate blocks this generation; it leaves ended.json then, and the one before stays the current one."""
    gates = [gate for gate in map(gate_of, run.recipe.probe.gate) if gate is not None]
    if (ended := run.ended()) is not None:
        return ended.cause == "gate" and ended.generation == generation
    if not gates or finished(run.traces_file(generation)):
        return False
    fired = stop.blocked(gates, _probe_means(run, 0), _probe_means(run, generation))
    if fired and generation == 0:
        raise BadInput(
            f"the base does not pass probe.gate itself: {'; '.join(fired.values())}; "
            "take another base, or in a new folder (--out) a lower floor"
        )
    return _end(run, Ended(generation, "gate", *_both(fired), generation - 1), watch)


def stop_step(run: Run, generation: int, seen: list[stop.Standing], watch: Watch = QUIET) -> bool:
    """Whether a stop rule ends the run after this generation; it leaves ended.json then.

    `seen` holds how the generations before stood, and gets this one.
    """
    rules = run.recipe.stop
    if (ended := run.ended()) is not None:
        return ended.cause == "stop" and ended.generation == generation
    if not stop.active(rules) or generation == run.recipe.generations:
        return False
    row = run.generation(generation)
    assert row is not None
    answers = join(run.tasks("deployed"), run.traces(generation), run.verdicts(generation))
    seen.append(stop.standing(row, answers))
    fired = stop.fired(rules, seen)
    return _end(run, Ended(generation, "stop", *_both(fired), stop.best(seen)), watch)


def _both(fired: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(fired), tuple(fired.values())


def _end(run: Run, ended: Ended, watch: Watch) -> bool:
    if not ended.rules:
        return False
    with _step(run, ended.generation, ended.cause, watch) as mark:
        write_rows(run.ended_file(), [ended], mark)
    return True


def _probe_means(run: Run, generation: int) -> dict[str, float]:
    names = map(probe_name, run.recipe.probe.names)
    return {name: measure.probe_mean(run.probed(generation, name)) for name in names}


def report_step(run: Run, report: Callable[[Run], object], watch: Watch = QUIET) -> None:
    """Write the report anew: it is quick, and always of all generations."""
    with _step(run, None, "report", watch):
        report(run)


def require_ready(run: Run) -> None:
    """Raise NotReady, with the number, if the base solves a smaller share than the recipe asks for."""
    base, wanted = _solved(run, 0, "deployed"), run.recipe.base
    if base.share < wanted.ready_share:
        raise NotReady(
            f"the base {wanted.model} solves {base.solved} of {base.asked} tasks ({base.share:.1%}), less "
            f"than base.ready_share = {wanted.ready_share:.1%}: too few of its own answers to learn "
            "from; in a new folder (--out), take easier tasks (tasks.sizes) or a better base, or set "
            "base.ready_share=0",
            base.solved,
            base.asked,
        )


def requests_of(run: Run, generation: int, split: Split = "deployed") -> list[Request]:
    """What is asked of a generation, in order; held-out tasks are asked once each."""
    samples = run.recipe.deploy.samples if split == "deployed" else 1
    return [
        Request(
            trace_id=f"g{generation}.{task.id}.{sample}",
            task_id=task.id,
            prompt=task.prompt,
            generation=generation,
            sample=sample,
            seed=seed_of(run.recipe.seed, generation, task.id, sample),
        )
        for task in run.tasks(split)
        for sample in range(samples)
    ]


def point_kinds() -> tuple[str, ...]:
    """The points of a run with N for the generation; a trainer adds its own below gen-N/train/.

    A run that a rule or a gate ends has those of a whole step below gen-N/stop or gen-N/gate too.
    """
    rowed = ("before", "row", "written", "renamed", "after")
    whole = ("before", "written", "renamed", "after")
    steps = {
        "tasks": whole,
        "gen-N/score": whole,
        "gen-N/curate": whole,
        "gen-N/train": whole,
        "gen-N/probe-NAME": rowed,  # for each probe of the recipe
        "gen-N/deploy": rowed,
        "gen-N/validate-traces": rowed,
        "gen-N/second": whole,
        "gen-N/heldout/deploy": rowed,
        "gen-N/heldout/validate-traces": rowed,
        "gen-N/summarise": whole,
        "report": ("before", "after"),
    }
    return tuple(f"{step}/{event}" for step, events in steps.items() for event in events)


class _OneAtATime:
    """A Trainer that keeps the model it opened last, for a generation answers two lots of tasks."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._opened: dict[Path | None, Model] = {}

    def train(self, job: TrainingJob) -> None:
        self._opened.clear()
        self._trainer.train(job)

    def load(self, adapter: Path | None) -> Model:
        if adapter not in self._opened:
            self._opened = {}
            self._opened[adapter] = self._trainer.load(adapter)
        return self._opened[adapter]


@contextmanager
def _step(run: Run, generation: int | None, step: str, watch: Watch) -> Iterator[disk.Mark]:
    """Name the points of a step, and put its seconds on the clock, those of an interrupted one too."""
    where = step if generation is None else f"gen-{generation}/{step}"
    watch.point(f"{where}/before")
    started = time.monotonic()
    try:
        yield lambda event: watch.point(f"{where}/{event}")
    finally:
        with suppress(RunError):  # a disk without room for a figure says so at the next row that counts
            run.add_seconds(generation, step, time.monotonic() - started)
    watch.point(f"{where}/after")


def _name(step: str, split: Split) -> str:
    return step if split == "deployed" else f"{split}/{step}"


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


def _adapter(run: Run, generation: int) -> Path | None:
    adapter = run.adapter(generation)
    if generation > 0 and adapter is None:
        raise RunError(f"{run.path} has no gen-{generation}/adapter; train generation {generation} first")
    return adapter


def _start(run: Run, generation: int) -> Path | None:
    return _adapter(run, generation - 1) if run.recipe.train.start == "last" else None


def _parent(run: Run, generation: int) -> str | None:
    """The model that a generation was trained from: the base, or the one before."""
    if generation == 0:
        return None
    earlier = generation - 1 if run.recipe.train.start == "last" else 0
    return run.traces(earlier)[0].model


def _solved(run: Run, generation: int, split: Split) -> measure.Solved:
    answers = join(run.tasks(split), run.traces(generation, split), run.verdicts(generation, split))
    return measure.solved(answers)


def _refuse_tasks_unless(tasks: Sequence[Task], split: Split, count: int, name: str) -> None:
    wrong = [task.id for task in tasks if (task.split, task.domain) != (split, name)]
    if wrong:
        raise BadInput(
            f"domain {name}: {wrong[0]} was asked for as {split}, but says another split or domain"
        )
    if len(tasks) != count:
        raise BadInput(
            f"domain {name} made {len(tasks)} {split} tasks where {count} were asked; "
            "ask for fewer, or for more or larger tasks.sizes"
        )


def _refuse_shared(tasks: Sequence[Task], name: str) -> None:
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise BadInput(f"domain {name}: the task id {task.id} came twice; each task needs its own")
        seen.add(task.id)
