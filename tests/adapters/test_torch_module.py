"""PyTorch networks: what their outputs become, in which units they take inputs, and that they are left as they were."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from known_models import Squashed
from networks import Saying, dense, network, points
from torch import Tensor, nn
from torch.nn import functional as F

import adapters
from adapters.errors import InvalidOutput

# -- outputs ----------------------------------------------------------------------------------------------------------


def test_outputs_of_a_network() -> None:
    net = dense(12, 5, 3)
    x, _ = points()
    adapter = adapters.wrap(net)
    outputs = adapter.outputs(x)
    with torch.no_grad():
        logits = net(x)
    assert torch.equal(outputs.labels, logits.argmax(1))
    assert torch.equal(outputs.scores, logits)
    assert torch.equal(outputs.probabilities, logits.softmax(1))
    assert torch.equal(adapter.predict(x), adapter.scores(x).argmax(1))
    assert torch.equal(adapter.reference_predict(x), adapter.predict(x))
    assert (adapter.gradient, adapter.confidence_kind, adapter.family) == ("exact", "softmax", "network")


def test_probabilities_for_logits() -> None:
    net = dense(12, 5, 3)
    x, y = points()
    plain, ended = adapters.wrap(net), adapters.wrap(Squashed(net).eval(), outputs="probabilities")
    assert torch.equal(ended.predict(x), plain.predict(x))
    assert torch.allclose(ended.outputs(x).probabilities, plain.outputs(x).probabilities, atol=1e-6)
    assert torch.allclose(ended.input_gradient(x, y), plain.input_gradient(x, y), atol=1e-6)


def test_a_probability_of_zero_keeps_scores_finite() -> None:
    net = Squashed(network(nn.Flatten(), nn.Linear(12, 3))).eval()
    with torch.no_grad():
        net.net[1].bias.copy_(torch.tensor([0.0, 1000.0, 0.0]))
    x, y = points()
    ended = adapters.wrap(net, outputs="probabilities")
    assert ended.scores(x).isfinite().all()
    assert ended.input_gradient(x, y).isfinite().all()


@pytest.mark.parametrize("keepdim", [True, False], ids=["(N, 1)", "(N,)"])
@pytest.mark.parametrize("outputs", ["logits", "probabilities"])
def test_a_binary_network_of_one_output(keepdim: bool, outputs: str) -> None:
    class Single(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = dense(12, 1)

        def forward(self, x: Tensor) -> Tensor:
            raw = self.net(x)
            raw = raw.sigmoid() if outputs == "probabilities" else raw
            return raw if keepdim else raw[:, 0]

    module = Single().eval()
    x, y = points(40)
    y = y % 2
    adapter = adapters.wrap(module, outputs=outputs)
    found = adapter.outputs(x - 0.5)
    with torch.no_grad():
        logit = module.net(x - 0.5)[:, 0]
    assert torch.equal(found.labels, (logit > 0).long())
    assert set(found.labels.tolist()) == {0, 1}
    assert torch.allclose(found.probabilities[:, 1], logit.sigmoid(), atol=1e-6)
    expected = F.binary_cross_entropy_with_logits(logit, y.float(), reduction="none")
    assert torch.allclose(adapter.loss(x - 0.5, y).detach(), expected, atol=1e-6)


def test_a_tie_goes_to_the_first_class() -> None:
    silent = network(nn.Flatten(), nn.Linear(12, 1))
    with torch.no_grad():
        for parameter in silent.parameters():
            parameter.zero_()
    assert adapters.wrap(silent).predict(points()[0]).tolist() == [0] * 6


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda x: [1, 2], "returns list"),
        (lambda x: x.flatten(1).argmax(1), "torch.int64, not floating-point"),
        (lambda x: x.flatten(1)[:-1], r"shape \(5, 12\) for 6 examples"),
        (lambda x: x, r"shape \(6, 3, 2, 2\)"),
        (lambda x: x.sum(), r"shape \(\)"),
    ],
)
def test_what_is_no_batch_of_logits_is_refused(answer: Any, says: str) -> None:
    with pytest.raises(InvalidOutput, match=says):
        adapters.wrap(Saying(answer).eval()).predict(points()[0])


# -- units ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "std"), [(0.5, 0.25), ([0.1, 0.5, 0.9], [0.2, 0.3, 0.4]), (None, 0.5), (0.5, None)], ids=str
)
def test_normalisation_is_part_of_the_model_and_epsilon_stays_in_the_datasets_units(mean: Any, std: Any) -> None:
    net = dense(12, 5, 3)
    x, y = points()
    adapter = adapters.wrap(net, mean=mean, std=std)
    shift = torch.as_tensor(0.0 if mean is None else mean).reshape(-1, 1, 1)
    scale = torch.as_tensor(1.0 if std is None else std).reshape(-1, 1, 1)
    with torch.no_grad():
        assert torch.allclose(adapter.scores(x), net((x - shift) / scale), atol=1e-6)
    inside = adapters.wrap(net).input_gradient((x - shift) / scale, y)
    assert torch.allclose(adapter.input_gradient(x, y), inside / scale, atol=1e-6)


# -- the owner's network ----------------------------------------------------------------------------------------------


def test_the_owners_network_is_left_alone() -> None:
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Dropout(0.5), nn.Linear(12, 3)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    adapter = adapters.wrap(net)
    x, y = points()
    adapter.predict(x)
    adapter.input_gradient(x, y)
    assert net.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert adapter.notes == ["train-mode"]
    assert torch.equal(adapter.scores(x), adapter.scores(x))  # dropout is off
    assert adapters.wrap(net.eval()).notes == []


def test_later_training_does_not_move_the_adapter() -> None:
    net = dense(12, 3)
    adapter = adapters.wrap(net)
    x, _ = points()
    before = adapter.fingerprint, adapter.scores(x)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1)
    assert adapter.fingerprint == before[0]
    assert torch.equal(adapter.scores(x), before[1])


def test_the_notes_of_one_network_are_not_anothers() -> None:
    adapters.wrap(dense(12, 3).train())
    assert adapters.wrap(dense(12, 3)).notes == []
