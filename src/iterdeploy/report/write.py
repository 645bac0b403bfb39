"""The report's five files, put into the run folder: equal runs leave equal bytes, but for the times in report.html."""

from __future__ import annotations

import json
from dataclasses import asdict

from iterdeploy.measure import Bound
from iterdeploy.report.markdown import markdown
from iterdeploy.report.numbers import RunNumbers, read_numbers, rounded
from iterdeploy.report.page import write_page
from iterdeploy.store import Run, disk
from iterdeploy.types import Checkpoint, ignore_point


def write_report(
    run: Run, bound: Bound | None = None, point: Checkpoint = ignore_point, pictures: bool = True
) -> RunNumbers:
    """Write report.json, report.md, solved.svg, solved.png and report.html; returns the numbers they show.

    Each file is written beside its place and renamed into it; files of an earlier report are
    replaced. `point` is called with "report/NAME/written" and "report/NAME/renamed" for each. The `pictures` of
    plans take longer than all the rest, so a run leaves them to `iterdeploy report`.
    """
    numbers = read_numbers(run, bound)
    with run.lock():
        for name, content in render(numbers).items():
            disk.put(run.path / name, content, _marker(name, point))
        write_page(run, numbers=numbers, mark=_marker("report.html", point), pictures=pictures)
    return numbers


def _marker(name: str, point: Checkpoint) -> disk.Mark:
    return lambda event: point(f"report/{name}/{event}")


def render(numbers: RunNumbers) -> dict[str, bytes]:
    """The report's files but for the page, by name; a run without a finished generation has no picture."""
    files = {"report.json": to_json(numbers), "report.md": markdown(numbers).encode()}
    if numbers.generations:
        from iterdeploy.report.picture import draw  # matplotlib takes a second to import

        files |= draw(numbers)
    return files


def to_json(numbers: RunNumbers) -> bytes:
    """The numbers as JSON with rounded fractions, fields in the order of their definition."""
    return (json.dumps(rounded(asdict(numbers)), indent=1) + "\n").encode()
