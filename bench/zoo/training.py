"""The training loop of the reference networks: one seed, one result on one machine."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.zoo.cookbook import Training
from bench.zoo.nets.base import Net

Progress = Callable[[int, int, str], None]
"""Called with what is done, what there is to do, and what goes on."""


def fit(
    build: Callable[[], Net], x: Tensor, y: Tensor, training: Training, seed: int, progress: Progress | None = None
) -> Net:
    """A trained network in evaluation mode, on the device of `x`.

    Determined by the seed, the device and the number of threads; leaves torch's global random state as it was.

    Args:
        build: makes the untrained network.
        x: `(N, features)` training examples, all on one device for the whole run.
        y: `(N,)` class indices.
        training: the schedule.
        seed: of the initial weights, the order of the examples, and dropout.
        progress: told after every epoch.
    """
    with torch.random.fork_rng(devices=[x.device] if x.device.type == "cuda" else []):
        torch.manual_seed(seed)
        net = build()
        net.prepare(x.cpu(), y.cpu())
        net.to(x.device).train()
        optimiser = _optimiser(net, training)
        order = torch.Generator().manual_seed(seed)
        for epoch in range(training.epochs):
            _set_momentum(optimiser, training, epoch)
            total = torch.zeros((), device=x.device)
            for batch in torch.split(torch.randperm(len(x), generator=order).to(x.device), training.batch):
                loss = net.loss(net(x[batch]), y[batch])
                optimiser.zero_grad()
                loss.mean().backward()  # type: ignore[no-untyped-call]  # of torch
                optimiser.step()
                net.constrain()
                for group in optimiser.param_groups:
                    group["lr"] /= training.decay
                total += loss.detach().sum()
            if progress is not None:
                progress(epoch + 1, training.epochs, f"loss {total.item() / len(x):.4f}")
    return net.eval().requires_grad_(False)


def _optimiser(net: Net, training: Training) -> torch.optim.Optimizer:
    if training.optimiser == "adam":
        return torch.optim.Adam(net.parameters(), lr=training.rate)
    return torch.optim.SGD(net.parameters(), lr=training.rate, momentum=training.momentum[0])


def _set_momentum(optimiser: torch.optim.Optimizer, training: Training, epoch: int) -> None:
    if training.optimiser == "sgd":
        first, last = training.momentum
        progress = epoch / max(1, training.epochs - 1)
        for group in optimiser.param_groups:
            group["momentum"] = first + (last - first) * progress
