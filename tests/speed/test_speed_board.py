"""Laying out boards of few and of many models: the report sets the times of one record side by side."""

from __future__ import annotations

import time

import pytest
from many import laid_out, records


@pytest.mark.benchmark(group="board", timer=time.process_time, disable_gc=True)
@pytest.mark.parametrize("guests", [60, 900])
def test_board(benchmark, guests):
    found = records(guests)
    laid_out(found)  # what is unpacked once and kept is no work of the board's
    rows = benchmark.pedantic(laid_out, (found,), rounds=3)
    benchmark.extra_info.update(guests=guests, records=len(found))
    assert rows > guests
