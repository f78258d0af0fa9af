"""One model whose worst cases are known, attacked, certified and judged as in a run, without a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from adapters.base import Adapter
from adapters.errors import InvalidOutput
from bench.attacks.base import Attack
from bench.datasets.base import Dataset
from bench.planning.plan import Job
from bench.records.cell import AttackId, Cell, Craft, DatasetId, ModelInfo, Slice
from bench.records.result import Result
from bench.running.job import run_job
from bench.running.tally import joined
from bench.running.world import World
from bench.selftest.base import Array, Known
from bench.threats import Threat

CLIP = (0.0, 1.0)
TRAINING = 100
"""Training examples, drawn evenly and labelled by the model, for attacks that start from some."""


class Broken(Exception):
    """An attack or a model failed."""


@dataclass
class Found:
    """What attacks and certificates came to on one model's `N` examples."""

    attacked: dict[str, Array] = field(default_factory=dict)
    """By the attack's name: `(N,)` least size or distance at which it fools each example, infinite where at none."""
    proved: Array | None = None
    """`(N,)` radius within which each example is certified; None where nothing certifies the model."""
    witnessed: Array | None = None
    """`(N,)` distance of what the certificate found mislabelled."""
    broken: list[str] = field(default_factory=list)
    """What failed, in a line each."""


class Trial:
    """One model."""

    def __init__(self, known: Known, adapter: Adapter, norm: str, sizes: Sequence[float]) -> None:
        """
        Args:
            known: what it is known by.
            adapter: the model, or a copy of it.
            norm: that the truth is of.
            sizes: that attacks which do not look for the nearest are set, ascending.
        """
        self.n, self.norm, self.sizes = len(known.x), norm, tuple(sizes)
        digest = hashlib.sha256(known.x.tobytes()).hexdigest()
        self.dataset = _dataset(known, adapter, digest)
        self.info = ModelInfo(name="model", fingerprint=digest, family=adapter.family, gradient=adapter.gradient)
        self.world = World(self.dataset, lambda name: adapter, "cpu", sent=("model",))

    def run(self, attacks: Sequence[Attack]) -> Found:
        """Attack and certify all examples."""
        found = Found()
        for attack in attacks:
            try:
                cells = list(self._judged(attack))
            except (Broken, InvalidOutput) as error:
                found.broken.append(f"{attack.name}: {error}")
                continue
            for threat, result in cells:
                self._take(found, attack, threat, result)
        return found

    def _judged(self, attack: Attack) -> Iterator[tuple[Threat, Result]]:
        """Each budget with its result, those left out that the model lacks something for.

        Raises:
            Broken: the attack or the model failed.
            InvalidOutput: a certificate contradicts itself.
        """
        sizes: Sequence[float | None] = (None,) if attack.measures else self.sizes
        threats = [Threat(norm=self.norm, eps=eps, clip=CLIP) for eps in sizes]
        named = AttackId(name=attack.name, revision=attack.revision, parameters=attack.model_dump(mode="json"))
        source = None if attack.needs == "nothing" else self.info
        craft = Craft(
            dataset=DatasetId(name=self.dataset.name, checksum=self.dataset.checksum),
            slice=Slice(split="test", stop=self.n, of=self.n),
            attack=named,
            source=source,
            seed=0,
        )
        kind: Literal["attack", "certificate"] = "certificate" if attack.proves else "attack"
        cells = [
            Cell(kind=kind, craft=craft, threat=threat, criterion=attack.criterion, target=self.info)
            for threat in threats
        ]
        for part in run_job(Job(craft, tuple(cells)), self.world):  # of at most a thousand examples: one
            for threat, item in zip(threats, part.cells, strict=True):
                if item.broken is not None and item.broken[0] != "unsupported":
                    raise Broken(f"{item.broken[0]}: {item.broken[1]}")
                if item.findings:
                    raise Broken(", ".join(item.findings))
                if item.broken is None:
                    yield threat, joined([item], len(self.dataset.classes))

    def _take(self, found: Found, attack: Attack, threat: Threat, result: Result) -> None:
        size = np.full(self.n, threat.eps) if result.distance is None else result.distance
        hit = np.where(result.predicted != self.dataset.labels("test"), size, np.inf).astype(np.float64)
        if attack.proves:
            found.proved, found.witnessed = result.radius.astype(np.float64), hit
            return
        found.attacked[attack.name] = np.minimum(found.attacked.get(attack.name, np.inf), hit)


def _dataset(known: Known, adapter: Adapter, digest: str) -> Dataset:
    """The examples as a dataset, with training examples that the model labels itself."""
    shape = known.x.shape[1:]
    points = np.random.default_rng(int(digest[:8], 16)).random((TRAINING, *shape), dtype=np.float32)
    splits: Mapping[str, tuple[NDArray[Any], NDArray[Any]]] = {
        "test": (known.x, known.y),
        "train": (points, adapter.predict(torch.from_numpy(points)).numpy()),
    }
    return Dataset(
        name="selftest",
        input_shape=shape,
        classes=tuple(map(str, range(known.classes))),
        sizes={name: len(y) for name, (_, y) in splits.items()},
        checksum=digest,
        read=splits.__getitem__,
    )
