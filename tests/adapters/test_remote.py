"""A model elsewhere answers as it does here, bit for bit; what comes back is checked, and nothing of it is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor

import adapters
from adapters import Adapter, InvalidOutput, Outputs, Unsupported
from adapters.answering import Answering
from adapters.fitting import fit
from adapters.remote import Remote, Reply
from bench.checks import examine
from bench.checks.base import Subject
from bench.running.isolation.wire import Message, packed, unpacked

CLASSES = tuple("0123456789")
SHAPE = (1, 8, 8)
LOSSES = ("training", "cross_entropy", "margin")


class Loopback:
    """The channel to a model next door: all that is said goes over the wire, as bytes."""

    def __init__(self, adapter: Adapter) -> None:
        self.answering, self.device = Answering(adapter), adapter.device
        self.asked: list[str] = []

    def ask(self, question: str, tensors: Mapping[str, Tensor], options: Mapping[str, Any]) -> Reply:
        self.asked.append(question)
        message = _sent(Message(question, dict(options), dict(tensors)))
        here = {name: tensor.to(self.device) for name, tensor in message.tensors.items()}
        reply = self.answering.answer(message.kind, here, message.values)
        back = _sent(Message("answer", reply.values, reply.tensors))
        return Reply(back.tensors, back.values)


def _sent(message: Message) -> Message:
    header, blob = packed(message)
    return unpacked(type(packed(message))(header, bytearray(blob)))


def elsewhere(model: Any) -> tuple[Adapter, Remote]:
    """A model fitted to the digits, here and elsewhere."""
    here = fit(adapters.wrap(model), SHAPE, CLASSES)
    return here, Remote(Loopback(here))


@pytest.fixture(scope="module")
def models(digits_net: torch.nn.Module, digits_train: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    x, y = (array[:300] for array in digits_train)
    few = y < 8
    return {
        "network": digits_net,
        "network in float64": adapters.wrap(digits_net, mean=0.3, std=0.5),
        "svm": SVC(gamma=1.0).fit(x, y),
        "tree": DecisionTreeClassifier(max_depth=6, random_state=0).fit(x, y),
        "fewer classes": KNeighborsClassifier(3).fit(x[few], y[few]),
        "ensemble": adapters.ensemble([digits_net, KNeighborsClassifier(3).fit(x, y)]),
        "labels": adapters.black_box(lambda x: x.reshape(len(x), -1).argmax(1) % 10, version="1"),
    }


NAMES = ("network", "network in float64", "svm", "tree", "fewer classes", "ensemble", "labels")


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_the_same_bit_for_bit(
    name: str, models: dict[str, Any], digits_test: tuple[Tensor, Tensor]
) -> None:
    here, there = elsewhere(models[name])
    x, y = digits_test[0][:40], digits_test[1][:40]
    for said in (
        "family", "gradient", "confidence_kind", "stochastic", "takes_missing", "notes", "fingerprint", "classes",
        "input_shape", "bounds", "logits_decide",
    ):  # fmt: skip
        assert getattr(there, said) == getattr(here, said), said
    for mine, theirs in zip(here.outputs(x), there.outputs(x), strict=True):
        assert (mine is None and theirs is None) or (torch.equal(mine, theirs) and mine.dtype == theirs.dtype)
    assert torch.equal(here.reference_predict(x), there.reference_predict(x))
    if here.gradient == "none":
        with pytest.raises(Unsupported, match=r"gradient|differentiable"):
            there.input_gradient(x, y)
        return
    assert torch.equal(here.logits(x), there.logits(x))
    for loss in LOSSES:
        assert torch.equal(here.loss(x, y, loss), there.loss(x, y, loss))
        assert torch.equal(here.input_gradient(x, y, loss), there.input_gradient(x, y, loss))


@pytest.mark.parametrize("name", ["network", "svm", "ensemble"])
def test_autograd_follows_scores_back_to_the_input(
    name: str, models: dict[str, Any], digits_test: tuple[Tensor, Tensor]
) -> None:
    """Through what is done before and after, in the precision of the input, and twice where the graph is kept."""
    x, y = digits_test[0][:7], digits_test[1][:7]

    def climbed(model: Adapter, dtype: torch.dtype) -> list[Tensor]:
        start = x.to(dtype).requires_grad_()
        point = start * 0.9 + 0.01
        first = (model.logits(point).softmax(1) ** 2).sum()
        second = model.loss(point, y, "margin").sum()
        found = [torch.autograd.grad(first, start, retain_graph=True)[0] for _ in range(2)]
        return [*found, torch.autograd.grad(second, start)[0]]

    here, there = elsewhere(models[name])
    for mine, theirs in zip(climbed(here, torch.float32), climbed(there, torch.float32), strict=True):
        assert torch.equal(mine, theirs)


def test_no_graph_where_none_is_asked_for(models: dict[str, Any], digits_test: tuple[Tensor, Tensor]) -> None:
    _, there = elsewhere(models["network"])
    assert not there.logits(digits_test[0][:2]).requires_grad
    with torch.no_grad():
        assert not there.logits(digits_test[0][:2].clone().requires_grad_()).requires_grad


def test_a_graph_costs_one_forward_pass(models: dict[str, Any], digits_test: tuple[Tensor, Tensor]) -> None:
    """And a product that finds its graph gone computes it again."""
    here, there = elsewhere(models["network"])
    channel: Any = there._channel
    point = digits_test[0][:3].clone().requires_grad_()
    values = there.logits(point)
    (first,) = torch.autograd.grad(values.sum(), point, retain_graph=True)
    assert channel.asked == ["info", "logits", "product"]
    there.outputs(point)
    (second,) = torch.autograd.grad(values.sum(), point)
    assert torch.equal(first, second)
    assert torch.equal(first, torch.autograd.grad(here.logits(point).sum(), point)[0])


@pytest.mark.parametrize("name", NAMES)
def test_every_check_comes_to_the_same(name: str, models: dict[str, Any], digits_test: tuple[Tensor, Tensor]) -> None:
    """Those in float64, those of parts, and those that look into networks too."""
    x, y = digits_test[0][:40], digits_test[1][:40]
    here, there = (
        examine(Subject(model, x, y, clip=(0.0, 1.0), size=10)) for model in elsewhere(models[name])
    )  # fmt: skip
    assert there == here


class Own(Adapter):
    """Somebody's adapter that does as it is told."""

    family = "own"
    gradient = "exact"
    answer: Callable[[Tensor], Any]

    def __init__(self, answer: Callable[[Tensor], Any]) -> None:
        super().__init__(input_shape=None, classes=None)
        self.answer = answer

    def _outputs(self, x: Tensor) -> Outputs:
        return Outputs(self.answer(x), None, None)

    def _logits(self, x: Tensor) -> Tensor:
        found: Tensor = self.answer(x)
        return found

    def _state(self) -> tuple[str, ...]:
        return ("own",)


def test_a_model_that_writes_into_its_input_is_seen_to() -> None:
    def writes(x: Tensor) -> Tensor:
        x[0] = 0.5
        return torch.zeros(len(x), dtype=torch.int64)

    x = torch.ones(3, 1, 8, 8)
    Remote(Loopback(Own(writes))).outputs(x)
    assert torch.equal(x[0], torch.full((1, 8, 8), 0.5))
    assert torch.equal(x[1:], torch.ones(2, 1, 8, 8))


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (lambda x: [0] * len(x), "labels are list, not a tensor"),
        (lambda x: torch.zeros(len(x), dtype=torch.complex64), "complex64"),
        (lambda x: torch.zeros(len(x), 3).to_sparse(), "sparse"),
    ],
)
def test_what_is_no_tensor_of_plain_numbers(answer: Callable[[Tensor], Any], match: str) -> None:
    with pytest.raises(InvalidOutput, match=match):
        Remote(Loopback(Own(answer))).outputs(torch.zeros(4, 1, 8, 8))


@pytest.mark.parametrize("change", [lambda t: t.T.contiguous().T, lambda t: t[::2].repeat_interleave(2, 0), torch.neg])
def test_tensors_of_any_layout(change: Callable[[Tensor], Tensor]) -> None:
    values = change(torch.arange(20.0).reshape(4, 5))
    assert torch.equal(Remote(Loopback(Own(lambda x: values))).logits(torch.zeros(4, 1, 8, 8)), values)


class Stranger:
    """A channel that says what it likes."""

    def __init__(self, honest: Loopback, **lies: Reply) -> None:
        self.honest, self.lies = honest, lies

    def ask(self, question: str, tensors: Mapping[str, Tensor], options: Mapping[str, Any]) -> Reply:
        return self.lies.get(question) or self.honest.ask(question, tensors, options)


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("outputs", Reply({}, {})),
        ("logits", Reply({}, {})),
        ("logits", Reply({"values": torch.zeros(5)}, {})),
        ("logits", Reply({"values": torch.zeros(3, 10)}, {})),
        ("loss", Reply({"values": torch.zeros(5, 1)}, {})),
        ("input_gradient", Reply({"gradient": torch.zeros(5, 64)}, {})),
        ("input_gradient", Reply({"gradient": torch.full((5, 1, 8, 8), torch.nan)}, {})),
        ("reference_predict", Reply({"labels": torch.zeros(4, dtype=torch.int64)}, {})),
        ("outputs", Reply({"labels": torch.zeros(5, dtype=torch.int64), "written": torch.zeros(1)}, {})),
    ],
)
def test_a_reply_of_another_shape_is_an_invalid_output(question: str, reply: Reply, models: dict[str, Any]) -> None:
    here = fit(adapters.wrap(models["network"]), SHAPE, CLASSES)
    there = Remote(Stranger(Loopback(here), **{question: reply}))
    x, y = torch.zeros(5, 1, 8, 8), torch.zeros(5, dtype=torch.int64)
    asked: dict[str, Callable[[], object]] = {
        "outputs": lambda: there.outputs(x),
        "logits": lambda: there.logits(x),
        "loss": lambda: there.loss(x, y),
        "input_gradient": lambda: there.input_gradient(x, y),
        "reference_predict": lambda: there.reference_predict(x),
    }
    with pytest.raises(InvalidOutput):
        asked[question]()


@pytest.mark.parametrize(
    "lie",
    [
        {"fingerprint": "f" * 63},
        {"fingerprint": "F" * 64},
        {"fingerprint": None},
        {"gradient": "perfect"},
        {"family": 3},
        {"family": "x" * 1000},
        {"notes": "ok"},
        {"notes": [1]},
        {"classes": [{}]},
        {"parts": "3"},
        {"stochastic": None},
        {"kind": "friend"},
    ],
    ids=str,
)
def test_what_it_says_of_itself_is_of_the_right_kind(lie: dict[str, Any], models: dict[str, Any]) -> None:
    honest = Loopback(fit(adapters.wrap(models["network"]), SHAPE, CLASSES))
    told = honest.ask("info", {}, {})
    with pytest.raises(InvalidOutput, match=next(iter(lie))):
        Remote(Stranger(honest, info=Reply(told.tensors, {**told.values, **lie})))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: answers go by the host and come back")
def test_on_a_gpu_answers_come_back_to_the_device(
    models: dict[str, Any], digits_test: tuple[Tensor, Tensor]
) -> None:  # pragma: no cover
    here = fit(adapters.wrap(models["network"]).copied().to("cuda"), SHAPE, CLASSES)
    there = Remote(Loopback(here)).to("cuda")
    x, y = digits_test[0][:20].cuda(), digits_test[1][:20].cuda()
    assert there.logits(x).device.type == "cuda"
    assert torch.equal(there.input_gradient(x, y), here.input_gradient(x, y))
