"""The command `bench list`."""

from __future__ import annotations

import json

import pytest
from cli_help import Bench

from adapters.sklearn.table import SEARCHES, TABLE
from bench.zoo.kinds import ESTIMATORS, NETS, SIGMOIDS, family_and_gradient, kind_class

LISTED = {
    "suites": ["mnist-fgsm", "digits-fgsm"],
    "models": ["maxout", "softmax-regression", "rbf-svm"],
    "attacks": ["clean", "fgsm", "gaussian-rubbish"],
    "datasets": ["mnist", "digits", "image-folder"],
    "families": ["linear", "svm", "knn", "tree", "forest"],
}


@pytest.mark.parametrize("kind", ["suites", "models", "attacks", "datasets", "families"])
def test_lists_for_people_and_for_programs(kind: str, bench: Bench) -> None:
    entries = json.loads(bench("list", kind, "--json").out)
    text = bench("list", kind).out
    assert entries
    assert all(entry["name"] in text for entry in entries)


def test_what_the_lists_name(bench: Bench) -> None:
    names = {kind: [entry["name"] for entry in json.loads(bench("list", kind, "--json").out)] for kind in LISTED}
    assert all(set(expected) <= set(names[kind]) for kind, expected in LISTED.items())


def test_family_and_gradient_of_every_reference_model_are_listed(bench: Bench) -> None:
    """Those still to be made, too; and as their adapters then say."""
    entries = json.loads(bench("list", "models", "--json").out)
    assert all(entry["family"] and entry["gradient"] for entry in entries)
    assert {entry["gradient"] for entry in entries if entry["name"] == "knn"} == {"surrogate"}
    for kind, place in NETS.items():
        assert family_and_gradient(kind) == (kind_class(kind).kind.replace("-", " "), "exact"), place
        assert (kind_class(kind).confidence_kind != "softmax") == (kind in SIGMOIDS), place
    for kind in ESTIMATORS:
        assert family_and_gradient(kind) == _told_by_the_table(kind)


def _told_by_the_table(kind: str) -> tuple[str, str]:
    estimator = kind_class(kind)
    entry = TABLE[f"{estimator.__module__}.{estimator.__qualname__}"]
    return entry.family, entry.gradient


def test_every_compiled_estimator_is_listed_once(bench: Bench) -> None:
    entries = json.loads(bench("list", "families", "--json").out)
    listed = [name.rpartition(".")[2] for entry in entries for name in entry["estimators"]]
    assert sorted(listed) == sorted(path.rpartition(".")[2] for path in [*TABLE, *SEARCHES])
    (svm,) = [entry for entry in entries if "SVC" in entry["estimators"]]
    assert (svm["name"], svm["gradient"]) == ("svm", "exact")
