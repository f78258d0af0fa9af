"""The layout of a rubbish suite: how sure each model is of inputs that belong to no class."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.cells import interval, percent
from bench.report.table import Table
from bench.results.board import WORST, Row
from bench.suite import Suite


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """One table, a model a line."""
    headers = (
        "model",
        "n",
        "confident",
        "95%",
        "mean conf.",
        "kind",
        "top classes",
        "beyond clean margin",
        "flags",
        "status",
    )
    lines = []
    for row in rows:
        if row.attack == "clean" or row.attack == WORST:
            continue
        applicable = row.error is not None
        lines.append(
            (
                row.model,
                str(row.n),
                percent(row.error) if applicable else "n/a",
                interval(row),
                percent(row.confidence_on_mistakes) if applicable else "",
                row.confidence_kind or "none",
                _skew(row),
                percent(row.beyond_margin),
                ", ".join(row.flags),
                row.status,
            )
        )
    thresholds = sorted({entry.judged_by.threshold for entry in suite.attacks if entry.judged_by.threshold is not None})
    above = " or ".join(f"{threshold:g}" for threshold in thresholds)
    note = (
        f"Confident: share of inputs x ~ N(0, I) given any class with a probability above {above}, %; n/a without "
        "softmax or sigmoid probabilities. Beyond clean margin: score margin at least the model's own median on clean "
        "images."
    )
    return [Table(f"{suite.suite} v{suite.version}: {suite.summary}", headers, tuple(lines), note)]


def _skew(row: Row) -> str:
    """The classes that take most of the false positives."""
    counts = row.success_classes or []
    total = sum(counts)
    if not total:
        return ""
    top = sorted(range(len(counts)), key=lambda k: -counts[k])[:3]
    return ", ".join(f"{k}: {percent(counts[k] / total)}" for k in top if counts[k])
