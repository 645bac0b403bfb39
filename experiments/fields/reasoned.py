"""Sums whose reasoning is judged too: `tasks.domain = "reasoned:open_reasoned"`, and the same look at finished runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from iterdeploy.domains.exercises import WAYS, Exercise, exercise_of
from iterdeploy.domains.gym import GymDomain, open_gym
from iterdeploy.recipe import Recipe
from iterdeploy.types import Fault, Task, Trace, Verdict


def right_reasoning(task: Task, trace: Trace) -> bool:
    """Whether what stands before `</think>` is one of the two ways, to the letter."""
    exercise = asked(task)
    return trace.text.split("\n</think>")[0] in {exercise.reasoning(way) for way in WAYS}


def asked(task: Task) -> Exercise:
    """The exercise behind a task of sums or of programs."""
    return exercise_of(task.prompt.removeprefix("<bos> ").removesuffix("\n<think>"))


@dataclass(frozen=True, slots=True)
class ReasonedDomain(GymDomain):
    """A valid answer counts only with the reasoning that leads to it. Deployed tasks alone are judged so: held-out
    tasks are measured as in the other arms."""

    def validate(self, task: Task, trace: Trace) -> Verdict:
        """The verdict of the scorer; then GOAL where the reasoning is not right."""
        found = GymDomain.validate(self, task, trace)
        if not found.valid or task.split == "heldout" or right_reasoning(task, trace):
            return found
        return replace(found, valid=False, fault=Fault.GOAL, reason="a right answer after wrong reasoning")


def open_reasoned(recipe: Recipe) -> ReasonedDomain:
    """gym:chain_sum, with its verdict on deployed tasks made stricter."""
    of = open_gym(recipe, "gym:chain_sum")
    return ReasonedDomain(of.name, of.span, of.prompt, of.rules)
