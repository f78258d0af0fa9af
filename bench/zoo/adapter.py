"""The adapter of the reference networks."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from adapters.base import Adapter, Outputs
from adapters.networks.opened import opened
from adapters.structures.base import Structure
from bench.training.nets.base import Net
from bench.zoo.kinds import net_family


class NetAdapter(Adapter):
    """A reference network: the label is the first argmax of its logits, in float32 as it was trained.

    Unlike a user's network, it is fingerprinted by its kind, version and weights rather than by its source, so that a
    reworded comment orphans no published record.
    """

    gradient = "exact"

    def __init__(self, net: Net, features: int) -> None:
        super().__init__(input_shape=(features,), classes=None)
        self.family = net_family(net.kind)  # type: ignore[misc]  # an instance speaks for its network
        self.confidence_kind = net.confidence_kind
        self.net = net.eval().requires_grad_(False)

    @property
    def logits_decide(self) -> bool:
        return True

    def _outputs(self, x: Tensor) -> Outputs:
        logits = self._logits(x)
        return Outputs(logits.argmax(1), logits, self.net.probabilities(logits))

    def _logits(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        return logits

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        return self.net.loss(self._logits(x), y)

    def structure(self, shape: tuple[int, ...]) -> Structure:
        return self.net.structure() or opened(self._logits, self.input_shape or shape, self.device)

    def _state(self) -> Iterable[object]:
        yield self.net.kind
        yield self.net.version
        for name, tensor in sorted(self.net.state_dict().items()):
            yield name
            yield tensor
