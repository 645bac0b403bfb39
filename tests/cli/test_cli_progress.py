"""What a run shows: time left that follows the machine, a live screen, plain lines elsewhere."""

from __future__ import annotations

import io

import fake_run
import pytest
from rich.console import Console

from iterdeploy.cli.progress import shown
from iterdeploy.cli.time_left import TimeLeft
from iterdeploy.cli.words import clock_face, count
from iterdeploy.plan_ahead import Shape, Step, plan
from iterdeploy.types import Generation, Progress

STEPS = (
    Step(0, "deploy", 100, 0, 10.0),
    Step(0, "heldout/deploy", 50, 0, 5.0),
    Step(1, "train", 10, 0, 40.0),
    Step(1, "deploy", 100, 0, 10.0),
)


class Hands:
    """A clock whose hands are moved by the test."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_time_left_follows_the_rate_of_the_step_and_scales_later_ones() -> None:
    hands = Hands()
    left = TimeLeft(STEPS, hands)
    assert left.seconds() is None
    left.update(Progress(0, "deploy", 0, 100))
    assert left.seconds() == pytest.approx(65.0)
    hands.now = 10.0  # twice as slow as planned
    left.update(Progress(0, "deploy", 50, 100))
    assert left.seconds() == pytest.approx(10.0 + 55.0)
    hands.now = 20.0
    left.update(Progress(0, "deploy", 100, 100))
    left.update(Progress(0, "heldout/deploy", 0, 50))
    assert left.seconds() == pytest.approx(2 * 55.0)
    assert left.share() == pytest.approx(10 / 65)


def test_rows_of_an_earlier_process_do_not_make_it_look_fast() -> None:
    hands = Hands()
    left = TimeLeft(STEPS, hands)
    left.update(Progress(0, "deploy", 90, 100))
    hands.now = 5.0
    left.update(Progress(0, "deploy", 95, 100))
    assert left.seconds() == pytest.approx(5.0 + 55.0)


def test_a_step_that_the_plan_does_not_know_is_unknown() -> None:
    left = TimeLeft(STEPS, Hands())
    left.update(Progress(7, "dream", 1, 2))
    assert left.seconds() is None
    assert left.share() == 0.0


def watch(terminal: bool, before: list[Generation]) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=80, color_system=None, highlight=False)
    ahead = plan(fake_run.recipe(), shape=Shape(1_000_000, 100_000))
    with shown(console, ahead, before) as observe:
        for done in range(31):
            observe(Progress(1, "deploy", done, 30))
        for done in range(1, 31):
            observe(Progress(1, "validate-traces", done, 30, f"{done // 2} valid"))
        observe(Progress(1, "heldout/validate-traces", 12, 12, "5 valid"))
    return out.getvalue()


def test_the_live_screen_shows_generations_step_whole_run_and_time_left() -> None:
    screen = watch(True, [Generation(0, "m", None, 30, 9, 12, 3, 0)])
    last = screen[screen.rindex("held-out") :]
    for part in ("9/30", "3/12", "15/30", "5/12", "generation 1/2  heldout/validate-traces", "left"):
        assert part in last
    assert max(len(line) for line in last.splitlines()) <= 80


def test_plain_lines_name_every_step_once_it_ends_and_are_few() -> None:
    lines = watch(False, []).splitlines()
    assert "generation 1/2 deploy 30/30, about " in "\n".join(lines)
    assert "generation 1/2 validate-traces 30/30, 15 valid, about " in "\n".join(lines)
    assert len(lines) <= 8
    assert not any("\x1b" in line for line in lines)


def test_words() -> None:
    assert [clock_face(s) for s in (None, 7.2, 187, 7500)] == ["unknown", "0:07", "3:07", "2:05:00"]
    assert [count(n, "row") for n in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]


def test_time_left_follows_answers_that_get_longer() -> None:
    steps = tuple(Step(number, "deploy", 10, 0, 10.0) for number in range(5))
    hands = Hands()
    left = TimeLeft(steps, hands)
    for number, seconds in enumerate((30.0, 10.0, 15.0)):  # the first also started the workers
        left.update(Progress(number, "deploy", 0, 10))
        hands.now += seconds
        left.update(Progress(number, "deploy", 10, 10))
    left.update(Progress(3, "deploy", 0, 10))
    assert left.seconds() == pytest.approx(20.0 + 25.0)
