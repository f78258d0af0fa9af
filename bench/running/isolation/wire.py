"""How questions and replies are written: a JSON header, and the raw bytes of tensors. Nothing here is a pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from adapters.errors import InvalidOutput
from bench.running.workers.protocol import Frame

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16,
        torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
    )
}  # fmt: skip
ALIGNMENT = 16
DIMENSIONS = 8
"""Of a tensor, at most."""
TENSORS = 1000
"""Of a message, at most."""
MOST = 1 << 31
"""Extent of a dimension, at most."""


class Garbled(Exception):
    """What came is no message of ours."""


class Message(NamedTuple):
    """A question or a reply."""

    kind: str
    values: dict[str, Any]
    tensors: dict[str, Tensor]
    blob: bytes | bytearray = b""
    """Bytes that are no tensor, in a message without tensors."""


def packed(message: Message) -> Frame:
    """A message as it goes over the pipe; tensors are copied to the host.

    Raises:
        InvalidOutput: a tensor that is of no plain kind of number.
    """
    described, pieces = [], []
    for name, tensor in message.tensors.items():
        kind = str(tensor.dtype).removeprefix("torch.")
        if kind not in DTYPES or tensor.layout != torch.strided:
            raise InvalidOutput(f"{name} are {tensor.dtype} of layout {tensor.layout}, which are no plain numbers")
        plain = tensor.detach().as_subclass(Tensor).cpu().resolve_conj().resolve_neg().contiguous()
        described.append({"name": name, "dtype": kind, "shape": list(plain.shape)})
        raw = plain.reshape(-1).view(torch.uint8).numpy().data if plain.numel() else b""
        pieces += [raw, bytes(-len(raw) % ALIGNMENT)]
    header = {"kind": message.kind, "values": message.values, "tensors": described}
    return Frame(header, b"".join(pieces) if described else message.blob)


def unpacked(frame: Frame) -> Message:
    """A message as it came, whoever sent it.

    Raises:
        Garbled: it is none.
    """
    header, blob = frame
    if not isinstance(header, dict) or not isinstance(header.get("kind"), str):
        raise Garbled("a header that is none")
    values, described = header.get("values"), header.get("tensors")
    if not isinstance(values, dict) or not isinstance(described, list) or len(described) > TENSORS:
        raise Garbled("a header that is none")
    tensors: dict[str, Tensor] = {}
    start = 0
    for entry in described:
        tensor, end = _tensor(entry, blob, start)
        tensors[str(entry["name"])] = tensor
        start = end + -end % ALIGNMENT
    if described and start != len(blob):
        raise Garbled("other bytes than its tensors have")
    return Message(header["kind"], values, tensors, b"" if described else blob)


def _tensor(entry: Any, blob: bytes | bytearray, start: int) -> tuple[Tensor, int]:
    """The tensor that begins there, and where it ends. It shares the memory of the blob."""
    if not isinstance(entry, Mapping) or not all(isinstance(entry.get(name), str) for name in ("name", "dtype")):
        raise Garbled("a tensor that is none")
    shape, dtype = entry.get("shape"), DTYPES.get(entry["dtype"])
    if dtype is None:
        raise Garbled("a tensor of no kind of number")
    if not isinstance(shape, list) or len(shape) > DIMENSIONS:
        raise Garbled("a tensor of no shape")
    count = 1
    for extent in shape:
        if type(extent) is not int or not 0 <= extent <= MOST:
            raise Garbled("a tensor of no shape")
        count *= extent
    end = start + count * dtype.itemsize
    if end > len(blob):
        raise Garbled("fewer bytes than its tensors have")
    if not count:
        if max(shape) > len(blob) + (1 << 16):  # extents beside a 0 are backed by no bytes
            raise Garbled("a tensor of no shape")
        return torch.empty(shape, dtype=dtype), end
    flat = torch.frombuffer(blob, dtype=dtype, count=count, offset=start)
    if dtype == torch.bool:  # of any other byte than 0 and 1 arithmetic makes what it likes
        flat = flat.view(torch.uint8) != 0
    return flat.reshape(shape), end
