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
    labels, scores, p = outputs
    if not isinstance(labels, Tensor) or labels.shape != (count,) or labels.dtype != torch.int64:
        shape = tuple(labels.shape) if isinstance(labels, Tensor) else type(labels).__name__
        raise InvalidOutput(f"labels are {shape}, not ({count},) int64")
    for name, values in (("scores", scores), ("probabilities", p)):
        if values is not None and values.shape != (count, size):
            raise InvalidOutput(f"{name} have shape {tuple(values.shape)}, not ({count}, {size})")
    nothing = torch.zeros_like(labels, dtype=torch.bool)
    faults = {
        "scores are NaN": nothing if scores is None else scores.isnan().any(1),
        "probabilities are NaN": nothing if p is None else p.isnan().any(1),
        "label {} is none of the {} classes": (labels < -1) | (labels >= size),
        "probabilities leave [0, 1]": nothing if p is None else ((p < -1e-6) | (p > 1 + 1e-6)).any(1),
    }
    wrong = torch.stack(list(faults.values())).any(0)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        fault = next(fault for fault, rows in faults.items() if rows[row]).format(int(labels[row]), size)
        raise InvalidOutput(f"{fault} for {int(wrong.sum())} of {count} inputs, first at position {row} of the batch")
    return outputs
