"""A problem as text: lines of a bounded length, types where there are some, the same atoms read back."""

from __future__ import annotations

from itertools import pairwise

from iterdeploy.domains.atoms import atoms_of
from iterdeploy.domains.statement import WIDTH, state_problem


def test_a_problem_in_lines() -> None:
    text = state_problem(
        "small",
        "ferry",
        {"car": ["a", "b"], "truck": [], "location": ["k"]},
        [("empty-ferry",), ("at", "a", "k"), ("at", "b", "k")],
        [("at", "a", "k")],
    )
    assert text == (
        "(define (problem small)\n  (:domain ferry)\n  (:objects\n    a b - car\n    k - location)\n"
        "  (:init\n    (empty-ferry)\n    (at a k) (at b k))\n  (:goal (and\n    (at a k))))\n"
    )


def test_an_untyped_one() -> None:
    text = state_problem("small", "d", {"": ["a", "b"]}, [("on", "a", "b")], [])
    assert "(:objects\n    a b)" in text
    assert atoms_of(text).objects == (("a", ""), ("b", ""))


def test_long_lists_are_broken_into_lines_and_read_back() -> None:
    names = [f"object-{i}" for i in range(500)]
    init = [("near", one, other) for one, other in pairwise(names)]
    goal = [("far", name) for name in names]
    text = state_problem("long", "d", {"thing": names}, init, goal)
    assert max(map(len, text.splitlines())) <= WIDTH + len("    ") + len("))))")
    said = atoms_of(text)
    assert said.objects == tuple((name, "thing") for name in names)
    assert (said.init, said.goal) == (tuple(init), tuple(goal))
