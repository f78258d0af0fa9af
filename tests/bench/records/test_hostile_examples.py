"""Headers of arrays that make Python's parser or NumPy raise whatever they like: such a file is told of in a line."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from handmade import cell, model, record, run

from bench.records.examples import Kept, decode, encode, sha256
from bench.records.store import Store
from bench.running.exporting import export
from bench.running.merging import merge

GOOD = encode(Kept(np.array([0]), np.zeros((1, 2), np.float32), np.array([1])))


def _header(text: str, data: bytes = b"") -> bytes:
    line = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line + data


def _plain(shape: str) -> str:
    return "{'descr': '<i8', 'fortran_order': False, 'shape': " + shape + "}"


def _scalar(value: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(value))
    return file.getvalue()


def _with(name: str, body: bytes) -> bytes:
    """A whole file with one array exchanged."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as whole, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for member in whole.namelist():
            out.writestr(member, body if member == f"{name}.npy" else whole.read(member))
    return file.getvalue()


HOSTILE = {
    "a token that does not end": _with("index", _header("(" * 3900)),
    "keys of several types": _with("index", _header("{1: 2, 'descr': 3, 'shape': 4}")),
    "no dimension": _with("adversarial", _scalar(np.float32(1))),
    "truth for a number": _with("index", _header(_plain("(True, True)"), bytes(8))),
    "depth": _with("index", _header(_plain("(" + "-" * 3500 + "1,)"))),
    "negative sizes": _with("index", _header(_plain("(-1, -1)"), bytes(8))),
    "an index without dimension": _with("index", _scalar(np.int64(0))),
    "null": _with("index", _header("\0{")),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_header_is_refused_as_any_other_file_is(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S") as told:
        decode(content)
    assert "\n" not in str(told.value)


def test_merging_and_exporting_tell_of_such_files_and_go_on(tmp_path: Path) -> None:
    source, into = Store(tmp_path / "source"), Store(tmp_path / "into")
    source.prepare()
    into.prepare()
    files = {"good": GOOD, **HOSTILE}
    for number, content in enumerate(files.values()):
        told = record(cell(model(f"model-{number}")), run=run().model_copy(update={"examples": sha256(content)}))
        source.publish(told, pytest.fail, kept=content)
    merged: list[str] = []
    exported: list[str] = []

    found = merge(into, [source], merged.append)
    export(source, tmp_path / "dest", exported.append)

    assert found.added == len(files)
    assert len(list((into.folder / "examples").glob("*.npz"))) == 1
    assert len(list((tmp_path / "dest").rglob("*.npz"))) == 1
    for lines in (merged, exported):
        assert len(lines) == len(HOSTILE)
        assert all(line.startswith("left out ") and ".npz: " in line and "\n" not in line for line in lines)
