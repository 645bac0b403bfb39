"""What a lenient reader of answers is allowed to do: each liberty has a name and can be switched off."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

from iterdeploy.errors import BadInput, nearest


class Rule(StrEnum):
    """One liberty of the reader, in the order in which they are taken."""

    REASONING = "reasoning"  # what stands before </think> is no part of the answer
    TAGS = "tags"  # the plan stands between <plan> and </plan>
    FENCES = "fences"  # code fences and backticks around a plan
    MARKS = "marks"  # "1.", "Step 2:", "-" and "**" before an action
    CASE = "case"  # capitals
    COMMAS = "commas"  # commas between arguments, and a comma or full stop after an action
    CALLS = "calls"  # stack(a, b)
    BARE_LINES = "bare-lines"  # an action without parentheses, alone on its line or after another
    PROSE = "prose"  # sentences around the plan, and words after an action
    REPEATS = "repeats"  # the same plan stated again


ALL_RULES: tuple[str, ...] = tuple(rule.value for rule in Rule)


def rules_of(names: Sequence[str]) -> frozenset[Rule]:
    """The rules of those names. Raises BadInput for an unknown one."""
    return _rules_of(tuple(names))


@lru_cache(maxsize=64)
def _rules_of(names: tuple[str, ...]) -> frozenset[Rule]:
    for name in names:
        if name not in ALL_RULES:
            raise BadInput(f"no extraction rule {name!r}; {nearest(name, ALL_RULES)}")
    return frozenset(map(Rule, names))
