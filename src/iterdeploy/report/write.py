"""The report's four files, put into the run folder: equal runs leave equal bytes."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from iterdeploy.measure import Bound
from iterdeploy.report.markdown import markdown
from iterdeploy.report.numbers import RunNumbers, read_numbers
from iterdeploy.store import Run, disk
from iterdeploy.types import Checkpoint, ignore_point

DIGITS = 6


def write_report(run: Run, bound: Bound | None = None, point: Checkpoint = ignore_point) -> RunNumbers:
    """Write report.json, report.md, solved.svg and solved.png; returns the numbers they show.

    Each file is written beside its place and renamed into it; files of an earlier report are
    replaced. `point` is called with "report/NAME/written" and "report/NAME/renamed" for each.
    """
    numbers = read_numbers(run, bound)
    with run.lock():
        for name, content in render(numbers).items():
            disk.put(run.path / name, content, _marker(name, point))
    return numbers


def _marker(name: str, point: Checkpoint) -> disk.Mark:
    return lambda event: point(f"report/{name}/{event}")


def render(numbers: RunNumbers) -> dict[str, bytes]:
    """The report's files by name; a run without a finished generation has no picture."""
    files = {"report.json": to_json(numbers), "report.md": markdown(numbers).encode()}
    if numbers.generations:
        from iterdeploy.report.picture import draw  # matplotlib takes a second to import

        files |= draw(numbers)
    return files


def to_json(numbers: RunNumbers) -> bytes:
    """The numbers as JSON with rounded fractions, fields in the order of their definition."""
    return (json.dumps(rounded(asdict(numbers)), indent=1) + "\n").encode()


def rounded(value: Any) -> Any:
    """Every fraction in it rounded to DIGITS, tuples as lists: ready for JSON."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value
