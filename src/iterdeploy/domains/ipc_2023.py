"""The ten domains of the Learning Track of IPC 2023 as one: its tasks are dealt over them in turn."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from iterdeploy.domains import COMPETITION, JOINT, load
from iterdeploy.domains.pddl import PddlDomain, open_pddl
from iterdeploy.domains.ranges import FamilySource
from iterdeploy.errors import BadInput
from iterdeploy.recipe import Recipe
from iterdeploy.types import Split, Task

PARTS = 10  # of a range: the sizes that tasks along it have

_NAMED = re.compile(r"\(\s*:?domain\s+([^\s()]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dealt:
    """Task 0 is of the first domain, task 1 of the second, and so on around; satisfies domains.pddl.Source.

    Along a range, the size of a task is the tenth of the range that it lies in, 1 to 10, which means the same in every
    domain; by sizes it is that size. Its `spec` names its domain as "family".
    """

    members: tuple[PddlDomain, ...]
    given: bool = False

    def tasks(
        self, domain: PddlDomain, split: Split, count: int, sizes: Sequence[int], seed: int
    ) -> list[Task]:
        """`count` tasks, no two the same but for names; each domain has as many as any other, or one more or less."""
        made: list[Task | None] = [None] * count
        for place, member in enumerate(self.members):
            source = _source(member)
            mine = source.places(count, sizes)[place :: len(self.members)]
            for turn, task in enumerate(source.along(member, split, mine, seed)):
                number = place + turn * len(self.members)
                size = number * PARTS // count + 1 if source.span else task.size
                made[number] = replace(
                    task,
                    id=f"{split[0]}{size:02d}-{number:04d}-{member.name}",
                    domain=domain.name,
                    spec={**task.spec, "family": member.name},
                    size=size,
                )
        return [task for task in made if task is not None]

    def make(self, size: int, rng: random.Random) -> str:
        """A problem of any of the domains."""
        return rng.choice(self.members).make(size, rng)

    def solve(self, problem: str) -> list[str]:
        """A plan by the domain that the problem names. Raises BadInput if it is none of these."""
        wanted = _name_in(problem)
        for member in self.members:
            if member.solve is not None and _name_in(member.text) == wanted:
                return member.solve(problem)
        raise BadInput(f"the problem names the domain {wanted!r}, which is none of {JOINT}")


def _name_in(text: str) -> str:
    """The PDDL name of the domain that the text of a domain or of a problem states."""
    found = _NAMED.search(text)
    return found[1].lower() if found else ""


def _source(member: PddlDomain) -> FamilySource:
    assert isinstance(member.source, FamilySource)
    return member.source


def open_joint(recipe: Recipe) -> PddlDomain:
    """The ten as a recipe asks for them. Raises BadInput for a range that is not one of all."""
    dealt = Dealt(tuple(load(name, recipe) for name in COMPETITION))
    return open_pddl(recipe, JOINT, "", dealt.make, source=dealt, solve=dealt.solve)
