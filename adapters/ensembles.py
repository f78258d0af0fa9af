"""Several models as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.base import Adapter, GradientKind, Outputs, worst
from adapters.errors import InvalidOutput, NotWrappable, Unsupported
from adapters.identified import NO_VERSION
from adapters.structures.base import Structure
from adapters.wrapping import wrap

Rule = Literal["mean", "vote"]


class Ensemble(Adapter):
    """Members and their averaging rule.

    `mean` averages the members' probabilities. `vote` counts their labels, a tie going to the lowest class; it has no
    gradient of its own, so its attacks use the mean of the members' softmax scores as a stand-in.
    """

    family: ClassVar[str] = "ensemble"

    def __init__(self, members: Sequence[Adapter], rule: Rule) -> None:
        classes = next((member.classes for member in members if member.classes is not None), None)
        super().__init__(input_shape=None, classes=classes)
        self.members = tuple(members)
        self.rule = rule
        self.stochastic = any(member.stochastic for member in members)
        self.takes_missing = all(member.takes_missing for member in members)
        known = [member.known_classes for member in members]
        if None not in known:  # what one of them can answer, all of them together can
            self.known_classes = tuple(sorted({index for indices in known for index in indices or ()}))
        self.notes = sorted({note for member in members for note in member.notes})
        blind = [member for member in members if NO_VERSION in member.notes]
        self.remedy = blind[0].remedy if blind else type(self).remedy  # what its members need
        kinds = {"votes"} if rule == "vote" else {member.confidence_kind for member in members}
        self.confidence_kind = kinds.pop() if len(kinds) == 1 else "mixed"
        own: GradientKind = "exact" if self.confidence_kind == "softmax" else "surrogate"
        self.gradient = worst(own, *(member.gradient for member in members))

    def _outputs(self, x: Tensor) -> Outputs:
        answers = [member.outputs(x) for member in self.members]
        if self.rule == "mean":
            probabilities = torch.zeros(())
            for answer in answers:
                if answer.probabilities is None:
                    raise InvalidOutput("a member of the ensemble gave no probabilities")
                probabilities = probabilities.to(answer.probabilities) + answer.probabilities
            probabilities = probabilities / len(answers)
            return Outputs(probabilities.argmax(1), probabilities, probabilities)
        labels = torch.stack([answer.labels for answer in answers])
        size = self._width(answers)
        given = range(size or int(labels.max().clamp_min(0)) + 1)
        votes = torch.stack([(labels == index).sum(0) for index in given], dim=1).to(torch.float64)
        chosen = torch.where(votes.sum(1) > 0, votes.argmax(1), -1)
        # Of members that give labels only, a batch does not show how many classes there are: then so does the ensemble.
        return Outputs(chosen, votes, votes / len(answers)) if size else Outputs(chosen, None, None)

    def _width(self, answers: Sequence[Outputs]) -> int | None:
        """Number of classes, where the members tell."""
        if self.classes is not None:
            return len(self.classes)
        return next((answer.scores.shape[1] for answer in answers if answer.scores is not None), None)

    def _logits(self, x: Tensor) -> Tensor:
        scores = torch.stack([F.log_softmax(member.logits(x), dim=1) for member in self.members])
        return scores.logsumexp(0)

    def called(self, name: str) -> Self:
        for place, member in enumerate(self.members):
            member.called(f"{name}/{place}")
        return self

    def structure(self, shape: tuple[int, ...]) -> Structure:
        how = "votes are counted" if self.rule == "vote" else "probabilities are averaged"
        raise Unsupported(f"nothing is known to be proved of an ensemble whose members' {how}")

    @property
    def unseen(self) -> tuple[str, ...]:
        return tuple(f"member {place}, {each}" for place, member in enumerate(self.members) for each in member.unseen)

    def _state(self) -> Iterable[object]:
        return self.rule, [member.fingerprint for member in self.members]


def ensemble(members: Sequence[Any], *, rule: Rule | None = None) -> Adapter:
    """One adapter of several models, crafted on as a whole.

    Args:
        members: adapters, or models that `wrap` knows; all over the same classes in the same order.
        rule: `mean` of probabilities, or `vote` of labels; by default `mean` where every member has probabilities.

    Raises:
        NotWrappable: no members, members of different classes, or `mean` of members without probabilities.
    """
    wrapped = [wrap(member) for member in members]
    if not wrapped:
        raise NotWrappable("an ensemble needs at least one member")
    if len({member.classes for member in wrapped if member.classes is not None}) > 1:
        raise NotWrappable("the members of an ensemble must have the same classes in the same order")
    silent = [member.family for member in wrapped if member.confidence_kind is None]
    if rule is None:
        rule = "vote" if silent else "mean"
    if rule == "mean" and silent:
        raise NotWrappable(f"rule='mean' needs probabilities, which {', '.join(silent)} lacks; use rule='vote'")
    if rule not in ("mean", "vote"):
        raise NotWrappable(f"rule={rule!r}: use 'mean' or 'vote'")
    return Ensemble(wrapped, rule)
