"""Networks in every precision and of every make: what they compute, and why some have no gradient."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
import torch
from networks import dense, points
from torch import Tensor, nn

import adapters
from adapters.base import LOSSES
from adapters.errors import NO_GRADIENT, NotWrappable, ShapeMismatch, Unsupported
from adapters.fitting import fit
from adapters.torch_module import TorchModule

SHAPE, NAMES = (3, 2, 2), tuple("abc")
NET = dense(12, 5, 3)
X, Y = points(20)
SIXTEEN = (torch.float16, torch.bfloat16)


class Within(nn.Module):
    """A network whose forward pass runs within something."""

    def __init__(self, around: Any, after: Any = None, net: nn.Module = NET) -> None:
        super().__init__()
        self.net, self.around, self.after = net, around, after

    def forward(self, x: Tensor) -> Any:
        with self.around():
            found = self.net(x)
        return found if self.after is None else self.after(found)


def autocast(dtype: torch.dtype, after: Any = None, net: nn.Module = NET) -> nn.Module:
    return Within(lambda: torch.autocast("cpu", dtype=dtype), after, net).eval()


def fitted(module: Any, **options: Any) -> TorchModule:
    adapter = fit(adapters.wrap(module, **options), SHAPE, NAMES)
    assert isinstance(adapter, TorchModule)
    return adapter


def exported(net: nn.Module, batch: int = 4, **options: Any) -> Any:
    return torch.export.export(net, (torch.zeros(batch, *SHAPE),), **options)


PLAIN = fitted(NET)
ANY_BATCH: dict[str, Any] = {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}


# -- precision --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [None, nn.Softmax(1), nn.Sigmoid()], ids=["logits", "softmax", "sigmoids"])
@pytest.mark.parametrize("dtype", [torch.float64, *SIXTEEN], ids=str)
def test_a_network_computes_in_its_own_precision(dtype: torch.dtype, ending: nn.Module | None) -> None:
    own = copy.deepcopy(NET).to(dtype)
    module = own if ending is None else nn.Sequential(own, ending).eval()
    adapter = fitted(module)
    with torch.no_grad():
        assert torch.equal(adapter.predict(X), module(X.to(dtype)).argmax(1))
    outputs = adapter.outputs(X)
    assert outputs.scores.dtype == outputs.probabilities.dtype == torch.promote_types(dtype, torch.float32)
    assert torch.equal(outputs.scores.argmax(1), outputs.labels)
    gradient = adapter.input_gradient(X, Y)
    assert gradient.dtype == torch.float32
    slack = 20 * torch.finfo(dtype).eps + 1e-6
    assert torch.allclose(gradient, PLAIN.input_gradient(X, Y), rtol=slack, atol=slack)
    assert len(adapter.fingerprint) == 64


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", SIXTEEN, ids=str)
@pytest.mark.parametrize("how", ["parameters", "autocast", "autocast, then float"])
def test_losses_of_16_bits_do_not_round_to_nothing(how: str, dtype: torch.dtype, loss: Any) -> None:
    """A sure network's cross-entropy is 0 in 16 bits, and so is its gradient, which float16 cannot even hold."""
    sure = copy.deepcopy(NET)
    with torch.no_grad():
        sure[3].weight *= 20  # type: ignore[index]
    given = {
        "parameters": copy.deepcopy(sure).to(dtype),
        "autocast": autocast(dtype, net=sure),
        "autocast, then float": autocast(dtype, Tensor.float, net=sure),
    }[how]
    wide, narrow = fitted(sure), fitted(given)
    predicted = wide.predict(X)
    expected, found = (model.input_gradient(X, predicted, loss).flatten(1) for model in (wide, narrow))
    large = expected.norm(dim=1) > 0
    assert large.any()
    assert (found[large].norm(dim=1) > 0).all()
    assert torch.nn.functional.cosine_similarity(expected, found)[large].min() > 0.97


def test_a_double_of_a_narrow_network_computes_in_float64() -> None:
    adapter = fitted(copy.deepcopy(NET).half())
    twin = copy.deepcopy(adapter)
    twin.module.double()
    assert twin.logits(X.double()).dtype == torch.float64
    gradient = twin.input_gradient(X.double(), Y)
    assert torch.allclose(gradient.float(), PLAIN.input_gradient(X, Y), atol=1e-2)


def test_parameters_that_hold_nothing_are_refused() -> None:
    for module, says in (
        (nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), "1.weight is not made yet: call net"),
        (dense(12, 3).to("meta"), "1.weight is on the meta device: load its weights"),
    ):
        with pytest.raises(NotWrappable, match=says):
            adapters.wrap(module)


def test_a_precision_that_torch_cannot_run_here() -> None:
    with pytest.raises(NotWrappable, match=r"cannot run it in its precision.*net.float\(\)"):
        fitted(nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(12, 3)).to(torch.float8_e4m3fn).eval())


# -- makes ------------------------------------------------------------------------------------------------------------


class Silent(nn.Module):
    """Its `train` returns nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.net = NET

    def train(self, mode: bool = True) -> None:  # type: ignore[override]
        super().train(mode)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        return logits


class Locked(Silent):
    """Cannot be copied."""

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("cannot pickle a lock")


MAKES = {
    "scripted": lambda: torch.jit.script(NET),
    "traced": lambda: torch.jit.trace(NET, X),
    "frozen": lambda: torch.jit.freeze(torch.jit.script(NET)),
    "frozen in float64": lambda: torch.jit.freeze(torch.jit.script(copy.deepcopy(NET).double())),
    "program": lambda: exported(NET, **ANY_BATCH),
    "program's module": lambda: exported(NET, **ANY_BATCH).module(),
    "compiled": lambda: torch.compile(NET),
    "compiled within": lambda: nn.Sequential(torch.compile(NET)).eval(),
    "data parallel": lambda: nn.DataParallel(NET),
    "train() returns None": Silent,
    "cannot be copied": Locked,
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("make", MAKES)
def test_a_network_of_any_make_is_the_same_network(make: str) -> None:
    adapter = fitted(MAKES[make]())
    assert torch.equal(adapter.predict(X), PLAIN.predict(X))
    assert torch.allclose(adapter.input_gradient(X, Y), PLAIN.input_gradient(X, Y), atol=1e-6)
    assert (adapter.gradient, adapter.stochastic) == ("exact", False)
    assert NET.training is False


def test_a_program_for_one_size_of_batch_says_how_to_export_it() -> None:
    with pytest.raises(ShapeMismatch, match=r"batches of one size.*dynamic_shapes="):
        fitted(exported(NET, batch=7))


def test_weights_that_hooks_compute_can_be_copied() -> None:
    with pytest.warns(FutureWarning):
        net = nn.Sequential(nn.Flatten(), nn.utils.weight_norm(nn.Linear(12, 3))).eval()
    expected = net(X)
    assert torch.equal(fitted(net).scores(X), expected)


# -- without a gradient -----------------------------------------------------------------------------------------------


def quantised() -> nn.Module:
    from torch.ao.quantization import quantize_dynamic

    return quantize_dynamic(NET, {nn.Linear}, dtype=torch.qint8)


class _OneWay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()


MUTE = {
    "no-grad": [lambda: Within(torch.no_grad).eval(), lambda: Within(torch.inference_mode).eval()],
    "quantised": [quantised],
    "detached": [
        lambda: Within(contextlib.nullcontext, lambda z: z.detach()).eval(),
        lambda: Within(contextlib.nullcontext, lambda z: torch.from_numpy(z.detach().numpy())).eval(),
    ],
    "no-backward": [lambda: Within(contextlib.nullcontext, _OneWay.apply).eval()],
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("flag", "make"), [(flag, make) for flag, makes in MUTE.items() for make in makes])
def test_a_network_without_a_gradient_is_measured_by_its_labels(flag: str, make: Any) -> None:
    module = make()
    adapter = fitted(module)
    assert adapter.gradient == "none"
    assert adapter.notes == [flag]
    assert torch.equal(adapter.predict(X), module(X).argmax(1))
    with pytest.raises(Unsupported, match="needs a gradient") as raised:
        adapter.input_gradient(X, Y)
    assert NO_GRADIENT[flag] in str(raised.value)


def test_every_reason_has_a_network() -> None:
    assert MUTE.keys() == NO_GRADIENT.keys()


def test_before_it_is_fitted_a_network_says_so_too() -> None:
    adapter = adapters.wrap(Within(torch.no_grad).eval())
    with pytest.raises(Unsupported, match="cut off from the inputs"):
        adapter.input_gradient(X, Y)


# -- modes ------------------------------------------------------------------------------------------------------------


def dropping() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 40), nn.Dropout(0.5), nn.Linear(40, 3)).eval()


def monte_carlo() -> nn.Sequential:
    net = dropping()
    net[2].train()
    return net


@pytest.mark.parametrize(
    ("net", "notes"),
    [
        (dropping(), []),
        (dropping().train(), ["train-mode"]),
        (monte_carlo(), ["stochastic"]),
        (nn.Sequential(monte_carlo()), ["train-mode", "stochastic"]),  # a wrapper that was never told its mode
        (Within(contextlib.nullcontext, lambda z: nn.functional.dropout(z, 0.5, True)).eval(), ["stochastic"]),
        (nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.BatchNorm1d(3)).eval(), []),
        (nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12, track_running_stats=False)).eval(), ["batch-dependent"]),
    ],
)
def test_the_mode_that_the_owner_means(net: nn.Module, notes: list[str]) -> None:
    adapter = fit(adapters.wrap(net), SHAPE, tuple("abcdefghijkl")[: net(X).shape[1]])
    assert adapter.notes == notes
    assert adapter.stochastic is ("stochastic" in notes)
    again = not torch.equal(adapter.scores(X), adapter.scores(X))
    assert again is ("stochastic" in notes)


def test_batch_statistics_stay_in_use_and_move_no_more() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.BatchNorm1d(3)).eval()
    net[2].train()
    adapter = fitted(net)
    before = adapter.fingerprint
    assert torch.equal(adapter.scores(X), net(X))
    adapter.predict(X)
    assert adapter.fingerprint == before
    assert adapter.notes == ["batch-dependent"]


def test_finding_out_draws_no_random_numbers_of_others() -> None:
    net, before = monte_carlo(), torch.get_rng_state()
    fitted(net)
    assert torch.equal(before, torch.get_rng_state())
