"""What is at hand to verify records with: datasets by their checksums, and models by their names."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.datasets import names, open_dataset, options_of
from bench.datasets.base import Dataset
from bench.errors import OfOtherData, UsageError
from bench.progress import SILENT
from bench.records.cell import DatasetId
from bench.records.record import Record
from bench.running.isolation.limits import Limits
from bench.running.isolation.models import Isolated
from bench.verifying.labels import Model

if TYPE_CHECKING:
    from adapters.base import Adapter
    from bench.running.roster import Models


class Datasets:
    """Opens each once."""

    def __init__(self, path: Path | None) -> None:
        """`path` is for datasets that are read from one."""
        self._path = path
        self._found: dict[str, Dataset | str] = {}

    def __call__(self, id: DatasetId) -> Dataset | str:
        """The dataset of that checksum, or a line that says why it is not at hand."""
        if id.checksum not in self._found:
            self._found[id.checksum] = self._opened(id)
        return self._found[id.checksum]

    def _opened(self, id: DatasetId) -> Dataset | str:
        if id.name not in names():
            return f"dataset {id.name!r} is not known here"
        options: dict[str, Any] = {"path": str(self._path)} if self._path and "path" in options_of(id.name) else {}
        try:
            found = open_dataset(id.name, **options)
        except (UsageError, OSError) as error:
            return f"dataset {id.name!r} is not at hand: {error}"
        return found if found.checksum == id.checksum else f"dataset {id.name!r} here is another one"


class Hand:
    """Models that the caller names, each made once for each dataset."""

    def __init__(self, datasets: Datasets, specs: Sequence[str], device: str, limits: Limits | None) -> None:
        self._datasets, self._specs, self._device, self._limits = datasets, list(specs), device, limits
        self._models: dict[str, tuple[Models, dict[str, str]]] = {}
        self._made: dict[tuple[str, str], Model] = {}
        self._idle = set(specs)

    def __call__(self, record: Record) -> Model | None:
        """The model of the name of a record's target."""
        id, name = record.cell.craft.dataset, record.cell.target.name
        dataset = self._datasets(id)
        if not self._specs or isinstance(dataset, str):
            return None
        if id.checksum not in self._models:
            self._models[id.checksum] = self._opened(dataset)
        models, known = self._models[id.checksum]
        if name not in known:
            return None
        self._idle.discard(known[name])
        if (id.checksum, name) not in self._made:
            self._made[id.checksum, name] = _asked(models.adapter(name), models.resolved_device, dataset)
        return self._made[id.checksum, name]

    @property
    def idle(self) -> list[str]:
        """The specs of which no record met a model."""
        return [spec for spec in self._specs if spec in self._idle]

    def close(self) -> None:
        """End the processes of models."""
        for models, _ in self._models.values():
            models.close()

    def _opened(self, dataset: Dataset) -> tuple[Models, dict[str, str]]:
        """The models of a dataset, and the spec of each by its name."""
        from bench import zoo
        from bench.running.roster import Models, chosen

        isolated = None if self._limits is None else Isolated(self._limits, SILENT.say)
        models = Models(dataset, self._device, isolated=isolated)
        known: dict[str, str] = {}
        others = {name for each in names() for name in zoo.names(each)} - {*zoo.names(dataset.name)}
        for spec in (spec for spec in self._specs if spec not in others):
            with contextlib.suppress(OfOtherData):  # a folder may hold records of several datasets
                own, guests = chosen([spec], models, list(zoo.names(dataset.name)))
                known |= dict.fromkeys([*own, *guests], spec)
        return models, known


def _asked(adapter: Adapter, device: str, dataset: Dataset) -> Model:
    import torch

    from bench.checks.outputs import verified

    def ask(x: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
        given = torch.from_numpy(np.array(x)).to(device)
        labels, scores, _ = verified(adapter.outputs(given), len(x), len(dataset.classes))
        return labels.cpu().numpy(), None if scores is None else scores.double().cpu().numpy()

    return Model(adapter.fingerprint, ask, adapter.stochastic)
