"""Inputs that are kept beside records: none may be lacking, torn, or left without a record."""

from __future__ import annotations

from pathlib import Path

from bench.records.store import Store


def without_inputs(results: Path) -> list[str]:
    """Ids of the records that tell of inputs which are not there, or are others."""
    store, found = Store(results), []
    for id, record in store.records().items():
        try:
            whole = record.run.examples is None or store.examples(record) is not None
        except ValueError:
            whole = False
        if not whole:
            found.append(id)
    return found


def untold(results: Path) -> list[str]:
    """Names of the files among them, hidden ones included, that no record tells of."""
    store = Store(results)
    told = {store.examples_path(record) for record in store.records().values() if record.run.examples}
    return sorted(path.name for path in (results / "examples").glob("*") if path not in told)
