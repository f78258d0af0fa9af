"""What decides a model's labels, opened: arrays to prove things of, where asking alone can prove nothing.

One file a kind of structure. An adapter that can be opened returns one from `structure()`; `bench.exact` has a file for
each that certifies. A new kind is one file here, one line in `KINDS`, and one line in `bench.registry`.
"""

from __future__ import annotations

from adapters.structures.base import Structure
from adapters.structures.gaussian_nb import GaussianNB
from adapters.structures.kernel_votes import KernelVotes
from adapters.structures.linear import Linear
from adapters.structures.linear_votes import LinearVotes
from adapters.structures.neighbours import Neighbours
from adapters.structures.network import Network
from adapters.structures.smoothed import Smoothed
from adapters.structures.trees import Trees

KINDS: dict[str, type[Structure]] = {
    kind.kind: kind
    for kind in (
        Linear,
        GaussianNB,
        KernelVotes,
        LinearVotes,
        Neighbours,
        Network,
        Smoothed,
        Trees,
    )
}
"""By name: what may come from another process."""

__all__ = [
    "KINDS",
    "GaussianNB",
    "KernelVotes",
    "Linear",
    "LinearVotes",
    "Neighbours",
    "Network",
    "Smoothed",
    "Structure",
    "Trees",
]
