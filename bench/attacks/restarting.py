"""What attacks with restarts at random points of the ball have in common."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from bench.attacks.gradient import GradientAttack
from bench.draws import RUNS


class RestartingAttack(GradientAttack):
    """An attack on one size at a time, repeated from random starts, of which each repetition has its own."""

    serves_grid: ClassVar[bool] = False

    draws: Annotated[int, Field(ge=1)] = 10
    """Answers to average at each point, of models that answer at random."""
    draw: Annotated[int, Field(ge=0, lt=RUNS)] = 0
    """Which of the independent repetitions this is."""

    @property
    def first_start(self) -> int:
        """The number of the first random start of this repetition."""
        return self.draw * RUNS
