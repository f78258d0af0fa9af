"""What the dataset tests share: small IDX folders, and errors that must be one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from datasets_help import Refuses, packed_idx

from bench.datasets import idx
from bench.errors import UsageError


@pytest.fixture
def refuses() -> Refuses:
    """`with refuses("part", ...)`: a UsageError of one line that names every part."""

    @contextmanager
    def check(*parts: object) -> Iterator[None]:
        with pytest.raises(UsageError) as caught:
            yield
        message = str(caught.value)
        assert "\n" not in message
        for part in parts:
            assert str(part) in message

    return check


@pytest.fixture
def idx_files(tmp_path: Path) -> Path:
    """A folder of four small, sound IDX files: 12 training and 6 test images of 5 x 4, labels 0 to 2."""
    folder = tmp_path / "idx"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for (images, labels), n in zip(idx.SPLITS.values(), (12, 6), strict=True):
        (folder / images).write_bytes(packed_idx(generator.integers(0, 256, (n, 5, 4), np.uint8)))
        (folder / labels).write_bytes(packed_idx((np.arange(n) % 3).astype(np.uint8)))
    return folder
