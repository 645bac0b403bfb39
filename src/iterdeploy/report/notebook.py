"""A run in a notebook: a table and a figure.

    from iterdeploy.report.notebook import view
    view("RUN")

`%load_ext iterdeploy.report.notebook` does the same for any `Run` that stands last in a cell.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iterdeploy.report.markdown import figure, gained_lost, out_of, share, times
from iterdeploy.report.numbers import GenerationNumbers, RunNumbers, read_numbers
from iterdeploy.store import Run

_HEAD = (
    "generation",
    "examples",
    "deployed",
    "share (95 %)",
    "×",
    "new / lost",
    "held-out",
    "share (95 %)",
    "×",
    "longest plan",
)


@dataclass(frozen=True, slots=True)
class RunView:
    """The numbers of a run, shown as HTML in a notebook and as a table elsewhere."""

    numbers: RunNumbers

    def _repr_html_(self) -> str:
        return _table(self.numbers) + _picture(self.numbers)

    def __repr__(self) -> str:
        from rich.console import Console

        from iterdeploy.report.terminal import overview

        console = Console(width=100, color_system=None, force_jupyter=False)
        with console.capture() as captured:
            console.print(overview(self.numbers))
        return captured.get().rstrip()


def view(run: Run | str | Path) -> RunView:
    """A run, or the folder of one, to be shown; its finished generations are measured now."""
    return RunView(read_numbers(run if isinstance(run, Run) else Run.open(Path(run))))


def load_ipython_extension(ipython: Any) -> None:
    """Show each `Run` so: IPython calls this at `%load_ext iterdeploy.report.notebook`."""
    ipython.display_formatter.formatters["text/html"].for_type(Run, lambda run: view(run)._repr_html_())


def _table(numbers: RunNumbers) -> str:
    title = html.escape(f"{numbers.name}, seed {numbers.seed}: {numbers.domain}")
    head = "".join(f"<th>{name}</th>" for name in _HEAD)
    body = "".join(_row(row) for row in numbers.generations)
    none = "" if numbers.generations else "<p>No generation is finished yet.</p>"
    return (
        f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{none}"
    )


def _row(g: GenerationNumbers) -> str:
    cells = [str(g.number), str(g.examples) if g.number else "-"]
    cells += [
        out_of(g.deployed),
        share(g.deployed),
        times(g.deployed.ratio),
        gained_lost(g.number, g.deployed),
    ]
    cells += [
        out_of(g.heldout),
        share(g.heldout),
        times(g.heldout.ratio),
        figure(g.deployed.plan_length, "longest"),
    ]
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _picture(numbers: RunNumbers) -> str:
    if not numbers.generations:
        return ""
    from iterdeploy.report.picture import draw  # matplotlib takes a second to import

    svg = draw(numbers)["solved.svg"].decode()
    return f'<div style="max-width: 62em">{svg[svg.index("<svg") :]}</div>'
