"""The kinds of output that a network may have, and what each says: labels, logits, probabilities."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.errors import InvalidOutput
from adapters.networks.watching import Activation

OutputKind = Literal["logits", "probabilities", "sigmoids", "logit", "probability"]
"""`logits` and `probabilities`: one a class, or a single one of class 1 of two. `sigmoids`: independent probabilities,
one a class. `logit` and `probability`: a single one, and nothing else."""
KINDS: tuple[OutputKind, ...] = get_args(OutputKind)


class Answer(NamedTuple):
    """What a batch of outputs says."""

    labels: Tensor
    """`(N,)` first argmax of the outputs as the network gives them; of a single one, whether class 1 is above 0."""
    logits: Tensor
    """`(N, K)`, differentiable."""
    probabilities: Tensor
    """`(N, K)`"""


def answer(kind: OutputKind, raw: Tensor, values: Tensor, made: tuple[Activation, Tensor] | None) -> Answer:
    """What outputs of a kind say.

    Args:
        kind: what they are.
        raw: `(N, K)` as the network gives them.
        values: the same in float32 at least, in which everything is computed.
        made: the activation at the network's end and its `(N, K)` input in float32 at least, where that is known: they
            tell logits that probabilities have rounded away, and have a gradient where those are 0 or 1.

    Raises:
        InvalidOutput: outputs that are not of that kind.
    """
    single = raw.shape[1] == 1
    if kind in ("logit", "probability") and not single:
        raise InvalidOutput(f"the network was said to give one {kind}, and gives {raw.shape[1]} outputs")
    if kind in ("logits", "logit"):
        # One logit of class 1 beside a logit of 0: its cross-entropy is the binary one, a tie goes to class 0.
        logits = F.pad(values, (1, 0)) if single else values
        labels = (raw[:, 0] > 0).long() if single else raw.argmax(1)
        return Answer(labels, logits, logits.softmax(1))
    _check(kind, values, raw.dtype)
    if single:
        log_odds = _log_odds(values, raw.dtype, made)
        labels = (raw[:, 0] > 0.5).long()
        return Answer(labels, F.pad(log_odds, (1, 0)), torch.cat([1 - values, values], dim=1))
    if kind == "sigmoids":
        return Answer(raw.argmax(1), _log_odds(values, raw.dtype, made), values)
    source = made[1] if made is not None and made[0] == "softmax" else None
    logits = values.clamp_min(torch.finfo(raw.dtype).tiny).log() if source is None else source.log_softmax(1)
    return Answer(raw.argmax(1), logits, values)


def within_unit(values: Tensor) -> bool:
    """Whether all outputs lie in [0, 1]."""
    return bool(((values >= 0) & (values <= 1)).all())


def sum_to_one(values: Tensor, dtype: torch.dtype) -> bool:
    """Whether every row does, to what rounding in `dtype` leaves of it."""
    slack = max(1e-3, torch.finfo(dtype).eps * values.shape[1])
    return bool(((values.sum(1) - 1).abs() <= slack).all())


def _log_odds(values: Tensor, dtype: torch.dtype, made: tuple[Activation, Tensor] | None) -> Tensor:
    """`(N, K)` logarithm of p / (1 - p), finite."""
    if made is not None and made[0] == "sigmoid":
        return made[1]
    above = values.clamp_min(torch.finfo(dtype).tiny).log()
    return above - torch.log1p(-values.clamp_max(1 - torch.finfo(dtype).eps / 2))


def _check(kind: OutputKind, values: Tensor, dtype: torch.dtype) -> None:
    """Raise InvalidOutput unless they are probabilities, which add up to 1 if they are those of classes."""
    found = values.detach()
    if bool(found.isnan().any()):
        return  # the judge will say so
    if not within_unit(found):
        raise InvalidOutput(f"the network was said to give {kind}, and gives others; use outputs='logits'")
    if kind == "probabilities" and found.shape[1] > 1 and not sum_to_one(found, dtype):
        raise InvalidOutput(
            "the network was said to give probabilities, and rows do not sum to 1; use outputs='sigmoids' if they are "
            "independent, or outputs='logits'"
        )
