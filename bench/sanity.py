"""Automatic checks of a model, on a few of its inputs: what makes a number look better than it is.

Each finding is a flag on the leaderboard. Sources: Carlini et al. 2019, On Evaluating Adversarial Robustness; Athalye
et al. 2018, Obfuscated Gradients.
"""

from __future__ import annotations

import torch
from torch import Tensor

from adapters.base import Adapter
from adapters.errors import Unsupported

SAMPLE = 100
"""Examples looked at."""
PASSES = 5


def inspect(adapter: Adapter, x: Tensor) -> tuple[str, ...]:
    """Flags of one model, in alphabetical order.

    Args:
        adapter: the model.
        x: `(N, *input_shape)` clean inputs; at most `SAMPLE` are used.
    """
    x = x[:SAMPLE]
    found = set(adapter.notes)
    if is_randomised(adapter, x):
        found.add("randomised")
    if gives_softmax_as_logits(adapter, x):
        found.add("softmax-as-logits")
    return tuple(sorted(found))


def is_randomised(adapter: Adapter, x: Tensor) -> bool:
    """Whether five passes differ in any label, or in scores by more than 1e-4 of their range."""
    first = adapter.outputs(x)
    for _ in range(PASSES - 1):
        again = adapter.outputs(x)
        if not torch.equal(first.labels, again.labels):
            return True
        if first.scores is not None and again.scores is not None:
            finite = first.scores.isfinite()
            spread = (first.scores[finite].max() - first.scores[finite].min()).clamp_min(1e-12)
            if bool(((first.scores - again.scores)[finite].abs() > 1e-4 * spread).any()):
                return True
    return False


def gives_softmax_as_logits(adapter: Adapter, x: Tensor) -> bool:
    """Whether rows of `logits` are probabilities already: their cross-entropy then has a squashed gradient.

    The remedy is `wrap(net, outputs="probabilities")`.
    """
    if adapter.gradient != "exact":
        return False
    try:
        logits = adapter.logits(x).detach()
    except Unsupported:
        return False
    inside = (logits >= 0) & (logits <= 1)
    return bool(inside.all() and ((logits.sum(1) - 1).abs() <= 1e-5).all())
