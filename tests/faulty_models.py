"""Models each of which goes wrong in one way that a check must see."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

import adapters
from adapters.base import Adapter, Loss, Outputs


class Sound(Adapter):
    """A stranger's adapter of a network, without fault."""

    family = "stranger's"
    gradient = "exact"
    confidence_kind = "softmax"

    def __init__(self, net: nn.Module, **more: Any) -> None:
        super().__init__(input_shape=None, classes=None, **more)
        self.net = net

    def _logits(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x.to(next(self.net.parameters()).dtype))
        return logits

    def _outputs(self, x: Tensor) -> Outputs:
        return self._answer(x, self._logits(x))

    def _answer(self, x: Tensor, logits: Tensor) -> Outputs:
        return Outputs(logits.argmax(1), logits, logits.softmax(1))

    def _state(self) -> Iterable[object]:
        yield from self.net.parameters()

    def _move(self, device: torch.device) -> None:
        self.net.to(device)


class Absent(Sound):
    """Leaves out a row."""

    def _outputs(self, x: Tensor) -> Outputs:
        return super()._outputs(x[1:])


class Drawing(Sound):
    """Draws its scores anew each time."""

    def _answer(self, x: Tensor, logits: Tensor) -> Outputs:
        return super()._answer(x, logits + torch.randn_like(logits))


class Writing(Sound):
    """Writes into what it is shown."""

    def _answer(self, x: Tensor, logits: Tensor) -> Outputs:
        found = super()._answer(x, logits)
        x += 1
        return found


class Sociable(Sound):
    """Normalises its scores over the batch."""

    def _answer(self, x: Tensor, logits: Tensor) -> Outputs:
        return super()._answer(x, logits - 0.5 * logits.mean(0))


class Shy(Sound):
    """Gives scores whose smallest is the label's."""

    def _answer(self, x: Tensor, logits: Tensor) -> Outputs:
        return Outputs(logits.argmax(1), -logits, logits.softmax(1))


class Modest(Sound):
    """Gives probabilities that sum to less than one."""

    def _answer(self, x: Tensor, logits: Tensor) -> Outputs:
        return Outputs(logits.argmax(1), logits, 0.9 * logits.softmax(1))


class Forger(Sound):
    """Has labels of its own in place of the original's, for attacked inputs alone."""

    def reference_predict(self, x: Tensor) -> Tensor:
        labels = self.predict(x)
        off_grid = ((16 * x - (16 * x).round()).abs() > 1e-3).flatten(1).any(1)
        return torch.where(off_grid, (labels + 1) % 10, labels)


class Conforming(Sound):
    """Says of attacked inputs what it says of the one before in the batch."""

    def _answer(self, x: Tensor, logits: Tensor) -> Outputs:
        off_grid = ((16 * x - (16 * x).round()).abs() > 1e-3).flatten(1).any(1, keepdim=True)
        return super()._answer(x, torch.where(off_grid, logits.roll(1, 0), logits))


class Wide(Sound):
    """Gives float64 gradients of float32 inputs."""

    def input_gradient(self, x: Tensor, y: Tensor, loss: Loss = "training") -> Tensor:
        return super().input_gradient(x, y, loss).double()


class Swallowing(Sound):
    """Takes NaN for zero."""

    def _logits(self, x: Tensor) -> Tensor:
        return super()._logits(x.nan_to_num())


class Misleading(Sound):
    """Tells a gradient that is not that of its logits."""

    def _logits(self, x: Tensor) -> Tensor:
        return super()._logits(_Turned.apply(x))


class Cancelling(Sound):
    """Has a gradient of which float32 leaves the rounding of large terms that cancel."""

    def _logits(self, x: Tensor) -> Tensor:
        logits = super()._logits(x)
        total = x.flatten(1).sum(1, keepdim=True)
        nothing = (1e4 * total) ** 2 - 1e8 * total**2
        weights = torch.arange(logits.shape[1]).to(logits) * torch.linspace(-1, 1, logits.shape[1]).to(logits)
        return logits + (nothing - nothing.detach()) * weights


class Estranged(Sound):
    """Has logits in another order than its labels."""

    def _outputs(self, x: Tensor) -> Outputs:
        return self._answer(x, super()._logits(x))

    def _logits(self, x: Tensor) -> Tensor:
        return super()._logits(x).roll(1, dims=1)


class _Turned(torch.autograd.Function):
    """The identity, whose gradient is turned over, feature by feature."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.flatten(1).flip(1).reshape(gradient.shape)


class Saturated(Sound):
    """Trained on a loss that is flat where it is right."""

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        return self.loss(x, y, "margin").clamp_min(0)


class Fragile(Sound):
    """Right on 8-bit images alone."""

    def _answer(self, x: Tensor, logits: Tensor) -> Outputs:
        off_grid = ((255 * x - (255 * x).round()).abs() > 1e-2).flatten(1).any(1, keepdim=True)
        return super()._answer(x, torch.where(off_grid, logits.roll(1, 1), logits))


class Passing(Sound):
    """Wrong while the first pixel is a little lit, where every attack passes on its way."""

    def _logits(self, x: Tensor) -> Tensor:
        return super()._logits(x) * (1 - 5 * x.flatten(1)[:, :1])

    def _answer(self, x: Tensor, logits: Tensor) -> Outputs:
        first = x.flatten(1)[:, :1]
        return super()._answer(x, torch.where((first > 0.02) & (first < 0.03), logits.roll(1, 1), logits))


def in_training(net: nn.Module) -> Adapter:
    """An adapter whose network is in training mode, with nothing in it that would draw."""
    return Sound(copy.deepcopy(net).train())


def misnamed(net: nn.Module) -> Adapter:
    """Outputs in another order than the classes that they are said to be of."""
    return adapters.wrap(net, classes=[1, 0, 3, 2, 5, 4, 7, 6, 9, 8])


class Pair(nn.Module):
    """The first two classes of a network, or the sigmoid that tells one from the other."""

    def __init__(self, net: nn.Module, squashed: bool = False) -> None:
        super().__init__()
        self.net = net
        self.squashed = squashed

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)[:, :2]
        return logits.softmax(1)[:, 1] if self.squashed else logits
