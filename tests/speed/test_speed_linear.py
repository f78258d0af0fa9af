"""FGSM on fitted linear models: ours beside ART's, both the attack alone, and how right the gradients are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fitted import batch, fitted, mnist
from torch.nn import functional as F

from bench.attacks.fgsm import FGSM
from bench.threats import Threat

THREAT = Threat(norm="linf", eps=0.1, clip=(0, 1))
FAMILIES = ("LogisticRegression", "LinearSVC")
COUNT = 1000
TURNS = 5
"""The contestants take turns, so that a busy moment of the machine does not fall on one of them alone."""
ROUNDS = 4


@pytest.mark.benchmark(group="linear")
@pytest.mark.parametrize("contestant", ["Potemkin", "ART"])
@pytest.mark.parametrize("turn", range(TURNS))
@pytest.mark.parametrize("name", FAMILIES)
def test_fgsm(benchmark, name, turn, contestant, peer):
    estimator, model = fitted(name)
    x, y = batch()[:COUNT], torch.from_numpy(mnist()[3][:COUNT])
    if contestant == "Potemkin":

        def attack():
            (candidates,) = FGSM().craft(model, x, y, None, [THREAT], draws=None)
            return candidates
    else:
        classifier = peer("art.estimators.classification").SklearnClassifier(estimator, clip_values=(0, 1))
        fgsm = peer("art.attacks.evasion").FastGradientMethod(classifier, eps=THREAT.eps)
        flat, labels = x.numpy(), y.numpy()

        def attack():
            return torch.from_numpy(fgsm.generate(flat, labels))

    candidates = benchmark.pedantic(attack, rounds=ROUNDS)
    benchmark.extra_info.update(
        contestant=contestant,
        family=name,
        examples=len(x),
        error=float((model.predict(candidates) != y).float().mean()),
    )


@pytest.mark.benchmark(group="linear-right")
@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_against_differences(benchmark, name, peer):
    """Cosine with the exact gradient of the margin (LinearSVC) or the cross entropy (LogisticRegression)."""
    estimator, model = fitted(name)
    x, y = batch()[:20].double(), torch.from_numpy(mnist()[3][:20])
    scores = x.numpy() @ estimator.coef_.T.astype(np.float64) + estimator.intercept_
    if name == "LinearSVC":
        rivals = np.where(np.eye(10, dtype=bool)[y], -np.inf, scores).argmax(1)
        expected = estimator.coef_[rivals] - estimator.coef_[y]
    else:
        expected = (torch.softmax(torch.from_numpy(scores), 1).numpy() - np.eye(10)[y]) @ estimator.coef_
    ours = benchmark.pedantic(model.input_gradient, (x, y), rounds=1)
    classifier = peer("art.estimators.classification").SklearnClassifier(estimator, clip_values=(0, 1))
    theirs = torch.from_numpy(classifier.loss_gradient(x.float().numpy(), F.one_hot(y, 10).numpy())).double()
    cosines = [float(F.cosine_similarity(given, torch.from_numpy(expected), dim=1).min()) for given in (ours, theirs)]
    benchmark.extra_info.update(family=name, ours=cosines[0], theirs=cosines[1])
    assert cosines[0] > 0.999
