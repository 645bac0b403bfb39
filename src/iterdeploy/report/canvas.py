"""Figures without a screen: one style, colours that colour-blind readers tell apart, same numbers, same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEPLOYED, HELDOUT, INK, FAINT = "#0b6e99", "#d9730d", "#37352f", "#9b9a97"
SERIES = (DEPLOYED, HELDOUT, "#4d7c3a", "#8a4fa3", "#b3261e", "#6b5b2e", FAINT)
MARKERS = "oDs^vPX"
STYLE: Any = {
    "svg.hashsalt": "iterdeploy",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": "#e9e9e7",
    "legend.frameon": False,
}


@contextmanager
def figure(width: float, height: float, dpi: int = 130, **style: Any) -> Iterator[Figure]:
    """A figure of so many inches, drawn in the one style whatever the user's own settings are."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()  # a matplotlibrc of the user's must not move a byte
        mpl.rcParams.update(STYLE | style)
        drawn = Figure(figsize=(width, height), dpi=dpi)
        FigureCanvasAgg(drawn)
        yield drawn


def encoded(drawn: Figure, name: str) -> dict[str, bytes]:
    """The figure as {"NAME.svg": bytes, "NAME.png": bytes}; to be called while `figure` is open."""
    return {
        f"{name}.svg": _bytes(drawn, "svg", {"Date": None, "Creator": None}),
        f"{name}.png": _bytes(drawn, "png", {"Software": None}),
    }


def _bytes(drawn: Figure, form: str, metadata: dict[str, Any]) -> bytes:
    out = BytesIO()
    drawn.savefig(out, format=form, metadata=metadata)
    return out.getvalue()


def share_axis(axes: Axes, top: float) -> None:
    """The upright axis of shares in per cent, from 0 to a little over `top`."""
    axes.set_ylabel("solved, % of asked")
    axes.set_ylim(0, min(103.0, max(5.0, 1.25 * top)))
    plain(axes)
    axes.legend(loc="best", fontsize=9)


def plain(axes: Axes) -> None:
    """Faint lines across, behind all else; no ticks."""
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def ticks(places: list[int], most: int) -> list[int]:
    """At most so many of the places, evenly apart."""
    return places[:: -(-len(places) // most)]
