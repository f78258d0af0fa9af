"""Arrays that are costly to make, kept as `.npy` files in the cache folder."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bench.files import whole_file


def load_array(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """The array in a file, mapped and not read, so that memory stays flat.

    Raises OSError where there is no such file, ValueError where it is torn or holds another array.
    """
    array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{path} holds {array.dtype} {array.shape}, not {np.dtype(dtype)} {shape}")
    return array


def write_array(path: Path, shape: tuple[int, ...], dtype: DTypeLike, parts: Iterable[NDArray[Any]]) -> str:
    """Write an array of that shape and type, part by part, whole or not at all.

    Gives the SHA-256, in hex, of the values' bytes. Raises OSError, and whatever the parts raise.
    """
    digest = sha256()
    with whole_file(path) as out:
        descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
        np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
        for part in parts:
            content = part.astype(dtype, copy=False).tobytes()
            digest.update(content)
            out.write(content)
    return digest.hexdigest()
