"""Seconds until the page of a large run is there, and until its traces are listed, in Chromium.

The large run repeats the answers of a finished one under other names, 100,000 tasks in each of ten generations; it is
made where it is not there, which takes a quarter of an hour and 2 GB.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from finished import arguments, open_finished
from machine import this_machine
from write import put

from iterdeploy.report.page import write_page
from iterdeploy.store import Run
from iterdeploy.store.rows import write_rows

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from browser import Browser, started

LAST, TASKS = 9, 100_000
VIEWS = {
    "the report": ("#report", ".mark"),
    "one generation's valid traces": (f"#traces?generation={LAST}&verdict=valid", ".row"),
    "one trace, and the list of all": (f"#traces?trace=g{LAST}.d099999.0", "article"),
    "the list of all": ("#traces", ".row"),
}


def main() -> None:
    """Open each view so many times, and write down the medians."""
    parser = arguments(__doc__.split("\n")[0] if __doc__ else "", rounds=5)
    parser.add_argument("--large", type=Path, default=Path("runs/million"), help="the large run's folder")
    given = parser.parse_args()
    page = given.large / "report.html"
    if not page.exists():
        write_page(multiplied(open_finished(given.run), given.large))
    machine = this_machine()
    with started() as browser:
        browser.resize(1280, 900)
        laps = {
            name: [opened(browser, page, *view) for _ in range(given.rounds)] for name, view in VIEWS.items()
        }
    medians = {name: statistics.median(seconds) for name, seconds in laps.items()}
    beside = sum(file.stat().st_size for file in (given.large / "report-data").iterdir())
    settings = {
        "traces": TASKS * (LAST + 1),
        "page": page.stat().st_size,
        "beside": beside,
        "rounds": given.rounds,
    }
    lines = [
        "# The page of a large run", "", machine.sentence(), "",
        f"{settings['traces']:,} traces; a page of {settings['page'] / 1e6:.1f} MB, and {beside / 1e6:.0f} MB beside "
        f"it; medians of {given.rounds} times.", "",
        "| opened from the disk | seconds |", "|---|--:|",
        *(f"| {name} | {seconds:.2f} |" for name, seconds in medians.items()), "",
    ]  # fmt: skip
    content = {
        "name": "page",
        "machine": asdict(machine),
        "settings": settings,
        "seconds": medians,
        "laps": laps,
    }
    print(put("page", content, "\n".join(lines)))


def opened(browser: Browser, page: Path, hash: str, shown: str) -> float:
    """Seconds from the address to what is wanted being drawn."""
    browser.driver.get("about:blank")
    begun = time.perf_counter()
    browser.driver.get(f"{page.resolve().as_uri()}{hash}")
    there: Callable[[], object] = lambda: browser.all(shown)  # noqa: E731
    browser.until(there)
    return time.perf_counter() - begun


def multiplied(run: Run, folder: Path) -> Run:
    """A run of many tasks, each answered as the finished run answered one of its own."""
    tasks = run.tasks("deployed")
    few, last = len(tasks), len(run.generations()) - 1
    recipe = replace(run.recipe, name="million", generations=LAST)
    large = Run.create(folder, replace(recipe, tasks=replace(recipe.tasks, count=TASKS, heldout=0)))
    named = [replace(tasks[n % few], id=f"d{n:06d}") for n in range(TASKS)]
    write_rows(folder / "tasks.jsonl", named)
    for number in range(LAST + 1):
        traces, verdicts = run.traces(min(number, last)), run.verdicts(min(number, last))
        ids = [f"g{number}.{task.id}.0" for task in named]
        write_rows(
            large.traces_file(number),
            (
                replace(
                    traces[n % few],
                    id=ids[n],
                    task_id=named[n].id,
                    generation=number,
                    logprobs=(),
                    prompt_ids=(),
                )
                for n in range(TASKS)
            ),
        )
        write_rows(
            large.verdicts_file(number),
            (replace(verdicts[n % few], trace_id=ids[n]) for n in range(TASKS)),
        )
        solved = sum(verdicts[n % few].valid for n in range(TASKS))
        row = replace(run.generations()[min(number, last)], number=number, asked=TASKS, solved=solved)
        write_rows(large.generation_file(number), [row])
    return large


if __name__ == "__main__":
    main()
