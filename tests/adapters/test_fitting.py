"""A model and a dataset brought together: shapes tried, channels counted, ensembles fitted member by member."""

from __future__ import annotations

import pytest
import torch
from networks import Saying, network, points
from torch import Tensor, nn

import adapters
from adapters.base import Adapter
from adapters.ensembles import ensemble
from adapters.errors import InvalidOutput, NotWrappable, ShapeMismatch
from adapters.fitting import fit
from adapters.torch_module import TorchModule

NAMES = tuple("abc")
SHAPE = (1, 4, 4)


def flat() -> nn.Module:
    return nn.Linear(16, 3)


def image() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 3, 4), nn.Flatten())


@pytest.mark.parametrize("net", [flat, image])
def test_a_network_is_tried_with_images_and_then_flat(net: object) -> None:
    adapter = fit(TorchModule(net()), SHAPE, NAMES)  # type: ignore[operator]
    assert adapter.outputs(torch.rand(5, *SHAPE)).labels.shape == (5,)


def test_members_of_an_ensemble_are_fitted_one_by_one() -> None:
    adapter = fit(ensemble([flat().eval(), image().eval()]), SHAPE, NAMES)
    x = torch.rand(5, *SHAPE)
    assert adapter.outputs(x).labels.shape == (5,)
    assert adapter.input_gradient(x, torch.zeros(5, dtype=torch.int64)).shape == x.shape


def test_another_size_is_refused() -> None:
    with pytest.raises(ShapeMismatch, match="input_shape="):
        fit(TorchModule(nn.Linear(7, 3)), SHAPE, NAMES)
    with pytest.raises(ShapeMismatch, match=r"\(7,\)"):
        fit(TorchModule(nn.Linear(7, 3), input_shape=(7,)), SHAPE, NAMES)


def test_normalisation_must_fit_the_channels() -> None:
    with pytest.raises(ShapeMismatch, match="mean has 3 values, the dataset's inputs 1 channels"):
        fit(TorchModule(image(), mean=[0.1, 0.2, 0.3]), SHAPE, NAMES)
    with pytest.raises(NotWrappable, match=r"std=0\.0: must be positive"):
        TorchModule(image(), std=0.0)


def test_logits_are_not_taken_for_probabilities() -> None:
    adapter = TorchModule(flat(), input_shape=(16,), outputs="probabilities")
    with pytest.raises(InvalidOutput, match="outputs='logits'"):
        adapter.outputs(torch.rand(5, *SHAPE))


def test_a_gradient_of_nan_is_an_error_and_no_attack_that_changes_nothing() -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stack([x.flatten(1).sum(1) - 99, x.flatten(1).sum(1)], dim=1).sqrt()

    adapter: Adapter = TorchModule(Broken())
    with pytest.raises(InvalidOutput, match="NaN"):
        adapter.input_gradient(torch.rand(2, *SHAPE), torch.zeros(2, dtype=torch.int64))


def test_flat_inputs_are_flattened_for_the_network() -> None:
    x, y = points()
    adapter = fit(adapters.wrap(network(nn.Linear(12, 3))), (3, 2, 2), tuple("abc"))
    assert adapter.input_shape == (12,)
    assert adapter.predict(x).shape == (6,)
    assert adapter.input_gradient(x, y).shape == x.shape


def test_images_are_given_as_images() -> None:
    adapter = fit(adapters.wrap(network(nn.Conv2d(3, 4, 2), nn.Flatten())), (3, 2, 2), tuple("abcd"))
    assert adapter.input_shape == (3, 2, 2)
    assert adapter.predict(points(shape=(12,))[0]).shape == (6,)


@pytest.mark.parametrize("shape", [(5,), (1, 13)])
def test_another_number_of_features_is_no_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeMismatch, match="input_shape"):
        fit(adapters.wrap(network(nn.Linear(12, 3))), shape, tuple("abc"))
    with pytest.raises(ShapeMismatch, match=r"\(12,\)"):
        fit(adapters.wrap(network(nn.Linear(12, 3)), input_shape=(12,)), shape, tuple("abc"))
    with pytest.raises(ShapeMismatch):
        adapters.wrap(network(nn.Linear(12, 3)), input_shape=(12,)).predict(torch.zeros(2, *shape))


def test_trouble_of_another_kind_is_left_to_the_judge() -> None:
    def lost(x: Tensor) -> Tensor:
        raise KeyError("weights")

    assert fit(adapters.wrap(Saying(lost).eval()), (3, 2, 2), tuple("abc")).input_shape == (3, 2, 2)
