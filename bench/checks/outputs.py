"""Whether what a model answers is an answer: the judge asks it of every batch, the checks of one."""

from __future__ import annotations

import torch
from torch import Tensor

from adapters.base import Outputs
from adapters.errors import InvalidOutput


def verified(outputs: Outputs, count: int, size: int) -> Outputs:
    """Outputs of `count` inputs over `size` classes, if that is what they are.

    Raises InvalidOutput for NaN, a wrong shape or type, and a label that is no class.
    """
    labels, scores, probabilities = outputs
    if not isinstance(labels, Tensor) or labels.shape != (count,) or labels.dtype != torch.int64:
        shape = tuple(labels.shape) if isinstance(labels, Tensor) else type(labels).__name__
        raise InvalidOutput(f"labels are {shape}, not ({count},) int64")
    for name, values in (("scores", scores), ("probabilities", probabilities)):
        if values is not None and values.shape != (count, size):
            raise InvalidOutput(f"{name} have shape {tuple(values.shape)}, not ({count}, {size})")
    wrong = (labels < -1) | (labels >= size)
    if scores is not None:
        wrong = wrong | scores.isnan().any(1)
    if probabilities is not None:
        wrong = wrong | ~((probabilities >= -1e-6) & (probabilities <= 1 + 1e-6)).all(1)
    if bool(wrong.any()):
        first = int(wrong.nonzero()[0])
        raise InvalidOutput(_fault(outputs, first, int(wrong.sum()), size))
    return outputs


def _fault(outputs: Outputs, row: int, count: int, size: int) -> str:
    """What is wrong with one row of outputs."""
    where = f"for {count} of {len(outputs.labels)} inputs, first at position {row} of the batch"
    if outputs.scores is not None and bool(outputs.scores[row].isnan().any()):
        return f"scores are NaN {where}"
    if outputs.probabilities is not None and bool(outputs.probabilities[row].isnan().any()):
        return f"probabilities are NaN {where}"
    if not -1 <= int(outputs.labels[row]) < size:
        return f"label {int(outputs.labels[row])} is none of the {size} classes {where}"
    return f"probabilities leave [0, 1] {where}"
