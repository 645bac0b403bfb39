"""The share of a run's time that is neither sampling nor training, from its clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from finished import arguments, open_finished
from machine import this_machine
from write import put

Kind = Literal["sampling", "training", "rest"]

KINDS: Mapping[str, Kind] = {"deploy": "sampling", "heldout/deploy": "sampling", "train": "training"}
"""Steps by kind; all others are the rest. Starting workers and opening models counts where it happens."""


def seconds_by_step(clock: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Seconds by step, over all generations."""
    found: dict[str, float] = {}
    for row in clock:
        found[row["step"]] = found.get(row["step"], 0.0) + row["seconds"]
    return found


def seconds_by_kind(by_step: Mapping[str, float]) -> dict[Kind, float]:
    """The same, in three sums."""
    found: dict[Kind, float] = {"sampling": 0.0, "training": 0.0, "rest": 0.0}
    for step, seconds in by_step.items():
        found[KINDS.get(step, "rest")] += seconds
    return found


def main() -> None:
    """Sum up a run's clock."""
    given = arguments(__doc__.split("\n")[0]).parse_args()
    run, machine = open_finished(given.run), this_machine()
    by_step = seconds_by_step(run.clock())
    by_kind = seconds_by_kind(by_step)
    whole = sum(by_kind.values())
    share = by_kind["rest"] / whole
    content = {
        "name": "overhead",
        "machine": asdict(machine),
        "settings": {
            "recipe": run.recipe.name,
            "generations": len(run.generations()) - 1,
            "seconds": round(whole, 1),
        },
        "seconds_by_kind": {kind: round(seconds, 2) for kind, seconds in by_kind.items()},
        "seconds_by_step": {step: round(seconds, 2) for step, seconds in by_step.items()},
        "rest_share": round(share, 4),
    }
    rows = sorted(by_step.items(), key=lambda row: -row[1])
    lines = [
        "# Overhead: what of a run's time is neither sampling nor training", "", machine.sentence(), "",
        f"{share:.1%} of {whole:.0f} seconds (the preset {run.recipe.name}, {len(run.generations()) - 1} generations).",
        "", "| step | kind | seconds | share |", "|---|---|--:|--:|",
        *(f"| {step} | {KINDS.get(step, 'rest')} | {s:.1f} | {s / whole:.1%} |" for step, s in rows),
    ]  # fmt: skip
    print(put("overhead", content, "\n".join(lines) + "\n"))


if __name__ == "__main__":
    main()
