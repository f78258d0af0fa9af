"""The layout of a rubbish suite: how sure each model is of inputs that belong to no class, and of fooling images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.board.rows import WORST, Row
from bench.planning.entry import Entry
from bench.planning.suite import Suite
from bench.report.cells import interval, percent
from bench.table import Table


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """A table of rubbish and one of fooling images, where there are any; a model a line."""
    attacked = [row for row in rows if row.attack not in ("clean", WORST)]
    fooling = [row for row in attacked if row.attack == "fooling"]
    rubbish = [row for row in attacked if row.attack != "fooling"]
    return [*([_rubbish(suite, rubbish)] if rubbish else []), *([_fooling(suite, fooling)] if fooling else [])]


def _rubbish(suite: Suite, rows: Sequence[Row]) -> Table:
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
    above = _thresholds(entry for entry in suite.attacks if entry.attack != "fooling")
    note = (
        f"Confident: share of inputs x ~ N(0, I) given any class with a probability above {above}, %; n/a without "
        "softmax or sigmoid probabilities. Beyond clean margin: score margin at least the model's own median on clean "
        "images."
    )
    return Table(f"{suite.suite} v{suite.version}: {suite.summary}", headers, tuple(lines), note)


def _fooling(suite: Suite, rows: Sequence[Row]) -> Table:
    headers = (
        "model",
        "crafted on",
        "step",
        "n",
        "fooled",
        "95%",
        "mean of classes",
        "mean conf.",
        "kind",
        "by class, hardest first",
        "flags",
        "status",
    )
    lines = [
        (
            row.model,
            row.source or "",
            _step(row),
            str(row.n),
            "n/a" if row.error is None else percent(row.error),
            interval(row),
            percent(row.mean_class_success),
            percent(row.confidence_on_mistakes) if row.error is not None else "",
            row.confidence_kind or "none",
            _hardest(row),
            ", ".join(row.flags),
            row.status,
        )
        for row in rows
    ]
    above = _thresholds(entry for entry in suite.attacks if entry.attack == "fooling")
    note = (
        "Fooled: share of inputs x ~ N(0, I) given a class, after a step towards it, with a probability above "
        f"{above or 0}, %; n/a without softmax or sigmoid probabilities. By class: the same over the inputs of each."
    )
    return Table(f"{suite.suite} v{suite.version}: fooling images", headers, tuple(lines), note)


def _thresholds(entries: Iterable[Entry]) -> str:
    """Such as `0.5`, or `0.5 or 0.9` where entries differ."""
    found = sorted({entry.judged_by.threshold for entry in entries if entry.judged_by.threshold is not None})
    return " or ".join(f"{threshold:g}" for threshold in found)


def _step(row: Row) -> str:
    """Such as `sign 0.25`, `gradient 100, up to 5 times`."""
    given = row.parameters
    assert given is not None
    often = f", up to {given['steps']} times" if given["steps"] > 1 else ""
    return f"{given['step']} {given['step_size']:g}{often}"


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
