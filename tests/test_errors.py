"""One tree of errors, and messages that offer what was meant."""

from __future__ import annotations

import pytest

from iterdeploy import errors
from iterdeploy.errors import IterdeployError, RunError, nearest


def test_every_error_is_in_the_tree_drawn_at_the_head() -> None:
    tree = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert all(issubclass(kind, IterdeployError) for kind in tree.values())
    assert errors.__doc__
    assert all(name in errors.__doc__ for name in tree)


def test_what_a_run_folder_refuses_is_a_run_error() -> None:
    assert {kind.__name__ for kind in RunError.__subclasses__()} == {
        "Locked",
        "RecipeChanged",
        "Torn",
        "DiskFull",
    }


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("bloks", ["rovers", "blocksworld"], "there are blocksworld, rovers (did you mean blocksworld?)"),
        ("Rovers", ["rovers", "ferry"], "there are ferry, rovers (did you mean rovers?)"),
        ("xyz", ["rovers", "ferry"], "there are ferry, rovers"),
        ("xyz", ["rovers"], "there is rovers"),
        ("xyz", [], "there are none"),
        ("numer70", [f"number{n}" for n in range(70, 90)], "did you mean number70?"),
    ],
)
def test_nearest_tells_what_there_is_and_what_may_have_been_meant(
    name: str, options: list[str], message: str
) -> None:
    assert nearest(name, options) == message
