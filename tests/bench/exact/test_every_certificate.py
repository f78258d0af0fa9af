"""Of every kind of structure: within the radius nothing is mislabelled, and the witness is."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from proving import KINDS, UNIT, examples, labels, proved
from torch import Tensor

from adapters.structures import Structure
from bench.exact import certificate_of
from bench.threats import Threat


def attacked(structure: Structure, x: Tensor, y: Tensor, threat: Threat, radius: Tensor, seed: int) -> list[Tensor]:
    """Inputs at the radius: signs, towards the nearest of other examples, and along the slope of each rival's score."""
    generator = torch.Generator().manual_seed(seed)
    directions = [torch.randn(x.shape, generator=generator, dtype=torch.float64) for _ in range(4)]
    point = x.double().requires_grad_()
    own = torch.tensor(structure.classes).eq(y[:, None]).long().argmax(1, keepdim=True)
    for rival in range(len(structure.classes)):
        scores = structure.scores(point)
        gap = scores[:, rival] - scores.gather(1, own)[:, 0]
        if gap.requires_grad:
            directions.append(torch.autograd.grad(gap.sum(), point)[0])
    found = []
    for direction in directions:
        for step in (
            threat.geometry.step(direction),
            direction / threat.geometry.lengths(direction)[:, None].clamp_min(1e-9),
        ):
            length = threat.geometry.lengths(step).clamp_min(1e-9)
            share = (radius / length).clamp_max(1e3)[:, None]
            found.append(threat.cut(x.double() + (1 - 1e-9) * share * step))
    return found


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), clip=st.booleans(), classes=st.integers(2, 5), features=st.integers(1, 9))
@pytest.mark.parametrize("kind", KINDS)
def test_no_candidate_within_the_radius_is_mislabelled(
    kind: str, seed: int, clip: bool, classes: int, features: int
) -> None:
    structure, x = KINDS[kind](seed, classes, features), examples(seed, 8, features)
    y = labels(structure, x)
    for norm in certificate_of(structure).norms:
        threat = Threat(norm=norm, clip=UNIT if clip else None)
        radius, witness, exact = proved(structure, x, y, norm, threat.clip)
        for moved in attacked(structure, x, y, threat, radius.clamp_max(10), seed):
            assert bool((labels(structure, moved) == y).all())
        there = (witness != x).any(1)
        assert bool((labels(structure, witness) != y)[there].all())
        assert bool((there | ~exact | radius.isinf() | (radius == 0)).all())
        far = threat.distance(x, witness)
        assert bool((far >= radius * (1 - 1e-6) - 1e-6)[there].all())


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_batch(kind: str) -> None:
    structure = KINDS[kind](0)
    for norm in certificate_of(structure).norms:
        radius, witness, exact = proved(structure, torch.zeros(0, 12), torch.zeros(0, dtype=torch.int64), norm)
        assert (radius.shape, witness.shape, exact.shape) == ((0,), (0, 12), (0,))
