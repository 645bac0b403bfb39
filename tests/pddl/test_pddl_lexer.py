"""Text to groups: folding, places, depth, and time that grows with the text and no faster."""

from __future__ import annotations

import time

import pytest

from iterdeploy.pddl.errors import PddlError
from iterdeploy.pddl.lexer import MAX_DEPTH, Group, clean, flaw, fold, located, place, read


def test_fold_touches_ascii_letters_alone() -> None:
    assert fold("PICK-Up ÄÖ \u212a") == "pick-up ÄÖ \u212a"  # the Kelvin sign is no k
    assert fold("STACK") == "stack"


def test_clean_keeps_every_offset() -> None:
    text = "\ufeff(A ; note (\r\n B)"
    assert clean(text) == " (a " + " " * 9 + "\n b)"
    assert len(clean(text)) == len(text)


def test_a_comment_ends_with_its_line_and_not_at_a_carriage_return() -> None:
    """As VAL and kairos have it: an action behind one is no part of the plan."""
    assert clean("; x\r(go a)\n(go b)").split() == ["(go", "b)"]


@pytest.mark.parametrize(
    ("offset", "expected"), [(0, (1, 1)), (2, (1, 3)), (3, (2, 1)), (5, (3, 1)), (8, (4, 1)), (9, (4, 2))]
)
def test_place_counts_all_three_line_ends(offset: int, expected: tuple[int, int]) -> None:
    assert place("ab\nc\rd\r\nef", offset) == expected


def test_read_nests_and_takes_flat_lists_apart_on_demand() -> None:
    group = read("(a (b c) (d (e)) f)")
    inner = group.items[1]
    assert isinstance(inner, Group)
    assert inner.items == ["b", "c"]
    assert group.items[0] == "a"
    assert group.items[3] == "f"


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("", "empty", (1, 1)),
        ("define", "expected (define", (1, 1)),
        ("(a\n (b)", "never closed", (1, 1)),
        ("(a)\n)", "closes nothing", (2, 1)),
        ("(a)\n (b)", "expected (define", (1, 1)),
        ("(a (b))\n (c)", "after the last", (2, 2)),
        ("(a (b) c) d", "after the last", (1, 11)),
        ("(a,b)", "','", (1, 3)),
        ("(a \u00a0b)", "'\\xa0'", (1, 4)),
        ("(a \x00b)", "'\\x00'", (1, 4)),
    ],
)
def test_read_says_what_and_where(text: str, message: str, where: tuple[int, int]) -> None:
    with pytest.raises(PddlError) as caught:
        read(text)
    assert message in str(caught.value)
    assert (caught.value.line, caught.value.column) == where


@pytest.mark.parametrize(
    ("item", "where"), [(-1, (1, 1)), (0, (1, 2)), (1, (1, 4)), (2, (2, 1)), (3, (2, 9))]
)
def test_flaw_finds_the_item(item: int, where: tuple[int, int]) -> None:
    text = "(a (b c)\n(d (e)) f)"
    error = located(flaw("no", read(text), item), text)
    assert (error.line, error.column) == where


def test_flaw_finds_the_word_of_a_flat_list() -> None:
    text = "(a\n (b  c d))"
    inner = read(text).items[1]
    assert isinstance(inner, Group)
    error = located(flaw("no", inner, 2), text)
    assert (error.line, error.column) == (2, 8)


def test_depth_is_limited_with_a_clear_error() -> None:
    assert read("(a " * (MAX_DEPTH - 1) + "(b)" + ")" * (MAX_DEPTH - 1))
    with pytest.raises(PddlError, match="nested more than"):
        read("(a " * 100_000 + ")" * 100_000)


@pytest.mark.parametrize("unit", ["(a)", "a ", "; x", "  ", "(a b c) ", "a"])
def test_a_megabyte_on_one_line_is_quick(unit: str) -> None:
    text = f"(define {unit * (1_000_000 // len(unit))}"
    started = time.process_time()
    with pytest.raises(PddlError):
        read(text)
    assert time.process_time() - started < 5
