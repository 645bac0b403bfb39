"""A seed is of what it is for, and of nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iterdeploy.seeds import seed_of

PARTS = st.lists(st.text() | st.integers(), max_size=4)


def test_a_seed_stays_what_it_was() -> None:
    assert seed_of(0, 1, "deployed-000", 0) == 5430489214127232227


@given(PARTS)
def test_a_seed_fits_63_bits(parts: list[str | int]) -> None:
    assert 0 <= seed_of(*parts) < 2**63
    assert seed_of(*parts) == seed_of(*parts)


@given(PARTS, PARTS)
def test_different_parts_have_different_seeds(one: list[str | int], other: list[str | int]) -> None:
    if one != other:
        assert seed_of(*one) != seed_of(*other)


def test_borders_and_kinds_of_parts_count() -> None:
    assert len({seed_of("ab"), seed_of("a", "b"), seed_of("", "ab"), seed_of("ab", "")}) == 4
    assert seed_of(1) != seed_of("1")
