"""Laying out a board of many models: the time grows with the records."""

from __future__ import annotations

import time

import pytest
from many import laid_out, records

each: dict[int, float] = {}
"""Seconds a record, by the number of guests."""


@pytest.mark.benchmark(group="board", timer=time.process_time, disable_gc=True)
@pytest.mark.parametrize("guests", [60, 900])
def test_board(benchmark, guests):
    found = records(guests)
    laid_out(found)  # what is unpacked once and kept is no work of the board's
    rows = benchmark.pedantic(laid_out, (found,), rounds=3)
    each[guests] = benchmark.stats.stats.min / len(found)
    ratio = each[guests] / min(each.values())
    benchmark.extra_info.update(guests=guests, records=len(found), rows=rows, ratio=ratio)
    assert ratio < 2
