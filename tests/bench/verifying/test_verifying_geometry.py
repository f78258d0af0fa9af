"""Verifying: distances and rounding by its own arithmetic, and without attacks, judge or torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.verifying.eight_bit import pixels, rounded
from bench.verifying.geometry import lengths, outside


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.5))
def test_rounding_to_8_bits_stays_in_every_ball(seed: int, eps: float) -> None:
    draw = np.random.default_rng(seed)
    x = pixels(draw.integers(0, 256, (3, 1, 4, 4)).astype(np.uint8))
    far = np.clip(x + draw.uniform(-eps, eps, x.shape), 0, 1).astype(np.float32)
    back = pixels(rounded(x, far))
    assert (np.abs(back.astype(float) - x) <= np.abs(far.astype(float) - x)).all()
    assert (np.abs(back.astype(float) - far) < 1 / 255 + 1e-6).all()


def test_rounding_keeps_what_is_of_8_bits_and_goes_towards_the_clean_pixel() -> None:
    x = pixels(np.array([[[[0, 255, 100]]]], dtype=np.uint8))
    assert rounded(x, x).ravel().tolist() == [0, 255, 100]
    assert rounded(x, np.float32([[[[0.3, 0.7, 0.5]]]])).ravel().tolist() == [76, 179, 127]  # 0.3 is 76.5 / 255


def test_distances_by_hand() -> None:
    x, far = np.zeros((1, 3)), np.array([[3.0, 0.0, -4.0]])
    assert [float(lengths(norm, x, far)[0]) for norm in ("linf", "l2", "l1", "l0")] == [4, 5, 7, 2]
    assert [bool(outside(norm, x, far * np.nan, 9.0)[0]) for norm in ("linf", "l2", "l1", "l0")] == [True] * 4
    with pytest.raises(ValueError, match="cannot be verified"):
        lengths("l3", x, far)


def test_the_path_uses_no_attack_and_no_judge() -> None:
    rooms = ("bench.attacks", "bench.running.j", "bench.planning", "torch")
    probe = f"import sys, bench.verifying.verify; print([n for n in sys.modules if n.startswith({rooms})])"
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
