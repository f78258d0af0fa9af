"""The nearest mislabelled input of a sum of trees, by coordinate ascent over the corners of what its leaves cut out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from adapters.errors import Unsupported
from bench.attacks.base import Attack, Need, Role
from bench.threats import Epsilon, Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class TreeCorners(Attack):
    """Climbs a rival's lead feature by feature in ever larger balls, and from there on in ever smaller ones.

    It reads the trees and compares all moves of one feature at once, exactly (`bench.exact.corners`), where the
    gradient of relaxed splits only guesses. It proves nothing: `worst-case` does, of models that are not too large.
    """

    name: ClassVar[str] = "tree-corners"
    title: ClassVar[str] = "tree corners"
    needs: ClassVar[Need] = "structure"
    role: ClassVar[Role] = "minimum-norm"
    norms: ClassVar[Collection[str]] = ("linf",)
    serves_grid: ClassVar[bool] = False
    summary: ClassVar[str] = "sums of trees: the best move of a feature, again and again, in ever smaller balls"

    start: Annotated[Epsilon, Field()] = 0.005
    """Radius of the first ball; where nothing is found in one, the next has twice its radius."""
    balls: Annotated[int, Field(ge=1, le=64)] = 9
    """Balls that are tried, at most: with the first of .005, nine are all of a range of 1."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        """An example that is mislabelled as it is, or with nothing found, comes back as it is.

        Raises:
            Unsupported: the model is no sum of trees that can be opened.
        """
        import torch

        from adapters.structures import Trees
        from bench.exact.sums import nearest

        structure = source.structure(tuple(x.shape[1:]))
        if not isinstance(structure, Trees):
            raise Unsupported(f"it attacks sums of trees, and the model is {structure.kind}")
        right = (source.predict(x) == y).cpu() & torch.isin(y.cpu(), torch.tensor(structure.classes))
        sizes = [self.start * 2**turn for turn in range(self.balls)]
        for budget in budgets:
            found = x.clone()
            if right.any() and structure.trees:
                found[right] = nearest(structure, x[right].cpu(), y[right].cpu(), budget, sizes).to(x)
            yield found
