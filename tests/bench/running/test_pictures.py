"""Kept examples are read as numbers of a bounded size; whatever else lies in their place is told of and left out."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.running import pictures
from bench.running.pictures import kept

GIVEN: dict[str, Any] = {
    "index": np.array([3, 8]),
    "adversarial": np.full((2, 1, 4, 4), 0.25, np.float32),
    "predicted": np.array([1, -1]),
    "confidence": np.array([0.5, np.nan], np.float32),
    "clean_confidence": np.array([0.75, np.nan], np.float32),
}


def put(folder: Path, **change: Any) -> Path:
    """A folder of results with the examples of the cell `id`; of None there is no array."""
    place = folder / "results/examples/id.npz"
    place.parent.mkdir(parents=True)
    np.savez_compressed(place, **{name: value for name, value in (GIVEN | change).items() if value is not None})
    return folder / "results"


def test_what_was_kept_is_read(tmp_path: Path) -> None:
    found = kept([tmp_path / "none", put(tmp_path)], "id")
    assert found is not None
    for name, value in GIVEN.items():
        np.testing.assert_array_equal(getattr(found, name), value)


def test_of_a_model_without_probabilities_there_are_none(tmp_path: Path) -> None:
    found = kept([put(tmp_path, confidence=None, clean_confidence=None)], "id")
    assert found is not None
    assert np.isnan(found.confidence).all()
    assert np.isnan(found.clean_confidence).all()


def test_a_file_may_have_its_checksum_in_its_name(tmp_path: Path) -> None:
    folder = put(tmp_path)
    file = folder / "examples/id.npz"
    mark = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    named = file.rename(file.with_name(f"id-{mark}.npz"))
    assert kept([folder], "id") is not None
    named.rename(file.with_name(f"id-{'0' * 16}.npz"))
    said: list[str] = []
    assert kept([folder], "id", said.append) is None
    assert "its SHA-256 is not the one in its name" in said[0]


def test_a_cell_of_which_nothing_was_kept_has_none(tmp_path: Path) -> None:
    assert kept([put(tmp_path)], "another") is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"predicted": None}, "predicted.npy"),
        ({"predicted": np.array([1])}, "not of one length"),
        ({"index": np.array(3)}, "not of one length"),
        ({"confidence": np.zeros((2, 2), np.float32)}, "no number an example"),
        ({"predicted": np.array(["a", "b"])}, "holds no numbers"),
        ({"predicted": np.array([{}, {}], dtype=object)}, "holds no numbers"),
    ],
)
def test_what_is_no_such_file_is_told_of(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    said: list[str] = []
    assert kept([put(tmp_path, **change)], "id", said.append) is None
    (line,) = said
    assert line.startswith(f"ignored {tmp_path}/results/examples/id.npz: ")
    assert says in line


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x93NUMPY"])
def test_a_torn_file_is_told_of(tmp_path: Path, content: bytes) -> None:
    said: list[str] = []
    (put(tmp_path) / "examples/id.npz").write_bytes(content)
    assert kept([tmp_path / "results"], "id", said.append) is None
    assert len(said) == 1


def test_a_member_that_unpacks_to_more_than_anybody_keeps_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "LARGEST", 100_000)
    said: list[str] = []
    folder = put(tmp_path, adversarial=np.zeros((2, 1, 400, 400), np.float32))
    assert kept([folder], "id", said.append) is None
    assert "adversarial.npy has more than 100000 bytes" in said[0]


def test_a_header_that_promises_more_than_there_is_allocates_nothing(tmp_path: Path) -> None:
    """The member is small; the shape that it declares is not."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (2, 10**9)})
    place = put(tmp_path) / "examples/id.npz"
    with zipfile.ZipFile(place, "w") as archive:
        for name, value in GIVEN.items():
            file = io.BytesIO()
            np.save(file, value)
            archive.writestr(f"{name}.npy", header.getvalue() if name == "adversarial" else file.getvalue())
    said: list[str] = []
    assert kept([tmp_path / "results"], "id", said.append) is None
    assert "adversarial.npy has other bytes than its shape says" in said[0]
