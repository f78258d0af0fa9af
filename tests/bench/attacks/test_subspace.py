"""The gradient aligned subspace: its directions are orthogonal, climb alike, and fool where random ones do not."""

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
from bench.attacks import make_attack
from bench.attacks.subspace import aligned
from bench.draws import Draws
from bench.errors import UsageError
from bench.planning.suite import parse_suite
from bench.threats import Threat

NAME = "gradient-aligned-subspace"


def draws(indices: Any) -> Draws:
    return Draws((0, "checksum", NAME, 1), np.asarray(indices, dtype=np.int64))


def crafted(source: Adapter, x: Tensor, y: Tensor, eps: float, indices: Any = None, **parameters: Any) -> Tensor:
    attack = make_attack(NAME, parameters)
    drawn = draws(range(len(x)) if indices is None else indices)
    goals = attack.goals(source, x, y, drawn)
    (candidates,) = attack.craft(source, x, y, goals, [Threat(norm="l2", eps=eps)], drawn)
    return candidates


def subspace(gradient: Tensor, k: int) -> Tensor:
    """`(k, features)` all directions of one gradient."""
    return aligned(gradient.expand(k, *gradient.shape), torch.arange(k), k).flatten(1)


# -- geometry: lemma 1 ------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple),
    share=st.floats(0, 1),
    steepness=st.sampled_from([1e-30, 1.0, 1e30]),
    seed=st.integers(0, 2**16),
)
def test_directions_are_orthogonal_unit_vectors_that_climb_alike(
    shape: tuple[int, ...], share: float, steepness: float, seed: int
) -> None:
    """Whatever the length of the gradient, and up to as many directions as there are features."""
    features = math.prod(shape)
    k = max(1, round(share * features))
    gradient = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * steepness
    found = subspace(gradient, k)
    assert torch.allclose(found @ found.T, torch.eye(k, dtype=torch.float64), atol=1e-12)
    climb = found @ gradient.flatten() / gradient.norm()
    assert torch.allclose(climb, torch.full_like(climb, k**-0.5), atol=1e-12)


def test_two_directions_worked_out_by_hand() -> None:
    """At 45 degrees on either side of a gradient along the last axis."""
    second, first = subspace(torch.tensor([0.0, 0.0, 2.0]), 2)
    assert torch.allclose(first, torch.tensor([0.5, -0.5, math.sqrt(0.5)]))
    assert torch.allclose(second, torch.tensor([-0.5, 0.5, math.sqrt(0.5)]))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("tilt", [0, 1e-17, 1e-12, 1e-6])
def test_a_gradient_along_the_sum_of_the_basis_or_against_it(k: int, sign: int, tilt: float) -> None:
    """Where one of the two reflections is nothing but rounding."""
    gradient = torch.full((4,), tilt, dtype=torch.float64)
    gradient[:k] = sign
    found = subspace(gradient, k)
    assert torch.allclose(found @ found.T, torch.eye(k, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(found @ gradient / gradient.norm(), torch.tensor(k**-0.5, dtype=torch.float64), atol=1e-12)


def test_a_zero_gradient_gives_no_direction() -> None:
    gradient = torch.zeros(2, 4)
    gradient[1, 3] = 1
    found = aligned(gradient, torch.tensor([0, 0]), 1)
    assert torch.equal(found[0], torch.zeros(4))
    assert torch.allclose(found[1], gradient[1])


# -- as an attack -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 7, 64])
def test_every_step_is_as_long_as_it_may_be(k: int, source: Adapter, digits_test: tuple[Tensor, Tensor]) -> None:
    x, y = digits_test
    step = (crafted(source, x, y, 1.5, directions=k) - x).flatten(1)
    assert step.double().norm(dim=1).numpy() == pytest.approx(1.5, rel=1e-6)
    climb = (step * source.input_gradient(x, y).flatten(1)).sum(1)
    expected = 1.5 / math.sqrt(k) * source.input_gradient(x, y).flatten(1).norm(dim=1)
    assert torch.allclose(climb, expected, rtol=1e-3, atol=1e-7)


def test_a_single_direction_is_the_scaled_gradient(source: Adapter, digits_test: tuple[Tensor, Tensor]) -> None:
    x, y = digits_test
    (fgsm,) = make_attack("fgsm", {}).craft(source, x, y, None, [Threat(norm="l2", eps=2.0)], draws(range(len(x))))
    assert torch.allclose(crafted(source, x, y, 2.0), fgsm, atol=1e-6)


def test_examples_take_turns_by_their_position_in_the_split(
    source: Adapter, digits_test: tuple[Tensor, Tensor]
) -> None:
    """Whatever batch they come in: five times the same example goes along the five directions, then starts anew."""
    x, y = (part[:1].expand(6, *part.shape[1:]) for part in digits_test)
    first = crafted(source, x, y, 1.0, indices=range(10, 16), directions=5)
    steps = (first - x).flatten(1)
    assert torch.allclose(steps[:5] @ steps[:5].T, torch.eye(5), atol=1e-5)
    assert torch.equal(first[5], first[0])
    later = crafted(source, x[:2], y[:2], 1.0, indices=[13, 104], directions=5)
    assert torch.allclose(later, first[[3, 4]], atol=1e-6)


def test_more_directions_than_features_are_refused(source: Adapter, digits_test: tuple[Tensor, Tensor]) -> None:
    x, y = digits_test
    with pytest.raises(UsageError, match=f"directions 65 of attack {NAME}: an input of 64 features"):
        crafted(source, x, y, 1.0, directions=65)


@pytest.mark.parametrize("directions", [0, -1, 2.5, "all"])
def test_a_number_of_directions_that_is_none_is_refused(directions: Any) -> None:
    with pytest.raises(UsageError, match="directions"):
        make_attack(NAME, {"directions": directions})


def test_a_targeted_step_goes_to_its_class(source: Adapter, digits_test: tuple[Tensor, Tensor]) -> None:
    x, y = digits_test
    moved = crafted(source, x, y, 3.0, directions=3, target="next")
    assert (source.predict(moved) == (y + 1) % 10).float().mean() > 0.5


def test_several_directions_fool_where_random_ones_do_not(source: Adapter, digits_test: tuple[Tensor, Tensor]) -> None:
    """The more of them, the less each climbs."""
    x, y = digits_test
    errors = [float((source.predict(crafted(source, x, y, 2.0, directions=k)) != y).float().mean()) for k in (1, 5, 20)]
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    noise = 2.0 * noise / noise.flatten(1).norm(dim=1)[:, None, None, None]
    by_chance = float((source.predict(x + noise) != y).float().mean())
    assert errors == sorted(errors, reverse=True)
    assert errors[1] > 0.5
    assert errors[2] > by_chance + 0.1


# -- in a suite -------------------------------------------------------------------------------------------------------

SUITE = """\
suite: tiny
dataset: {name: digits}
attacks:
  - {attack: gradient-aligned-subspace, norm: l2, eps: [1, 2], clip: false}
  - {attack: gradient-aligned-subspace, norm: l2, eps: [1, 2], clip: false, directions: 5}
"""


def test_a_suite_has_an_entry_a_number_of_directions(digits_net: nn.Module, tmp_path: Path) -> None:
    board = bench.run(parse_suite(SUITE, "tiny.yaml"), {"net": digits_net}, out=tmp_path, device="cpu")
    rows = [row for row in board.rows if row.attack == NAME]
    errors: dict[Any, Any] = {((row.parameters or {})["directions"], row.eps): row.error for row in rows}
    assert set(errors) == {(k, eps) for k in (1, 5) for eps in (1.0, 2.0)}
    assert errors[1, 1.0] > errors[5, 1.0]
    assert errors[5, 2.0] > errors[5, 1.0]


def test_only_an_l2_ball_bounds_it() -> None:
    with pytest.raises(UsageError, match=f"attack {NAME} needs norm: l2, not linf"):
        parse_suite(SUITE.replace("norm: l2", "norm: linf"), "tiny.yaml")
