"""Image and IDX files with bytes changed, cut off, put in or moved: each is read right, or refused in a line."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import struct
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.datasets import idx, open_dataset
from bench.errors import UsageError
from tests.faults.outcome import Outcome

RIGHT = ("refused in a line", "read, and as another reader reads it")
SHAPE = (8, 8)


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Something else than it was."""
    some = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        place = chance.randrange(max(1, len(some)))
        match chance.randrange(6):
            case 0:
                some[place] ^= 1 << chance.randrange(8)
            case 1:
                some[place : place + 4] = struct.pack(">I", chance.choice((0, 1, 2**16, 2**31 - 1, 2**32 - 1)))
            case 2:
                del some[place:]
            case 3:
                some[place:place] = chance.randbytes(chance.choice((1, 4, 100)))
            case 4:
                del some[place : place + chance.choice((1, 4, 12))]
            case _:
                other = chance.randrange(max(1, len(some)))
                some[place : place + 8] = some[other : other + 8]
        some = some or bytearray(b"\\0")
    return bytes(some)


def images(times: int, folder: Path) -> Outcome:
    """PNG and JPEG files in a folder of images."""
    outcome, chance = Outcome("Mutated images", RIGHT), random.Random(1)
    root = folder / "images"
    pixels = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), np.uint8)
    originals: list[tuple[str, bytes]] = []
    for kind, mode in (("png", "RGB"), ("jpeg", "RGB"), ("png", "L"), ("jpeg", "L")):
        file = io.BytesIO()
        Image.fromarray(pixels).convert(mode).save(file, kind)
        originals.append((kind, file.getvalue()))
    for number in range(times):
        kind, content = originals[number % len(originals)]
        shutil.rmtree(root, ignore_errors=True)
        for place in ("train/a", "train/b", "test/a", "test/b"):
            (root / place).mkdir(parents=True)
            (root / place / f"1.{kind}").write_bytes(content)
        changed = mutated(content, chance)
        (root / "train/b" / f"1.{kind}").write_bytes(changed)
        _read(outcome, lambda: open_dataset("image-folder", path=root).stored("train")[0][1], changed, _decoded)
    return outcome


def idx_files(times: int, folder: Path) -> Outcome:
    """IDX files, gzipped or not."""
    outcome, chance = Outcome("Mutated IDX files", RIGHT), random.Random(2)
    root = folder / "idx"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    generator = np.random.default_rng(0)
    whole = {}
    for (pictures, labels), n in zip(idx.SPLITS.values(), (12, 6), strict=True):
        whole[pictures] = struct.pack(">BBBBIII", 0, 0, 8, 3, n, 5, 4) + generator.bytes(20 * n)
        whole[labels] = struct.pack(">BBBBI", 0, 0, 8, 1, n) + bytes(i % 3 for i in range(n))
    name = idx.SPLITS["train"][0]
    for number in range(times):
        packed = bool(number % 2)
        for file, content in whole.items():
            (root / file).write_bytes(content)
        changed = mutated(gzip.compress(whole[name], mtime=0) if packed else whole[name], chance)
        (root / name).write_bytes(changed)
        _read(outcome, lambda: open_dataset("idx-folder", path=root).stored("train")[0][:, 0], changed, _parsed)
    return outcome


def _read(
    outcome: Outcome,
    read: Callable[[], NDArray[np.uint8]],
    changed: bytes,
    another: Callable[[bytes], NDArray[np.uint8]],
) -> None:
    started = time.perf_counter()
    try:
        found = read()
    except UsageError as error:
        came = RIGHT[0] if "\n" not in str(error) else "refused in several lines"
    except BaseException as error:  # noqa: BLE001 - the measurement
        came = f"{type(error).__name__}: {error}"
    else:
        came = RIGHT[1] if np.array_equal(found, another(changed)) else "read as something else"
    outcome.add(came, time.perf_counter() - started, changed[:40].hex())


def _decoded(content: bytes) -> NDArray[np.uint8]:
    with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as image:
        pixels = np.atleast_3d(np.asarray(image.convert(image.mode)))
        return pixels.transpose(2, 0, 1)


def _parsed(content: bytes) -> NDArray[np.uint8]:
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    zero, kind, dimensions, *shape = struct.unpack(">HBBIII", content[:16])
    assert (zero, kind, dimensions) == (0, 8, 3)
    return np.array(list(content[16:]), np.uint8).reshape(shape)
