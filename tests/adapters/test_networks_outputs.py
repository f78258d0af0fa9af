"""What a network returns: found out or asked about, and the same labels and gradients whichever way it is given."""

from __future__ import annotations

import copy
from collections import OrderedDict
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from networks import dense, points
from torch import Tensor, nn
from torch.nn import functional as F

import adapters
from adapters.base import Outputs
from adapters.errors import InvalidOutput, NotWrappable, Unclear
from adapters.fitting import fit
from adapters.torch_module import TorchModule

SHAPE, NAMES = (3, 2, 2), tuple("abc")
NET = dense(12, 5, 3)
X, Y = points(20)


class Ending(nn.Module):
    """A network with something after its logits."""

    def __init__(self, end: Any, net: nn.Module = NET) -> None:
        super().__init__()
        self.net, self.end = net, end

    def forward(self, x: Tensor) -> Any:
        return self.end(self.net(x))


class Pair(NamedTuple):
    logits: Tensor
    aux: Tensor


def fitted(module: Any, names: Any = NAMES, **options: Any) -> TorchModule:
    adapter = fit(adapters.wrap(module, **options), SHAPE, names)
    assert isinstance(adapter, TorchModule)
    return adapter


PLAIN = fitted(NET)


def ended(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(NET, *layers).eval()


def end(function: Any) -> nn.Module:
    return Ending(function).eval()


class Abstaining(TorchModule):
    """Gives no label where it is not sure."""

    def _outputs(self, x: Tensor) -> Outputs:
        labels, scores, probabilities = super()._outputs(x)
        assert probabilities is not None
        return Outputs(labels.where(probabilities.amax(1) > 0.4, -1), scores, probabilities)


# -- kinds ------------------------------------------------------------------------------------------------------------

SOFTMAX = {
    "module": ended(nn.Softmax(1)),
    "method": end(lambda z: z.softmax(-1)),
    "function": end(lambda z: F.softmax(z, dim=1)),
    "not the last step": end(lambda z: z.softmax(1) + 0),
    "in half of the network's precision": end(lambda z: torch.softmax(z, 1, dtype=torch.float64).float()),
    "scripted": torch.jit.script(ended(nn.Softmax(1))),
}
SIGMOID = {
    "module": ended(nn.Sigmoid()),
    "method": end(lambda z: z.sigmoid()),
    "function": end(torch.sigmoid),
    "special": end(torch.special.expit),
}


@pytest.mark.parametrize("name", SOFTMAX)
@pytest.mark.parametrize("said", [None, "probabilities"])
def test_a_softmax_is_undone(name: str, said: Any) -> None:
    adapter = fitted(SOFTMAX[name], outputs=said)
    assert torch.equal(adapter.predict(X), PLAIN.predict(X))
    assert torch.allclose(adapter.probabilities(X), PLAIN.probabilities(X), atol=1e-6)  # type: ignore[arg-type]
    assert torch.allclose(adapter.input_gradient(X, Y), PLAIN.input_gradient(X, Y), atol=1e-6)
    assert adapter.confidence_kind == "softmax"


@pytest.mark.parametrize("name", SIGMOID)
@pytest.mark.parametrize("said", [None, "sigmoids"])
def test_several_sigmoids_are_probabilities_of_their_own(name: str, said: Any) -> None:
    adapter = fitted(SIGMOID[name], outputs=said)
    with torch.no_grad():
        logits = NET(X)
    outputs = adapter.outputs(X)
    assert adapter.confidence_kind == "sigmoid"
    assert torch.equal(outputs.probabilities, logits.sigmoid())
    assert torch.equal(outputs.scores, logits)
    assert torch.equal(outputs.labels, logits.sigmoid().argmax(1))
    assert torch.equal(adapter.input_gradient(X, Y), PLAIN.input_gradient(X, Y))


def test_a_sigmoid_that_is_saturated_hides_no_gradient() -> None:
    """In float32 it is 1 from 17 on, and its own gradient is 0; the label is that of the sigmoids all the same."""
    steep = end(lambda z: (1000 * z).sigmoid())
    adapter = fitted(steep)
    assert torch.equal(adapter.predict(X), steep(X).argmax(1))
    assert torch.equal(adapter.scores(X).argmax(1), adapter.predict(X))
    gradient = adapter.input_gradient(X, Y, "margin")
    assert torch.allclose(gradient, 1000 * PLAIN.input_gradient(X, Y, "margin"), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", ["sigmoids", "probabilities"])
def test_where_no_activation_is_seen_scores_come_from_the_probabilities(kind: str) -> None:
    last = nn.Sigmoid() if kind == "sigmoids" else nn.Softmax(1)
    scripted = torch.jit.script(ended(last))
    adapter = fitted(scripted, outputs=kind)
    assert torch.allclose(adapter.input_gradient(X, Y), PLAIN.input_gradient(X, Y), atol=1e-5)
    hard = fitted(end(lambda z: 0.0 + (z > 0).float() * z / z), outputs="sigmoids")  # zeros and ones
    assert hard.scores(X).isfinite().all()
    assert torch.equal(hard.predict(X), hard.module(X).argmax(1))


@pytest.mark.parametrize("shape", ["(N,)", "(N, 1)"])
@pytest.mark.parametrize("said", [None, "probability", "probabilities", "sigmoids"])
def test_the_probability_of_class_1(shape: str, said: Any) -> None:
    net = dense(12, 1)
    adapter = fitted(Ending(lambda z: z.sigmoid() if shape == "(N, 1)" else z.sigmoid()[:, 0], net).eval(), "ab")
    logit = fitted(net, "ab")
    assert torch.equal(adapter.predict(X), (net(X)[:, 0] > 0).long())
    assert torch.allclose(adapter.scores(X), logit.scores(X), atol=1e-6)
    assert torch.allclose(adapter.probabilities(X), logit.probabilities(X), atol=1e-6)  # type: ignore[arg-type]
    assert torch.allclose(adapter.input_gradient(X, Y % 2), logit.input_gradient(X, Y % 2), atol=1e-6)


def test_logits_stay_logits() -> None:
    for module in (NET, end(lambda z: z.log_softmax(1)), end(lambda z: z.relu()), end(lambda z: 0 * z)):
        adapter = fitted(module)
        assert torch.equal(adapter.predict(X), module(X).argmax(1))
        assert torch.equal(adapter.scores(X), module(X))


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (end(lambda z: 1.0 * z.sigmoid()), r"rows do not sum to 1: say wrap\(net, outputs='sigmoids'\)"),
        (end(lambda z: z.clamp(0, 1)), "or outputs='logits'"),
        (torch.jit.script(ended(nn.Sigmoid())), "outputs='sigmoids'"),
        (end(lambda z: 1.0 * z.sigmoid()[:, :1]), r"wrap\(net, outputs='probability'\).*outputs='logit'"),
    ],
)
def test_what_may_be_probabilities_or_not_is_asked(module: nn.Module, says: str) -> None:
    names = "ab" if "one output" in says or "'logit'" in says else NAMES
    with pytest.raises(Unclear, match=says):
        fit(adapters.wrap(module), SHAPE, names)
    with pytest.raises(Unclear, match=says):
        adapters.wrap(module).predict(X)
    for said in ("logits", "sigmoids"):
        assert fit(adapters.wrap(module, outputs=said), SHAPE, names).predict(X).shape == (20,)


@pytest.mark.parametrize(
    ("module", "said", "says"),
    [
        (NET, "probabilities", "use outputs='logits'"),
        (NET, "sigmoids", "use outputs='logits'"),
        (ended(nn.Sigmoid()), "probabilities", "rows do not sum to 1; use outputs='sigmoids'"),
        (NET, "logit", "said to give one logit, and gives 3 outputs"),
        (NET, "probability", "said to give one probability"),
    ],
)
def test_what_was_said_and_is_not_so(module: nn.Module, said: Any, says: str) -> None:
    with pytest.raises(InvalidOutput, match=says):
        fitted(module, outputs=said).predict(X)


DECIDED = {
    "logits": (PLAIN, True),
    "a single logit": (fitted(dense(12, 5, 1), ("a", "b")), True),
    "in other units": (fit(adapters.wrap(NET, scale=255.0), SHAPE, NAMES), True),
    "a softmax": (fitted(SOFTMAX["module"]), False),
    "in 16 bits": (fitted(copy.deepcopy(NET).to(torch.bfloat16)), False),
    "normalised by the batch": (
        fitted(nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12, track_running_stats=False), *NET[1:]).eval()),
        False,
    ),
    "a label of its own": (Abstaining(NET), False),
    "in another order": (fit(adapters.wrap(NET, classes=("c", "b", "a")), SHAPE, NAMES), True),
    "of fewer classes": (fit(adapters.wrap(NET, classes=("c", "b", "a")), SHAPE, tuple("abcd")), False),
    "not asked yet": (adapters.wrap(NET), False),
}


@pytest.mark.parametrize("name", DECIDED)
def test_logits_decide_where_nothing_else_does(name: str) -> None:
    adapter, decide = DECIDED[name]
    assert adapter.logits_decide == decide
    if decide:
        logits = adapter.logits(X)
        top = logits == logits.amax(1, keepdim=True)
        assert torch.equal(adapter.predict(X), top.long().argmax(1))


def test_without_a_dataset_the_first_batch_tells() -> None:
    adapter = adapters.wrap(ended(nn.Sigmoid()))
    assert torch.equal(adapter.probabilities(X), NET(X).sigmoid())  # type: ignore[arg-type]
    assert adapter.confidence_kind == "sigmoid"


# -- where the outputs are --------------------------------------------------------------------------------------------

FOUND = {
    "the only tensor of a tuple": lambda z: (z,),
    "the only tensor of a dictionary": lambda z: {"out": z},
    "the only one as wide as there are classes": lambda z: (z.new_zeros(len(z), 7), z, z.new_zeros(len(z), 3, 3)),
    "logits of a named tuple": lambda z: Pair(z, 2 * z),
    "logits of a dictionary": lambda z: OrderedDict(aux=2 * z, logits=z),
    "logits of an object": lambda z: SimpleNamespace(logits=z, hidden_states=None),
}


@pytest.mark.parametrize("name", FOUND)
def test_logits_are_found(name: str) -> None:
    adapter = fitted(end(FOUND[name]))
    assert torch.equal(adapter.scores(X), PLAIN.scores(X))
    assert torch.equal(adapter.input_gradient(X, Y), PLAIN.input_gradient(X, Y))


SEVERAL = {
    "of a tuple": (lambda z: (2 * z, z), r"\(out\[0\] \(3, 3\), out\[1\] \(3, 3\)\)", lambda out: out[1]),
    "of a dictionary": (lambda z: {"a": 2 * z, "b": z}, r"logits=lambda out: out\['a'\]", lambda out: out["b"]),
    "within": (lambda z: {"a": (2 * z, z)}, r"logits=lambda out: out\['a'\]\[0\]", lambda out: out["a"][1]),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_which_of_several_tensors_is_asked(name: str) -> None:
    gives, says, pick = SEVERAL[name]
    with pytest.raises(Unclear, match=says):
        fit(adapters.wrap(end(gives)), SHAPE, NAMES)
    assert torch.equal(fitted(end(gives), logits=pick).scores(X), PLAIN.scores(X))


def test_a_function_may_also_pick_probabilities() -> None:
    adapter = fitted(end(lambda z: (z.softmax(1), z)), logits=lambda out: out[0], outputs="probabilities")
    assert torch.allclose(adapter.input_gradient(X, Y), PLAIN.input_gradient(X, Y), atol=1e-6)
    other = fitted(end(lambda z: (z.softmax(1), z)), logits=lambda out: out[1], outputs="logits")
    assert adapter.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("gives", "options", "says"),
    [
        (lambda z: z.detach().numpy(), {}, "NumPy array.*black_box"),
        (lambda z: z.argmax(1), {}, "torch.int64, not floating-point logits.*black_box"),
        (lambda z: z + 0j, {}, "torch.complex64, not floating-point"),
        (lambda z: "yes", {}, r"returns str, not a tensor of logits; say wrap\(net, logits=fn\)"),
        (lambda z: z[:, :, None, None], {}, r"shape \(20, 3, 1, 1\).*logits=lambda out: out.flatten\(1\)"),
        (lambda z: z.T, {}, r"shape \(3, 20\) for 20 examples"),
        (lambda z: z[:, :2], {}, r"2 outputs for 3 classes; say which.*classes="),
        (lambda z: z, {"logits": lambda out: out["a"]}, r"logits=\.\.\. fails on the Tensor"),
        (lambda z: z, {"logits": lambda out: [out]}, r"logits=\.\.\. gives list"),
    ],
)
def test_what_is_no_batch_of_outputs_says_what_to_write(gives: Any, options: Any, says: str) -> None:
    with pytest.raises(InvalidOutput, match=says) as raised:
        fitted(end(gives), **options).predict(X)
    assert "\n" not in str(raised.value)


def test_options_that_are_none() -> None:
    for options, says in (
        ({"outputs": "softmax"}, "use 'logits', 'probabilities' or 'sigmoids'"),
        ({"logits": "out"}, "logits='out': give a function"),
        ({"training_loss": 3}, "training_loss=3: give a function"),
    ):
        with pytest.raises(NotWrappable, match=says):
            adapters.wrap(NET, **options)
    with pytest.raises(InvalidOutput, match=r"training_loss gives \(\) for 20 examples.*reduction='none'"):
        adapters.wrap(NET, training_loss=nn.CrossEntropyLoss()).input_gradient(X, Y)
