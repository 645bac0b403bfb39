"""A domain that is a PDDL text and a function that makes problems: tasks, prompts and verdicts follow from these."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from iterdeploy.domains.atoms import atoms_of
from iterdeploy.domains.canonical import canonical_digest, share_of
from iterdeploy.domains.prompts import Template
from iterdeploy.errors import BadInput
from iterdeploy.pddl import Domain, parse_domain
from iterdeploy.pddl.errors import BeyondError
from iterdeploy.pddl.extract import Extraction, extract, without_special_tokens
from iterdeploy.pddl.judges import Judge, NoVerdictError, OwnJudge
from iterdeploy.pddl.outline import outline_of_domain
from iterdeploy.recipe import Recipe
from iterdeploy.seeds import seed_of
from iterdeploy.types import Fault, Split, Task, Trace, Verdict

Make = Callable[[int, random.Random], str]
"""Makes the text of a PDDL problem of a size, its goal not yet reached."""

ATTEMPTS = 2000
"""Problems drawn for one task before a size is said to have too few."""


@dataclass(frozen=True, slots=True)
class PddlDomain:
    """Satisfies types.Domain. `names` are object names that may be permuted; `bound` is a lower bound on plan steps."""

    name: str
    text: str
    make: Make
    prompt: Template
    rules: tuple[str, ...]
    names: tuple[str, ...] = ()
    bound: Callable[[Task], int] | None = None
    judge: Judge = field(default_factory=OwnJudge)

    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        """`count` tasks, spread evenly over `sizes`, no two the same but for names.

        A problem's canonical digest decides its split, so deployed and held-out tasks never meet, whatever the seeds.
        Raises BadInput if a size has too few problems.
        """
        seen: set[str] = set()
        made: list[Task] = []
        for number in range(count):
            size = sizes[number * len(sizes) // count]
            rng = random.Random(seed_of(seed, self.name, split, size, number))
            made.append(self._task(split, size, number, rng, seen))
        return made

    def _task(self, split: Split, size: int, number: int, rng: random.Random, seen: set[str]) -> Task:
        for _ in range(ATTEMPTS):
            problem = self.make(size, rng)
            said = atoms_of(problem)
            digest = canonical_digest(
                said.init, said.goal, said.objects if any(t for _, t in said.objects) else ()
            )
            if share_of(digest) == split and digest not in seen:
                seen.add(digest)
                spec = {"domain": self.text, "problem": problem, "canonical": digest}
                task_id = f"{split[0]}{size:02d}-{number:04d}"
                return Task(task_id, self.name, self.prompt(self.text, problem), spec, split, size)
        raise BadInput(
            f"{self.name} of size {size} has too few problems for {split} task {number}; "
            "ask for fewer tasks or for larger sizes"
        )

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


def _readable(text: str) -> Domain:
    """The domain; or its outline, which names all actions, where only VAL can read the whole."""
    try:
        return parse_domain(text)
    except BeyondError:
        return outline_of_domain(text)


def reasoning_tokens(trace: Trace, found: Extraction) -> int:
    """Tokens of the answer before its plan, by their share of its words; exact for a tokenizer of words."""
    answer = without_special_tokens(trace.text)
    words = len(trace.text[answer.start : answer.end].split())
    tokens = len(trace.token_ids) - (trace.finish == "stop")  # the end token is no word of its own
    return round(len(found.reasoning.split()) / words * tokens) if words else 0


def open_pddl(
    recipe: Recipe,
    name: str,
    text: str,
    make: Make,
    names: tuple[str, ...] = (),
    bound: Callable[[Task], int] | None = None,
) -> PddlDomain:
    """A PDDL domain with the prompt template, the reading rules and the validator of a recipe."""
    from iterdeploy.domains.judge import open_judge
    from iterdeploy.domains.prompts import template

    judge = open_judge(recipe.validate.validator)
    return PddlDomain(
        name, text, make, template(recipe.base.prompt), recipe.validate.rules, names, bound, judge
    )
