"""CIFAR-10 in its official binary format, in a folder that stands in for it, and whitened."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from datasets_help import Refuses, cifar10_archive, cifar10_folder, cifar10_record
from numpy.typing import NDArray

from bench.datasets import cifar10, open_dataset, whitening

NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder, with no network around it."""
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cifar10, "MIRRORS", (NOWHERE,))
    return tmp_path / "home"


@pytest.fixture
def official(home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[NDArray[np.uint8], list[int]]:
    """A downloaded archive of two records a file; the images of all of them, training ones first, and their labels."""
    generator = np.random.default_rng(0)
    images, labels = generator.integers(0, 256, (12, 3, 32, 32), np.uint8), [9, 0, 3, 3, 7, 1, 2, 4, 5, 6, 8, 0]
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    records = [cifar10_record(label, image) for label, image in zip(labels, images, strict=True)]
    files = {name: b"".join(records[2 * i : 2 * i + 2]) for i, name in enumerate(names)}
    archive = home / "downloads" / "cifar10" / "cifar-10-binary.tar.gz"
    cifar10_archive(archive, {"batches.meta.txt": b"airplane", **dict(reversed(files.items()))})
    monkeypatch.setattr(cifar10, "SHA256", sha256(archive.read_bytes()).hexdigest())
    monkeypatch.setattr(cifar10, "SIZES", {"train": 10, "test": 2})
    return images, labels


def test_the_binary_version_is_read_channel_by_channel(official: tuple[NDArray[np.uint8], list[int]]) -> None:
    images, labels = official
    dataset = open_dataset("cifar10")
    assert np.array_equal(dataset.stored("train")[0], images[:10])
    assert np.array_equal(dataset.stored("test")[0], images[10:])
    assert [*dataset.labels("train"), *dataset.labels("test")] == labels
    assert dataset.examples("test", slice(None)).max() <= 1.0
    assert dataset.note == ""


def test_the_official_checksum_and_sizes_never_change() -> None:
    dataset = open_dataset("cifar10")
    assert dataset.checksum == "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9dddda3db29a59bca1dd"
    assert dataset.sizes == {"train": 50_000, "test": 10_000}
    assert open_dataset("cifar10-preprocessed").checksum == (
        "ed2cf4bf73dbca5f4c53b939f693186272c9802fe832aaecc404e9ec1eb2ea6f"
    )


def test_where_it_cannot_be_had_the_remedies_are_named(home: Path, refuses: Refuses) -> None:
    remedies = ("cifar-10-binary.tar.gz", NOWHERE, home / "downloads" / "cifar10", "path: a folder")
    with refuses(*remedies):
        open_dataset("cifar10").labels("test")
    with refuses(*remedies):
        open_dataset("cifar10-preprocessed").labels("test")


def test_another_archive_is_not_taken_for_it(
    official: tuple[NDArray[np.uint8], list[int]], home: Path, refuses: Refuses
) -> None:
    archive = home / "downloads" / "cifar10" / "cifar-10-binary.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-1])
    with refuses("cifar-10-binary.tar.gz", "connect to the network"):
        open_dataset("cifar10").labels("test")


def test_a_folder_stands_in_and_tells_so(home: Path, tmp_path: Path) -> None:
    folder = cifar10_folder(tmp_path / "images", each=2)
    dataset = open_dataset("cifar10", path=folder)
    assert dataset.name == "cifar10"
    assert dataset.sizes == {"train": 20, "test": 20}
    assert dataset.classes == cifar10.CLASSES
    assert dataset.checksum != open_dataset("cifar10").checksum
    assert dataset.checksum == open_dataset("image-folder", path=folder).checksum
    assert "JPEG" in dataset.note
    assert open_dataset("cifar10-preprocessed", path=folder).note == dataset.note


def test_a_folder_of_other_things_does_not_stand_in(home: Path, tmp_path: Path, refuses: Refuses) -> None:
    folder = cifar10_folder(tmp_path / "images")
    for split in ("train", "test"):
        (folder / split / "frog").rename(folder / split / "toad")
    with refuses(folder, "toad", "frog"):
        open_dataset("cifar10", path=folder)
    with refuses("(3, 28, 28)", "(3, 32, 32)"):
        open_dataset("cifar10", path=cifar10_folder(tmp_path / "small", size=28))


@pytest.fixture
def whitened(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of small images that stands in for CIFAR-10, whitened in chunks that do not divide it."""
    monkeypatch.setattr(cifar10, "SHAPE", (3, 5, 5))
    monkeypatch.setattr(whitening, "CHUNK", 7)
    folder = cifar10_folder(tmp_path / "images", each=2, size=5)
    open_dataset("cifar10-preprocessed", path=folder).labels("test")
    return folder


def test_preprocessed_images_are_whitened_by_what_the_training_images_show(whitened: Path) -> None:
    pixels, white = open_dataset("cifar10", path=whitened), open_dataset("cifar10-preprocessed", path=whitened)
    train = pixels.stored("train")[0]
    fitted = whitening.fit(train)
    for split in ("train", "test"):
        np.testing.assert_allclose(white.examples(split, slice(None)), fitted(pixels.stored(split)[0]), atol=1e-6)
        assert np.array_equal(white.labels(split), pixels.labels(split))
    assert white.stored("train")[0].dtype == np.float32
    assert white.bounds is None


def test_whitening_is_done_once_and_again_where_it_is_damaged(
    whitened: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = np.array(open_dataset("cifar10-preprocessed", path=whitened).stored("test")[0])
    with monkeypatch.context() as patch:
        patch.setattr(whitening, "fit", None)
        assert np.array_equal(open_dataset("cifar10-preprocessed", path=whitened).stored("test")[0], first)
    (kept,) = home.rglob("test.npy")
    content = bytearray(kept.read_bytes())
    content[-3] ^= 1
    kept.unlink()  # the array above is mapped from it
    kept.write_bytes(content)
    assert np.array_equal(open_dataset("cifar10-preprocessed", path=whitened).stored("test")[0], first)


def test_a_cache_folder_that_cannot_be_written_is_named(
    home: Path, official: object, monkeypatch: pytest.MonkeyPatch, refuses: Refuses
) -> None:
    (home / "datasets").touch()
    monkeypatch.setattr(whitening, "fit", lambda images: None)
    with refuses(home / "datasets", "BENCH_HOME"):
        open_dataset("cifar10-preprocessed").labels("test")


def small_images() -> NDArray[np.uint8]:
    """`(400, 1, 4, 4)` images whose neighbouring pixels are alike."""
    noise = np.random.default_rng(1).normal(size=(400, 16))
    return np.clip(128 + 20 * noise.cumsum(axis=1), 0, 255).astype(np.uint8).reshape(400, 1, 4, 4)


def test_contrast_is_normalised_image_by_image() -> None:
    images = small_images()
    images[0] = 77  # no contrast at all
    normal = whitening.contrast_normalised(images)
    np.testing.assert_allclose(normal.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(normal[1:], axis=1), whitening.NORM)
    assert (normal[0] == 0).all()
    brighter = whitening.contrast_normalised(images[1:] * 0.5 + 20)
    np.testing.assert_allclose(brighter, normal[1:], atol=1e-10)


def test_whitened_features_are_uncorrelated_and_still_in_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    images = small_images()
    monkeypatch.setattr(whitening, "FILTER_BIAS", 1e-9)
    fitted = whitening.fit(images)
    np.testing.assert_allclose(fitted.matrix, fitted.matrix.T, atol=1e-6)
    white = fitted(images).reshape(400, -1).astype(np.float64)
    constant = np.full((16, 16), 1 / 16)  # what each image's own mean, subtracted, took out
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(16) - constant, atol=1e-4)
    assert (np.diag(np.corrcoef(white.T, whitening.contrast_normalised(images).T)[:16, 16:]) > 0.1).all()


def test_the_filter_bias_shrinks_what_varies_little(monkeypatch: pytest.MonkeyPatch) -> None:
    images = small_images()
    covariance = np.cov(whitening.contrast_normalised(images).T, bias=True)
    values, vectors = np.linalg.eigh(covariance)
    axes = whitening.fit(images)(images).reshape(400, -1) @ vectors
    np.testing.assert_allclose(axes.var(axis=0), values / (values + whitening.FILTER_BIAS), rtol=1e-4, atol=1e-9)


def test_whitening_does_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    images = small_images()
    whole = whitening.fit(images)
    monkeypatch.setattr(whitening, "CHUNK", 37)
    parts = whitening.fit(images)
    np.testing.assert_allclose(parts.matrix, whole.matrix, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-9, atol=1e-12)
