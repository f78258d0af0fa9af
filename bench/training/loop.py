"""The training of the reference networks: one seed, one result on one machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bench.progress import Doing, quiet
from bench.training.checkpoint import Checkpoint, Saved
from bench.training.device import compiled, forked, random_state, set_random_state
from bench.training.nets.base import Net
from bench.training.objectives import make_objective
from bench.training.spec import OwnFGSM, Training
from bench.training.validation import best_epoch, error, exhausted, held_out


class Trained(NamedTuple):
    """What a training gives."""

    net: Net
    """In evaluation mode, on the device of the examples."""
    epochs: int
    """That its training took: the recipe's, or those that early stopping chose."""
    curve: list[list[float]]
    """Its errors on the test set after every epoch, clean and adversarial; empty without a test set."""


class HeldOut(NamedTuple):
    """What a learning curve is measured on."""

    x: Tensor
    """`(N, features)`, on the device of the training examples."""
    y: Tensor
    """`(N,)` class indices."""
    attack: OwnFGSM


def fit(
    build: Callable[[], Net],
    x: Tensor,
    y: Tensor,
    training: Training,
    seed: int,
    doing: Doing = quiet,
    checkpoint: Checkpoint | None = None,
    test: HeldOut | None = None,
) -> Trained:
    """Train the network that `build` makes on `(N, features)` examples and `(N,)` class indices, all on one device.

    Determined by the seed, the device and the number of threads, interrupted or not; leaves torch's global random state
    as it was. `seed` is of the initial weights, the order of the examples, dropout, noise, and the examples held out;
    `doing` is told after every epoch; a `checkpoint` is gone on from and kept up to date; `test` is measured on after
    every epoch of the training that counts, and decides nothing. Raises UsageError for an objective that does not
    exist, or not with these parameters, TypeError for an objective or a penalty that this network cannot be trained on,
    ValueError where all examples are held out.
    """
    with forked(x.device):
        saved = checkpoint.load() if checkpoint is not None else None
        log = _Log(training.epochs, doing, checkpoint)
        if saved is not None:
            log.errors, log.curve = saved.state["errors"], saved.state["curve"]
        stopping = training.early_stopping
        if stopping is not None:
            if saved is None or saved.state["stage"] == "validation":
                kept, out = held_out(len(x), stopping.held_out, seed, x.device)
                run, unseen = _Run(build, x[kept], y[kept], training, seed, saved), (x[out], y[out])
                while run.epoch < log.epochs and not exhausted(log.errors, stopping.patience):
                    loss = run.advance()
                    log.errors.append(error(run.net, *unseen, stopping))
                    text = f"loss {loss:.4f}, adversarial validation error {log.errors[-1]:.2%}"
                    log.tell(run, "validation", text)
                saved = None
            log.epochs = best_epoch(log.errors)
        run = _Run(build, x, y, training, seed, saved)
        while run.epoch < log.epochs:
            loss = run.advance()
            if test is not None:
                log.curve.append([error(run.net, test.x, test.y, attack) for attack in (None, test.attack)])
            log.tell(run, "whole", f"loss {loss:.4f}")
    return Trained(run.net.eval().requires_grad_(False), log.epochs, log.curve)


@dataclass
class _Log:
    """What was measured on the way, and who is told."""

    epochs: int
    doing: Doing
    checkpoint: Checkpoint | None
    errors: list[float] = field(default_factory=list)
    """Adversarial validation errors of early stopping's first training."""
    curve: list[list[float]] = field(default_factory=list)
    """Clean and adversarial errors on the test set."""

    def tell(self, run: _Run, stage: str, text: str) -> None:
        """Keep what the last epoch gave, and report it."""
        if self.checkpoint is not None and self.checkpoint.due:
            state = {**run.state(), "stage": stage, "errors": self.errors, "curve": self.curve}
            self.checkpoint.save(run.tensors(), state)
        self.doing(text, run.epoch / self.epochs)


class _Run:
    """A network on its way: what one epoch hands to the next."""

    def __init__(
        self, build: Callable[[], Net], x: Tensor, y: Tensor, training: Training, seed: int, saved: Saved | None
    ) -> None:
        self.x, self.y, self.training = x, y, training
        self.epoch = 0
        torch.manual_seed(seed)
        self.net = build()
        self.net.prepare(x.cpu(), y.cpu())
        self.net.to(x.device).train()
        self.objective = make_objective(training.objective)
        self.optimiser = _optimiser(self.net, training)
        self.order = torch.Generator().manual_seed(seed)
        fuses = x.device.type == "cuda" and self.objective.once
        batch = slice(training.batch)
        self.passes = compiled(self.net, x[batch], y[batch]) if fuses else self.net
        if saved is not None:
            self._restore(saved)

    def advance(self) -> float:
        """One epoch; its mean loss, penalties left out."""
        x, y, net, training = self.x, self.y, self.net, self.training
        parameters = list(net.parameters())
        _set_momentum(self.optimiser, training, self.epoch)
        total = torch.zeros((), device=x.device)
        for batch in torch.split(torch.randperm(len(x), generator=self.order).to(x.device), training.batch):
            loss = self.objective(self.passes, x[batch], y[batch])
            cost = penalty(net, training)
            self.optimiser.zero_grad()
            # Of the weights alone: gradients of the inputs that an objective asked for are not wanted here.
            (loss.mean() if cost is None else loss.mean() + cost).backward(inputs=parameters)  # type: ignore[no-untyped-call]
            self.optimiser.step()
            net.constrain()
            for group in self.optimiser.param_groups:
                group["lr"] /= training.decay
            total += loss.detach().sum()
        self.epoch += 1
        return total.item() / len(x)

    def tensors(self) -> dict[str, Tensor]:
        """Weights, the optimiser's memory and the random states."""
        found = {f"net.{name}": tensor for name, tensor in self.net.state_dict().items()}
        for index, values in self.optimiser.state_dict()["state"].items():
            found |= {f"optimiser.{index}.{name}": value for name, value in values.items() if isinstance(value, Tensor)}
        return found | {"random.order": self.order.get_state(), "random.global": random_state(self.x.device)}

    def state(self) -> dict[str, Any]:
        """What is no tensor."""
        return {"epoch": self.epoch, "rates": [group["lr"] for group in self.optimiser.param_groups]}

    def _restore(self, saved: Saved) -> None:
        """Go on where `tensors` and `state` were taken."""
        weights: dict[str, Tensor] = {}
        memory: dict[int, dict[str, Tensor]] = {}
        for name, tensor in saved.tensors.items():
            if name.startswith("net."):
                weights[name.removeprefix("net.")] = tensor
            elif name.startswith("optimiser."):
                _, index, value = name.split(".")
                memory.setdefault(int(index), {})[value] = tensor
        self.net.load_state_dict(weights)
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": memory})
        for group, rate in zip(self.optimiser.param_groups, saved.state["rates"], strict=True):
            group["lr"] = rate
        self.epoch = saved.state["epoch"]
        self.order.set_state(saved.tensors["random.order"])
        set_random_state(saved.tensors["random.global"], self.x.device)


def penalty(net: Net, training: Training) -> Tensor | None:
    """`l1 sum |w|` over the first layer, as in arXiv 1412.6572, section 5, and `weight_decay / 2 sum w^2` over all.

    Biases cost nothing. None where a recipe asks for neither.
    """
    terms = []
    if training.l1:
        terms.append(training.l1 * net.first_weights().abs().sum())
    if training.weight_decay:
        squares = [weights.square().sum() for name, weights in net.named_parameters() if name.endswith("weight")]
        terms.append(training.weight_decay / 2 * torch.stack(squares).sum())
    return torch.stack(terms).sum() if terms else None


def _optimiser(net: Net, training: Training) -> torch.optim.Optimizer:
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        share = next((share for start, share in training.shares.items() if name.startswith(start)), 1.0)
        groups.setdefault(share, []).append(parameter)
    rates = [{"params": group, "lr": share * training.rate} for share, group in groups.items()]
    if training.optimiser == "adam":
        return torch.optim.Adam(rates)
    return torch.optim.SGD(rates, momentum=training.momentum[0])


def _set_momentum(optimiser: torch.optim.Optimizer, training: Training, epoch: int) -> None:
    if training.optimiser == "sgd":
        first, last = training.momentum
        progress = epoch / max(1, training.epochs - 1)
        for group in optimiser.param_groups:
            group["momentum"] = first + (last - first) * progress
