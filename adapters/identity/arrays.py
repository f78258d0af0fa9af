"""Tensors and arrays: type, shape and contents; neither device nor strides; gradients where code reads them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from adapters.identity.classes import attributes_of, kind_of, of_users
from adapters.identity.marks import GRADIENTS
from adapters.identity.reading import LAYOUT, LAYOUT_OF_ARRAYS
from adapters.identity.walk import Walk, node, rule

_OWN = (Tensor, torch.nn.Parameter, torch.nn.Buffer)
_COMPRESSED = {
    torch.sparse_csr: ("crow_indices", "col_indices"),
    torch.sparse_bsr: ("crow_indices", "col_indices"),
    torch.sparse_csc: ("ccol_indices", "row_indices"),
    torch.sparse_bsc: ("ccol_indices", "row_indices"),
}


@rule(Tensor)
def tensor(walk: Walk, value: Tensor) -> bytes:
    if is_lazy(value):
        return walk.cannot(value, "a parameter without values yet, until the network is called once")
    kind = type(value)
    parts = [b"" if kind in _OWN else kind_of(walk, kind)]
    with torch.no_grad():
        if kind not in _OWN and hasattr(kind, "__tensor_flatten__"):
            names, context = value.__tensor_flatten__()  # type: ignore[attr-defined]
            parts.extend(node(name, walk.of(getattr(value, name), name)) for name in names)
            parts.append(walk.of(context, "context"))
        else:
            with torch._C.DisableTorchFunctionSubclass():
                parts.append(_contents(walk, value.detach()))
    if (
        walk.reading.names_any(LAYOUT)
        and value.layout == torch.strided
        and not value.is_quantized
        and not value.is_meta
    ):
        parts.append(_layout(walk, value))
    if walk.reading.names(GRADIENTS) and value.is_leaf and value.grad is not None:
        parts.append(node("gradient", walk.of(value.grad, "grad")))
    for name, part in sorted(vars(value).items()):
        if walk.reading.has(name):
            parts.append(node(name, walk.of(part, name)))
    return node("tensor", *parts)


def _layout(walk: Walk, value: Tensor) -> bytes:
    """Strides, offset, and all of the memory that a tensor is a view of."""
    if value.is_nested or not walk.weigh:
        return b""
    where = f"{value.stride()} {value.storage_offset()}"
    memory = torch.empty(0, dtype=torch.uint8, device=value.device).set_(value.untyped_storage())
    return node("layout", where, _hashed(memory.cpu().numpy()))


def _contents(walk: Walk, value: Tensor) -> bytes:
    about = f"{value.dtype} {tuple(value.shape) if not value.is_nested else 'nested'}"
    if value.is_meta:
        return walk.cannot(value, "a tensor on the device meta, which has no values")
    if value.is_quantized:
        return node("quantised", about, str(value.qscheme()), *(_contents(walk, part) for part in _quantised(value)))
    if value.is_nested:
        return node("nested", about, *(_contents(walk, part) for part in value.unbind()))
    if value.layout == torch.sparse_coo:
        value = value.coalesce()
        return node("sparse", about, _contents(walk, value.indices()), _contents(walk, value.values()))
    if value.layout in _COMPRESSED:
        found = [getattr(value, name)() for name in _COMPRESSED[value.layout]]
        return node("sparse", about, str(value.layout), *(_contents(walk, part) for part in (*found, value.values())))
    if value.layout != torch.strided:
        value = value.to_dense()
    if not walk.weigh:
        return node("tensor", about)
    plain = value.cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    return node("tensor", about, _hashed(plain.view(torch.uint8).numpy()))


def _quantised(value: Tensor) -> list[Tensor]:
    if value.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        scale, zero = torch.tensor(value.q_scale(), dtype=torch.float64), torch.tensor(value.q_zero_point())
        return [value.int_repr(), scale, zero]
    axis = torch.tensor(value.q_per_channel_axis())
    return [value.int_repr(), value.q_per_channel_scales(), value.q_per_channel_zero_points(), axis]


def _hashed(data: np.ndarray) -> bytes:
    return hashlib.sha256(data.data).digest()


@rule(np.ndarray)
def array(walk: Walk, value: np.ndarray) -> bytes:
    kind = type(value)
    own = kind in (np.ndarray, np.memmap)
    extra = b"" if own else node("of", kind_of(walk, kind), attributes_of(walk, value))
    lies = repr(value.strides) if walk.reading.names_any(LAYOUT_OF_ARRAYS) and not value.flags.c_contiguous else ""
    return node("array", extra, lies, _array(walk, value.view(np.ndarray)))


def _array(walk: Walk, value: np.ndarray) -> bytes:
    about = f"{value.dtype.str} {value.shape}"
    if value.dtype.names is not None:  # field by field: what lies between is whatever was there before
        return node("fields", about, *(node(name, _array(walk, value[name])) for name in value.dtype.names))
    if value.dtype.hasobject:
        return node(
            "objects", about, *(walk.of(part, f"[{place}]") for place, part in enumerate(value.ravel().tolist()))
        )
    if not walk.weigh:
        return node("array", about)
    data = np.ascontiguousarray(value)
    return node("array", about, _hashed(data.reshape(-1).view(np.uint8)) if data.dtype.itemsize else b"")


@rule(np.generic)
def number(walk: Walk, value: np.generic) -> bytes:
    return node("number", walk.of(np.asarray(value)))


@rule(np.dtype)
def dtype(walk: Walk, value: np.dtype[Any]) -> bytes:
    return node("dtype", repr(value.descr if value.names else value.str))


@rule(torch.Generator)
@of_users
def generator(walk: Walk, value: torch.Generator) -> bytes:
    return node("generator", walk.of(value.get_state()))


@rule(torch.UntypedStorage, torch.storage.TypedStorage)
@of_users
def storage(walk: Walk, value: Any) -> bytes:
    return node(
        "storage", str(value.dtype) if isinstance(value, torch.storage.TypedStorage) else "", bytes(value.untyped())
    )
