"""A folder of PDDL files as a domain: no code, only a domain.pddl and problems, as they come from anywhere.

What defines a domain and what a problem is told by the text, not by the name. A problem takes the domain file that is
named like it (p01-domain.pddl or domain01.pddl for p01.pddl), else the one in its folder, else the nearest above.
Under subfolders `deployed` and `heldout` problems keep to those splits; else their canonical digest decides.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from iterdeploy.domains.canonical import digest_number, share_of
from iterdeploy.domains.digests import digest_of
from iterdeploy.domains.pddl import PddlDomain, open_pddl
from iterdeploy.errors import BadInput
from iterdeploy.pddl import Domain, PddlError, Problem, parse_domain, parse_problem
from iterdeploy.pddl.errors import BeyondError
from iterdeploy.pddl.judges import GET_VAL
from iterdeploy.pddl.lexer import Group, head, read
from iterdeploy.pddl.outline import outline_of_domain, outline_of_problem
from iterdeploy.pddl.val import find_val
from iterdeploy.recipe import Recipe
from iterdeploy.seeds import seed_of
from iterdeploy.types import SPLITS, Split, Task

Read = TypeVar("Read", Domain, Problem)


@dataclass(frozen=True, slots=True)
class Found:
    """One problem of a folder."""

    file: str  # relative to the folder, with "/"
    domain: str
    problem: str
    digest: str
    size: int  # objects
    split: Split


@dataclass(frozen=True, slots=True)
class FolderSource:
    """The problems of a folder as tasks; satisfies domains.pddl.Source."""

    folder: Path
    given: bool = True

    def tasks(
        self, domain: PddlDomain, split: Split, count: int, sizes: Sequence[int], seed: int
    ) -> list[Task]:
        """`count` of the folder's problems in the order of their names, chosen by `seed`; `sizes` say nothing.

        Raises BadInput if there are fewer, or if a file cannot be read.
        """
        found = problems_of(self.folder)
        mine = [one for one in found if one.split == split]
        if len(mine) < count:
            raise BadInput(_too_few(self.folder, found, split, count))
        rng = random.Random(seed_of(seed, domain.name, split))
        chosen = [mine[place] for place in sorted(rng.sample(range(len(mine)), count))]
        return [self._task(domain, one, number) for number, one in enumerate(chosen)]

    def _task(self, domain: PddlDomain, one: Found, number: int) -> Task:
        spec = {"domain": one.domain, "problem": one.problem, "canonical": one.digest, "file": one.file}
        task_id = f"{one.split[0]}{one.size:02d}-{number:04d}"
        return Task(task_id, domain.name, domain.prompt(one.domain, one.problem), spec, one.split, one.size)


def problems_of(folder: Path) -> list[Found]:
    """The problems of a folder, in the order of their names, none twice but for names.

    Raises BadInput for a file that cannot be read, naming its line; for a problem without a domain; for a problem
    outside the subfolders where there are some; and for one that is both deployed and held out.
    """
    texts = {file: _text(file) for file in sorted(folder.rglob("*.pddl"), key=_natural)}
    kinds = {file: _kind(file, text) for file, text in texts.items()}
    domains = [file for file, kind in kinds.items() if kind == "domain"]
    problems = [file for file, kind in kinds.items() if kind == "problem"]
    if not domains:
        raise BadInput(f"{folder} has no domain.pddl, and no other file in it defines a PDDL domain")
    if not problems:
        raise BadInput(
            f"{folder} has a domain and no problem: no .pddl file in it or below begins (define (problem"
        )
    several = len({texts[file] for file in domains}) > 1
    named = any(_named_split(folder, file) for file in problems)
    found: dict[str, Found] = {}
    for file in problems:
        one = _found(folder, file, texts, _domain_for(folder, file, domains), several, named)
        first = found.setdefault(one.digest, one)
        if first.split != one.split:
            raise BadInput(
                f"{folder}: {first.file} is {first.split} and {one.file} is {one.split}, but they are the same "
                "problem, at most with other names; remove one"
            )
    return list(found.values())


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise BadInput(f"{file} can't be read as UTF-8 text: {cause}") from cause


def _natural(file: Path) -> list[tuple[int, str]]:
    """Numbers in names by their value: p2 before p10."""
    parts = re.split(r"(\d+)", file.as_posix())
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


def _kind(file: Path, text: str) -> str:
    """ "domain" or "problem"."""
    try:
        items = read(text).items
    except PddlError as error:
        raise _misread(file, error) from error
    kind = head(items[1]) if len(items) > 1 and isinstance(items[1], Group) else ""
    if items[:1] != ["define"] or kind not in ("domain", "problem"):
        raise BadInput(
            f"{file} is neither a PDDL domain nor a problem: it must begin (define (domain or (define (problem"
        )
    return kind


def _misread(file: Path, error: PddlError) -> BadInput:
    line = f", line {error.line}" if error.line else ""
    return BadInput(f"{file}{line}: {error.message}")


def _named_split(folder: Path, file: Path) -> Split | None:
    parts = file.relative_to(folder).parts[:-1]
    return next((split for split in SPLITS if split in parts), None)


def _domain_for(folder: Path, problem: Path, domains: Sequence[Path]) -> Path:
    number = re.search(r"\d+$", problem.stem)
    mine = (problem.stem, *([number[0]] if number else []))
    at = problem.parent
    while True:
        here = [file for file in domains if file.parent == at]
        own = [file for file in here if _key(file) in mine] if at == problem.parent else []
        shared = [file for file in here if not _key(file)] or (here if len(here) == 1 else [])
        if own or shared:
            return (own or shared)[0]
        if at == folder:
            raise BadInput(
                f"no domain for {problem}: put a domain.pddl beside it or above it, or name one "
                f"{problem.stem}-domain.pddl"
            )
        at = at.parent


def _key(domain: Path) -> str:
    """What the name of a domain file says besides that it is one: "p01" for p01-domain.pddl."""
    return domain.stem.lower().replace("domain", "").strip("-_. ")


def _found(
    folder: Path, file: Path, texts: dict[Path, str], domain_file: Path, several: bool, named: bool
) -> Found:
    domain_text, text = texts[domain_file], texts[file]
    domain = _read_with(parse_domain, outline_of_domain, domain_file, domain_text)
    problem = _read_with(
        lambda text: parse_problem(text, parse_domain(domain_text)),
        lambda text: outline_of_problem(text, outline_of_domain(domain_text)),
        file,
        text,
    )
    digest = digest_of(text, domain_text)
    if several:
        digest = f"{digest_number((domain_text, digest)):016x}"
    split = _named_split(folder, file)
    if split is None:
        if named:
            raise BadInput(f"{file} is in neither deployed/ nor heldout/, and other problems of {folder} are")
        split = "heldout" if share_of(digest) == "heldout" else "deployed"  # no share is kept for a base
    size = len(problem.objects) - len(domain.constants)
    return Found(file.relative_to(folder).as_posix(), domain_text, text, digest, size, split)


def _read_with(parse: Callable[[str], Read], outline: Callable[[str], Read], file: Path, text: str) -> Read:
    """What a file says; its outline where only VAL can read the whole, and VAL is there to judge the plans."""
    try:
        try:
            return parse(text)
        except BeyondError as beyond:
            if find_val() is None:
                raise PddlError(f"{beyond.message}; {GET_VAL}", beyond.line, beyond.column) from beyond
            return outline(text)
    except PddlError as error:
        raise _misread(file, error) from error


def _too_few(folder: Path, found: Sequence[Found], split: Split, count: int) -> str:
    deployed = sum(one.split == "deployed" for one in found)
    return (
        f"{folder} has {deployed} problems to deploy and {len(found) - deployed} to hold out (those that are the same "
        f"but for names count once), and {count} {split} were asked for; ask for no more (tasks.count={deployed} "
        f"tasks.heldout={len(found) - deployed}), or sort the files into subfolders deployed/ and heldout/ yourself"
    )


def open_folder(recipe: Recipe, folder: Path) -> PddlDomain:
    """The domain of a folder; nothing is read before its tasks are asked for."""
    if recipe.tasks.range:
        raise BadInput(
            f"tasks.range = {recipe.tasks.range!r}, but the problems of {folder} are as large as they are; "
            'set tasks.range = ""'
        )

    def make(size: int, rng: random.Random) -> str:
        raise BadInput(f"the problems of {folder} are files; none can be made")

    return open_pddl(recipe, folder.resolve().name, "", make, source=FolderSource(folder))
