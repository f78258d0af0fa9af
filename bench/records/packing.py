"""Per-example values inside JSON: fixed-width bits in base85, so that equal values are equal bytes everywhere.

A general compressor would be a little smaller, but its output depends on the library's version.
"""

from __future__ import annotations

import base64
import string
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase + "!#$%&()*+-;<=>?@^_`{|}~"
_NO_DIGIT = 255
_DIGITS = np.full(256, _NO_DIGIT, dtype=np.uint8)
"""Value of each character as a digit of base85."""
_DIGITS[list(_ALPHABET.encode())] = np.arange(85)
_PLACES = 85 ** np.arange(4, -1, -1)


def pack_integers(values: NDArray[np.integer[Any]]) -> str:
    """`(N,)` integers of at least -1, as `WIDTH:N:base85`. Ten classes take 4 bits: 6.3 kB for 10,000.

    Raises:
        ValueError: a value below -1.
    """
    shifted = values.astype(np.int64) + 1
    if shifted.size and shifted.min() < 0:
        raise ValueError("only integers of at least -1 can be packed")
    width = max(1, int(shifted.max()).bit_length()) if shifted.size else 1
    bits = (shifted[:, None] >> np.arange(width)) & 1
    packed = np.packbits(bits.astype(np.uint8).ravel(), bitorder="little")
    return f"{width}:{len(shifted)}:{base64.b85encode(packed.tobytes()).decode()}"


def unpack_integers(text: str) -> NDArray[np.int64]:
    """The integers that `pack_integers` packed.

    Raises:
        ValueError: the text is no such packing.
    """
    width_text, count_text, body = text.split(":", 2)
    width, count = int(width_text), int(count_text)
    packed = b85decode(body)
    if not 1 <= width <= 62 or count < 0 or len(packed) != -(-width * count // 8):
        raise ValueError(f"{len(packed)} bytes are not {count} integers of {width} bits")
    bits = np.unpackbits(packed, bitorder="little", count=width * count).reshape(count, width)
    values = np.asarray(bits @ (1 << np.arange(width)) - 1, dtype=np.int64)
    # One text for one column: no wider than need be, nothing behind the last one, no other way to write it.
    widest = max(1, int(values.max() + 1).bit_length()) if count else 1
    behind = int(packed[-1]) >> (width * count % 8 or 8) if count else 0
    tail = len(packed) % 4
    ends = not tail or base64.b85encode(packed[-tail:].tobytes()).decode() == body[-tail - 1 :]
    if width != widest or behind or not ends or f"{width}:{count}:{body}" != text:
        raise ValueError("not as integers are packed")
    return values


def pack_floats(values: NDArray[np.floating[Any]]) -> str:
    """`(N,)` numbers as little-endian float32 in base85."""
    return base64.b85encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def unpack_floats(text: str) -> NDArray[np.float32]:
    """The numbers that `pack_floats` packed.

    Raises:
        ValueError: the text is no such packing.
    """
    found = b85decode(text)
    if len(found) % 4:
        raise ValueError(f"{len(found)} bytes are no numbers of four")
    return found.view("<f4")


def b85decode(text: str) -> NDArray[np.uint8]:
    """The bytes of `base64.b85decode`, which goes through them one by one, in a twelfth of its time.

    Raises:
        ValueError: a character that is no digit, or five that stand for more than four bytes.
    """
    digits = _DIGITS[np.frombuffer(text.encode(), dtype=np.uint8)]
    if (digits == _NO_DIGIT).any():
        raise ValueError("a character that base85 has not")
    missing = -len(digits) % len(_PLACES)
    words = np.pad(digits, (0, missing), constant_values=84).reshape(-1, len(_PLACES)) @ _PLACES
    if (words >> 32).any():
        raise ValueError("five characters that stand for more than four bytes")
    return words.astype(">u4").view(np.uint8)[: 4 * len(words) - missing]
