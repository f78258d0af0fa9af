"""The leaderboard as data: a row for every attack on every model, and the ranking. A pure function of the view."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.board import flags as comparing
from bench.board.statistics import ranks, wilson
from bench.board.transfer import Transfer, transfer
from bench.board.view import Measured, Status, View, mistaken
from bench.records.record import ModelInfo
from bench.threats import Threat

WORST = "worst-of-all"
"""Name of the row that a model is ranked by: the pointwise worst of all attacks within the suite's threat."""


@dataclass(frozen=True)
class Row:
    """One line of results. Rates are shares in [0, 1]; None where a number does not apply or is not known."""

    suite: str
    version: int
    model: str
    family: str
    attack: str
    parameters: dict[str, Any] | None
    norm: str | None
    eps: float | None
    clip: bool | None
    source: str | None
    target: str
    n: int
    status: Status
    reason: str | None
    clean_accuracy: float | None
    error: float | None
    """Share of all examples labelled wrongly; of generated inputs, the share on which the criterion holds: rubbish that
    the model is confident about, fooling images that it takes for their goal."""
    robust_accuracy: float | None
    """Share right on the clean input and on every candidate of this attack within eps."""
    ci_low: float | None
    ci_high: float | None
    attack_success: float | None
    """Share fooled among those right on the clean input."""
    abstention: float | None
    confidence_on_mistakes: float | None
    confidence_kind: str | None
    gradient: str
    source_gradient: str | None
    flags: list[str]
    rank: int | None
    older_versions: int
    fingerprint: str
    effort: str | None
    """How short a training the model had; None where it was no quick one."""
    cells: list[str]
    """Ids of the records that the row is read from, one a slice; `bench show` takes them."""
    transfer: Transfer | None = None
    success_classes: list[int] | None = None
    class_success: list[float | None] | None = None
    """Of generated inputs with a goal, the share that reached it, by goal class; None for a class that was no goal."""
    mean_class_success: float | None = None
    """Mean of these over the classes."""
    beyond_margin: float | None = None
    """Rubbish whose score margin reaches the model's own median on clean images that it has right."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return values | {"transfer": None if self.transfer is None else self.transfer.__dict__}


def rows(view: View) -> list[Row]:
    """All rows of a suite: for every model first the one it is ranked by, then every attack on it."""
    placed = _ranking(view)
    result = []
    for target in view.targets():
        measured = view.of(target.name)
        found = [*_own_flags(measured), *comparing.compared(view, target.name)]
        if target.gradient == "none":
            found.append("labels-only")
        shown = sorted(set(found))
        worst = placed.worst.get(target.name)
        rank = placed.rank.get(target.name)
        if worst is not None:
            result.append(_worst_row(view, target, worst, shown, rank))
        result += [_row(view, row, shown, rank) for row in measured]
    return result


# -- ranking ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Worst:
    """A model under the worst of all attacks within the threat."""

    robust: NDArray[np.bool_]
    clean: Measured
    complete: bool
    status: Status
    reason: str | None


@dataclass(frozen=True)
class _Ranking:
    worst: dict[str, _Worst]
    rank: dict[str, int]


def _ranking(view: View) -> _Ranking:
    """Worst cases of all models, and ranks of those that are complete: every due cell there, over all examples."""
    if view.suite.rank_by is None:
        return _Ranking({}, {})
    worst = {target.name: found for target in view.targets() if (found := _worst(view, target)) is not None}
    randomised = {target.name for target in view.targets() if "randomised" in _own_flags(view.of(target.name))}
    entrants = [name for name, found in worst.items() if found.complete and name not in randomised]
    order = ranks([worst[name].robust for name in entrants])
    return _Ranking(worst, dict(zip(entrants, order, strict=True)))


def _worst(view: View, target: ModelInfo) -> _Worst | None:
    rank_by = view.suite.rank_by
    assert rank_by is not None
    clip = view.dataset.bounds if rank_by.clip else None
    allowed = Threat(norm=rank_by.norm, eps=rank_by.eps, clip=clip)
    measured = view.of(target.name)
    # The whole split, or the short look that stands for it; a costly check over fewer examples does not rank.
    passes = [row for row in measured if row.attack == "clean"]
    clean = max(passes, key=lambda row: sum(cell.craft.slice.n for cell in row.cells), default=None)
    if clean is None or clean.status == "missing":
        return None
    # Guests craft on the references too, but who else has come must not move anybody's rank.
    due = [
        row
        for row in measured
        if row.slices == clean.slices
        and row.threat.within(allowed)
        and (row.source is None or row.cell.white_box or row.source.name in view.references)
    ]
    robust = np.zeros(0, dtype=bool)
    if clean.status == "ok":
        robust = clean.predicted == clean.true
        for row in due:
            if row.status == "ok":
                robust = robust & ~mistaken(row.predicted, clean.true)
    status: Status = clean.status
    reason = clean.reason
    for row in due:
        if status == "ok" and row.status in ("error", "missing"):
            status, reason = row.status, row.reason or f"not run yet: {row.cell}"
    absent = [name for name in view.suite.models if name not in view.references]
    if status == "ok" and absent and any(entry.sources == "all" for entry in view.suite.attacks):
        status, reason = "missing", f"no transfer from {', '.join(absent)} yet"
    short = any(cell.craft.slice.partial for cell in clean.cells)
    return _Worst(robust, clean, status == "ok" and not short, status, reason)


def _worst_row(view: View, target: ModelInfo, worst: _Worst, shown: list[str], rank: int | None) -> Row:
    rank_by = view.suite.rank_by
    assert rank_by is not None
    n, robust = len(worst.robust), int(worst.robust.sum())
    right = int((worst.clean.predicted == worst.clean.true).sum()) if worst.clean.status == "ok" else 0
    known = worst.status == "ok"
    low, high = wilson(robust, n)
    return Row(
        **_who(view, target, shown, rank),
        attack=WORST,
        parameters=None,
        norm=rank_by.norm,
        eps=rank_by.eps,
        clip=rank_by.clip,
        source=None,
        source_gradient=None,
        cells=[],
        n=n,
        status=worst.status,
        reason=worst.reason,
        clean_accuracy=right / n if n else None,
        error=1 - robust / n if known else None,
        robust_accuracy=robust / n if known else None,
        ci_low=low if known else None,
        ci_high=high if known else None,
        attack_success=(right - robust) / right if known and right else None,
        abstention=None,
        confidence_on_mistakes=None,
    )


# -- one row ----------------------------------------------------------------------------------------------------------


def _row(view: View, row: Measured, shown: list[str], rank: int | None) -> Row:
    ok = row.status == "ok"
    clean = view.clean_of(row)
    common: dict[str, Any] = _who(view, row.target, shown, rank) | {
        "attack": row.attack,
        "parameters": row.cell.craft.attack.parameters,
        "norm": row.threat.norm,
        "eps": row.threat.eps,
        "clip": None if row.threat.norm is None else row.threat.clip is not None,
        "source": row.source.name if row.source else None,
        "source_gradient": row.source.gradient if row.source else None,
        "cells": [cell.id for cell in row.cells],
        "n": row.n,
        "status": row.status,
        "reason": row.reason,
        "clean_accuracy": _accuracy(clean) if clean else None,
        "error": None,
        "robust_accuracy": None,
        "ci_low": None,
        "ci_high": None,
        "attack_success": None,
        "abstention": row.total("abstentions") / row.n if ok and row.n else None,
        "confidence_on_mistakes": row.mean("confidence_on_mistakes") if ok else None,
    }
    if not ok or row.n == 0:
        return Row(**common)
    if row.entry.made.generates:
        return Row(**(common | _generated(row, clean)))
    if clean is None:
        return Row(**(common | {"error": row.total("errors") / row.n}))
    return Row(**(common | _attacked(view, row, clean)), transfer=transfer(view, row, clean))


def _attacked(view: View, row: Measured, clean: Measured) -> dict[str, Any]:
    """Rates of an attack on labelled examples."""
    counted = np.ones(len(clean.true), dtype=bool) if row.goal is None else row.goal >= 0
    right = (clean.predicted == clean.true) & counted
    fooled = mistaken(row.predicted, clean.true) & counted
    success = fooled if row.goal is None else (row.predicted == row.goal) & counted
    robust = right.copy()
    for other in view.of(row.target.name):
        if other.status == "ok" and other.crafted == row.crafted and (other is row or other.threat.within(row.threat)):
            robust &= ~mistaken(other.predicted, clean.true)
    error = int(fooled.sum())
    if row.attack == "clean":
        error += row.total("abstentions")  # on a clean input an abstention costs accuracy
    low, high = wilson(int(robust.sum()), row.n)
    return {
        "error": error / row.n,
        "robust_accuracy": int(robust.sum()) / row.n,
        "ci_low": low,
        "ci_high": high,
        "attack_success": int((success & right).sum()) / int(right.sum()) if right.any() else None,
    }


def _generated(row: Measured, clean: Measured | None) -> dict[str, Any]:
    """Rates of generated inputs, which have no right answer."""
    applicable = all(result.successes is not None for result in row.results)
    count = row.total("successes")
    low, high = wilson(count, row.n)
    margins = row.margin
    reference = [result.median_margin for result in clean.results if result.median_margin is not None] if clean else []
    by_class = [result.success_classes for result in row.results if result.success_classes is not None]
    successes = np.sum(by_class, axis=0) if by_class else None
    goal = row.goal if row.cell.criterion.kind == "targeted" else None
    rates = None if goal is None or successes is None else _by_goal(successes, goal)
    reached = [rate for rate in rates or [] if rate is not None]
    return {
        "error": count / row.n if applicable else None,
        "ci_low": low if applicable else None,
        "ci_high": high if applicable else None,
        "success_classes": None if successes is None else successes.tolist(),
        "class_success": rates,
        "mean_class_success": float(np.mean(reached)) if reached else None,
        "beyond_margin": float((margins >= np.mean(reference)).mean()) if len(margins) and reference else None,
    }


def _by_goal(successes: NDArray[np.int64], goal: NDArray[np.int64]) -> list[float | None]:
    """Share of successes among the inputs of each goal class."""
    tried = np.bincount(goal[goal >= 0], minlength=len(successes))
    return [float(hits / n) if n else None for hits, n in zip(successes, tried, strict=True)]


def _who(view: View, target: ModelInfo, shown: list[str], rank: int | None) -> dict[str, Any]:
    return {
        "suite": view.suite.suite,
        "version": view.suite.version,
        "model": target.name,
        "target": target.name,
        "family": target.family,
        "gradient": target.gradient,
        "confidence_kind": target.confidence_kind,
        "flags": shown,
        "rank": rank,
        "older_versions": view.older.get(target.name, 0),
        "fingerprint": target.fingerprint,
        "effort": target.effort,
    }


def _accuracy(clean: Measured) -> float:
    return float((clean.predicted == clean.true).mean())


def _own_flags(measured: list[Measured]) -> list[str]:
    """Findings about the model itself, which its clean cells carry."""
    clean = [result for row in measured if row.attack == "clean" for result in row.results]
    return sorted({flag for result in clean for flag in result.flags})
