"""The trainer of this machine: the same bytes whoever computes, and no answer of a model that is not asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tiny

from iterdeploy.answers import join
from iterdeploy.curate import curate, to_examples
from iterdeploy.errors import BadInput, RunError, TrainingRefused
from iterdeploy.models.engine import BLOCK
from iterdeploy.recipe import Curate, Deploy, Recipe, Train
from iterdeploy.train.adapters import content_id
from iterdeploy.train.fit import CHECKPOINT
from iterdeploy.train.local import LocalTrainer
from iterdeploy.types import Example, Progress, Request, Trace, TrainingJob

TRAIN = Train(rank=4, alpha=8.0, epochs=20.0, max_steps=CHECKPOINT + 4, tokens_per_step=200, dropout=0.05)


class Stopped(Exception):  # noqa: N818
    """What a killed training looks like from inside."""


@pytest.fixture(scope="module")
def recipe(base: Path) -> Recipe:
    return tiny.recipe(base, train=TRAIN)


@pytest.fixture(scope="module")
def traces(recipe: Recipe) -> list[Trace]:
    with tiny.trainer(recipe) as trainer:
        return list(trainer.load(None).answer(tiny.requests()))


@pytest.fixture(scope="module")
def examples(traces: list[Trace]) -> list[Example]:
    """The paper's choice of what the base answered."""
    tasks, domain = {task.id: task for task in tiny.tasks()}, tiny.domain()
    verdicts = [domain.validate(tasks[trace.task_id], trace) for trace in traces]
    return to_examples(curate(Curate(), join(tasks.values(), traces, verdicts)))


def job(folder: Path, examples: list[Example], **settings: object) -> TrainingJob:
    for name in ("adapter", "scratch"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    made = TrainingJob(1, examples, None, folder / "adapter", folder / "scratch", seed=5)
    return replace(made, **settings)  # type: ignore[arg-type]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def trained(recipe: Recipe, examples: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    with tiny.trainer(recipe) as trainer:
        trainer.train(job(folder, examples))
    return folder / "adapter"


# --- answers ---------------------------------------------------------------------------------


def test_each_request_is_answered_once(traces: list[Trace]) -> None:
    assert sorted(trace.id for trace in traces) == sorted(request.trace_id for request in tiny.requests())
    assert len(traces) > BLOCK, "more than one block"


def test_what_is_done_is_not_answered_again_and_moves_nothing(recipe: Recipe, traces: list[Trace]) -> None:
    """Whole blocks, half of one, and all but one."""
    ids = [trace.id for trace in traces]
    with tiny.trainer(recipe) as trainer:
        for done in (ids[:BLOCK], ids[: BLOCK // 2], ids[1:], ids[::3]):
            rest = list(trainer.load(None).answer(tiny.requests(), frozenset(done)))
            assert rest == [trace for trace in traces if trace.id not in set(done)]
        assert list(trainer.load(None).answer(tiny.requests(), frozenset(ids))) == []


def test_a_prompt_with_a_word_that_the_base_does_not_know_is_refused(recipe: Recipe) -> None:
    request = replace(tiny.requests(1)[0], prompt="<bos> init clear elephant\n<think>")
    with (
        tiny.trainer(recipe) as trainer,
        pytest.raises(BadInput, match=r"task d03-0000 has a word .* does not know"),
    ):
        next(trainer.load(None).answer([request]))


def test_a_base_that_is_not_there_is_refused_at_once(base: Path) -> None:
    with pytest.raises(BadInput, match="no base 'nowhere'"):
        LocalTrainer(tiny.recipe(Path("nowhere")))


def test_a_hub_that_has_no_such_model_is_said_in_a_sentence(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        BadInput, match=r"the base 'nobody/nothing' is no folder .* can't be fetched from a hub"
    ):
        LocalTrainer(replace(recipe, base=replace(recipe.base, model="nobody/nothing")))


def test_a_target_that_the_base_lacks_is_refused_at_once(recipe: Recipe) -> None:
    wrong = replace(recipe, train=replace(recipe.train, targets=("q_proj", "qq_proj")))
    with pytest.raises(BadInput, match=r"train\.targets: .* no matrix 'qq_proj'; .*did you mean q_proj\?"):
        LocalTrainer(wrong, names=("b1",))


def test_an_answer_that_could_not_be_trained_on_is_refused_before_the_first(recipe: Recipe) -> None:
    short = replace(recipe, train=replace(recipe.train, max_length=100))
    with (
        tiny.trainer(short) as trainer,
        pytest.raises(
            BadInput, match=r"deploy\.max_tokens allows 80 more, but train\.max_length is 100.*=1\d\d"
        ),
    ):
        next(trainer.load(None).answer(tiny.requests()))


# --- training --------------------------------------------------------------------------------


def test_the_same_job_gives_the_same_bytes(
    recipe: Recipe, examples: list[Example], trained: Path, tmp_path: Path
) -> None:
    """In a trainer that has answered before, too: no state of it matters."""
    with tiny.trainer(recipe) as trainer:
        next(trainer.load(trained).answer(tiny.requests(1)))
        trainer.train(job(tmp_path, examples))
    assert bytes_of(tmp_path / "adapter") == bytes_of(trained)


def test_another_seed_gives_another_adapter(base: Path, examples: list[Example], tmp_path: Path) -> None:
    short = tiny.recipe(base, train=replace(TRAIN, max_steps=2))
    ids = []
    with tiny.trainer(short) as trainer:
        for seed in (5, 6):
            made = job(tmp_path / str(seed), examples, seed=seed)
            trainer.train(made)
            ids.append(trainer.load(made.out).id)
    assert ids[0] != ids[1]


def test_stopped_and_started_again_it_ends_with_the_same_bytes(
    recipe: Recipe, examples: list[Example], trained: Path, tmp_path: Path
) -> None:
    """From a checkpoint, in a new trainer, into a new folder."""

    def stop(progress: Progress) -> None:
        if progress.done == CHECKPOINT + 2:
            raise Stopped

    with tiny.trainer(recipe) as trainer, pytest.raises(Stopped):
        trainer.train(job(tmp_path, examples, observe=stop))
    assert bytes_of(tmp_path / "scratch").keys() == {"training.safetensors"}
    seen: list[int] = []
    with tiny.trainer(recipe) as trainer:
        trainer.train(job(tmp_path, examples, observe=lambda progress: seen.append(progress.done)))
    assert seen == [0, *range(CHECKPOINT + 1, TRAIN.max_steps + 1)]
    assert bytes_of(tmp_path / "adapter") == bytes_of(trained)


def test_training_names_its_points_and_shows_its_loss(
    base: Path, examples: list[Example], tmp_path: Path
) -> None:
    points: list[str] = []
    shown: list[Progress] = []
    with tiny.trainer(tiny.recipe(base, train=TRAIN)) as trainer:
        trainer.train(job(tmp_path, examples, point=points.append, observe=shown.append))
    assert points == ["gen-1/train/audited", "gen-1/train/row", "gen-1/train/checkpoint"]
    assert [(p.done, p.total) for p in shown] == [(i, TRAIN.max_steps) for i in range(TRAIN.max_steps + 1)]
    assert shown[0].note.startswith(f"{len(examples)} examples: ")
    assert all(p.note.startswith("loss ") for p in shown[1:])


@pytest.mark.parametrize("names", [(), ("b1", "elephant"), ("b1", "b2 b3")])
def test_renaming_needs_names_that_are_one_token_each(recipe: Recipe, names: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="needs object names that are one token each"):
        LocalTrainer(recipe, names=names)


def test_refused_examples_leave_the_trainer_as_it_was(
    recipe: Recipe, examples: list[Example], traces: list[Trace], tmp_path: Path
) -> None:
    with tiny.trainer(recipe) as trainer:
        with pytest.raises(TrainingRefused):
            trainer.train(job(tmp_path, [replace(examples[0], completion_ids=())]))
        assert list(trainer.load(None).answer(tiny.requests())) == traces


# --- the model that answers is the one that was asked -----------------------------------------


def test_a_generation_answers_under_its_own_id(base: Path, recipe: Recipe, trained: Path) -> None:
    with tiny.trainer(recipe) as trainer:
        found: dict[Path | None, list[tuple[int, ...]]] = {}
        for adapter in (None, trained, None):
            model = trainer.load(adapter)
            answers = list(model.answer(tiny.requests(2)))
            assert {trace.model for trace in answers} == {model.id} == {content_id(str(base), adapter)}
            tokens = [trace.token_ids for trace in answers]
            assert found.setdefault(adapter, tokens) == tokens, "the base again, after the adapter"
    assert found[None] != found[trained]


def test_an_adapter_that_is_replaced_is_not_served_under_the_old_id(
    recipe: Recipe, trained: Path, tmp_path: Path
) -> None:
    adapter = Path(shutil.copytree(trained, tmp_path / "adapter"))
    with tiny.trainer(recipe) as trainer:
        model = trainer.load(adapter)
        (adapter / "adapter_model.safetensors").unlink()
        shutil.copytree(trained, adapter, dirs_exist_ok=True)
        config = (adapter / "adapter_config.json").read_text()
        (adapter / "adapter_config.json").write_text(config.replace('"lora_alpha": 8.0', '"lora_alpha": 9.0'))
        with pytest.raises(RunError, match=r"was opened as base-\w+\+\w+ and is now base-\w+\+\w+"):
            next(model.answer(tiny.requests(1)))
        assert {trace.model for trace in trainer.load(adapter).answer(tiny.requests(1))} == {
            content_id(recipe.base.model, adapter)
        }


# --- in a crew of workers ---------------------------------------------------------------------


@pytest.fixture(scope="module", params=[2, 3])
def crew(request: pytest.FixtureRequest, recipe: Recipe) -> Iterator[LocalTrainer]:
    with tiny.trainer(recipe, workers=request.param) as trainer:
        yield trainer


@pytest.mark.slow
def test_workers_answer_with_the_same_bytes(crew: LocalTrainer, traces: list[Trace]) -> None:
    answers = {trace.id: trace for trace in crew.load(None).answer(tiny.requests())}
    assert answers == {trace.id: trace for trace in traces}
    done = frozenset(list(answers)[::2])
    rest = {trace.id: trace for trace in crew.load(None).answer(tiny.requests(), done)}
    assert rest == {name: trace for name, trace in answers.items() if name not in done}


@pytest.mark.slow
def test_workers_train_the_same_bytes(
    crew: LocalTrainer, examples: list[Example], trained: Path, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    crew.train(job(tmp_path, examples, observe=seen.append))
    assert bytes_of(tmp_path / "adapter") == bytes_of(trained)
    assert [p.done for p in seen] == list(range(TRAIN.max_steps + 1))
    one = list(tiny.trainer(crew.recipe).load(trained).answer(tiny.requests(2)))
    assert {t.id: t for t in crew.load(trained).answer(tiny.requests(2))} == {t.id: t for t in one}


@pytest.mark.slow
def test_a_crew_is_as_good_as_new_after_a_refusal(
    crew: LocalTrainer, examples: list[Example], traces: list[Trace], trained: Path, tmp_path: Path
) -> None:
    """No reply to an order that failed is taken for the reply to the next."""
    with pytest.raises(TrainingRefused, match="has no completion"):
        crew.train(job(tmp_path / "refused", [*examples, replace(examples[0], completion_ids=())]))
    assert {trace.id: trace for trace in crew.load(None).answer(tiny.requests())} == {t.id: t for t in traces}
    crew.train(job(tmp_path / "again", examples))
    assert bytes_of(tmp_path / "again" / "adapter") == bytes_of(trained)


@pytest.mark.slow
def test_answers_that_nobody_waits_for_do_not_mix_with_the_next(
    crew: LocalTrainer, examples: list[Example], traces: list[Trace], trained: Path, tmp_path: Path
) -> None:
    answers = crew.load(None).answer(tiny.requests())
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    crew.train(job(tmp_path, examples))
    assert bytes_of(tmp_path / "adapter") == bytes_of(trained)
    assert {trace.id: trace for trace in crew.load(None).answer(tiny.requests())} == {t.id: t for t in traces}


@pytest.mark.slow
def test_a_stop_in_a_crew_goes_on_from_its_checkpoint(
    base: Path, examples: list[Example], trained: Path, tmp_path: Path
) -> None:
    """Stopped with two workers, continued with one: who computes does not matter."""

    def stop(progress: Progress) -> None:
        if progress.done == CHECKPOINT + 2:
            raise Stopped

    recipe = tiny.recipe(base, train=TRAIN)
    with tiny.trainer(recipe, workers=2) as pair, pytest.raises(Stopped):
        pair.train(job(tmp_path, examples, observe=stop))
    with tiny.trainer(recipe) as alone:
        alone.train(job(tmp_path, examples))
    assert bytes_of(tmp_path / "adapter") == bytes_of(trained)


def test_the_limit_of_tokens_is_that_of_the_recipe(base: Path) -> None:
    short = tiny.recipe(base, deploy=Deploy(max_tokens=5, temperature=0.0))
    with tiny.trainer(short) as trainer:
        requests: list[Request] = tiny.requests(1)
        answers = list(trainer.load(None).answer(requests))
    assert {len(trace.token_ids) for trace in answers} == {5}
    assert {trace.finish for trace in answers} == {"length"}
