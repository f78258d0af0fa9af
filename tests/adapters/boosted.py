"""What the tests of boosting libraries share: which are installed, how a small model is set, and what it must equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from families import boosters
from families.data import digits
from torch import Tensor

from adapters.boosters.base import BoosterAdapter
from adapters.compiled import SklearnAdapter

LIBRARIES = ("xgboost", "lightgbm", "catboost")
INSTALLED = [library for library in LIBRARIES if library in boosters.CASES]
DTYPES = (torch.float32, torch.float64)
quiet = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]
"""The marks of a whole file: what the libraries say of names and arguments is none of ours."""
needs: dict[str, Any] = {
    library: pytest.mark.skipif(library not in INSTALLED, reason=f"{library} is not installed") for library in LIBRARIES
}


def is_the_estimators_own(model: SklearnAdapter, x: Tensor) -> None:
    """Labels, raw scores and probabilities, both by the library's code and by the compiled trees."""
    assert isinstance(model, BoosterAdapter)
    estimator = model.estimator
    places = {label: place for place, label in enumerate(estimator.classes_.tolist())}
    expected = [places[label] for label in np.asarray(estimator.predict(x.numpy())).ravel().tolist()]
    close = {"rtol": 0, "atol": 1e-6 if model.family == "xgboost" else 1e-12}
    np.testing.assert_allclose(model._walked(x), model._estimated_raw(x), **close)
    np.testing.assert_array_equal(model.reference_predict(x), expected)
    for labels, scores, probabilities in (model.outputs(x), model._compiled(x)):
        np.testing.assert_array_equal(labels, expected)
        assert scores is not None
        assert torch.equal(scores.argmax(1), labels)
        assert probabilities is not None
        np.testing.assert_allclose(probabilities, estimator.predict_proba(x.numpy()), **close)


def clean() -> Tensor:
    return torch.from_numpy(digits()[2])


def settings(library: str, **others: Any) -> Any:
    make: Callable[..., Any] = boosters.CASES[library].make
    return make(**others)
