"""A network of the harness's own, in the mode that its owner means: nothing of the owner's moves or changes."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import is_lazy

from adapters.errors import NotWrappable

TRAIN_MODE, STOCHASTIC, BATCH_DEPENDENT = "train-mode", "stochastic", "batch-dependent"
"""Flags: switched to evaluation mode; draws in evaluation mode; normalises by the batch that it is shown."""


def own_copy(module: nn.Module) -> nn.Module:
    """A copy without what only makes it run faster: compiled parts and data-parallel wrappers hold the same network.

    What cannot be copied, such as a network that holds a lock, is taken itself.

    Raises:
        NotWrappable: its parameters are on the meta device, or not made yet.
    """
    module = _bare(module)
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if is_lazy(tensor):
            raise NotWrappable(f"its parameter {name} is not made yet: call net(x) once on a batch before wrapping it")
        if tensor.is_meta:
            raise NotWrappable(f"its parameter {name} is on the meta device: load its weights before wrapping it")
    # Tensors computed from others, as the hooks of torch.nn.utils.weight_norm leave behind, cannot be copied in depth.
    memo: dict[int, Any] = {
        id(value): value.detach().clone()
        for part in module.modules()
        for value in vars(part).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    try:
        with torch.no_grad():  # else the parameters of a scripted network become results of their being copied
            own = copy.deepcopy(module, memo)
    except Exception:  # noqa: BLE001 - whatever its parts raise
        own = module
    for part in list(own.modules()):
        for name, child in list(part.named_children()):
            if _bare(child) is not child:
                setattr(part, name, _bare(child))
    return own


def settle_mode(module: nn.Module) -> list[str]:
    """Set a network to evaluation mode, in place, unless its owner did so; the flags that this earns.

    Dropout that was put into training mode in a network that is not is Monte Carlo dropout and stays on. Batch
    statistics stay in use where they are, and no forward pass moves them any more.
    """
    notes = []
    for exported in [part for part in module.modules() if _is_exported(part)]:
        for part in exported.modules():
            part.training = False  # it has the mode that it was exported in, whatever its flag says
    if _trains(module):
        notes.append(TRAIN_MODE)
        _evaluate(module)
    if any(_trains(part) and _draws(part) for part in module.modules()):
        notes.append(STOCHASTIC)
    for part in module.modules():
        if isinstance(part, _BatchNorm) and (part.training or part.running_mean is None):
            part.track_running_stats = False  # uses the batch's own statistics all the same, and keeps none
            notes.append(BATCH_DEPENDENT)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return list(dict.fromkeys(notes))


def _evaluate(module: nn.Module) -> None:
    """Set to evaluation mode all but the dropout that is in training mode while every other layer is not."""
    parts = list(module.modules())
    drawing = [part for part in parts if isinstance(part, _DropoutNd) and _trains(part)]
    layers = [part for part in parts if not any(part.children()) and not isinstance(part, _DropoutNd)]
    meant = not any(_trains(part) for part in layers)
    try:
        module.eval()
    except Exception:  # noqa: BLE001 - somebody's train() of another signature
        for part in parts:
            part.training = False
    for part in drawing if meant else ():
        part.train()


def _bare(module: nn.Module) -> nn.Module:
    """The network within a compiled or data-parallel one."""
    while True:
        if type(module).__name__ == "OptimizedModule" and isinstance(getattr(module, "_orig_mod", None), nn.Module):
            module = module._orig_mod  # type: ignore[assignment]
        elif isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            module = module.module
        else:
            return module


def _trains(module: nn.Module) -> bool:
    """Whether a module is in training mode; a frozen one has no mode."""
    return bool(getattr(module, "training", False))


def _is_exported(module: nn.Module) -> bool:
    """Whether it is the module of a `torch.export` program, which cannot be switched."""
    return any(kind.__module__.startswith("torch.export") for kind in type(module).__mro__)


def _draws(module: nn.Module) -> bool:
    """Whether a module draws random numbers in training mode."""
    if isinstance(module, _DropoutNd):
        return module.p > 0
    if isinstance(module, (nn.MultiheadAttention, nn.RNNBase)):
        return module.dropout > 0
    return isinstance(module, nn.RReLU)
