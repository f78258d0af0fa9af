"""The gradient aligned adversarial subspace: Tramer et al. 2017 (arXiv 1704.03453)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.gradient import GradientAttack
from bench.errors import UsageError
from bench.threats import Threat, norm_named

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class GradientAlignedSubspace(GradientAttack):
    """One step of size eps along one of k orthogonal directions, all at the same angle to the gradient.

    The examples take turns: the one at position p of its split is moved along direction p modulo k. So the error is
    the mean share of the k directions that fool, and k times it their mean number.
    """

    name: ClassVar[str] = "gradient-aligned-subspace"
    norms: ClassVar[Collection[str]] = ("l2",)
    single_step: ClassVar[bool] = True
    summary: ClassVar[str] = "x + eps r, one of k orthogonal directions r that climb alike (GAAS)"

    directions: Annotated[int, Field(ge=1)] = 1
    """How many, k; 1 is the step along the gradient itself."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        """Raises UsageError where the input has fewer features than there shall be directions."""
        gradient = self.gradient(source, x, self.labels(source, x, y), goals)
        features = x[0].numel()
        if self.directions > features:
            raise UsageError(
                f"directions {self.directions} of attack {self.name}: an input of {features} features has no more "
                "orthogonal ones than that"
            )
        direction = aligned(gradient, y.new_tensor(draws.indices % self.directions), self.directions)
        for budget in budgets:
            yield budget.moved(x, direction)


def aligned(gradient: Tensor, chosen: Tensor, directions: int) -> Tensor:
    """One of k orthogonal unit vectors r for each example, with `r . g = |g| / sqrt(k)`: lemma 1.

    No k orthogonal unit vectors do better. These are the first k of the standard basis, turned so that their normalised
    sum becomes `g / |g|`; `chosen`, `(N,)`, says which of them, from 0. There are as many as features at most. The
    result is of the shape and type of the `(N, *input_shape)` gradient; a zero one gives zero.
    """
    import torch

    slope = norm_named("l2").step(gradient.flatten(1).double())
    total = torch.zeros_like(slope)
    total[:, :directions] = directions**-0.5
    # A reflection takes the sum to the gradient or to its opposite; the farther one is free of cancellation.
    side = torch.where((total * slope).sum(1, keepdim=True) < 0, -1.0, 1.0).to(slope)
    normal = total + side * slope
    place = chosen[:, None]
    turned = 2 * normal.gather(1, place) / normal.square().sum(1, keepdim=True) * normal
    turned.scatter_add_(1, place, torch.full_like(side, -1.0))
    moves = slope.any(1, keepdim=True)
    return (side * turned * moves).reshape(gradient.shape).to(gradient.dtype)
