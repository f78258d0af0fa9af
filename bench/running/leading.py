"""Whether a guest's gradient leads anywhere: asked before its attacks are planned."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from bench.datasets.base import Dataset

if TYPE_CHECKING:
    from adapters.base import Adapter

LOOKED_AT = 64
"""Examples on which it is looked at."""


def misleads(adapter: Adapter, dataset: Dataset) -> bool:
    """Whether a model's gradient leads no farther than chance, on some examples: then labels alone are asked, too."""
    import torch

    from bench.checks.attacks import leads_anywhere
    from bench.checks.base import Subject

    if adapter.gradient == "none" or adapter.stochastic:
        return False
    split = "test" if "test" in dataset.sizes else next(iter(dataset.sizes))
    few = np.arange(min(LOOKED_AT, dataset.sizes[split]))
    x, y = (
        torch.from_numpy(part).to(adapter.device) for part in (dataset.examples(split, few), dataset.labels(split)[few])
    )
    with suppress(Exception):  # what else is wrong with it is told where it is judged
        return leads_anywhere(Subject(adapter, x, y, clip=dataset.bounds, size=len(dataset.classes))).flagged
    return False
