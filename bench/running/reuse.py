"""Whether results that are reused are of the same file, where nothing but a version tells which model it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from bench.planning.plan import Planned
from bench.records.record import Record


def changed(
    planned: Iterable[Planned], records: Mapping[str, Record], files: Mapping[str, str], by_version: Collection[str]
) -> Iterator[str]:
    """A line for each model whose results of another file are reused.

    Args:
        planned: the cells that are asked for.
        records: by id.
        files: SHA-256 of the files that models come from now, by the models' names.
        by_version: names of the models of which something is known by their version alone.
    """
    other: dict[str, int] = {}
    for item in planned:
        record = records.get(item.cell.id)
        name = item.cell.target.name
        if record is None or name not in by_version or name not in files:
            continue
        before = (record.run.files or {}).get(name)
        other[name] = other.get(name, 0) + (before is not None and before != files[name])
    for name, count in other.items():
        if count:
            yield (
                f"model {name}: its file has changed since {count} of its results were made, which are reused as its "
                "version is the same; if its answers have changed, raise the version"
            )
