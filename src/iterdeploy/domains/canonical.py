"""Which tasks are the same but for the names of their objects.

Colour refinement (Weisfeiler-Leman) over the atoms of a problem: two problems that differ only by
renaming get the same digest. The converse may fail, rarely, and then errs on the safe side: two
different problems are taken for one. The digest also decides who may see a problem: the base in
its demonstrations, the deployed tasks, or the held-out tasks. So no two of them can ever share one,
whatever the seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    colour: dict[str, int] = {o: 0 for a in atoms for o in a[2:]} | {o: digest_number(t) for o, t in types}
    kinds = len(set(colour.values()))
    for _ in range(max(LEAST_ROUNDS, LOOKED_AT // (len(atoms) + 1))):
        seen: dict[str, list[int]] = {o: [] for o in colour}
        for kind, predicate, *args in atoms:
            colours = tuple(colour[o] for o in args)
            for place, o in enumerate(args):
                seen[o].append(hash_words(kind + predicate, place, colours))
        colour = {o: hash((colour[o], *sorted(seen[o]))) for o in colour}
        now = len(set(colour.values()))
        if now <= kinds:
            break
        kinds = now
    return colour


_WORDS: dict[str, int] = {}


def hash_words(word: str, place: int, colours: tuple[int, ...]) -> int:
    """A hash that is the same in every process (Python salts the hashes of strings)."""
    if word not in _WORDS:
        _WORDS[word] = digest_number(word)
    return hash((_WORDS[word], place, colours))


def share_of(digest: str) -> Share:
    """Who may see a problem: half of all go to the base, three tenths are deployed, the rest held out."""
    slot = int(digest[:4], 16) % 10
    return "base" if slot < 5 else "deployed" if slot < 8 else "heldout"
