"""What may end a run before its last generation: readiness, probes and their gates, stop rules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from iterdeploy import measure, stop
from iterdeploy.answers import join
from iterdeploy.errors import BadInput, NotReady, RunError
from iterdeploy.gates import gate_of, probe_name
from iterdeploy.seeds import seed_of
from iterdeploy.steps.adapters import adapter_of
from iterdeploy.steps.marks import QUIET, Watch, step_of
from iterdeploy.steps.summing import solved_of
from iterdeploy.store import Run
from iterdeploy.store.rows import Part, finished, write_rows
from iterdeploy.types import Ended, Model, Probe, ProbeRow, Progress, Question, Request, Scorer, Trainer


def require_ready(run: Run) -> None:
    """Raise NotReady, with the number, if the base solves a smaller share than the recipe asks for."""
    base, wanted = solved_of(run, 0, "deployed"), run.recipe.base
    if base.share < wanted.ready_share:
        raise NotReady(
            f"the base {wanted.model} solves {base.solved} of {base.asked} tasks ({base.share:.1%}), less "
            f"than base.ready_share = {wanted.ready_share:.1%}: too few of its own answers to learn "
            "from; in a new folder (--out), take easier tasks (tasks.sizes) or a better base, or set "
            "base.ready_share=0",
            base.solved,
            base.asked,
        )


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
            step_of(run, generation, f"probe-{name}", watch) as mark,
            Part(file, ProbeRow, lambda row: row.question_id, mark) as part,
        ):
            questions = probes[name].questions(run.recipe.probe.count)
            model = trainer.load(adapter_of(run, generation))
            for foreign in (row for row in part.rows.values() if row.model != model.id):
                raise RunError(
                    f"{file}: the answer to {foreign.question_id} is of model {foreign.model}, but this generation is "
                    f"now {model.id}; delete {file.name}.part to have all asked again"
                )
            for row in _probed(run, name, probes[name], questions, model, frozenset(part.rows)):
                part.append(row)
                watch.observe(Progress(generation, f"probe-{name}", len(part.rows), len(questions)))
            part.finish([question.id for question in questions])


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


def _both(fired: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(fired), tuple(fired.values())


def _end(run: Run, ended: Ended, watch: Watch) -> bool:
    if not ended.rules:
        return False
    with step_of(run, ended.generation, ended.cause, watch) as mark:
        write_rows(run.ended_file(), [ended], mark)
    return True


def _probe_means(run: Run, generation: int) -> dict[str, float]:
    names = map(probe_name, run.recipe.probe.names)
    return {name: measure.probe_mean(run.probed(generation, name)) for name in names}
