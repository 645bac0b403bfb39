"""The numbers of a run as tables for a person: report.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from iterdeploy.measure import Spread
from iterdeploy.report.numbers import GenerationNumbers, RunNumbers, SplitNumbers


def markdown(numbers: RunNumbers) -> str:
    """The whole report as Markdown; the picture beside it is linked."""
    parts = [f"# {numbers.name}, seed {numbers.seed}", _opening(numbers)]
    if numbers.generations:
        parts += ["![Solved tasks by generation and by size](solved.svg)", *_sections(numbers)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(numbers: RunNumbers) -> str:
    if not numbers.generations:
        return "No generation is finished yet."
    first, last = numbers.generations[0], numbers.generations[-1]
    lines = [
        f"{numbers.domain}, generation {first.number} to {last.number}"
        + ("" if last.number == numbers.planned else f" of {numbers.planned}")
        + f", {numbers.samples} answer{'s' if numbers.samples > 1 else ''} a task."
    ]
    lines += [_headline("Deployed", first.deployed, last.deployed)]
    lines += [_headline("Held-out, never trained on", first.heldout, last.heldout)]
    return "\n".join(line for line in [*lines, ending(numbers)] if line)


def _headline(name: str, first: SplitNumbers, last: SplitNumbers) -> str:
    if not last.asked:
        return ""
    times = "" if last.ratio is None else f" ({last.ratio:.2f} times)"
    return f"{name}: **{first.solved} → {last.solved}** of {last.asked} solved{times}."


def _sections(numbers: RunNumbers) -> Iterable[str]:
    rows = numbers.generations
    yield "## Solved\n\n" + _solved(rows)
    yield from _for_each_split("Solved by size", rows, _by_size)
    if numbers.samples > 1:
        yield from _for_each_split("Several answers a task", rows, _several)
    yield from _for_each_split("Plans", rows, _plans)
    yield from _for_each_split("Faults", rows, _faults)
    yield from _for_each_split("Diversity", rows, _diversity)
    if rows[0].probes:
        yield "## Probes, never trained on\n\n" + _probes(numbers)
    if any(row.second for row in rows):
        yield "## The second validator, on deployed traces\n\n" + _second(rows)


def _probes(numbers: RunNumbers) -> str:
    names = list(numbers.generations[0].probes)
    base = numbers.generations[0].probes
    head = ["generation", *(cell for name in names for cell in (name, "drift"))]
    found = [(str(row.number), row.probes) for row in numbers.generations]
    if numbers.ended and numbers.candidate is not None:
        found.append((f"{numbers.ended.generation}, blocked", numbers.candidate))
    table = []
    for number, probes in found:
        cells = [
            cell
            for name in names
            for cell in (
                (f"{probes[name]:.3f}", f"{probes[name] - base[name]:+.3f}") if name in probes else ("-", "-")
            )
        ]
        table.append([number, *cells])
    return grid(head, table)


def ending(numbers: RunNumbers) -> str:
    """Why the run ended before its last generation; empty if it did not."""
    if (ended := numbers.ended) is None:
        return ""
    why = "; ".join(f"{rule}: {reason}" for rule, reason in zip(ended.rules, ended.reasons, strict=True))
    if ended.cause == "gate":
        blocked = f"Blocked: generation {ended.generation} was trained and not deployed ({why})."
        return f"{blocked} Current: generation {ended.last_good}."
    return f"Stopped after generation {ended.generation} ({why}). Solves most: generation {ended.last_good}."


def _second(rows: Sequence[GenerationNumbers]) -> str:
    head = ["generation", "accepted, judged again", "rejected by the second", "share (95 %)"]
    head += ["rejected, judged again", "accepted by the second"]
    table = []
    for row in rows:
        if (said := row.second) is not None:
            low, high = said.share_wrong
            cells = [row.number, said.accepted, said.accepted_wrong, f"{100 * low:.0f}-{100 * high:.0f} %"]
            table.append([str(cell) for cell in (*cells, said.rejected, said.rejected_wrong)])
    return grid(head, table)


def _solved(rows: Sequence[GenerationNumbers]) -> str:
    head = ["generation", "examples"]
    for split in ("deployed", "held-out"):
        head += [f"{split} solved", "share (95 %)", "× gen 0", "new / lost"]
    return grid([*head, "ever, deployed"], [_solved_row(row) for row in rows])


def _solved_row(row: GenerationNumbers) -> list[str]:
    worth = "" if row.effective is None else f" (worth {row.effective:.0f})"
    cells = [str(row.number), f"{row.examples}{worth}" if row.number else "-"]
    for split in (row.deployed, row.heldout):
        cells += [out_of(split), share(split), times(split.ratio), gained_lost(row.number, split)]
    return [*cells, str(row.deployed.ever_solved)]


def _for_each_split(
    title: str, rows: Sequence[GenerationNumbers], draw: Callable[[list[tuple[int, SplitNumbers]]], str]
) -> Iterable[str]:
    deployed = [(row.number, row.deployed) for row in rows]
    heldout = [(row.number, row.heldout) for row in rows]
    for name, splits in (("deployed", deployed), ("held-out", heldout)):
        if splits[0][1].asked:
            yield f"## {title}, {name}\n\n" + draw(splits)


def _by_size(splits: list[tuple[int, SplitNumbers]]) -> str:
    sizes = splits[0][1].by_size
    head = ["generation", *(row.label for row in sizes)]
    asked = ["asked", *(str(row.asked) for row in sizes)]
    return grid(head, [asked, *([str(n), *(str(row.solved) for row in s.by_size)] for n, s in splits)])


def _several(splits: list[tuple[int, SplitNumbers]]) -> str:
    ks = list(splits[0][1].pass_at)
    head = ["generation", *(f"pass@{k}" for k in ks), f"unanimous@{ks[-1]}"]
    rows = [
        [str(n), *(f"{s.pass_at[k]:.3f}" if k in s.pass_at else "-" for k in ks), _or_dash(s.unanimous)]
        for n, s in splits
    ]
    return grid(head, rows)


def _or_dash(count: int | None) -> str:
    return "-" if count is None else str(count)


def _plans(splits: list[tuple[int, SplitNumbers]]) -> str:
    head = ["generation", "steps, mean", "median", "p90", "longest", "over bound, mean"]
    head += ["tasks also solved at 0", "steps there, then → now", "reasoning tokens, mean", "longest"]
    return grid(head, [[str(n), *_plan_row(s)] for n, s in splits])


def _plan_row(s: SplitNumbers) -> list[str]:
    steps, same = s.plan_length, s.same_tasks
    return [
        *(figure(steps, name) for name in ("mean", "median", "p90", "longest")),
        "-" if s.over_bound is None else f"{s.over_bound.mean:.3f}",
        "-" if same is None else str(same.tasks),
        "-" if same is None else f"{same.before:.2f} → {same.after:.2f}",
        figure(s.reasoning_tokens, "mean"),
        figure(s.reasoning_tokens, "longest"),
    ]


def _faults(splits: list[tuple[int, SplitNumbers]]) -> str:
    kinds = [kind for kind in splits[0][1].faults if any(s.faults[kind] for _, s in splits)]
    if not kinds:
        return "None: all answers were valid."
    return grid(["generation", *kinds], [[str(n), *(str(s.faults[k]) for k in kinds)] for n, s in splits])


def _diversity(splits: list[tuple[int, SplitNumbers]]) -> str:
    head = [
        "generation",
        "plans read",
        "distinct up to renaming",
        "distance, same size",
        "distance, same task",
        "entropy, nats a token",
    ]
    rows = []
    for number, split in splits:
        d = split.diversity
        numbers = [
            str(d.plans),
            str(d.distinct),
            decimal(d.distance),
            decimal(d.within),
            decimal(d.entropy, 4),
        ]
        rows.append([str(number), *numbers])
    return grid(head, rows)


# --- cells, used by the terminal view too ---------------------------------------------------


def out_of(split: SplitNumbers) -> str:
    """Solved of asked, or a dash where nothing was asked."""
    return f"{split.solved} / {split.asked}" if split.asked else "-"


def share(split: SplitNumbers) -> str:
    """The share in per cent with its interval."""
    if not split.asked:
        return "-"
    return f"{100 * split.share:.1f} % ({100 * split.low:.0f}-{100 * split.high:.0f})"


def times(ratio: float | None) -> str:
    """A ratio to generation 0."""
    return "-" if ratio is None else f"{ratio:.2f}"


def figure(values: Spread | None, name: str) -> str:
    """One number of a spread: a mean with its fraction, the rest whole where they are whole."""
    if values is None:
        return "-"
    return f"{values.mean:.1f}" if name == "mean" else f"{getattr(values, name):.1f}".removesuffix(".0")


def decimal(value: float | None, digits: int = 3) -> str:
    """A distance, or an entropy."""
    return "-" if value is None else f"{value:.{digits}f}"


def gained_lost(number: int, split: SplitNumbers) -> str:
    """Tasks newly solved and newly lost; generation 0 has none before it."""
    return f"+{len(split.gained)} / -{len(split.lost)}" if number and split.asked else "-"


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, numbers to the right."""
    lines = [head, ["--:"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
