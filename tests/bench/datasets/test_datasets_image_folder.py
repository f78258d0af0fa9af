"""Folders of images by class, made here with Pillow."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets_help import Refuses
from numpy.typing import NDArray
from PIL import Image

from bench.datasets import image_folder, open_dataset

SHAPE = (3, 5, 4)


def _pixels(seed: int) -> NDArray[np.uint8]:
    """`(C, H, W)`."""
    return np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)


def _save(file: Path, seed: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(_pixels(seed).transpose(1, 2, 0)).save(file)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cats and dogs: two training images and one test image of each."""
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    files = (
        "train/dog/b.png",
        "train/dog/a.PNG",
        "train/cat/2.png",
        "train/cat/10.png",
        "test/cat/1.png",
        "test/dog/1.png",
    )
    for seed, file in enumerate(files):
        _save(tmp_path / "images" / file, seed)
    return tmp_path / "images"


def test_it_reads_images_in_the_order_of_names(folder: Path) -> None:
    dataset = open_dataset("image-folder", path=folder, note="made here")
    assert dataset.classes == ("cat", "dog")
    assert dataset.sizes == {"train": 4, "test": 2}
    assert dataset.input_shape == SHAPE
    assert dataset.note == "made here"
    images, labels = dataset.stored("train")
    assert labels.tolist() == [0, 0, 1, 1]
    assert np.array_equal(images, np.stack([_pixels(seed) for seed in (3, 2, 1, 0)])), "10 before 2, a before b"
    assert np.array_equal(dataset.examples("test", slice(1, 2))[0], _pixels(5).astype(np.float32) / np.float32(255))


def test_grey_images_have_one_channel(folder: Path) -> None:
    for file in folder.rglob("*.*"):
        Image.open(file).convert("L").save(file)
    dataset = open_dataset("image-folder", path=folder)
    assert dataset.input_shape == (1, *SHAPE[1:])
    with Image.open(folder / "test/cat/1.png") as image:
        assert np.array_equal(dataset.stored("test")[0][0, 0], np.asarray(image))


def test_jpegs_are_read(folder: Path) -> None:
    for file in folder.rglob("*.*"):
        Image.open(file).save(file.with_suffix(".jpg"))
        file.unlink()
    shutil.move(folder / "train/cat/2.jpg", folder / "train/cat/2.JPEG")
    dataset = open_dataset("image-folder", path=folder)
    with Image.open(folder / "train/cat/2.JPEG") as image:
        assert np.array_equal(dataset.stored("train")[0][1].transpose(1, 2, 0), np.asarray(image))


def test_other_and_hidden_files_are_passed_over(folder: Path) -> None:
    before = open_dataset("image-folder", path=folder).checksum
    (folder / "README.txt").touch()
    (folder / "train" / "README.txt").touch()
    (folder / "train" / ".cache").mkdir()
    (folder / "train/cat/Thumbs.db").touch()
    (folder / "train/cat/._2.png").touch()
    assert open_dataset("image-folder", path=folder).checksum == before


def test_the_checksum_follows_names_and_bytes_alone(folder: Path, tmp_path: Path) -> None:
    before = open_dataset("image-folder", path=folder).checksum
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    assert open_dataset("image-folder", path=tmp_path / "copy").checksum == before
    os.rename(folder / "test/cat/1.png", folder / "test/cat/2.png")
    renamed = open_dataset("image-folder", path=folder).checksum
    _save(tmp_path / "copy/test/cat/1.png", 99)
    assert len({before, renamed, open_dataset("image-folder", path=tmp_path / "copy").checksum}) == 3


def test_pixels_are_decoded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_dataset("image-folder", path=folder).stored("train")[0]
    monkeypatch.setattr(image_folder, "_decoded", None)
    assert np.array_equal(open_dataset("image-folder", path=folder).stored("train")[0], first)


@pytest.mark.parametrize("damage", [b"", b"junk", None])
def test_a_torn_cache_is_decoded_again(damage: bytes | None, folder: Path, tmp_path: Path) -> None:
    first = np.array(open_dataset("image-folder", path=folder).stored("train")[0])
    (cached,) = (tmp_path / "home").rglob("train*.npy")
    content = cached.read_bytes()
    cached.unlink()  # the arrays above are mapped from it
    cached.write_bytes(content[:-1] if damage is None else damage)
    assert np.array_equal(open_dataset("image-folder", path=folder).stored("train")[0], first)
    assert cached.read_bytes() == content


def test_a_change_after_opening_is_noticed(folder: Path, tmp_path: Path, refuses: Refuses) -> None:
    dataset = open_dataset("image-folder", path=folder)
    _save(folder / "test/cat/1.png", 99)
    with refuses(folder, "changed"):
        dataset.labels("test")
    assert not [file for file in (tmp_path / "home").rglob("*") if file.is_file()], "nothing half-made is kept"


def test_a_cache_folder_that_cannot_be_written_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: Refuses
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "file"))
    with refuses(tmp_path / "file", "BENCH_HOME"):
        open_dataset("image-folder", path=folder).labels("test")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder)


def _resize(file: Path) -> None:
    Image.open(file).resize((9, 9)).save(file)


def _convert(file: Path, mode: str) -> None:
    Image.open(file).convert(mode).save(file)


@pytest.mark.parametrize(
    ("harm", "parts"),
    [
        (lambda folder: shutil.rmtree(folder / "test"), ("no folder test/",)),
        (lambda folder: _empty(folder / "train"), ("train holds no class",)),
        (lambda folder: _empty(folder / "test/dog"), ("class 'dog'", ".png")),
        (lambda folder: shutil.rmtree(folder / "test/dog"), ("class 'dog' is not in test/",)),
        (lambda folder: shutil.rmtree(folder / "train/dog"), ("class 'dog' is not in train/",)),
        (lambda folder: _remove(folder / "train/dog", folder / "test/dog"), ("only class", "'cat'")),
        (
            lambda folder: (folder / "train/cat/10.png").write_bytes(b"GIF89a"),
            ("train/cat/10.png", "replace or remove"),
        ),
        (lambda folder: (folder / "test/dog/1.png").write_bytes(b""), ("test/dog/1.png", "replace or remove")),
        (
            lambda folder: (folder / "test/dog/1.png").write_bytes((folder / "test/dog/1.png").read_bytes()[:60]),
            ("test/dog/1.png", "replace or remove"),
        ),
        (lambda folder: _resize(folder / "test/dog/1.png"), ("test/dog/1.png", "(3, 9, 9)", str(SHAPE))),
        (lambda folder: _convert(folder / "test/dog/1.png", "L"), ("test/dog/1.png", "(1, 5, 4)", str(SHAPE))),
        (lambda folder: _convert(folder / "test/dog/1.png", "RGBA"), ("test/dog/1.png", "kind RGBA")),
        (lambda folder: _convert(folder / "test/dog/1.png", "P"), ("test/dog/1.png", "kind P")),
        (lambda folder: (folder / "test/dog/1.png").rename(folder / "test/dog/1.bmp"), ("class 'dog'", "has no .jpeg")),
    ],
)
def test_bad_folders_are_refused(
    harm: Callable[[Path], object], parts: tuple[str, ...], folder: Path, refuses: Refuses
) -> None:
    harm(folder)
    with refuses(folder, *parts):
        open_dataset("image-folder", path=folder).labels("test")


def test_a_note_is_text(folder: Path, refuses: Refuses) -> None:
    with refuses("note", "7"):
        open_dataset("image-folder", path=folder, note=7)


# -- what is kept, and caps --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["zeroed", "a bit", "no checksum", "another checksum", "a pipe"])
def test_kept_pixels_that_are_not_as_they_were_are_decoded_again(harm: str, folder: Path, tmp_path: Path) -> None:
    first = np.array(open_dataset("image-folder", path=folder).stored("train")[0])
    (kept,) = (tmp_path / "home").rglob("train*.npy")
    (checksum,) = (tmp_path / "home").rglob("train*.sha256")
    content = kept.read_bytes()
    header = len(content) - first.nbytes
    kept.unlink()  # the arrays above are mapped from it
    match harm:
        case "zeroed":
            kept.write_bytes(content[:header] + bytes(first.nbytes))
        case "a bit":
            kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "a pipe":
            os.mkfifo(kept)
        case _:
            kept.write_bytes(content)
            checksum.unlink()
    if harm == "another checksum":
        checksum.write_text("0" * 64)
    assert np.array_equal(open_dataset("image-folder", path=folder).stored("train")[0], first)
    assert kept.read_bytes() == content


def test_an_image_of_more_pixels_than_anyone_classifies_is_not_decoded(folder: Path, refuses: Refuses) -> None:
    """13,000 x 13,000 grey pixels of one value are 164 kB."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for file, size in (("train/cat/10.png", (13_000, 13_000)), ("test/dog/1.png", (4_097, 4_096))):
            before = (folder / file).read_bytes()
            Image.new("1", size).convert("L" if size[0] < 5_000 else "1").save(folder / file)
            packed = f"{size[0]} x {size[1]} pixels"
            with refuses(folder / file, packed, "kB", "16,777,216 pixels are the most"):
                open_dataset("image-folder", path=folder).labels("test")
            (folder / file).write_bytes(before)


@pytest.mark.parametrize(
    ("cap", "most", "parts"),
    [
        ("LARGEST", 50, ("10.png has", "50 bytes are the most that is read")),
        ("FILES", 3, ("train holds 4 images", "3 are the most")),
        ("DECODED", 200, ("train decodes to 240 bytes", "200 bytes are the most")),
        ("PIXELS", 19, ("10.png", "4 x 5 pixels; 19 pixels are the most")),
    ],
)
def test_caps_are_told(
    cap: str, most: int, parts: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch, refuses: Refuses
) -> None:
    monkeypatch.setattr(image_folder, cap, most)
    with refuses(*parts):
        open_dataset("image-folder", path=folder)


def test_a_pipe_among_the_images_is_passed_over(folder: Path) -> None:
    before = open_dataset("image-folder", path=folder).checksum
    os.mkfifo(folder / "train/cat/0.png")
    assert open_dataset("image-folder", path=folder).checksum == before
