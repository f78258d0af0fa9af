"""What minimum-norm gradient attacks share: one look at a point, the nearest success so far, and how near it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from adapters.errors import Unsupported, no_gradient
from bench.attacks.aimed import AimedAttack
from bench.attacks.base import Need, Role
from bench.attacks.losses import lead, likeliest
from bench.attacks.shrinking import shrunk
from bench.threats import Threat
from bench.threats.base import per_example

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws

FIRST = 1 / 128
"""Share of the distance by which a success is first drawn nearer; it doubles until one fails."""
CLOSE = 1 / 4096
"""Share of the distance that is not looked at any more: nearer to the boundary the rounding of a batch would tell."""
REACH = 1e3
"""How far any feature is moved where there is no range, in units."""
QUESTIONS = 16
"""Labels asked for each example while its success is drawn nearer, at most: 9 where nothing near is a success."""

Value = Callable[["Tensor", "Tensor"], "Tensor"]
"""`(n,)` differentiable values of `(n, K)` logits of the examples at `(n,)` rows, to be climbed."""


class Look(NamedTuple):
    """What one look at `n` points tells."""

    value: Tensor
    """`(n,)` what was asked for."""
    lead: Tensor
    """`(n,)` the margin of the logits towards success, which a stand-in's are not sure of."""
    gradient: Tensor
    """`(n, *shape)` of the value."""
    hit: Tensor
    """`(n,)` whether the model itself is fooled."""

    def only(self, mask: Tensor) -> Look:
        """Those of some points."""
        return Look(*(each[mask] for each in self))


@dataclass
class Nearest:
    """The nearest success of each of `N` examples so far. Every look is told to it; none depends on another example."""

    source: Adapter
    x: Tensor
    y: Tensor
    """`(N,)` the classes to leave."""
    threat: Threat
    goals: Tensor | None
    """`(N,)` the classes to be taken for; None where any other is right."""
    points: Tensor
    """`(N, *shape)` the nearest successes; the example itself where there is none."""
    distance: Tensor
    """`(N,)` float64, how far they are; infinite where there is none."""
    drawn: Tensor
    """`(N,)` float64, how far those were that have been drawn nearer; infinite before."""
    logits: Tensor | None = None
    """`(N, K)` those of the examples themselves, if they are known."""

    @classmethod
    def begun(cls, source: Adapter, x: Tensor, y: Tensor, threat: Threat, goals: Tensor | None) -> Nearest:
        """Nothing found yet."""
        none = x.new_zeros(len(x)).double() + float("inf")
        return cls(source, x, y, threat, goals, x.clone(), none, none.clone())

    @property
    def unit(self) -> Tensor:
        """`(N,)` what steps of published sizes, of inputs in [0, 1], are counted in.

        The width of the range; where there is none, the largest value of the example, and at least 1.
        """
        if self.threat.clip is None:
            return self.x.flatten(1).abs().amax(1).clamp_min(1)
        return self.x.new_full((len(self.x),), self.threat.clip[1] - self.threat.clip[0])

    def moved(self, rows: Tensor, delta: Tensor) -> Tensor:
        """`(n, *shape)` the examples at `rows` changed by `delta`, within the range; finite where a slope is not."""
        most = per_example(REACH * self.unit[rows], delta)
        return self.threat.cut(self.x[rows] + delta.nan_to_num().clamp(-most, most).to(self.x.dtype))

    def room(self) -> Tensor:
        """`(N,)` float64, the largest distance within the range; infinite where there is none."""
        import torch

        if self.threat.clip is None:
            return torch.full_like(self.distance, torch.inf)
        low, high = self.threat.clip
        return self.threat.distance(self.x, (self.x - low > high - self.x) * (low - high) + high)

    def lead(self, logits: Tensor, rows: Tensor) -> Tensor:
        """`(n,)` the margin towards success."""
        return lead(logits, self.y[rows], None if self.goals is None else self.goals[rows])

    def towards(self, rivals: Tensor) -> Value:
        """How far `(n,)` rival classes are ahead of the class to leave; towards a goal, the margin."""
        if self.goals is not None:
            return self.lead

        def ahead(logits: Tensor, rows: Tensor) -> Tensor:
            return logits.gather(1, rivals[:, None])[:, 0] - logits.gather(1, self.y[rows][:, None])[:, 0]

        return ahead

    def rivals(self, count: int) -> Tensor:
        """`(N, R)` the other classes that the model can answer, the likeliest first, at most so many; or the goal."""
        if self.goals is not None:
            return self.goals[:, None]
        logits = self.source.logits(self.x).detach() if self.logits is None else self.logits
        return likeliest(logits, self.y, self.source.known_classes)[:, :count]

    def entropy(self, logits: Tensor, rows: Tensor) -> Tensor:
        """`(n,)` the cross-entropy of the class to leave, or that of the goal, negative."""
        from torch.nn.functional import cross_entropy

        if self.goals is None:
            return cross_entropy(logits, self.y[rows], reduction="none")
        return -cross_entropy(logits, self.goals[rows], reduction="none")

    def other(self, logits: Tensor, rows: Tensor) -> Tensor:
        """`(n,)` the logarithm of the probability of any other class than the one to leave."""
        import torch

        own = torch.nn.functional.one_hot(self.y[rows], logits.shape[1]).bool()
        return logits.masked_fill(own, -torch.inf).logsumexp(1) - logits.logsumexp(1)

    def look(self, rows: Tensor, points: Tensor, value: Value | None = None) -> Look:
        """One gradient of each point, of the margin where no value is given, and whether the point is a success.

        The logits of that pass tell, where they decide the label; a label is asked for where two of them are equal. Of
        any other model it is asked for where the margin says so, and everywhere of one whose gradient is a stand-in's.
        """
        value = value or self.lead
        logits, found, gradient = self.source.slope(points, lambda logits: value(logits, rows))
        lead = self.lead(logits, rows)
        if self.source.logits_decide:
            return Look(found, lead, gradient, self._told(rows, points, lead))
        asked = (lead >= 0) if self.source.gradient == "exact" else lead == lead
        return Look(found, lead, gradient, self.ask(rows, points, asked))

    def ask(self, rows: Tensor, points: Tensor, asked: Tensor | None = None) -> Tensor:
        """`(n,)` whether points are a success by the model's own label; those not asked about count as none."""
        import torch

        hit = points.flatten(1).isfinite().all(1)
        hit = hit if asked is None else hit & asked
        if not hit.any():
            return hit
        labels, where = self.source.predict(points[hit]), rows[hit]
        success = labels != self.y[where] if self.goals is None else labels == self.goals[where]
        hit = torch.zeros_like(hit).masked_scatter(hit, success)
        self._keep(rows[hit], points[hit])
        return hit

    def _told(self, rows: Tensor, points: Tensor, lead: Tensor) -> Tensor:
        """`(n,)` as `ask`, by margins of logits that decide the label."""
        hit = (lead > 0) & points.flatten(1).isfinite().all(1)
        self._keep(rows[hit], points[hit])
        tied = lead == 0
        return hit | self.ask(rows, points, tied) if tied.any() else hit

    def _keep(self, rows: Tensor, points: Tensor) -> None:
        """Take note of successes that are nearer than those before."""
        distance = self.threat.distance(self.x[rows], points)
        nearer = distance < self.distance[rows]
        self.distance[rows[nearer]], self.points[rows[nearer]] = distance[nearer], points[nearer]

    def draw_nearer(self) -> None:
        """Ask on the way from each success to its example: smaller and smaller perturbations, until one fails.

        Those on the way are the nearest in balls that shrink: in L_inf the largest changes go first, in L0 the least.
        Of what was drawn nearer before, only what is nearer by now is again.
        """
        rows = ((self.distance < self.drawn) & (self.distance > 0)).nonzero()[:, 0]
        start, far = self.points[rows] - self.x[rows], self.distance[rows]
        near, least, step = far.clone(), far * 0, far * FIRST  # mislabelled, and not known to be
        for _ in range(QUESTIONS):
            open_ = near - least > (1 if self.threat.norm == "l0" else CLOSE * far)
            rows, start, far, near, least, step = (each[open_] for each in (rows, start, far, near, least, step))
            if not len(rows):
                break
            tried = (near - step).clamp_min(0).where(least == 0, (near + least) / 2)
            if self.threat.norm == "l0":
                tried = tried.floor()
            points = self.moved(rows, shrunk(self.threat.geometry, start, tried))
            hit = self.ask(rows, points)
            near, least, step = tried.where(hit, near), least.where(hit, tried), 2 * step
        self.drawn = self.distance.clone()


class MinimumNorm(AimedAttack):
    """A search for the nearest success along gradients, that is judged at every size by its distance.

    Success is the model's own label, an abstention included. Each example is searched for by itself, whatever else is
    in the batch; one that is a success as it is comes back so and costs one question. What is found is drawn nearer by
    labels alone, which the papers leave out: a few questions, no gradient.
    """

    needs: ClassVar[Need] = "gradient"
    role: ClassVar[Role] = "minimum-norm"
    serves_grid: ClassVar[bool] = False

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        """Raises Unsupported where the source has no gradient, or answers at random and so has no boundary."""
        if source.gradient == "none":
            raise Unsupported(f"it needs a gradient: {no_gradient(source.family, source.notes)}")
        if source.stochastic:
            raise Unsupported("a model that answers at random has no nearest mislabelled input")
        labels, scores, _ = source.outputs(x)
        left = (labels == y) if goals is None else (goals >= 0) & (labels != goals)
        rows = left.nonzero()[:, 0]
        for budget in budgets:
            found = x.clone()
            if len(rows):
                aims = None if goals is None else goals[rows]
                near = Nearest.begun(source, x[rows], y[rows], budget, aims)
                near.logits = scores[rows] if scores is not None and source.logits_decide else None
                self.search(near, draws.only(rows.cpu().numpy()))
                near.draw_nearer()
                found[rows] = near.points
            yield found

    @abstractmethod
    def search(self, near: Nearest, draws: Draws) -> None:
        """Look for successes of all examples of `near`, which keeps the nearest."""
