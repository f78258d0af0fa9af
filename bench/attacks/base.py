"""What an attack is: it proposes inputs; the judge alone says what they did."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from bench.threats import MISCLASSIFIED, Criterion, Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws

Need = Literal["gradient", "scores", "labels", "structure", "nothing"]
Role = Literal["gradient", "minimum-norm", "certificate", "query", "noise", "generated", "clean"]
"""What an attack is to plans, boards and flags, which know none by its name. `gradient`: climbs a loss inside a ball.
`minimum-norm`: looks for the nearest success, and is judged at every size by its distance. `certificate`: does so, and
proves of each example how near there is none. `query`: asks for scores or labels alone. `noise`: random inside a ball.
`generated`: inputs made from nothing. `clean`: the example itself."""


class Certified(NamedTuple):
    """Candidates of an attack that proves something as well. `N` examples."""

    candidates: Tensor
    """As of any attack: a witness where there is one, else the example itself."""
    radius: Tensor
    """`(N,)` float64 distance to which nothing that the threat allows is mislabelled, whatever rounding does; 0 where
    nothing is proved, or the example itself is mislabelled."""
    exact: Tensor
    """`(N,)` bool: whether the radius is that of the nearest mislabelled input, but for rounding."""
    risk: float = 0.0
    """Probability that the radius of an example is too large, at most; 0 of mathematics alone."""


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
    role: ClassVar[Role]
    norms: ClassVar[Collection[str]] = ()
    """The norms that it can bound; none for attacks that are not bound to an example."""
    summary: ClassVar[str]
    title: ClassVar[str] = ""
    """How boards head its columns; empty for its name."""
    single_step: ClassVar[bool] = False
    """Whether it goes by one gradient, which an iterated attack is expected to beat."""
    serves_grid: ClassVar[bool] = True
    """Whether one pass of `craft` costs the same for one budget as for many: it is called once for all of them."""

    @property
    def criterion(self) -> Criterion:
        """What counts as success of this attack, unless the suite says otherwise."""
        return MISCLASSIFIED

    @property
    def generates(self) -> bool:
        """Whether the attack makes its inputs from nothing and so takes no examples."""
        return self.role == "generated"

    @property
    def measures(self) -> bool:
        """Whether its candidates are judged by their distance, and it takes no epsilon."""
        return self.role in ("minimum-norm", "certificate")

    @property
    def proves(self) -> bool:
        """Whether it yields `Certified` candidates."""
        return self.role == "certificate"

    def goals(self, source: Adapter, x: Tensor, y: Tensor, draws: Draws) -> Tensor | None:
        """`(N,)` the class each example shall be taken for, -1 to leave it out; None for an untargeted attack."""
        return None

    @abstractmethod
    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor] | Iterator[Certified]:
        """Yield one batch of candidates of `x`'s shape for each budget, in order; `Certified` where it `proves`.

        The `source` is the model to craft on, not to be touched where `needs` is `nothing`; `x` are `(N, *input_shape)`
        clean inputs in the dataset's units, on its device, not to be changed, `y` their `(N,)` true classes; `goals` is
        what the method gave. The `budgets` are the threats to stay within, all of one norm, one without epsilon for a
        minimum-norm attack; an example with nothing to offer comes back as it is. `draws` depend on the example alone.
        """
