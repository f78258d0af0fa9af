"""The work of a board grows with its records, however many models there are."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from many import laid_out, records


def calls(found: dict[str, Any]) -> int:
    """Function calls that a board takes: a measure of work that no other process disturbs."""
    made = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    laid_out(found)  # what is unpacked once and kept is no work of the board's
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        laid_out(found)
    finally:
        sys.setprofile(before)
    return made


def test_twice_the_records_are_twice_the_work() -> None:
    few, many = records(30), records(60)
    growth = calls(many) / calls(few)
    assert growth <= 1.1 * len(many) / len(few), growth
