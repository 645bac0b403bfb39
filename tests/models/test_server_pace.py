"""Requests and tokens per minute are kept, on a clock of the test's own."""

from __future__ import annotations

from iterdeploy.models.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def times(pace: Pace, clock: Clock, tokens: list[int]) -> list[float]:
    found = []
    for count in tokens:
        pace.take(count)
        found.append(round(clock.now - 100.0, 6))
    return found


def test_requests_are_spread_over_the_minute() -> None:
    clock = Clock()
    assert times(Pace(30, 0, clock, clock.sleep), clock, [9] * 4) == [0, 2, 4, 6]


def test_a_request_waits_for_the_tokens_of_the_one_before() -> None:
    clock = Clock()
    assert times(Pace(0, 6000, clock, clock.sleep), clock, [100, 500, 100]) == [0, 1, 6]


def test_tokens_that_were_not_used_are_given_back() -> None:
    clock = Clock()
    pace = Pace(0, 6000, clock, clock.sleep)
    pace.take(1000)
    pace.give_back(900)
    assert times(pace, clock, [1]) == [1]


def test_unused_time_is_no_credit() -> None:
    clock = Clock()
    pace = Pace(30, 6000, clock, clock.sleep)
    pace.take(10)
    clock.now += 600
    assert times(pace, clock, [100, 100]) == [600, 602]


def test_a_pause_that_a_server_asks_for_holds_everybody() -> None:
    clock = Clock()
    pace = Pace(0, 0, clock, clock.sleep)
    pace.hold(7.5)
    assert times(pace, clock, [1, 1]) == [7.5, 7.5]
