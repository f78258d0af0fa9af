"""Runs killed again and again, each time after a new record: no record is lost, changed or made twice.

Inputs are kept beside the records, as in any run; each record's are there before it, and none stay without one."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from pathlib import Path
from typing import Any

from tests.faults.kept import untold, without_inputs
from tests.faults.outcome import Outcome
from tests.test_resume import CELLS, PRELOADED, SUITE, carry_out, records

RIGHT = ("every record whole and with its inputs, none lost, none changed",)
RESULTS = "out/results"
FOLDERS = "cells", "examples", "asked", "suites", "starts"
"""In which a run that has ended leaves files."""
TIMES = 12
"""Kills that a run gets at most before it may end, so that there are many ends to look at."""


def kills(times: int, folder: Path, suite: str = SUITE, cells: int = CELLS) -> Outcome:
    """Kill runs of a suite of so many cells so many times, let them end, and compare with one that nobody disturbed."""
    outcome, chance = Outcome("Runs killed after a new record", RIGHT), random.Random(3)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)

    def start(place: Path) -> Any:
        place.mkdir(parents=True, exist_ok=True)
        (place / "tiny.yaml").write_text(suite)
        child = context.Process(target=_alone, args=(str(place),))
        child.start()
        return child

    start(folder / "whole").join(120)
    expected = records(folder / "whole")
    inputs = _inputs(folder / "whole")
    assert len(expected) == cells, "the run that nobody disturbs does not end"
    assert inputs, "it keeps no inputs"
    number = 0
    while outcome.faults < times:
        place, number = folder / str(number), number + 1
        for _ in range(min(TIMES, times - outcome.faults)):
            started = time.perf_counter()
            before = records(place)
            child = start(place)
            _wait(child, place, len(before) + 1)
            time.sleep(chance.uniform(0, 0.02))
            child.kill()
            child.join(60)
            after = records(place)
            if len(after) == cells or len(after) <= len(before):
                break  # it ended first: that was no kill
            kept = before.items() <= after.items() <= expected.items()
            came = RIGHT[0] if kept else "a record was lost or changed"
            if without_inputs(place / RESULTS):
                came = "a record without the inputs that it tells of"
            outcome.add(came, time.perf_counter() - started, str(place))
        child = start(place)
        child.join(120)
        if wrong := _wrong(place, child.exitcode, expected, inputs):
            outcome.wrong.append(f"{outcome.name}: {wrong}: {place}")
    return outcome


def _alone(place: str) -> None:
    """A run that sees no results but its own."""
    os.chdir(place)
    carry_out(place)


def _wait(child: Any, place: Path, count: int) -> None:
    """Until a run has published so many records."""
    cells = place / RESULTS / "cells"
    while child.is_alive() and not (cells.is_dir() and len(list(cells.glob("[!.]*.json"))) >= count):
        time.sleep(0.0005)


def _inputs(place: Path) -> dict[str, bytes]:
    """Every file of kept inputs, by name."""
    return {path.name: path.read_bytes() for path in (place / RESULTS / "examples").iterdir()}


def _wrong(place: Path, code: int | None, expected: dict[str, str], inputs: dict[str, bytes]) -> str | None:
    """What is wrong with a folder in which a run has ended; None where all is as it should be."""
    results = place / RESULTS
    if code != 0:
        return f"the last run ends with {code}"
    if records(place) != expected:
        return "the records are not those of a run that nobody disturbed"
    there = [path for path in results.rglob("*") if path.is_file()]
    if left := [path.name for path in there if path.parent.name not in FOLDERS]:
        return f"left behind: {left}"
    if left := untold(results):
        return f"kept inputs of no record left behind: {left}"
    if without_inputs(results) or _inputs(place) != inputs:
        return "the kept inputs are not those of a run that nobody disturbed"
    if hidden := [path.name for path in (place / "out").rglob(".*")]:
        return f"half-written files left behind: {hidden}"
    return None
