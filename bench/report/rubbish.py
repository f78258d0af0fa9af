"""The layout of a rubbish suite: how sure each model is of inputs that belong to no class, and of fooling images."""

from __future__ import annotations

from collections.abc import Sequence

from bench.board.rows import Row
from bench.planning.suite import Suite
from bench.report.layout import Column, drawn, flags, interval, label, percent, varied
from bench.table import Table

TERMS = (
    "Confident: share of inputs {inputs} given any class with a probability above {above}, %; n/a without softmax or "
    "sigmoid probabilities. Beyond clean margin: score margin at least the model's own median on clean images.",
    "Fooled: share of inputs {inputs} given the class that they were to become, with a probability above {above}, %; "
    "n/a without softmax or sigmoid probabilities. By class: the same over the inputs of each.",
)


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """A table of inputs made from nothing and one of those crafted on a model, where there are any; a model a line."""
    generated = [row for row in rows if row.role == "generated"]
    groups = [[row for row in generated if (row.source is not None) == crafted] for crafted in (False, True)]
    return [_table(suite, group, crafted) for crafted, group in zip((False, True), groups, strict=True) if group]


def _table(suite: Suite, rows: Sequence[Row], crafted: bool) -> Table:
    apart = varied(rows)
    attack: Column[Row] = ("attack", lambda row: label(row, always=apart[row.attack]))
    several = len({attack[1](row) for row in rows}) > 1
    columns: list[Column[Row]] = [
        ("model", lambda row: row.model),
        *([("crafted on", lambda row: row.source or "")] if crafted else []),
        *([attack] if several else []),
        ("n", lambda row: str(row.n)),
        ("fooled" if crafted else "confident", lambda row: "n/a" if row.error is None else percent(row.error)),
        ("95%", interval),
        *([("mean of classes", lambda row: percent(row.mean_class_success))] if crafted else []),
        ("mean conf.", lambda row: "" if row.error is None else percent(row.confidence_on_mistakes)),
        ("kind", lambda row: row.confidence_kind or "none"),
        ("by class, hardest first", _hardest) if crafted else ("top classes", _skew),
        *([] if crafted else [("beyond clean margin", lambda row: percent(row.beyond_margin))]),
        ("flags", flags),
        ("status", lambda row: row.status),
    ]
    names = {row.attack for row in rows}
    # What the inputs are, as the attacks' summaries begin.
    made = dict.fromkeys(entry.made.summary.partition(";")[0] for entry in suite.attacks if entry.attack in names)
    above = " or ".join(f"{threshold:g}" for threshold in sorted({row.threshold or 0 for row in rows}))
    title = f"{suite.suite} v{suite.version}: {'fooling images' if crafted else suite.summary}"
    return drawn(title, rows, columns, TERMS[crafted].format(inputs=" or ".join(made), above=above))


def _hardest(row: Row) -> str:
    """Success of the ten classes that it is lowest for."""
    tried = [(rate, k) for k, rate in enumerate(row.class_success or []) if rate is not None]
    return ", ".join(f"{k}: {percent(rate)}" for rate, k in sorted(tried)[:10])


def _skew(row: Row) -> str:
    """The classes that take most of the false positives."""
    counts = row.success_classes or []
    top = sorted(range(len(counts)), key=lambda k: -counts[k])[:3]
    return ", ".join(f"{k}: {percent(counts[k] / sum(counts))}" for k in top if counts[k])
