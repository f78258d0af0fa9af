"""Run the judged sweep on so many examples in a process of its own, and print its peak memory.

python tests/speed/peak_memory.py EXAMPLES FOLDER
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from judged_sweep import plan_sweep, run_sweep
from numpy.typing import NDArray

from bench import zoo
from bench.datasets import Dataset, open_dataset

MNIST = open_dataset("mnist")


@dataclass(frozen=True)
class Repeated(Dataset):
    """MNIST over and over. The images are kept once, so that what grows with their number is the harness alone."""

    def labels(self, split: str) -> NDArray[np.int64]:
        return np.tile(MNIST.labels(split), self.sizes[split] // MNIST.sizes[split])

    def examples(self, split: str, indices: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        return MNIST.examples(split, indices % MNIST.sizes[split])


def repeated(examples: int) -> Dataset:
    """MNIST with a test split of so many images."""
    values = {field.name: getattr(MNIST, field.name) for field in fields(MNIST) if field.init}
    return Repeated(**values | {"sizes": {"test": examples}})


def peak_memory() -> int:
    """The largest resident size of this process so far, in bytes.

    From the kernel rather than from `getrusage`, whose figure a child inherits from the parent that started it.
    """
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].removesuffix("kB")) * 1024


def main(examples: int, folder: Path) -> None:
    dataset, model = repeated(examples), zoo.load("mnist", "maxout")
    before = peak_memory()
    errors = run_sweep(dataset, model, plan_sweep(dataset, model), folder)
    sys.stdout.write(json.dumps({"errors": errors, "before": before, "peak": peak_memory()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
