"""The way to a cluster: what is missing is said."""

from __future__ import annotations

import sys

import pytest

from iterdeploy.cli.rooms import Cluster, judge_of, open_domain, open_trainer
from iterdeploy.cluster.connect import connect
from iterdeploy.errors import BadInput
from iterdeploy.recipe import Recipe, with_settings


def test_where_ray_is_not_installed_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInput, match=r"pip install 'iterdeploy\[ray\]'"):
        connect("auto")
    with pytest.raises(BadInput, match="not installed"):
        judge_of(Recipe(), 1, Cluster("auto"))


def test_a_model_that_is_cut_among_cards_needs_a_cluster() -> None:
    recipe = with_settings(Recipe(), ["train.sharding=fsdp"])
    with (
        pytest.raises(BadInput, match=r"train\.sharding is 'fsdp', .* --cluster, or set train.sharding=none"),
        open_trainer(recipe, 1, open_domain(recipe)),
    ):
        pass
