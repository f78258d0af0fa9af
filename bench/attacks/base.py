"""What an attack is: it proposes inputs; the judge alone says what they did."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from bench.threats.threat import MISCLASSIFIED, Criterion, Norm, Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws

Need = Literal["gradient", "scores", "labels", "nothing"]


class Attack(BaseModel, ABC):
    """One attack with its parameters, all of them explicit: they are part of every result's identity.

    An attack is pure: no files, no progress, no knowledge of results. Modules of attacks load no torch, so that suites
    can be read and planned without it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    revision: ClassVar[int] = 1
    """Raised whenever the candidates change."""
    needs: ClassVar[Need]
    """What the attack asks of its source; `nothing` means that it has no source."""
    norms: ClassVar[tuple[Norm, ...]] = ()
    """The norms that it can bound; none for attacks that are not bound to an example."""
    summary: ClassVar[str]

    @property
    def criterion(self) -> Criterion:
        """What counts as success of this attack, unless the suite says otherwise."""
        return MISCLASSIFIED

    @property
    def generates(self) -> bool:
        """Whether the attack makes its inputs from nothing and so takes no examples."""
        return False

    def goals(self, source: Adapter, x: Tensor, y: Tensor, draws: Draws) -> Tensor | None:
        """`(N,)` the class each example shall be taken for, -1 to leave it out; None for an untargeted attack."""
        return None

    @abstractmethod
    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        """Yield one batch of candidates of `x`'s shape for each budget, in order.

        Args:
            source: the model to craft on; not to be touched where `needs` is `nothing`.
            x: `(N, *input_shape)` clean inputs in the dataset's units, on the source's device; not to be changed.
            y: `(N,)` true classes.
            goals: what `goals` gave.
            budgets: the threats to stay within. All have the same norm.
            draws: randomness that depends on the example alone.
        """


def within_range(candidates: Tensor, budget: Threat) -> Tensor:
    """The candidates cut to the range that the budget allows."""
    return candidates if budget.clip is None else candidates.clamp(*budget.clip)
