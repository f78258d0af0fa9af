"""Several classes told apart by binary classifiers: one against the rest, one against one, and by codes.

What scikit-learn takes for a binary part's score is its decision function or, where it has none, the probability of
class 1. Where only the order of scores matters, gradients are those of log-odds in place of probabilities: they do not
saturate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sklearn.base import is_classifier
from sklearn.metrics import pairwise_distances_argmin
from sklearn.multiclass import _ConstantPredictor
from torch import Tensor
from torch.nn import functional as F

from adapters.base import Outputs, worst
from adapters.compiled import as_array, refuse_if
from adapters.errors import Unsupported
from adapters.rounding import margin_against, topped, two_sided
from adapters.sklearn.composite.parts import ROUNDING, CompositeAdapter
from adapters.sklearn.composite.responses import Response, checked_response, compiled_parts, log_odds, preferred_method
from adapters.sklearn.pairs import places, squared, squashed
from adapters.structures.base import Structure
from adapters.structures.linear import Linear
from adapters.threads import one_thread


class BinaryParts(CompositeAdapter):
    """`B` binary classifiers, some of them constant: those fitted on examples of one side only."""

    version = "2"

    def __init__(self, estimator: Any, **constants: Tensor) -> None:
        own = list(estimator.estimators_)
        named = [(number, part) for number, part in enumerate(own) if not isinstance(part, _ConstantPredictor)]
        parts = compiled_parts(estimator, named)
        super().__init__(estimator, parts, **constants)
        self._constant_scores = {
            number: float(part.y_[0]) for number, part in enumerate(own) if isinstance(part, _ConstantPredictor)
        }
        self._responses: dict[int, Response] = {}
        for (number, part), adapter in zip(named, parts, strict=True):
            method = preferred_method(part)
            columns = slice(1, 2) if method == "predict_proba" else slice(None)
            self._responses[number] = checked_response(estimator, number, part, adapter, method, columns)
            own[number] = adapter.estimator
        self.estimator.estimators_ = own
        self._count = len(own)
        decides = hasattr(own[0], "decision_function") and is_classifier(own[0])
        self._threshold = 0.0 if decides else 0.5
        self.gradient = worst(*(response.kind for response in self._responses.values()))

    def _scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, B)` float64 scores, and how far they may be from the parts' own."""
        return self._bounded(x, {number: response.values(x) for number, response in self._responses.items()})

    @one_thread()
    def _bounded(self, x: Tensor, values: dict[int, Tensor]) -> tuple[Tensor, Tensor]:
        """`(N, B)` float64 scores from the `(N, 1)` of the parts, and how far they may be from the parts' own."""
        errors = {number: response.error(values[number]) for number, response in self._responses.items()}
        return self._beside(x, values, torch.float64), self._beside(x, errors, torch.float64, exact=True)

    def _soft_scores(self, x: Tensor) -> Tensor:
        """`(N, B)` differentiable scores."""
        return self._beside(x, {number: response.soft(x) for number, response in self._responses.items()}, x.dtype)

    def _margins(self, x: Tensor) -> Tensor:
        """`(N, B)` differentiable scores, log-odds in place of probabilities."""
        margins = {
            number: log_odds(response.part.log_probabilities(x))[:, 1:]
            if response.method == "predict_proba"
            else response.soft(x)
            for number, response in self._responses.items()
        }
        return self._beside(x, margins, x.dtype)

    def _sided(self, x: Tensor, signs: Tensor) -> Tensor:
        """`(N, B)` margins on the side of the `(N, B)` signs of a class; infinite where it is on neither."""
        return torch.where(signs == 0, torch.inf, self._margins(x) * signs.to(x.dtype))

    def _beside(self, x: Tensor, known: dict[int, Tensor], dtype: torch.dtype, exact: bool = False) -> Tensor:
        """`(N, B)` values side by side; constant parts give what they always say, or zero for its error."""
        always = {number: 0.0 if exact else score for number, score in self._constant_scores.items()}
        blanks = {number: x.new_full((len(x), 1), value, dtype=dtype) for number, value in always.items()}
        return torch.cat([value for _, value in sorted((known | blanks).items())], dim=1)

    def _state(self) -> Iterable[object]:
        yield from super()._state()
        yield [response.method for response in self._responses.values()]
        yield sorted(self._constant_scores.items())


class OneVsRestAdapter(BinaryParts):
    """OneVsRestClassifier: the first largest score.

    Two classes have one score, and class 1 wins where it is above 0, or 1/2 if it is a probability.
    """

    family = "one-vs-rest"

    def __init__(self, estimator: Any) -> None:
        refuse_if(estimator.multilabel_, estimator, "several labels for each input", "fit one estimator for each")
        super().__init__(estimator)
        if hasattr(estimator, "decision_function"):
            self.decision = worst(*(part.decision for part in self.parts))
        if hasattr(estimator, "predict_proba"):
            self.probability = worst(*(part.probability for part in self.parts))
        if self.probability != "none":
            self.confidence_kind = "one-vs-rest"

    def _compiled(self, x: Tensor) -> Outputs:
        known, shares = {}, {}
        for number, response in self._responses.items():
            if self.confidence_kind is None:
                known[number] = response.values(x)
                continue
            known[number], (_, _, probabilities) = response.answers(x)
            assert probabilities is not None
            shares[number] = probabilities[:, 1:].double()
        values, error = self._bounded(x, known)
        if self._count == 1:
            values, error = self._of_classes(values - self._threshold), self._of_classes(error)
        labels = self._labels(x, values, error)
        probabilities = self._normalised(self._beside(x, shares, torch.float64)) if self.confidence_kind else None
        return Outputs(labels, topped(values, labels), probabilities)

    @one_thread()
    def _normalised(self, shares: Tensor) -> Tensor:
        """`(N, K)` probabilities from the `(N, B)` of the parts, zero where all are."""
        if self._count == 1:
            return torch.cat([1 - shares, shares], dim=1)[:, : len(self.classes or ())]
        total = shares.sum(1, keepdim=True)
        return shares / torch.where(total == 0, 1.0, total)

    def _logits(self, x: Tensor) -> Tensor:
        margins = self._margins(x)
        return self._of_classes(margins) if self._count == 1 else margins

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The cross entropies of the parts added up: all that speak for the class or against its rivals."""
        own = y[:, None] == torch.arange(self._count, device=y.device)
        if self._count == 1:
            own = y[:, None] > 0
        return -F.logsigmoid(self._sided(x, 2 * own.long() - 1)).sum(1)

    def soft_decision(self, x: Tensor) -> Tensor:
        return self._soft_scores(x) if self.decision != "none" else super().soft_decision(x)

    def decision_values(self, x: Tensor) -> Tensor:
        return self._scores(x)[0]

    def structure(self, shape: tuple[int, ...]) -> Structure:
        """The parts' linear scores side by side; a constant part's is its bias."""
        scores: dict[int, Linear] = {}
        for number, response in self._responses.items():
            if response.method != "decision_function":
                raise Unsupported(
                    "nothing is known to be proved of one-vs-rest models that compare probabilities: "
                    "many of them round to 1"
                )
            found = response.part.structure(shape)
            if not isinstance(found, Linear) or len(found.classes) != 2:
                raise Unsupported(
                    f"nothing is known to be proved of one-vs-rest models with parts that are {found.kind}"
                )
            scores[number] = found.difference()
        always = {number: Linear.constant(score, self._width()) for number, score in self._constant_scores.items()}
        rows = [score for _, score in sorted((scores | always).items())]
        if self._count == 1:
            rows = [Linear.constant(self._threshold, self._width()), *rows]
        return Linear.stacked(rows[: len(self.classes or ())])

    def _width(self) -> int:
        return int(self.estimator.n_features_in_)

    def log_probabilities(self, x: Tensor) -> Tensor:
        if self.probability == "none" or not self.parts:
            return super().log_probabilities(x)
        logs = [part.log_probabilities(x) for part in self.parts]
        return logs[0] if self._count == 1 else torch.stack([log[:, 1] for log in logs], dim=1).log_softmax(1)


class PairsAdapter(BinaryParts):
    """OneVsOneClassifier: the first largest v + s / (3 (|s| + 1)), v a class's votes, s the sum of its pairs' scores.

    A pair (i, j) votes for j where its part's label is 1; its score is added to j's sum and taken from i's. Of two
    classes, class 1 wins where it has more than 0, or 1/2 if the score is a probability.
    """

    family = "one-vs-one"
    because = "the votes of pairs are counted"

    def __init__(self, estimator: Any) -> None:
        super().__init__(estimator)
        self.jumps = True
        self.decision = worst("surrogate", self.gradient)

    def _compiled(self, x: Tensor) -> Outputs:
        scores, error = self._ranked(x)
        if scores.shape[1] == 2:
            scores, error = two_sided(scores[:, 1:] - self._threshold), two_sided(error[:, 1:])
        labels = self._labels(x, scores, error)
        return Outputs(labels, topped(scores, labels), None)

    def _ranked(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, K)` votes and squashed sums together, and how far they may be from the estimator's own."""
        values, chosen = {}, {}
        for number, response in self._responses.items():
            values[number], outputs = response.answers(x)
            chosen[number] = outputs.labels[:, None].double()
        scores, error = self._bounded(x, values)
        votes = self._beside(x, chosen, torch.float64)
        with one_thread():
            # The squashing is nowhere steeper than 1/3.
            reach = squared(error, len(self.classes or ())).abs().sum(2)
            return self._ranks(votes, scores), reach / 3 + ROUNDING

    def decision_values(self, x: Tensor) -> Tensor:
        ranks = self._ranked(x)[0]
        return ranks[:, 1:] if ranks.shape[1] == 2 else ranks

    def soft_decision(self, x: Tensor) -> Tensor:
        """With the sigmoid of a pair's margin for its vote."""
        ranks = self._ranks(self._margins(x).sigmoid(), self._soft_scores(x))
        return ranks[:, 1:] if ranks.shape[1] == 2 else ranks

    def _logits(self, x: Tensor) -> Tensor:
        """Each class's sum of signed margins."""
        return self._sums(self._margins(x))

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """That of the class's weakest pair, first to lose a vote; of parts that jump the margin of relaxed votes."""
        if any(part.jumps for part in self.parts):
            return margin_against(two_sided(self.soft_decision(x)), y)
        first, second = places(len(self.classes or ()), y.device)
        signs = (y[:, None] == second).long() - (y[:, None] == first).long()
        return -self._sided(x, signs).amin(1)

    def _ranks(self, votes: Tensor, scores: Tensor) -> Tensor:
        """`(N, K)` votes for j, and where they are not for j for i, of pairs (i, j), plus their squashed sums."""
        count = len(self.classes or ())
        return (count - 1) / 2 + self._sums(votes - 0.5) + squashed(self._sums(scores))

    def _sums(self, values: Tensor) -> Tensor:
        """`(N, K)` sums over the pairs of a class of `(N, P)` values, each of which speaks for its second class."""
        return -squared(values, len(self.classes or ())).sum(2)


class CodesAdapter(BinaryParts):
    """OutputCodeClassifier: the class whose code is the nearest to the parts' scores."""

    family = "output-code"
    because = "the nearest code is that of many scores together"

    def __init__(self, estimator: Any) -> None:
        super().__init__(estimator, codes=torch.tensor(estimator.code_book_))

    def _compiled(self, x: Tensor) -> Outputs:
        return self._nearest(x, *self._scores(x))

    @one_thread()
    def _nearest(self, x: Tensor, values: Tensor, error: Tensor) -> Outputs:
        """Outputs from `(N, B)` scores, and how far they may be from the parts' own."""
        scores = self._nearness(values)
        codes = self._constant("codes")
        if bool((error > 0).any()):
            size = (values**2).sum(1, keepdim=True) + (codes**2).sum(1)
            labels = self._labels(x, scores, 2 * error @ codes.abs().T + ROUNDING * size)
        else:  # ties are common, and are settled by sums whose order depends on the batch
            nearest = pairwise_distances_argmin(as_array(values), as_array(codes))
            labels = torch.as_tensor(nearest, dtype=torch.int64, device=x.device)
        return Outputs(labels, topped(scores, labels), None)

    def _nearness(self, values: Tensor) -> Tensor:
        """`(N, K)` squared length of `(N, B)` scores minus their squared distances to the codes."""
        codes = self._constant("codes", values.dtype)
        return 2 * values @ codes.T - (codes**2).sum(1)

    def _logits(self, x: Tensor) -> Tensor:
        return self._nearness(self._soft_scores(x))

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The cross entropies of the parts added up, by the class's code."""
        signs = torch.where(self._constant("codes") > 0, 1, -1)[y]
        return -F.logsigmoid(self._sided(x, signs)).sum(1)

    def _state(self) -> Iterable[object]:
        yield from super()._state()
        yield self._constant("codes")
