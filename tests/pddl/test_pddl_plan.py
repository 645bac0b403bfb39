"""Plan files: what is an action, where it stands, and time stamps."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from pddl_texts import TOWER, plan

from iterdeploy.pddl import Action, PddlError, read_plan


@pytest.mark.parametrize(
    "text",
    [
        TOWER,
        TOWER.upper(),
        TOWER.replace("\n", "\r\n"),
        TOWER.replace("\n", "\r"),
        TOWER.replace("\n", " "),
        TOWER.replace(" ", "\n\t"),
        TOWER.replace("(", "( ").rstrip(),
        "\ufeff; a plan, \u2713 (not an action)\n\n" + TOWER + ";; cost = 4",
        "0: (pick-up b)\n1.5 : (stack b c) [2]\n2: (pick-up a)[ 0.5 ]\n3: (stack a b) [1]\n",
        "3: (stack a b)\n0.10: (pick-up b)\n0.2: (stack b c)\n00.3: (pick-up a)\n",
    ],
)
def test_reads_the_plan(text: str) -> None:
    assert read_plan(text).actions == plan("pick-up b, stack b c, pick-up a, stack a b")


@pytest.mark.parametrize("text", ["", "\n", "; nothing\n", " \t\r\n"])
def test_an_empty_text_is_the_empty_plan(text: str) -> None:
    assert read_plan(text).actions == ()


def test_steps_know_their_place() -> None:
    read = read_plan("; first\n(a)\r\n  (b c) (d)\n")
    assert [read.place(step) for step in (1, 2, 3)] == [(2, 1), (3, 3), (3, 9)]
    stamped = read_plan("2: (b)\n1: (a)\n")
    assert stamped.actions == (Action("a", ()), Action("b", ()))
    assert [stamped.place(step) for step in (1, 2)] == [(2, 4), (1, 4)]


def test_an_action_is_written_as_it_is_read() -> None:
    assert str(Action("stack", ("a", "b"))) == "(stack a b)"
    assert str(Action("wait", ())) == "(wait)"


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("(a)\nb c\n", "found 'b c'", (2, 1)),
        ("(a)\n()\n", "\\(\\) is not an action", (2, 1)),
        ("1: ( )\n", "\\(\\) is not an action", (1, 4)),
        ("((a))", "found '\\(\\(a\\)\\)'", (1, 1)),
        ("(a b", "found '\\(a b'", (1, 1)),
        ("(a))", "found '\\)'", (1, 4)),
        ("(a),", "found ','", (1, 4)),
        ("(a)\x00", "x00", (1, 4)),
        ("(a)\u00a0\n", "xa0", (1, 4)),
        ("a(b)", "found 'a\\(b\\)'", (1, 1)),
        ("(a) [1]", "found '\\[1\\]'", (1, 5)),
        ("1: (a)\n(b)", "some actions have a time stamp", (1, 4)),
        ("(a)\n1: (b)", "some actions have a time stamp", (1, 1)),
        ("1: (a)\n1.0: (b)", "not alone at time 1", (2, 6)),
        ("1: (a)\n2:", "a time stamp without an action", (1, 7)),
        ("-1: (a)", "found '-1: \\(a\\)'", (1, 1)),
        ("1e3: (a)", "found '1e3", (1, 1)),
        (f"{'9' * 5000}: (a)", "expected an action", (1, 1)),
    ],
)
def test_anything_else_is_refused_with_its_place(text: str, message: str, where: tuple[int, int]) -> None:
    with pytest.raises(PddlError, match=message) as caught:
        read_plan(text)
    assert (caught.value.line, caught.value.column) == where


@pytest.mark.parametrize("unit", ["(", ")", "(a) ", "a ", " ", ";", "1: (a) ", "(a", "1", "[1]", "1:"])
def test_a_megabyte_on_one_line_is_quick(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    with suppress(PddlError):
        read_plan(text)
    assert time.process_time() - started < 5
