"""A domain that is a PDDL text and a function that makes problems: tasks, prompts and verdicts follow from these."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from iterdeploy.domains.canonical import share_of
from iterdeploy.domains.digests import digest_of
from iterdeploy.domains.prompts import Template
from iterdeploy.errors import BadInput
from iterdeploy.pddl import Domain, parse_domain
from iterdeploy.pddl.errors import BeyondError
from iterdeploy.pddl.extract import Extraction, extract, without_special_tokens
from iterdeploy.pddl.judges import Judge, NoVerdictError, OwnJudge
from iterdeploy.pddl.outline import outline_of_domain
from iterdeploy.pddl.rules import rules_of
from iterdeploy.recipe import Recipe
from iterdeploy.seeds import seed_of
from iterdeploy.types import Fault, Names, Split, Task, Trace, Verdict

Make = Callable[[int, random.Random], str]
"""Makes the text of a PDDL problem of a size, its goal not yet reached."""

ATTEMPTS = 2000
"""Problems drawn for one task before a size is said to have too few."""


class Source(Protocol):
    """Where tasks come from if they are not made by size alone: a range of parameters, or files."""

    @property
    def given(self) -> bool:
        """Whether there are just these tasks, and sizes and seed choose among them at most."""
        ...

    def tasks(
        self, domain: PddlDomain, split: Split, count: int, sizes: Sequence[int], seed: int
    ) -> list[Task]:
        """As PddlDomain.tasks, which it stands for."""
        ...


@dataclass(frozen=True, slots=True)
class PddlDomain:
    """Satisfies types.Domain. `names` are object names that may be permuted; `bound` is a lower bound on plan steps.

    `solve` makes a reference plan for the text of a problem, one "(action arg ...)" a step.
    """

    name: str
    text: str
    make: Make
    prompt: Template
    rules: tuple[str, ...]
    names: Names = ()
    bound: Callable[[Task], int] | None = None
    judge: Judge = field(default_factory=OwnJudge)
    source: Source | None = None
    solve: Callable[[str], list[str]] | None = None

    @property
    def given(self) -> bool:
        """Whether its tasks are files as they are: then no size is made to order, and a changed file is noticed."""
        return self.source is not None and self.source.given

    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        """`count` tasks, spread evenly over `sizes`, no two the same but for names.

        A problem's canonical digest decides its split, so deployed and held-out tasks never meet, whatever the seeds.
        Raises BadInput if a size has too few problems.
        """
        if self.source is not None:
            return self.source.tasks(self, split, count, sizes, seed)
        seen: set[str] = set()
        made: list[Task] = []
        for number in range(count):
            size = sizes[number * len(sizes) // count]
            rng = random.Random(seed_of(seed, self.name, split, size, number))
            task = self.draw(split, size, number, partial(self.make, size, rng), seen)
            if task is None:
                raise too_few(f"{self.name} of size {size}", split, number)
            made.append(task)
        return made

    def draw(
        self,
        split: Split,
        size: int,
        number: int,
        make: Callable[[], str],
        seen: set[str],
        attempts: int = ATTEMPTS,
        said: Mapping[str, str] | None = None,
    ) -> Task | None:
        """A task of the first problem made that is of this split and not among `seen`, to which it is added.

        None if `attempts` problems give none. `said` is put into its spec.
        """
        for _ in range(attempts):
            problem = make()
            digest = digest_of(problem, self.text)
            if share_of(digest) == split and digest not in seen:
                seen.add(digest)
                spec = {"domain": self.text, "problem": problem, "canonical": digest, **(said or {})}
                task_id = f"{split[0]}{size:02d}-{number:04d}"
                return Task(task_id, self.name, self.prompt(self.text, problem), spec, split, size)
        return None

    def validate(self, task: Task, trace: Trace) -> Verdict:
        """Read a plan from the answer, then judge it strictly.

        Where the judge comes to no answer, the fault is `timeout`: such a trace is never learnt from.
        """
        domain = _readable(task.spec["domain"])
        found = extract(trace.text, domain, self.rules)
        if trace.finish == "length":
            return self._verdict(
                trace, found, Fault.TRUNCATED, "the answer hit the token limit before its end"
            )
        if trace.finish == "filtered":
            return self._verdict(trace, found, Fault.TRUNCATED, "the server withheld the answer or its end")
        if found.fault is not None:
            return self._verdict(trace, found, found.fault, found.reason)
        try:
            ruling = self.judge.rule(task.spec["domain"], task.spec["problem"], found.actions)
        except NoVerdictError as error:
            return self._verdict(trace, found, Fault.TIMEOUT, str(error))
        judged = ruling.judgement
        return self._verdict(trace, found, judged.fault, judged.reason, ruling.by)

    def _verdict(
        self, trace: Trace, found: Extraction, fault: Fault | None, reason: str, by: str = ""
    ) -> Verdict:
        plan = tuple(str(action) for action in found.actions)
        return Verdict(
            trace_id=trace.id,
            validator=by or self.judge.name,
            valid=fault is None,
            cost=len(plan),
            fault=fault,
            reason=reason,
            plan=plan,
            reasoning_tokens=reasoning_tokens(trace, found),
            rules=found.used,
        )


def too_few(what: str, split: Split, number: int) -> BadInput:
    """What to raise where no further problem is found for a task."""
    return BadInput(
        f"{what} has too few problems for {split} task {number}; "
        "ask for fewer tasks, for larger sizes or for a wider range"
    )


def _readable(text: str) -> Domain:
    """The domain; or its outline, which names all actions, where only VAL can read the whole."""
    try:
        return parse_domain(text)
    except BeyondError:
        return outline_of_domain(text)


def reasoning_tokens(trace: Trace, found: Extraction) -> int:
    """Tokens of the answer before its plan, by their share of its words; exact for a tokenizer of words.

    The words themselves where no token ids are known.
    """
    if not trace.token_ids:
        return len(found.reasoning.split())
    answer = without_special_tokens(trace.text)
    words = len(trace.text[answer.start : answer.end].split())
    tokens = len(trace.token_ids) - (trace.finish == "stop")  # the end token is no word of its own
    return round(len(found.reasoning.split()) / words * tokens) if words else 0


def open_pddl(
    recipe: Recipe,
    name: str,
    text: str,
    make: Make,
    names: Names = (),
    bound: Callable[[Task], int] | None = None,
    source: Source | None = None,
    solve: Callable[[str], list[str]] | None = None,
) -> PddlDomain:
    """A PDDL domain with the prompt template, the reading rules and the validator of a recipe."""
    from iterdeploy.domains.judge import open_judge
    from iterdeploy.domains.prompts import template

    if recipe.tasks.range and source is None:
        raise BadInput(
            f"tasks.range = {recipe.tasks.range!r}, but the domain {name!r} makes its tasks by size alone; "
            'set tasks.sizes, and tasks.range = ""'
        )
    rules_of(recipe.validate.rules)  # a wrong name is said at once
    prompt, judge = template(recipe.base.prompt), open_judge(recipe.validate.validator)
    return PddlDomain(name, text, make, prompt, recipe.validate.rules, names, bound, judge, source, solve)
