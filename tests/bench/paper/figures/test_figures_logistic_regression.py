"""The figure of FGSM on logistic regression."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from figures_help import assert_sound, panels, texts

from bench.datasets import Dataset
from bench.paper.figures.logistic_regression import logistic_regression
from bench.running.roster import Models


@pytest.fixture(scope="module")
def two_classes(digits: Dataset) -> Models:
    """Threes and sevens, and a linear model of them."""

    def read(split: str) -> tuple[np.ndarray, np.ndarray]:
        examples, labels = digits.read(split)
        chosen = np.isin(labels, (3, 7))
        return examples[chosen], (labels[chosen] == 7).astype(np.int64)

    sizes = {split: len(read(split)[1]) for split in ("train", "test")}
    data = replace(digits, name="digits-3v7", classes=("3", "7"), sizes=sizes, read=read)
    x, y = (torch.tensor(part) for part in (data.examples("train", slice(None)), data.labels("train")))
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    torch.nn.init.zeros_(net[1].weight)  # type: ignore[arg-type]
    optimiser = torch.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(200):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    found = Models(data, "cpu")
    found.add_guest("logistic-regression", net.eval)
    return found


def test_fgsm_of_logistic_regression_is_the_sign_of_its_weights(two_classes: Models) -> None:
    drawn = logistic_regression(two_classes)
    assert_sound(drawn)
    assert [name.split(",")[0] for name in panels(drawn.figure)] == [
        "weights",
        "sign of the weights",
        "clean",
        "FGSM 0.25",
    ]
    assert "unclipped" in panels(drawn.figure)[3]
    assert "eps 0.25, unclipped" in drawn.finding
    assert {"weight, > 0 for 7", "pixel intensity"} <= texts(drawn.figure)
    assert drawn.numbers["same_direction"] == 1
    assert drawn.numbers["clean_error"] < 0.1 < drawn.numbers["fgsm_error"]
    weights = drawn.figure.axes[0].images[0].get_array()
    layer = two_classes.adapter("logistic-regression").input_gradient(
        torch.zeros(1, 1, 8, 8), torch.tensor([0]), "margin"
    )
    np.testing.assert_array_equal(weights, layer[0, 0])
