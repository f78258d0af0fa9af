"""Losses of logits that strong gradient attacks climb, as one function of a batch.

The margin and the cross-entropy are the adapters' own; the logit ratios are Croce & Hein 2020 (arXiv 2003.01690),
equations 6 and 7. Checked in tests against the formulas written out for single rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from torch import Tensor

Climbed = Literal["margin", "cross_entropy", "dlr", "targeted_margin", "targeted_dlr"]
RIVALLED: tuple[Climbed, ...] = ("targeted_margin", "targeted_dlr")
"""Those that are of one rival class, and climbed for several of them in turn."""
TINY = 1e-12
"""Keeps a ratio finite whose logits are all equal."""


def climbed(
    kind: Climbed, logits: Tensor, y: Tensor, rivals: Tensor | None = None, known: Sequence[int] | None = None
) -> Tensor:
    """`(N,)` differentiable losses, the larger the nearer to a mistake; those of margins are positive beyond it.

    - `margin`: `max over k != y of z_k  -  z_y`.
    - `cross_entropy`: `logsumexp(z) - z_y`.
    - `dlr`: the margin over `z_(1) - z_(3)`, the largest and third largest logit: shift and scale of the logits cancel.
    - `targeted_margin`: `z_t - z_y` of the rival class t.
    - `targeted_dlr`: the same over `z_(1) - (z_(3) + z_(4)) / 2`.

    Where there are fewer classes than a ratio needs, it takes the smallest logit in place of what is missing; of two
    classes that ratio would be constant, and it is the margin.

    Args:
        kind: which loss.
        logits: `(N, K)` in float32 at least.
        y: `(N,)` the classes to leave.
        rivals: `(N,)` the classes t, of the losses that have one.
        known: classes that the model can answer; None for all. Ratios leave the others out.

    Raises:
        ValueError: another kind, or a rival's loss without rivals.
    """
    import torch

    if kind not in get_args(Climbed) or (rivals is None and kind in RIVALLED):
        raise ValueError(f"no loss {kind!r} {'without rivals' if rivals is None else ''}".rstrip())
    if kind == "cross_entropy":
        return torch.nn.functional.cross_entropy(logits, y, reduction="none")
    if rivals is not None and kind in RIVALLED:
        lead = logits.gather(1, rivals[:, None])[:, 0] - logits.gather(1, y[:, None])[:, 0]
    else:
        lead = margin(logits, y)
    if kind in ("margin", "targeted_margin"):
        return lead
    given = logits if known is None else logits[:, list(known)]
    classes = given.shape[1]
    if classes < 3:
        return lead
    top = given.topk(min(4, classes), dim=1).values
    low = top[:, 2] if kind == "dlr" else (top[:, 2] + top[:, -1]) / 2
    return lead / (top[:, 0] - low + TINY)


def margin(logits: Tensor, y: Tensor) -> Tensor:
    """`(N,)` how far the best other class is ahead of `y`: positive where the logits err."""
    from adapters.rounding import margin_against

    return margin_against(logits, y)


def lead(logits: Tensor, y: Tensor, goals: Tensor | None) -> Tensor:
    """`(N,)` the margin towards success: of any class but `y`, or of the goals where there are some."""
    return margin(logits, y) if goals is None else -margin(logits, goals)


def likeliest(logits: Tensor, y: Tensor, known: Sequence[int] | None) -> Tensor:
    """`(N, R)` the classes other than `y` that a model can answer, in the order of their logits."""
    order = y.new_tensor(known or range(logits.shape[1]))
    order = order[logits[:, order].argsort(dim=1, descending=True, stable=True)]
    own = order == y[:, None]
    own[:, -1] |= ~own.any(1)  # of a class that the model cannot answer the last rival is left out, for one length
    return order[~own].view(len(order), -1)
