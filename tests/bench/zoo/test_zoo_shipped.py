"""What the package ships, and what the MNIST recipes promise."""

from __future__ import annotations

import pytest
import torch
from told import Told

import bench.zoo as zoo
from adapters.base import Adapter
from bench.datasets import Dataset, open_dataset
from bench.zoo.cards import read_card
from bench.zoo.cookbook import recipe
from bench.zoo.files import file_sha256
from bench.zoo.fitting import clean_error
from bench.zoo.kinds import ESTIMATORS
from bench.zoo.models import SHIPPED

NETS = ["softmax-regression", "maxout", "rbf-network"]
REFITTED = [
    pytest.param(name, marks=pytest.mark.thorough)
    for name in zoo.names("mnist")
    if recipe("mnist", name).kind in ESTIMATORS
]
"""They take seconds each to fit and to ask; `make bench` fits those of the boards, too."""


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    return open_dataset("mnist")


@pytest.fixture(scope="module")
def test_split(mnist: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """`(10000, 1, 28, 28)` images and their labels."""
    return torch.from_numpy(mnist.examples("test", slice(None))), torch.tensor(mnist.labels("test"))


def fgsm_error(adapter: Adapter, x: torch.Tensor, y: torch.Tensor, eps: float) -> tuple[float, float]:
    """Error under one unclipped step on the training loss, and the mean confidence on the mistakes."""
    confidence = []
    for images, labels in zip(x.split(1000), y.split(1000), strict=True):
        moved = images + eps * adapter.input_gradient(images, labels).sign()
        found = adapter.outputs(moved)
        assert found.probabilities is not None
        chosen = found.probabilities.gather(1, found.labels[:, None])[:, 0]
        confidence.append(chosen[found.labels != labels])
    mistakes = torch.cat(confidence)
    return len(mistakes) / len(x), float(mistakes.mean())


def rubbish_error(adapter: Adapter, features: int, n: int = 10_000) -> float:
    """Share of Gaussian noise that the model takes for some class with more than 50% probability."""
    x = torch.randn(n, features, generator=torch.Generator().manual_seed(0))
    probabilities = torch.cat([adapter.outputs(part).probabilities for part in x.split(1000)])
    return float((probabilities.amax(1) > 0.5).float().mean())


@pytest.mark.parametrize("name", NETS)
def test_shipped_card_says_what_its_weights_are(name: str, mnist: Dataset) -> None:
    card = read_card(SHIPPED / "mnist", name)
    assert card is not None
    weights = SHIPPED / "mnist" / card.weights
    assert file_sha256(weights) == card.weights_sha256
    assert card.recipe == recipe("mnist", name)
    assert card.recipe_hash == card.recipe.hash
    assert card.dataset_checksum == mnist.checksum
    assert card.as_expected
    told = Told()
    adapter = zoo.load("mnist", name, told)
    assert told.lines == []
    assert adapter.fingerprint == card.fingerprint
    assert adapter.gradient == card.gradient == "exact"
    # A near-tie or two may fall otherwise on another processor.
    assert clean_error(adapter, mnist) == pytest.approx(card.clean_error, abs=2e-4)


def test_shipped_files_are_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) <= 8_000_000


@pytest.mark.parametrize(
    ("name", "fgsm", "confidence", "rubbish"),
    [
        ("softmax-regression", (0.99, 1.0), (0.75, 1.0), (0.5, 1.0)),
        ("maxout", (0.84, 0.95), (0.93, 1.0), (0.9, 1.0)),
        ("rbf-network", (0.45, 0.7), (0.0, 0.03), (0.0, 0.05)),
    ],
)
def test_shipped_nets_fall_as_published(
    name: str,
    fgsm: tuple[float, float],
    confidence: tuple[float, float],
    rubbish: tuple[float, float],
    mnist: Dataset,
    test_split: tuple[torch.Tensor, torch.Tensor],
) -> None:
    """Sections 4 and 7 and appendix A of arXiv 1412.6572: unclipped steps of 0.25, and noise."""
    adapter = zoo.load("mnist", name)
    error, sureness = fgsm_error(adapter, *test_split, eps=0.25)
    assert fgsm[0] < error <= fgsm[1]
    assert confidence[0] <= sureness <= confidence[1]
    assert rubbish[0] <= rubbish_error(adapter, mnist.features) <= rubbish[1]


def test_shipped_maxout_obeys_its_norm() -> None:
    from bench.zoo.adapter import NetAdapter

    adapter = zoo.load("mnist", "maxout")
    assert isinstance(adapter, NetAdapter)
    limit = recipe("mnist", "maxout").parameters["max_norm"]
    for name, weights in adapter.net.named_parameters():
        if name.endswith("weight"):
            assert weights.norm(dim=-1).max() <= limit * (1 + 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", REFITTED)
def test_mnist_estimator_meets_its_recipe_and_labels_as_its_estimator(
    name: str, test_split: tuple[torch.Tensor, torch.Tensor]
) -> None:
    told = Told()
    adapter = zoo.load("mnist", name, told)
    card = zoo.card("mnist", name)
    assert card is not None
    assert card.as_expected, card.verdict
    assert told.lines in ([], [f"refitting {name}"])
    assert adapter.fingerprint == card.fingerprint
    for part in test_split[0].split(2000):
        assert torch.equal(adapter.predict(part), adapter.reference_predict(part))
