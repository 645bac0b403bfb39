"""Workers: a death is said, whenever it comes."""

from __future__ import annotations

import os
import signal

import pytest

from iterdeploy.errors import WorkerDied
from iterdeploy.recipe import Recipe
from iterdeploy.train.crew import Crew


def test_an_order_to_a_dead_worker_is_an_error_and_no_closed_pipe() -> None:
    """The command line takes a BrokenPipeError for `| head` and ends with 0."""
    crew = Crew(Recipe(), 1)
    try:
        process = crew.processes[0]
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with pytest.raises(WorkerDied, match="worker 0 of 1 died"):
            crew.send(0, "answer")
    finally:
        crew.close()


def test_an_error_in_the_code_of_a_worker_comes_with_its_traceback_and_is_not_the_users() -> None:
    crew = Crew(Recipe(), 1)
    try:
        crew.send(0, "train", "an order that lacks a part")
        with pytest.raises(RuntimeError, match=r"worker 0 failed: Traceback[\s\S]*crew\.py[\s\S]*ValueError"):
            list(crew.replies([0]))
    finally:
        crew.close()
