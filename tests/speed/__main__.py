"""What `make speed` runs: the comparisons, then `docs/performance.md` from what they measured."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.speed.report import missed, render

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "performance.md"


def main() -> int:
    """Measure and write; 1 where a test failed (nothing is written then) or a goal was missed."""
    with tempfile.TemporaryDirectory() as folder:
        measured = Path(folder) / "measured.json"
        # The project's own options skip the benchmarks, so they are put aside.
        options = ["-o", "addopts=", "-v", "--benchmark-columns=min,median,max", f"--benchmark-json={measured}"]
        tests = subprocess.run([sys.executable, "-m", "pytest", "tests/speed", *options], cwd=ROOT, check=False)
        if tests.returncode:
            return 1
        report = json.loads(measured.read_text())
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(render(report), encoding="utf-8")
    sys.stdout.write(f"wrote {DOCUMENT.relative_to(ROOT)}\n")
    short = missed(report)
    for line in short:
        sys.stdout.write(f"goal missed: {line.what}: {line.ours} {line.other} {line.ratio}; goal: {line.goal}\n")
    return bool(short)


if __name__ == "__main__":
    sys.exit(main())
