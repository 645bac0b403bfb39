"""Try a validator out: on the packaged answers, and on changed plans of random problems whose truth is known."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from iterdeploy.audit.answers import Answer, answers
from iterdeploy.audit.bounds import upper_bound
from iterdeploy.audit.mutations import CHANGES, LAYOUTS, Words, mutated, written
from iterdeploy.audit.worlds import Situation, State, random_situation
from iterdeploy.errors import IterdeployError
from iterdeploy.pddl import Action, parse_domain, parse_problem, read_plan, validate

Said = Literal["valid", "invalid", "nothing"]
Validator = Callable[[str, str, str], Said]
"""Judges a plan by the texts of domain, problem and plan; "nothing" is a crash, a time-out, an error."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """An answer on which the validator is wrong: it accepts what must be rejected, or does not accept what must be."""

    answer: Answer
    said: Said


@dataclass(slots=True)
class Rate:
    """How often a kind of mistake was made on random plans. The bound is one-sided, 95 %, Clopper and Pearson."""

    wrong: int = 0
    asked: int = 0

    @property
    def bound(self) -> float:
        """The rate, over plans drawn as these were, is below this with confidence 95 %."""
        return upper_bound(self.wrong, self.asked)


@dataclass(slots=True)
class Audit:
    """What came of it."""

    asked: int = 0  # packaged answers
    wrong: list[Wrong] = field(default_factory=list)  # of packaged and of random answers
    invalid: int = 0  # invalid plans, packaged and random
    silent: int = 0  # of these, those on which it said nothing: not accepted, and not judged
    accepts: Rate = field(
        default_factory=Rate
    )  # random invalid plans that it accepts, of those that it judged
    rejects: Rate = field(default_factory=Rate)  # random valid plans that it does not accept

    @property
    def trusted(self) -> bool:
        """Whether no answer was wrong, and most were given."""
        return not self.wrong and not self.mute

    @property
    def mute(self) -> bool:
        """Whether it says nothing on most invalid plans: then next to nothing is known of it."""
        return 2 * self.silent > self.invalid


def examine(
    validator: Validator, plans: int, seed: int, tell: Callable[[int, int], None] = lambda done, total: None
) -> Audit:
    """Ask about all packaged answers and so many random ones; `tell` hears how many are done, of how many."""
    found = Audit()
    packaged = list(answers())
    total = len(packaged) + plans
    for number, answer in enumerate(packaged):
        _ask(validator, answer, found)
        found.asked += 1
        tell(number + 1, total)
    for number, answer in enumerate(random_answers(plans, seed)):
        said, right = _ask(validator, answer, found)
        rate = found.rejects if answer.valid else found.accepts
        rate.asked += answer.valid or said != "nothing"
        rate.wrong += not right
        tell(len(packaged) + number + 1, total)
    return found


def _ask(validator: Validator, answer: Answer, found: Audit) -> tuple[Said, bool]:
    """(what it said, whether that is right)."""
    said = validator(answer.domain, answer.problem, answer.plan)
    right = said == "valid" if answer.valid else said != "valid"
    found.invalid += not answer.valid
    found.silent += not answer.valid and said == "nothing"
    if not right:
        found.wrong.append(Wrong(answer, said))
    return said, right


def random_answers(count: int, seed: int) -> Iterator[Answer]:
    """Plans with their truth, most of them changed; each of a random problem of its own, so that they are independent.

    The truth is what the simulator of `worlds` says, which reads no PDDL; our own validator must say the same. Raises
    IterdeployError if it does not.
    """
    for number in range(count):
        answer = _random_answer(random.Random(f"{seed}.{number}"))
        _must_be_ours(answer)
        yield answer


def _random_answer(rng: random.Random) -> Answer:
    situation, steps, goal = _solved(rng)
    world = situation.world
    kind, layout = rng.choice(["none", *CHANGES]), rng.choice(list(LAYOUTS))
    lines = written(steps)
    if kind != "none":
        words = Words({act.name: len(act.parameters) for act in world.acts}, list(situation.objects))
        lines = mutated([Action(name, tuple(args)) for name, *args in steps], kind, words, rng)
    end = situation.after([line[1:-1].split() for line in lines])
    valid = end is not None and goal <= end
    plan = LAYOUTS[layout](lines, rng)
    return Answer(f"{world.name}: {kind}, {layout}", world.pddl(), situation.pddl(goal), plan, valid)


def _solved(rng: random.Random) -> tuple[Situation, list[list[str]], State]:
    """A problem, a plan, and a goal that the plan reaches and that did not hold before."""
    while True:
        situation = random_situation(rng)
        plan = situation.walk(rng.randint(1, 8), rng)
        end = situation.after(plan) or frozenset()
        new = sorted(end - situation.start)
        if new:
            return situation, plan, frozenset(rng.sample(new, rng.randint(1, len(new))))


def _must_be_ours(answer: Answer) -> None:
    domain = parse_domain(answer.domain)
    judged = validate(domain, parse_problem(answer.problem, domain), read_plan(answer.plan).actions)
    if judged.valid is not answer.valid:
        raise IterdeployError(
            f"the audit contradicts itself on {answer.name!r}: the simulator finds the plan "
            f"{'' if answer.valid else 'not '}valid, our validator does not; plan: {answer.plan!r}"
        )
