"""From the Gram matrix of per-trace gradients to cosines between ways of weighting the traces.

Every estimator looked at is a weighted sum of the gradients of valid traces, so that all cosines follow from the
matrix of their inner products. An estimator on one half of the samples is compared with REINFORCE on the other half,
and the product of the two reliabilities (each estimator against itself on the other half) is divided out: 1 then means
the same direction, whatever the noise of a finite sample.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from iterdeploy.recipe import Recipe
from iterdeploy.store.rows import read_rows
from iterdeploy.train.diet import row_scales, steps_of
from iterdeploy.types import Example, Trace, Verdict

POLICY = 2  # the generation whose gradient is looked at; those before it are the older policies
DRAWS = 400  # of the bootstrap over tasks
CLIP = 2.0  # the largest ratio of likelihoods that the clipped estimator uses

Array = npt.NDArray[np.float64]
Lots = Sequence[tuple[int, float]]


def file_of(out: Path, generation: int, temperature: float, what: str) -> Path:
    """Where the answers of a generation at a temperature lie, or their verdicts."""
    return out / f"{what}-g{generation}-t{temperature}.jsonl"


@dataclass(slots=True)
class Table:
    """All valid traces, and what is known of each."""

    traces: list[Trace]
    verdicts: list[Verdict]
    lot: list[tuple[int, float]]  # the generation that sampled it, and its temperature
    on_policy_answers: list[Trace]  # valid or not
    asked: int  # answers in each lot
    shares: dict[tuple[int, float], float]  # valid answers of a lot
    gram: Array | None = None
    now: Array | None = None  # log-likelihood under the policy, nats
    under_base: Array | None = None
    whole: Array | None = None

    @property
    def on_policy_ids(self) -> set[str]:
        """Valid answers of the policy itself."""
        return {trace.id for trace, lot in zip(self.traces, self.lot, strict=True) if lot == (POLICY, 1.0)}

    @classmethod
    def read_traces(cls, out: Path, lots: Lots) -> Table:
        """What was sampled and judged."""
        table = cls([], [], [], [], 0, {})
        for lot in lots:
            traces = read_rows(file_of(out, *lot, "traces"), Trace)
            verdicts = read_rows(file_of(out, *lot, "verdicts"), Verdict)
            chosen = [(t, v) for t, v in zip(traces, verdicts, strict=True) if v.valid]
            table.traces += [t for t, _ in chosen]
            table.verdicts += [v for _, v in chosen]
            table.lot += [lot] * len(chosen)
            table.asked, table.shares[lot] = len(traces), len(chosen) / len(traces)
            if lot == (POLICY, 1.0):
                table.on_policy_answers = traces
        return table

    @classmethod
    def read(cls, out: Path, lots: Lots) -> Table:
        """The same with what was computed."""
        table = cls.read_traces(out, lots)
        table.gram, table.now = np.load(out / "gram.npy"), np.load(out / "now.npy")
        table.under_base, table.whole = np.load(out / "under-base.npy"), np.load(out / "whole.npy")
        return table


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval by the bootstrap over tasks."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to weight traces. `cosine` is with REINFORCE, noise divided out; `raw` is between the two halves."""

    name: str
    traces: int
    effective: float  # effective sample size of its weights
    raw: Interval
    cosine: Interval


@dataclass(frozen=True, slots=True)
class Found:
    """All numbers of the experiment."""

    share_valid: dict[str, float]
    whole_cosine: float
    whole_ratio: float
    whole_share: float
    arms: list[Arm]
    mixture: dict[
        str, Interval
    ]  # |left - right| / |left| of the mixture's identity, with and without Z_pi / Z_beta

    def expect_what_theory_says(self) -> None:
        """Raise AssertionError unless the exact statements hold on this sample."""
        assert self.whole_cosine > 0.9999, self.whole_cosine
        assert abs(self.whole_ratio / self.whole_share - 1) < 1e-3, (self.whole_ratio, self.whole_share)
        print(
            f"as theory says: cosine {self.whole_cosine:.6f}, length {self.whole_ratio:.4f}, "
            f"valid {self.whole_share:.4f}"
        )


def analyse(table: Table) -> Found:
    """Cosines of all arms with REINFORCE, and the identity of the mixture."""
    assert table.whole is not None
    cosine, ratio, share = (float(x) for x in table.whole)
    return Found(
        {f"generation {g} at T = {t}": round(s, 4) for (g, t), s in table.shares.items()},
        cosine, ratio, share, _arms(table), _mixture(table),
    )  # fmt: skip


def _arms(table: Table) -> list[Arm]:
    weigh = _weights(table)
    halves = np.array([int(t.id.rpartition(".")[2]) % 2 for t in table.traces])
    names = list(weigh)
    ws = {half: np.stack([weigh[name](halves == half) for name in names]) for half in (0, 1)}
    tasks = np.array([t.task_id for t in table.traces])
    known = sorted(set(tasks))
    place = np.array([known.index(task) for task in tasks])
    rng = np.random.default_rng(0)
    draws = [_cosines(table, ws, np.ones(len(tasks)))]
    for _ in range(DRAWS):
        times = rng.multinomial(len(known), [1 / len(known)] * len(known)).astype(float)
        draws.append(_cosines(table, ws, times[place]))
    raw, clean = (np.stack(part) for part in zip(*draws, strict=True))
    both = {name: np.concatenate([ws[0][i], ws[1][i]]) for i, name in enumerate(names)}
    return [
        Arm(
            name,
            int((both[name] > 0).sum()),
            _effective(both[name]),
            _interval(raw[:, i]),
            _interval(clean[:, i]),
        )
        for i, name in enumerate(names)
    ]


def _weights(table: Table) -> dict[str, Callable[[npt.NDArray[np.bool_]], Array]]:
    """Each estimator as weights of the traces of one half of the samples; the first is REINFORCE itself."""
    assert table.now is not None
    on = np.array([lot == (POLICY, 1.0) for lot in table.lot])
    cool = np.array([lot == (POLICY, 0.7) for lot in table.lot])
    old = ~(on | cool)
    sampled = np.array([sum(t.logprobs) for t in table.traces])
    ratio = np.where(old, np.exp(np.minimum(table.now - sampled, 50)), 1.0)
    length = np.array([len(t.token_ids) for t in table.traces])
    return {
        "REINFORCE = fine-tuning on all valid traces (sum)": lambda half: 1.0 * (on & half),
        "one trace per solved task, the shortest (the paper)": lambda half: _shortest(table, on & half),
        "all valid, every solved task counts the same": lambda half: _even(table, on & half),
        "loss: mean per sequence": lambda half: (on & half) / length,
        "loss: mean per token of a step, as trained": lambda half: _as_trained(table, on & half),
        "sampled at T = 0.7, trained at T = 1": lambda half: 1.0 * (cool & half),
        "older traces alone": lambda half: 1.0 * (old & half),
        "pool of all generations, no ratio": lambda half: 1.0 * ((on | old) & half),
        "pool of all generations, with the ratio": lambda half: ratio * ((on | old) & half),
        "pool of all generations, ratio clipped": lambda half: np.minimum(ratio, CLIP) * ((on | old) & half),
    }  # fmt: skip


def _shortest(table: Table, use: npt.NDArray[np.bool_]) -> Array:
    best: dict[str, int] = {}
    for i in np.flatnonzero(use):
        task = table.traces[i].task_id
        if task not in best or _cost(table, i) < _cost(table, best[task]):
            best[task] = i
    weights = np.zeros(len(use))
    weights[list(best.values())] = 1.0
    return weights


def _cost(table: Table, i: int) -> tuple[int, int]:
    return table.verdicts[i].cost, table.verdicts[i].reasoning_tokens


def _even(table: Table, use: npt.NDArray[np.bool_]) -> Array:
    of: dict[str, list[int]] = defaultdict(list)
    for i in np.flatnonzero(use):
        of[table.traces[i].task_id].append(i)
    weights = np.zeros(len(use))
    for group in of.values():
        weights[group] = 1 / len(group)
    return weights


def _as_trained(table: Table, use: npt.NDArray[np.bool_]) -> Array:
    """The weight that each example has in an epoch of the default recipe: that of its row in the step that holds it."""
    which = list(np.flatnonzero(use))
    recipe = Recipe().train
    examples = [
        Example(str(i), table.traces[i].task_id, table.traces[i].prompt_ids, table.traces[i].token_ids)
        for i in which
    ]
    index: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = defaultdict(
        list
    )  # an answer may come twice
    for e in examples:
        index[e.prompt_ids, e.completion_ids].append(int(e.trace_id))
    weights = np.zeros(len(use))
    for step in steps_of(examples, recipe, (), 0):
        if step.epoch:
            break
        for rows, scales in zip(step.shards, row_scales(step, recipe.loss), strict=True):
            for row, scale in zip(rows, scales, strict=True):
                weights[index[tuple(row.prompt), tuple(row.completion)].pop()] = scale
    return weights


def _cosines(table: Table, ws: dict[int, Array], times: Array) -> tuple[Array, Array]:
    """(raw, with noise divided out) of each arm with the first, both ways round, tasks counted `times`."""
    gram = table.gram
    assert gram is not None
    a, b = ws[0] * times, ws[1] * times
    ga, gb = gram @ a.T, gram @ b.T
    length_a, length_b = np.sqrt(np.einsum("ij,ji->i", a, ga)), np.sqrt(np.einsum("ij,ji->i", b, gb))
    across = a @ gb / np.outer(length_a, length_b)  # [arm on half 0, arm on half 1]
    raw = (across[:, 0] + across[0, :]) / 2
    own = np.diag(across)
    with np.errstate(invalid="ignore"):
        return raw, raw / np.sqrt(own * own[0])


def _mixture(table: Table) -> dict[str, Interval]:
    """Z_pi times the gradient on a mixture of half own, half older valid traces, against REINFORCE with its reward.

    The reward is V (1/2 + 1/2 (Z_pi / Z_beta) beta / pi), beta being the base; left out, Z_pi / Z_beta is 1. The two
    sides come from different halves of the samples; their distance is taken without the noise of either.
    """
    gram, now, under_base = table.gram, table.now, table.under_base
    assert gram is not None
    assert now is not None
    assert under_base is not None
    halves = np.array([int(t.id.rpartition(".")[2]) % 2 for t in table.traces])
    on = np.array([lot == (POLICY, 1.0) for lot in table.lot])
    base = np.array([lot == (0, 1.0) for lot in table.lot])
    z_pi, z_base = table.shares[POLICY, 1.0], table.shares[0, 1.0]
    ratio = np.exp(np.minimum(under_base - now, 50))
    asked = table.asked / 2
    tasks = np.array([t.task_id for t in table.traces])
    known = sorted(set(tasks))
    place = np.array([known.index(task) for task in tasks])

    def distance(times: Array, factor: float) -> float:
        left = [
            times * (halves == h) * (0.5 * on / asked + 0.5 * base * (z_pi / z_base) / asked) for h in (0, 1)
        ]
        right = [times * (halves == h) * on * (0.5 + 0.5 * factor * ratio) / asked for h in (0, 1)]
        apart = [x - y for x, y in zip(left, right, strict=True)]
        square, size = apart[0] @ gram @ apart[1], left[0] @ gram @ left[1]
        return float(np.sqrt(max(square, 0.0) / size)) if size > 0 else float("nan")

    rng = np.random.default_rng(1)
    found = {}
    for name, factor in (("with Z_pi / Z_beta", z_pi / z_base), ("without it", 1.0)):
        values = [distance(np.ones(len(tasks)), factor)]
        for _ in range(DRAWS):
            times = rng.multinomial(len(known), [1 / len(known)] * len(known)).astype(float)
            values.append(distance(times[place], factor))
        found[name] = _interval(np.array(values))
    return found


def _effective(weights: Array) -> float:
    return round(float(weights.sum() ** 2 / (weights**2).sum()), 1) if weights.any() else 0.0


def _interval(values: Array) -> Interval:
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return Interval(round(float(values[0]), 4), round(float(low), 4), round(float(high), 4))


def write(found: Found, out: Path) -> None:
    """numbers.json, table.md and a figure."""
    (out / "numbers.json").write_text(json.dumps(asdict(found), indent=1) + "\n")
    lines = [
        "| traces and weights | traces | effective | cosine with REINFORCE | before noise is divided out |",
        "|---|--:|--:|--:|--:|",
        *(
            f"| {arm.name} | {arm.traces} | {arm.effective:g} | {arm.cosine} | {arm.raw} |"
            for arm in found.arms
        ),
        "",
        f"The two losses as written: cosine {found.whole_cosine:.6f}; REINFORCE is {found.whole_ratio:.4f} times as "
        f"long, and {found.whole_share:.4f} of the answers are valid.",
        "",
        "| the mixture's identity: distance of its sides over the length of the left | |",
        "|---|--:|",
        *(f"| {name} | {value} |" for name, value in found.mixture.items()),
        "",
        "Valid: " + ", ".join(f"{name} {share:.1%}" for name, share in found.share_valid.items()) + ".",
    ]
    (out / "table.md").write_text("\n".join(lines) + "\n")
    _figure(found, out / "cosines.png")


def _figure(found: Found, file: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for y, arm in enumerate(reversed(found.arms)):
        axes.plot([arm.cosine.low, arm.cosine.high], [y, y], color="#0072b2", linewidth=2)
        axes.plot([arm.cosine.value], [y], "o", color="#0072b2", markersize=5)
    axes.set_yticks(range(len(found.arms)), [arm.name for arm in reversed(found.arms)], fontsize=8)
    axes.axvline(1, color="#999999", linewidth=0.8)
    axes.set_xlabel(
        "cosine with the gradient of REINFORCE, noise divided out (95 % of a bootstrap over tasks)",
        fontsize=8,
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=150, metadata={"Software": None})
