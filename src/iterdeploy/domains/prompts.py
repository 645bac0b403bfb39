"""Prompt templates: from a PDDL task to what the model reads.

`compact` is for small models with a vocabulary of words: the atoms of the initial state and of the goal, grouped by
predicate. A goal atom is marked with `!` and written last argument first: a tower is then read upwards in the goal
by the same look-up that reads it downwards in the initial state (a first base that had to walk the goal backwards
learned that last of all, and badly). Objects are listed by their types where there are several types. A goal that is
more than atoms is written as it stands in PDDL, in words, and so are literals of the initial state that are none.

`paper` has the structure of the paper's prompt: role and task, the domain, the instance, two worked examples of
other domains, a checklist. A file is a template too: text with {domain} and {problem} in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from iterdeploy.domains.atoms import Atom, is_plain, words_of
from iterdeploy.errors import BadInput, nearest

Template = Callable[[str, str], str]
"""From the texts of a domain and a problem to a prompt."""


def template(name: str) -> Template:
    """A template by name, or from a file that holds {domain} and {problem}. Raises BadInput."""
    if name == "compact":
        return compact
    if name == "paper":
        return paper
    if Path(name).is_file():
        return _from_text(_read(Path(name)), name)
    raise BadInput(
        f"no prompt template '{name}', neither a file nor a name; {nearest(name, ['compact', 'paper'])}"
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise BadInput(f"the prompt template {file} can't be read as UTF-8 text: {cause}") from cause


def compact(domain: str, problem: str) -> str:
    """The words of the problem alone; the domain is what the small model was taught."""
    said = words_of(problem)
    types: dict[str, list[str]] = {}
    for name, kind in said.objects:
        types.setdefault(kind or "object", []).append(name)
    return compact_prompt(said.init, said.goal, objects=types if len(types) > 1 else {})


def compact_prompt(
    init: Sequence[Atom],
    goal: Sequence[Atom],
    cue: str = "<think>",
    objects: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The compact prompt of atoms; it ends in the cue that the answer follows. `objects` are listed by type."""
    listed = "".join(f" {' '.join((kind, *names))} |" for kind, names in (objects or {}).items())
    listed = f"objects{listed}\n" if objects else ""
    start = "".join(f" {' '.join(atom)}" for atom in grouped(init))
    wanted = "".join(f" {_wanted(atom)}" for atom in grouped(goal))
    return f"<bos> {listed}init{start}\ngoal{wanted}\n{cue}"


def _wanted(atom: Atom) -> str:
    return f"!{' '.join((atom[0], *reversed(atom[1:])))}" if is_plain(atom) else " ".join(atom)


def grouped(atoms: Sequence[Atom]) -> list[Atom]:
    """Atoms by the name of their predicate, the problem's order within each."""
    return sorted(atoms, key=lambda atom: atom[0])


def paper(domain: str, problem: str) -> str:
    """The paper's structure, in our words."""
    return _from_text(_paper_text(), "paper")(domain, problem)


@lru_cache(maxsize=1)
def _paper_text() -> str:
    return (files("iterdeploy.domains") / "paper.prompt.txt").read_text(encoding="utf-8")


def _from_text(text: str, name: str) -> Template:
    missing = [field for field in ("{domain}", "{problem}") if field not in text]
    if missing:
        raise BadInput(f"the prompt template {name} lacks {' and '.join(missing)}")
    return lambda domain, problem: _FIELD.sub(
        lambda found: (domain if found[1] == "domain" else problem).strip(), text
    )


_FIELD = re.compile(r"\{(domain|problem)\}")  # both at once: a comment in a domain may hold "{problem}"
