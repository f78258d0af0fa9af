"""The worst case: the nearest mislabelled input where mathematics has it, and a proof of how near there is none."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from adapters.errors import InvalidOutput, Unsupported
from bench.attacks.base import Attack, Certified, Need, Role
from bench.threats import Epsilon, Threat
from bench.threats.base import ULP

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from adapters.structures.base import Structure
    from bench.draws import Draws
    from bench.exact.base import Effort

CLOSE = 0.01
"""How much farther than its radius a witness may be for the radius to be called exact: so much rounding may add."""


class WorstCase(Attack):
    """Opens the model, proves what is known to be proved of its structure, and proposes the witnesses found on the way.

    What a model tells of its structure is held against its own labels: of every example and of every witness.
    """

    name: ClassVar[str] = "worst-case"
    title: ClassVar[str] = "worst case"
    needs: ClassVar[Need] = "structure"
    role: ClassVar[Role] = "certificate"
    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1")
    serves_grid: ClassVar[bool] = False
    summary: ClassVar[str] = "the nearest mislabelled input, or how near there is none, by mathematics (bench/exact)"

    sizes: Annotated[tuple[Epsilon, ...], Field(max_length=100)] = (0.01, 0.02, 0.05, 0.1, 0.25)
    """Radii that are tried one by one where there is no closed form."""
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0
    """Time an example, on average over a batch; where it is over, what is not decided stays open."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Certified]:
        """Examples that are mislabelled as they are come back so, their radius 0 and exact.

        Raises:
            Unsupported: nothing is known to be proved of the model, in this norm.
            InvalidOutput: what it tells of its structure is not what it labels by.
        """
        import torch

        from bench.exact import certificate_of

        structure = source.structure(tuple(x.shape[1:])).asking(source.scores)
        if source.stochastic and not structure.risk:
            raise Unsupported("nothing is proved of a model that answers at random")
        certificate = certificate_of(self.taken(structure))
        right = source.predict(x) == y
        if not structure.risk:
            self._hold(structure, x, y, right)
        for budget in budgets:
            if budget.norm not in certificate.norms:
                raise Unsupported(f"nothing is known to be proved of a {structure.kind} model in {budget.norm}")
            witness, radius, exact = x.clone(), torch.zeros(len(x), dtype=torch.float64), ~right.cpu()
            if self.seconds and right.any():
                proof = certificate.prove(structure, x[right].cpu(), y[right].cpu(), budget, self.effort())
                witness[right] = budget.cut(proof.witness).to(x)
                radius[right.cpu()] = budget.geometry.inward(proof.radius, x[right].cpu())
                exact[right.cpu()] = proof.exact & self._close(x[right], witness[right], radius[right.cpu()], budget)
            yield Certified(witness, radius, exact, structure.risk)

    @staticmethod
    def _close(x: Tensor, witness: Tensor, radius: Tensor, budget: Threat) -> Tensor:
        """`(N,)` whether no more than rounding is between radius and witness, or no witness is needed."""
        far = budget.distance(x.cpu(), witness.cpu())
        near = far <= radius * (1 + CLOSE) + 4 * ULP * (x.cpu().flatten(1).abs().amax(1) + far)
        return radius.isinf() | (far > 0) & near

    def effort(self) -> Effort:
        """How far to go, from now on."""
        from bench.exact.base import Effort

        return Effort(sizes=tuple(sorted(self.sizes)), seconds=self.seconds)

    def taken(self, structure: Structure) -> Structure:
        """The structure, if this takes it. Raises Unsupported for one that it does not."""
        return structure

    def _hold(self, structure: Structure, x: Tensor, y: Tensor, right: Tensor) -> None:
        """Hold the structure against the model's own labels."""
        import torch

        scores, given = structure.scores(x.cpu()), torch.tensor(structure.classes)
        top = scores.topk(min(2, scores.shape[1]), dim=1)
        clear = torch.ones(len(x), dtype=torch.bool)
        if scores.shape[1] > 1:
            clear = top.values[:, 0] - top.values[:, 1] > structure.roundoff(x.cpu())
        off = clear & ((given[top.indices[:, 0]] == y.cpu()) != right.cpu())
        if off.any():
            raise InvalidOutput(f"what the model tells of its structure labels {int(off.sum())} examples otherwise")
