"""The picture of a model: robust accuracy against epsilon, attacked above, certified below, the band between open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from bench.board.rows import BRACKET, Row
from bench.report.figure_style import CLASSES, page
from bench.threats import norm_named

ATTACKED, CERTIFIED, OPEN = CLASSES[0], CLASSES[1], CLASSES[2]


def brackets_of(rows: Sequence[Row], model: str) -> list[Row]:
    """The brackets of a model that have a number, the smallest size first."""
    return [row for row in rows if row.attack == BRACKET and row.model == model and row.robust_accuracy is not None]


def bracket_figure(rows: Sequence[Row]) -> Figure:
    """Drawn from the brackets of one model, one at least.

    At epsilon 0 both ends are the clean accuracy. Between the sizes that were measured the lines lead the eye only.
    """
    head = rows[0]
    figure = page(3.0)
    panel = figure.subplots()
    _band(panel, rows)
    panel.set(xlabel=f"epsilon, {head.norm}", ylabel="robust accuracy, %")
    panel.set_title(f"{head.model}, {head.suite}, n = {_counts(rows)}")
    panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, title="bars: 95%, Wilson")
    return figure


def board_figure(models: Sequence[Sequence[Row]]) -> Figure:
    """The same of several models of a suite, a panel each, in the order given."""
    columns = min(4, len(models))
    lines = -(-len(models) // columns)
    figure = page(0.5 + 1.7 * lines)
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False).ravel()
    for panel, rows in zip(panels, models, strict=False):
        _band(panel, rows)
        panel.set_title(f"{rows[0].model}\nn = {_counts(rows)}", fontsize=7)
        panel.xaxis.set_major_locator(MaxNLocator(3))
        panel.xaxis.set_major_formatter(ScalarFormatter())
        panel.tick_params(axis="x", rotation=0)
    for panel in panels[len(models) :]:
        panel.remove()
    head = models[0][0]
    norm = norm_named(head.norm or "").title
    figure.supxlabel(f"epsilon, {norm}", fontsize=8)
    figure.supylabel("robust accuracy, %", fontsize=8)
    handles = {label: line for rows in panels[: len(models)] for line, label in zip(*_legend(rows), strict=True)}
    figure.legend(
        list(handles.values()), list(handles), loc="outside upper center", ncols=4, frameon=False,
        title=f"{head.suite}, version {head.version}; bars: 95%, Wilson",
    )  # fmt: skip
    return figure


def _legend(panel: Axes) -> tuple[list[Any], list[str]]:
    handles, labels = panel.get_legend_handles_labels()
    return handles, labels


def _counts(rows: Sequence[Row]) -> str:
    counts = sorted({row.n for row in rows})
    return f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"


def _band(panel: Axes, rows: Sequence[Row]) -> None:
    """From what is proved to what is left by the attacks, at every size, the smallest first."""
    head = rows[0]
    eps = np.array([0.0, *(row.eps or 0.0 for row in rows)])
    upper = _percent([head.clean_accuracy, *(row.robust_accuracy for row in rows)])
    proved = any(row.certified is not None for row in rows)
    lower = _percent([head.clean_accuracy, *(row.certified for row in rows)]) if proved else np.zeros(len(eps))
    label = "open" if proved else "open: nothing certifies it"
    panel.fill_between(eps, lower, upper, color=OPEN, alpha=0.45, linewidth=0, label=label)
    panel.plot(eps, upper, color=ATTACKED, marker="v", markersize=6, linewidth=2.5, label="attacked")
    _ends(panel, eps[1:], _percent([row.ci_low for row in rows]), _percent([row.ci_high for row in rows]), ATTACKED)
    if proved:
        panel.plot(eps, lower, color=CERTIFIED, marker="^", markersize=3.5, linestyle="--", label="certified")
        low, high = (_percent([getattr(row, name) for row in rows]) for name in ("certified_low", "certified_high"))
        _ends(panel, eps[1:], low, high, CERTIFIED)
    panel.set_ylim(0, 100)
    panel.margins(x=0.02)
    panel.set_xticks(eps, [f"{each:g}" for each in eps], rotation=45)
    panel.grid(color="#dddddd", linewidth=0.5)


def _percent(shares: Sequence[float | None]) -> NDArray[np.float64]:
    """In percent; NaN, which is not drawn, where there is none."""
    return np.array([np.nan if share is None else 100 * share for share in shares])


def _ends(
    panel: Axes, eps: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], colour: str
) -> None:
    panel.vlines(eps, low, high, color=colour, linewidth=2.5, alpha=0.5)
