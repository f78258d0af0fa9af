"""What an attack on a compiled estimator could climb: the losses that it has, and those that it could have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.compiled import SklearnAdapter
from adapters.rounding import log_odds_against, margin_against, two_sided
from adapters.sklearn.composite.multiclass import BinaryParts, CodesAdapter, PairsAdapter
from adapters.sklearn.composite.responses import placed, relaxed_choice
from adapters.sklearn.composite.stacking import StackingAdapter
from adapters.sklearn.composite.votes import EnsembleAdapter
from adapters.sklearn.pairs import places

Loss = Callable[[Tensor], Tensor]
FAINT = -40.0
"""Log-share of a class that a part does not know."""


def candidates(model: SklearnAdapter, y: Tensor) -> Iterator[tuple[str, Loss]]:
    """Names of losses, and what gives `(N,)` of each of `(N, D)` inputs of the classes `y`; the first two are those
    that attacks of the suites climb.
    """
    yield "training", lambda x: model.loss(x, y, "training")
    yield "margin", lambda x: model.loss(x, y, "margin")
    yield "log-odds", lambda x: log_odds_against(model.logits(x), y)
    if model.decision != "none":
        yield "decision margin", lambda x: margin_against(two_sided(model.soft_decision(x)), y)
    if model.probability != "none":
        yield "share margin", lambda x: margin_against(model.log_probabilities(x), y)
        yield "plain share margin", lambda x: margin_against(model.log_probabilities(x).exp(), y)
        yield "share log-odds", lambda x: log_odds_against(model.log_probabilities(x), y)
    if isinstance(model, EnsembleAdapter):
        yield "mean share", lambda x: margin_against(model._log_shares(x), y)
        yield "mean share, log-odds", lambda x: log_odds_against(model._log_shares(x), y)
        yield "summed log-shares", lambda x: margin_against(log_shares(model, x), y)
        yield "summed log-shares, log-odds", lambda x: log_odds_against(log_shares(model, x), y)
        yield "summed logits", lambda x: margin_against(log_shares(model, x, logits=True), y)
        yield "summed logits, log-odds", lambda x: log_odds_against(log_shares(model, x, logits=True), y)
        if all(len(columns) == len(model.classes or ()) for columns in model._columns):
            yield "summed losses", lambda x: summed_losses(model, x, y)
    if isinstance(model, StackingAdapter):
        yield "final margin", lambda x: margin_against(model.logits(x), y)
        yield "summed losses", lambda x: torch.stack([part._training_loss(x, y) for part in model.parts]).sum(0)
    if isinstance(model, BinaryParts):
        yield "parts' log-odds", lambda x: by_parts(model, x, y, F.logsigmoid)
        yield "parts' margins", lambda x: by_parts(model, x, y, lambda margins: margins)
        yield "weakest part", lambda x: by_parts(model, x, y, lambda margins: margins, weakest=True)


def log_shares(model: EnsembleAdapter, x: Tensor, logits: bool = False) -> Tensor:
    """`(N, K)` weighted sums of the logarithms of the parts' shares, or of those that their logits would have."""
    total = torch.zeros(())
    for part, weight, columns, seen in zip(model.parts, model._weights, model._columns, model._seen(x), strict=True):
        shares = part.logits(seen).log_softmax(1) if logits else relaxed_choice(part, seen)
        total = total + weight * placed(shares, columns, len(model.classes or ()), FAINT)
    return total


def summed_losses(model: EnsembleAdapter, x: Tensor, y: Tensor) -> Tensor:
    """`(N,)` weighted sums of the parts' own training losses."""
    total = torch.zeros(())
    for part, weight, columns, seen in zip(model.parts, model._weights, model._columns, model._seen(x), strict=True):
        own = torch.argsort(torch.tensor(columns))[y]
        total = total + weight * part._training_loss(seen, own)
    return total


def by_parts(model: BinaryParts, x: Tensor, y: Tensor, of: Callable[[Tensor], Tensor], weakest: bool = False) -> Tensor:
    """`(N,)` loss of binary parts: of each the margin on the wrong side, added up or the largest alone."""
    margins = model._margins(x)
    count = len(model.classes or ())
    if isinstance(model, PairsAdapter):
        first, second = places(count)
        signs = ((y[:, None] == second).to(x) - (y[:, None] == first).to(x)).to(x)
    elif isinstance(model, CodesAdapter):
        codes = model._constant("codes").to(x)
        signs = torch.where(codes > 0, 1.0, -1.0).to(x)[y]
    elif margins.shape[1] == count:
        signs = torch.where(F.one_hot(y, count).bool(), 1.0, -1.0).to(x)
    else:
        signs = torch.where(y > 0, 1.0, -1.0).to(x)[:, None]
    right = torch.where(signs == 0, 0.0, of(margins * signs))
    if weakest:
        return -torch.where(signs == 0, torch.inf, margins * signs).amin(1)
    return -right.sum(1)
