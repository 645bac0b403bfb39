"""What each setting of a recipe may be: a claim in words, and whether a value holds to it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from iterdeploy.gates import gate_of

Range = tuple[str, Callable[[Any], bool]]

_POSITIVE: Range = ("a number above 0", lambda v: 0 < v < math.inf)
_NOT_NEGATIVE: Range = ("a number of 0 or more", lambda v: 0 <= v < math.inf)
_AT_LEAST_ONE: Range = ("a number of 1 or more", lambda v: 1 <= v < math.inf)
_COUNT: Range = ("1 or more", lambda v: v >= 1)
_COUNT_OR_NONE: Range = ("0 or more", lambda v: v >= 0)
_SHARE: Range = ("a share from 0 to 1", lambda v: 0 <= v <= 1)
_PART: Range = ("a share from 0 to below 1", lambda v: 0 <= v < 1)
_SEED: Range = ("a whole number from 0 to 2**63 - 1", lambda v: 0 <= v < 2**63)
_NAMED: Range = ("a name", lambda v: bool(v.strip()))
_WORD: Range = (
    "a name that a folder can have: letters, digits, spaces, '.', '_' and '-'",
    lambda v: re.fullmatch(r"\w[\w. -]*", v) is not None,
)
_SIZES: Range = (
    "one or more different sizes, each 1 or more",
    lambda v: bool(v) and min(v) >= 1 and len(set(v)) == len(v),
)
_NAMES: Range = ("different names, at least one", lambda v: bool(v) and all(v) and len(set(v)) == len(v))

RANGES: Mapping[str, Range] = {
    "name": _WORD,
    "seed": _SEED,
    "generations": _COUNT_OR_NONE,
    "tasks.domain": _NAMED,
    "tasks.sizes": _SIZES,
    "tasks.count": _COUNT,
    "tasks.heldout": _COUNT_OR_NONE,
    "tasks.seed": _SEED,
    "base.model": _NAMED,
    "base.prompt": _NAMED,
    "base.ready_share": _SHARE,
    "deploy.samples": _COUNT,
    "deploy.temperature": _NOT_NEGATIVE,
    "deploy.top_p": ("above 0 and at most 1", lambda v: 0 < v <= 1),
    "deploy.top_k": _COUNT_OR_NONE,
    "deploy.max_tokens": _COUNT,
    "validate.validator": (
        "pddl, val, or module:attribute",
        lambda v: v in ("pddl", "val") or all(v.partition(":")),
    ),
    "validate.rules": _NAMES,
    "validate.second": (
        "empty, pddl, val, or module:attribute",
        lambda v: v in ("", "pddl", "val") or all(v.partition(":")),
    ),
    "validate.second_sample": _COUNT,
    "curate.k": _COUNT,
    "curate.weight_most": _POSITIVE,
    "curate.most": _COUNT_OR_NONE,
    "train.rank": _COUNT,
    "train.alpha": _POSITIVE,
    "train.dropout": _PART,
    "train.targets": _NAMES,
    "train.learning_rate": _POSITIVE,
    "train.weight_decay": _NOT_NEGATIVE,
    "train.warmup_share": _SHARE,
    "train.clip": _NOT_NEGATIVE,
    "train.epochs": _POSITIVE,
    "train.max_steps": _COUNT_OR_NONE,
    "train.tokens_per_step": _COUNT,
    "train.examples_per_step": _COUNT_OR_NONE,
    "train.max_length": _COUNT,
    "train.validation_share": _PART,
    "train.augment_share": _SHARE,
    "stop.heldout_patience": _COUNT_OR_NONE,
    "stop.heldout_gain": _PART,
    "stop.diversity_patience": _COUNT_OR_NONE,
    "stop.diversity_least": _SHARE,
    "stop.diversity_most": _AT_LEAST_ONE,
    "stop.acceptance_patience": _COUNT_OR_NONE,
    "stop.acceptance_least": _SHARE,
    "probe.names": (
        "different names of probes",
        lambda v: len(set(v)) == len(v) and all(re.fullmatch(r"[\w.]+:\w+|[\w-]+", n) for n in v),
    ),
    "probe.count": _COUNT,
    "probe.gate": (
        'a list of "NAME fall AMOUNT" or "NAME least FLOOR"',
        lambda v: all(gate_of(one) is not None for one in v),
    ),
}
