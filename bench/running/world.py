"""What a job needs besides itself: the data, the models and a device."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version

import torch

from adapters.base import Adapter
from adapters.errors import Unsupported
from adapters.identified import NO_VERSION
from bench.datasets.base import Dataset
from bench.pool import Pool
from bench.records.cell import Cell, ModelInfo
from bench.records.record import Run
from bench.running.blind import Memory

BATCHES = {"cpu": 500, "cuda": 1000}
"""Examples crafted at once, at most: enough to keep the device busy, few enough to keep memory flat."""

TRAINING = "train"
"""The split that models are fitted on."""


class Changed(Exception):
    """A model that is not the one that was planned."""


class World:
    """One dataset and its models on one device."""

    def __init__(
        self,
        dataset: Dataset,
        adapter: Callable[[str], Adapter],
        device: str,
        batch: int | None = None,
        sent: Collection[str] = (),
        files: Mapping[str, str] | None = None,
        keep: int = 0,
    ) -> None:
        """
        Args:
            dataset: the suite's.
            adapter: gives the model of a name, on the device.
            device: `cpu` or `cuda`.
            batch: examples crafted or asked at once, at most; None for the device's usual number.
            sent: names of models that came as objects from the process that planned: they are what it says they are.
            files: SHA-256 of the files of models that have one, by their names, for the record.
            keep: how many adversarial inputs of a cell are kept.
        """
        self.dataset = dataset
        self.device = device
        self.keep = keep
        self._batch = batch or BATCHES[device]
        self._fits: dict[str | None, int] = {}
        self._adapter = adapter
        self._sent = frozenset(sent)
        self._files = dict(files or {})
        self._known: dict[str, tuple[str | None, Adapter]] = {}
        self._memories: dict[str, Memory] = {}
        self._training: Pool | None = None
        if device == "cuda":  # rounding products to 10 bits would move labels that a CPU does not
            torch.backends.cudnn.allow_tf32 = False

    def model(self, info: ModelInfo) -> Adapter:
        """The model that a cell names.

        Raises:
            Changed: the one of that name is another by now.
        """
        if info.name not in self._known:
            adapter = self._adapter(info.name)
            untold = info.name in self._sent or NO_VERSION in adapter.notes  # of these nothing tells, in any process
            self._known[info.name] = None if untold else adapter.fingerprint, adapter
        fingerprint, adapter = self._known[info.name]
        if fingerprint not in (None, info.fingerprint):
            raise Changed(f"model {info.name} has changed since it was planned; run the same command again")
        return adapter

    def training(self) -> Pool:
        """The dataset's training examples, read at the first call.

        Raises:
            Unsupported: it has none.
        """
        if self._training is None:
            if not self.dataset.sizes.get(TRAINING):
                raise Unsupported(f"dataset {self.dataset.name!r} has no {TRAINING} split to start from")
            classes = self.dataset.labels(TRAINING)
            order = classes.argsort(kind="stable")
            examples = torch.from_numpy(self.dataset.examples(TRAINING, order)).flatten(1)
            self._training = Pool(examples.to(self.device), torch.from_numpy(classes[order]).to(self.device))
        return self._training

    def fits(self, info: ModelInfo | None) -> int:
        """Examples crafted on a model or shown to it at once, at most; of None, crafted on no model."""
        return self._fits.get(info.name if info else None, self._batch)

    def lower(self, info: ModelInfo | None, size: int) -> None:
        """What did not fit once is not tried again, with this model; the others are asked as before."""
        self._fits[info.name if info else None] = max(1, size)

    def memory(self, info: ModelInfo) -> Memory:
        """What the model has answered in this process."""
        return self._memories.setdefault(info.name, Memory())

    def how(self, started: float, cells: Sequence[Cell], batch: int) -> Run:
        """How a run went that began at `started` (of `time.perf_counter`) and made these cells."""
        names = {model.name for cell in cells for model in (cell.craft.source, cell.target) if model is not None}
        files = {name: digest for name, digest in sorted(self._files.items()) if name in names}
        return Run(
            finished=datetime.now(UTC).isoformat(timespec="milliseconds"),
            seconds=round((time.perf_counter() - started) / max(len(cells), 1), 4),
            device=_device_name(self.device),
            threads=torch.get_num_threads(),
            batch=batch,
            host=platform.node(),
            versions=versions(),
            files=files or None,
        )


@cache
def versions() -> dict[str, str]:
    """Of Python and of the libraries that results may depend on."""
    libraries = {name: version(name) for name in ("numpy", "scikit-learn", "torch", "potemkin-bench")}
    return {"python": platform.python_version(), **libraries}


def _device_name(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.machine()} cpu, {os.cpu_count()} cores"
