"""The layout of a rubbish suite: how sure each model is of inputs that belong to no class, and of fooling images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.board.rows import Row
from bench.planning.suite import Suite
from bench.report.cells import Column, drawn, flags, interval, label, percent, varied
from bench.table import Table


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """A table of inputs made from nothing and one of those crafted on a model, where there are any; a model a line."""
    generated = [row for row in rows if row.role == "generated"]
    crafted = [row for row in generated if row.source is not None]
    rubbish = [row for row in generated if row.source is None]
    return [*([_rubbish(suite, rubbish)] if rubbish else []), *([_fooling(suite, crafted)] if crafted else [])]


def _attack(rows: Sequence[Row]) -> list[Column[Row]]:
    """A column that tells attacks apart, where there are several."""
    apart = varied(rows)
    column = ("attack", lambda row: label(row, always=apart[row.attack]))
    return [column] if len({column[1](row) for row in rows}) > 1 else []


def _rubbish(suite: Suite, rows: Sequence[Row]) -> Table:
    columns: list[Column[Row]] = [
        ("model", lambda row: row.model),
        *_attack(rows),
        ("n", lambda row: str(row.n)),
        ("confident", _error),
        ("95%", interval),
        ("mean conf.", _confidence),
        ("kind", lambda row: row.confidence_kind or "none"),
        ("top classes", _skew),
        ("beyond clean margin", lambda row: percent(row.beyond_margin)),
        ("flags", flags),
        ("status", lambda row: row.status),
    ]
    note = (
        f"Confident: share of inputs {_inputs(suite, rows)} given any class with a probability above "
        f"{_thresholds(rows)}, %; n/a without softmax or sigmoid probabilities. Beyond clean margin: score margin at "
        "least the model's own median on clean images."
    )
    return drawn(f"{suite.suite} v{suite.version}: {suite.summary}", rows, columns, note)


def _fooling(suite: Suite, rows: Sequence[Row]) -> Table:
    columns: list[Column[Row]] = [
        ("model", lambda row: row.model),
        ("crafted on", lambda row: row.source or ""),
        *_attack(rows),
        ("n", lambda row: str(row.n)),
        ("fooled", _error),
        ("95%", interval),
        ("mean of classes", lambda row: percent(row.mean_class_success)),
        ("mean conf.", _confidence),
        ("kind", lambda row: row.confidence_kind or "none"),
        ("by class, hardest first", _hardest),
        ("flags", flags),
        ("status", lambda row: row.status),
    ]
    note = (
        f"Fooled: share of inputs {_inputs(suite, rows)} given the class that they were to become, with a probability "
        f"above {_thresholds(rows)}, %; n/a without softmax or sigmoid probabilities. By class: the same over the "
        "inputs of each."
    )
    return drawn(f"{suite.suite} v{suite.version}: fooling images", rows, columns, note)


def _error(row: Row) -> str:
    return "n/a" if row.error is None else percent(row.error)


def _confidence(row: Row) -> str:
    return "" if row.error is None else percent(row.confidence_on_mistakes)


def _inputs(suite: Suite, rows: Iterable[Row]) -> str:
    """What the inputs are, as the attacks' summaries begin."""
    attacks = {row.attack for row in rows}
    told = [entry.made.summary.partition(";")[0] for entry in suite.attacks if entry.attack in attacks]
    return " or ".join(dict.fromkeys(told))


def _thresholds(rows: Iterable[Row]) -> str:
    """Such as `0.5`, or `0.5 or 0.9` where rows differ."""
    return " or ".join(f"{threshold:g}" for threshold in sorted({row.threshold or 0 for row in rows}))


def _hardest(row: Row) -> str:
    """Success of the ten classes that it is lowest for."""
    tried = [(rate, k) for k, rate in enumerate(row.class_success or []) if rate is not None]
    return ", ".join(f"{k}: {percent(rate)}" for rate, k in sorted(tried)[:10])


def _skew(row: Row) -> str:
    """The classes that take most of the false positives."""
    counts = row.success_classes or []
    total = sum(counts)
    if not total:
        return ""
    top = sorted(range(len(counts)), key=lambda k: -counts[k])[:3]
    return ", ".join(f"{k}: {percent(counts[k] / total)}" for k in top if counts[k])
