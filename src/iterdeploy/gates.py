"""What a probe must not lose, as a recipe states it; and what probes are called."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Gate:
    """What a probe must not lose: `amount` below generation 0 (fall), or to below `amount` (least)."""

    probe: str
    kind: Literal["fall", "least"]
    amount: float

    def __str__(self) -> str:
        return f"{self.probe} {self.kind} {self.amount:g}"


def gate_of(text: str) -> Gate | None:
    """The gate that a recipe states; None if it states none."""
    words = text.split()
    if len(words) != 3 or words[1] not in ("fall", "least"):
        return None
    try:
        amount = float(words[2])
    except ValueError:
        return None
    kind: Literal["fall", "least"] = "fall" if words[1] == "fall" else "least"
    sound = math.isfinite(amount) and (kind == "least" or amount >= 0)
    return Gate(words[0], kind, amount) if sound else None


def probe_name(name: str) -> str:
    """What a probe is called in files and gates: the attribute of `module:attribute`."""
    return name.rpartition(":")[2]
