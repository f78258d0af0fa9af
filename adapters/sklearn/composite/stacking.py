"""Stacked classifiers: one that learned from what others say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from adapters.base import Outputs, worst
from adapters.compiled import AGREEMENT, Container, refuse
from adapters.rounding import margin_against, topped
from adapters.sklearn.composite.parts import CompositeAdapter
from adapters.sklearn.composite.responses import checked_response, compiled_parts
from adapters.sklearn.linear import LinearAdapter, LogisticAdapter, RidgeAdapter, SGDAdapter
from adapters.threads import one_thread

_LINEAR = (LinearAdapter, LogisticAdapter, RidgeAdapter, SGDAdapter)


class StackingAdapter(CompositeAdapter):
    """StackingClassifier: its final estimator's labels, of what the other parts say of the input.

    A linear final estimator is given what the compiled parts say, and by how much that may be off bounds its scores. To
    any other the least difference may matter: it is given what the estimator's own parts say.
    """

    family = "stacking"
    because = "a model of what others say of the input"
    version = "2"

    def __init__(self, estimator: Any) -> None:
        if isinstance(estimator.classes_, list):
            raise refuse(estimator, "several labels for each input", "fit one estimator for each")
        named = [(name, part) for name, part in estimator.named_estimators_.items() if not isinstance(part, str)]
        parts = compiled_parts(estimator, named)
        (self._final,) = compiled_parts(estimator, [("final_estimator", estimator.final_estimator_)])
        if self._final.classes != tuple(range(len(estimator.classes_))):
            raise refuse(estimator, "a final estimator that knows other classes")
        super().__init__(estimator, parts)
        self.estimator.estimators_ = [part.estimator for part in parts]
        self.estimator.final_estimator_ = self._final.estimator
        self._passthrough = bool(estimator.passthrough)
        self._responses = []
        for (name, own), part, method in zip(named, parts, estimator.stack_method_, strict=True):
            if method == "predict" and not all(isinstance(label, (bool, int, float)) for label in part.classes or ()):
                raise refuse(estimator, f"labels of part {name!r} that are no numbers", "fit it without cv='prefit'")
            columns = slice(1, None) if method == "predict_proba" and len(estimator.classes_) == 2 else slice(None)
            self._responses.append(checked_response(estimator, name, own, part, method, columns))
        if not self._ask("transform", torch.zeros(2, *self.input_shape or ())).flags.c_contiguous:
            self._final.container = "columns"
        self.jumps = self._final.jumps or any(part.jumps for part in parts) or "predict" in estimator.stack_method_
        self.confidence_kind = self._final.confidence_kind
        kinds = [response.kind for response in self._responses]
        for kind in ("gradient", "decision", "probability"):
            setattr(self, kind, worst(getattr(self._final, kind), *kinds))

    def _compiled(self, x: Tensor) -> Outputs:
        final = self._final
        if not isinstance(final, LinearAdapter) or type(final) not in _LINEAR:
            return final.outputs(self._own_stack(x))
        said = [response.values(x) for response in self._responses]
        stack = torch.cat([*said, x.double()] if self._passthrough else said, dim=1).to(final._precision)
        scores, error = final._bounded(stack)
        error = error + AGREEMENT * (1 + stack.double().abs()) @ final._constant("weight").abs().T
        labels = self._labels(x, scores, error)
        return Outputs(labels, topped(scores, labels), final._probabilities(stack, scores))

    def _estimated(self, x: Tensor) -> Outputs:
        with one_thread():
            return self._final.outputs(self._own_stack(x))

    def _own_stack(self, x: Tensor) -> Tensor:
        """`(N, M)` input of the final estimator by the estimator's own code."""
        return torch.as_tensor(self._ask("transform", x), device=x.device)

    def _soft_stack(self, x: Tensor) -> Tensor:
        """`(N, M)` differentiable input of the final estimator."""
        said = [response.soft(x) for response in self._responses]
        return torch.cat([*said, x] if self._passthrough else said, dim=1)

    def _logits(self, x: Tensor) -> Tensor:
        return self._final._logits(self._soft_stack(x))

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The margin of the parts' summed logits: sure parts leave the final estimator next to no gradient."""
        if any(len(part.classes or ()) != len(self.classes or ()) for part in self.parts):
            return self._final._training_loss(self._soft_stack(x), y)
        return margin_against(torch.stack([part._logits(x).log_softmax(1) for part in self.parts]).sum(0), y)

    def _rough(self, x: Tensor) -> Tensor:
        return super()._rough(x) | self._final._rough(self._soft_stack(x))

    def soft_decision(self, x: Tensor) -> Tensor:
        return self._final.soft_decision(self._soft_stack(x))

    def decision_values(self, x: Tensor) -> Tensor:
        return self._final.decision_values(self._own_stack(x))

    def log_probabilities(self, x: Tensor) -> Tensor:
        return self._final.log_probabilities(self._soft_stack(x))

    def _hand_on(self, kind: Container) -> None:
        if kind == "sparse" and self._passthrough:
            raise refuse(self.estimator, "passthrough behind a transformer that gives a sparse matrix")
        super()._hand_on(kind)

    def _state(self) -> Iterable[object]:
        yield from super()._state()
        yield self._final.fingerprint
        for response in self._responses:
            yield from (response.method, response.columns.start)
        yield self._passthrough
