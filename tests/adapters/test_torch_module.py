"""PyTorch networks: shapes, units, gradients, and a fingerprint of all that decides their outputs."""

from __future__ import annotations

import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from known_models import Squashed
from torch import Tensor, nn
from torch.nn import functional as F

import adapters
from adapters.errors import InvalidOutput, NotWrappable, ShapeMismatch, Unsupported
from adapters.fitting import fit
from adapters.registry import from_file

TEN = tuple("0123456789")


def network(*layers: nn.Module, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(*(layers or (nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 3)))).eval()


def dense(*sizes: int, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Linear(before, after) for before, after in pairwise(sizes)]
    return nn.Sequential(nn.Flatten(), *[part for layer in layers for part in (layer, nn.Tanh())][:-1]).eval()


def points(n: int = 6, shape: tuple[int, ...] = (3, 2, 2), seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, *shape, generator=generator), torch.randint(3, (n,), generator=generator)


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


class Saying(nn.Module):
    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> Any:
        return self.answer(x)


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


# -- shapes and units -------------------------------------------------------------------------------------------------


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


def test_unknown_options_are_refused() -> None:
    with pytest.raises(NotWrappable, match="avg"):
        adapters.wrap(dense(12, 3), avg=0.1)
    with pytest.raises(NotWrappable, match="outputs='softmax': use 'logits' or 'probabilities'"):
        adapters.wrap(dense(12, 3), outputs="softmax")


@pytest.mark.parametrize("thing", [3, "maxout", lambda x: x, None])
def test_what_wrap_does_not_know(thing: Any) -> None:
    with pytest.raises(NotWrappable, match=r"cannot wrap .*black_box"):
        adapters.wrap(thing)


def test_an_adapter_is_wrapped_already() -> None:
    adapter = adapters.wrap(dense(12, 3))
    assert adapters.wrap(adapter) is adapter
    with pytest.raises(NotWrappable, match="takes no options, got mean"):
        adapters.wrap(adapter, mean=0.1)


# -- gradients --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["training", "cross_entropy", "margin"])
@pytest.mark.parametrize("normalised", [False, True])
def test_gradients_are_those_of_finite_differences(loss: Any, normalised: bool) -> None:
    """In float64: in float32 the differences themselves are wrong."""
    options: dict[str, Any] = {"mean": 0.25, "std": 0.5} if normalised else {}
    adapter = adapters.wrap(dense(12, 7, 3).double(), **options)
    x, y = points()
    x = x.double()
    gradient = adapter.input_gradient(x, y, loss)
    step = 1e-6
    for place in np.ndindex(*x.shape[1:]):
        moved = torch.zeros_like(x)
        moved[(slice(None), *place)] = step
        with torch.no_grad():
            slope = (adapter.loss(x + moved, y, loss) - adapter.loss(x - moved, y, loss)) / (2 * step)
        assert torch.allclose(gradient[(slice(None), *place)], slope, atol=1e-7)


def test_the_losses() -> None:
    adapter = adapters.wrap(dense(12, 3))
    x, y = points(30)
    logits = adapter.logits(x).detach()
    assert torch.allclose(adapter.loss(x, y, "cross_entropy").detach(), F.cross_entropy(logits, y, reduction="none"))
    rivals = torch.stack([row[torch.arange(3) != k].max() - row[k] for row, k in zip(logits, y, strict=True)])
    assert torch.allclose(adapter.loss(x, y, "margin").detach(), rivals)
    assert torch.equal(adapter.loss(x, y, "margin") > 0, adapter.predict(x) != y)
    with pytest.raises(ValueError, match="loss is 'hinge'; known losses: training, cross_entropy, margin"):
        adapter.loss(x, y, "hinge")  # type: ignore[arg-type]


def test_the_networks_own_training_loss() -> None:
    def squared(logits: Tensor, y: Tensor) -> Tensor:
        return ((logits - F.one_hot(y, 3)) ** 2).sum(1)

    adapter = adapters.wrap(dense(12, 3), training_loss=squared)
    x, y = points()
    assert torch.equal(adapter.loss(x, y).detach(), squared(adapter.logits(x).detach(), y))
    assert not torch.allclose(adapter.input_gradient(x, y), adapter.input_gradient(x, y, "cross_entropy"))


def test_a_gradient_that_does_not_exist_raises_and_is_never_zero() -> None:
    mute = adapters.black_box(lambda x: np.zeros(len(x), dtype=int), version="1")
    x, y = points()
    assert mute.gradient == "none"
    for ask in (mute.input_gradient, mute.loss):
        with pytest.raises(Unsupported):
            ask(x, y)
    with pytest.raises(Unsupported):
        mute.logits(x)


def test_the_gradient_of_an_example_does_not_depend_on_the_others() -> None:
    adapter = adapters.wrap(dense(12, 5, 3))
    x, y = points()
    together = adapter.input_gradient(x, y)
    alone = torch.cat([adapter.input_gradient(x[i : i + 1], y[i : i + 1]) for i in range(len(x))])
    assert torch.allclose(together, alone, atol=1e-6)
    assert not x.requires_grad


# -- fingerprint ------------------------------------------------------------------------------------------------------


class Affine(nn.Module):
    def __init__(self, power: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(12, 3))
        self.register_buffer("shift", torch.zeros(3))
        self.power = power

    def extra_repr(self) -> str:
        return f"power={self.power}"

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) @ self.weight) ** self.power + self.shift


def affine(**changes: Any) -> nn.Module:
    module = Affine(changes.pop("power", 1.0)).eval()
    with torch.no_grad():
        for name, (place, value) in changes.items():
            getattr(module, name)[place] = value
    return module


def other_loss(logits: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(logits, y, reduction="none")


VARIANTS: dict[str, Any] = {
    "the same": lambda: adapters.wrap(affine()),
    "a parameter": lambda: adapters.wrap(affine(weight=((11, 2), 1.0 + 1e-7))),
    "a buffer": lambda: adapters.wrap(affine(shift=(0, 1e-30))),
    "its repr": lambda: adapters.wrap(affine(power=2.0)),
    "mean": lambda: adapters.wrap(affine(), mean=0.1),
    "std": lambda: adapters.wrap(affine(), std=0.1),
    "mean per channel": lambda: adapters.wrap(affine(), mean=[0.1, 0.1, 0.1]),
    "outputs": lambda: adapters.wrap(affine(), outputs="probabilities"),
    "input shape": lambda: adapters.wrap(affine(), input_shape=(12,)),
    "classes": lambda: adapters.wrap(affine(), classes=["a", "b", "c"]),
    "order of classes": lambda: adapters.wrap(affine(), classes=["b", "a", "c"]),
    "training loss": lambda: adapters.wrap(affine(), training_loss=other_loss),
    "dtype": lambda: adapters.wrap(affine().double()),
}


def test_everything_that_decides_outputs_is_in_the_fingerprint() -> None:
    prints = {name: make().fingerprint for name, make in VARIANTS.items()}
    assert len(set(prints.values())) == len(prints)
    assert all(len(value) == 64 for value in prints.values())


@pytest.mark.parametrize("name", VARIANTS)
def test_a_model_made_again_has_the_same_fingerprint(name: str) -> None:
    assert VARIANTS[name]().fingerprint == VARIANTS[name]().fingerprint


def test_use_leaves_the_fingerprint_and_a_flag_does_not() -> None:
    """Flags are kept with the results: once the owner has mended what earned one, results are made anew."""
    adapter = adapters.wrap(affine())
    before = adapter.fingerprint
    adapter.input_gradient(*points())
    assert adapter.fingerprint == before != adapters.wrap(affine().train()).fingerprint
    assert adapter.to("cpu").fingerprint == before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_device_leaves_the_fingerprint() -> None:
    adapter = adapters.wrap(dense(12, 3), mean=[0.1, 0.2, 0.3])
    before = adapter.fingerprint
    assert adapter.to("cuda").fingerprint == before


def fingerprint_of(source: str, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / "net_of_mine.py"
    path.write_text(textwrap.dedent(source))
    (found,) = from_file(f"{path}:make")
    return adapters.wrap(found.resolve()).fingerprint


NET = """
    import torch

    class Base(torch.nn.Module):
        def squash(self, x):
            return x.tanh()

    class Net(Base):
        def forward(self, x):
            return self.squash(x.flatten(1)[:, :3])

    def make():
        return Net().eval()
"""


def test_the_source_of_the_owners_classes_is_in_the_fingerprint(tmp_path: Path) -> None:
    """Two networks with the same weights, or none, may still compute different things."""
    before = fingerprint_of(NET, tmp_path / "a")
    assert fingerprint_of(NET, tmp_path / "b") == before
    assert fingerprint_of(NET.replace(":3]", ":2]"), tmp_path / "c") != before


def test_a_file_of_the_same_name_changes_nothing(tmp_path: Path) -> None:
    """The source of a class is looked up in its own file, whatever was read since."""
    made = []
    for folder, text in (("a", NET), ("b", NET.replace(":3]", ":2]"))):
        path = tmp_path / folder / "net_of_mine.py"
        path.parent.mkdir()
        path.write_text(textwrap.dedent(text))
        made.append(from_file(f"{path}:make")[0].resolve())
    assert adapters.wrap(made[0]).fingerprint == fingerprint_of(NET, tmp_path / "c")


def test_the_source_of_inherited_classes_is_in_the_fingerprint(tmp_path: Path) -> None:
    before = fingerprint_of(NET, tmp_path / "a")
    assert fingerprint_of(NET.replace("tanh", "sigmoid"), tmp_path / "b") != before


def test_the_notes_of_one_network_are_not_anothers() -> None:
    adapters.wrap(dense(12, 3).train())
    assert adapters.wrap(dense(12, 3)).notes == []
