"""Who learned from what: a generation, its examples, the traces they are, the generation that sampled those; and back.

All is read from the files that the steps left; nothing is inferred from names. Of each trace and example only what
names it is decoded, so that a run of many traces is read in one quick pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from hashlib import sha256
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import msgspec

from iterdeploy.errors import BadInput, Torn
from iterdeploy.store import Run
from iterdeploy.store.rows import read_rows
from iterdeploy.types import SPLITS, Generation, Split


class _TraceName(msgspec.Struct, frozen=True):
    id: str
    task_id: str
    generation: int
    sample: int
    model: str


class _Judged(msgspec.Struct, frozen=True):
    trace_id: str
    valid: bool
    cost: int
    fault: str | None
    reason: str


class _Line(msgspec.Struct, frozen=True):
    trace_id: str
    task_id: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Taught:
    """One example of a generation: the trace that it is, and the generation that sampled it."""

    trace_id: str
    task_id: str
    sampled_by: int
    weight: float


@dataclass(frozen=True, slots=True)
class Source:
    """The examples of a generation that one earlier generation sampled."""

    generation: int
    model: str
    examples: int


@dataclass(frozen=True, slots=True)
class Descent:
    """Where one generation comes from; `model` is None until it has answered."""

    number: int
    model: str | None
    parent: str | None  # the model that training started from; None for the base
    parent_generation: int | None
    examples: int
    tasks: int  # different tasks among the examples
    pool: tuple[int, ...]  # generations whose traces the examples were chosen from
    sources: tuple[Source, ...]  # earliest first; their examples add up to `examples`
    fresh: int  # examples that the generation before did not have
    dropped: int  # examples of the generation before that this one has no more
    digests: dict[str, str]  # file, as in the run's folder, to SHA-256: what `sha256sum` prints
    row: Generation | None  # None until the generation is finished


@dataclass(frozen=True, slots=True)
class Origin:
    """One trace: who sampled it, what the validator said, who learned from it."""

    trace_id: str
    task_id: str
    split: Split
    generation: int
    sample: int
    model: str
    valid: bool | None  # None while there is no verdict
    cost: int
    fault: str | None
    reason: str
    trained: tuple[int, ...]  # generations with it among their examples
    inherited: tuple[int, ...]  # others whose weights go on from one of these (train.start = "last")


def generations(run: Run) -> list[Descent]:
    """The descent of each generation that has answers or examples, from the base on.

    Raises Torn if an example names a trace that no generation of its pool sampled.
    """
    found: list[Descent] = []
    before: frozenset[str] = frozenset()
    sampled = _Sampled(run)
    for number in range(run.recipe.generations + 1):
        if not (run.examples_file(number) if number else run.traces_file(0)).exists():
            break
        lines = examples(run, number, sampled)
        found.append(_descent(run, number, lines, before, found))
        before = frozenset(line.trace_id for line in lines)
    return found


def examples(run: Run, generation: int, sampled: _Sampled | None = None) -> list[Taught]:
    """What a generation was trained on, in the order of its file, each with who sampled it; none for the base."""
    if generation == 0:
        return []
    names = sampled or _Sampled(run)
    return [
        Taught(line.trace_id, line.task_id, names.generation_of(line, generation), line.weight)
        for line in read_rows(run.examples_file(generation), _Line)
    ]


def learned(run: Run) -> dict[str, tuple[int, ...]]:
    """Each trace that some generation was trained on, with these generations, earliest first."""
    found: dict[str, tuple[int, ...]] = {}
    for number in _trained(run):
        for line in read_rows(run.examples_file(number), _Line):
            found[line.trace_id] = (*found.get(line.trace_id, ()), number)
    return found


def embed(run: Run) -> dict[str, Any]:
    """Both directions as plain data for a page: {"generations": [Descent as a dict], "learned": {trace: [numbers]}}."""
    return {
        "generations": [asdict(row) for row in generations(run)],
        "learned": {trace: list(numbers) for trace, numbers in learned(run).items()},
    }


def origin(run: Run, trace_id: str) -> Origin:
    """Where a trace comes from, and who learned from it. Raises BadInput with the nearest id if there is none."""
    for generation, split in _answered(run):
        if _holds(run.traces_file(generation, split), trace_id):
            for name in _names(run, generation, split):
                if name.id == trace_id:
                    return _origin(run, name, split)
    raise BadInput(f"no trace {trace_id!r} in {run.path}; {_nearest(run, trace_id)}")


def _holds(file: Path, text: str) -> bool:
    """Whether a text stands in a file as JSON writes it: far quicker than to decode the rows of a large run."""
    if not file.stat().st_size:
        return False
    with open(file, "rb") as data, mmap(data.fileno(), 0, access=ACCESS_READ) as held:
        return held.find(msgspec.json.encode(text)) >= 0


def _origin(run: Run, name: _TraceName, split: Split) -> Origin:
    file = run.verdicts_file(name.generation, split)
    judged = (row for row in (read_rows(file, _Judged) if file.exists() else ()) if row.trace_id == name.id)
    verdict = next(judged, None)
    trained = tuple(
        number
        for number in _trained(run)
        if _holds(run.examples_file(number), name.id)
        and any(line.trace_id == name.id for line in read_rows(run.examples_file(number), _Line))
    )
    return Origin(
        trace_id=name.id,
        task_id=name.task_id,
        split=split,
        generation=name.generation,
        sample=name.sample,
        model=name.model,
        valid=verdict.valid if verdict else None,
        cost=verdict.cost if verdict else 0,
        fault=verdict.fault if verdict else None,
        reason=verdict.reason if verdict else "",
        trained=trained,
        inherited=_inherited(run, trained),
    )


def _inherited(run: Run, trained: Sequence[int]) -> tuple[int, ...]:
    if run.recipe.train.start == "base" or not trained:
        return ()
    return tuple(number for number in _trained(run) if number > trained[0] and number not in trained)


def _descent(
    run: Run, number: int, lines: Sequence[Taught], before: frozenset[str], earlier: Sequence[Descent]
) -> Descent:
    started = None if number == 0 else number - 1 if run.recipe.train.start == "last" else 0
    ids, counts = {line.trace_id for line in lines}, Counter(line.sampled_by for line in lines)
    return Descent(
        number=number,
        model=_model(run, number),
        parent=None if started is None else earlier[started].model,
        parent_generation=started,
        examples=len(lines),
        tasks=len({line.task_id for line in lines}),
        pool=_pool(run, number),
        sources=tuple(Source(n, earlier[n].model or "", counts[n]) for n in sorted(counts)),
        fresh=len(ids - before),
        dropped=len(before - ids),
        digests=_digests(run, number),
        row=run.generation(number),
    )


def _pool(run: Run, number: int) -> tuple[int, ...]:
    """As `curate.pooled` has it: all generations before, or the last alone."""
    return tuple(range(0 if run.recipe.curate.pool == "all" else max(0, number - 1), number))


def _model(run: Run, number: int) -> str | None:
    """The content id that the generation's traces carry; None until it has answered."""
    file = run.traces_file(number)
    if not file.exists():
        return None
    with open(file, "rb") as lines:
        first = lines.readline()
    return msgspec.json.decode(first, type=_TraceName).model if first else None


def _digests(run: Run, number: int) -> dict[str, str]:
    folder = run.adapter(number)
    files = [run.examples_file(number), *(sorted(folder.iterdir()) if folder else ())]
    return {
        str(file.relative_to(run.path)): sha256(file.read_bytes()).hexdigest()
        for file in files
        if number and file.is_file()
    }


class _Sampled:
    """Which generation sampled a trace, a generation's names being read once and when asked for."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._names: dict[int, Mapping[str, str]] = {}

    def generation_of(self, line: _Line, trained: int) -> int:
        for number in _pool(self._run, trained):
            if self._of(number).get(line.trace_id) == line.task_id:
                return number
        raise Torn(
            f"{self._run.examples_file(trained)}: the example {line.trace_id} of task {line.task_id} is no trace of "
            f"generation {', '.join(map(str, _pool(self._run, trained)))}; the file or the traces were changed"
        )

    def _of(self, number: int) -> Mapping[str, str]:
        if number not in self._names:
            self._names[number] = {name.id: name.task_id for name in _names(self._run, number, "deployed")}
        return self._names[number]


def _names(run: Run, generation: int, split: Split) -> list[_TraceName]:
    return read_rows(run.traces_file(generation, split), _TraceName)


def _answered(run: Run) -> Iterator[tuple[int, Split]]:
    for number in range(run.recipe.generations + 1):
        yield from ((number, split) for split in SPLITS if run.traces_file(number, split).exists())


def _trained(run: Run) -> list[int]:
    return [n for n in range(1, run.recipe.generations + 1) if run.examples_file(n).exists()]


def _nearest(run: Run, wanted: str) -> str:
    ids = [name.id for generation, split in _answered(run) for name in _names(run, generation, split)]
    if not ids:
        return "no generation has answered yet"
    close = [known for known in ids if known.startswith(wanted)][:3] or get_close_matches(wanted, ids, n=1)
    return f"did you mean {', '.join(close)}?" if close else f"they look like {ids[0]}"
