"""The scikit-learn classifiers that the tests of `adapters.sklearn` go through, by name, fitted once each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from families import CASES, boosting, trees
from families.data import digits
from joblib import parallel_config

from adapters.compiled import SklearnAdapter
from adapters.sklearn.table import compile_estimator

TWO = {name: [each for each in case.labellings if each not in ("words", "shifted")] for name, case in CASES.items()}
"""Ten classes and two of them, where a case takes both."""
KERNELS = [name for name in CASES if name.startswith("svc")]
SURROGATE = [name for name, case in CASES.items() if case.gradient == "surrogate"]
SECONDS = {
    *("knn-p-1.5-distance", "gradient-boosting-early", "hist-gradient-boosting-early", "codes-trees"),
    *("one-vs-one-trees", "pipeline-bins-sparse", "pipeline-bins-ordinal", "catboost-deep", "catboost-lossguide"),
    *("lightgbm-ova", "xgboost-exact", "svc-nu-platt", "stacking-exact", "stacking-tree", "forest-extra-bootstrap"),
    "calibrated-forest-temperature",
}
"""Those that take long and go the way of another case: of the thorough tests."""
NAMES = [pytest.param(name, marks=[pytest.mark.thorough] * (name in SECONDS)) for name in CASES]
"""All cases."""
TREES = [*trees.CASES, *boosting.CASES]

LABELLINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ten": lambda y: y,
    "words": lambda y: np.array(["zero", "one", "two", "three", "four"])[y // 2],
    "shifted": lambda y: y % 5 + 5,
    "binary": lambda y: np.where(y < 5, "low", "high"),
    "zero-one": lambda y: (y >= 5).astype(int),
}


def adapter(name: str, labelling: str | None = None) -> SklearnAdapter:
    """The compiled case, fitted on digits with these labels, or else the first that it takes."""
    return _adapter(name, labelling or CASES[name].labellings[0])


@cache
def _adapter(name: str, labelling: str) -> SklearnAdapter:
    return refitted(name, labelling)


def refitted(name: str, labelling: str | None = None, start: int = 0) -> SklearnAdapter:
    """The same, fitted anew on the training images from `start` on."""
    x, y, _, _ = digits()
    labels = LABELLINGS[labelling or CASES[name].labellings[0]](y)
    return fitted(CASES[name].make(), x[start:].astype(np.float64), labels[start:])


def fitted(estimator: Any, x: np.ndarray, y: np.ndarray, **options: Any) -> SklearnAdapter:
    with warnings.catch_warnings(), parallel_config("threading"):  # two processes take seconds to start
        warnings.simplefilter("ignore")  # of unfinished fits and deprecated settings, which are what is tested here
        compiled = compile_estimator(estimator.fit(x, y, **options))
    assert isinstance(compiled, SklearnAdapter)
    return compiled


def probes(name: str, labelling: str | None = None) -> torch.Tensor:
    """Clean, random, adversarial and stored points for one model, as float32."""
    return _probes(name, labelling or CASES[name].labellings[0])


@cache
def _probes(name: str, labelling: str) -> torch.Tensor:
    train, _, clean, labels = digits()
    model = adapter(name, labelling)
    y = torch.from_numpy(np.searchsorted(model.estimator.classes_, LABELLINGS[labelling](labels)))
    x = torch.from_numpy(clean)
    noise = torch.rand(150, x.shape[1], generator=torch.Generator().manual_seed(0)) * 2 - 0.5
    attacked = [(x + eps * model.input_gradient(x, y).sign()).clamp(0, 1) for eps in (0.05, 0.2)]
    return torch.cat([x, noise, *attacked, torch.from_numpy(train[:40])])


@contextmanager
def noting(*case: object) -> Iterator[None]:
    """Let what fails within say in which case of a test that goes through several it did."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in the case of {', '.join(map(str, case))}")
        raise


def own_labels(model: SklearnAdapter, x: torch.Tensor) -> np.ndarray:
    """Class indices by the estimator's own `predict`."""
    return np.searchsorted(model.estimator.classes_, own(model, "predict", x).ravel())


def own(model: SklearnAdapter, method: str, x: torch.Tensor) -> np.ndarray:
    """What a method of the estimator says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(getattr(model.estimator, method)(x.numpy()))


def agrees(model: SklearnAdapter, x: torch.Tensor, tolerance: float = 1e-6) -> None:
    """Labels, scores and probabilities are the estimator's own, compiled probabilities within `tolerance`."""
    expected, shares = own_labels(model, x), own(model, "predict_proba", x)
    for (labels, scores, probabilities), allowed in ((model.outputs(x), 1e-6), (model._compiled(x), tolerance)):
        np.testing.assert_array_equal(labels, expected)
        assert scores is not None
        assert torch.equal(scores.argmax(1), labels)
        np.testing.assert_allclose(probabilities, shares, atol=allowed, rtol=0)
