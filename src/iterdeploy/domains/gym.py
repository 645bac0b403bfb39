"""Every data set of reasoning-gym as a domain, `gym:NAME`: its questions, and the verdicts of its own scorer.

The recipe's `tasks.range` holds the data set's settings, such as "min_terms=2 max_terms=size"; the word `size` stands
for the task's size. The first use of the package is in `_registry`, for it is an extra.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from iterdeploy.domains.canonical import digest_number, share_of
from iterdeploy.domains.gym_score import score
from iterdeploy.domains.pddl import too_few
from iterdeploy.domains.reply import read_reply, verdict
from iterdeploy.errors import BadInput, nearest
from iterdeploy.pddl.rules import rules_of
from iterdeploy.recipe import Recipe
from iterdeploy.seeds import seed_of
from iterdeploy.types import Fault, Split, Task, Trace, Verdict

PREFIX = "gym:"

ENOUGH = 1.0
"""The score from which on an answer is valid: what every scorer gives the right answer."""

UNANSWERED = ("boxnet", "graph_color", "propositional_logic", "rubiks_cube", "rush_hour")
"""Data sets whose tasks come without a reference answer: their scorers alone know."""

SALTED = ("isomorphic_strings", "knight_swap", "polynomial_multiplication", "ransom_note", "word_ladder")
"""Data sets that walk through sets of strings, in an order that Python draws anew for each process: the tasks of these
are made in a process of their own where that order is fixed, or one seed would give other tasks each time."""

ATTEMPTS = 400
"""Questions in a row that may be no new task before a size is said to have too few."""

CHUNK = 500  # questions of one seed

PAPER = """\
{question}

Think it through step by step. Then give the final answer alone between <answer> and </answer>, without explanation; \
where the question shows how an answer looks, keep to that form exactly."""
COMPACT = "<bos> {question}\n<think>"

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GymDomain:
    """Satisfies types.Domain."""

    name: str
    span: str  # the settings as the recipe states them
    prompt: str  # with {question}
    rules: tuple[str, ...]
    _judges: dict[int, Any] = field(default_factory=dict, repr=False, compare=False)  # data sets by size

    @property
    def settings(self) -> Settings:
        """The data set's settings; one whose value is "size" takes each task's size."""
        return _settings(self.name, self.span)

    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        """`count` tasks, spread evenly over `sizes`, no two with one question.

        A question's digest decides its split. Raises BadInput if a size has too few questions, or a setting is refused.
        """
        if len(sizes) > 1 and "size" not in self.settings.values():
            raise BadInput(
                f"tasks.sizes names {len(sizes)} sizes, but no setting of {self.name} in tasks.range is `size`; "
                f"set tasks.sizes=[1], or give one that value: {', '.join(_whole_numbers(self.name))}"
            )
        if self._salted and os.environ.get("PYTHONHASHSEED") != "0":
            return _made_apart(self, split, count, sizes, seed)
        numbers = [sizes[number * len(sizes) // count] for number in range(count)]
        return [task for size in sizes for task in self._of_size(split, numbers.count(size), size, seed)]

    @property
    def _salted(self) -> bool:
        """Whether the data set, or a part of the mixture, is one of SALTED."""
        return any(name in (self.name + self.span) for name in SALTED)

    def _of_size(self, split: Split, count: int, size: int, seed: int) -> list[Task]:
        made: dict[str, Task] = {}
        missed = 0
        entries = self._entries(split, size, seed)
        while len(made) < count:
            entry = next(entries)
            question = str(entry["question"])
            digest = question_digest(self.name, question)
            if share_of(digest) == split and digest not in made:
                missed = 0
                task_id = f"{split[0]}{size:02d}-{len(made):04d}"
                spec = {"entry": packed(entry), "canonical": digest}
                prompt = self.prompt.replace("{question}", question.strip())
                made[digest] = Task(task_id, self.name, prompt, spec, split, size)
            elif (missed := missed + 1) > ATTEMPTS:
                raise too_few(f"{self.name} of size {size}", split, len(made))
        return list(made.values())

    def _entries(self, split: Split, size: int, seed: int) -> Iterator[dict[str, Any]]:
        chunk = 0
        while True:
            drawn = seed_of(seed, self.name, split, size, chunk) % 2**31
            dataset = _dataset(self.name, self.settings, size, drawn)
            yield from (dataset[number] for number in range(CHUNK))
            chunk += 1

    def validate(self, task: Task, trace: Trace) -> Verdict:
        """Read the answer, and ask the data set's scorer; a partial score stands in the reason."""
        reply = read_reply(trace, "answer", self.rules)
        if reply.fault is not None:
            return verdict(trace, "gym", reply, reply.fault, reply.reason)
        if task.size not in self._judges:
            self._judges[task.size] = _dataset(self.name, self.settings, task.size, 0)
        dataset = self._judges[task.size]
        found = score(self.name.removeprefix(PREFIX), dataset, unpacked(task.spec["entry"]), reply.text)
        if found.fault is None and found.score < ENOUGH:
            return verdict(
                trace, "gym", reply, Fault.GOAL, f"the answer scores {found.score:.3g} of {ENOUGH:g}"
            )
        return verdict(trace, "gym", reply, found.fault, found.reason)

    def reference(self, task: Task) -> str | None:
        """The data set's own answer to a task; None for those in UNANSWERED."""
        answer = unpacked(task.spec["entry"])["answer"]
        return None if answer is None else str(answer)


def question_digest(name: str, question: str) -> str:
    """16 hex digits of a data set's question; white space does not count."""
    return f"{digest_number((name, ' '.join(question.split()))):016x}"


def _made_apart(domain: GymDomain, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
    """As `GymDomain.tasks`, in a process whose strings hash the same each time."""
    asked = (domain.name, domain.span, domain.prompt, domain.rules, split, count, list(sizes), seed)
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", "from iterdeploy.domains.gym import make_here; make_here()"]
    done = subprocess.run(command, input=json.dumps(asked), env=environment, capture_output=True, text=True)
    if done.returncode == _REFUSED:
        raise BadInput(done.stderr.strip())
    if done.returncode != 0:
        raise RuntimeError(f"making tasks of {domain.name} failed: {done.stderr.strip()[-2000:]}")
    return msgspec.json.decode(done.stdout, type=list[Task])


_REFUSED = 3  # the exit status of a process that was given bad input


def make_here() -> None:
    """The tasks that standard input asks for, written to standard output: what `_made_apart` runs."""
    name, span, prompt, rules, *asked = json.load(sys.stdin)
    try:
        tasks = GymDomain(name, span, prompt, tuple(rules)).tasks(*asked)
    except BadInput as error:
        print(error, file=sys.stderr)
        sys.exit(_REFUSED)
    sys.stdout.write(msgspec.json.encode(tasks).decode())


def packed(value: Any) -> str:
    """An entry as JSON that keeps tuples and keys that are no strings."""
    return json.dumps(_plain(value), ensure_ascii=False)


def unpacked(text: str) -> Any:
    """What `packed` was given."""
    return json.loads(text, object_hook=_restored)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {str(key): _plain(item) for key, item in value.items()}
        return {"__items__": [[_plain(key), _plain(item)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"__tuple__": [_plain(item) for item in value]}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value  # a numpy string is a str too


def _restored(found: dict[str, Any]) -> Any:
    if found.keys() == {"__tuple__"}:
        return tuple(found["__tuple__"])
    if found.keys() == {"__items__"}:
        return dict(found["__items__"])
    return found


def open_gym(recipe: Recipe, name: str) -> GymDomain:
    """The data set that `gym:NAME` names, with the settings, the prompt and the reading rules of a recipe.

    Raises BadInput where the package is missing, and for an unknown data set, setting or value.
    """
    known = _registry()
    if name.removeprefix(PREFIX) not in known:
        near = nearest(name.removeprefix(PREFIX), known)
        raise BadInput(f"reasoning-gym has no data set {name.removeprefix(PREFIX)!r}; {near}")
    settings = _settings(name, recipe.tasks.range)
    for size in recipe.tasks.sizes if "size" in settings.values() else recipe.tasks.sizes[:1]:
        _dataset(name, settings, size, 0)  # a value that it refuses is said before a run has a folder
    rules_of(recipe.validate.rules)
    return GymDomain(name, recipe.tasks.range, _template(recipe.base.prompt), recipe.validate.rules)


def _template(name: str) -> str:
    if name in ("compact", "paper"):
        return COMPACT if name == "compact" else PAPER
    if not Path(name).is_file():
        raise BadInput(
            f"no prompt template '{name}', neither a file nor a name; {nearest(name, ['compact', 'paper'])}"
        )
    text = Path(name).read_text(encoding="utf-8")
    if "{question}" not in text:
        raise BadInput(f"the prompt template {name} lacks {{question}}")
    return text


_SETTING = re.compile(r"(\w+)=(\[[^\]]*\]|\"[^\"]*\"|\S+)\s*")


def _settings(name: str, text: str) -> Settings:
    """The settings that tasks.range states: each value is TOML, or else a string."""
    if _SETTING.sub("", text.strip()):
        raise BadInput(
            f"tasks.range = {text!r} is no list of settings of {name}; write such as 'min_terms=2 max_terms=size'"
        )
    known = _fields(name)
    found: dict[str, Any] = {}
    for key, value in _SETTING.findall(text):
        if key not in known:
            raise BadInput(f"tasks.range: {name} has no setting {key!r}; {nearest(key, known)}")
        found[key] = _value(value)
    if name == f"{PREFIX}composite":
        found["datasets"] = _members(found.get("datasets", []))
    return found


def _value(text: str) -> Any:
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text
    return tuple(value) if isinstance(value, list) else value


def _members(names: Sequence[str]) -> list[Any]:
    """The parts of the mixture, each as it comes."""
    from reasoning_gym.composite import DatasetSpec

    unknown = [name for name in names if name not in _registry() or name == "composite"]
    if unknown or not names:
        raise BadInput(
            f'gym:composite mixes data sets, such as tasks.range=\'datasets=["chain_sum","gcd"]\'; '
            f"unknown here: {', '.join(map(str, unknown)) or 'none is named'}"
        )
    return [DatasetSpec(name=name, weight=1.0, config={}) for name in names]


@lru_cache(maxsize=1)
def _registry() -> Mapping[str, Any]:
    try:
        from reasoning_gym.factory import DATASETS
    except ModuleNotFoundError as cause:
        raise BadInput(
            f"the domains {PREFIX}NAME need the package reasoning-gym, and {cause.name} is not installed; "
            "pip install 'iterdeploy[gym]'"
        ) from cause
    found: Mapping[str, Any] = DATASETS
    return found


def datasets() -> list[str]:
    """The names of all data sets. Raises BadInput where the package is missing."""
    return sorted(_registry())


def _fields(name: str) -> dict[str, Any]:
    config = _registry()[name.removeprefix(PREFIX)][1]
    return {one.name: one.default for one in fields(config) if one.name not in ("seed", "size")}


def _whole_numbers(name: str) -> list[str]:
    """The settings that `size` may stand in for."""
    return [key for key, value in _fields(name).items() if type(value) is int] or ["it has none"]


def _dataset(name: str, settings: Settings, size: int, seed: int) -> Any:
    given = {key: size if value == "size" else value for key, value in settings.items()}
    try:
        return _made(name.removeprefix(PREFIX), tuple(sorted(given.items(), key=lambda item: item[0])), seed)
    except (AssertionError, ValueError, TypeError) as cause:
        said = " ".join(f"{key}={value}" for key, value in given.items()) or "its defaults"
        raise BadInput(f"{name} refuses {said}: {cause or 'its config does not allow it'}") from cause


def _made(name: str, settings: tuple[tuple[str, Any], ...], seed: int) -> Any:
    from reasoning_gym.factory import create_dataset

    return create_dataset(name, **dict(settings), seed=seed, size=CHUNK)
