"""Compiled scikit-learn estimators say what the estimators say: labels, scores, probabilities, identity, refusals."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from families import REFUSED
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC
from sklearn_cases import CASES, KERNELS, NAMES, TWO, adapter, digits, fitted, noting, own, own_labels, probes, refitted

from adapters.compiled import SklearnAdapter
from adapters.errors import NotWrappable
from adapters.fitting import fit
from adapters.sklearn.svm import SVCAdapter
from adapters.sklearn.table import TABLE, compile_estimator

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # `probability=True` is on its way out


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_the_estimators_own(name: str) -> None:
    """By the estimator's code, where the CPU uses it, and by tensor arithmetic, as on a GPU."""
    for labelling in CASES[name].labellings:
        with noting(labelling):
            model, x = adapter(name, labelling), probes(name, labelling)
            expected = own_labels(model, x)
            shares = own(model, "predict_proba", x) if CASES[name].confidence else None
            assert model.confidence_kind == CASES[name].confidence
            assert torch.equal(model.reference_predict(x), torch.from_numpy(expected))
            for labels, scores, probabilities in (model.outputs(x), model._compiled(x)):
                np.testing.assert_array_equal(labels, expected)
                assert scores is not None
                assert scores.shape == (len(x), len(model.estimator.classes_))
                assert torch.equal(scores.argmax(1), labels)
                assert scores.isfinite().all()
                assert (probabilities is None) is (shares is None)
                if shares is not None:
                    np.testing.assert_allclose(probabilities, shares, atol=1e-6, rtol=0)


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_labels_are_the_estimators_own_in_float64(name: str) -> None:
    model, x = adapter(name), probes(name).double() + 1e-9
    expected = own_labels(model, x)
    np.testing.assert_array_equal(model.predict(x), expected)
    np.testing.assert_array_equal(model._compiled(x).labels, expected)


@pytest.mark.parametrize("name", NAMES)
def test_one_input_gets_the_label_it_gets_in_a_batch(name: str) -> None:
    model, x = adapter(name), probes(name)[::60]
    assert torch.equal(torch.cat([model.predict(one) for one in x.split(1)]), model.predict(x))


@pytest.mark.parametrize("name", NAMES)
def test_what_other_estimators_may_ask_of_a_part(name: str) -> None:
    """Decision values are the estimator's own; exact stand-ins equal them; every stand-in has a gradient."""
    for labelling in TWO[name]:
        with noting(labelling):
            answers_as_a_part(adapter(name, labelling), probes(name, labelling))


def answers_as_a_part(model: SklearnAdapter, x: torch.Tensor) -> None:
    classes = len(model.estimator.classes_)
    if model.decision != "none":
        expected = own(model, "decision_function", x).reshape(len(x), -1)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(model.decision_values(x), expected, atol=1e-6 * scale, rtol=1e-6)
        soft = model.soft_decision(x.double())
        assert soft.shape == (len(x), classes if classes > 2 else 1)
        if model.decision == "exact":
            np.testing.assert_allclose(soft, expected, atol=1e-6 * scale, rtol=1e-6)
    if model.probability != "none":
        logs = model.log_probabilities(x.double())
        assert logs.shape == (len(x), classes)
        assert logs.isfinite().all()
        if model.probability == "exact":
            np.testing.assert_allclose(logs.exp(), own(model, "predict_proba", x), atol=1e-6, rtol=0)


@pytest.mark.parametrize("estimator", [LogisticRegression(C=0.1), KNeighborsClassifier(3), SVC()])
def test_a_fit_on_float32(estimator: Any) -> None:
    x, y, clean, _ = digits()
    model = fitted(estimator, x, y)
    batch = torch.cat([torch.from_numpy(clean), torch.rand(100, 64, generator=torch.Generator().manual_seed(1))])
    np.testing.assert_array_equal(model.predict(batch), own_labels(model, batch))


def test_svc_vote_ties_go_to_the_lowest_class_unless_broken() -> None:
    """On points far from the classes votes tie often, and the label is then not the largest decision value."""
    x, y, _, _ = digits()
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn(4000, 64, generator=generator) * 0.4
    for breaks_ties in (False, True):
        model = fitted(SVC(kernel="linear", break_ties=breaks_ties), x, y)
        labels = model.predict(batch)
        np.testing.assert_array_equal(labels, own_labels(model, batch))
        differs = labels.numpy() != model.estimator.decision_function(batch.numpy()).argmax(1)
        assert bool(differs.any()) is not breaks_ties


@pytest.mark.parametrize("name", KERNELS)
def test_the_rounding_bound_of_float32_holds(name: str) -> None:
    model, x = adapter(name), probes(name)
    assert isinstance(model, SVCAdapter)
    kernel = model._kernel_values(x)
    exact = model._combine(model._kernel_values(x.double()))
    assert ((model._combine(kernel).double() - exact).abs() <= model._rounding(x, kernel)).all()


def test_switched_off_float32_products_change_no_label() -> None:
    before = torch.get_float32_matmul_precision()
    expected = {name: adapter(name).predict(probes(name)) for name in ("svc-rbf", "knn-4")}
    try:
        torch.set_float32_matmul_precision("medium")
        for name, labels in expected.items():
            assert torch.equal(adapter(name).predict(probes(name)), labels)
    finally:
        torch.set_float32_matmul_precision(before)


AGAIN: dict[str, Callable[[Any, np.ndarray, np.ndarray], Any]] = {
    "another fit": lambda estimator, x, y: estimator.set_params(n_neighbors=9).fit(x[:50], y[:50]),
    "a warm start": lambda estimator, x, y: estimator.fit(x, (y + 1) % 10),
    "a part of a fit": lambda estimator, x, y: estimator.partial_fit(x, (y + 1) % 10),
    "a step of it": lambda estimator, x, y: estimator[-1].partial_fit(x, (y + 1) % 10),
}
OWNERS: dict[str, tuple[Callable[[], Any], str]] = {
    "knn": (lambda: KNeighborsClassifier(1), "another fit"),
    "sgd": (lambda: SGDClassifier(warm_start=True, random_state=0), "a warm start"),
    "perceptron": (lambda: Perceptron(random_state=0), "a part of a fit"),
    "naive bayes": (lambda: GaussianNB(), "a part of a fit"),
    "pipeline": (lambda: make_pipeline(MinMaxScaler(), SGDClassifier(random_state=0)), "a step of it"),
}


@pytest.mark.parametrize("name", OWNERS)
def test_what_becomes_of_the_owners_estimator_changes_nothing(name: str) -> None:
    """Some fits go on in the arrays that are there."""
    x, y, clean, _ = digits()
    make, again = OWNERS[name]
    estimator = make()
    model = fitted(estimator, x, y)
    before, batch = model.fingerprint, torch.from_numpy(clean)
    labels = model.predict(batch)
    AGAIN[again](estimator, x, y)
    assert (estimator.predict(clean) != labels.numpy()).any()
    for given in (model.predict(batch), model._compiled(batch).labels, model.reference_predict(batch)):
        assert torch.equal(given, labels)
    assert model.fingerprint == before


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if {"ten", "shifted"} <= {*case.labellings}])
def test_a_class_absent_from_the_fit_is_never_given(name: str) -> None:
    x, y, clean, truth = digits()
    seen = y != 3
    model = fitted(CASES[name].make(), x[seen].astype(np.float64), y[seen])
    aligned = fit(model, (1, 8, 8), [str(digit) for digit in range(10)])
    batch = torch.from_numpy(clean[:100]).reshape(-1, 1, 8, 8)
    labels, scores, probabilities = aligned.outputs(batch)
    np.testing.assert_array_equal(labels, own(model, "predict", batch.flatten(1)).ravel())
    assert scores is not None
    assert torch.equal(scores.argmax(1), labels)
    assert probabilities is None or (probabilities[:, 3] == 0).all()
    gradient = aligned.input_gradient(batch, torch.from_numpy(truth[:100]))
    assert gradient.shape == batch.shape
    assert gradient.isfinite().all()


# -- identity ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_equal_fits_have_equal_fingerprints(name: str) -> None:
    again = refitted(name)
    assert again.fingerprint == adapter(name).fingerprint
    assert refitted(name, start=350).fingerprint != again.fingerprint


def test_every_setting_that_matters_is_in_the_fingerprint() -> None:
    x, y, _, _ = digits()
    estimators = [
        SVC(gamma=0.03),
        SVC(break_ties=True),
        SVC(kernel="poly", coef0=0.5, degree=4, class_weight="balanced"),
        KNeighborsClassifier(1, p=1),
        KNeighborsClassifier(4, weights="distance"),
        LogisticRegression(C=0.2, max_iter=60),
    ]
    prints = [fitted(estimator, x.astype(np.float64), y).fingerprint for estimator in estimators]
    prints += [adapter(name).fingerprint for name in CASES]
    assert len(set(prints)) == len(prints)
    assert adapter("tree", "shifted").fingerprint != adapter("tree", "words").fingerprint


def test_threads_are_not_in_the_fingerprint() -> None:
    x, y, _, _ = digits()
    one, two = (fitted(RandomForestClassifier(5, n_jobs=jobs, random_state=0), x, y) for jobs in (1, 2))
    assert one.fingerprint == two.fingerprint


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_not_compiled_is_refused_by_name(message: str) -> None:
    with pytest.raises(NotWrappable, match=re.escape(message)) as caught:
        compile_estimator(REFUSED[message]())
    assert "\n" not in str(caught.value)


def test_the_remedy_for_an_unknown_class_is_said() -> None:
    with pytest.raises(NotWrappable, match=r'adapters\.black_box\(model\.predict, version="1"\)'):
        compile_estimator(REFUSED["Stranger is not among"]())


@pytest.mark.parametrize("name", NAMES)
def test_the_table_says_what_the_adapters_are(name: str) -> None:
    model = adapter(name)
    kind = type(model.estimator)
    entry = TABLE[f"{kind.__module__}.{kind.__qualname__}"]
    assert entry.family in (model.family, "as its parts")
    assert entry.gradient in (model.gradient, "as its parts", "as its settings")


def test_the_table_loads_no_framework() -> None:
    code = "import adapters.sklearn.table, sys; print(*{'torch', 'sklearn', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# -- devices -----------------------------------------------------------------------------------------------------------


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_gives_the_same(name: str) -> None:
    model, probe = refitted(name), probes(name)
    expected = adapter(name).outputs(probe)
    labels, scores, probabilities = model.to("cuda").outputs(probe.cuda())
    assert torch.equal(labels.cpu(), expected.labels)
    assert scores is not None
    assert torch.equal(scores.argmax(1), labels)
    if probabilities is not None:
        torch.testing.assert_close(probabilities.cpu(), expected.probabilities, atol=1e-6, rtol=0)
    gradient = model.input_gradient(probe.cuda(), labels).cpu()
    torch.testing.assert_close(gradient, adapter(name).input_gradient(probe, expected.labels), atol=1e-3, rtol=1e-2)
