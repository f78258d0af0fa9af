"""Bounds of everything within a network, over the regions of a batch of examples, layer by layer.

First by intervals; then, before each bend, by rows carried backward (`bench.exact.rows`) for the units that intervals
leave undecided. Everything is in float64, and each bound is moved outward by all that float64 may lose: the numbers on
the way are sums of products that weights' sizes bound, so the loss is at most that bound times the number of terms
times the unit of rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from adapters.structures.layers import Affine, Convolution, Largest, Layer, Rectify
from adapters.structures.network import Network
from bench.exact.region import Region
from bench.exact.relaxed import Bend, largests, rectified
from bench.exact.rows import Rows

VALUES = 2**21
"""Coefficients at a time: they stay in the caches, or near them."""
UNIT = 2.0**-53


class OutOfTime(Exception):
    """The time is over."""


class Passes:
    """Bounds of all layers' inputs, and the lines of all bends, of `N` examples."""

    def __init__(self, network: Network, region: Region, is_over: Callable[[], bool]) -> None:
        """Raises OutOfTime as soon as `is_over`."""
        self.layers, self.region, self._is_over = network.layers, region, is_over
        self.bounds: list[tuple[Tensor, Tensor]] = []
        """For each layer `(N, inputs)` lowest and highest inputs; last those of the scores."""
        self.bends: list[Bend | None] = []
        """For each layer its lines, None for an affine one."""
        self.sizes: list[Tensor] = []
        """For each layer `(1, inputs)` what the sums that its inputs are made of are no larger than."""
        self.cuts: dict[object, Tensor] = {}
        self._size = torch.maximum(region.low.abs(), region.high.abs()).amax(0, keepdim=True)
        self._terms = 8
        low, high = region.low, region.high
        for at, layer in enumerate(self.layers):
            if isinstance(layer, (Rectify, Largest)) and not self._is_exact(at):
                low, high = self._refined(at, layer, low, high)
            self.bounds.append((low, high))
            self.sizes.append(self._size)
            self.bends.append(self._lines(at, layer, low, high))
            low, high = self._interval(layer, low, high)
        self.bounds.append((low, high))

    @property
    def rounding(self) -> float:
        """What float64 may have lost of a bound of the layers so far, as a share of the sizes of its sums."""
        return 8 * self._terms * UNIT

    @property
    def loss(self) -> Tensor:
        """`(outputs,)` what float64 may have lost of a bound of the layers so far."""
        return self.rounding * self._size[0]

    def _is_exact(self, at: int) -> bool:
        """Whether intervals are exact before a layer: one sum behind a box."""
        sums = [layer for layer in self.layers[:at] if isinstance(layer, (Affine, Convolution))]
        bent = any(isinstance(layer, (Rectify, Largest)) for layer in self.layers[:at])
        return self.region.norm == "linf" and not bent and len(sums) <= 1

    def _interval(self, layer: Layer, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        if isinstance(layer, (Rectify, Largest)):
            times, terms = self._growth(layer)
            self._size, self._terms = times * layer(self._size), self._terms + terms
            return layer(low), layer(high)
        middle, half = (low + high) / 2, (high - low) / 2
        self._size, self._terms = layer.sizes(self._size), self._terms + layer.terms + 8
        centre, reach = layer(middle), layer.reach(half)
        return centre - reach - self.loss, centre + reach + self.loss

    def _growth(self, layer: Layer) -> tuple[int, int]:
        """How much larger than its inputs the sums that a bend's lines make are, and how many terms they have more."""
        # A line above is at most twice its unit's input, and the share of each piece is at most 1.
        return (2 * layer.members.shape[1] + 1 if isinstance(layer, Largest) else 2), 0

    def _lines(self, at: int, layer: Layer, low: Tensor, high: Tensor) -> Bend | None:
        """Of layer `at`; None of an affine one."""
        if isinstance(layer, Rectify):
            return rectified(layer, low, high)
        return largests(layer, low, high) if isinstance(layer, Largest) else None

    def _refined(self, at: int, layer: Layer, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Interval bounds drawn closer where a unit, or the largest of pieces, is undecided."""
        if isinstance(layer, Largest):
            floor = low[:, layer.members].amax(2, keepdim=True)
            inside = high[:, layer.members] > floor
            wanted = torch.zeros_like(low, dtype=torch.bool)
            wanted.scatter_reduce_(1, layer.members.flatten().expand(len(low), -1), inside.flatten(1), "amax")
        else:
            wanted = (low < 0) & (high > 0)
        who, unit = wanted.nonzero().T
        low, high = low.clone(), high.clone()
        for some in self._parts(who, unit, at):
            whose, which = who[some], unit[some]
            floor = self._unit(at, whose, which, 1.0) - self.loss[which]
            ceiling = -self._unit(at, whose, which, -1.0) + self.loss[which]
            low[whose, which] = low[whose, which].maximum(floor)
            high[whose, which] = high[whose, which].minimum(ceiling).maximum(low[whose, which])
        return low, high

    def _parts(self, who: Tensor, unit: Tensor, at: int) -> Iterator[slice]:
        """So many rows at a time."""
        first = Rows.units(self.layers[at - 1], who[:1], unit[:1], torch.ones(len(who[:1]), dtype=torch.float64))
        widest = max(layer.inputs for layer in self.layers[:at])
        if first is not None and first.window is not None:
            widest = self._widest_window(at, first)
        many = max(1, VALUES // widest)
        for start in range(0, len(who), many):
            if self._is_over():
                raise OutOfTime
            yield slice(start, start + many)

    def _widest_window(self, at: int, rows: Rows) -> int:
        window, widest = rows.window, 1
        for layer in reversed(self.layers[: at - 1]):
            if window is None:
                return max(widest, *(each.inputs for each in self.layers[:at]))
            widest = max(widest, window.size)
            if isinstance(layer, Convolution):
                window = window.through(layer)
        return widest

    def _unit(self, at: int, who: Tensor, unit: Tensor, sign: float) -> Tensor:
        """`(T,)` lower bounds of inputs of a layer, times the sign."""
        signs = torch.full((len(who),), sign, dtype=torch.float64)
        rows = Rows.units(self.layers[at - 1], who, unit, signs) if at else None
        if rows is None:
            coefficients = torch.zeros(len(who), self.layers[at].inputs, dtype=torch.float64)
            coefficients[torch.arange(len(who)), unit] = signs
            return self.carried(Rows(who, coefficients, torch.zeros_like(signs)), at)
        return self.carried(rows, at - 1)

    def carried(self, rows: Rows, at: int, lower: dict[int, Tensor] | None = None) -> Tensor:
        """`(T,)` least values over the regions, of rows of the inputs of layer `at`, given any slopes below."""
        for place in range(at - 1, -1, -1):
            layer, bend = self.layers[place], self.bends[place]
            if bend is None:
                rows = rows.through(layer)  # type: ignore[arg-type]
            else:
                rows = rows.bent(bend, self.cuts, None if lower is None else lower.get(place))
        return rows.least(self.region, self.cuts)
