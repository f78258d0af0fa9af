"""Random noise inside the ball: what a gradient attack must beat before its success means anything."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from bench.attacks.base import Attack, Need, Role
from bench.threats import NORMS, Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class _Noise(Attack):
    """One noise pattern an example, brought to each epsilon, in any norm."""

    needs: ClassVar[Need] = "nothing"
    role: ClassVar[Role] = "noise"
    norms: ClassVar[Collection[str]] = NORMS

    draw: Annotated[int, Field(ge=0)] = 0
    """Which of the independent repetitions this is."""

    @abstractmethod
    def pattern(self, budget: Threat, shape: tuple[int, ...], draws: Draws) -> Any:
        """`(N, *shape)` noise of norm at most 1."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        direction = x.new_tensor(self.pattern(budgets[0], tuple(x.shape[1:]), draws))
        for budget in budgets:
            yield budget.moved(x, direction)


class UniformNoise(_Noise):
    """Drawn evenly from the ball; in L_inf, independent noise on every feature, uniform on [-eps, eps]."""

    name: ClassVar[str] = "uniform-noise"
    summary: ClassVar[str] = "uniform noise in the ball; in L_inf, in [-eps, eps]"

    def pattern(self, budget: Threat, shape: tuple[int, ...], draws: Draws) -> Any:
        return budget.uniform(draws, shape, self.draw)


class SignNoise(_Noise):
    """A step of size eps with the gradient thrown by a coin; in L_inf, +eps or -eps on every feature."""

    name: ClassVar[str] = "sign-noise"
    summary: ClassVar[str] = "+eps or -eps at random"

    def pattern(self, budget: Threat, shape: tuple[int, ...], draws: Draws) -> Any:
        return budget.extreme(draws, shape, self.draw)
