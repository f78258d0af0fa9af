"""Transfer: what examples crafted on one model do to another, beside what noise of the same size does.

Goodfellow, Shlens & Szegedy 2015, section 8; Papernot, McDaniel & Goodfellow 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.board.measured import Measured, misnamed, mistaken
from bench.board.view import View


class Agreement(NamedTuple):
    """How often two models make the same mistake."""

    rate: float | None
    n: int
    chance: float | None
    """The rate of two models that make as many mistakes of each kind, independently of each other."""


@dataclass(frozen=True)
class Transfer:
    """What a transfer row has beside its error. None where the numbers that it needs are not recorded."""

    clean_error: float
    noise_error: float | None
    """The target's error under noise of the same size: of the stronger kind, where several were run."""
    given_source_fooled: float | None
    """P(target fooled | source fooled), over the examples that both have right when clean."""
    given_n: int
    agree_rate: float | None
    """Share of the source's mistakes for which the target gives the same wrong class."""
    agree_n: int
    agree_chance: float | None
    common_rate: float | None
    """The same over the mistakes that both make."""
    common_n: int
    common_chance: float | None


def transfer(view: View, row: Measured, clean: Measured) -> Transfer | None:
    """The transfer numbers of a row; None where it is not crafted on another model."""
    if row.source is None or row.cell.white_box:
        return None
    true = clean.true
    target_fooled = mistaken(row.predicted, true)
    noise = [float(mistaken(other.predicted, true).mean()) for other in view.noise(row)]
    own = next((other for other in view.alike(row, row.source) if other.threat == row.threat), None)
    source_clean = view.clean_of(row, row.source)
    given, given_n = None, 0
    first = second = Agreement(None, 0, None)
    if own is not None:
        source_wrong = misnamed(own.predicted, true)
        first = agreement(own.predicted, row.predicted, source_wrong)
        second = agreement(own.predicted, row.predicted, source_wrong & misnamed(row.predicted, true))
        if source_clean is not None:
            base = (source_clean.predicted == true) & (clean.predicted == true) & mistaken(own.predicted, true)
            given_n = int(base.sum())
            given = float((target_fooled & base).sum() / given_n) if given_n else None
    clean_error = float((clean.predicted != true).mean())
    return Transfer(clean_error, max(noise, default=None), given, given_n, *first, *second)


def agreement(first: NDArray[np.int64], second: NDArray[np.int64], over: NDArray[np.bool_]) -> Agreement:
    """How often two models' labels, each `(N,)`, are the same over some of the examples."""
    n = int(over.sum())
    if n == 0:
        return Agreement(None, 0, None)
    one, two = first[over], second[over]
    size = int(max(one.max(), two.max())) + 1
    # Abstentions (-1) agree with nothing: they fall into a bin of their own that is left out of the product.
    shares = [np.bincount(labels + 1, minlength=size + 1)[1:] / n for labels in (one, two)]
    return Agreement(float((one == two).mean()), n, float(shares[0] @ shares[1]))
