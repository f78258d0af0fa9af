"""What torch's operations are as layers, by their names in its own registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.networks.steps import MOVES, Made, Step
from adapters.structures.layers import Affine, Convolution, Diagonal, Largest, Layer, Rectify, Select


def _moving(step: Step) -> Made:
    if step.dtype != step.result.dtype and step.result.is_floating_point():
        return _rounded(step)
    if not step.result.is_floating_point():
        raise step.unknown(f"to {step.result.dtype}")
    places = step.moved()
    if torch.equal(places, torch.arange(step.shape.numel())):
        return [], ""
    return [Select(places, step.shape.numel())], ""


def _rounded(step: Step) -> Made:
    """To another precision: nothing, or rounded."""
    if torch.finfo(step.result.dtype).eps <= torch.finfo(step.dtype).eps:
        return [], ""
    one, zero = (torch.full((step.shape.numel(),), value, dtype=torch.float64) for value in (1.0, 0.0))
    return [Diagonal(one, zero, zero.clone())], ""


def _addmm(step: Step) -> Made:
    if step.arg("mat1") is not step.given or step.shape[0] != 1:
        return _any_affine(step)
    bias = step.spread(step.constant("self")) * float(step.arg("beta"))
    return [Affine((step.constant("mat2").T * float(step.arg("alpha"))).contiguous(), bias)], ""


def _mm(step: Step) -> Made:
    if step.arg("self") is not step.given or step.shape[0] != 1:
        return _any_affine(step)
    weight = step.constant("mat2").T.contiguous()
    return [Affine(weight, torch.zeros(len(weight), dtype=torch.float64))], ""


def _any_affine(step: Step) -> Made:
    return Step(**{**vars(step), "name": "matmul"}).dense()


def _convolution(step: Step) -> Made:
    weight = step.constant("weight")
    if step.arg("transposed") or weight.ndim != 4 or step.arg("input") is not step.given or len(step.shape) != 4:
        raise step.unknown("that is none of images")
    bias = step.constant("bias") if step.arg("bias") is not None else torch.zeros(len(weight), dtype=torch.float64)
    stride, padding, dilation = (_pair(step.arg(name)) for name in ("stride", "padding", "dilation"))
    return [Convolution(weight, bias, stride, padding, dilation, int(step.arg("groups")), tuple(step.shape[1:]))], ""


def _average(step: Step) -> Made:
    """Every channel's own convolution by one number."""
    channels, (high, wide) = step.shape[1], _pair(step.arg("kernel_size"))
    padding = _pair(step.arg("padding"))
    if step.arg("ceil_mode") or (any(padding) and not step.arg("count_include_pad")):
        return Step(**{**vars(step), "name": "mean"}).dense()
    share = 1 / (step.arg("divisor_override") or high * wide)
    weight = torch.full((channels, 1, high, wide), share, dtype=torch.float64)
    stride = _pair(step.arg("stride") or (high, wide))
    bias = torch.zeros(channels, dtype=torch.float64)
    return [Convolution(weight, bias, stride, padding, (1, 1), channels, tuple(step.shape[1:]))], ""


def _shifted(sign: float) -> Callable[[Step], Made]:
    """A sum or, of sign -1, a difference with a constant."""

    def made(step: Step) -> Made:
        first = step.arg("self") is step.given
        other = step.spread(step.constant("other" if first else "self"))
        factor = float(step.arg("alpha") if step.arg("alpha") is not None else 1.0)
        slope, by = (1.0, sign * factor) if first else (sign * factor, 1.0)
        return _grown(step, torch.full_like(other, slope), by * other)

    return made


def _reversed(step: Step) -> Made:
    """`other - alpha self`"""
    other = step.spread(step.constant("other"))
    return _grown(step, torch.full_like(other, -float(step.arg("alpha"))), other)


def _scaled(step: Step) -> Made:
    factor = step.spread(step.constant("other" if step.arg("self") is step.given else "self"))
    return _grown(step, factor, torch.zeros_like(factor))


def _negated(step: Step) -> Made:
    one = torch.ones(step.shape.numel(), dtype=torch.float64)
    return _grown(step, -one, torch.zeros_like(one))


def _divided(step: Step) -> Made:
    if step.arg("self") is not step.given or step.arg("rounding_mode"):
        raise step.unknown("by values that depend on the input")
    factor = 1 / step.spread(step.constant("other"))
    return _grown(step, factor, torch.zeros_like(factor))


def _grown(step: Step, slope: Tensor, shift: Tensor) -> Made:
    """`slope x + shift`, where the result may have more values than `x`, which then is repeated."""
    layers: list[Layer] = []
    if step.result.numel() != step.shape.numel():
        places = torch.arange(step.shape.numel()).view(step.shape).expand(step.result.shape).flatten()
        layers.append(Select(places, step.shape.numel()))
    return [*layers, Diagonal(slope, shift, shift.abs())], ""


def _normalised(step: Step) -> Made:
    """Batch normalisation by the statistics of training."""
    if step.place:
        raise step.unknown()
    mean, variance = (step.args.get(name) for name in ("running_mean", "running_var"))
    if step.arg("training") or mean is None or variance is None:
        raise step.unknown("by the batch's own statistics")
    mean, variance = step.constant("running_mean"), step.constant("running_var")
    slope = 1 / (variance + float(step.arg("eps"))).sqrt()
    if step.arg("weight") is not None:
        slope = slope * step.constant("weight")
    bias = step.constant("bias") if step.arg("bias") is not None else torch.zeros_like(mean)
    shape = (1, -1, *[1] * (len(step.shape) - 2))
    laid = [step.spread(each.view(shape)) for each in (slope, bias - mean * slope, bias.abs() + (mean * slope).abs())]
    return [Diagonal(*laid)], ""


def _rectified(slope: Callable[[Step], float]) -> Callable[[Step], Made]:
    def made(step: Step) -> Made:
        return [Rectify(slope(step), step.shape.numel())], ""

    return made


def _leaky(step: Step) -> float:
    slope = float(step.arg("negative_slope"))
    if not 0 <= slope <= 1:
        raise step.unknown("of such a slope")
    return slope


def _clamped(low: str, high: str) -> Callable[[Step], Made]:
    """`low + relu(x - low)`, then `high - relu(high - x)`; both ends are numbers, or none, by the names given."""

    def made(step: Step) -> Made:
        count, layers = step.shape.numel(), list[Layer]()
        for name, sign in ((low, 1.0), (high, -1.0)):
            end = step.arg(name) if name else None
            if isinstance(end, Tensor):
                raise step.unknown("at ends that are tensors")
            if end is not None:
                layers += _cut(float(end), sign, count)
        return layers, ""

    return made


def _cut(end: float, sign: float, count: int) -> list[Layer]:
    """`sign max(sign x, sign end)`"""
    if (end, sign) == (0, 1):
        return [Rectify(0.0, count)]
    slope, shift = (torch.full((count,), value, dtype=torch.float64) for value in (sign, end))
    before, after = Diagonal(slope, -sign * shift, shift.abs()), Diagonal(slope, shift, shift.abs())
    return [before, Rectify(0.0, count), after]


def _pooled(step: Step) -> Made:
    """Windows of the images' places: one that hangs over the edge holds its first place twice."""
    if step.place:
        raise step.unknown()
    channels, *size = step.shape[1:]
    kernel, padding, dilation = (_pair(step.arg(name)) for name in ("kernel_size", "padding", "dilation"))
    stride = _pair(step.arg("stride") or kernel)
    high, wide = step.result.shape[2:]
    ends = ((many - 1) * by + spaced * (side - 1) + 1 for many, by, spaced, side in
            zip((high, wide), stride, dilation, kernel, strict=True))  # fmt: skip
    after = [max(0, end - side - pad) for end, side, pad in zip(ends, size, padding, strict=True)]
    places = torch.arange(1, 1 + channels * size[0] * size[1], dtype=torch.float64).view(1, channels, *size)
    places = F.pad(places, (padding[1], after[1], padding[0], after[0]))
    windows = F.unfold(places, kernel, dilation=dilation, stride=stride)
    windows = windows.view(channels, kernel[0] * kernel[1], -1).transpose(1, 2)  # (channels, places, window)
    across = (places.shape[3] - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1
    windows = windows.reshape(channels, -1, across, windows.shape[2])[:, :high, :wide].reshape(-1, windows.shape[2])
    return [_groups(windows.long() - 1, step)], ""


def _largest(step: Step) -> Made:
    """Along dimensions."""
    if step.place:
        raise step.unknown()
    given = step.arg("dim")
    if given is None:
        raise step.unknown("of all values, or of two tensors")
    dims = [each % len(step.shape) for each in ([given] if isinstance(given, int) else given)]
    if not dims or 0 in dims:
        raise step.unknown("over all examples")
    places = torch.arange(step.shape.numel()).view(step.shape)
    places = places.movedim(dims, list(range(-len(dims), 0)))
    return [_groups(places.reshape(step.result.numel(), -1), step)], ""


def _groups(members: Tensor, step: Step) -> Layer:
    first = members.amax(1, keepdim=True)
    members = torch.where(members < 0, first, members)
    return Largest(members, step.shape.numel())


def _ending(end: str) -> Callable[[Step], Made]:
    def made(step: Step) -> Made:
        if end != "sigmoid" and (len(step.shape) != 2 or step.arg("dim") not in (1, -1)):
            raise step.unknown("over other than the classes")
        return [], end

    return made


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    down, across = (*value, value[-1])[:2] if len(value) < 2 else tuple(value)
    return int(down), int(across)


OPERATIONS: dict[str, Callable[[Step], Made]] = {
    **dict.fromkeys(MOVES, _moving),
    "addmm": _addmm,
    "mm": _mm,
    **dict.fromkeys(("convolution", "_convolution", "mkldnn_convolution"), _convolution),
    "avg_pool2d": _average,
    **dict.fromkeys(("add", "add_"), _shifted(1.0)),
    **dict.fromkeys(("sub", "sub_"), _shifted(-1.0)),
    "rsub": _reversed,
    **dict.fromkeys(("neg", "neg_"), _negated),
    **dict.fromkeys(("mul", "mul_"), _scaled),
    **dict.fromkeys(("div", "div_"), _divided),
    **dict.fromkeys(
        ("native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm", "batch_norm"), _normalised
    ),
    **dict.fromkeys(("relu", "relu_"), _rectified(lambda step: 0.0)),
    **dict.fromkeys(("leaky_relu", "leaky_relu_"), _rectified(_leaky)),
    **dict.fromkeys(("clamp_min", "clamp_min_"), _clamped("min", "")),
    **dict.fromkeys(("clamp_max", "clamp_max_"), _clamped("", "max")),
    **dict.fromkeys(("clamp", "clamp_"), _clamped("min", "max")),
    **dict.fromkeys(("hardtanh", "hardtanh_"), _clamped("min_val", "max_val")),
    **dict.fromkeys(("amax", "max"), _largest),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool2d"), _pooled),
    "_softmax": _ending("softmax"),
    "_log_softmax": _ending("log-softmax"),
    **dict.fromkeys(("sigmoid", "sigmoid_"), _ending("sigmoid")),
}
"""By name; those of `LINEAR` besides."""
