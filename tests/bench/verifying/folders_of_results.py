"""A folder of results, what is in it, and how a liar would change it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from bench.datasets import open_dataset
from bench.planning.suite import Suite
from bench.records.examples import Kept, encode, sha256
from bench.records.record import Record
from bench.records.store import Store
from bench.verifying.labels import Model
from bench.verifying.verify import verified

DIGITS = open_dataset("digits")
SUITE = Suite.model_validate(
    {
        "suite": "verified",
        "dataset": {"name": "digits"},
        "models": [],
        "attacks": [
            {"attack": "fgsm", "norm": "linf", "eps": [0.1], "loss": "margin"},
            {"attack": "deepfool", "norm": "l2"},
        ],
    }
)


def of(store: Store, attack: str) -> tuple[Record, Kept]:
    record = next(found for found in store.records().values() if found.cell.craft.attack.name == attack)
    kept = store.examples(record)
    assert kept is not None
    return record, kept


def rewritten(store: Store, record: Record, kept: Kept | None = None, **result: Any) -> None:
    """A liar's record: all of its checksums are right."""
    run = record.run
    if kept is not None:
        content = encode(kept)
        run = run.model_copy(update={"examples": sha256(content)})
    changed = record.model_copy(update={"run": run, "result": record.result.model_copy(update=result)})
    store.replace(record.id, changed.json_text().encode())
    if kept is not None:
        store.keep(changed, content)


def problems(store: Store, model: Model | None = None) -> list[str]:
    return [
        line for _, verdict in verified(store, lambda id: DIGITS, lambda record: model) for line in verdict.problems
    ]


def at_hand(tree: DecisionTreeClassifier, store: Store) -> Model:
    record, _ = of(store, "fgsm")

    def ask(x: NDArray[np.float32]) -> tuple[NDArray[np.int64], None]:
        return tree.predict(x.reshape(len(x), -1)).astype(np.int64), None

    return Model(record.cell.target.fingerprint, ask)
