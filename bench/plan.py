"""The plan beside a run that was made on this machine: bench/results/plan.md and plan.json.

iterdeploy plan demo --workers 2 --calibrate
iterdeploy run demo --seed 1 --workers 2 --out runs/demo-1
python bench/plan.py runs/demo-1 --workers 2
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from machine import this_machine
from write import RESULTS, put

from iterdeploy.cli.plan import plan_of
from iterdeploy.cli.rooms import open_domain
from iterdeploy.plan_ahead.against import Compared, compare
from iterdeploy.store import Run


def main() -> None:
    """Compare, write both files, print the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run")
    parser.add_argument(
        "--workers", type=int, required=True, metavar="N", help="with how many the run was made"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR")
    given = parser.parse_args()
    run = Run.open(given.run)
    ahead = plan_of(run.recipe, given.workers, open_domain(run.recipe))
    rows, machine = compare(ahead, run), this_machine()
    lines = [
        "# The plan beside a run", "",
        f"Recipe `{run.recipe.name}`, seed {run.recipe.seed}, workers: {given.workers}. The plan is {ahead.basis}. "
        "Ratio: estimated over measured.", "",
        f"{machine.sentence()} The load is that of the comparison, not of the run.", "",
        *table(rows), "",
        "Tokens and examples rest on the growth of answers, the share of tasks solved and the length of examples that "
        "were assumed with the demo's seed 0 in view: on another seed they are a test, on another recipe a harder one. "
        "Seconds rest on the calibration, and hold only if the machine did nothing else in both.",
    ]  # fmt: skip
    content = {"recipe": run.recipe.name, "seed": run.recipe.seed, "workers": given.workers, "basis": ahead.basis,
               "machine": asdict(machine), "rows": [{**asdict(r), "ratio": r.ratio} for r in rows]}  # fmt: skip
    print(put("plan", content, "\n".join(lines) + "\n", given.out), end="")


def table(rows: Sequence[Compared]) -> Iterator[str]:
    """Sums first, then every step."""
    yield "| generation | step | | estimated | measured | ratio |"
    yield "|---|---|---|--:|--:|--:|"
    for row in sorted(rows, key=lambda row: row.generation is not None):  # stable: the order stays otherwise
        digits = 1 if row.unit == "seconds" else 0
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        number = "all" if row.generation is None else str(row.generation)
        cells = (
            number,
            row.step,
            row.unit,
            f"{row.estimated:,.{digits}f}",
            f"{row.measured:,.{digits}f}",
            ratio,
        )
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
