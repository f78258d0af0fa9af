"""PyTorch networks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adapters import identity
from adapters.base import Adapter, Bounds, Outputs
from adapters.errors import InvalidOutput, NotWrappable
from adapters.identified import NO_VERSION
from adapters.identity.whole import Whole

OutputKind = Literal["logits", "probabilities"]


class TorchModule(Adapter):
    """A network that maps `(N, *input_shape)` to `(N, K)` logits, or to `(N,)` or `(N, 1)` logits of class 1.

    The network is copied and the copy set to evaluation mode, so that training can go on and nothing of the owner's
    moves or changes. `mean` and `std` are the normalisation that the network was trained with, a number or one per
    channel: epsilon stays in the dataset's units.
    """

    family: ClassVar[str] = "network"
    version: ClassVar[str] = "2"
    bystanders: ClassVar[frozenset[str]] = Adapter.bystanders | {"owner_version"}
    remedy: ClassVar[str] = 'wrap(net, version="1"), raised with every change'
    confidence_kind: str | None = "softmax"

    def __init__(
        self,
        module: nn.Module,
        *,
        input_shape: tuple[int, ...] | None = None,
        classes: Sequence[Any] | None = None,
        bounds: Bounds | None = None,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        outputs: OutputKind = "logits",
        training_loss: Callable[[Tensor, Tensor], Tensor] | None = None,
        version: str = "",
    ) -> None:
        """
        Args:
            module: the network.
            input_shape: as the network takes it, such as `(784,)`; None to try the dataset's shape, then flat.
            classes: labels in output order; None for the dataset's.
            bounds: lowest and highest valid input, each a number or an array of one a feature, if the network knows.
            mean: subtracted from `x` before the network sees it.
            std: divides `x - mean`.
            outputs: what the network returns. Give `probabilities` for one that ends in a softmax.
            training_loss: `(logits (N, K), y (N,)) -> (N,)`, if the network was not trained on cross-entropy.
            version: names what the fingerprint cannot see into (see `unseen`), such as a session of another library;
                raise it whenever that changes. Without one, results of such a network are never reused.

        Raises:
            NotWrappable: `outputs` is neither kind, or `std` is not positive.
        """
        if outputs not in ("logits", "probabilities"):
            raise NotWrappable(f"outputs={outputs!r}: use 'logits' or 'probabilities'")
        super().__init__(input_shape=input_shape, classes=classes, bounds=bounds)
        self.gradient = "exact"
        if module.training:
            self.notes.append("train-mode")
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.mean = None if mean is None else _per_channel(mean)
        self.std = None if std is None else _per_channel(std)
        if self.std is not None and not bool((self.std > 0).all()):
            raise NotWrappable(f"std={std!r}: must be positive")
        self.owner_version = version
        self.output_kind = outputs
        self.custom_loss = training_loss
        self._flagged(self._looked_at(weigh=False))
        first = next(iter([*self.module.parameters(), *self.module.buffers()]), None)
        if first is not None:
            self.to(first.device)

    def _logits(self, x: Tensor) -> Tensor:
        if self.mean is not None:
            x = x - self.mean
        if self.std is not None:
            x = x / self.std
        raw = self.module(x)
        if not isinstance(raw, Tensor):
            raise InvalidOutput(f"the network returns {type(raw).__name__}, not a tensor of logits")
        if not raw.is_floating_point():
            raise InvalidOutput(f"the network returns {raw.dtype}, not floating-point logits")
        if self.output_kind == "probabilities":
            sums = raw.detach().sum(1) if raw.ndim == 2 and raw.shape[1] > 1 else raw.new_ones(1)
            if bool(((raw < 0) | (raw > 1)).any()) or bool(((sums - 1).abs() > 1e-3).any()):
                raise InvalidOutput(
                    "the network was said to give probabilities, and gives others; use outputs='logits'"
                )
            if raw.ndim == 1 or (raw.ndim == 2 and raw.shape[1] == 1):
                raw = raw.reshape(-1, 1)
                raw = torch.cat([1 - raw, raw], dim=1)
            raw = raw.clamp_min(torch.finfo(raw.dtype).tiny).log()
        elif raw.shape == (len(x),) or raw.shape == (len(x), 1):
            # One logit of class 1 beside a logit of 0: its cross-entropy is the binary one, a tie goes to class 0.
            raw = torch.stack([torch.zeros_like(raw.reshape(-1)), raw.reshape(-1)], dim=1)
        if raw.ndim != 2 or len(raw) != len(x):
            raise InvalidOutput(f"the network returns shape {tuple(raw.shape)} for {len(x)} examples")
        return raw

    def _outputs(self, x: Tensor) -> Outputs:
        logits = self._logits(x)
        return Outputs(logits.argmax(1), logits, logits.softmax(1))

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        logits = self._logits(x)
        if self.custom_loss is not None:
            return self.custom_loss(logits, y)
        return F.cross_entropy(logits, y, reduction="none")

    def _state(self) -> Iterable[object]:
        # Its notes, too: flags are kept with the results, so what earns them makes another model.
        return self.owner_version, [note for note in self.notes if note != NO_VERSION]

    def _looked_at(self, *, weigh: bool = True) -> identity.Seen:
        # The network, the loss and every option, whatever their names: all that this class is given.
        seen = identity.see({"": Whole(self, self.bystanders), "state": list(self._state())}, weigh=weigh)
        return seen._replace(unseen=tuple(each.removeprefix("module.") for each in seen.unseen))

    def _has_version(self) -> bool:
        return bool(self.owner_version) or super()._has_version()


def _per_channel(value: float | Sequence[float]) -> Tensor:
    """A scalar, or `(C, 1, 1)` to line up with images."""
    tensor = torch.as_tensor(value, dtype=torch.float32)
    return tensor.reshape(()) if tensor.numel() == 1 else tensor.reshape(-1, 1, 1)
