"""Potemkin: how much of a classifier's accuracy is facade?

    import bench

    board = bench.run("mnist-fgsm", models={"my-svm": fitted_svc})
    print(board)

Importing this package loads no torch.
"""

from __future__ import annotations

from bench.api import Board, Compared, compare, run
from bench.errors import UsageError

__all__ = ["Board", "Compared", "UsageError", "compare", "run"]
