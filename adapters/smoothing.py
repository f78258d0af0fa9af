"""Randomised smoothing: Cohen, Rosenfeld & Kolter 2019 (arXiv 1902.02918)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from scipy.special import bdtrc, ndtri
from torch import Tensor
from torch.nn import functional as F

from adapters.around import Around
from adapters.base import Adapter, Outputs, wide
from adapters.errors import NotWrappable, Unsupported
from adapters.identified import NO_VERSION
from adapters.structures.base import Structure
from adapters.structures.smoothed import Smoothed as Votes
from adapters.wrapping import wrap

ROWS = 16_000
"""Noisy inputs that the model is shown at once, at most,"""
VALUES = 2**22
"""and features of them."""
CLIMBED = 32
"""Noisy copies of an input that a gradient is taken through, at most."""
MOST = 10**6
"""Draws, at most."""


class Smoothed(Around):
    """A model asked under Gaussian noise: its label is the one of most votes, unless they are too even.

    It abstains where a two-sided binomial test, at level `alpha`, does not tell the first class from the second
    (algorithm 1 of the paper, PREDICT). The noise of an input follows from the seed and the input's own bits: asked
    again, alone or among others, it gets the same label, and another input, however near, gets noise of its own, so
    that nothing found out about one draw helps with the next.

    For attacks there is the mean of the model's softmax under noise that is the same for all inputs, so that it is a
    function to climb (Salman et al. 2019, arXiv 1906.04584, section 2.2), where the model has a gradient.
    """

    family = "smoothed"

    def __init__(self, inner: Adapter, sigma: float, n: int, alpha: float, seed: int, size: int | None = None) -> None:
        """`size` is the number of classes, where known; the other arguments as of `smoothed`."""
        super().__init__(input_shape=inner.input_shape, classes=inner.classes, bounds=inner.bounds)
        self.inner, self.sigma, self.n, self.alpha, self.seed = inner, sigma, n, alpha, seed
        self.size = size if inner.classes is None else len(inner.classes)
        self.known_classes = inner.known_classes
        self.stochastic = inner.stochastic
        self.notes, self.device = list(inner.notes), inner.device
        if NO_VERSION in inner.notes:
            self.remedy = inner.remedy
        self.gradient = "none" if inner.gradient == "none" else "surrogate"

    def around(self, inner: Adapter, size: int) -> Smoothed:
        """The same of the model once more, of which more is known by now, and of so many classes."""
        return Smoothed(inner, self.sigma, self.n, self.alpha, self.seed, size)

    def votes(self, x: Tensor) -> Tensor:
        """`(N, K)` how many of the noisy copies of each input are given each class; those abstained on count for none.

        K is the number of classes, or where it is not known one more than the last class given.
        """
        at_once = max(1, min(ROWS, VALUES // max(1, x[0].numel())) // self.n) if len(x) else 1
        given = torch.cat([x.new_zeros(0, self.n).long(), *map(self._given, torch.split(x, at_once))])
        size = self.size or int(given.max().clamp_min(0)) + 1
        return torch.stack([(given == index).sum(1) for index in range(size)], dim=1)

    def _outputs(self, x: Tensor) -> Outputs:
        votes = self.votes(x)
        labels = torch.where(_told_apart(votes, self.alpha), votes.argmax(1), -1)
        return Outputs(labels, votes.double() if self.size else None, None)

    def _logits(self, x: Tensor) -> Tensor:
        times = min(self.n, CLIMBED)
        noise = self._drawn(b"to climb", times, x.shape[1:]).to(x)
        noisy = (x[:, None] + noise).flatten(0, 1)
        scores = F.log_softmax(wide(self.inner.logits(noisy)), dim=1)
        return scores.view(len(x), times, -1).logsumexp(1) - math.log(times)

    def structure(self, shape: tuple[int, ...]) -> Structure:
        if self.size is None:
            raise Unsupported("the number of the smoothed model's classes is not known; tell them with classes=[...]")
        return Votes(tuple(range(self.size)), self.sigma, self.n, self.alpha)

    @property
    def unseen(self) -> tuple[str, ...]:
        return self.inner.unseen

    def _state(self) -> Iterable[object]:
        return self.inner.fingerprint, self.sigma, self.n, self.alpha, self.seed

    def _given(self, x: Tensor) -> Tensor:
        """`(N, n)` the labels of the noisy copies of a few inputs, asked about together; those of one by blocks."""
        if len(x) == 1:
            rows = max(1, min(ROWS, VALUES // x.numel()))
            blocks = [self.inner.outputs(x + noise.to(x)).labels for noise in self._noise(x[0], rows)]
            return torch.cat(blocks)[None]
        noise = torch.stack([next(self._noise(one, self.n)) for one in x])
        return self.inner.outputs((x[:, None] + noise.to(x)).flatten(0, 1)).labels.view(len(x), self.n)

    def _noise(self, x: Tensor, rows: int) -> Iterator[Tensor]:
        """Blocks of `(rows, *shape)` float64 noise, `n` rows in all: one stream, however it is cut.

        From the raw words of Philox (Salmon et al. 2011), which NumPy never changes.
        """
        stream = self._stream((x.detach().cpu().float() + 0.0).numpy().tobytes())  # 0 and -0 are one input
        for start in range(0, self.n, rows):
            yield self._next(stream, min(rows, self.n - start), x.shape)

    def _drawn(self, what: bytes, rows: int, shape: tuple[int, ...]) -> Tensor:
        """`(rows, *shape)` float64 noise that depends on the seed and that alone."""
        return self._next(self._stream(what), rows, shape)

    def _stream(self, what: bytes) -> np.random.Philox:
        key = hashlib.sha256(f"{self.seed} ".encode() + what).digest()[:16]
        return np.random.Philox(key=np.frombuffer(key, dtype=np.uint64))

    def _next(self, stream: np.random.Philox, rows: int, shape: tuple[int, ...]) -> Tensor:
        words = stream.random_raw(rows * math.prod(shape)) >> np.uint64(11)
        normal = ndtri((words.astype(np.float64) + 0.5) * 2.0**-53)
        return torch.from_numpy(self.sigma * normal).view(rows, *shape)


def _told_apart(votes: Tensor, alpha: float) -> Tensor:
    """`(N,)` whether the first class is told from the second: the probability that an even coin is as uneven, twice."""
    top = votes.topk(min(2, votes.shape[1]), dim=1).values.cpu().numpy()
    first, both = top[:, 0], top.sum(1)
    uneven = 2 * bdtrc(first - 1.0, both, 0.5)  # of more than half: else it is beyond 1
    return torch.from_numpy((both > 0) & (uneven <= alpha)).to(votes.device)


def smoothed(model: Any, *, sigma: float, n: int = 1000, alpha: float = 0.001, seed: int = 0) -> Adapter:
    """A model smoothed by Gaussian noise, certified in L2 (and so in L1 and L_inf) by `worst-case`.

    Args:
        model: an adapter, or what `wrap` knows; one that answers at random as well.
        sigma: standard deviation of the noise in every feature, in the dataset's units.
        n: noisy copies of an input that vote. A certificate reaches `sigma` times the normal quantile of
            `alpha ** (1 / n)` at most: of 1,000 draws 2.4 sigma.
        alpha: level of the test by which it abstains, and probability that what is proved of an example is wrong.
        seed: of the noise.

    Raises:
        NotWrappable: a value that makes no sense, or a model that `wrap` does not take.
    """
    if not (0 < sigma < math.inf):
        raise NotWrappable(f"sigma={sigma!r}: give a positive number, in the dataset's units")
    if not (isinstance(n, int) and 1 <= n <= MOST):
        raise NotWrappable(f"n={n!r}: give a number of draws from 1 to {MOST:,}")
    if not (0 < alpha < 1):
        raise NotWrappable(f"alpha={alpha!r}: give a probability above 0 and below 1")
    return Smoothed(wrap(model), float(sigma), n, float(alpha), int(seed))
