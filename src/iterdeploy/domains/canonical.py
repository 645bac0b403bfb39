"""Which tasks are the same but for the names of their objects.

Colour refinement (Weisfeiler-Leman) over the atoms of a problem: two problems that differ only by
renaming get the same digest. The converse may fail, rarely, and then errs on the safe side: two
different problems are taken for one. The digest also decides who may see a problem: the base in
its demonstrations, the deployed tasks, or the held-out tasks. So no two of them can ever share one,
whatever the seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Literal

Atom = tuple[str, ...]
Share = Literal["base", "deployed", "heldout"]

LOOKED_AT = 400_000  # atoms, over all rounds: about half a second
LEAST_ROUNDS = 4


def digest_number(value: object) -> int:
    """64 bits of a value's `repr`, the same in every process."""
    return int.from_bytes(blake2b(repr(value).encode(), digest_size=8).digest(), "big")


def canonical_digest(
    init: Iterable[Atom], goal: Iterable[Atom], types: Sequence[tuple[str, str]] = ()
) -> str:
    """16 hex digits that do not change when objects are renamed or atoms reordered."""
    atoms = [("i", *a) for a in init] + [("g", *a) for a in goal]
    colour = refined(atoms, types)
    rows = sorted((k, p, tuple(colour[o] for o in args)) for k, p, *args in atoms)
    return f"{digest_number((rows, sorted(colour.values()))):016x}"


def refined(atoms: Sequence[Atom], types: Iterable[tuple[str, str]]) -> dict[str, int]:
    """A colour for each object, the same for objects that the refinement cannot tell apart.

    An atom is (kind, predicate, object, ...). Rounds are limited for problems of many thousand atoms: two objects that
    differ only in what lies far away may then share a colour, which again errs on the safe side.
    """
    first: dict[str, int] = {o: 0 for a in atoms for o in a[2:]} | {o: digest_number(t) for o, t in types}
    number = {o: i for i, o in enumerate(first)}
    rows = [(word_hash(kind + predicate), [number[o] for o in args]) for kind, predicate, *args in atoms]
    colour = list(first.values())
    kinds = len(set(colour))
    for _ in range(max(LEAST_ROUNDS, LOOKED_AT // (len(atoms) + 1))):
        seen: list[list[int]] = [[] for _ in colour]
        for word, args in rows:
            colours = tuple([colour[i] for i in args])
            for place, i in enumerate(args):
                seen[i].append(hash((word, place, colours)))
        colour = [hash((before, *sorted(around))) for before, around in zip(colour, seen, strict=True)]
        now = len(set(colour))
        if now <= kinds:
            break
        kinds = now
    return dict(zip(first, colour, strict=True))


@lru_cache(maxsize=4096)
def word_hash(word: str) -> int:
    """A hash that is the same in every process (Python salts the hashes of strings, not of numbers)."""
    return digest_number(word)


def share_of(digest: str) -> Share:
    """Who may see a problem: half of all go to the base, three tenths are deployed, the rest held out."""
    slot = int(digest[:4], 16) % 10
    return "base" if slot < 5 else "deployed" if slot < 8 else "heldout"
