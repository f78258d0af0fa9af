"""Global contrast normalisation and ZCA whitening, as CIFAR-10 is prepared in Maxout Networks (arXiv 1302.4389, 5.2).

The constants are those of the published configuration. All is computed in float64, so that what rounding differs from
machine to machine is lost in the float32 result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NORM = 55.0
"""L2 norm of a normalised image: a standard deviation of about 1 over the 3,072 features of CIFAR-10."""
FILTER_BIAS = 0.1
"""Added to the variance along each principal axis, so that the weakest ones are not blown up to noise."""
CHUNK = 2_000
"""Images handled at once; it bounds the memory."""


def chunks(images: NDArray[Any]) -> Iterator[NDArray[Any]]:
    return (images[start : start + CHUNK] for start in range(0, len(images), CHUNK))


def contrast_normalised(images: NDArray[Any]) -> NDArray[np.float64]:
    """`(N, D)` images of any shape, each less its own mean and scaled to the norm `NORM`. A blank one becomes 0."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    flat *= NORM / np.where(norms > 1e-8, norms, NORM)
    return flat


@dataclass(frozen=True)
class Whitening:
    """Contrast normalisation and `z = (x - mean) matrix`, where the matrix is symmetric."""

    mean: NDArray[np.float64]
    """`(D,)`"""
    matrix: NDArray[np.float64]
    """`(D, D)`"""

    def __call__(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Whitened images, of the shape of the given ones."""
        white = (contrast_normalised(images) - self.mean) @ self.matrix
        return white.reshape(images.shape).astype(np.float32)


def fit(images: NDArray[Any]) -> Whitening:
    """The whitening of `(N, ...)` images: `matrix = V (L + FILTER_BIAS)^(-1/2) V'`, for a covariance `V L V'`."""
    features = images[0].size
    total, products = np.zeros(features), np.zeros((features, features))
    for x in map(contrast_normalised, chunks(images)):
        total += x.sum(axis=0)
        products += x.T @ x
    mean = total / len(images)
    values, vectors = np.linalg.eigh(products / len(images) - np.outer(mean, mean))
    return Whitening(mean, (vectors / np.sqrt(values + FILTER_BIAS)) @ vectors.T)
