"""All checks of one adapter, on examples of its owner's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from adapters.base import Adapter
from adapters.wrapping import wrap
from bench.checks import examine
from bench.checks.base import Clip, Subject
from bench.checks.report import Report
from bench.errors import UsageError


def check_adapter(
    adapter: Any,
    x: Tensor | ArrayLike,
    y: Tensor | ArrayLike,
    *,
    clip: tuple[float, float] | None = None,
    classes: int | None = None,
) -> Report:
    """All checks of one model: labels, scores, probabilities, gradients, and what small attacks do to it.

    In a test, `check_adapter(model, x, y).raise_if_failed()` raises an `AssertionError` that shows the table;
    `assert check_adapter(model, x, y)` works too, and shows what failed in one line. A warning tells something of the
    model that a reader of its numbers must know, and fails nothing.

    The `adapter` may be anything that `adapters.wrap` takes. `x` are `(N, *input_shape)` clean inputs, taken as
    float32, one or two hundred; `y` are `(N,)` true classes: the model's own labels if all of them are, else class
    indices. `clip` is the lowest and highest value of the inputs, by default the model's own bounds, else [0, 1] or
    [0, 255] if that holds all of `x`, else no range. `classes` is how many there are, by default as many as the model
    tells of: a label beyond them is none. Raises NotWrappable, and UsageError where these are no examples.
    """
    model = wrap(adapter)
    inputs = torch.as_tensor(x).to(model.device, torch.float32)
    labels = _indices(model, y)
    if inputs.ndim < 2 or not len(inputs) or len(inputs) != len(labels):
        raise UsageError(f"{len(labels)} labels for inputs of shape {tuple(inputs.shape)}; give (N, ...) and (N,)")
    if not bool(inputs.isfinite().all()):
        raise UsageError("inputs hold NaN or infinity; give clean ones")
    shown, limits = labels.to(model.device), clip or _range(model, inputs)
    subject = Subject(model, inputs, shown, clip=limits, size=classes, thorough=True)
    about = f"family {model.family}, gradient {model.gradient}, confidence {model.confidence_kind or 'none'}"
    return Report(f"{about}, n={len(inputs)}", tuple(examine(subject)))


def _indices(adapter: Adapter, y: Tensor | ArrayLike) -> Tensor:
    """`(N,)` class indices."""
    labels = y.cpu().numpy() if isinstance(y, Tensor) else np.asarray(y)
    own = list(adapter.classes or ())
    if own and labels.ndim == 1 and all(label in own for label in labels.tolist()):
        return torch.tensor([own.index(label) for label in labels.tolist()])
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise UsageError(
            f"labels are {labels.dtype} of shape {labels.shape}; give (N,) class indices or the model's own"
        )
    return torch.from_numpy(labels.astype(np.int64))


def _range(adapter: Adapter, x: Tensor) -> Clip | None:
    if adapter.bounds is not None:
        if all(np.ndim(side) == 0 for side in adapter.bounds):
            return float(adapter.bounds[0]), float(adapter.bounds[1])
        shape = adapter.input_shape or tuple(x.shape[1:])
        sides = [torch.tensor(np.broadcast_to(side, shape), dtype=x.dtype) for side in adapter.bounds]
        return sides[0].reshape(x.shape[1:]), sides[1].reshape(x.shape[1:])
    low, high = (float(value) for value in x.aminmax())
    if low < 0 or high > 255:
        return None
    return (0.0, 1.0) if high <= 1 else (0.0, 255.0)
