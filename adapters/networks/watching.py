"""What goes on in a forward pass that its result alone does not tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

Activation = Literal["softmax", "sigmoid"]
_ACTIVATIONS: dict[str, Activation] = {
    "softmax": "softmax",
    "_softmax": "softmax",
    "special_softmax": "softmax",
    "sigmoid": "sigmoid",
    "special_expit": "sigmoid",
}
"""Torch's functions, by name: those of modules, tensors, `torch.nn.functional` and exported programs alike."""
_KEPT = 8
"""Results of activations that are remembered: of an attention's there may be many, and the last ones matter."""
_SIXTEEN = (torch.float16, torch.bfloat16)


class _Made(NamedTuple):
    """A result of an activation, and what it was computed from."""

    activation: Activation
    source: Tensor
    result: Tensor
    versions: tuple[int, int]


class Watch(TorchFunctionMode):
    """Looks on while a network runs in Python: which activation made a result, and in which state of torch.

    It sees nothing of what a scripted network does.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: deque[_Made] = deque(maxlen=_KEPT)
        self._grad = torch.is_grad_enabled()
        self.grad_off = False
        """Whether some of it ran under `no_grad` or `inference_mode`, and the call itself did not."""
        self.in_16_bits = False
        """Whether some of it ran under autocast to a 16-bit type."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[Any], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        self.grad_off |= self._grad and not torch.is_grad_enabled()
        if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
            self.in_16_bits |= any(torch.get_autocast_dtype(kind) in _SIXTEEN for kind in _autocast())
        result = func(*args, **given)
        activation = _ACTIVATIONS.get(str(getattr(func, "__name__", "")).partition(".")[0])
        if activation is not None and isinstance(result, Tensor) and result.ndim <= 2:
            source = args[0] if args else given.get("input")
            if isinstance(source, Tensor) and source.shape == result.shape:
                self._made.append(_Made(activation, source, result, _versions(source, result)))
        return result

    def source_of(self, result: Tensor) -> tuple[Activation, Tensor] | None:
        """The activation that made these very numbers, and its input, if neither was written into since."""
        for made in self._made:
            if _is_all_of(result, made.result) and _versions(made.source, made.result) == made.versions:
                return made.activation, made.source
        return None


def _is_all_of(result: Tensor, made: Tensor) -> bool:
    """Whether one tensor is the other, or a view of all of it in the same order, such as `(N,)` of `(N, 1)`."""
    if result is made:
        return True
    if result.layout != torch.strided or result.numel() != made.numel() or result.dtype != made.dtype:
        return False
    return result.is_contiguous() and made.is_contiguous() and result.data_ptr() == made.data_ptr()


def _autocast() -> list[str]:
    return [kind for kind in ("cpu", "cuda") if torch.is_autocast_enabled(kind)]


def _versions(*tensors: Tensor) -> tuple[int, int]:
    first, second = (0 if tensor.is_inference() else tensor._version for tensor in tensors)
    return first, second
