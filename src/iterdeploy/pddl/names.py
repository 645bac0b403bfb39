"""What the problems of a domain share: names with their types, and the facts and steps that were read under these.

A fact or a step is checked against the domain once. In another problem it is right again if its objects are there,
for they are of the same types: a problem that declares a name differently starts a `Names` of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from iterdeploy.pddl.kept import MOST, Kept
from iterdeploy.pddl.structures import Action, Domain, Types

if TYPE_CHECKING:
    from iterdeploy.pddl.steps import Step

Fact = tuple[str, tuple[str, ...]]
"""A ground atom, "on a b", and its objects."""


class Names:
    """`facts` by the text that they were read from, `steps` by their action."""

    def __init__(self, types: Mapping[str, Types]) -> None:
        self.facts: Kept[str, Fact] = Kept()
        self.steps: Kept[Action, Step] = Kept()
        self._types = dict(types)

    def agree(self, objects: Mapping[str, Types]) -> bool:
        """Whether all of the objects are of the types known here; new ones are then known too."""
        known = self._types
        if objects.items() <= known.items():
            return True
        both = objects.keys() & known.keys()
        if len(known) + len(objects) - len(both) > MOST or any(objects[name] != known[name] for name in both):
            return False
        known.update(objects)
        return True


def names_for(domain: Domain, objects: Mapping[str, Types]) -> Names:
    """The names of the latest problem of the domain if they agree, else new ones."""
    latest = _latest(domain)
    if not latest[0].agree(objects):
        latest[0] = Names(objects)
    return latest[0]


@lru_cache(maxsize=64)
def _latest(domain: Domain) -> list[Names]:
    """The one place for the latest names of a domain."""
    return [Names(domain.constants)]
