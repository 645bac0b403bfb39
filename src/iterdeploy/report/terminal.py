"""The numbers of a run on a screen: a table by generation with bars, and solved by size as small charts."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from iterdeploy.report.markdown import ending, figure, gained_lost, times
from iterdeploy.report.numbers import GenerationNumbers, RunNumbers, SplitNumbers

DEPLOYED, HELDOUT = "cyan", "yellow"
BAR = 8  # cells; the table fits 80 columns with 1000 tasks a split


def overview(numbers: RunNumbers) -> RenderableType:
    """The screen that ends a run, and that `report` shows."""
    if not numbers.generations:
        return Text("No generation is finished yet.")
    return Group(_table(numbers), *_doubts(numbers), *_end(numbers), Text(""), _sizes(numbers))


def _end(numbers: RunNumbers) -> list[Text]:
    return [Text(said, style="bold yellow")] if (said := ending(numbers)) else []


def _doubts(numbers: RunNumbers) -> list[Text]:
    """A line for each generation on which the second validator disagrees with the first."""
    said = [(row.number, row.second) for row in numbers.generations if row.second and not row.second.agrees]
    return [
        Text(f"generation {number}: {second.sentence()}: look into the validator", style="bold red")
        for number, second in said
    ]


def _table(numbers: RunNumbers) -> Table:
    title = Text(f"{numbers.name}, seed {numbers.seed}: tasks solved by generation", style="bold")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("gen", justify="right", min_width=3)
    for name, colour in (("deployed", DEPLOYED), ("held-out", HELDOUT)):
        table.add_column(name, style=colour, no_wrap=True)
        table.add_column("×", justify="right", no_wrap=True, min_width=4)
    for name in ("new/lost", "longest", "steps"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    top = max(max(g.deployed.share, g.heldout.share) for g in numbers.generations)
    for generation in numbers.generations:
        table.add_row(*_row(generation, top))
    return table


def _row(g: GenerationNumbers, top: float) -> list[str]:
    return [
        str(g.number),
        _solved(g.deployed, top),
        times(g.deployed.ratio),
        _solved(g.heldout, top),
        times(g.heldout.ratio),
        gained_lost(g.number, g.deployed).replace(" ", ""),
        figure(g.deployed.plan_length, "longest"),
        figure(g.deployed.plan_length, "mean"),
    ]


def _solved(split: SplitNumbers, top: float) -> str:
    if not split.asked:
        return "-"
    width = len(str(split.asked))
    return f"{bar(split.share / top if top else 0.0, BAR)} {split.solved:>{width}}/{split.asked}"


def bar(share: float, width: int) -> str:
    """A bar of so many cells, filled to an eighth of a cell.

    >>> bar(0.5, 4)
    '██  '
    """
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    whole, part = divmod(eighths, 8)
    return ("█" * whole + " ▏▎▍▌▋▊▉"[part] * bool(part)).ljust(width)


def spark(shares: list[float]) -> str:
    """One small column for each share of 1; a dot is none at all.

    >>> spark([0.0, 0.01, 0.5, 1.0])
    '·▁▄█'
    """
    return "".join("▁▂▃▄▅▆▇█"[min(7, int(s * 8 - 1e-9))] if s > 0 else "·" for s in shares)


def _sizes(numbers: RunNumbers) -> RenderableType:
    first, last = numbers.generations[0], numbers.generations[-1]
    sizes = first.deployed.by_size
    grid = Table.grid(padding=(0, 2))
    grid.add_row(
        Text("share solved by size", style="bold"), Text(_span(sizes[0].size, sizes[-1].up_to), style="dim")
    )
    ends = [first] if first is last else [first, last]
    for name, colour, split in (("deployed", DEPLOYED, "deployed"), ("held-out", HELDOUT, "heldout")):
        for generation in ends:
            rows: SplitNumbers = getattr(generation, split)
            if rows.asked:
                shares = [size.solved / size.asked for size in rows.by_size]
                grid.add_row(f"{name}, generation {generation.number}", Text(spark(shares), style=colour))
    return grid


def _span(least: int, most: int) -> str:
    return f"{least} … {most}" if most > least else str(least)
