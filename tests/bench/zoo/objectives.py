"""Small networks trained on the digits with each training objective."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.training.loop import fit
from bench.training.nets.base import Net
from bench.training.nets.linear import LogisticRegression
from bench.training.spec import ObjectiveSpec, Training
from bench.zoo.kinds import kind_class

Split = tuple[Tensor, Tensor]
EPS = 0.1
MAXOUT: dict[str, Any] = {
    "units": [32, 32],
    "pieces": 3,
    "spread": 0.1,
    "input_dropout": 0.1,
    "hidden_dropout": 0.2,
    "max_norm": 1.9365,
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "adversarial": {"alpha": 0.5, "eps": EPS, "clip": None, "masks": 2},
    "adversarial-logistic": {"eps": EPS},
    "rotation": {"alpha": 0.5, "angle": 0.3, "masks": 2},
    "scaled-gradient": {"alpha": 0.5, "eps": 0.8, "masks": 2},
    "hidden-perturbation": {"alpha": 0.5, "masks": 2, "form": "rotation", "size": 0.3},
    "sign-noise": {"eps": EPS},
    "uniform-noise": {"eps": EPS},
    "gaussian-rubbish": {"weight": 1.0},
}


def spec(kind: str, **changes: Any) -> ObjectiveSpec:
    """An objective with the parameters above, some of them changed."""
    return ObjectiveSpec(kind=kind, parameters=PARAMETERS[kind] | changes)


def trained(data: Split, objective: ObjectiveSpec, kind: str = "maxout", epochs: int = 20, **schedule: Any) -> Net:
    """A small net trained on the digits, its weights open to gradients."""
    parameters = MAXOUT if kind.startswith("maxout") else {}
    build = partial(kind_class(kind), 64, len(data[1].unique()), **parameters)
    training = Training(
        optimiser="sgd", rate=0.1, momentum=(0.5, 0.7), epochs=epochs, batch=50, objective=objective, **schedule
    )
    return fit(build, *data, training, seed=0).net.requires_grad_()


def gradient(net: Net, x: Tensor, y: Tensor) -> Tensor:
    """Of the loss with respect to `x`."""
    point = x.clone().requires_grad_()
    return torch.autograd.grad(net.loss(net(point), y).sum(), point)[0]


def error(net: Net, x: Tensor, y: Tensor) -> float:
    return float((net(x).argmax(1) != y).float().mean())


def logistic(seed: int = 0) -> LogisticRegression:
    """In float64, with weights that are not zero."""
    net = LogisticRegression(64, 2).double()
    net.linear.weight.data.normal_(generator=torch.Generator().manual_seed(seed))
    net.linear.bias.data.fill_(0.3)
    return net
