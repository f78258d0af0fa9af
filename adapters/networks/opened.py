"""A network opened: its layers as arrays, held against what it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from adapters.errors import Unsupported
from adapters.networks.outputs import OutputKind
from adapters.networks.tracing import Path, Trace
from adapters.rounding import float32_is_exact_enough
from adapters.structures.base import Structure
from adapters.structures.layers import Affine, Convolution, Diagonal, Layer, Select
from adapters.structures.linear import Linear
from adapters.structures.network import Network

DOUBLE = torch.float64
PROBES = 8
"""Inputs on which the layers are held against the network."""
ALIKE = 1e-3
"""Difference in probabilities that is none."""


class Opened(NamedTuple):
    """What was read of a network."""

    layers: tuple[Layer, ...]
    end: str
    precision: torch.dtype


def opened(
    network: Callable[[Tensor], Tensor], shape: tuple[int, ...], device: torch.device, kind: OutputKind = "logits"
) -> Structure:
    """The structure of a network: `Linear` where it is affine.

    Args:
        network: from `(N, *shape)` inputs to `(N, K)` outputs.
        shape: of one input.
        device: where it computes.
        kind: what the outputs are.

    Raises:
        Unsupported: an operation is not understood, which is named; or what was read gives other outputs.
    """
    points = torch.rand(PROBES, *shape, generator=torch.Generator().manual_seed(0)).to(device)
    read = _read(network, points[:1].clone())
    if device.type != "cpu" and any(isinstance(layer, Convolution) for layer in read.layers):
        raise Unsupported("convolutions are certified on the CPU: elsewhere nothing bounds how they are rounded")
    layers, end = _two_sided(read, kind)
    unit = torch.finfo(read.precision).eps / 2
    made = Network(tuple(range(layers[-1].outputs)), layers, end, unit)
    with torch.no_grad():
        given = network(points).detach().cpu().to(DOUBLE)
    _hold(made, points.cpu(), given)
    return made if end or not _is_straight(made) else _linear(made, read.precision)


def _two_sided(read: Opened, kind: OutputKind) -> tuple[tuple[Layer, ...], str]:
    """The layers and the end of one score a class: of a single output 0 and that."""
    if read.layers[-1].outputs > 1:
        return read.layers, read.end
    if kind not in ("logits", "logit") and read.end != "sigmoid":
        raise Unsupported("nothing is known to be proved of a probability that is not the sigmoid of a score")
    if kind in ("logits", "logit") and read.end:
        raise Unsupported(f"nothing is known to be proved of one logit that is a {read.end}")
    beside = Affine(torch.tensor([[0.0], [1.0]], dtype=DOUBLE), torch.zeros(2, dtype=DOUBLE))
    return (*read.layers, beside), read.end and "sigmoid-of-one"


def _read(network: Callable[[Tensor], Tensor], x: Tensor) -> Opened:
    if not float32_is_exact_enough():
        raise Unsupported("nothing is proved while torch rounds float32 products to fewer digits")
    with torch.no_grad(), Trace(x) as trace:
        path: Path = trace.path_of(network(x))
    if trace.types & {torch.float16, torch.bfloat16}:
        raise Unsupported("nothing is proved of a network that computes in 16 bits")
    if not trace.types <= {torch.float32, DOUBLE}:
        raise Unsupported("nothing is proved of a network that computes in another precision than 32 or 64 bits")
    if not path.layers:
        path = path._replace(layers=(Select(torch.arange(x.numel()), x.numel()),))
    return Opened(path.layers, path.end, max(trace.types, key=lambda kind: torch.finfo(kind).eps))


def _hold(network: Network, points: Tensor, given: Tensor) -> None:
    """Hold the layers against the network's own outputs."""
    scores, error = network.scores(points), network.roundoff(points)
    if network.end == "softmax":
        off, most = (scores.softmax(1) - given).abs(), torch.tensor(ALIKE)
    elif network.end.startswith("sigmoid"):
        off, most = (scores[:, -given.shape[1] :].sigmoid() - given).abs(), torch.tensor(ALIKE)
    elif network.end:
        off, most = (scores.log_softmax(1) - given).abs(), error[:, None] + ALIKE
    else:
        off, most = (scores[:, -given.shape[1] :] - given).abs(), error[:, None]
    if off.shape != given.shape or not bool((off <= most).all()):
        raise Unsupported("its outputs are not what its layers as they were read make of the inputs")


def _is_straight(network: Network) -> bool:
    return all(hasattr(layer, "back") for layer in network.layers)


def _linear(network: Network, precision: torch.dtype) -> Structure:
    """An affine network's structure, for which closed forms are known; of convolutions none is made."""
    *front, last = network.layers
    fits = all(isinstance(layer, (Affine, Diagonal, Select)) for layer in front)
    if not isinstance(last, Affine) or not fits:
        return network
    found = Linear.computed(network.classes, last.weight, last.bias, precision)
    for layer in reversed(front):
        if isinstance(layer, Affine):
            found = found.projected(layer.weight, layer.bias, torch.zeros(layer.inputs, dtype=DOUBLE), precision)
        elif isinstance(layer, Diagonal):
            found = found.scaled(layer.slope, layer.shift)
            rest = found.rest + 8 * torch.finfo(torch.float32).eps * (found.weight.abs() @ _ratio(layer))
            found = Linear(found.classes, found.weight, found.bias, found.off, rest, found.square)
        elif isinstance(layer, Select):
            found = found.spread(layer.places, layer.inputs)
    return found


def _ratio(layer: Diagonal) -> Tensor:
    """`(features,)` sizes of what a scaling's shift was put together of, in units of its inputs."""
    slope = layer.slope.abs()
    return torch.where(slope > 0, layer.size / slope.where(slope > 0, 1), 0.0)
