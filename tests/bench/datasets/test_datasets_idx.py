"""The IDX reader, MNIST as shipped, and folders of IDX files."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from datasets_help import Refuses, packed_idx
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from bench.datasets import idx, mnist, open_dataset
from bench.errors import UsageError

UNPACKED_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
CLASS_COUNTS = {
    "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}

SMALL = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))


@given(SMALL)
def test_parse_reads_what_was_written(array: NDArray[np.uint8]) -> None:
    parsed = idx.parse(packed_idx(array), array.ndim, "x")
    assert parsed.dtype == np.uint8
    assert np.array_equal(parsed, array)
    assert parsed.shape == array.shape


@given(SMALL, st.data())
def test_parse_refuses_every_other_length(array: NDArray[np.uint8], data: st.DataObject) -> None:
    content = packed_idx(array)
    torn = content[: data.draw(st.integers(0, len(content) - 1))]
    padded = content + data.draw(st.binary(min_size=1, max_size=9))
    for wrong in (torn, padded):
        with pytest.raises(UsageError):
            idx.parse(wrong, array.ndim, "x")


@given(st.binary(max_size=40))
def test_parse_refuses_garbage(content: bytes) -> None:
    if content[:4] != b"\0\0\x08\x01":
        with pytest.raises(UsageError, match="not an IDX file"):
            idx.parse(content, 1, "x")


def test_parse_names_file_and_finding(refuses: Refuses) -> None:
    labels = packed_idx(np.zeros(3, np.uint8))
    with refuses("some file", "00000801", "00000803", "3 dimension"):
        idx.parse(labels, 3, "some file")
    with refuses("some file", "announces 11 bytes", "holds 10"):
        idx.parse(labels[:-1], 1, "some file")
    with refuses("some file", "nothing"):
        idx.parse(b"", 1, "some file")


@pytest.mark.parametrize("name", idx.FILES)
def test_mnist_is_the_one_everybody_has(name: str) -> None:
    content = gzip.decompress((mnist.FOLDER / f"{name}.gz").read_bytes())
    assert hashlib.md5(content).hexdigest() == UNPACKED_MD5[name]
    assert hashlib.sha256(content).hexdigest() == mnist.SHA256[name]


@pytest.mark.parametrize("split", ["train", "test"])
def test_mnist_class_counts(split: str) -> None:
    assert np.bincount(open_dataset("mnist").labels(split)).tolist() == CLASS_COUNTS[split]


def test_mnist_first_labels_and_mean() -> None:
    dataset = open_dataset("mnist")
    assert dataset.labels("train")[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert dataset.labels("test")[:8].tolist() == [7, 2, 1, 0, 4, 1, 4, 9]
    assert dataset.stored("train")[0].mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert dataset.input_shape == (1, 28, 28)
    assert dataset.classes == tuple("0123456789")


def test_mnist_has_its_licence_beside_it() -> None:
    text = (mnist.FOLDER / "LICENSE").read_text()
    assert "CC BY-SA 3.0" in text
    assert "LeCun" in text
    assert "Cortes" in text
    for name, sha256 in mnist.SHA256.items():
        assert f"{sha256}  {name}\n" in text


@pytest.fixture
def mnist_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of MNIST's test split, read in place of the packaged one."""
    for name in idx.SPLITS["test"]:
        shutil.copy(mnist.FOLDER / f"{name}.gz", tmp_path)
    monkeypatch.setattr(mnist, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", idx.SPLITS["test"])
@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 1.0])
def test_mnist_with_a_flipped_byte_is_refused(name: str, where: float, mnist_copy: Path, refuses: Refuses) -> None:
    file = mnist_copy / f"{name}.gz"
    content = bytearray(file.read_bytes())
    content[int(where * (len(content) - 1))] ^= 1
    file.write_bytes(content)
    with refuses(file, "reinstall potemkin-bench"):
        open_dataset("mnist").labels("test")


def test_mnist_with_other_contents_is_refused(mnist_copy: Path, refuses: Refuses) -> None:
    name = "t10k-labels-idx1-ubyte"
    other = packed_idx(np.zeros(10_000, np.uint8))
    (mnist_copy / f"{name}.gz").write_bytes(gzip.compress(other))
    found = hashlib.sha256(other).hexdigest()
    with refuses(mnist_copy / f"{name}.gz", mnist.SHA256[name], found, "reinstall potemkin-bench"):
        open_dataset("mnist").labels("test")


def test_mnist_without_a_file_is_refused(mnist_copy: Path, refuses: Refuses) -> None:
    (mnist_copy / "t10k-images-idx3-ubyte.gz").unlink()
    with refuses("t10k-images-idx3-ubyte.gz", mnist_copy, "reinstall potemkin-bench"):
        open_dataset("mnist").labels("test")


def test_idx_folder_reads_what_is_there(idx_files: Path) -> None:
    dataset = open_dataset("idx-folder", path=idx_files)
    assert dataset.input_shape == (1, 5, 4)
    assert dataset.classes == ("0", "1", "2")
    assert dataset.sizes == {"train": 12, "test": 6}
    content = (idx_files / "t10k-images-idx3-ubyte").read_bytes()
    assert dataset.stored("test")[0].tobytes() == content[16:]
    assert dataset.labels("test").tolist() == [0, 1, 2, 0, 1, 2]


def test_idx_folder_checksum_is_of_the_contents(idx_files: Path) -> None:
    plain = open_dataset("idx-folder", path=idx_files).checksum
    for name in idx.FILES:
        (idx_files / f"{name}.gz").write_bytes(gzip.compress((idx_files / name).read_bytes()))
        (idx_files / name).unlink()
    assert open_dataset("idx-folder", path=idx_files).checksum == plain
    labels = (np.arange(6) % 3)[::-1].astype(np.uint8)
    (idx_files / "t10k-labels-idx1-ubyte").write_bytes(packed_idx(labels))
    assert open_dataset("idx-folder", path=idx_files).checksum != plain


def test_idx_folder_of_a_known_dataset_has_its_checksum() -> None:
    assert open_dataset("idx-folder", path=mnist.FOLDER).checksum == open_dataset("mnist").checksum


def _zeros(*shape: int) -> bytes:
    return packed_idx(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("t10k-labels-idx1-ubyte", _zeros(5), ("6 images", "5 labels", "belong together")),
        ("t10k-labels-idx1-ubyte", b"<html>", ("t10k-labels-idx1-ubyte", "not an IDX file")),
        ("t10k-images-idx3-ubyte", _zeros(6, 5, 4)[:-1], ("t10k-images-idx3-ubyte", "torn")),
        ("t10k-images-idx3-ubyte", _zeros(6, 5, 5), ("(1, 5, 4)", "(1, 5, 5)", "one size")),
        (
            "train-images-idx3-ubyte",
            gzip.compress(_zeros(12, 5, 4), mtime=0)[:-9],
            ("cannot read", "train-images-idx3-ubyte"),
        ),
        (
            "train-images-idx3-ubyte",
            gzip.compress(_zeros(12, 5, 4), mtime=0) + b"junk",
            ("cannot read", "train-images"),
        ),
        ("train-images-idx3-ubyte", None, ("no train-images-idx3-ubyte or train-images-idx3-ubyte.gz", "t10k-labels")),
    ],
)
def test_idx_folder_refuses_bad_files(
    name: str, content: bytes | None, parts: tuple[str, ...], idx_files: Path, refuses: Refuses
) -> None:
    (idx_files / name).unlink()
    if content is not None:
        (idx_files / name).write_bytes(content)
    with refuses(idx_files, *parts):
        open_dataset("idx-folder", path=idx_files)


def test_idx_folder_refuses_what_no_model_can_learn(idx_files: Path, refuses: Refuses) -> None:
    for name, n in (("train-labels-idx1-ubyte", 12), ("t10k-labels-idx1-ubyte", 6)):
        (idx_files / name).write_bytes(_zeros(n))
    with refuses(idx_files, "every label is 0"):
        open_dataset("idx-folder", path=idx_files)
    (idx_files / "t10k-images-idx3-ubyte").write_bytes(_zeros(0, 5, 4))
    (idx_files / "t10k-labels-idx1-ubyte").write_bytes(_zeros(0))
    with refuses(idx_files, "test images are empty"):
        open_dataset("idx-folder", path=idx_files)


# -- caps -------------------------------------------------------------------------------------------------------------


def _gzipped(folder: Path, name: str, head: bytes, zeros: int) -> Path:
    (folder / name).unlink()
    path = folder / f"{name}.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head)
        for _ in range(zeros >> 20):
            file.write(bytes(1 << 20))
    return path


@pytest.mark.parametrize(
    ("shape", "parts"),
    [
        ((2_740_000, 28, 28), ("has", "kB that announce 2.15 GB unpacked", "1.07 GB are the most that is read")),
        ((2**32 - 1,) * 3, ("announce more than 1000 TB unpacked",)),
        ((12, 5, 4), ("torn or padded", "announces 256 bytes in all, it unpacks to more")),
    ],
)
def test_a_small_file_that_unpacks_to_gigabytes_is_not_unpacked(
    shape: tuple[int, ...], parts: tuple[str, ...], idx_files: Path, refuses: Refuses
) -> None:
    name = idx.SPLITS["train"][0]
    path = _gzipped(idx_files, name, struct.pack(">BBBBIII", 0, 0, 8, 3, *shape), 64 << 20)
    tracemalloc.start()
    with refuses(path, *parts):
        open_dataset("idx-folder", path=idx_files)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_what_is_gzipped_and_no_idx_file_is_not_unpacked(idx_files: Path, refuses: Refuses) -> None:
    name = idx.SPLITS["train"][0]
    _gzipped(idx_files, name, b"\x1f\x8b", 64 << 20)
    tracemalloc.start()
    with refuses(name, "is not an IDX file", "starts with 1f8b0000"):
        open_dataset("idx-folder", path=idx_files)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_a_file_above_the_cap_is_not_read(idx_files: Path, refuses: Refuses) -> None:
    path = idx_files / idx.SPLITS["train"][0]
    with path.open("ab") as file:
        file.truncate(10**12)
    with refuses(path, "has 1000 GB, and 1.07 GB are the most"):
        open_dataset("idx-folder", path=idx_files)
