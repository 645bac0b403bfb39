"""The choices of a run, frozen: every value that moves a byte of the result stands here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """Which tasks are deployed, and which are only ever measured on."""

    domain: str = "blocksworld"
    sizes: tuple[int, ...] = tuple(range(6, 15))  # blocks; counts are spread evenly
    count: int = 1000
    heldout: int = 270
    seed: int = 0  # of the tasks; the run's own seed moves only sampling and training


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The model of generation 0, and how it is asked."""

    model: str = "blocks-small"  # a base that ships, a local folder, or a hub name
    prompt: str = "compact"  # a template by name, or a file
    ready_share: float = 0.05  # a base that solves a smaller share of generation 0 is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """How answers are sampled."""

    samples: int = 1  # per task and generation
    temperature: float = 0.7
    top_p: float = 1.0
    top_k: int = 0  # 0: no limit
    max_tokens: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Validate:
    """Who judges, and how a plan is read from an answer."""

    validator: str = "pddl"
    rules: tuple[str, ...] = ("reasoning", "tags", "bare-lines")


@dataclass(frozen=True, slots=True, kw_only=True)
class Curate:
    """Which traces the next generation learns from."""

    rule: Literal["paper", "all-valid", "best-k", "none"] = "paper"
    k: int = 1  # for best-k: traces kept per task
    pool: Literal["all", "last"] = "all"  # traces of all generations so far, or of the last alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """How examples become the next generation."""

    start: Literal["base", "last"] = "base"
    method: Literal["lora", "full"] = "lora"
    rank: int = 32
    alpha: float = 64.0
    dropout: float = 0.0
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    optimizer: Literal["muon", "adamw"] = "muon"
    learning_rate: float = 8e-3
    weight_decay: float = 0.0
    warmup_share: float = 0.0
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    clip: float = 1.0  # of the gradient's norm; 0: no clipping
    epochs: float = 20.0
    max_steps: int = 0  # 0: no limit
    tokens_per_step: int = 2048  # prompt and completion tokens of one optimizer step
    examples_per_step: int = 0  # if not 0, steps hold this many examples instead
    max_length: int = 1024  # tokens; an example that is longer is refused, never cut silently
    validation_share: float = 0.0  # of the examples, kept out for a validation loss
    loss: Literal["sum", "token-mean", "sequence-mean"] = "token-mean"
    augment: Literal["none", "rename"] = "rename"  # rename: permute the objects of a trace
    augment_share: float = 0.5  # chance that an example is renamed in an epoch after the first
    positions: Literal["plain", "jumps"] = "plain"  # jumps: a random start and a few random gaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole run. `seed` moves sampling and training; two runs of one recipe are byte-equal."""

    name: str = "demo"
    seed: int = 0
    generations: int = 5
    tasks: Tasks = field(default_factory=Tasks)
    base: Base = field(default_factory=Base)
    deploy: Deploy = field(default_factory=Deploy)
    validate: Validate = field(default_factory=Validate)
    curate: Curate = field(default_factory=Curate)
    train: Train = field(default_factory=Train)
