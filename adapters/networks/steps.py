"""One operation of torch's on values that are followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from adapters.errors import Unsupported
from adapters.structures.layers import Affine, Layer

Made = tuple[Sequence[Layer], str]
"""Layers, and the softmax or sigmoid that ends them, if any."""
DENSE = 2**24
"""Coefficients of an operation that is written out as a matrix, at most."""
WIDEST = 2**13
"""Its inputs, at most: it is asked for each of them."""
PEEKS = {"_local_scalar_dense", "is_nonzero", "equal", "item", "nonzero"}
"""Operations that tell Python of the values."""
CONSTANT = {"zeros_like", "ones_like", "empty_like", "full_like", "new_zeros", "new_ones", "new_empty", "new_full"}
"""Operations whose results do not depend on the values of what they are given."""
LINEAR = {
    *("mean", "sum", "cat", "stack", "bmm", "matmul", "linear", "mv", "dot", "baddbmm", "constant_pad_nd", "cumsum"),
    *("avg_pool1d", "avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_avg_pool1d", "trace"),
    *("reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d", "upsample_nearest2d"),
    *("upsample_bilinear2d", "_upsample_bilinear2d_aa", "roll", "tril", "triu", "diagonal"),
}
"""Operations that are affine in any one argument, the others being constants."""
MOVES = {
    *("view", "_unsafe_view", "reshape", "flatten", "unsqueeze", "squeeze", "alias", "detach", "clone", "contiguous"),
    *("_reshape_alias", "_to_copy", "to", "permute", "transpose", "t", "slice", "select", "index_select", "expand"),
    *("flip", "unbind", "split", "split_with_sizes", "chunk", "narrow", "lift_fresh", "repeat", "movedim", "dropout"),
    *("unflatten", "channel_shuffle", "pixel_shuffle", "pixel_unshuffle"),
}
"""Operations that only move values, or drop or repeat some."""


@dataclass(frozen=True)
class Step:
    """One operation on values that are followed."""

    name: str
    func: Any
    args: dict[str, Any]
    """All arguments by name."""
    given: Tensor
    """The one that is followed: after an operation in place what it has become."""
    shape: torch.Size
    """What it was like before."""
    dtype: torch.dtype
    result: Tensor
    place: int | None
    """Which of several results it is; None for the only one."""

    def unknown(self, why: str = "") -> Unsupported:
        return Unsupported(f"nothing is known to be proved of networks with {self.name}{why and ' ' + why}")

    def arg(self, name: str) -> Any:
        return self.args.get(name)

    def constant(self, name: str) -> Tensor:
        """A constant argument in float64; Unsupported where it is what is followed."""
        value = self.args[name]
        if value is self.given:
            raise self.unknown("of values that depend on the input")
        return torch.as_tensor(value, device="cpu").detach().cpu().double()

    def spread(self, value: Tensor) -> Tensor:
        """`(outputs,)` a constant laid out over the result."""
        return value.expand(self.result.shape).flatten().clone()

    def again(self, values: Tensor) -> Tensor:
        """The operation on other values in float64, `(outputs,)`."""
        given = values.view(self.shape)
        plain, named = [], {}
        for each in self.func._schema.arguments:
            value = self._replaced(self.args.get(each.name), given)
            if not each.kwarg_only:
                plain.append(value)
            elif value is not None and each.name != "device":
                named[each.name] = value
        try:
            found = self.func(*plain, **named)
        except (RuntimeError, TypeError, NotImplementedError, IndexError):
            raise self.unknown("of this form") from None
        found = found if self.place is None else found[self.place]
        return found.detach().flatten()  # type: ignore[no-any-return]

    def _replaced(self, value: Any, given: Tensor) -> Any:
        if value is self.given:
            return given
        if isinstance(value, Tensor):
            return value.detach().cpu().double() if value.is_floating_point() else value.cpu()
        if isinstance(value, (list, tuple)):
            return type(value)(self._replaced(each, given) for each in value)
        return value

    def moved(self) -> Tensor:
        """`(outputs,)` int64: which input each output is, of an operation that only moves values."""
        return self.again(torch.arange(self.shape.numel(), dtype=torch.float64)).long()

    def moves_nothing(self) -> bool:
        """Whether the values stay what and in what order they are."""
        if self.name not in MOVES or self.dtype != self.result.dtype:
            return False
        return torch.equal(self.moved(), torch.arange(self.shape.numel()))

    def dense(self) -> Made:
        """An operation that is affine, asked for the image of each input alone."""
        if self.name not in LINEAR:
            raise self.unknown()
        count = self.shape.numel()
        if count > WIDEST or count * self.result.numel() > DENSE:
            raise self.unknown("of so many values")
        bias = self.again(torch.zeros(count, dtype=torch.float64))
        columns = [self.again(row) - bias for row in torch.eye(count, dtype=torch.float64)]
        return [Affine(torch.stack(columns, dim=1), bias)], ""
