"""The table of datasets, the contract every dataset keeps, and what opening one may import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets_help import Refuses, cifar10_folder
from PIL import Image

from bench import datasets
from bench.datasets import Dataset, cifar10, fashion_mnist, names, open_dataset

PACKAGED = ("mnist", "digits")


@pytest.fixture
def opened(idx_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Dataset]:
    """Any dataset by its name, the folders' with a small folder of ours."""
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))

    def by_name(name: str) -> Dataset:
        if name == "fashion-mnist" and not fashion_mnist.DEBIAN.is_dir():
            pytest.skip("Debian's package dataset-fashion-mnist is not installed, and tests use no network")
        if name == "idx-folder":
            return open_dataset(name, path=idx_files)
        if name == "image-folder":
            for file in ("train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png"):
                (tmp_path / "images" / file).parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (4, 3), (255, 0, 7)).save(tmp_path / "images" / file)
            return open_dataset(name, path=str(tmp_path / "images"))
        if name.startswith("cifar10"):
            monkeypatch.setattr(cifar10, "SHAPE", (3, 4, 4))  # whitening takes the cube of it
            if not (tmp_path / "cifar10").exists():
                cifar10_folder(tmp_path / "cifar10", size=4)
            return open_dataset(name, path=tmp_path / "cifar10")
        return open_dataset(name)

    return by_name


@pytest.mark.parametrize("name", names())
def test_every_dataset_keeps_the_contract(name: str, opened: Callable[[str], Dataset]) -> None:
    dataset = opened(name)
    assert dataset.name == name
    assert len(bytes.fromhex(dataset.checksum)) == 32
    assert set(dataset.sizes) == {"train", "test"}
    for split, size in dataset.sizes.items():
        stored, labels = dataset.stored(split)
        assert stored.shape == (size, *dataset.input_shape)
        assert stored.dtype == np.uint8 or dataset.bounds is None, "images stay small until a batch is asked for"
        assert labels.dtype == np.int64
        assert not stored.flags.writeable
        assert not labels.flags.writeable
        assert set(labels.tolist()) == set(range(len(dataset.classes)))
        batch = dataset.examples(split, np.array([size - 1, 0]))
        assert type(batch) is np.ndarray
        assert batch.dtype == np.float32
        assert batch.shape == (2, *dataset.input_shape)
        assert np.isfinite(batch).all()
        assert dataset.low <= batch.min() <= batch.max() <= dataset.high
        assert np.array_equal(batch[1], stored[0].astype(np.float32) / np.float32(dataset.divisor))
    if dataset.bounds is not None:
        assert dataset.bounds == (dataset.low, dataset.high)
        assert dataset.examples("train", slice(None)).max() == dataset.high


@pytest.mark.parametrize("name", names())
def test_opening_again_gives_the_same_checksum(name: str, opened: Callable[[str], Dataset]) -> None:
    assert opened(name).checksum == opened(name).checksum


def test_checksums_never_change() -> None:
    """They are in the identity of every published result."""
    assert {name: open_dataset(name).checksum for name in (*PACKAGED, "fashion-mnist")} == {
        "mnist": "d0a3eec1f5a454401d758fdbf15b9b0163a7034963586d671960c180b97e2c1a",
        "digits": "c07c69a9ebf7b5dd4cabb1b3c139e916529d84c05aa58e9ad8c0e6cdfcac7663",
        "fashion-mnist": "5cf0562c46b89a77940b86f40a9a4325e7bed59d53ec555c4d14f0bed41ca53a",
    }


def test_packaged_datasets_open_without_heavy_imports() -> None:
    program = f"""
import sys
from bench.datasets import names, open_dataset
names()
for name in {(*PACKAGED, "fashion-mnist", "cifar10", "cifar10-preprocessed")!r}:
    dataset = open_dataset(name)
    assert dataset.checksum and dataset.sizes["test"] and dataset.features
print(*sys.modules)
"""
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "sklearn", "scipy", "PIL", "pooch"} & set(loaded)


def test_unknown_names_suggest_near_ones(refuses: Refuses) -> None:
    with refuses("dataset 'mnits'", "did you mean mnist"):
        open_dataset("mnits")
    with refuses("option of dataset 'idx-folder' 'pth'", "did you mean path"):
        open_dataset("idx-folder", pth="x")
    with refuses("option of dataset 'mnist' 'path'"):
        open_dataset("mnist", path="x")
    with refuses("split 'tset'", "did you mean test"):
        open_dataset("digits").labels("tset")


@pytest.mark.parametrize("name", ["idx-folder", "image-folder"])
def test_folders_need_a_path_that_is_a_folder(name: str, tmp_path: Path, refuses: Refuses) -> None:
    (tmp_path / "file").touch()
    with refuses(name, "'path'"):
        open_dataset(name)
    with refuses(tmp_path / "nowhere"):
        open_dataset(name, path=tmp_path / "nowhere")
    with refuses(tmp_path / "file", "not a folder"):
        open_dataset(name, path=str(tmp_path / "file"))
    for bad in ("", 7, None):
        with refuses(repr(bad)):
            open_dataset(name, path=bad)


def _reading(examples: tuple[int, ...], labels: list[int]) -> Dataset:
    return Dataset(
        name="mine",
        input_shape=(2,),
        classes=("a", "b"),
        sizes={"test": 3},
        checksum="0" * 64,
        read=lambda split: (np.zeros(examples), np.array(labels)),
    )


def test_a_dataset_is_held_to_its_declaration(refuses: Refuses) -> None:
    assert _reading((3, 2), [0, 1, 1]).labels("test").tolist() == [0, 1, 1]
    for examples, labels in (((4, 2), [0, 1, 1]), ((3, 1), [0, 1, 1]), ((3, 2), [0, 1])):
        with refuses("'mine'", "(3, 2)", examples):
            _reading(examples, labels).labels("test")
    for label in (2, -1):
        with refuses("'mine'", f"label {label}"):
            _reading((3, 2), [0, 1, label]).labels("test")


def test_the_face_is_small() -> None:
    assert datasets.__all__ == ["Dataset", "names", "open_dataset", "options_of"]
