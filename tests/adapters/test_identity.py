"""Whatever changes outputs changes the fingerprint, nothing else does, and what is not seen is never reused."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ordinary_nets
import pytest
import torch
from all_places import PLACES
from networks import dense
from ordinary_nets import NETS, UNPICKLED, UNWRAPPED, told
from places import body
from torch import Tensor, nn
from torch.nn import functional as F

import adapters
from adapters import identity

x = torch.linspace(0, 1, 24).reshape(2, 1, 3, 4)

# -- what changes outputs ---------------------------------------------------------------------------------------------


def made(place: str, number: float) -> tuple[str, Tensor]:
    """Fingerprint and logits of a net that adds a number, hidden in a place, to its inputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adapter = adapters.wrap(PLACES[place](number).eval())
        assert adapter.unseen == ()
        return adapter.fingerprint, adapter.logits(x).detach()


@pytest.mark.parametrize("place", PLACES)
def test_a_number_counts_wherever_it_hides(place: str) -> None:
    (one, of_one), (two, of_two), (again, of_again) = made(place, 0.25), made(place, 0.5), made(place, 0.25)
    assert not torch.equal(of_one, of_two)
    assert torch.equal(of_one, of_again)
    assert one == again != two


LOSSES: dict[str, Any] = {
    "none": None,
    "a function": lambda logits, y: F.cross_entropy(logits, y, reduction="none"),
    "another": lambda logits, y: 2 * F.cross_entropy(logits, y, reduction="none"),
    "a module": nn.CrossEntropyLoss(reduction="none"),
    "a module with a setting": nn.CrossEntropyLoss(reduction="none", label_smoothing=0.1),
    "a module with weights": nn.CrossEntropyLoss(reduction="none", weight=torch.tensor([1.0, 1.0, 2.0])),
    "a library's function": functools.partial(F.cross_entropy, reduction="none"),
    "with a setting": functools.partial(F.cross_entropy, reduction="none", label_smoothing=0.1),
}


def test_the_training_loss_counts_by_what_it_computes() -> None:
    prints = {name: adapters.wrap(dense(12, 3), training_loss=loss).fingerprint for name, loss in LOSSES.items()}
    assert len(set(prints.values())) == len(LOSSES)


@pytest.mark.parametrize("count", [1, 2])
def test_order_counts_among_what_is_applied(count: int) -> None:
    """The order of modules, hooks and functions decides outputs; that of settings does not."""
    pair = {"a": torch.tanh, "b": torch.sigmoid}
    turned = dict(reversed(pair.items()))
    assert made_of(pair) != made_of(turned)
    assert made_of({"a": [torch.tanh], "b": [torch.sigmoid]}) != made_of({"b": [torch.sigmoid], "a": [torch.tanh]})
    assert made_of({"a": 1, "b": [2]}) == made_of({"b": [2], "a": 1})
    one, two = nn.Sequential(body(), nn.Tanh(), nn.ReLU()), nn.Sequential(body(), nn.ReLU(), nn.Tanh())
    assert told(one) != told(two)
    assert told(hooked(1.0, 2.0)) != told(hooked(2.0, 1.0))
    assert told(hooked(1.0, 2.0)) == told(hooked(1.0, 2.0))


def made_of(options: Any) -> str:
    net = body()
    net.options = options
    net.register_forward_hook(reading_options)
    return told(net)


def reading_options(module: Any, inputs: Any, output: Tensor) -> Tensor:
    return output + len(module.options)


def hooked(*by: float) -> nn.Module:
    net = body()
    for number in by:
        net.register_forward_hook(functools.partial(scaled, number))
    return net


def scaled(by: float, module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return output * by + by


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any, absent: bool = False) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    yield
    if absent:
        delattr(owner, name)
    else:
        setattr(owner, name, before)


class Doubled:
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return 2 * arguments[-1]


def doubled(*arguments: Any, **options: Any) -> Tensor:
    return 2 * arguments[-1]


@pytest.mark.parametrize(
    "change",
    [
        lambda: replaced(nn.Tanh, "forward", doubled),
        lambda: replaced(F, "relu", doubled),
        lambda: replaced(torch, "tanh", doubled),
        lambda: replaced(nn.Tanh, "forward", nn.Sigmoid.forward),
        lambda: replaced(nn.Tanh, "forward", functools.partialmethod(doubled)),
        lambda: replaced(nn.Tanh, "forward", functools.partial(doubled)),
        lambda: replaced(F, "relu", F.selu),
        lambda: replaced(F, "relu", torch.selu),
        lambda: replaced(F, "relu", Doubled()),
        lambda: replaced(F, "relu", functools.partial(F.leaky_relu, negative_slope=0.25)),
        lambda: replaced(torch, "tanh", torch.sigmoid),
        lambda: replaced(torch, "tanh", Doubled()),
        lambda: replaced(torch.Tensor, "split", torch.Tensor.unflatten),
        lambda: replaced(torch.Tensor, "tanh", torch.Tensor.sigmoid, absent=True),
        lambda: replaced(F.leaky_relu, "__defaults__", (0.5, False)),
        lambda: replaced(F.leaky_relu, "__code__", F.selu.__code__),
        lambda: torch.nn.modules.module.register_module_forward_hook(lambda *given: 2 * given[-1]),
    ],
)
def test_what_is_done_to_the_library_counts(change: Callable[[], Any]) -> None:
    adapter = adapters.wrap(body())
    before = adapter.fingerprint
    with change():
        assert adapter.fingerprint != before
    assert adapter.fingerprint == before


# -- what does not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in NETS if name not in UNWRAPPED])
def test_an_ordinary_net_stays_the_same_model(name: str) -> None:
    """Made again, copied, used: one model, seen throughout."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = NETS[name]()
        adapter = adapters.wrap(net)
        before = adapter.fingerprint
        assert adapter.unseen == ()
        assert adapter.notes == []
        adapter.predict(torch.rand(2, 1, 3, 4))
        for same in (adapter, adapter.copied(), adapters.wrap(copy.deepcopy(net)), adapters.wrap(NETS[name]())):
            assert same.fingerprint == before


def test_an_ordinary_net_is_the_same_in_another_process() -> None:
    """With other hashes of strings, and other addresses; in a worker, where it comes by cloudpickle."""
    here = [ordinary_nets.digests(), {name: adapters.wrap(NETS[name]()).fingerprint for name in UNPICKLED}]
    there = subprocess.run(
        [sys.executable, "-W", "ignore", str(Path(ordinary_nets.__file__))],
        env={**os.environ, "PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert there.returncode == 0, there.stderr
    for ours, theirs in zip(here, json.loads(there.stdout), strict=True):
        assert ours.keys() == theirs.keys()
        assert [name for name in ours if ours[name] != theirs[name]] == []


def test_programs_are_told_by_their_code_and_data() -> None:
    """Scripted, traced and exported, beside what they were made of."""
    nets = [NETS[name]() for name in ("scripted", "traced", "exported", "dense")]
    other = torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3)).eval())
    changed = NETS["scripted"]()
    with torch.no_grad():
        next(changed.parameters())[0, 0] += 1
    assert len({told(net) for net in (*nets, other, changed)}) == 6


CODE = '''
class Net(nn.Module):
    """A net."""

    def __init__(self, body):
        super().__init__()
        self.body = body
    def forward(self, x):
        y = self.body(x)
        return y * 2.0
'''


def typed(code: str) -> str:
    space: dict[str, Any] = {"nn": nn, "torch": torch, "__name__": "notebook"}
    exec(code, space)
    return adapters.wrap(space["Net"](body()).eval()).fingerprint


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("        y = ", "        # what the body says\n\n        y = ", True),
        ('"""A net."""', '"""A network."""', True),
        ("def forward", "def helper(self):\n        return 7\n    def forward", True),
        ("self.body = body", "self.body = body\n        print(end='')", True),
        ("2.0", "2.5", False),
        ("2.0", "2", False),
        ("y * 2.0", "y + 2.0", False),
        ("x)\n", "x).relu()\n", False),
        ("return y * 2.0", "return y * 2.0 if len(y) else y", False),
    ],
)
def test_code_counts_by_what_it_does(old: str, new: str, same: bool) -> None:
    """Redefined in a notebook's cell, where there is no source to be had."""
    assert (typed(CODE) == typed(CODE.replace(old, new))) is same


# -- golden values ----------------------------------------------------------------------------------------------------

LIBRARYS: dict[str, Callable[[], nn.Module]] = {
    "dense": lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3)),
    "batch norm": lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Dropout()),
    "convolutions": lambda: nn.Sequential(nn.Conv2d(1, 4, 2), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "transformer": lambda: nn.Sequential(nn.Flatten(0, 1), nn.TransformerEncoderLayer(4, 2, 8), nn.LSTM(4, 3)),
}
GOLDEN = {
    "dense": "a67df36544e1448310f4ce33439a509d642da2289668b73b20ae1cab6e86a953",
    "batch norm": "5918b6ff372d9d642c1b3707fb3e18c4b440506e09a4797f24b1b0976016a9d4",
    "convolutions": "af7448d59e18195f204b0362f631c5e0e5e16c39116622a33be03d2cb6761458",
    "transformer": "ed58e4d79ef32d812ee6b8b386015702010ab26d662d43b8fba762f16cd11d72",
}


@pytest.mark.parametrize("name", LIBRARYS)
def test_fingerprints_are_the_same_in_every_release(name: str) -> None:
    """Of nets of the library's own classes, with weights that nobody drew. Another value orphans users' records."""
    assert adapters.wrap(filled(LIBRARYS[name]().eval()), input_shape=(1, 3, 4)).fingerprint == GOLDEN[name]


def filled(net: nn.Module) -> nn.Module:
    with torch.no_grad():
        for place, tensor in enumerate([*net.parameters(), *net.buffers()]):
            tensor.copy_(torch.arange(tensor.numel()).reshape(tensor.shape) / 64 + place)
    return net


def test_nothing_of_the_library_is_taken_down_as_unseen() -> None:
    assert [name for name, make in NETS.items() if identity.see({"": make()}).unseen] == []
