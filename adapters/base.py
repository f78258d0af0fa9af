"""What a model is: one way to ask any fitted classifier for labels, scores and input gradients.

Conventions, everywhere in this package: `N` examples, `K` classes, `x` of shape `(N, *any shape with the model's number
of features)` in the dataset's declared units, tensors in and out on the adapter's device, labels as class *indices*
(`int64`, -1 where the model abstains).
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.errors import InvalidOutput, NotWrappable, ShapeMismatch, Unsupported, no_gradient
from adapters.identified import Identified
from adapters.rounding import margin_against
from adapters.structures.base import Structure

GradientKind = Literal["exact", "surrogate", "none"]
Loss = Literal["training", "cross_entropy", "margin"]
LOSSES: tuple[Loss, ...] = ("training", "cross_entropy", "margin")
Bounds = tuple[float | np.ndarray, float | np.ndarray]
"""Lowest and highest valid input, each a number or an array of one a feature."""


class Outputs(NamedTuple):
    """All that one forward pass says of a batch."""

    labels: Tensor
    """`(N,)` int64 class indices by the model's own rule; -1 where it abstains."""
    scores: Tensor | None
    """`(N, K)` scores whose first argmax is the label; None where the model gives labels only."""
    probabilities: Tensor | None
    """`(N, K)` class probabilities; None where the model has none."""


class Movable:
    """What holds tensors, or other things that do."""

    def to(self, device: torch.device | str) -> Self:
        """Move every tensor to `device`, where all that are given and returned live from now on."""
        self._move(torch.device(device))
        return self

    def _move(self, device: torch.device) -> None:
        for name, value in vars(self).items():
            vars(self)[name] = _moved(value, device)


class Adapter(Movable, Identified):
    """One fitted classifier.

    A subclass implements `_outputs` and `_state`, and `_logits` where it has a gradient. It receives `x` already in
    `input_shape`; everything public takes the dataset's shape and brings it into that. `to` moves all tensors, networks
    and adapters that it has for attributes, those in lists and dictionaries too; another way to move is its `_move`.

    What the model is, is told by `_state`; of a class that is not this project's own, by its code and attributes too.
    """

    family: ClassVar[str]
    """Short name of the model family, printed on the leaderboard."""
    gradient: GradientKind = "none"
    confidence_kind: str | None = None
    stochastic: bool = False
    known_classes: tuple[int, ...] | None = None
    """Indices of the classes that the model can answer, ascending; None for all that there are."""
    takes_missing: bool = False
    """Whether NaN stands for a missing value, which the model was made to take."""

    def __init__(
        self, *, input_shape: tuple[int, ...] | None, classes: Sequence[Any] | None, bounds: Bounds | None = None
    ) -> None:
        """
        Args:
            input_shape: shape of one example as the model takes it, or None for "as the dataset gives it".
            classes: the model's own labels in the order of its outputs, or None for "the dataset's classes in order".
            bounds: lowest and highest valid input, a number or one per feature; None where the model does not say.

        Raises:
            NotWrappable: bounds that are not two, of another shape than the input, NaN, or the wrong way round.
        """
        self.input_shape = input_shape
        self.classes = None if classes is None else tuple(classes)
        self.bounds = checked_bounds(bounds, input_shape)
        self.device = torch.device("cpu")
        self.notes: list[str] = []
        """Flags raised while wrapping (`train-mode`, ...), shown on every row of this model."""
        self._draw_nonce()

    # -- what a subclass says -----------------------------------------------------------------------------------------

    @abstractmethod
    def _outputs(self, x: Tensor) -> Outputs:
        """Labels, scores and probabilities of `x`, in one pass. Called without autograd."""

    def _logits(self, x: Tensor) -> Tensor:
        """`(N, K)` differentiable scores for attacks; a stand-in is allowed and then declared in `gradient`."""
        raise Unsupported(f"{self.family} gives no differentiable scores")

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """`(N,)` the loss that the model was trained on, or the strongest stand-in for it."""
        return F.cross_entropy(wide(self._logits(x)), y, reduction="none")

    # -- what everybody calls -----------------------------------------------------------------------------------------

    def outputs(self, x: Tensor) -> Outputs:
        """Labels, scores and probabilities of `x` in one forward pass.

        Raises:
            ShapeMismatch: `x` has another number of features than the model takes.
            InvalidOutput: the model returned something that is no batch of outputs.
        """
        with torch.no_grad():
            labels, scores, p = self._outputs(self._shaped(x))
        return Outputs(labels, scores if scores is None else wide(scores), p if p is None else wide(p))

    def predict(self, x: Tensor) -> Tensor:
        """`(N,)` class indices by the model's own rule; -1 where it abstains."""
        return self.outputs(x).labels

    def scores(self, x: Tensor) -> Tensor:
        """`(N, K)` rule-faithful scores: the first argmax is `predict`.

        Raises:
            Unsupported: the model gives labels only.
        """
        scores = self.outputs(x).scores
        if scores is None:
            raise Unsupported(f"{self.family} gives labels only")
        return scores

    def probabilities(self, x: Tensor) -> Tensor | None:
        """`(N, K)` probabilities of the kind `confidence_kind`, or None."""
        return self.outputs(x).probabilities

    def logits(self, x: Tensor) -> Tensor:
        """`(N, K)` differentiable scores for attacks, possibly a stand-in for the model's rule.

        Raises:
            Unsupported: the model has no gradient, not even a surrogate.
        """
        return self._logits(self._shaped(x))

    def loss(self, x: Tensor, y: Tensor, kind: Loss = "training") -> Tensor:
        """`(N,)` differentiable loss of each example.

        `training` is the loss that the model was trained on, `cross_entropy` is of `logits`, and `margin` is
        `max over k != y of logits_k  -  logits_y`, positive where the stand-in errs.
        """
        if kind == "training":
            return self._training_loss(self._shaped(x), y)
        logits = wide(self.logits(x))
        if kind == "cross_entropy":
            return F.cross_entropy(logits, y, reduction="none")
        if kind == "margin":
            return margin_against(logits, y)
        raise ValueError(f"loss is {kind!r}; known losses: {', '.join(LOSSES)}")

    def input_gradient(self, x: Tensor, y: Tensor, loss: Loss = "training") -> Tensor:
        """Gradient of the loss with respect to `x`, of `x`'s shape, in one batched pass.

        Raises:
            InvalidOutput: the gradient is NaN.
            Unsupported: `gradient` is `none`. It never returns zeros in place of a gradient that does not exist.
        """
        return self._climbed(x, lambda point: (self.loss(point, y, loss),))[-1]

    def slope(self, x: Tensor, value: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """`(N, K)` logits, `(N,)` the values made of them, and the gradient of these with respect to `x`, in one pass.

        Args:
            x: `(N, *shape)`.
            value: differentiable `(N,)` values of `(N, K)` logits in float32 at least, row by row.

        Raises:
            InvalidOutput, Unsupported: as `input_gradient`.
        """

        def both(point: Tensor) -> tuple[Tensor, Tensor]:
            logits = wide(self.logits(point))
            return logits, value(logits)

        logits, values, gradient = self._climbed(x, both)
        return logits, values, gradient

    @property
    def logits_decide(self) -> bool:
        """Whether the label is known to be the first argmax of `logits`, so that who has these need not ask for it."""
        return False

    def structure(self, shape: tuple[int, ...]) -> Structure:
        """What decides the labels of inputs of this shape, opened, for exact answers (`bench.exact`).

        Raises:
            Unsupported: the model cannot be opened, or nothing is known to be proved of its kind; it says why.
        """
        raise Unsupported(f"nothing is known to be proved of {self.family} models of this kind")

    def reference_predict(self, x: Tensor) -> Tensor:
        """`(N,)` labels by the original model's own code, for audits; `predict` where there is no other code."""
        return self.predict(x)

    def copied(self) -> Self:
        """A copy that can be moved and fitted to a dataset while its owner's stays as it is.

        What cannot be copied in depth, such as an adapter that holds a lock or a connection, shares its parts.
        """
        try:
            return copy.deepcopy(self)
        except Exception:  # noqa: BLE001 - whatever the parts of somebody's adapter raise
            return copy.copy(self)

    def called(self, name: str) -> Self:
        """Tell the model its name on the board: the identity of those that show no parameters, with their version."""
        return self

    def to(self, device: torch.device | str) -> Self:
        self.device = torch.device(device)
        return super().to(device)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _climbed(self, x: Tensor, pass_: Callable[[Tensor], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        """What one pass gives, the last of it `(N,)` values to climb, and then their gradient."""
        if self.gradient == "none":
            raise Unsupported(f"it needs a gradient: {no_gradient(self.family, self.notes)}")
        with torch.enable_grad():
            point = x.detach().clone().requires_grad_()
            found = pass_(point)
            climbed = found[-1].sum()
            if not climbed.requires_grad:
                raise Unsupported(f"the loss of {self.family} is cut off from the inputs, as by no_grad() or detach()")
            (gradient,) = torch.autograd.grad(climbed, point)
        if bool(gradient.isnan().any()):  # its sign would be 0: the attack would pass for one that changes nothing
            raise InvalidOutput("the input gradient is NaN")
        return *(values.detach() for values in found), gradient

    def _shaped(self, x: Tensor) -> Tensor:
        """`x` in the model's own input shape; the number of features must agree."""
        if self.input_shape is None or x.shape[1:] == self.input_shape:
            return x
        try:
            return x.reshape(len(x), *self.input_shape)
        except RuntimeError:
            raise ShapeMismatch(
                f"the model takes inputs of shape {self.input_shape}, not {tuple(x.shape[1:])}"
            ) from None


def wide(values: Tensor) -> Tensor:
    """The values in float32 at least, in which losses, softmax and margins are computed."""
    return values.to(torch.promote_types(values.dtype, torch.float32)) if values.is_floating_point() else values


def worst(*kinds: GradientKind) -> GradientKind:
    """The gradient of something made of parts: none if a part has none, exact if all are."""
    if "none" in kinds:
        return "none"
    return "surrogate" if "surrogate" in kinds else "exact"


def checked_bounds(bounds: Bounds | None, input_shape: tuple[int, ...] | None) -> Bounds | None:
    """Bounds that say what is valid.

    Raises:
        NotWrappable: they are not two, do not fit the input's shape, are NaN, or are the wrong way round.
    """
    if bounds is None:
        return None
    try:
        low, high = (np.asarray(side, dtype=np.float64) for side in bounds)
        np.broadcast_to(low + high, input_shape if input_shape is not None else np.broadcast(low, high).shape)
    except (TypeError, ValueError):
        raise NotWrappable(
            f"bounds are (lowest, highest), each a number or one a feature of {input_shape}, not {bounds!r}"
        ) from None
    if not (low <= high).all():
        raise NotWrappable(f"bounds have a lowest value above the highest, or NaN: {bounds!r}")
    return bounds


def _moved(value: Any, device: torch.device) -> Any:
    """`value` with all that moves in it on `device`: itself, where nothing does."""
    if isinstance(value, (Tensor, torch.nn.Module, Movable)):
        return value.to(device)
    if type(value) is dict:
        return dict(zip(value, _moved(list(value.values()), device), strict=True))
    if type(value) in (list, tuple):
        parts = [_moved(part, device) for part in value]
        if any(new is not old for new, old in zip(parts, value, strict=True)):
            return type(value)(parts)
    return value
