"""A recipe is typed: it round-trips, and whatever is wrong in one is named and put right."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iterdeploy.errors import BadInput
from iterdeploy.recipe import (
    Recipe,
    Tasks,
    Train,
    check,
    differences,
    dump,
    load,
    preset,
    presets,
    settings_of,
    with_settings,
)

# --- TOML in, TOML out -----------------------------------------------------------------------


def test_an_empty_text_is_the_default_recipe() -> None:
    assert load("") == Recipe()


def test_a_recipe_states_only_what_differs() -> None:
    recipe = load("seed = 7\n[train]\nepochs = 3\n[tasks]\nsizes = [4, 5]\n")
    assert recipe == replace(Recipe(), seed=7, train=Train(epochs=3.0), tasks=Tasks(sizes=(4, 5)))


@settings(max_examples=50)
@example(name="a", seed=0, rate=1.0, sizes=[1], targets=["\x85", "a,\n]"])
@given(
    name=st.from_regex(r"[\w][\w.-]*", fullmatch=True),
    seed=st.integers(0, 2**63 - 1),
    rate=st.floats(1e-9, 1e9),
    sizes=st.lists(st.integers(1, 500), min_size=1, max_size=60, unique=True),
    targets=st.lists(st.text(min_size=1), min_size=1, unique=True),
)
def test_what_is_dumped_loads_as_it_was(
    name: str, seed: int, rate: float, sizes: list[int], targets: list[str]
) -> None:
    recipe = Recipe(
        name=name,
        seed=seed,
        tasks=Tasks(sizes=tuple(sizes)),
        train=Train(learning_rate=rate, targets=tuple(targets)),
    )
    assert load(dump(recipe)) == recipe
    assert dump(load(dump(recipe))) == dump(recipe)


def test_a_dump_states_every_setting_on_a_line() -> None:
    table = tomllib.loads(dump(Recipe()))
    stated = [f"{key}.{inner}" for key, part in table.items() if isinstance(part, dict) for inner in part]
    assert {name for name, _ in settings_of(Recipe()) if "." in name} == set(stated)
    assert "sizes = [6, 7, 8" in dump(Recipe(tasks=Tasks(sizes=(6, 7, 8))))


def test_a_file_is_named_in_its_errors(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[train]\nepoch = 3\n")
    with pytest.raises(BadInput) as refusal:
        load(file)
    assert str(refusal.value) == f"{file}, section [train]: no setting 'epoch'; did you mean epochs?"
    with pytest.raises(BadInput, match=r"cannot read the recipe .*none\.toml: No such file"):
        load(tmp_path / "none.toml")
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="is not TOML"):
        load(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[trian]\nrank = 1", r"no section \[trian\]; there are .* \(did you mean train\?\)"),
        ("generation = 3", r"no setting 'generation' .* \(did you mean generations\?\)"),
        ("epochs = 3", r"no setting 'epochs' outside the sections; .* it belongs in \[train\]"),
        ("[curate]\nepochs = 3", r"section \[curate\]: no setting 'epochs'; .* it belongs in \[train\]"),
        ("train = 3", r"train is a section, not a value; write \[train\]"),
        ("[[train]]\nrank = 3", r"train is a section, not a value"),
        ("seed = ", "recipe is not TOML: Invalid value"),
        ("[train]\nrank = 'big'", r"train\.rank is 'big': expected `int`, got `str`"),
        ("[train]\nrank = true", r"train\.rank is True: expected `int`, got `bool`"),
        ("[tasks]\ncount = 10.5", r"tasks\.count is 10\.5: expected `int`"),
        ("[tasks]\nsizes = 3", r"tasks\.sizes is 3; it must be a list: write \[3\]"),
        ("[tasks]\nsizes = [3, 'a']", r"tasks\.sizes is \[3, 'a'\]: expected `int`"),
        ("[curate]\nrule = 'papr'", r"curate\.rule is 'papr'; there are .* \(did you mean paper\?\)"),
        ("name = ' '", r"name is ' '; it must be a name that a folder can have"),
        ("name = '../x'", r"name is '\.\./x'; it must be a name that a folder can have"),
        ("seed = -1", r"seed is -1; it must be a whole number from 0"),
        ("[deploy]\ntemperature = -0.1", r"deploy\.temperature is -0\.1; it must be a number of 0 or more"),
        ("[deploy]\ntemperature = nan", r"deploy\.temperature is nan"),
        ("[deploy]\ntop_p = 0.0", r"deploy\.top_p is 0\.0; it must be above 0 and at most 1"),
        ("[deploy]\nsamples = 0", r"deploy\.samples is 0; it must be 1 or more"),
        ("[base]\nready_share = 1.5", r"base\.ready_share is 1\.5; it must be a share from 0 to 1"),
        ("[train]\nvalidation_share = 1.0", r"train\.validation_share is 1\.0; .* to below 1"),
        ("[train]\nlearning_rate = inf", r"train\.learning_rate is inf; it must be a number above 0"),
        ("[tasks]\nsizes = []", r"tasks\.sizes is \(\); it must be one or more different sizes"),
        ("[tasks]\nsizes = [3, 3]", r"tasks\.sizes is \(3, 3\)"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        load(text)


def test_all_values_out_of_range_are_told_at_once() -> None:
    with pytest.raises(BadInput) as refusal:
        check(Recipe(generations=-1, tasks=Tasks(count=0, heldout=-1)))
    assert len(str(refusal.value).splitlines()) == 3


def test_a_recipe_from_before_a_setting_is_the_same_recipe() -> None:
    """Run folders hold recipes; a setting that came later must not part a run from its own."""
    assert 'range = ""\n' in dump(Recipe())
    assert load(dump(Recipe()).replace('range = ""\n', "")) == Recipe()
    assert differences(load(dump(Recipe()).replace('range = ""\n', "")), Recipe()) == []


def test_every_number_has_a_range() -> None:
    for name, value in settings_of(Recipe()):
        if isinstance(value, int | float):
            with pytest.raises(BadInput):
                with_settings(Recipe(), [f"{name}=-1"])


# --- settings of the command line ------------------------------------------------------------


def test_settings_change_what_they_name() -> None:
    recipe = with_settings(
        Recipe(), ["seed=4", "train.epochs = 10", "tasks.sizes=[4, 5]", "curate.rule=none", 'name="x y"']
    )
    assert (recipe.seed, recipe.train.epochs, recipe.tasks.sizes) == (4, 10.0, (4, 5))
    assert (recipe.curate.rule, recipe.name) == ("none", "x y")
    assert with_settings(Recipe(), []) == Recipe()


def test_a_name_needs_no_quotes_even_if_it_looks_like_a_number() -> None:
    assert with_settings(Recipe(), ["name=3"]).name == "3"
    assert with_settings(Recipe(), ["base.model=./bases/a=b"]).base.model == "./bases/a=b"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("seed", r"'seed' has no value; write it as KEY=VALUE"),
        ("train.epoch=1", r"no setting 'train\.epoch'; did you mean train\.epochs\?"),
        ("epochs=1", r"no setting 'epochs'; there is train\.epochs"),
        ("train=1", r"no setting 'train'"),
        ("train.epochs=many", r"setting train\.epochs=many: train\.epochs is 'many': expected `float`"),
        ("curate.rule=best", r"curate\.rule is 'best'; .* \(did you mean best-k\?\)"),
        ("seed=1\nname='x'", r"seed is "),
    ],
)
def test_a_wrong_setting_is_named(setting: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        with_settings(Recipe(), [setting])


def test_differences_name_both_values() -> None:
    asked = with_settings(Recipe(), ["train.epochs=10", "seed=1"])
    assert differences(Recipe(train=Train(epochs=20.0)), asked) == [
        "seed: 0 in the folder, 1 asked",
        "train.epochs: 20.0 in the folder, 10.0 asked",
    ]
    assert differences(asked, asked) == []


# --- presets ---------------------------------------------------------------------------------


def test_the_presets_are_those_of_the_family() -> None:
    papers = ["paper", "paper-rovers", "paper-small", "paper-sokoban", "paper-ten"]
    assert presets() == [
        "code",
        "demo",
        *papers,
        "raft",
        "rest-em",
        "rovers",
        "sokoban",
        "star",
        "sums",
        "uncurated",
    ]
    assert preset("demo") == Recipe()
    with pytest.raises(BadInput, match=r"no preset 'papper'; .* \(did you mean paper\?\)"):
        preset("papper")
    with pytest.raises(BadInput, match="no preset"):
        preset("../recipe")


@pytest.mark.parametrize("name", presets())
def test_a_preset_bears_its_name_and_cites_its_source(name: str) -> None:
    assert preset(name).name == name
    text = files("iterdeploy").joinpath("presets", f"{name}.toml").read_text()
    assert text.startswith("# ")
    assert "arXiv" in text


def test_the_paper_preset_is_the_paper() -> None:
    paper = preset("paper")
    train, deploy = paper.train, paper.deploy
    assert (train.rank, train.alpha, train.dropout) == (16, 32.0, 0.05)
    assert (train.optimizer, train.learning_rate, train.epochs) == ("adamw", 1e-5, 2.0)
    assert (train.examples_per_step, train.validation_share, train.augment) == (1, 0.1, "none")
    assert (train.start, paper.curate.rule, paper.curate.pool) == ("base", "paper", "all")
    assert (deploy.samples, deploy.temperature, deploy.top_p, deploy.top_k) == (1, 0.6, 0.95, 20)
    assert (paper.tasks.count, paper.generations) == (1000, 5)


def test_a_recipe_may_be_like_a_preset() -> None:
    mine = load('name = "mine"\nlike = "paper-ten"\n[train]\nrank = 8\n[tasks]\ncount = 50\n')
    paper = preset("paper-ten")
    tasks, train = replace(paper.tasks, count=50), replace(paper.train, rank=8)
    assert mine == replace(paper, name="mine", tasks=tasks, train=train)
    assert load(dump(mine)) == mine
    assert "like" not in dump(mine)


@pytest.mark.parametrize("like", ['"papr"', "3", '["paper"]'])
def test_a_recipe_is_like_no_other_than_a_preset(like: str) -> None:
    with pytest.raises(BadInput, match=r"recipe: like is .*; "):
        load(f"like = {like}")


def test_what_is_wrong_in_a_recipe_that_is_like_another_is_named() -> None:
    with pytest.raises(BadInput, match=r"section \[train\]: no setting 'epoch'; did you mean epochs"):
        load('like = "paper"\n[train]\nepoch = 3\n')
    with pytest.raises(BadInput, match="train is a section"):
        load('like = "paper"\ntrain = 3\n')


@pytest.mark.parametrize(
    ("name", "rule", "pool", "start"),
    [
        ("demo", "paper", "all", "base"),
        ("paper", "paper", "all", "base"),
        ("paper-small", "paper", "all", "base"),
        ("paper-ten", "paper", "all", "base"),
        ("rest-em", "all-valid", "last", "base"),
        ("raft", "best-k", "last", "last"),
        ("star", "all-valid", "last", "base"),
        ("uncurated", "none", "all", "base"),
    ],
)
def test_the_family_differs_in_curation_pool_and_start(name: str, rule: str, pool: str, start: str) -> None:
    recipe = preset(name)
    assert (recipe.curate.rule, recipe.curate.pool, recipe.train.start) == (rule, pool, start)


def test_samples_and_temperature_of_the_relatives() -> None:
    assert preset("rest-em").deploy.samples == 10
    assert preset("raft").deploy.samples > 1
    assert preset("raft").curate.k == 1
    assert (preset("star").deploy.samples, preset("star").deploy.temperature) == (1, 0.0)


def test_the_docs_name_every_setting_and_preset() -> None:
    docs = (Path(__file__).parents[1] / "docs" / "recipe.md").read_text()
    for name in [*presets(), *(name for name, _ in settings_of(Recipe()))]:
        assert f"`{name}`" in docs


def test_sections_are_frozen_and_have_defaults() -> None:
    assert all(getattr(Recipe(), part.name) is not None for part in fields(Recipe))
    with pytest.raises(AttributeError):
        Recipe().seed = 1  # type: ignore[misc]
