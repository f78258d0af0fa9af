"""Objects that worker processes share: pickled once, read by all, and gone when nobody needs them."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outliving import BLOCKS, everywhere

from bench.running.workers import LocalWorkers, Shared, shared


def blocks() -> set[str]:
    return {path.name for path in BLOCKS.glob(f"potemkin-{os.getpid()}-*")}


def test_an_object_is_pickled_once_and_read_by_all(two: LocalWorkers, tmp_path: Path) -> None:
    arrays = {"x": np.arange(200_000.0), "y": np.asfortranarray(np.eye(3)), "none": np.zeros((0, 4)), "name": "digits"}

    def read(handle: Shared[dict[str, Any]]) -> tuple[float, list[list[float]], int, str, bool]:
        value = handle.get()
        return value["x"].sum(), value["y"].tolist(), len(value["none"]), value["name"], handle.get() is value

    with Shared.of(arrays) as handle:
        assert len(pickle.dumps(handle)) < 300
        for result in everywhere(two, 2, tmp_path, lambda: read(handle)):
            assert result == (arrays["x"].sum(), np.eye(3).tolist(), 0, "digits", True)


def test_writing_into_a_shared_array_stays_in_that_process(tmp_path: Path) -> None:
    def add(handle: Shared[np.ndarray]) -> float:
        value = handle.get()
        value += 1
        return float(value.sum())

    zeros = np.zeros(1000)
    with Shared.of(zeros) as handle, LocalWorkers(2) as workers:
        assert everywhere(workers, 2, tmp_path, lambda: add(handle)) == [1000.0, 1000.0]
        assert zeros.sum() == 0
        assert handle.get().sum() == 0


def raising() -> None:
    with Shared.of(b"x" * 100):
        assert blocks()
        raise KeyboardInterrupt


def forgotten() -> None:
    handle = Shared.of(b"x" * 100)
    assert blocks()
    del handle
    gc.collect()


def closed() -> None:
    handle = Shared.of(b"x" * 100)
    assert blocks()
    handle.close()
    handle.close()


@pytest.mark.parametrize("way", [raising, forgotten, closed])
def test_a_block_is_removed(way: Callable[[], None]) -> None:
    before = blocks()
    with contextlib.suppress(KeyboardInterrupt):
        way()
    assert blocks() == before


def test_what_is_closed_or_elsewhere_says_so(two: LocalWorkers) -> None:
    with Shared.of("closed") as handle:
        pass
    with pytest.raises(FileNotFoundError, match="closed, or of another machine"):
        two.submit(handle.get).result()


def test_bytes_in_the_handle_travel(two: LocalWorkers) -> None:
    before = blocks()
    handle = Shared.of(np.arange(5), inline=True)
    assert blocks() == before
    assert two.submit(lambda: int((handle.get() + 1).sum())).result() == 15


def nothing_at_all(*_: object, **__: object) -> None:
    raise FileNotFoundError("no /dev/shm")


def no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("module", "name", "fault"), [(shared, "SharedMemory", nothing_at_all), (os, "posix_fallocate", no_room)]
)
def test_without_room_the_bytes_travel_too(
    two: LocalWorkers, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, fault: Callable[..., None]
) -> None:
    before = blocks()
    monkeypatch.setattr(module, name, fault)
    with Shared.of("anywhere") as handle:
        assert blocks() == before
        assert two.submit(handle.get).result() == "anywhere"


def test_a_block_that_somebody_has_changed_is_not_unpickled(two: LocalWorkers) -> None:
    with Shared.of("honest") as handle:
        path = BLOCKS / str(handle._block)
        data = path.read_bytes()
        path.write_bytes(data.replace(b"honest", b"sneaky"))
        with pytest.raises(ValueError, match="not what its owner wrote"):
            two.submit(handle.get).result()


def test_the_oldest_objects_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "CACHED", 2500)
    handles = [Shared.of(bytes(1000) + bytes([i])) for i in range(3)]
    first = [handle.get() for handle in handles]
    assert handles[2].get() is first[2]
    assert handles[1].get() is first[1]
    assert handles[0].get() is not first[0]
