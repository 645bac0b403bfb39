"""The words of the loop: a task is deployed, its trace gets a verdict, examples make a generation.

All data is frozen; behaviour stands in three small protocols at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

Split = Literal["deployed", "heldout"]
SPLITS: tuple[Split, ...] = ("deployed", "heldout")

Finish = Literal["stop", "length", "filtered"]
"""Why an answer ended: by its end token, at the token limit, or by a server that refused or withheld it."""


class Fault(StrEnum):
    """Why an answer is not a valid plan: a closed set, in the order in which they are looked for."""

    TRUNCATED = "truncated"  # the answer hit the token limit before its end token
    NO_PLAN = "no-plan"  # nothing in the answer could be read as a plan
    AMBIGUOUS = "ambiguous"  # several different plans, or a plan that corrects itself
    SYNTAX = "syntax"  # a line of the plan is not an action
    UNKNOWN_ACTION = "unknown-action"
    ARITY = "arity"
    UNKNOWN_OBJECT = "unknown-object"
    TYPE = "type"
    PRECONDITION = "precondition"
    GOAL = "goal"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Task:
    """One problem: what the model reads (`prompt`), and what only the validator needs (`spec`)."""

    id: str
    domain: str
    prompt: str
    spec: Mapping[str, str]  # for PDDL: {"domain": text, "problem": text, "canonical": digest}
    split: Split
    size: int  # the domain's own measure of size, e.g. blocks


@dataclass(frozen=True, slots=True)
class Request:
    """One answer asked of a model; `seed` alone decides its randomness."""

    trace_id: str
    task_id: str
    prompt: str
    generation: int
    sample: int
    seed: int


@dataclass(frozen=True, slots=True)
class Trace:
    """One answer of a model, untouched: the text and the token ids that were sampled."""

    id: str
    task_id: str
    generation: int
    sample: int
    model: str  # content id of the model that answered
    text: str  # the completion decoded, special tokens kept; before it what a chat template has opened of it
    prompt_ids: tuple[int, ...]
    token_ids: tuple[
        int, ...
    ]  # the completion, end token included where it was sampled; () where a server keeps them
    logprobs: tuple[float, ...]  # log-probability of each sampled token at the sampling settings, nats
    finish: Finish
    source: str = "model"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The validator's answer about one trace."""

    trace_id: str
    validator: str
    valid: bool
    cost: int  # plan steps; 0 where no plan was read
    fault: Fault | None  # None exactly if valid
    reason: str  # one sentence; empty if valid
    plan: tuple[str, ...] = ()  # the plan as it was validated, one "(action arg ...)" a step
    reasoning_tokens: int = 0
    rules: tuple[str, ...] = ()  # the extraction rules that were needed to read the plan


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely a chosen trace was when it was sampled, and is for the generation that is trained next from.

    Both are summed log-probabilities of its completion at the sampling settings, in nats.
    """

    trace_id: str
    then: float
    now: float


@dataclass(frozen=True, slots=True)
class Example:
    """One training line; it names the trace it is made of, and holds that trace's own token ids."""

    trace_id: str
    task_id: str
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Generation:
    """What one generation did: a row of the run's table. Seconds are kept apart, in the clock."""

    number: int
    model: str
    parent: str | None
    asked: int
    solved: int
    heldout_asked: int
    heldout_solved: int
    examples: int  # training examples this generation was made of; 0 for the base


@dataclass(frozen=True, slots=True)
class Question:
    """One item of a probe: answered by sampling, or, where it holds `completion_ids`, scored by its likelihood."""

    id: str
    prompt: str = ""
    answer: str = ""  # for the probe's own judgement
    prompt_ids: tuple[int, ...] = ()
    completion_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """What one generation made of one question; the probe's number is the mean of `value`."""

    question_id: str
    model: str
    value: float  # higher is better; of a scored question nats a token
    text: str  # what was answered; empty where it was scored


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a run ended before its last generation."""

    generation: (
        int  # the last that was deployed, if `cause` is stop; the candidate that was not, if it is gate
    )
    cause: Literal["stop", "gate"]
    rules: tuple[str, ...]  # which rules or gates
    reasons: tuple[str, ...]  # a sentence with the numbers for each
    last_good: int  # the generation that counts as the current one


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a long step stands; `note` carries a figure worth seeing, such as the loss."""

    generation: int
    step: str
    done: int
    total: int
    note: str = ""


Observer = Callable[[Progress], None]
Checkpoint = Callable[[str], None]
"""Called with the name of each point of a run, e.g. "gen-1/deploy/written"; tests kill a run there."""


def ignore_progress(progress: Progress) -> None:
    """An Observer that shows nothing."""


def ignore_point(name: str) -> None:
    """A Checkpoint that does nothing."""


Names = Sequence[str] | Sequence[Sequence[str]]
"""Object names that may be permuted: all among each other, or, in groups, those of a group among themselves."""


def groups_of(names: Names) -> tuple[tuple[str, ...], ...]:
    """The names in groups; names that come in none are one."""
    found = tuple((name,) if isinstance(name, str) else tuple(name) for name in names)
    alone = tuple(name for name in names if isinstance(name, str))
    return (alone,) if alone and len(alone) == len(found) else found


class Domain(Protocol):
    """A source of tasks and the judge of their answers."""

    @property
    def name(self) -> str:
        """The domain's name, as its tasks carry it."""
        ...

    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        """`count` distinct tasks, spread evenly over `sizes`; the two splits never share one."""
        ...

    def validate(self, task: Task, trace: Trace) -> Verdict:
        """The verdict on one answer; a bad answer is a verdict, never an exception."""
        ...


class Model(Protocol):
    """A deployed generation, known by its content."""

    @property
    def id(self) -> str:
        """The content id; every trace carries it."""
        ...

    def answer(self, requests: Sequence[Request], done: AbstractSet[str] = frozenset()) -> Iterator[Trace]:
        """Yield a trace for each request whose id is not in `done`, as they finish.

        The whole list is given even when parts are done: a model may answer in blocks of neighbours, and an answer
        then depends on its block (the last bits of a sum differ with its neighbours), never on what is done.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """All that training needs to know: what from, what on, where to, and its randomness."""

    generation: int
    examples: Sequence[Example]
    start: Path | None  # adapter folder to continue from; None is the base
    out: Path  # folder that will hold the adapter
    scratch: Path  # folder for what a killed training resumes from
    seed: int
    observe: Observer = field(default=ignore_progress)
    point: Checkpoint = field(default=ignore_point)


class Probe(Protocol):
    """Questions that are put to every generation and never trained on; `value` judges an answer."""

    def questions(self, count: int) -> list[Question]:
        """`count` questions, the same at every call."""
        ...

    def value(self, question: Question, text: str) -> float:
        """What a sampled answer is worth; higher is better. Not called for scored questions."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """A Model that also tells how likely a given answer is."""

    def score(self, answers: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
        """For each (prompt ids, completion ids), the completion's summed log-probability as it is sampled, in nats."""
        ...


class Trainer(Protocol):
    """Turns examples into the next generation, and opens generations for deployment."""

    def train(self, job: TrainingJob) -> None:
        """Leave an adapter in `job.out`; the caller puts the folder in place."""
        ...

    def load(self, adapter: Path | None) -> Model:
        """The model of one generation; None is the base."""
        ...
