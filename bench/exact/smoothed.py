"""Classifiers smoothed by Gaussian noise: Cohen, Rosenfeld & Kolter 2019 (arXiv 1902.02918), theorem 1.

What is certified is the smoothed classifier itself, whose label is the class that noise is most likely to be given;
what is asked of the model is a vote of finitely many draws, which only estimates it. Where `p` is a lower bound on the
probability of the example's class under noise, no input nearer than `sigma Phi^-1(p)` in L2 has another class, even if
every other input is as bad as can be. The bound is Clopper & Pearson's, of one side: it is wrong with probability
`alpha` at most. The class that is certified is the example's own, known before any draw, so that none are needed to
choose it.

An L1 ball lies within the L2 ball of its radius, an L_inf ball within that of `sqrt(features)` times its radius.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import torch
from scipy.special import ndtri
from scipy.stats import beta
from torch import Tensor

from adapters.structures.base import Structure
from adapters.structures.smoothed import Smoothed
from bench.exact.base import Certificate, Effort, Proof
from bench.threats import Threat

SAFE = 1 - 1e-9
"""What is left of a radius for the rounding of the two quantiles."""
BLOCK = 50
"""Examples between two looks at the clock."""


class SmoothedCertificate(Certificate):
    """A lower bound that holds with probability `1 - alpha`, and no witness."""

    norms: ClassVar[Collection[str]] = ("l2", "l1", "linf")

    def prove(self, structure: Structure, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> Proof:
        assert isinstance(structure, Smoothed)
        own = (torch.tensor(structure.classes) == y[:, None]).long().argmax(1)
        radius = torch.zeros(len(x), dtype=torch.float64)
        for rows in torch.split(torch.arange(len(x)), BLOCK):
            if effort.is_over(len(x)):
                break
            votes = structure.scores(x[rows]).gather(1, own[rows, None])[:, 0]
            radius[rows] = reach(votes, structure)
        if threat.norm == "linf":
            radius /= x[0].numel() ** 0.5 if len(x) else 1.0
        return Proof(radius, x.clone(), torch.zeros(len(x), dtype=torch.bool))


def reach(votes: Tensor, structure: Smoothed) -> Tensor:
    """`(N,)` L2 radii that so many votes of all draws prove; 0 where the class may have no majority."""
    counts = votes.clamp(0, structure.draws).numpy()
    bound = beta.ppf(structure.alpha, counts.clip(1), structure.draws - counts + 1)
    radius = structure.sigma * torch.from_numpy(ndtri(bound)) * SAFE
    return radius.where(torch.from_numpy((counts > 0) & (bound > 0.5)), torch.zeros_like(radius))
