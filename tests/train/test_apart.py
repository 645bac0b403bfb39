"""Training here and deployment elsewhere: in turn, and against what the trainer's own model says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import tiny
import torch
from fake_vllm import FakeVllm

from iterdeploy.cli.rooms import open_trainer
from iterdeploy.errors import BadInput, RunError, ServerFailed, WrongModel
from iterdeploy.recipe import Base, Deploy, Recipe, Train, with_settings
from iterdeploy.train.adapters import content_id, open_base, open_generation, with_lora
from iterdeploy.train.apart import Apart, expected, on_vllm
from iterdeploy.types import Model, Scorer, TrainingJob

TEXTS = [(5, 9, 30, 7, 7, 12), (8, 8, 3)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    model, tokenizer = tiny.fresh()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def adapter_on(base: Path, folder: Path) -> Path:
    """An adapter with random numbers on the base."""
    torch.manual_seed(3)
    model = with_lora(open_base(str(base))[0], Train(rank=4, alpha=8.0))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05)
    model.save_pretrained(str(folder))
    return folder


class Told:
    """A trainer and a model that write down what happens to them."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def train(self, job: TrainingJob) -> None:
        self.log.append("train")

    def load(self, adapter: Path | None) -> Model:
        raise AssertionError("deployment is elsewhere")

    def close(self) -> None:
        self.log.append("trainer closed")

    def opened(self, adapter: Path | None) -> Model:
        self.log.append(f"open {adapter}")
        told = self

        class Elsewhere:
            id = "m"

            def close(self) -> None:
                told.log.append("model closed")

            def answer(self, *args: object) -> Sequence[object]:
                return []

        return Elsewhere()  # type: ignore[return-value]


def test_what_holds_memory_on_one_side_is_closed_before_the_other_begins() -> None:
    told = Told()
    job = TrainingJob(1, [], None, Path(), Path(), 0)
    with Apart(told, told.opened) as apart:
        apart.load(None)
        apart.train(job)
        apart.load(Path("a"))
    assert told.log == [
        "trainer closed", "open None", "model closed", "train", "trainer closed", "open a", "model closed",
    ]  # fmt: skip


def test_what_is_expected_is_what_the_model_says_with_its_adapter_and_without(
    base: Path, tmp_path: Path
) -> None:
    adapter = adapter_on(base, tmp_path / "adapter")
    name = content_id(str(base), adapter)
    found = expected(str(base), adapter, name, TEXTS)
    model, _ = open_generation(str(base), adapter)
    with torch.inference_mode():
        likeliest = model(input_ids=torch.tensor([TEXTS[0]])).logits[0, -1].log_softmax(-1).topk(3)
    last = len(TEXTS[0]) - 1
    assert found.tokens[last] == tuple(likeliest.indices.tolist())
    assert found.generation[3 * last : 3 * last + 3] == pytest.approx(likeliest.values.tolist(), abs=1e-5)
    assert (len(found.generation), len(found.base), found.dtype) == (27, 27, "float32")
    plain, _ = open_base(str(base))
    with torch.inference_mode():
        said = plain(input_ids=torch.tensor([TEXTS[0]])).logits[0, -1].log_softmax(-1)[likeliest.indices]
    assert found.base[3 * last : 3 * last + 3] == pytest.approx(said.tolist(), abs=1e-5)
    assert max(abs(g - b) for g, b in zip(found.generation, found.base, strict=True)) > 1e-3


def test_what_is_expected_is_of_the_recipes_precision(base: Path, tmp_path: Path) -> None:
    """The engine elsewhere is opened in this type: another would sample from other weights than those trained."""
    recipe = recipe_of(base, base__precision="bfloat16")
    with (
        FakeVllm(room=2048) as fake,
        tiny.trainer(recipe) as trainer,
        on_vllm(trainer, fake.url) as apart,
        pytest.raises(WrongModel, match="--dtype bfloat16"),
    ):
        list(apart.load(None).answer(tiny.requests(1)))


def test_an_adapter_that_was_replaced_is_refused(base: Path, tmp_path: Path) -> None:
    adapter = adapter_on(base, tmp_path / "adapter")
    with pytest.raises(RunError, match=r"was base-1\+2 and is now base-\w+\+\w+"):
        expected(str(base), adapter, "base-1+2", TEXTS)


def test_a_generation_elsewhere_scores_answers_as_the_trainer_does(base: Path, tmp_path: Path) -> None:
    adapter = adapter_on(base, tmp_path / "adapter")
    answers = [((5, 9, 30), (7, 12)), ((8,), (3, 4, 5))]
    with FakeVllm() as fake, tiny.trainer(recipe_of(base)) as trainer, on_vllm(trainer, fake.url) as apart:
        model = apart.load(adapter)
        assert isinstance(model, Scorer)
        assert model.score(answers) == trainer.load(adapter).score(answers)


def recipe_of(base: Path, **settings: str) -> Recipe:
    recipe = tiny.recipe(base, deploy=Deploy(engine="vllm", max_tokens=80))
    return with_settings(recipe, [f"{key.replace('__', '.')}={value}" for key, value in settings.items()])


def test_a_server_with_another_base_stops_before_the_first_trace(base: Path) -> None:
    """The formula of the fake server is no transformer, and is found out."""
    with FakeVllm(room=2048) as fake, tiny.trainer(recipe_of(base)) as trainer:
        with on_vllm(trainer, fake.url) as apart, pytest.raises(WrongModel, match="another base model"):
            list(apart.load(None).answer(tiny.requests(1)))
        assert all(body["max_tokens"] == 1 for body in fake.asked)


def test_whole_models_are_not_deployed_on_a_server(base: Path) -> None:
    with (
        FakeVllm() as fake,
        tiny.trainer(recipe_of(base, train__method="full")) as trainer,
        pytest.raises(BadInput, match=r"train\.method is 'full'.*train\.method=lora"),
    ):
        on_vllm(trainer, fake.url)


def open_with(recipe: Recipe, server: str = "") -> None:
    with open_trainer(recipe, 1, tiny.domain(), server):
        pass


def test_engines_that_do_not_fit_are_refused_before_anything_is_computed(base: Path) -> None:
    with pytest.raises(BadInput, match=r"--server http://a is given, but deploy\.engine is 'transformers'"):
        open_with(tiny.recipe(base), "http://a")
    with pytest.raises(BadInput, match=r"--server is 'a'; it must be an address"):
        open_with(recipe_of(base), "a")
    with pytest.raises(BadInput, match=r"base\.model is the trainer a:b.*deploy\.engine=transformers"):
        open_with(Recipe(base=Base(model="a:b"), deploy=Deploy(engine="vllm")))
    with pytest.raises(BadInput, match="vLLM is not installed here"):
        open_with(recipe_of(base))


def test_a_server_that_is_not_there_is_told_at_once(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from iterdeploy.models import vllm_server
    from iterdeploy.models.http import Patience

    monkeypatch.setattr(vllm_server, "FIRST", Patience(attempts=1))
    with FakeVllm() as fake:
        gone = fake.url
    with pytest.raises(ServerFailed, match=r"can't be reached.*refused"):
        open_with(recipe_of(base), gone)
