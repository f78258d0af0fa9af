"""The layout of a worst-case suite: every model between what is proved and what is attacked, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from bench.board.rows import BRACKET, WORST, Row
from bench.planning.suite import Suite
from bench.report.layout import Column, by_model, certified, drawn, flags, percent, rate, risky, shown, sizes
from bench.report.robustness import place, stands, status, tried
from bench.table import Table

Line = tuple[str, float | None]
"""A model and a size."""
ENDS = "%, as above, with 95% Wilson intervals of both ends."
NOTHING = "-"
"""Where nothing certifies: that is no 0."""
attacked, still_open = rate("robust_accuracy"), rate("open")
"""The texts of robust accuracy under the worst of all attacks, and of the share between that and what is certified."""


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """The ranking, at most 80 columns wide, then every size, its intervals, its costs, and what to be wary of."""
    models = dict(sorted(by_model(rows).items(), key=lambda item: place(item[1])))
    told = sizes(rows)
    worst = {row.model: row for row in rows if row.attack == WORST}
    if not worst:
        return []
    at = {(row.model, row.eps): row for name in models for row in models[name] if row.attack == BRACKET}
    size = told[suite.rank_by.eps] if suite.rank_by else ""
    ranking: list[Column[str]] = [
        ("rank", lambda name: stands(models[name][0])),
        ("model", str),
        ("n", lambda name: str(worst[name].n) if name in worst else ""),
        ("clean", lambda name: percent(worst[name].clean_accuracy) if name in worst else ""),
        ("attacked", lambda name: attacked(worst.get(name))),
        ("certified", lambda name: certified(worst.get(name))),
        ("open", lambda name: still_open(worst.get(name))),
    ]
    title = f"{suite.suite} v{suite.version} at {size}" + (f": {suite.summary}" if suite.summary else "")
    shown = list(filter(None, map(worst.get, models)))
    least = ["open", "clean", *(["n"] if len({row.n for row in shown}) < 2 else [])]
    return [
        drawn(title, models, ranking, _terms(shown), note=_overlapping(shown), least=least, key=2),
        drawn("Every size", at, _by_size(at, told), ENDS, least=["decided by"], key=3),
        drawn("Cost of an example", at, _costs(at, told), "All attacks and certificates at that size together.", key=2),
        drawn("What to be wary of", models, _wary(suite, models)),
    ]


def _interval(low: str, high: str) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        ends = getattr(row, low), getattr(row, high)
        return NOTHING if None in ends else f"{percent(ends[0])}–{percent(ends[1])}"

    return text


def _by_size(at: Mapping[Line, Row], told: Mapping[float | None, str]) -> list[Column[Line]]:
    high, low = _interval("ci_low", "ci_high"), _interval("certified_low", "certified_high")
    return [
        ("model", lambda line: line[0]),
        ("eps", lambda line: told[line[1]]),
        ("n", lambda line: str(at[line].n)),
        ("attacked", lambda line: attacked(at[line])),
        ("95%", lambda line: shown(at[line], high)),
        ("certified", lambda line: certified(at[line])),
        ("95% ", lambda line: shown(at[line], low)),
        ("open", lambda line: still_open(at[line])),
        ("decided by", lambda line: at[line].decided_by or NOTHING),
    ]


def _costs(at: Mapping[Line, Row], told: Mapping[float | None, str]) -> list[Column[Line]]:
    def cost(name: str) -> Column[Line]:
        return name, lambda line: _amount((at[line].costs or {}).get(name, 0))

    return [
        ("model", lambda line: line[0]),
        ("eps", lambda line: told[line[1]]),
        *([("n", lambda line: str(at[line].n))] if len({row.n for row in at.values()}) > 1 else []),
        *map(cost, ("gradients", "queries", "forwards", "seconds")),
    ]


def _amount(cost: float) -> str:
    """Three digits, and none of them in a power of ten."""
    return f"{cost:.3g}" if cost < 999.5 else f"{float(f'{cost:.3g}'):.0f}"


def _wary(suite: Suite, models: Mapping[str, Sequence[Row]]) -> list[Column[str]]:
    return [
        ("model", lambda name: tried(models[name][0])),
        ("family", lambda name: models[name][0].family),
        ("gradient", lambda name: models[name][0].gradient),
        ("status", lambda name: status(suite.rank_by, models[name])),
        ("flags", lambda name: flags(models[name][0]) or "none"),
    ]


def _terms(worst: Sequence[Row]) -> str:
    lines = [
        "Of all n examples, %: right when clean and under every attack; proved to stay right within the size; neither.",
        f"{NOTHING}: nothing certifies the model. Rank: by attacked.",
        *risky(worst),
    ]
    return " ".join(lines)


def _overlapping(worst: Sequence[Row]) -> str:
    pairs = "; ".join(f"{above.model} and {below.model}" for above, below in _undecided(worst))
    return f"Their brackets overlap, so that it is open which is the more robust: {pairs}." if pairs else ""


def _undecided(worst: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Neighbours in attacked accuracy, both certified, the better one proved for less than the other still stands."""
    bounded = [row for row in worst if row.certified is not None and row.robust_accuracy is not None]
    order = sorted(bounded, key=lambda row: -(row.robust_accuracy or 0))
    for above, below in pairwise(order):
        if (above.certified or 0) < (below.robust_accuracy or 0):
            yield above, below
