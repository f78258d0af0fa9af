"""Rates of generated inputs: rubbish that a model is confident about, fooling images that it takes for their goal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.board.measured import Measured
from bench.board.statistics import share, wilson


def generated(row: Measured, clean: Measured | None) -> Iterator[tuple[str, Any]]:
    """Rates of generated inputs, which have no right answer."""
    count = row.total("successes")
    if all(result.successes is not None for result in row.results):
        yield "error", count / row.n
        yield from zip(("ci_low", "ci_high"), wilson(count, row.n), strict=True)
    by_class = [result.success_classes for result in row.results if result.success_classes is not None]
    if by_class:
        successes = np.sum(by_class, axis=0)
        yield "success_classes", successes.tolist()
        if row.goal is not None and row.cell.criterion.kind == "targeted":
            yield from _by_goal(successes, np.bincount(row.goal[row.counted], minlength=len(successes)))
    reference = [result.median_margin for result in clean.results if result.median_margin is not None] if clean else []
    if len(row.margin) and reference:
        yield "beyond_margin", float((row.margin >= np.mean(reference)).mean())


def _by_goal(successes: NDArray[np.int64], tried: NDArray[np.int64]) -> Iterator[tuple[str, Any]]:
    yield "class_n", tried.tolist()
    yield "class_success", [share(int(hits), int(n)) for hits, n in zip(successes, tried, strict=True)]
    if tried.any():
        yield "mean_class_success", float((successes[tried > 0] / tried[tried > 0]).mean())
