"""Adversarial inputs that are kept beside a record, so that others can look at them and check them.

A file is an `.npz` archive of plain arrays. It is read as data: no pickles, none but the arrays below, each of the size
that its header says, and no more bytes in all than a cap, before anything is unpacked.
"""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.records.cell import Slice
from bench.records.identity import canonical

FOLDER = "examples"
"""Beside `cells`."""
LARGEST = 2_000_000_000
"""Bytes of a file, and of all of its arrays unpacked."""
FREE = 64_000_000
RATIO = 100
"""A file that unpacks to more than `FREE` bytes is at least the `RATIO`-th part of these: inputs that compress further
are kept as they are, so that one which does so is nobody's result."""
HEADER = 4096
"""Bytes of an array's header, at most."""
DTYPES = {"index": "<i8", "adversarial": "<f4", "predicted": "<i8", "confidence": "<f4", "clean_confidence": "<f4"}
"""Arrays that a file may hold, the first three in each; no others."""
NEEDED = ("index", "adversarial", "predicted")
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Kept:
    """Adversarial inputs of one cell, by ascending index."""

    index: NDArray[np.int64]
    """`(m,)` positions in the split; of generated inputs, their numbers."""
    adversarial: NDArray[np.float32]
    """`(m, *input_shape)` in the dataset's units, as the target was shown them."""
    predicted: NDArray[np.int64]
    """`(m,)` the class that the target gave them; -1 where it abstained."""
    confidence: NDArray[np.float32] | None = None
    """`(m,)` probability of that class; None where the target has none."""
    clean_confidence: NDArray[np.float32] | None = None
    """`(m,)` probability of the class that it gives the clean input; None also of generated inputs."""

    def __post_init__(self) -> None:
        """
        Raises:
            ValueError: arrays of several lengths, of none, or an index that does not ascend.
        """
        if self.index.ndim != 1 or not len(self.index) or self.index[0] < 0 or (np.diff(self.index) <= 0).any():
            raise ValueError("its index does not ascend from 0 on")
        for name in DTYPES:
            values = getattr(self, name)
            if values is not None and (
                values.shape[:1] != self.index.shape or (values.ndim != 1) != (name == NEEDED[1])
            ):
                raise ValueError(f"{name} has the shape {values.shape} for {len(self.index)} examples")

    def only(self, rows: NDArray[Any]) -> Kept:
        """Those of some places."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in DTYPES}
        fewer: dict[str, Any] = {name: None if values is None else values[rows] for name, values in arrays.items()}
        return Kept(**fewer)


def encode(kept: Kept) -> bytes:
    """The file of kept inputs: the same bytes for the same arrays, wherever zlib is of one version."""
    content, size = _archive(kept, zipfile.ZIP_DEFLATED)
    return content if size <= _most(content) else _archive(kept, zipfile.ZIP_STORED)[0]


def _most(content: bytes) -> int:
    """Bytes that a file may unpack to."""
    return max(FREE, RATIO * len(content))


def _archive(kept: Kept, how: int) -> tuple[bytes, int]:
    """A file, and the bytes that it unpacks to."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, dtype in DTYPES.items():
            values = getattr(kept, name)
            if values is not None:
                body = io.BytesIO()
                np.lib.format.write_array(body, np.ascontiguousarray(values, dtype=dtype), allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), body.getvalue(), how, 6)
        size = sum(member.file_size for member in archive.infolist())
    return file.getvalue(), size


def decode(content: bytes, cap: int = LARGEST) -> Kept:
    """The kept inputs in a file's bytes.

    Args:
        content: of the file.
        cap: bytes that all arrays may have unpacked.

    Raises:
        ValueError: it is torn, holds anything else, or more than that.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            known = [f"{name}.npy" for name in DTYPES]
            if len(set(names)) < len(names) or not {f"{name}.npy" for name in NEEDED} <= set(names) <= set(known):
                raise ValueError(f"it holds {', '.join(repr(name[:40]) for name in names[:5])}")
            if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
                raise ValueError("it is compressed in another way than deflated")
            size = sum(member.file_size for member in members)
            if size > cap:
                raise ValueError(f"its arrays have more than {cap} bytes")
            if size > _most(content):
                raise ValueError(f"it unpacks to more than {RATIO} times its size")
            return Kept(**{member.filename[:-4]: _array(archive, member) for member in members})
    except (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, RuntimeError, OSError) as error:
        raise ValueError(f"it is no whole archive of arrays ({str(error)[:100]})") from None
    except zlib.error as error:
        raise ValueError(f"it is torn ({error})") from None
    except ValueError:
        raise
    except Exception as error:  # noqa: BLE001 - a header is a text for Python's parser, which raises what it likes
        raise ValueError(f"it cannot be read ({type(error).__name__})") from None


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """One array, whose header says what the archive says of its size."""
    with archive.open(member) as file:
        body = file.read(member.file_size + 1)
    if len(body) != member.file_size:
        raise ValueError(f"{member.filename} is not of the size that is told")
    text = io.BytesIO(body)
    if np.lib.format.read_magic(text) != (1, 0):
        raise ValueError(f"{member.filename} is of another version")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(text, max_header_size=HEADER)
    wanted = np.dtype(DTYPES[member.filename[:-4]])
    if any(type(extent) is not int or extent < 0 for extent in shape):
        raise ValueError(f"{member.filename} has no shape")
    if fortran or dtype != wanted or math.prod(shape) * wanted.itemsize != len(body) - text.tell():
        raise ValueError(f"{member.filename} is no whole array of {wanted}")
    return np.frombuffer(body, wanted, offset=text.tell()).reshape(shape)


def sha256(content: bytes) -> str:
    """What a record keeps of the file."""
    return hashlib.sha256(content).hexdigest()


# -- which are kept ---------------------------------------------------------------------------------------------------


def chosen(order: NDArray[np.int64], success: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """Ascending places of the inputs that are kept, of those that there are.

    The first half of them whatever came of them, so that they speak for all; then the first successes, for these are
    what there is to see; where these run out, others. First by an order that depends on the seed, the data and the
    slice alone: every model's are the same but for their successes.

    Args:
        order: `(n,)` each one's rank in that order.
        success: `(n,)` where the attack reached its aim.
        most: how many are kept.
    """
    half = (most + 1) // 2
    ranked = np.argsort(order, kind="stable")
    first = ranked[:half]
    rest = ranked[half:]
    won = rest[success[rest]][: most - half]
    others = rest[~np.isin(rest, won)][: max(0, most - len(first) - len(won))]
    return np.sort(np.concatenate([first, won, others]))


def chosen_of_part(order: NDArray[np.int64], success: NDArray[np.bool_], most: int, whole: int) -> NDArray[np.int64]:
    """Ascending places of those of a part that `chosen` may take when the others are known.

    Args:
        order: `(n,)` each one's rank in the whole slice.
        success: `(n,)` of the part.
        most: how many are kept of the whole.
        whole: examples in the slice.
    """
    if most >= whole:
        return np.arange(len(order))
    half = (most + 1) // 2
    ranked = np.argsort(order, kind="stable")
    won = ranked[success[ranked] & (order[ranked] >= half)][: most - half]
    return np.union1d(np.flatnonzero(order < most), won)


def order_of(seed: int, dataset: str, part: Slice) -> NDArray[np.int64]:
    """`(n,)` ranks of a slice's examples, by a permutation that follows from the seed, the checksum and the slice."""
    key = hashlib.sha256(canonical(["examples", seed, dataset, part]).encode()).digest()[:16]
    raw = np.random.Philox(key=np.frombuffer(key, dtype=np.uint64)).random_raw(part.n)
    ranks = np.empty(part.n, dtype=np.int64)
    ranks[np.argsort(raw, kind="stable")] = np.arange(part.n)
    return ranks


def united(pieces: Sequence[Kept]) -> Kept:
    """The inputs of several parts, in order. An array that one of them lacks is left out."""
    arrays: Mapping[str, list[Any]] = {name: [getattr(piece, name) for piece in pieces] for name in DTYPES}
    whole = {name: values for name, values in arrays.items() if all(value is not None for value in values)}
    return Kept(**{name: np.concatenate(values) for name, values in whole.items()})
