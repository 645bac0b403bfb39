"""When a run should end early: rules on the generations so far, and gates on probes. Pure functions.

Each returns the rules that fired, by name, with a sentence that holds the numbers; empty if none did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from iterdeploy import measure
from iterdeploy.answers import Answer
from iterdeploy.gates import Gate
from iterdeploy.recipe import Stop
from iterdeploy.types import Generation

Fired = dict[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one generation stands: shares from 0 to 1, the entropy of its answers in nats a token."""

    heldout: float
    solved: float
    acceptance: float
    entropy: float | None  # None where no log-probabilities are recorded


def standing(row: Generation, answers: Sequence[Answer]) -> Standing:
    """How a generation stands by its row and its answers to deployed tasks."""
    return Standing(
        heldout=row.heldout_solved / row.heldout_asked if row.heldout_asked else 0.0,
        solved=row.solved / row.asked,
        acceptance=measure.acceptance(answers),
        entropy=measure.entropy(answers),
    )


def active(rules: Stop) -> bool:
    """Whether any rule is on."""
    return bool(rules.heldout_patience or rules.diversity_patience or rules.acceptance_patience)


def fired(rules: Stop, seen: Sequence[Standing]) -> Fired:
    """The rules that end the run after the last of `seen`, which begins with generation 0."""
    found = {
        "heldout": _heldout(rules, [one.heldout for one in seen]),
        "diversity": _diversity(rules, seen),
        "acceptance": _acceptance(rules, [one.acceptance for one in seen]),
    }
    return {rule: reason for rule, reason in found.items() if reason}


def best(seen: Sequence[Standing]) -> int:
    """The generation that solves most: held-out tasks, then deployed ones; the first of equals."""
    return max(range(len(seen)), key=lambda n: (seen[n].heldout, seen[n].solved, -n))


def _heldout(rules: Stop, shares: Sequence[float]) -> str:
    patience = rules.heldout_patience
    if not patience or len(shares) <= patience:
        return ""
    before, since = shares[:-patience], shares[-patience:]
    top = max(before)
    if max(since) > top + rules.heldout_gain + 1e-9:
        return ""
    return (
        f"held-out solved was best in generation {before.index(top)} ({top:.1%}); the {patience} since reach "
        f"{max(since):.1%}, no gain of more than {rules.heldout_gain:.1%}"
    )


def _diversity(rules: Stop, seen: Sequence[Standing]) -> str:
    patience, first = rules.diversity_patience, seen[0]
    if not patience or not first.entropy or len(seen) <= patience:
        return ""
    ratios = [None if one.entropy is None else one.entropy / first.entropy for one in seen[-patience:]]
    shares = [one.acceptance for one in seen[-patience:]]
    if all(ratio is not None and ratio > rules.diversity_most for ratio in ratios):
        found = f"more than {rules.diversity_most:.0%} of it, so that answers scatter"
    elif max(shares) <= first.acceptance and all(
        ratio is not None and ratio < rules.diversity_least for ratio in ratios
    ):
        found = (
            f"less than {rules.diversity_least:.0%} of it, with {shares[-1]:.1%} of the answers valid and "
            f"{first.acceptance:.1%} in generation 0, so that they narrow without becoming better"
        )
    else:
        return ""
    return (
        f"the entropy of the answers was {first.entropy:.4f} nats a token in generation 0 and is "
        f"{seen[-1].entropy:.4f}: for {patience} on end {found}"
    )


def _acceptance(rules: Stop, shares: Sequence[float]) -> str:
    patience = rules.acceptance_patience
    if not patience or len(shares) <= patience:
        return ""
    before = shares[:-patience]
    top = max(before)
    if max(shares[-patience:]) >= rules.acceptance_least * top:
        return ""
    return (
        f"{shares[-1]:.1%} of the answers are valid, {top:.1%} were in generation {before.index(top)}: for {patience} "
        f"on end less than {rules.acceptance_least:.0%} of it"
    )


def blocked(gates: Iterable[Gate], base: Mapping[str, float], now: Mapping[str, float]) -> Fired:
    """The gates that a generation does not pass; `base` and `now` are probes' numbers, of generation 0 and its own."""
    found = {}
    for gate in gates:
        floor = gate.amount if gate.kind == "least" else base[gate.probe] - gate.amount
        if now[gate.probe] < floor - 1e-9:
            found[str(gate)] = (
                f"{gate.probe} is {now[gate.probe]:.3f}, below {floor:.3f} (generation 0 has {base[gate.probe]:.3f})"
            )
    return found
