"""Transformers made of others: one after the other, side by side, each on columns of its own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from adapters.base import worst
from adapters.errors import Unsupported
from adapters.sklearn.transformers.base import Transformer, naming
from adapters.sklearn.transformers.table import compile_transformer
from adapters.structures.base import Structure
from adapters.structures.linear import Linear


class Composed(Transformer):
    """Transformers that make one: the `whole`, of steps that are a name and a fitted transformer each."""

    def __init__(self, whole: Any, steps: Sequence[tuple[Any, ...]], **constants: Tensor) -> None:
        super().__init__(**constants)
        self._parts: list[Transformer] = []
        for name, step in steps:
            with naming(whole, name):
                self._parts.append(compile_transformer(step))
        self.gradient = worst(*(part.gradient for part in self._parts))
        self.bitwise = all(part.bitwise for part in self._parts)
        self.by_name = any(part.by_name for part in self._parts)

    def _through(self, x: Tensor, parts: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
        """`(N, D')` what the parts make of `(N, D)` inputs, each by the function given for it."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self._through(x, [part.forward for part in self._parts])

    def relaxed(self, x: Tensor) -> Tensor:
        return self._through(x, [part.relaxed for part in self._parts])

    def state(self) -> Iterable[object]:
        yield from super().state()
        for part in self._parts:
            yield list(part.state())


class Chain(Composed):
    """The steps of a Pipeline, one after the other; only those given, where any are."""

    def __init__(self, estimator: Any, steps: Sequence[tuple[str, Any]] | None = None) -> None:
        super().__init__(estimator, working(estimator.steps if steps is None else steps))

    def _through(self, x: Tensor, parts: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
        for part in parts:
            x = part(x)
        return x

    def opened(self, behind: Structure, features: int) -> Structure:
        widths = [features]
        for part in self._parts[:-1]:
            widths.append(_width(part, widths[-1]))
        for part, width in zip(reversed(self._parts), reversed(widths), strict=True):
            behind = part.opened(behind, width)
        return behind


class SideBySide(Composed):
    """What each of some transformers makes of the input, or where `columns` are given of its own, times a weight."""

    def __init__(self, whole: Any, steps: Sequence[tuple[Any, ...]], columns: Sequence[Sequence[int]] = ()) -> None:
        indices = {f"columns{place}": torch.tensor(taken) for place, taken in enumerate(columns)}
        super().__init__(whole, steps, **indices)
        given = whole.transformer_weights or {}
        self._weights = [given.get(name) for name, _ in steps]
        self.bitwise = self.bitwise and not given  # the type of a product is then the weight's affair

    def _through(self, x: Tensor, parts: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
        made = []
        for place, (part, weight) in enumerate(zip(parts, self._weights, strict=True)):
            columns = self._constants.get(f"columns{place}")
            out = part(x if columns is None else x[:, columns])
            made.append(out if weight is None else out * float(weight))
        return torch.cat(made, dim=1)

    def opened(self, behind: Structure, features: int) -> Structure:
        """The parts' scores added up."""
        if not isinstance(behind, Linear):
            raise Unsupported(f"nothing is known to be proved of a {behind.kind} behind transformers side by side")
        start, total = 0, behind.spread(torch.zeros(0, dtype=torch.int64), features) if not self._parts else None
        for place, (part, weight) in enumerate(zip(self._parts, self._weights, strict=True)):
            columns = self._constants.get(f"columns{place}")
            width = features if columns is None else len(columns)
            end = start + _width(part, width)
            piece: Structure = behind.part(start, end)
            if weight is not None:
                ones = torch.ones(end - start, dtype=torch.float64)
                piece = piece.scaled(ones * float(weight), 0 * ones)
            piece = part.opened(piece, width)
            piece = piece if columns is None else piece.spread(columns.cpu(), features)
            assert isinstance(piece, Linear)
            total = piece if total is None else total.plus(piece)
            start = end
        assert total is not None
        return total.shifted(behind.bias, behind.rest)

    def state(self) -> Iterable[object]:
        yield from super().state()
        yield self._weights


class Union(SideBySide):
    """FeatureUnion."""

    def __init__(self, estimator: Any) -> None:
        super().__init__(estimator, working(estimator.transformer_list))


class Columns(SideBySide):
    """ColumnTransformer, its columns being those that it found when fitted."""

    def __init__(self, estimator: Any) -> None:
        taken = estimator._transformer_to_input_indices
        steps = [(name, step) for name, step, _ in working(estimator.transformers_) if len(taken[name])]
        super().__init__(estimator, steps, [list(taken[name]) for name, _ in steps])
        self.by_name = self.by_name or hasattr(estimator, "feature_names_in_")


def _width(part: Transformer, features: int) -> int:
    """How many features it makes of that many."""
    return part.forward(torch.zeros(1, features)).shape[1]


def working(steps: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Those steps whose transformer, behind their name, is not None, `passthrough` or `drop`."""
    return [step for step in steps if step[1] is not None and not isinstance(step[1], str)]


def detached(estimator: Any) -> Any:
    """A copy, down to the steps, without those that do nothing.

    Fitting or setting the owner's again changes nothing in it, and it never writes into its input.
    """
    twin = copy.copy(estimator)
    if getattr(twin, "copy", True) is False:
        twin.copy = True
    for steps in ("steps", "transformer_list", "transformers_"):
        if hasattr(twin, steps):
            setattr(twin, steps, [(name, detached(step), *more) for name, step, *more in working(getattr(twin, steps))])
    return twin
