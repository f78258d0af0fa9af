"""scikit-learn's bundled digits, 8 x 8: small enough for runs of a second."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

import numpy as np

from bench.datasets.base import Arrays, Dataset
from bench.errors import UsageError

CHECKSUM = "c07c69a9ebf7b5dd4cabb1b3c139e916529d84c05aa58e9ad8c0e6cdfcac7663"
"""Over the bytes of every split's images and labels."""


def digits() -> Dataset:
    """scikit-learn's 1,797 digits, examples `(1, 8, 8)` in [0, 1]; a fixed third of each class is the test split."""
    return Dataset(
        name="digits",
        input_shape=(1, 8, 8),
        classes=tuple("0123456789"),
        sizes={"train": 1_198, "test": 599},
        checksum=CHECKSUM,
        read=_read,
        divisor=16.0,
        source="E. Alpaydin and C. Kaynak, UCI Optical Recognition of Handwritten Digits, as bundled with scikit-learn",
        licence="CC BY 4.0",
    )


def _read(split: str) -> Arrays:
    splits = _splits()
    found = sha256(b"".join(array.tobytes() for arrays in splits.values() for array in arrays)).hexdigest()
    if found != CHECKSUM:
        raise UsageError(
            f"scikit-learn's digits fail their checksum: expected SHA-256 {CHECKSUM}, found {found}; "
            "reinstall scikit-learn"
        )
    return splits[split]


@cache
def _splits() -> dict[str, Arrays]:
    """Images and labels, both uint8, of each split.

    The test split is every third of the examples in class order: stratified to within one example a class, and
    owing nothing to a random generator whose stream might change.
    """
    from sklearn.datasets import load_digits  # heavy, and not needed to know the dataset's shape and checksum

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[:, np.newaxis]
    labels = bunch.target.astype(np.uint8)
    in_test = np.zeros(len(labels), bool)
    in_test[np.argsort(labels, kind="stable")[1::3]] = True
    return {"train": (images[~in_test], labels[~in_test]), "test": (images[in_test], labels[in_test])}
