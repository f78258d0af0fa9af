"""Probabilities of parts, in tails that saturate too: there a gradient is left."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn_cases import digits, fitted, own_labels

from adapters.sklearn.composite.responses import probabilities_with_tails


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_probabilities_with_tails_keep_their_gradient(dtype: torch.dtype) -> None:
    odds = torch.tensor([-800.0, -30.0, -18.0, -1.0, 0.0, 3.0, 17.0, 19.0, 40.0, 500.0], dtype=dtype)
    logs = torch.stack([-odds / 2, odds / 2], dim=1).requires_grad_()
    probabilities = probabilities_with_tails(logs)
    torch.testing.assert_close(probabilities, logs.softmax(1), atol=3e-7, rtol=0)
    for column in (0, 1):
        (gradient,) = torch.autograd.grad(probabilities[:, column].sum(), logs, retain_graph=True)
        assert gradient.isfinite().all()
        assert (gradient.abs().amax(1) > 0).all()


SURE = {
    "soft vote": lambda: VotingClassifier([("a", GaussianNB()), ("b", GaussianNB(var_smoothing=1e-6))], voting="soft"),
    "stack": lambda: StackingClassifier([("a", GaussianNB(var_smoothing=1e-6))], cv=2),
    "sigmoid": lambda: CalibratedClassifierCV(GaussianNB(var_smoothing=1e-6), cv=2),
    "temperature": lambda: CalibratedClassifierCV(GaussianNB(var_smoothing=1e-6), cv=2, method="temperature"),
    "boosted": lambda: AdaBoostClassifier(GaussianNB(var_smoothing=1e-6), n_estimators=3),
    "one against the rest": lambda: OneVsRestClassifier(GaussianNB(var_smoothing=1e-6)),
    "one against one": lambda: OneVsOneClassifier(GaussianNB(var_smoothing=1e-6)),
    "codes": lambda: OutputCodeClassifier(GaussianNB(var_smoothing=1e-6), random_state=0),
    "bagged": lambda: BaggingClassifier(LogisticRegression(C=1e6), n_estimators=2, random_state=0),
}


@pytest.mark.parametrize("labelling", [10, 2])
@pytest.mark.parametrize("name", SURE)
def test_parts_whose_probabilities_underflow_leave_a_gradient(name: str, labelling: int) -> None:
    x, y, clean, _ = digits()
    noise = np.random.default_rng(0).normal(scale=0.05, size=x.shape)  # so that no pixel is constant
    model = fitted(SURE[name](), x + noise, y % labelling)
    batch = torch.from_numpy(clean)
    labels = model.predict(batch)
    np.testing.assert_array_equal(labels, own_labels(model, batch))
    gradient = model.input_gradient(batch, labels)
    assert gradient.isfinite().all()
    assert (gradient.abs().amax(1) > 0).all()
