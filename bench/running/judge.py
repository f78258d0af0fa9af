"""The judge: checks every proposal itself, asks the target, and counts. What an attack claims counts for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.base import Adapter, Outputs
from adapters.errors import InvalidOutput
from bench.attacks.base import Certified
from bench.checks.outputs import verified
from bench.threats import Threat
from bench.threats.base import difference


class InvalidCandidate(Exception):
    """An attack proposed something outside the threat."""


@dataclass(frozen=True)
class Audit:
    """What the judge measured on a batch of candidates."""

    largest: float | None
    """Largest perturbation in the threat's norm, in float64."""
    unmoved: int
    """Candidates equal to their clean input."""
    distances: NDArray[np.float64] | None = field(default=None, compare=False)
    """`(N,)` of all candidates, where the threat names a norm and no epsilon."""
    radii: NDArray[np.float64] | None = field(default=None, compare=False)
    """`(N,)` what was proved of each example; of certificates."""
    exact: NDArray[np.int64] | None = field(default=None, compare=False)
    """`(N,)` 1 where that is all that there is to prove."""
    risk: float | None = field(default=None, compare=False)
    """Probability that a radius is too large, at most; None where it is mathematics."""


def audit(candidates: Tensor, x: Tensor, threat: Threat, *, generated: bool = False) -> Audit:
    """Check candidates against a threat.

    Always finite; inside the range if the threat clips; inside the ball, measured in float64, with the tolerance of the
    threat's norm. Fails closed: NaN is outside.

    Args:
        candidates: `(N, *input_shape)` what the attack proposes.
        x: the clean inputs; ignored where the candidates are generated.
        threat: what is allowed.
        generated: whether the candidates come from no clean input.

    Raises:
        InvalidCandidate: any of it does not hold.
    """
    if candidates.dtype != x.dtype or candidates.device != x.device:
        raise InvalidCandidate(f"{candidates.dtype} on {candidates.device} in place of {x.dtype} on {x.device}")
    if candidates.shape != x.shape:
        raise InvalidCandidate(f"shape {tuple(candidates.shape)} in place of {tuple(x.shape)}")
    low, high = (float(value) for value in candidates.aminmax())
    if not (np.isfinite(low) and np.isfinite(high)):  # NaN and infinity both reach the extremes
        raise InvalidCandidate("a value is NaN or infinite")
    if threat.clip is not None and not (low >= threat.clip[0] and high <= threat.clip[1]):
        raise InvalidCandidate(f"values from {low:.9g} to {high:.9g} leave the range {list(threat.clip)}")
    if generated:
        return Audit(None, 0)
    if candidates is x:
        return Audit(None if threat.norm is None else 0.0, len(x))
    if threat.norm is None:
        return Audit(None, int((candidates == x).flatten(1).all(1).sum()))
    delta = difference(x, candidates)
    distances = threat.geometry.lengths(delta)
    largest = float(distances.max())
    if threat.eps is not None and not largest <= threat.eps:
        excess = float(threat.geometry.violation(delta, x, threat.eps).max())
        if not excess <= 0:
            name = threat.geometry.title
            raise InvalidCandidate(f"an {name} distance of {largest:.9g} exceeds eps {threat.eps:g}")
    unmoved = int((distances == 0).sum())
    return Audit(largest, unmoved, distances.cpu().numpy() if threat.eps is None else None)


def proved(measured: Audit, found: Certified, x: Tensor) -> Audit:
    """What was measured on a certificate's candidates, with what it proves.

    Raises:
        InvalidCandidate: a radius for each example is not there, or is no distance.
    """
    radii, exact = found.radius.double().cpu().numpy(), found.exact.long().cpu().numpy()
    if radii.shape != (len(x),) or exact.shape != (len(x),) or not (radii >= 0).all():
        raise InvalidCandidate("a certificate without a radius of at least 0 for each example")
    if not 0 <= found.risk < 1:
        raise InvalidCandidate(f"a certificate whose error probability is {found.risk}")
    return replace(measured, radii=radii, exact=exact, risk=found.risk or None)


def united(audits: Sequence[Audit]) -> Audit:
    """What was measured on several batches, as if on one."""
    largest = [found.largest for found in audits if found.largest is not None]

    def column(name: str) -> NDArray[Any] | None:
        given = [getattr(found, name) for found in audits if getattr(found, name) is not None]
        return np.concatenate(given) if given else None

    return Audit(
        max(largest, default=None),
        sum(found.unmoved for found in audits),
        column("distances"),
        column("radii"),
        column("exact"),
        max((found.risk for found in audits if found.risk is not None), default=None),
    )


def ask(target: Adapter, candidates: Tensor, size: int) -> Outputs:
    """The target's outputs on a batch, verified.

    Args:
        target: the model to ask.
        candidates: `(N, *input_shape)`.
        size: number of classes of the dataset.

    Raises:
        InvalidOutput: as `verified`, or an input written into.
    """
    shown = candidates.clone()  # every target is shown the same candidates, whatever the one before did to them
    outputs = target.outputs(shown)
    if not torch.equal(shown, candidates):
        raise InvalidOutput("the model writes into its input; give it a copy to work on")
    return verified(outputs, len(candidates), size)
