"""What differs between a processor and CUDA: where random numbers come from, and whether passes are compiled."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast

import torch
from torch import Tensor

from bench.training.nets.base import Net


def random_state(device: torch.device) -> Tensor:
    """The state, as bytes on the CPU."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.random.get_rng_state()


def set_random_state(state: Tensor, device: torch.device) -> None:
    """Go on from a state that `random_state` gave."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.random.set_rng_state(state)


def forked(device: torch.device) -> AbstractContextManager[None]:
    """A block that leaves torch's global random state as it was."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def compiled(net: Net, x: Tensor, y: Tensor) -> Net:
    """The same network, sharing its weights, with compiled passes; the network itself where they cannot be had.

    Compiled passes differ by rounding, draw other dropout masks, and can be differentiated once only. They are tried on
    `(N, features)` and `(N,)` a batch of the size to come, on the device of the network, which is in training mode.
    """
    fused = cast("Net", torch.compile(net))
    try:
        with forked(x.device):
            net.loss(fused(x), y).sum().backward()  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001 - whatever this machine's compiler lacks, the network trains without it
        fused = net
    net.zero_grad(set_to_none=True)
    return fused
