"""One sweep, six ways: errors of a net on 10,000 images at each epsilon, under a clipped L_inf FGSM step.

Each maker takes the net and gives `sweep(x, y)`, which returns the number of errors at each epsilon: what a user of
that library has to run to know them. Nothing but that call is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from judged_sweep import BATCH, EPSILONS
from torch import Tensor, nn
from torch.nn import functional as F

Sweep = Callable[[Tensor, Tensor], list[int]]
Peer = Callable[[str], Any]
Craft = Callable[[Tensor, Tensor, float], Tensor]


def bare_loop(net: nn.Module, peer: Peer) -> Sweep:
    """No checks, no records: one forward, one backward and eight forwards a batch."""

    def sweep(x: Tensor, y: Tensor) -> list[int]:
        errors = [0] * len(EPSILONS)
        for clean, labels in batches(x, y):
            point = clean.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(F.cross_entropy(net(point), labels), point)
            step = gradient.sign()
            with torch.no_grad():
                for number, eps in enumerate(EPSILONS):
                    candidates = (clean + eps * step).clamp(0, 1)
                    errors[number] += int((net(candidates).argmax(1) != labels).sum())
        return errors

    return sweep


def foolbox(net: nn.Module, peer: Peer) -> Sweep:
    model = peer("foolbox").PyTorchModel(net, bounds=(0, 1), device="cpu")
    attack = peer("foolbox").attacks.LinfFastGradientAttack()

    def sweep(x: Tensor, y: Tensor) -> list[int]:
        errors = torch.zeros(len(EPSILONS), dtype=torch.int64)
        for clean, labels in batches(x, y):
            _, _, success = attack(model, clean, labels, epsilons=EPSILONS)
            errors += success.sum(1)
        return errors.tolist()

    return sweep


def torchattacks(net: nn.Module, peer: Peer) -> Sweep:
    return _counted(net, torchattacks_craft(net, peer))


def cleverhans(net: nn.Module, peer: Peer) -> Sweep:
    return _counted(net, cleverhans_craft(net, peer))


def art(net: nn.Module, peer: Peer) -> Sweep:
    classifier = peer("art.estimators.classification").PyTorchClassifier(
        net, nn.CrossEntropyLoss(), input_shape=(784,), nb_classes=10, clip_values=(0, 1), device_type="cpu"
    )
    attack_class = peer("art.attacks.evasion").FastGradientMethod
    attacks = [attack_class(classifier, eps=eps, batch_size=BATCH) for eps in EPSILONS]

    def sweep(x: Tensor, y: Tensor) -> list[int]:
        clean, labels = x.numpy(), y.numpy()
        errors = []
        for attack in attacks:
            scores = classifier.predict(attack.generate(clean, labels), batch_size=BATCH)
            errors.append(int(np.count_nonzero(scores.argmax(1) != labels)))
        return errors

    return sweep


SWEEPERS = {
    "bare loop": bare_loop,
    "foolbox": foolbox,
    "torchattacks": torchattacks,
    "cleverhans": cleverhans,
    "ART": art,
}

# -- one step at one epsilon, where a library has it ------------------------------------------------------------------


def foolbox_craft(net: nn.Module, peer: Peer) -> Craft:
    model = peer("foolbox").PyTorchModel(net, bounds=(0, 1), device="cpu")
    attack = peer("foolbox").attacks.LinfFastGradientAttack()
    return lambda x, y, eps: attack(model, x, y, epsilons=eps)[1]


def torchattacks_craft(net: nn.Module, peer: Peer) -> Craft:
    attacks = {eps: peer("torchattacks").FGSM(net, eps=eps) for eps in EPSILONS}
    return lambda x, y, eps: attacks[eps](x, y)


def cleverhans_craft(net: nn.Module, peer: Peer) -> Craft:
    step = peer("cleverhans.torch.attacks.fast_gradient_method").fast_gradient_method
    return lambda x, y, eps: step(net, x, eps, np.inf, clip_min=0, clip_max=1, y=y).detach()


CRAFTS = {"foolbox": foolbox_craft, "torchattacks": torchattacks_craft, "cleverhans": cleverhans_craft}


def batches(x: Tensor, y: Tensor, size: int = BATCH) -> Iterator[tuple[Tensor, Tensor]]:
    yield from zip(x.split(size), y.split(size), strict=True)


def _counted(net: nn.Module, craft: Craft) -> Sweep:
    """The sweep of a library whose attack gives candidates for one epsilon and leaves their labels to its user."""

    def sweep(x: Tensor, y: Tensor) -> list[int]:
        errors = [0] * len(EPSILONS)
        for clean, labels in batches(x, y):
            for number, eps in enumerate(EPSILONS):
                candidates = craft(clean, labels, eps)
                with torch.no_grad():
                    errors[number] += int((net(candidates).argmax(1) != labels).sum())
        return errors

    return sweep
