"""The loop from Python: the demo, made small enough for a minute or two. `python examples/first_run.py runs/first`"""

import sys
from pathlib import Path

from rich.console import Console

from iterdeploy import domains
from iterdeploy.loop import run_loop
from iterdeploy.recipe import preset, with_settings
from iterdeploy.report.terminal import overview
from iterdeploy.report.write import write_report
from iterdeploy.store import Run
from iterdeploy.train.local import LocalTrainer

SMALLER = ["generations=2", "tasks.count=120", "tasks.heldout=60", "train.epochs=2"]


def main(folder: Path) -> None:
    recipe = with_settings(preset("demo"), SMALLER)
    domain = domains.load("blocksworld", recipe)
    run = Run.create(folder, recipe)  # the same folder again goes on where it stopped
    with LocalTrainer(recipe, names=domain.names) as trainer:
        for row in run_loop(run, domain, trainer):
            print(f"generation {row.number}: {row.solved} of {row.asked}, held-out {row.heldout_solved}")
    Console().print(overview(write_report(run, domain.bound)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
