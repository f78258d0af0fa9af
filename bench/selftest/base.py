"""What a family of the self-test is: models whose nearest mislabelled inputs are known by how they were made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
DUAL = {"linf": 1.0, "l2": 2.0, "l1": np.inf}
"""Order of the dual norm of each norm."""
ROOM = 0.3
"""How far inside the range the features of examples lie, but for those at a wall: no nearest input is farther."""
NEAR = 0.01
"""Distance of a mislabelled input, at least: far beyond whatever rounding does."""


@dataclass(frozen=True)
class Known:
    """A model, examples that it labels right, and how far from each the nearest mislabelled input is."""

    model: Any
    """What `adapters.wrap` takes."""
    x: NDArray[np.float32]
    """`(N, *input_shape)`, within [0, 1]."""
    y: NDArray[np.int64]
    """`(N,)` their classes."""
    truth: Array
    """`(N,)` distances within [0, 1]; infinite where no input is mislabelled."""
    classes: int
    estimated: bool = False
    """Whether what answers estimates the classifier that this is known of: then an abstention is no other label."""


class Family(ABC):
    """Models of one kind. Their worst cases follow from how they are made, never from `bench.exact`."""

    name: ClassVar[str]
    norms: ClassVar[Sequence[str]] = ("linf", "l2", "l1")
    """In which their worst cases are known, and what can be proved of them is."""
    examples: ClassVar[int] = 8
    """Of each model, at most."""
    reaches: ClassVar[float]
    """Share of what is to be fooled that attacks fool by themselves, at least."""
    decides: ClassVar[float]
    """Share of examples and sizes that is decided, at least: attacked, or certified. 0 where nothing certifies."""
    hidden: ClassVar[float]
    """As `reaches`, where the model gives its labels alone, or a gradient that leads nowhere; in L_inf."""

    @abstractmethod
    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        """A random model with at most `n` examples, at least one."""


def chosen(known: Known, n: int) -> Known | None:
    """The first `n` examples whose nearest mislabelled input is near enough to be known for sure, but not too near."""
    places = np.flatnonzero((known.truth >= NEAR) & (known.truth <= 0.9 * ROOM))[:n]
    if not len(places):
        return None
    return replace(known, x=known.x[places], y=known.y[places], truth=known.truth[places])


def inner(rng: np.random.Generator, n: int, features: int, walls: float = 0.0) -> NDArray[np.float32]:
    """`(n, features)` inputs with room around, but for a share of features that lie at a wall of the range."""
    x = rng.uniform(ROOM, 1 - ROOM, (n, features))
    at = rng.random((n, features))
    x[at < walls] = 0.0
    x[at < walls / 2] = 1.0
    return x.astype(np.float32)


def to_plane(x: Array, normal: Array, lead: Array, norm: str) -> Array:
    """`(N,)` distances to where `normal . moved` has grown by `lead`, in closed form; beyond `ROOM` a lower bound.

    Features at a wall move inwards alone, and the others as far as they like: by duality the distance is the lead over
    the dual norm of the normal's features that can move.
    """
    normal = np.broadcast_to(normal, x.shape)
    stuck = ((x == 0) & (normal < 0)) | ((x == 1) & (normal > 0))
    length = np.linalg.norm(np.where(stuck, 0, normal), ord=DUAL[norm], axis=1)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(length > 0, lead / np.where(length > 0, length, 1), np.inf))
