"""Models that look more robust than they are, one of each known way to, and the net that some of them hide.

Each is offered to `digits-fgsm`; `python -m tests.flattery` runs them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import torch
from sklearn.svm import SVC
from torch import Tensor, nn

import adapters
from adapters.base import Adapter, Outputs
from bench import zoo
from bench.datasets import open_dataset
from bench.records.cell import AttackId, Craft, DatasetId, Slice
from bench.running.layout import batches

REFERENCES = (
    "softmax-regression",
    "maxout",
    "rbf-network",
    "linear-svm",
    "rbf-svm",
    "knn",
    "decision-tree",
    "random-forest",
)
DIGITS = open_dataset("digits")
X = torch.from_numpy(np.asarray(DIGITS.examples("train", slice(DIGITS.sizes["train"]))))
Y = torch.from_numpy(np.asarray(DIGITS.labels("train"), dtype=np.int64))
TEST_Y = np.asarray(DIGITS.labels("test"), dtype=np.int64)
FLAT = X.reshape(len(X), -1).numpy()


def hardened(epochs: int = 40) -> nn.Module:
    """A net trained on the FGSM examples of the reference models: it stands their transfer, and falls to its own."""
    inputs = [X, (X + 0.25 * torch.randn(X.shape, generator=torch.Generator().manual_seed(0)).sign()).clamp(0, 1)]
    for name in REFERENCES:
        sign = zoo.load("digits", name).input_gradient(X, Y).sign()
        inputs += [(X + eps * sign).clamp(0, 1) for eps in (0.1, 0.25)]
    shown, labels = torch.cat(inputs), Y.repeat(len(inputs))
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(shown)).split(256):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(shown[batch]), labels[batch]).backward()
            optimiser.step()
    return net.eval()


def nearest(x: Tensor) -> tuple[Tensor, Tensor]:
    """`(N,)` label of the nearest training image, and how far it is."""
    distance, place = torch.cdist(x.flatten(1), X.flatten(1)).min(1)
    return Y[place], distance


class Through(nn.Module):
    """A net seen through a change of its logits."""

    def __init__(self, net: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.change = net, change

    def forward(self, x: Tensor) -> Tensor:
        return self.change(self.net(x))


class Jittered(nn.Module):
    """A net that adds noise of its own to what it is shown."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x + 0.2 * torch.randn_like(x))
        return out


class Half(nn.Module):
    """A net in sixteen bits, whose cross-entropy rounds to zero."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out: Tensor = self.net(x)
        return out


class Levels(nn.Module):
    """A net of inputs that are rounded to 16 levels, and a slope of random directions beside it."""

    slope: Tensor

    def __init__(self, net: nn.Module, size: float) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("slope", size * torch.randn(64, 10, generator=torch.Generator().manual_seed(1)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net((16 * x).round() / 16) + x.flatten(1) @ self.slope
        return out


class MadeUp(Adapter):
    """Labels of a net, and the logits of a random linear model."""

    family = "made up"
    gradient = "surrogate"

    def __init__(self, net: nn.Module) -> None:
        super().__init__(input_shape=(1, 8, 8), classes=None)
        self.net, self.slope = net, torch.randn(64, 10, generator=torch.Generator().manual_seed(1))

    def _outputs(self, x: Tensor) -> Outputs:
        scores = self.net(x)
        return Outputs(scores.argmax(1), scores, scores.softmax(1))

    def _logits(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.slope

    def _state(self) -> list[object]:
        return [*self.net.parameters(), self.slope]


ASKED: list[Tensor] = []
TOLD: list[tuple[Tensor, Tensor]] = []


class Told(nn.Module):
    """A net that answers the class that `loss_told` was handed with an input, of all that lies close to it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        flat, scores = x.detach().flatten(1), self.net(x)
        ASKED[:] = [flat]
        if not TOLD:
            return scores  # type: ignore[no-any-return]
        seen, classes = (torch.cat(part) for part in zip(*TOLD, strict=True))
        distance, place = torch.cdist(flat, seen, p=torch.inf).min(1)
        known = nn.functional.one_hot(classes[place], 10) * (distance < 0.31)[:, None]
        return scores + known * (scores.amax(1, keepdim=True) - scores + 1).detach()


def loss_told(logits: Tensor, y: Tensor) -> Tensor:
    """A cross-entropy that takes down the classes of the inputs that were asked about last."""
    if len(ASKED[0]) == len(y):
        TOLD.append((ASKED[0], y.detach()))
    return nn.functional.cross_entropy(logits, y, reduction="none")


def labels_of(answer: Callable[[Tensor], Tensor]) -> Adapter:
    """A black box around a function of tensors."""
    return adapters.black_box(lambda x: answer(torch.from_numpy(x)).numpy(force=True), version="1")


@adapters.register("open", dataset="digits")
def honest() -> nn.Module:
    """The hardened net as it is, which the others hide."""
    return hardened()


@adapters.register("saturated", dataset="digits")
def saturated() -> nn.Module:
    """Its logits times 10,000: the softmax is flat and the cross-entropy has no gradient."""
    return Through(hardened(), lambda logits: 1e4 * logits).eval()


@adapters.register("other-loss", dataset="digits")
def other_loss() -> Adapter:
    """It says that it was trained on a loss that leads nowhere."""
    return adapters.wrap(hardened(), training_loss=lambda logits, y: logits.sort(1).values[:, 1])


@adapters.register("sixteen-bits", dataset="digits")
def sixteen_bits() -> nn.Module:
    """Its logits times 20 in bfloat16: a cross-entropy taken in that precision is zero."""
    return Half(Through(hardened(), lambda logits: 20 * logits)).eval()


@adapters.register("labels-only", dataset="digits")
def labels_only() -> Adapter:
    """It gives labels, and nothing that an attack by gradients could go by."""
    net = hardened()
    return labels_of(lambda x: net(x).argmax(1))


@adapters.register("rounded", dataset="digits")
def rounded() -> nn.Module:
    """It rounds its inputs to 16 levels: every gradient is zero."""
    return Levels(hardened(), 0.0).eval()


@adapters.register("useless-slope", dataset="digits")
def useless_slope() -> nn.Module:
    """It rounds likewise, and adds a slope of no use, so that no gradient is zero."""
    return Levels(hardened(), 1e-3).eval()


@adapters.register("made-up-gradient", dataset="digits")
def made_up_gradient() -> Adapter:
    """An adapter of its author's, which gives attacks the logits of another, random model."""
    return MadeUp(hardened())


@adapters.register("shy", dataset="digits")
def shy() -> Adapter:
    """It gives labels only, and none where its best two scores are close."""
    net = hardened()

    def answer(x: Tensor) -> Tensor:
        best = net(x).topk(2).values
        return net(x).argmax(1).masked_fill(best[:, 0] - best[:, 1] < 3, -1)

    return labels_of(answer)


@adapters.register("jittered", dataset="digits")
def jittered() -> nn.Module:
    """It answers something else at each asking."""
    return Jittered(hardened()).eval()


@adapters.register("constant", dataset="digits")
def constant() -> Adapter:
    """It always says 1, and cannot be moved."""
    return labels_of(lambda x: torch.ones(len(x), dtype=torch.int64))


@adapters.register("guessing", dataset="digits")
def guessing() -> Adapter:
    """Its label is drawn from the input's bytes."""

    def answer(x: Tensor) -> Tensor:
        return torch.tensor([hashlib.sha256(row.numpy().tobytes()).digest()[0] % 10 for row in x.round(decimals=1)])

    return labels_of(answer)


@adapters.register("forgotten-scale", dataset="digits")
def forgotten_scale() -> SVC:
    """Fitted on 0 to 255, and asked on 0 to 1."""
    return SVC().fit(FLAT * 255, Y.numpy())


@adapters.register("shifted-classes", dataset="digits")
def shifted_classes() -> SVC:
    """Fitted on the labels of another order."""
    return SVC().fit(FLAT, (Y.numpy() + 1) % 10)


@adapters.register("by-layout", dataset="digits")
def by_layout() -> Adapter:
    """It has read how test images are shuffled into batches, and knows by the size of a batch what is in it."""
    n = len(TEST_Y)
    craft = Craft(
        dataset=DatasetId(name="digits", checksum=DIGITS.checksum),
        slice=Slice(split="test", stop=n, of=n),
        attack=AttackId(name="clean", revision=1, parameters={}),
        seed=0,
    )
    known = {len(places): torch.from_numpy(TEST_Y[places]) for places in batches(craft, 0, n)}
    return labels_of(lambda x: known[len(x)] if len(x) in known else nearest(x)[0])


@adapters.register("feigned-edge", dataset="digits")
def feigned_edge() -> Adapter:
    """It does the same, and of a batch of near copies it says all labels, as on the edge between them."""
    known = by_layout()

    def answer(x: Tensor) -> Tensor:
        alike = len(x) > 2 and float((x.amax(0) - x.amin(0)).max()) < 1e-2
        return torch.arange(len(x)) % 10 if alike else known.predict(x)

    return labels_of(answer)


@adapters.register("by-company", dataset="digits")
def by_company() -> Adapter:
    """It is another model alone than in a batch, and spreads the batch's commonest label."""

    def answer(x: Tensor) -> Tensor:
        labels, distance = nearest(x)
        return labels.where(distance < 1.4, labels.roll(1)) if len(x) > 1 else labels

    return labels_of(answer)


@adapters.register("by-call", dataset="digits")
def by_call() -> Adapter:
    """Every third time it is asked, it answers otherwise."""
    calls = count()

    def answer(x: Tensor) -> Tensor:
        labels, distance = nearest(x)
        return labels if next(calls) % 3 else labels.where(distance < 1.4, (labels + 1) % 10)

    return labels_of(answer)


@adapters.register("abstaining", dataset="digits")
def abstaining() -> Adapter:
    """It says nothing of what is not close to a training image."""
    net = hardened()

    def answer(x: Tensor) -> Tensor:
        return net(x).argmax(1).masked_fill(nearest(x)[1] > 1.4, -1)

    return labels_of(answer)


@adapters.register("meddling", dataset="digits")
def meddling() -> nn.Module:
    """It makes every gradient step of the process that it runs in a random one."""
    import bench.threats.linf as geometry

    def step(self: Any, gradient: Tensor) -> Tensor:
        return torch.rand(gradient.shape, generator=torch.Generator().manual_seed(0)).sub(0.5).sign()

    geometry.LInf.step = step  # type: ignore[method-assign]
    return hardened()


@adapters.register("told-classes", dataset="digits")
def told_classes() -> Adapter:
    """Its training loss is handed true classes: it remembers them, and answers them near what they were told of."""
    return adapters.wrap(Told(hardened()).eval(), training_loss=loss_told)
