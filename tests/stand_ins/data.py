"""The data sets that losses are compared on: images of two sizes, and a table whose features have no range."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits, make_classification
from torch import Tensor

from bench.datasets import open_dataset


class Data(NamedTuple):
    """Examples to fit on and to attack."""

    fit_x: NDArray[np.float32]
    fit_y: NDArray[np.int64]
    x: Tensor
    """`(N, D)` float32."""
    y: Tensor
    """`(N,)` int64."""
    eps: tuple[float, ...]
    """Sizes of an L_inf perturbation."""
    clip: tuple[float, float] | None


def digits() -> Data:
    """scikit-learn's 8 x 8 digits: 700 to fit on, 300 to attack."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    return _data(x, y, 700, 300, (0.1, 0.2), (0.0, 1.0))


def mnist() -> Data:
    """MNIST: 2,000 training images to fit on, 300 test images to attack."""
    data = open_dataset("mnist")
    x = np.concatenate([data.examples("train", slice(2000)), data.examples("test", slice(300))]).reshape(2300, -1)
    y = np.concatenate([data.labels("train")[:2000], data.labels("test")[:300]])
    return _data(x, y, 2000, 300, (0.05, 0.1), (0.0, 1.0))


def table() -> Data:
    """Twenty features of five classes, each class several clusters; perturbations are in standard deviations."""
    x, y = make_classification(1300, 20, n_informative=12, n_classes=5, class_sep=1.5, random_state=0)
    return _data((x / x.std(0)).astype(np.float32), y, 1000, 300, (0.1, 0.3), None)


def _data(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    fitted: int,
    attacked: int,
    eps: tuple[float, ...],
    clip: tuple[float, float] | None,
) -> Data:
    shown, true = torch.tensor(np.array(x[-attacked:])), torch.tensor(np.array(y[-attacked:])).long()
    return Data(x[:fitted], y[:fitted].astype(np.int64), shown, true, eps, clip)


DATA: dict[str, Callable[[], Data]] = {"digits": digits, "mnist": mnist, "table": table}
