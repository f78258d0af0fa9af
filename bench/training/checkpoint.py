"""Where an interrupted training goes on: one file, safetensors with its state as JSON in the header, never pickle."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.files import replace_file

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
        header = {"training": self.training, "state": json.dumps(state, sort_keys=True)}
        content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, header)
        with suppress(OSError):
            replace_file(self.path, content)
        self._last = time.monotonic()

    def load(self) -> Saved | None:
        """What was saved last; None where nothing was, or the file is torn or of another training."""
        try:
            with safe_open(self.path, "pt") as file:
                header = file.metadata() or {}
                if header.get("training") != self.training:
                    return None
                return Saved({name: file.get_tensor(name) for name in file.keys()}, json.loads(header["state"]))  # noqa: SIM118
        except (OSError, SafetensorError):
            return None

    def remove(self) -> None:
        """Forget the training, once its result is kept."""
        with suppress(OSError):
            self.path.unlink()
