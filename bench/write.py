"""Results as a JSON file for programs and a Markdown page for people, side by side in one folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from machine import Machine
from race import Lap, Standing, best_peer, standings

RESULTS = Path(__file__).parent / "results"


def write_races(
    name: str, title: str, machine: Machine, settings: Mapping[str, Any], races: Mapping[str, Sequence[Lap]],
    notes: Sequence[str], out: Path = RESULTS, unit: str = "tokens",
) -> str:  # fmt: skip
    """Leave NAME.json and NAME.md in `out`; returns the page. `unit` is what was counted."""
    tables = {heading: standings(laps) for heading, laps in races.items()}
    content = {
        "name": name,
        "machine": asdict(machine),
        "settings": dict(settings),
        "standings": {heading: [asdict(row) for row in rows] for heading, rows in tables.items()},
        "laps": {heading: [asdict(one) for one in laps] for heading, laps in races.items()},
        "notes": list(notes),
    }
    lines = [f"# {title}", "", machine.sentence(), "", _settings(settings)]
    for heading, rows in tables.items():
        lines += ["", f"## {heading}", "", *_table(rows, unit)]
    lines += ["", *(f"- {note}" for note in notes)]
    return put(name, content, "\n".join(lines) + "\n", out)


def put(name: str, content: Mapping[str, Any], page: str, out: Path = RESULTS) -> str:
    """Write both files; returns the page."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    (out / f"{name}.md").write_text(page)
    return page


def _settings(settings: Mapping[str, Any]) -> str:
    return "; ".join(f"{key}: {value}" for key, value in settings.items()) + "."


def _table(rows: Sequence[Standing], unit: str) -> Iterator[str]:
    yield f"| | {unit} per CPU second | iterdeploy is so many times as fast | of the rounds |"
    yield "|---|--:|--:|--:|"
    fastest = best_peer(rows)
    for row in rows:
        name = f"**{row.contender}**" if row in (rows[0], fastest) else row.contender
        compared = "" if row is rows[0] else f"{row.ratio:.2f}"
        spread = "" if row is rows[0] else f"{row.lowest:.2f} to {row.highest:.2f}"
        yield f"| {name} | {row.rate:,.0f} | {compared} | {spread} |"
