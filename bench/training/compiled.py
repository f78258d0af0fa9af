"""A network's passes fused into fewer, larger kernels, for training on CUDA."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from bench.training.nets.base import Net


def compiled(net: Net, x: Tensor, y: Tensor) -> Net:
    """The same network, sharing its weights, with compiled passes; the network itself where they cannot be had.

    Compiled passes differ by rounding, draw other dropout masks, and can be differentiated once only. They are tried on
    `(N, features)` and `(N,)` a batch of the size to come, on the device of the network, which is in training mode.
    """
    fused = cast("Net", torch.compile(net))
    try:
        with torch.random.fork_rng(devices=[x.device] if x.device.type == "cuda" else []):
            net.loss(fused(x), y).sum().backward()  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001 - whatever this machine's compiler lacks, the network trains without it
        fused = net
    net.zero_grad(set_to_none=True)
    return fused
