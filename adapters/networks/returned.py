"""From whatever a network returns to one tensor with a row for each example."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from adapters.errors import InvalidOutput, Unclear, told

_BLACK_BOX = 'measure its labels with adapters.black_box(fn, version="1")'


def outputs_of(
    returned: Any, pick: Callable[[Any], Any] | None, *, count: int, size: int | None = None
) -> tuple[Tensor, Tensor]:
    """The tensor of outputs itself, and the same as `(N, K)` of a floating-point type, `(N, 1)` where it is `(N,)`.

    Args:
        returned: what the network returned for `count` examples.
        pick: its owner's function from that to the tensor; None to find it.
        size: number of classes, if known.

    Raises:
        Unclear: several tensors could be it.
        InvalidOutput: it is no such tensor.
    """
    found = _found(returned, count, size) if pick is None else _picked(returned, pick)
    if found.is_complex() or not (found.is_floating_point() or found.is_quantized):
        remedy = f"; for one that returns labels, {_BLACK_BOX}" if not found.is_complex() else ""
        raise InvalidOutput(f"the network returns {found.dtype}, not floating-point logits{remedy}")
    values = found.dequantize() if found.is_quantized else found
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or len(values) != count or not values.shape[1]:
        flat = found.ndim > 2 and len(found) == count and found[0].numel() == max(found.shape[1:])
        remedy = "; say wrap(net, logits=lambda out: out.flatten(1))" if flat else ""
        raise InvalidOutput(f"the network returns shape {tuple(found.shape)} for {count} examples{remedy}")
    if size is not None and values.shape[1] != size and (size, values.shape[1]) != (2, 1):
        given = values.shape[1]
        fewer = "say which they are, in order, with wrap(net, classes=[...])"
        more = "keep those of the classes, in order, with wrap(net, logits=lambda out: out[:, [...]])"
        raise InvalidOutput(
            f"the network gives {given} output{'s' * (given > 1)} for {size} classes; {fewer if given < size else more}"
        )
    return found, values


def _picked(returned: Any, pick: Callable[[Any], Any]) -> Tensor:
    try:
        found = pick(returned)
    except Exception as error:
        raise InvalidOutput(
            f"logits=... fails on the {_kind(returned)} that the network returns: {told(error)}"
        ) from error
    if not isinstance(found, Tensor):
        raise InvalidOutput(f"logits=... gives {_kind(found)}, not a tensor of logits")
    return found


def _found(returned: Any, count: int, size: int | None) -> Tensor:
    """The tensor that is meant: itself, what is called `logits`, or the only one that can be."""
    if isinstance(returned, Tensor):
        return returned
    if isinstance(returned, np.ndarray):
        raise InvalidOutput(
            f"the network returns a NumPy array, which has no gradient; return a tensor, or {_BLACK_BOX}"
        )
    named = returned.get("logits") if isinstance(returned, Mapping) else getattr(returned, "logits", None)
    if isinstance(named, Tensor):
        return named
    tensors = list(_tensors(returned, ""))
    if len(tensors) > 1 and size is not None:
        widths = {size, 1} if size == 2 else {size}
        fitting = [(place, tensor) for place, tensor in tensors if _width(tensor, count) in widths]
        tensors = fitting if len(fitting) == 1 else tensors
    if len(tensors) == 1:
        return tensors[0][1]
    if not tensors:
        raise InvalidOutput(
            f"the network returns {_kind(returned)}, not a tensor of logits; say wrap(net, logits=fn), "
            "fn from what it returns to (N, K) logits"
        )
    shapes = ", ".join(f"out{place} {tuple(tensor.shape)}" for place, tensor in tensors[:4])
    raise Unclear(
        f"the network returns {_kind(returned)} of {len(tensors)} tensors ({shapes}); "
        f"say which are the logits: wrap(net, logits=lambda out: out{tensors[0][0]})"
    )


def _tensors(returned: Any, place: str) -> Iterator[tuple[str, Tensor]]:
    """All tensors in tuples, lists and dictionaries, with where they are, such as `[0]`."""
    if isinstance(returned, Tensor):
        yield place, returned
    elif isinstance(returned, Mapping):
        for key, value in returned.items():
            yield from _tensors(value, f"{place}[{key!r}]")
    elif isinstance(returned, (tuple, list)):
        for index, value in enumerate(returned):
            yield from _tensors(value, f"{place}[{index}]")


def _width(tensor: Tensor, count: int) -> int | None:
    """Outputs an example, if it may be a batch of them."""
    if not tensor.is_floating_point() or tensor.ndim not in (1, 2) or len(tensor) != count:
        return None
    return tensor.shape[1] if tensor.ndim == 2 else 1


def _kind(value: Any) -> str:
    return type(value).__name__
