"""The 3s and 7s of MNIST: all of them, in order, under their own checksum."""

from __future__ import annotations

import numpy as np
import pytest

from bench.datasets import open_dataset

COUNTS = {"train": [6131, 6265], "test": [1010, 1028]}


@pytest.mark.parametrize("split", ["train", "test"])
def test_it_is_the_3s_and_7s_of_mnist_in_order(split: str) -> None:
    dataset, whole = open_dataset("mnist-3v7"), open_dataset("mnist")
    chosen = np.flatnonzero(np.isin(whole.labels(split), (3, 7)))
    assert np.array_equal(dataset.examples(split, slice(None)), whole.examples(split, chosen))
    named = [dataset.classes[label] for label in dataset.labels(split)]
    assert named == [str(digit) for digit in whole.labels(split)[chosen]]
    assert np.bincount(dataset.labels(split)).tolist() == COUNTS[split]


def test_its_checksum_never_changes_and_is_not_mnists() -> None:
    """It is in the identity of every published result."""
    dataset = open_dataset("mnist-3v7")
    assert dataset.checksum == "e5abea8c244de8e210375b5fec664b69201197e3c313dc900808ca59e15d01c9"
    assert dataset.checksum != open_dataset("mnist").checksum
    assert dataset.classes == ("3", "7")
