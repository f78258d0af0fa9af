"""Where an interrupted training goes on: one file, safetensors with its state as JSON in the header, never pickle."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.files import replace_file, sweep

EVERY = 10.0
"""Seconds between checkpoints, at least: short trainings leave none, and large networks spend their time learning."""


class Saved(NamedTuple):
    """What a checkpoint holds."""

    tensors: dict[str, Tensor]
    """On the CPU."""
    state: dict[str, Any]
    """Plain JSON values."""


class Checkpoint:
    """The state of one training, replaced whole each time and read only by the same training."""

    def __init__(self, path: Path, training: Mapping[str, str]) -> None:
        """`training` is all that decides the result; a file of another training counts as none."""
        self.path = path
        self.training = json.dumps(dict(training), sort_keys=True)
        self._last = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self._last >= EVERY

    def save(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Replace the file. A folder that cannot be written costs the checkpoint, not the training."""
        kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        header = {"training": self.training, "state": json.dumps(state, sort_keys=True)}
        with suppress(OSError):
            sweep(self.path.parent)
            replace_file(self.path, save(kept, header | {"sha256": _digest(kept, header["state"])}))
        self._last = time.monotonic()

    def load(self) -> Saved | None:
        """What was saved last; None where nothing was, or the file is torn, changed or of another training."""
        if not self.path.is_file():  # a pipe would wait for somebody to write
            return None
        try:
            with safe_open(self.path, "pt") as file:
                header = file.metadata() or {}
                if header.get("training") != self.training:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if header.get("sha256") != _digest(tensors, header.get("state", "")):
                return None
            return Saved(tensors, json.loads(header["state"]))
        except (OSError, SafetensorError):
            return None

    def remove(self) -> None:
        """Forget the training, once its result is kept."""
        with suppress(OSError):
            self.path.unlink()


def _digest(tensors: Mapping[str, Tensor], state: str) -> str:
    """SHA-256, in hex, of names, kinds, shapes and values: weights in which a bit is flipped train on to others."""
    found = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
