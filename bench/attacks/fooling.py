"""Fooling images: Goodfellow, Shlens & Szegedy 2015, appendix A and figure 5."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from adapters.errors import Unsupported
from bench.attacks.base import Attack, Need, Role
from bench.errors import UsageError
from bench.threats import Criterion, Threat, norm_named
from bench.threats.base import per_example

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws

CONFIDENT = 0.5
"""The probability from which a model counts as fooled."""


class Fooling(Attack):
    """A sample of N(0, I) and a step towards a class i, so that the model sees in it what nobody else does.

    One step is the paper's sampling step; its success rate is the share of samples that come to be of class i. More
    steps go on from where the last one led, until the source is fooled.
    """

    name: ClassVar[str] = "fooling"
    needs: ClassVar[Need] = "gradient"
    role: ClassVar[Role] = "generated"
    summary: ClassVar[str] = "x ~ N(0, I) and a gradient step towards a class; success is to be confident of that class"

    target: Literal["each"] | Annotated[int, Field(ge=0, strict=True)] = "each"
    """The class i, or each class in turn, sample by sample."""
    step: Literal["gradient", "log-gradient", "sign"] = "sign"
    """`gradient`: the step is `step_size` times the gradient of p(y = i | x), as in the text. That underflows where the
    model is sure of another class; `log-gradient` is that of log p, which does not. `sign`: the sign of either, as in
    figure 5."""
    step_size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.25
    steps: Annotated[int, Field(ge=1)] = 1
    """Number of steps at most."""
    draw: Annotated[int, Field(ge=0)] = 0
    """Which of the independent repetitions this is."""

    @property
    def criterion(self) -> Criterion:
        return Criterion(kind="targeted", threshold=CONFIDENT)

    def goals(self, source: Adapter, x: Tensor, y: Tensor, draws: Draws) -> Tensor:
        """`(N,)` the class i of each sample, of those that the source can answer.

        Raises UsageError where the target is no class of the dataset, Unsupported where it is none of the source's.
        """
        size = source.logits(x[:2]).shape[1]
        known = source.known_classes or tuple(range(size))
        if self.target == "each":
            return y.new_tensor(known)[y.new_tensor(draws.indices % len(known))]
        if self.target >= size:
            raise UsageError(f"target {self.target} of attack {self.name}: there are {size} classes, the first is 0")
        if self.target not in known:
            raise Unsupported(f"the model is of classes {', '.join(map(str, known))}, and cannot answer {self.target}")
        return y.new_full(y.shape, self.target)

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        assert goals is not None
        moved = x.new_tensor(draws.normal(tuple(x.shape[1:]), self.draw))
        moved = moved + self.step_size * self.direction(source, moved, goals)
        for _ in range(self.steps - 1):
            done = per_example(_fooled(source, moved, goals), moved)
            if bool(done.all()):
                break
            moved = moved.where(done, moved + self.step_size * self.direction(source, moved, goals))
        for _ in budgets:
            yield moved

    def direction(self, source: Adapter, x: Tensor, goals: Tensor) -> Tensor:
        """The step for a size of 1, of `x`'s shape.

        Both gradients are had from that of log p: that of p is p times it, and has the same sign.
        """
        value, gradient = _log_probability(source, x, goals)
        if self.step == "sign":
            return norm_named("linf").step(gradient)
        if self.step == "gradient":
            return per_example(value.exp(), x) * gradient
        return gradient


def _log_probability(source: Adapter, x: Tensor, goals: Tensor) -> tuple[Tensor, Tensor]:
    """`(N,)` log p(y = goal | x), and its gradient with respect to `x`.

    Of a model whose classes have independent probabilities, the sigmoid of the goal's own logit; of any other, the
    softmax. Raises ValueError for a gradient that is NaN, Unsupported for a model that has none.
    """
    import torch

    with torch.enable_grad():
        point = x.detach().clone().requires_grad_()
        logits = source.logits(point)
        own = logits.gather(1, goals[:, None])[:, 0]
        independent = source.confidence_kind == "sigmoid"
        value = torch.nn.functional.logsigmoid(own) if independent else own - logits.logsumexp(1)
        (gradient,) = torch.autograd.grad(value.sum(), point)
    if bool(gradient.isnan().any()):  # its sign would be 0: a step that changes nothing
        raise ValueError("the input gradient is NaN")
    return value.detach(), gradient


def _fooled(source: Adapter, x: Tensor, goals: Tensor) -> Tensor:
    """`(N,)` whether the source gives the goal class, and with confidence where it tells any."""
    labels, _, probabilities = source.outputs(x)
    if probabilities is None:
        return labels == goals
    return (labels == goals) & (probabilities.gather(1, goals[:, None])[:, 0] > CONFIDENT)
