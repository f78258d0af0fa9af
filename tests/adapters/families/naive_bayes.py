"""Naive Bayes."""

from __future__ import annotations

import numpy as np
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB

from families.case import Case
from families.data import few

CASES = {
    "gaussian-nb": Case(lambda: GaussianNB(), confidence="softmax"),
    "gaussian-nb-smooth": Case(lambda: GaussianNB(var_smoothing=0.01), confidence="softmax"),
    "multinomial-nb": Case(lambda: MultinomialNB(), confidence="softmax"),
    "complement-nb": Case(lambda: ComplementNB(), confidence="softmax"),
    "complement-nb-norm": Case(lambda: ComplementNB(norm=True), confidence="softmax"),
    "bernoulli-nb": Case(lambda: BernoulliNB(binarize=0.5), gradient="surrogate", confidence="softmax"),
    "bernoulli-nb-as-is": Case(lambda: BernoulliNB(binarize=None), confidence="softmax"),
}

SMALL = {
    "bernoulli-nb": lambda: BernoulliNB(),
    "bernoulli-nb-evenly": lambda: BernoulliNB(binarize=0.25, fit_prior=False, alpha=0.1),
}

REFUSED = {
    "MultinomialNB with infinite log-probabilities": lambda: MultinomialNB(alpha=0).fit(*few()),
    "ComplementNB with infinite log-probabilities": lambda: ComplementNB(alpha=0).fit(*few()),
    "BernoulliNB with infinite log-probabilities": lambda: BernoulliNB(alpha=0).fit(*few()),
    "GaussianNB with a feature without variance": lambda: GaussianNB(var_smoothing=0).fit(*few()),
    "GaussianNB was fitted on one class": lambda: GaussianNB().fit(few()[0], np.zeros(60)),
}
