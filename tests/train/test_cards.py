"""The cards of the bases that ship say what the code writes of their figures today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import iterdeploy
from iterdeploy.train.base import RECIPES, school_of
from iterdeploy.train.probe import ProbeRow
from iterdeploy.train.school import Row

BASES = Path(iterdeploy.__file__).parent / "bases"
NAMES = {"blocksworld": "blocks-small"} | {name: f"{name}-small" for name in RECIPES if name != "blocksworld"}


@pytest.mark.parametrize("domain", RECIPES)
def test_the_card_of_a_shipped_base_is_what_the_code_writes(domain: str) -> None:
    folder = BASES / NAMES[domain]
    facts = json.loads((folder / "base.json").read_text())
    row = ProbeRow if domain == "blocksworld" else Row
    rows = [row(**one) for one in facts["probe"]]
    said = school_of(RECIPES[domain]).card(RECIPES[domain], facts["seed"], facts["losses"][-1], rows, folder)
    assert (folder / "README.md").read_text() == said


def test_every_shipped_base_has_a_recipe() -> None:
    assert {folder.name for folder in BASES.iterdir() if folder.is_dir()} == set(NAMES.values())
