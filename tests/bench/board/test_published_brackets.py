"""The published records stand where others' numbers for the same models put them, and no farther."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bench.board.brackets import Bracket, brackets
from bench.planning.suite import load_suite
from bench.progress import quiet
from bench.report.anchors import NUMBERS
from bench.running.shelf import Shelf, dataset_of, view_of
from bench.strict_yaml import read_yaml

ROOT = Path(__file__).parents[3]


@cache
def published(suite: str) -> dict[tuple[str, float], Bracket]:
    """By model and size."""
    read = load_suite(suite)
    view = view_of(read, dataset_of(read), Shelf(ROOT).contents(quiet))
    return {(model.name, each.by.eps): each for model in view.targets() for each in brackets(view, model)}


def ends(suite: str, model: str, eps: float) -> tuple[float, float]:
    """Certified and attacked robust accuracy."""
    worst = published(suite)[model, eps].worst
    assert worst.status == "ok"
    assert worst.certified is not None
    return float((worst.certified.mask & worst.robust).mean()), float(worst.robust.mean())


@pytest.mark.parametrize(
    ("model", "attacked", "certified", "width"),
    [("raghunathan", 0.1436, 0.72, 1.0), ("wong-kolter", 0.0415, 0.051, 0.009)],
)
def test_published_nets_are_within_what_is_known_of_them(
    model: str, attacked: float, certified: float, width: float
) -> None:
    """Errors, all 10,000 images: exact ones of arXiv 1711.07356, or the two numbers that the truth lies between."""
    numbers: Any = read_yaml(NUMBERS.read_text(encoding="utf-8"), NUMBERS.name)[0]
    (exact,) = (row["published"] for row in numbers["anchors"] if (row["model"], row["what"]) == (model, "exact"))
    low, high = exact if isinstance(exact, list) else (exact, exact)
    safe, robust = ends("mnist-anchors", model, 0.1)
    assert len(published("mnist-anchors")[model, 0.1].worst.robust) == 10_000
    assert attacked <= 1 - robust <= high, "an attack that fools more than there is to be fooled is a fault"
    assert low <= 1 - safe <= certified, "a certificate of more than is true is a fault"
    assert robust - safe <= width


@pytest.mark.parametrize(("model", "most"), [("maxout", 0.005), ("rbf-svm", 0.025), ("knn", 0.3)])
def test_what_fgsm_leaves_of_masked_models_does_not_stand(model: str, most: float) -> None:
    _, robust = ends("mnist-worst-case", model, 0.25)
    assert robust <= most


def test_a_support_vector_machine_is_proved_of_nine_in_ten_at_a_fiftieth() -> None:
    safe, _ = ends("mnist-worst-case", "rbf-svm", 0.02)
    assert safe >= 0.9


@pytest.mark.parametrize("model", ["softmax-regression", "linear-svm", "rbf-network", "decision-tree"])
def test_where_mathematics_allows_brackets_close(model: str) -> None:
    """But for rounding of float32, and images whose radius is the size itself."""
    for eps in (0.01, 0.02, 0.05, 0.1, 0.25):
        safe, robust = ends("mnist-worst-case", model, eps)
        assert 0 <= robust - safe <= 0.001, eps
