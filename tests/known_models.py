"""Models whose answers are known beforehand, for tests of what is done with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from adapters.base import Adapter, Outputs


class DigitsNet(nn.Module):
    """Takes digits of any shape: `(N, 1, 8, 8)` or flat."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(1))


class MaskedGradient(nn.Module):
    """The same classifier, with scores so steep that float32 softmax has no gradient left where it is right."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return 1e6 * self.net(x)


class Shattered(nn.Module):
    """The same classifier of inputs rounded to 16 levels, and a slope of no use, so that no gradient is zero."""

    slope: Tensor

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        generator = torch.Generator().manual_seed(1)
        self.register_buffer("slope", 1e-3 * torch.randn(64, 10, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.net((16 * x).round() / 16) + x.flatten(1) @ self.slope
        return scores


class Squashed(nn.Module):
    """Probabilities where logits are due."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).softmax(1)


class Broken(nn.Module):
    """A classifier that goes wrong in one way, on the whole batch or on some of it."""

    def __init__(self, net: nn.Module, fault: str) -> None:
        super().__init__()
        self.net = net
        self.fault = fault

    def extra_repr(self) -> str:
        return self.fault

    def forward(self, x: Tensor) -> Tensor:
        logits = self.net(x)
        if self.fault == "raises":
            raise KeyError("lost my weights")
        if self.fault == "nan":
            return torch.where(x.flatten(1).sum(1, keepdim=True) > 20, torch.nan, logits)
        if self.fault == "wrong classes":
            return logits[:, :7]
        if self.fault == "wrong count":
            return logits[:-1]
        if self.fault == "integers":
            return logits.long()
        if self.fault == "writes":
            x.zero_()
        return logits


class Hungry(nn.Module):
    """Runs out of memory with more than `most` examples at once."""

    def __init__(self, net: nn.Module, most: int) -> None:
        super().__init__()
        self.net = net
        self.most = most

    def extra_repr(self) -> str:
        return str(self.most)

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return self.net(x)


class Answering(Adapter):
    """An adapter that gives what it is told to: the plainest double of a model."""

    family: ClassVar[str] = "double"

    def __init__(self, answer: Any, **more: Any) -> None:
        super().__init__(input_shape=None, classes=None)
        self.answer = answer
        for name, value in more.items():
            setattr(self, name, value)

    def _outputs(self, x: Tensor) -> Outputs:
        found = self.answer(x)
        return found if isinstance(found, Outputs) else Outputs(found, None, None)

    def _state(self) -> Iterable[object]:
        return ()

    def _move(self, device: torch.device) -> None:
        pass


def constant(label: int) -> Any:
    """A predict function that says the same of everything."""

    def predict(x: np.ndarray) -> np.ndarray:
        return np.full(len(x), label)

    return predict


def nearest_mean(x: np.ndarray, y: np.ndarray, abstain_above: float = np.inf) -> Any:
    """A predict function: the class of the nearest mean; -1 for inputs whose nearest mean is far."""
    means = np.stack([x[y == k].mean(0) for k in np.unique(y)])

    def predict(batch: np.ndarray) -> np.ndarray:
        distances = ((batch.reshape(len(batch), 1, -1) - means) ** 2).sum(2)
        return np.where(distances.min(1) > abstain_above, -1, distances.argmin(1))

    return predict
