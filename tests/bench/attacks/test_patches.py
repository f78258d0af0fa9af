"""Squares of images and runs of features lie where they should."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.attacks.patches import Plane, bump

sizes = st.integers(1, 9)


@pytest.mark.parametrize(
    ("shape", "plane"),
    [((3, 8, 6), (3, 8, 6)), ((8, 6), (1, 8, 6)), ((48,), (1, 1, 48)), ((2, 2, 3, 4), (1, 1, 48)), ((), (1, 1, 1))],
)
def test_images_are_planes_and_all_else_is_a_line(shape: tuple[int, ...], plane: tuple[int, int, int]) -> None:
    assert Plane.of(shape) == plane


@pytest.mark.parametrize(
    ("plane", "share", "least", "sides"),
    [
        (Plane(1, 28, 28), 0.8, 1, (25, 25)),  # as in the paper's code
        (Plane(1, 28, 28), 0.05, 1, (6, 6)),
        (Plane(1, 28, 28), 0.05, 3, (7, 7)),
        (Plane(1, 28, 28), 1e-4, 1, (1, 1)),
        (Plane(1, 28, 28), 1e-4, 3, (3, 3)),
        (Plane(3, 4, 9), 1.0, 1, (4, 4)),
        (Plane(1, 1, 30), 0.5, 1, (1, 15)),
        (Plane(1, 30, 1), 0.5, 1, (15, 1)),
        (Plane(1, 1, 2), 0.1, 3, (1, 2)),
        (Plane(1, 1, 1), 0.1, 3, (1, 1)),
    ],
)
def test_a_patch_has_its_share_of_the_features(plane: Plane, share: float, least: int, sides: tuple[int, int]) -> None:
    assert plane.sides(share, least) == sides


@given(height=sizes, width=sizes, share=st.floats(1e-3, 1), least=st.sampled_from([1, 3]), data=st.data())
def test_places_are_of_a_rectangle_inside(
    height: int, width: int, share: float, least: int, data: st.DataObject
) -> None:
    plane = Plane(1, height, width)
    sides = plane.sides(share, least)
    unit = st.floats(0, 1, exclude_max=True)
    corner = torch.tensor([[data.draw(unit), data.draw(unit)]], dtype=torch.float64)
    (found,) = plane.places(corner, sides).tolist()
    rows, columns = sorted({k // width for k in found}), sorted({k % width for k in found})
    assert found == [row * width + column for row in rows for column in columns]
    assert (len(rows), len(columns)) == sides
    assert rows == list(range(rows[0], rows[0] + sides[0])) and rows[-1] < height  # noqa: PT018
    assert columns == list(range(columns[0], columns[0] + sides[1])) and columns[-1] < width  # noqa: PT018


def test_every_place_of_a_patch_can_be_drawn() -> None:
    plane = Plane(1, 3, 4)
    corner = torch.cartesian_prod(*[torch.linspace(0, 0.999, 50, dtype=torch.float64)] * 2)
    assert len(torch.unique(plane.places(corner, (2, 2)), dim=0)) == 2 * 3


def test_a_bump_is_that_of_the_papers_code() -> None:
    """`eta` of the reference implementation for a side of 5, written out: rings of 1, 1/4 and 1/9 around the middle."""
    r1, r2, r3 = 1 / 9, 1 / 9 + 1 / 4, 1 / 9 + 1 / 4 + 1
    up = np.array([[r1, r2, r2, r2, r1], [r1, r2, r3, r2, r1]])
    down = np.array([[r1, r2, r2, r2, r1], [r1, r2, r3, r2, r1], [r1, r2, r2, r2, r1]])
    both = np.concatenate([up / np.linalg.norm(up), -down / np.linalg.norm(down)])
    np.testing.assert_allclose(bump(5, 5), both / np.linalg.norm(both))


@given(height=sizes, width=sizes)
def test_a_bump_has_length_one_and_two_signs(height: int, width: int) -> None:
    found = bump(height, width)
    assert found.shape == (height, width)
    assert np.linalg.norm(found) == pytest.approx(1)
    assert (found != 0).all()
    assert {-1.0, 1.0} >= set(np.sign(found).flatten()) and (found.size == 1 or found.min() < 0 < found.max())  # noqa: PT018
