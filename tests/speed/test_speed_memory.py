"""Peak memory of the judged sweep, on 10,000 examples and on ten times as many."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("peak_memory.py")
ROOT = Path(__file__).parents[2]
TURNS = 3


@pytest.mark.slow
@pytest.mark.benchmark(group="memory")
@pytest.mark.parametrize("examples", [10_000, 100_000])
@pytest.mark.parametrize("turn", range(TURNS))
def test_peak_memory(benchmark, examples, turn, tmp_path):
    if not Path("/proc/self/status").is_file():
        pytest.skip("peak memory is read from Linux's /proc")

    def sweep():
        command = [sys.executable, str(SCRIPT), str(examples), str(tmp_path)]
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout

    said = json.loads(benchmark.pedantic(sweep))
    benchmark.extra_info.update(examples=examples, peak=said["peak"], before=said["before"])
    assert len(said["errors"]) == 8
