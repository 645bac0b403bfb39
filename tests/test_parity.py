"""The parity page states each setting of the paper's presets, with the value that it has."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from iterdeploy.recipe import preset, settings_of

PAGE = (Path(__file__).parents[1] / "docs" / "parity.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([\w.]+)` \| `([^`]+)` \| [^|]*\| [^|]*\|$", PAGE, re.M))
DOMAINS = dict(re.findall(r"^\| `(paper[\w-]*)` \| `([\w-]+)` \| [^|]+\|$", PAGE, re.M))


def test_the_page_states_every_setting_and_no_other() -> None:
    assert list(ROWS) != []
    assert set(ROWS) == {name for name, _ in settings_of(preset("paper"))} - {"name"}


@pytest.mark.parametrize(("name", "value"), [*settings_of(preset("paper"))])
def test_a_value_on_the_page_is_the_presets(name: str, value: object) -> None:
    said = ROWS.get(name, "'paper'")
    read = tomllib.loads(f"value = {said}")["value"]
    assert read == (list(value) if isinstance(value, tuple) else value)


def test_the_preset_states_every_setting_so_that_no_default_moves_it() -> None:
    table = tomllib.loads(files("iterdeploy").joinpath("presets", "paper.toml").read_text(encoding="utf-8"))
    stated = {f"{key}.{inner}" for key, part in table.items() if isinstance(part, dict) for inner in part}
    stated |= {key for key, value in table.items() if not isinstance(value, dict)}
    assert stated == {name for name, _ in settings_of(preset("paper"))}


@pytest.mark.parametrize("name", ["paper", "paper-rovers", "paper-sokoban", "paper-ten"])
def test_the_others_differ_in_name_and_domain_alone(name: str) -> None:
    paper, other = preset("paper"), preset(name)
    assert other == replace(paper, name=name, tasks=replace(paper.tasks, domain=DOMAINS[name]))
