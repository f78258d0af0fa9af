"""Random noise inside the ball: what a gradient attack must beat before its success means anything."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from bench.attacks.base import Attack, Need, within_range
from bench.threats.threat import Norm, Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class _Noise(Attack):
    """One noise pattern an example, scaled to each epsilon."""

    needs: ClassVar[Need] = "nothing"
    norms: ClassVar[tuple[Norm, ...]] = ("linf",)

    draw: Annotated[int, Field(ge=0)] = 0
    """Which of the independent repetitions this is."""

    @abstractmethod
    def pattern(self, shape: tuple[int, ...], draws: Draws) -> Any:
        """`(N, *shape)` noise of L_inf norm at most 1."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        direction = x.new_tensor(self.pattern(tuple(x.shape[1:]), draws))
        for budget in budgets:
            yield within_range(x + (budget.eps or 0.0) * direction, budget)


class UniformNoise(_Noise):
    """Independent noise on every feature, uniform on [-eps, eps]."""

    name: ClassVar[str] = "uniform-noise"
    summary: ClassVar[str] = "uniform noise in [-eps, eps]"

    def pattern(self, shape: tuple[int, ...], draws: Draws) -> Any:
        return 2.0 * draws.uniform(shape, self.draw) - 1.0


class SignNoise(_Noise):
    """+eps or -eps on every feature, at random: FGSM with the sign thrown by a coin."""

    name: ClassVar[str] = "sign-noise"
    summary: ClassVar[str] = "+eps or -eps at random"

    def pattern(self, shape: tuple[int, ...], draws: Draws) -> Any:
        return draws.signs(shape, self.draw)
