"""PyTorch networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adapters import identity
from adapters.base import Adapter, Bounds, Outputs, wide
from adapters.errors import InvalidOutput, NotWrappable, Unclear, Unsupported
from adapters.networks import probing
from adapters.networks.copies import BATCH_DEPENDENT, STOCHASTIC, TRAIN_MODE, own_copy, settle_mode
from adapters.networks.opened import opened
from adapters.networks.outputs import KINDS, Answer, OutputKind, answer
from adapters.networks.precision import SIXTEEN, Scale
from adapters.networks.returned import outputs_of
from adapters.networks.watching import Watch
from adapters.rounding import topped
from adapters.scaling import Scaling
from adapters.structures.base import Structure


class TorchModule(Adapter):
    """A network that maps `(N, *input_shape)` to `(N, K)` outputs, or to `(N,)` or `(N, 1)` outputs of class 1.

    The network is copied and the copy set to evaluation mode, so that training can go on and nothing of the owner's
    moves or changes; dropout that was put into training mode on purpose stays on. It computes in the precision of its
    parameters, and everything after it in float32 at least.

    What it returns is found out with its first inputs, those of a dataset that it is fitted to or those of its first
    batch: where among other things its logits are, whether they are logits or probabilities, and whether they have a
    gradient. Where that leaves open what is meant, `Unclear` says in one line what to write.
    """

    family: ClassVar[str] = "network"
    version: ClassVar[str] = "2"
    bystanders: ClassVar[frozenset[str]] = Adapter.bystanders | {
        *("owner_version", "size", "gradient", "stochastic", "confidence_kind"),
        *("_kind", "_takes", "_narrow"),  # found out of the network and the options, which are not
    }
    remedy: str = 'wrap(net, version="1"), raised with every change'
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
        scale: float | None = None,
        outputs: OutputKind | None = None,
        logits: Callable[[Any], Tensor] | None = None,
        training_loss: Callable[[Tensor, Tensor], Tensor] | None = None,
        version: str = "",
    ) -> None:
        """
        Args:
            module: the network.
            input_shape: as the network takes it, such as `(784,)`; None to try the dataset's shape, then flat.
            classes: labels in output order; None for the dataset's.
            bounds: lowest and highest valid input, each a number or an array of one a feature, if the network knows.
            mean: subtracted from `x` before the network sees it, a number or one per channel.
            std: divides `x - mean`, likewise.
            scale: multiplies `x` before that: 255 for a network that takes 8-bit pixels of images in [0, 1].
            outputs: what the network returns: `logits`, `probabilities` (it ends in a softmax), `sigmoids` (independent
                probabilities), or a single `logit` or `probability` of class 1. None to find out.
            logits: from whatever the network returns to its `(N, K)` outputs, such as `lambda out: out[0]`, which are
                logits unless `outputs` says otherwise. None for a tensor, `logits` of an object or dictionary, or the
                only tensor that can be meant.
            training_loss: `(logits (N, K), y (N,)) -> (N,)`, if it was not trained on cross-entropy.
            version: names what the fingerprint cannot see into (see `unseen`), such as a session of another library;
                raise it whenever that changes. Without one, results of such a network are never reused.

        Raises:
            NotWrappable: `outputs` is no such kind, `std` or `scale` is not positive, or parameters that hold nothing.
        """
        _check_options(outputs, logits=logits, training_loss=training_loss)
        super().__init__(input_shape=input_shape, classes=classes, bounds=bounds)
        self.gradient = "exact"
        self.scaling = Scaling(mean, std, scale)
        self.module = own_copy(module)
        self.notes += settle_mode(self.module)
        self.stochastic = STOCHASTIC in self.notes
        self.owner_version = version
        self.output_kind: OutputKind | None = outputs or (None if logits is None else "logits")
        self.pick = logits
        self.custom_loss = training_loss
        self.size = None if classes is None else len(self.classes or ())
        """Number of classes, once it is known."""
        self._kind: OutputKind | None = None
        """What the outputs are found to be; None before the first inputs."""
        self._takes: torch.dtype | None = None
        """The precision of a network whose parameters do not tell; None for that of the inputs."""
        self._narrow = False
        """Whether it computes in 16 bits."""
        self._flagged(self._looked_at(weigh=False))
        for first in [*self.module.parameters(), *self.module.buffers()][:1]:
            self.to(first.device)

    # -- finding out --------------------------------------------------------------------------------------------------

    def settle(self, x: Tensor) -> None:
        """Find out with a few inputs, `(N, ...)` as the network takes them, what its outputs are.

        Raises:
            Unclear: its owner must say; the message tells what to write.
        """
        self._kind = None
        with probing.undisturbed(x.device), torch.enable_grad():
            point = x.detach().clone().requires_grad_()
            found, raw, watch = self._asked(point)
            kind = self.output_kind
            if kind is None:
                with torch.no_grad():
                    kind = probing.kind_of(x, raw, watch, found, lambda other: self._asked(other)[1])
            self._kind = kind
            self._narrow = watch.in_16_bits or bool({raw.dtype, *_dtypes(self.module)} & set(SIXTEEN))
            self.confidence_kind = "sigmoid" if kind == "sigmoids" and raw.shape[1] > 1 else "softmax"
            flag = probing.no_gradient(self.module, point, self._answer(point).logits, watch)
            with torch.no_grad():
                drawn = STOCHASTIC not in self.notes and probing.draws(*(self._asked(x)[1] for _ in range(2)))
        self.gradient = "exact" if flag is None else "none"
        self.notes += [note for note in (flag, STOCHASTIC if drawn else None) if note and note not in self.notes]
        self.stochastic = STOCHASTIC in self.notes

    @property
    def logits_decide(self) -> bool:
        """Where the network returns them, in 32 bits at least, and normalises by no batch."""
        kind = self._kind or self.output_kind
        plain = type(self) is TorchModule and not self._narrow and BATCH_DEPENDENT not in self.notes
        return plain and kind in ("logits", "logit")

    @property
    def precision(self) -> torch.dtype | None:
        """The floating-point type of all its parameters; None where it has none, or of several types."""
        found = _dtypes(self.module)
        return found.pop() if len(found) == 1 else None

    def takes(self, dtype: torch.dtype | None) -> None:
        """Give inputs in this precision to a network whose parameters do not tell theirs; None for as they come."""
        self._takes = dtype

    # -- outputs ------------------------------------------------------------------------------------------------------

    def _asked(self, x: Tensor, scale: Scale | None = None) -> tuple[Tensor, Tensor, Watch]:
        """The network's outputs as they were returned, and `(N, K)` of them; and what was seen on the way."""
        dtype = self.precision or self._takes or x.dtype
        given = self.scaling(x.double() if dtype == torch.float64 else x)
        given = given.to(dtype) if scale is None else scale.enter(given, dtype)
        watch = Watch()
        with nullcontext() if self._kind in ("logits", "logit") else watch:
            returned = self.module(given)
        found, values = outputs_of(returned, self.pick, count=len(x), size=self.size)
        return found, values, watch

    def _answer(self, x: Tensor) -> Answer:
        scale = Scale() if self._narrow and torch.is_grad_enabled() else None
        leave = wide if scale is None else scale.leave
        found, raw, watch = self._asked(x, scale)
        made = watch.source_of(found)
        source = None if made is None else (made[0], leave(made[1].reshape(raw.shape)))
        return answer(self._kind or self.output_kind or "logits", raw, leave(raw), source)

    def _answered(self, x: Tensor) -> Answer:
        if self._kind is None:
            try:
                self.settle(x[: probing.EXAMPLES])
            except Unclear:
                raise
            except Exception:  # noqa: BLE001 - whatever is wrong shows when the whole batch is asked
                return self._answer(x)
        return self._answer(x)

    def _logits(self, x: Tensor) -> Tensor:
        return self._answered(x).logits

    def _outputs(self, x: Tensor) -> Outputs:
        labels, logits, probabilities = self._answered(x)
        return Outputs(labels, topped(logits, labels), probabilities)

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        logits = self._logits(x)
        if self.custom_loss is None:
            return F.cross_entropy(logits, y, reduction="none")
        loss = self.custom_loss(logits, y)
        if not isinstance(loss, Tensor) or loss.shape != y.shape:
            shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise InvalidOutput(
                f"training_loss gives {shape} for {len(y)} examples, not one loss an example; use reduction='none'"
            )
        return loss

    def structure(self, shape: tuple[int, ...]) -> Structure:
        shape = self.input_shape or shape
        if BATCH_DEPENDENT in self.notes:
            raise Unsupported("nothing is proved of a network that normalises by the batch that it is shown")
        if self.output_kind is None and self._kind is None:
            points = torch.rand(probing.EXAMPLES, *shape, generator=torch.Generator().manual_seed(0))
            self.settle(points.to(self.device))
        kind = self._kind or self.output_kind or "logits"
        return opened(lambda x: self._asked(x)[1], shape, self.device, kind)

    def _state(self) -> Iterable[object]:
        # A flag is kept with the results, so what earns it makes another model; all others follow from the network.
        return self.owner_version, [note for note in self.notes if note == TRAIN_MODE]

    def _looked_at(self, *, weigh: bool = True) -> identity.Seen:
        # The network, the loss and every option, whatever their names: all that this class is given.
        seen = self._seen_whole(TorchModule.bystanders - Adapter.bystanders, weigh=weigh)
        return seen._replace(unseen=tuple(each.removeprefix("module.") for each in seen.unseen))

    def _has_version(self) -> bool:
        return bool(self.owner_version) or super()._has_version()


def _check_options(outputs: OutputKind | None, **functions: Callable[..., Tensor] | None) -> None:
    """Raise NotWrappable for a kind of outputs that is none, and for a function that is none."""
    if outputs is not None and outputs not in KINDS:
        raise NotWrappable(f"outputs={outputs!r}: use 'logits', 'probabilities' or 'sigmoids'")
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise NotWrappable(f"{name}={function!r}: give a function, such as {name}=lambda out: out[0]")


def _dtypes(module: nn.Module) -> set[torch.dtype]:
    """The floating-point types of its parameters; of its buffers, where it has no parameters."""
    for tensors in (module.parameters(), module.buffers()):
        found = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
        if found:
            return found
    return set()
