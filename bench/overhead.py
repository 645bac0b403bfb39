"""The share of a run's time that is neither sampling nor training, from its clock."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Literal

from finished import RUN, open_finished
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
    """Sum up the clocks of one run or of several: each by itself, then the median."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="*", type=Path, default=[RUN], help=f"finished runs; default: {RUN}")
    runs, machine = [open_finished(folder) for folder in parser.parse_args().runs], this_machine()
    by_step = [seconds_by_step(run.clock()) for run in runs]
    by_kind = [seconds_by_kind(found) for found in by_step]
    whole = [sum(found.values()) for found in by_kind]
    shares = [found["rest"] / seconds for found, seconds in zip(by_kind, whole, strict=True)]
    name, generations = runs[0].recipe.name, len(runs[0].generations()) - 1
    content = {
        "name": "overhead",
        "machine": asdict(machine),
        "settings": {"recipe": name, "generations": generations, "runs": len(runs)},
        "seconds": [round(seconds, 1) for seconds in whole],
        "rest_shares": [round(share, 4) for share in shares],
        "rest_share": round(median(shares), 4),
        "seconds_by_step": [{step: round(s, 2) for step, s in found.items()} for found in by_step],
    }
    middle = {step: median(found.get(step, 0.0) for found in by_step) for step in by_step[0]}
    rows, seconds = sorted(middle.items(), key=lambda row: -row[1]), median(whole)
    lines = [
        "# Overhead: what of a run's time is neither sampling nor training", "", machine.sentence(), "",
        f"{median(shares):.1%} of {seconds:.0f} seconds (the preset {name}, {generations} generations): the median of "
        f"{len(runs)} run{'s' * (len(runs) > 1)}, with " + ", ".join(f"{share:.1%}" for share in shares) + ".",
        "", "| step | kind | seconds, median | share |", "|---|---|--:|--:|",
        *(f"| {step} | {KINDS.get(step, 'rest')} | {s:.1f} | {s / seconds:.1%} |" for step, s in rows),
    ]  # fmt: skip
    print(put("overhead", content, "\n".join(lines) + "\n"))


if __name__ == "__main__":
    main()
