"""Tasks of a family: by size, or along a range of parameters as the competition's generators do it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from iterdeploy.domains.family import Family, Parameters, Range
from iterdeploy.domains.pddl import ATTEMPTS, PddlDomain, open_pddl, too_few
from iterdeploy.errors import BadInput, nearest
from iterdeploy.recipe import Recipe
from iterdeploy.seeds import seed_of
from iterdeploy.types import Split, Task

ENOUGH = 200  # problems drawn in vain before parameters count as used up

_PART = re.compile(r"([a-z_]+)=(\d+)(?:-(\d+))?")


def range_of(family: Family, text: str) -> Range:
    """The range that a setting names ("easy") or states ("cars=1-20 locations=5"). Raises BadInput."""
    if text in family.ranges:
        return family.ranges[text]
    known = family.ranges["easy"]
    parts = text.replace(",", " ").split()
    found = {part: _PART.fullmatch(part) for part in parts}
    stated: dict[str, tuple[int, int]] = {}
    for part, match in found.items():
        if match is None and "=" not in text:
            raise BadInput(
                f"{family.name} has no range {text!r}; {nearest(text, family.ranges)}, or state one: {_said(known)}"
            )
        if match is None:
            raise BadInput(f"{part!r} is no part of a range; write NAME=FROM-TO, as in {_said(known)}")
        name, first, last = match[1], int(match[2]), int(match[3] or match[2])
        if name not in known:
            raise BadInput(f"{family.name} has no parameter {name!r}; {nearest(name, known)}")
        if name in stated:
            raise BadInput(f"the range {text!r} states {name} twice")
        stated[name] = (first, last)
    missing = [name for name in known if name not in stated]
    if missing:
        raise BadInput(f"the range {text!r} lacks {' and '.join(missing)}; write one like {_said(known)}")
    return {name: stated[name] for name in known}


def _said(span: Range) -> str:
    return '"' + " ".join(f"{name}={first}-{last}" for name, (first, last) in span.items()) + '"'


def parameters_at(span: Range, place: int, places: int) -> dict[str, int]:
    """The parameters at place 0 .. places - 1 of a range: linear from its first values to its last."""
    steps = max(places - 1, 1)
    return {name: first + (last - first) * place // steps for name, (first, last) in span.items()}


def parameters_of(family: Family, size: int) -> dict[str, int]:
    """The parameters of a size: the others scale with it as in the easy range, and go on so beyond its end."""
    easy = family.ranges["easy"]
    first, last = easy[family.size]
    beyond = max(0, size - first)
    scaled = {name: low + (high - low) * beyond // max(last - first, 1) for name, (low, high) in easy.items()}
    return scaled | {family.size: size}


def words_of(parameters: Parameters) -> str:
    """Parameters as a task's spec states them, "cars=4 locations=6"."""
    return " ".join(f"{name}={value}" for name, value in parameters.items())


@dataclass(frozen=True, slots=True)
class FamilySource:
    """The tasks of a family; satisfies domains.pddl.Source.

    Without a span, tasks are made by size. With one, parameters grow linearly over the tasks; parameters of which all
    problems are taken hand their tasks on to the next larger ones.
    """

    family: Family
    span: Range | None = None
    given: bool = False

    def tasks(
        self, domain: PddlDomain, split: Split, count: int, sizes: Sequence[int], seed: int
    ) -> list[Task]:
        """`count` tasks, no two the same but for names. Raises BadInput if there are too few."""
        return self.along(domain, split, self.places(count, sizes), seed)

    def places(self, count: int, sizes: Sequence[int]) -> list[dict[str, int]]:
        """The parameters of each of `count` tasks."""
        if self.span is not None:
            return [parameters_at(self.span, number, count) for number in range(count)]
        return [parameters_of(self.family, sizes[number * len(sizes) // count]) for number in range(count)]

    def along(
        self, domain: PddlDomain, split: Split, places: Sequence[Mapping[str, int]], seed: int
    ) -> list[Task]:
        """A task of each of these parameters, from small to large. Raises BadInput if there are too few."""
        rungs = list({words_of(parameters): parameters for parameters in places}.values())
        seen: set[str] = set()
        used_up, made = 0, []  # rungs, along a range
        for number, parameters in enumerate(places):
            rung = max(used_up, rungs.index(parameters))
            last = len(rungs) - 1 if self.span else rung
            while (task := self._drawn(domain, split, number, rungs[rung], seed, seen, rung < last)) is None:
                if rung == last:
                    raise too_few(f"{self.family.name} with {words_of(rungs[rung])}", split, number)
                used_up = rung = rung + 1
            made.append(task)
        return made

    def make(self, size: int, rng: random.Random) -> str:
        """A problem of a size."""
        return self.family.make(parameters_of(self.family, size), rng)

    def _drawn(
        self,
        domain: PddlDomain,
        split: Split,
        number: int,
        parameters: Parameters,
        seed: int,
        seen: set[str],
        climbs: bool,
    ) -> Task | None:
        size, said = parameters[self.family.size], words_of(parameters)
        rng = random.Random(seed_of(seed, self.family.name, split, said, number))
        make = partial(self.family.make, parameters, rng)
        attempts = ENOUGH if climbs else ATTEMPTS
        return domain.draw(split, size, number, make, seen, attempts, {"parameters": said})


def open_family(
    recipe: Recipe,
    family: Family,
    names: tuple[str, ...] = (),
    bound: Callable[[Task], int] | None = None,
) -> PddlDomain:
    """The family's domain as a recipe asks for it. Raises BadInput for a range that the family does not have."""
    span = range_of(family, recipe.tasks.range) if recipe.tasks.range else None
    source = FamilySource(family, span)
    return open_pddl(recipe, family.name, family.text, source.make, names, bound, source, family.solve)
