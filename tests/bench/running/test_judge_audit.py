"""The judge's audit: what an attack may propose."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bench.running.judge import Audit, InvalidCandidate, audit
from bench.threats import Threat

UNIT, BYTES = (0.0, 1.0), (0.0, 255.0)
SCALES = pytest.mark.parametrize("scale", [1.0, 255.0])


def images(n: int = 4, scale: float = 1.0, seed: int = 0) -> Tensor:
    """`(n, 1, 8, 8)` in [0, scale], with both ends present."""
    x = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    x[:, 0, 0, 0], x[:, 0, 0, 1] = 0.0, 1.0
    return x * scale


@SCALES
@pytest.mark.parametrize("eps", [0.05, 0.1, 0.25, 0.3, 8 / 255])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_right_linf_step_passes_for_all_its_rounding(scale: float, eps: float, sign: int) -> None:
    """x + eps in float32 overshoots by about half an ulp of x: at a scale of 255 far more than any fixed 1e-6."""
    x = images(200, scale)
    step = x + sign * eps * scale
    overshoot = float((step.double() - x.double()).abs().max()) - eps * scale
    found = audit(step, x, Threat(norm="linf", eps=eps * scale))
    assert found.largest == pytest.approx(eps * scale, abs=2e-7 * scale)
    assert found.largest - eps * scale == overshoot
    assert found.unmoved == 0


def test_float32_overshoots_and_is_accepted_for_it() -> None:
    """The case that the tolerance is for does occur."""
    x = images(200, 255.0)
    found = audit(x + 25.5, x, Threat(norm="linf", eps=25.5))
    assert found.largest > 25.5 + 1e-6


@SCALES
def test_just_outside_the_linf_ball_is_rejected(scale: float) -> None:
    x = images(4, scale)
    step = x.clone()
    step[2, 0, 3, 3] += scale * (0.1 + 4e-6)
    with pytest.raises(InvalidCandidate, match=r"L_inf distance of .* exceeds eps"):
        audit(step, x, Threat(norm="linf", eps=0.1 * scale))


@SCALES
def test_the_l2_ball_has_a_relative_tolerance_of_1e_5(scale: float) -> None:
    x = torch.zeros(3, 1, 2, 2)
    eps = 0.5 * scale
    inside, outside = x.clone(), x.clone()
    inside[1] = eps / 2 * (1 + 5e-6)
    outside[1] = eps / 2 * (1 + 2e-5)
    assert audit(inside, x, Threat(norm="l2", eps=eps)).largest == pytest.approx(eps, rel=1e-5)
    with pytest.raises(InvalidCandidate, match="L2 distance"):
        audit(outside, x, Threat(norm="l2", eps=eps))


def test_l2_is_the_length_of_a_whole_example() -> None:
    x = torch.zeros(2, 1, 2, 2)
    step = x.clone()
    step[0] = 0.5
    assert audit(step, x, Threat(norm="l2", eps=1.0)) == Audit(largest=1.0, unmoved=1)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize(
    "threat",
    [Threat(), Threat(norm="linf", eps=0.1), Threat(norm="l2", eps=9.0, clip=UNIT), Threat(clip=UNIT)],
    ids=["anything", "linf", "l2 clipped", "range"],
)
@pytest.mark.parametrize("generated", [False, True], ids=["moved", "generated"])
def test_nothing_that_is_not_finite_passes(value: float, threat: Threat, generated: bool) -> None:
    x = images()
    step = x.clone()
    step[3, 0, 7, 7] = value
    with pytest.raises(InvalidCandidate, match="NaN or infinite"):
        audit(step, x, threat, generated=generated)


@pytest.mark.parametrize("value", [-1e-6, 1.0 + 1e-6])
@pytest.mark.parametrize("generated", [False, True], ids=["moved", "generated"])
def test_the_range_has_no_tolerance(value: float, generated: bool) -> None:
    x = images()
    step = x.clone()
    step[0, 0, 0, 0 if value < 0 else 1] = value
    audit(step, x, Threat(norm="linf", eps=0.1), generated=generated)
    with pytest.raises(InvalidCandidate, match="leave the range"):
        audit(step, x, Threat(norm="linf", eps=0.1, clip=UNIT), generated=generated)


def test_the_range_is_the_datasets() -> None:
    x = images(4, 255.0)
    audit((x + 8).clamp(*BYTES), x, Threat(norm="linf", eps=8.0, clip=BYTES))
    with pytest.raises(InvalidCandidate, match="leave the range"):
        audit(x + 8, x, Threat(norm="linf", eps=8.0, clip=BYTES))


@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (4, 64), (4, 1, 8, 7)])
def test_another_shape_is_rejected(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidCandidate, match="shape"):
        audit(torch.zeros(shape), images(), Threat())


def test_a_bound_that_is_nan_fails_closed() -> None:
    x = images()
    for norm in ("linf", "l2"):
        with pytest.raises(InvalidCandidate):
            audit(x + 0.1, x, Threat.model_construct(norm=norm, eps=float("nan")))


def test_generated_inputs_are_bound_to_no_example() -> None:
    assert audit(images() + 100, images(), Threat(), generated=True) == Audit(None, 0)


def test_unmoved_candidates_are_counted() -> None:
    x = images()
    step = x.clone()
    step[1] += 0.01
    assert audit(step, x, Threat(norm="linf", eps=0.1)).unmoved == 3
    assert audit(x, x, Threat(norm="linf", eps=0.1)) == Audit(0.0, 4)
    assert audit(x, x, Threat()) == Audit(None, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_audit_changes_nothing(dtype: torch.dtype) -> None:
    x = -images().to(dtype)
    step = x + 0.1
    before = x.clone(), step.clone()
    audit(step, x, Threat(norm="linf", eps=0.1 - 1e-9))  # so that the tolerance is needed
    assert torch.equal(x, before[0])
    assert torch.equal(step, before[1])


@settings(max_examples=60, deadline=None)
@given(
    eps=st.floats(1e-3, 2.0),
    scale=st.sampled_from([1.0, 16.0, 255.0]),
    seed=st.integers(0, 1000),
    beyond=st.floats(1e-5, 0.5),
)
def test_the_ball_is_neither_too_small_nor_too_large(eps: float, scale: float, seed: int, beyond: float) -> None:
    """Any rounded step of size eps is inside; any step that is larger by more than rounding is outside."""
    x = images(8, scale, seed) - scale / 2
    audit(x + torch.tensor(eps * scale), x, Threat(norm="linf", eps=eps * scale))
    with pytest.raises(InvalidCandidate):
        audit(x + torch.tensor((eps + beyond) * scale), x, Threat(norm="linf", eps=eps * scale))
