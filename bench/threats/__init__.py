"""What an adversary may do, and what counts as success. A new norm is one file here and one line in `norms.py`.

Importing this package loads no torch.
"""

from __future__ import annotations

from bench.threats.base import Geometry
from bench.threats.criterion import MISCLASSIFIED, Criterion
from bench.threats.epsilon import Epsilon, parse_epsilon
from bench.threats.norms import NORMS, Norm, norm_named
from bench.threats.threat import Threat

__all__ = [
    "MISCLASSIFIED",
    "NORMS",
    "Criterion",
    "Epsilon",
    "Geometry",
    "Norm",
    "Threat",
    "norm_named",
    "parse_epsilon",
]
