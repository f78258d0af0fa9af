"""Rotation towards the gradient: the angle is exact, the length stays, and what cannot be turned does not move."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import bench
from adapters.base import Adapter
from bench.attacks import attack_class, make_attack
from bench.attacks.rotation import rotated
from bench.cli.catalogue import attacks
from bench.draws import Draws
from bench.errors import UsageError
from bench.planning.suite import parse_suite
from bench.threats import Threat

ANGLES = [0.01, 1.0, 5.0, 10.0, 45.0, 90.0]


def crafted(source: Adapter, x: Tensor, y: Tensor, **parameters: Any) -> Tensor:
    attack = make_attack("rotation", parameters)
    drawn = Draws((0, "checksum", "rotation", 1), np.arange(len(x)))
    (candidates,) = attack.craft(source, x, y, attack.goals(source, x, y, drawn), [Threat()], drawn)
    return candidates


def angles(x: Tensor, turned: Tensor) -> Tensor:
    """`(N,)` between two batches, in radians, by the form that is accurate for small ones too (Kahan)."""
    first, second = (nn.functional.normalize(batch.flatten(1).double()) for batch in (x, turned))
    return 2 * torch.atan2((first - second).norm(dim=1), (first + second).norm(dim=1))


def lengths(x: Tensor) -> Tensor:
    return x.flatten(1).double().norm(dim=1)


# -- geometry ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", ANGLES)
def test_the_angle_is_exact_and_the_length_stays(
    degrees: float, source: Adapter, digits_test: tuple[Tensor, Tensor]
) -> None:
    x, y = digits_test
    before = x.clone()
    turned = crafted(source, x, y, degrees=degrees)
    assert turned.dtype == torch.float32
    assert (angles(x, turned) - math.radians(degrees)).abs().max() < 1e-6
    assert ((lengths(turned) / lengths(x)) - 1).abs().max() < 1e-6
    assert torch.equal(x, before)


@settings(max_examples=80, deadline=None)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple).filter(lambda shape: math.prod(shape) > 1),
    degrees=st.floats(1e-2, 90),
    scale=st.sampled_from([1e-6, 1.0, 255.0, 1e6]),
    steepness=st.sampled_from([1e-30, 1.0, 1e30]),
    seed=st.integers(0, 2**16),
)
def test_whatever_the_shape_and_the_scale(
    shape: tuple[int, ...], degrees: float, scale: float, steepness: float, seed: int
) -> None:
    """How long the gradient is makes no difference, and a model that masks it is turned on all the same."""
    generator = torch.Generator().manual_seed(seed)
    x, gradient = (torch.randn(4, *shape, generator=generator) for _ in range(2))
    turned = rotated(x * scale, gradient * steepness, math.radians(degrees))
    assert (angles(x * scale, turned) - math.radians(degrees)).abs().max() < 1e-6
    assert ((lengths(turned) / lengths(x * scale)) - 1).abs().max() < 1e-6


def test_it_turns_in_the_plane_of_the_example_and_its_gradient_up_the_gradient() -> None:
    """Worked out by hand: (3, 4) and a gradient along the second axis, whose part across is (-0.48, 0.36)."""
    x, gradient = torch.tensor([[3.0, 4.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]])
    turned = rotated(x, gradient, math.radians(30))
    expected = math.cos(math.radians(30)) * x + 5 * 0.5 * torch.tensor([[-0.8, 0.6, 0.0]])
    assert torch.allclose(turned, expected, atol=1e-6)
    assert torch.allclose(rotated(x, -gradient, math.radians(30)), 2 * math.cos(math.radians(30)) * x - expected)


@pytest.mark.parametrize(
    ("x", "gradient"),
    [
        ([1.0, 2.0, 3.0], [0.0, 0.0, 0.0]),
        ([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]),
        ([1.0, 2.0, 3.0], [0.1, 0.2, 0.3]),
        ([1.0, 2.0, 3.0], [-7.7, -15.4, -23.1]),
        ([0.1, 0.2, 0.3], [1e-30, 2e-30, 3e-30]),
    ],
    ids=["no gradient", "no example", "along it", "against it", "along it, tiny"],
)
def test_what_cannot_be_turned_does_not_move(x: list[float], gradient: list[float]) -> None:
    """Also a gradient along the example: what rounding leaves across it is no direction. The others still turn."""
    batch, slopes = torch.tensor([x, [1.0, 0.0, 0.0]]), torch.tensor([gradient, [0.0, 1.0, 0.0]])
    turned = rotated(batch, slopes, math.radians(10))
    assert torch.equal(turned[0], batch[0])
    assert float(angles(batch[1:], turned[1:])) == pytest.approx(math.radians(10))


def test_an_example_of_one_feature_has_nowhere_to_turn() -> None:
    x = torch.tensor([[2.0], [-3.0]])
    assert torch.equal(rotated(x, torch.tensor([[0.5], [0.7]]), 0.1), x)


# -- as an attack -----------------------------------------------------------------------------------------------------


def test_it_fools_reliably_where_a_random_rotation_does_not(
    source: Adapter, digits_test: tuple[Tensor, Tensor]
) -> None:
    """What section 4 says of small angles."""
    x, y = digits_test
    towards = source.predict(crafted(source, x, y, degrees=10)) != y
    anywhere = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    by_chance = source.predict(rotated(x, anywhere, math.radians(10))) != y
    assert towards.float().mean() > 0.6
    assert by_chance.float().mean() < 0.15


def test_a_wider_angle_fools_more(source: Adapter, digits_test: tuple[Tensor, Tensor]) -> None:
    x, y = digits_test
    errors = [float((source.predict(crafted(source, x, y, degrees=d)) != y).float().mean()) for d in (1, 5, 10, 20)]
    assert errors == sorted(errors)
    assert errors[0] < 0.2 < 0.9 < errors[-1]


def test_a_targeted_rotation_goes_to_its_class(source: Adapter, digits_test: tuple[Tensor, Tensor]) -> None:
    x, y = digits_test
    turned = crafted(source, x, y, degrees=20, target="next")
    assert (source.predict(turned) == (y + 1) % 10).float().mean() > 0.5
    assert make_attack("rotation", {"target": "next"}).criterion.kind == "targeted"


@pytest.mark.parametrize("degrees", [0, -5, 91, "ten", float("nan")])
def test_an_angle_that_is_none_is_refused(degrees: Any) -> None:
    with pytest.raises(UsageError, match="degrees"):
        make_attack("rotation", {"degrees": degrees})


# -- in a suite -------------------------------------------------------------------------------------------------------

SUITE = """\
suite: tiny
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: linf, eps: 0.1}
  - {attack: rotation}
  - {attack: rotation, degrees: 20}
rank_by: {eps: 0.1}
"""


def test_a_suite_has_an_entry_an_angle(digits_net: nn.Module, tmp_path: Path) -> None:
    """Each is a row of labelled examples with an error; the ranking, which is by a ball, leaves them out."""
    board = bench.run(parse_suite(SUITE, "tiny.yaml"), {"net": digits_net}, out=tmp_path, device="cpu")
    small, large = (row for row in board.rows if row.attack == "rotation")
    assert (small.parameters or {})["degrees"] == 10
    assert (small.status, small.norm, small.eps, small.clip, small.n) == ("ok", None, None, None, 599)
    assert 0.6 < small.error < large.error
    assert small.robust_accuracy + small.attack_success * small.clean_accuracy == pytest.approx(small.clean_accuracy)
    worst, fgsm = (next(row for row in board.rows if row.attack == name) for name in ("worst-of-all", "fgsm"))
    assert worst.robust_accuracy == fgsm.robust_accuracy
    assert "rotation degrees 20" in str(board)


@pytest.mark.parametrize("more", ["norm: l2, eps: 0.1", "eps: 0.1"])
def test_an_epsilon_is_none_of_its_budget(more: str) -> None:
    with pytest.raises(UsageError, match="rotation is bound to no ball around an example: leave out norm and eps"):
        parse_suite(SUITE.replace("attack: rotation}", f"attack: rotation, {more}}}"), "tiny.yaml")


# -- the paper's other step -------------------------------------------------------------------------------------------


def test_the_scaled_gradient_is_fgsm_for_l2(source: Adapter, digits_test: tuple[Tensor, Tensor]) -> None:
    """x + eps g / |g|, to the last bit; and the list of attacks says so."""
    x, y = digits_test
    gradient = source.input_gradient(x, y)
    unit = (gradient.double() / gradient.double().flatten(1).norm(dim=1)[:, None, None, None]).float()
    drawn = Draws((0, "checksum", "fgsm", 1), np.arange(len(x)))
    for eps in (0.1, 1.0, 2.5):
        (candidates,) = make_attack("fgsm", {}).craft(source, x, y, None, [Threat(norm="l2", eps=eps)], drawn)
        assert torch.equal(candidates, x + eps * unit)
    (listed,) = [entry for entry in attacks() if entry["name"] == "fgsm"]
    assert "scaled gradient" in listed["summary"]
    assert "l2" in attack_class("fgsm").norms
