"""The nets that others published: their weights as they were, wired as they were trained, licences beside."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

import bench.zoo as zoo
from bench.datasets import open_dataset
from bench.errors import UsageError
from bench.training.nets.relu import ConvReLUNet, ReLUNet
from bench.zoo.adapter import NetAdapter
from bench.zoo.models import SHIPPED, train

NETS = ("wong-kolter", "raghunathan")
PLACE = SHIPPED / "mnist"


def by_hand(name: str, w: dict[str, Tensor], x: Tensor) -> Tensor:
    """The published architectures, written out."""
    if name == "wong-kolter":
        x = F.conv2d(x, w["conv1.weight"], w["conv1.bias"], stride=2, padding=1).relu()
        x = F.conv2d(x, w["conv2.weight"], w["conv2.bias"], stride=2, padding=1).relu()
    x = F.linear(x.flatten(1), w["fc1.weight"], w["fc1.bias"]).relu()
    return F.linear(x, w["fc2.weight"], w["fc2.bias"])


@pytest.mark.parametrize("name", NETS)
def test_a_published_net_is_wired_as_published(name: str) -> None:
    x = torch.from_numpy(open_dataset("mnist").examples("test", slice(0, 300)))
    adapter = zoo.load("mnist", name)
    assert isinstance(adapter, NetAdapter)
    torch.testing.assert_close(adapter.logits(x), by_hand(name, load_file(PLACE / f"{name}.safetensors"), x))


@pytest.mark.parametrize(("name", "error"), [("wong-kolter", 0.018), ("raghunathan", 0.0418)])
def test_a_published_net_errs_as_its_card_says(name: str, error: float) -> None:
    """Published for the first: 1.8%."""
    mnist = open_dataset("mnist")
    adapter, y = zoo.load("mnist", name), torch.tensor(mnist.labels("test"))
    x = torch.from_numpy(mnist.examples("test", slice(None)))
    parts = zip(x.split(1000), y.split(1000), strict=True)
    wrong = sum(int((adapter.predict(part) != labels).sum()) for part, labels in parts)
    assert wrong / len(y) == pytest.approx(error, abs=2e-4)
    card = zoo.card("mnist", name)
    assert card is not None
    assert card.clean_error == pytest.approx(error)
    assert card.fingerprint == adapter.fingerprint


@pytest.mark.parametrize("name", NETS)
def test_nothing_makes_a_published_net_anew(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} ships as .* published it; nothing here makes it anew"):
        train("mnist", name)


def test_the_licences_lie_beside_the_weights() -> None:
    texts = [path.read_text() for path in PLACE.glob("LICENSE-*")]
    assert len(texts) == len(NETS)
    assert all("MIT" in text or "Permission is hereby granted" in text for text in texts)


def test_a_relu_net_is_a_chain_of_its_layers() -> None:
    torch.manual_seed(0)
    convolutions = [{"channels": 3, "kernel": 2, "stride": 1, "padding": 0}]
    nets = (ReLUNet(9, 4, units=[5, 6]), ConvReLUNet(9, 4, shape=[1, 3, 3], convolutions=convolutions, units=[5]))
    x = torch.rand(7, 9)
    for net in nets:
        assert torch.equal(torch.nn.Sequential(*net.children())(x), net(x))
        assert net(x).shape == (7, 4)
    with pytest.raises(ValueError, match="have 8 features, not 9"):
        ConvReLUNet(9, 4, shape=[2, 2, 2], convolutions=convolutions, units=[5])
