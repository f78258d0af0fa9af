"""Which examples a plan covers: slices, and samples of them."""

from __future__ import annotations

import numpy as np
from handmade import toy
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import GRADIENT, A, planned

from bench.planning.plan import SLICE
from bench.records.record import Cell, Slice
from bench.records.sampling import indices


def spans(cells: list[Cell]) -> list[tuple[int, int]]:
    return [(item.craft.slice.start, item.craft.slice.stop) for item in cells]


def test_slices_of_ten_thousand() -> None:
    cells = planned(GRADIENT, (A,), dataset=toy([0, 1] * 12_500, classes=2))
    assert SLICE == 10_000
    expected = [(0, 10_000), (10_000, 20_000), (20_000, 25_000)]
    assert spans(cells[:3]) == expected
    assert {item.craft.attack.name for item in cells[:3]} == {"clean"}
    assert len({item.craft.id for item in cells}) == 6
    assert not any(item.craft.slice.partial for item in cells)


def test_a_limit_is_a_sample_that_says_so() -> None:
    for item in planned(GRADIENT, (A,), limit=4):
        assert item.craft.slice == Slice(split="test", stop=4, of=6, sample=0)
        assert item.craft.slice.partial


def test_a_limit_beyond_the_data_is_no_limit() -> None:
    assert [item.id for item in planned(GRADIENT, limit=6)] == [item.id for item in planned(GRADIENT)]


def test_an_attack_over_a_sample_brings_a_clean_pass_over_the_same() -> None:
    cells = planned(f"{GRADIENT}\n  - {{attack: iterated-fgsm, norm: linf, eps: 0.1, n: 3}}", (A,))
    assert [item.craft.slice.stop for item in cells if item.craft.attack.name == "clean"] == [6, 3]
    assert [item.craft.slice.stop for item in planned(GRADIENT, (A,), limit=2)] == [2, 2, 2]


def test_generated_inputs_have_no_split_and_a_clean_pass_over_all_examples() -> None:
    cells = planned("  - {attack: gaussian-rubbish, n: 15000}", (A,))
    assert [(item.craft.slice.split, *spans([item])[0]) for item in cells] == [
        ("test", 0, 6),
        (None, 0, 10_000),
        (None, 10_000, 15_000),
    ]


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=120),
    data=st.data(),
    seed=st.integers(),
)
def test_samples_are_stratified(labels: list[int], data: st.DataObject, seed: int) -> None:
    """Every class keeps its share, but for rounding; positions are ascending and distinct."""
    y = np.asarray(labels)
    n = data.draw(st.integers(1, len(y)))
    chosen = indices(Slice(split="test", stop=n, of=len(y), sample=seed), y)
    assert len(chosen) == n
    assert (np.diff(chosen) > 0).all()
    for value in np.unique(y):
        share = (y == value).mean()
        assert abs((y[chosen] == value).sum() - n * share) <= (1 + len(np.unique(y)) * share) / 2 + 1e-9
    assert np.array_equal(chosen, indices(Slice(split="test", stop=n, of=len(y), sample=seed), y))


def test_a_smaller_sample_is_part_of_a_larger_one() -> None:
    """So a longer look never contradicts a shorter one."""
    y = np.arange(200) % 7
    small, large = (indices(Slice(split="test", stop=n, of=200, sample=1), y) for n in (20, 90))
    assert set(small) <= set(large)


def test_the_sample_never_changes() -> None:
    chosen = indices(Slice(split="test", stop=6, of=40, sample=0), np.arange(40) % 3)
    assert chosen.tolist() == [0, 1, 2, 21, 25, 38]
