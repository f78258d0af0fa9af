"""The split of scikit-learn's digits: whole, stratified, and always the same."""

from __future__ import annotations

import numpy as np
import pytest
from datasets_help import Refuses
from sklearn.datasets import load_digits

from bench.datasets import digits, open_dataset


def test_train_and_test_together_are_scikit_learns_digits() -> None:
    dataset = open_dataset("digits")
    rows = [
        np.column_stack([images.reshape(-1, 64), labels]) for images, labels in map(dataset.stored, ("train", "test"))
    ]
    ours = np.concatenate(rows)
    bunch = load_digits()
    theirs = np.column_stack([bunch.data.astype(np.int64), bunch.target])
    assert sorted(map(tuple, ours)) == sorted(map(tuple, theirs))


def test_the_split_is_stratified() -> None:
    dataset = open_dataset("digits")
    train, test = (np.bincount(dataset.labels(split)) for split in ("train", "test"))
    assert (train.sum(), test.sum()) == (1198, 599)
    assert (np.abs(test - (train + test) / 3) <= 1).all()


def test_values_are_sixteenths() -> None:
    values = open_dataset("digits").examples("train", slice(None)) * 16
    assert np.array_equal(values, values.round())
    assert (values.min(), values.max()) == (0, 16)


def test_other_digits_are_refused(monkeypatch: pytest.MonkeyPatch, refuses: Refuses) -> None:
    splits = digits._splits()
    images, labels = splits["test"]
    monkeypatch.setattr(digits, "_splits", lambda: {**splits, "test": (images ^ 1, labels)})
    with refuses("scikit-learn's digits", digits.CHECKSUM, "reinstall scikit-learn"):
        open_dataset("digits").labels("train")
