"""From rows to batches: which tokens are trained, where they stand, and how rows are put together."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterdeploy.train.batches import IGNORED, Row, bucketed, collate, jumps

PAD = 0
LENGTHS = st.lists(st.integers(1, 90), min_size=1, max_size=60)


def chance(seed: int) -> random.Random:
    return random.Random(seed)


# --- collate ---------------------------------------------------------------------------------


def test_the_completion_is_trained_and_nothing_else() -> None:
    batch = collate([Row([5, 6, 7], [8, 2], 0.5), Row([5], [9, 9, 9, 9, 2])], PAD)
    assert batch.input_ids.tolist() == [[5, 6, 7, 8, 2, PAD], [5, 9, 9, 9, 9, 2]]
    x = IGNORED
    assert batch.labels.tolist() == [[x, x, x, 8, 2, x], [x, 9, 9, 9, 9, 2]]
    assert batch.mask.tolist() == [[1, 1, 1, 1, 1, 0], [1] * 6]
    assert batch.positions.tolist() == [[0, 1, 2, 3, 4, 5]] * 2
    assert batch.weights.tolist() == [0.5, 1.0]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=6))
def test_every_row_ends_in_its_end_token_and_is_masked_behind_it(shapes: list[tuple[int, int]]) -> None:
    rows = [Row([4] * prompt, [5] * (answer - 1) + [2]) for prompt, answer in shapes]
    batch = collate(rows, PAD)
    for i, row in enumerate(rows):
        kept = batch.labels[i][batch.labels[i] != IGNORED]
        assert kept.tolist() == list(row.completion)
        assert batch.labels[i, len(row) - 1] == 2
        assert int(batch.mask[i].sum()) == len(row)
        assert batch.mask[i, : len(row)].all()


def test_positions_of_a_row_are_kept_and_go_on_behind_it() -> None:
    batch = collate([Row([1, 1], [2], positions=[7, 8, 30]), Row([1] * 4, [2])], PAD)
    assert batch.positions.tolist() == [[7, 8, 30, 31, 32], [0, 1, 2, 3, 4]]


# --- jumps -----------------------------------------------------------------------------------


@given(st.integers(1, 512), st.integers(0, 2**32))
def test_jumps_rise_keep_the_length_and_stay_below_the_limit(length: int, seed: int) -> None:
    places = jumps(length, chance(seed))
    assert len(places) == length
    assert all(a < b for a, b in pairwise(places))
    assert places[0] >= 0
    assert places[-1] < 512


def test_jumps_reach_late_positions_and_at_times_leave_all_in_place() -> None:
    drawn = [jumps(60, chance(seed)) for seed in range(400)]
    assert max(places[-1] for places in drawn) > 200
    plain = sum(places == list(range(60)) for places in drawn)
    assert 60 < plain < 180
    gaps = [sum(b - a > 1 for a, b in pairwise(p)) for p in drawn]
    assert set(gaps) == {0, 1, 2, 3}


def test_jumps_of_a_row_at_the_limit_are_none() -> None:
    assert jumps(700, chance(0)) == list(range(700))


# --- bucketed --------------------------------------------------------------------------------


@given(LENGTHS, st.integers(1, 300), st.integers(0, 2**32))
def test_batches_hold_each_row_once_and_respect_the_limit(lengths: list[int], tokens: int, seed: int) -> None:
    batches = bucketed(lengths, tokens, chance(seed))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= tokens


@given(LENGTHS, st.integers(0, 2**32))
def test_rows_of_a_batch_are_of_like_length(lengths: list[int], seed: int) -> None:
    batches = bucketed(lengths, 200, chance(seed))
    spans = sorted((min(lengths[i] for i in b), max(lengths[i] for i in b)) for b in batches)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))


def test_batches_come_in_random_order_from_the_seed_alone() -> None:
    lengths = [i % 37 + 5 for i in range(80)]
    assert bucketed(lengths, 200, chance(1)) == bucketed(lengths, 200, chance(1))
    assert bucketed(lengths, 200, chance(1)) != bucketed(lengths, 200, chance(2))


def test_little_is_padded() -> None:
    lengths = [chance(i).randrange(20, 120) for i in range(200)]
    padded = sum(max(lengths[i] for i in b) * len(b) for b in bucketed(lengths, 1024, chance(0)))
    assert padded == pytest.approx(sum(lengths), rel=0.1)
