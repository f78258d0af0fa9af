"""Checkpoints of a training: read back as they were written, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from bench.training.checkpoint import Checkpoint

TENSORS = {
    "weight": torch.arange(6.0).reshape(2, 3),
    "count": torch.tensor(3),
    "half": torch.ones(2, dtype=torch.bfloat16),
}
STATE = {"epoch": 2}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    made = Checkpoint(tmp_path / "checkpoints" / "net.safetensors", {"recipe": "r"})
    made.save(TENSORS, STATE)
    return made


def test_it_comes_back(checkpoint: Checkpoint) -> None:
    found = checkpoint.load()
    assert found is not None
    assert found.state == STATE
    assert found.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(found.tensors[name], TENSORS[name]) for name in TENSORS)
    assert Checkpoint(checkpoint.path, {"recipe": "another"}).load() is None


def test_no_flipped_bit_trains_on_to_another_model(checkpoint: Checkpoint) -> None:
    content = checkpoint.path.read_bytes()
    for place in range(len(content)):
        checkpoint.path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        found = checkpoint.load()
        if found is not None:
            assert found.state == STATE
            assert all(torch.equal(found.tensors[name], TENSORS[name]) for name in TENSORS)


def test_a_pipe_in_its_place_hangs_nothing(checkpoint: Checkpoint) -> None:
    checkpoint.path.unlink()
    os.mkfifo(checkpoint.path)
    assert checkpoint.load() is None
