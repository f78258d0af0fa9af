"""Programs of TorchScript that call what is not in them, and what is entered around a network."""

import collections
import contextlib
import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from ordinary_nets import NETS
from places import body
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import adapters

LIBRARY = torch.library.Library("programs", "DEF")
LIBRARY.define("kept(Tensor x) -> Tensor")
LIBRARY.impl("kept", lambda x: -x, "CompositeImplicitAutograd")
OF_TORCH = torch.library.Library("quantized", "FRAGMENT")
OF_TORCH.define("programs_kept(Tensor x) -> Tensor")
OF_TORCH.impl("programs_kept", lambda x: -x, "CompositeImplicitAutograd")


@torch.library.custom_op("programs::twice", mutates_args=())
def twice(x: Tensor) -> Tensor:
    return x * 2


twice.register_autograd(lambda context, gradient: gradient * 2)


@torch.jit.ignore
def spy(x: Tensor) -> Tensor:
    return x


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, spy(labels), reduction="none")


class Ignoring(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = body()

    @torch.jit.ignore
    def shift(self, x: Tensor) -> Tensor:
        return x + 1

    def forward(self, x: Tensor) -> Tensor:
        return self.shift(self.body(x))


class Twice(Ignoring):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.programs.twice(self.body(x))


class Kept(Ignoring):
    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        if bool(y.sum() > 1000):
            y = torch.ops.programs.kept(y)
        return y


class UnderAnothersName(Ignoring):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.quantized.programs_kept(self.body(x))


def _forked(x: Tensor) -> Tensor:
    return torch.ops.programs.kept(x)


class Forking(Ignoring):
    def forward(self, x: Tensor) -> Tensor:
        return torch.jit.wait(torch.jit.fork(_forked, self.body(x)))


def _traced(net: nn.Module) -> Any:
    return torch.jit.trace(net.eval(), torch.rand(2, 1, 3, 4))


CALLING: dict[str, tuple[Callable[[], Any], str]] = {
    "a method that is ignored": (lambda: torch.jit.script(Ignoring()), "shift, which calls Python from TorchScript"),
    "one further in": (lambda: torch.jit.script(nn.Sequential(Ignoring())), "shift, which calls Python"),
    "an operator made of Python": (lambda: torch.jit.script(Twice()), "programs::twice, an operator"),
    "one within a branch": (lambda: torch.jit.script(Kept()), "programs::kept, an operator"),
    "one in a fork": (lambda: torch.jit.script(Forking()), "programs::kept, an operator"),
    "one among torch's own": (lambda: torch.jit.script(UnderAnothersName()), "quantized::programs_kept, an operator"),
    "one that is traced": (lambda: _traced(Twice()), "programs::twice, an operator"),
}


@pytest.mark.parametrize("kind", CALLING)
def test_a_program_that_calls_what_is_not_in_it_has_no_identity_without_a_version(kind: str) -> None:
    make, said = CALLING[kind]
    one, other = adapters.wrap(make().eval()), adapters.wrap(make().eval())

    assert any(said in each for each in one.unseen), one.unseen
    assert one.foreign_code
    assert one.notes == ["no-version"]
    assert one.fingerprint == one.fingerprint != other.fingerprint


def test_with_a_version_its_weights_count_yet() -> None:
    nets = [torch.jit.script(Ignoring()) for _ in range(3)]
    with torch.no_grad():
        next(nets[2].parameters()).add_(1)
    first, same, other = (adapters.wrap(net.eval(), version="1").fingerprint for net in nets)

    assert first == same != other


def test_a_scripted_loss_that_calls_python_is_unseen() -> None:
    adapter = adapters.wrap(body(), training_loss=torch.jit.script(_loss))

    assert any("spy, which calls Python" in each for each in adapter.unseen)
    assert adapter.foreign_code


@pytest.mark.parametrize("kind", ["scripted", "traced"])
def test_a_plain_program_is_seen_and_is_nobodys_code(kind: str) -> None:
    adapter = adapters.wrap(NETS[kind]().eval())

    assert (adapter.unseen, adapter.foreign_code) == ((), False)


# -- what is entered --------------------------------------------------------------------------------------------------


class Turning(TorchDispatchMode):
    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        return found * self.by if func is torch.ops.aten.addmm.default else found


def _saving(by: float) -> Any:
    return torch.autograd.graph.saved_tensors_hooks(lambda x: x * by, lambda x: x)


@pytest.mark.parametrize("enter", [Turning, _saving], ids=["mode of dispatching", "hooks of saved tensors"])
def test_what_is_entered_counts_as_long_as_it_is(enter: Callable[[float], Any]) -> None:
    adapter = adapters.wrap(body().eval())
    before = adapter.fingerprint
    assert not adapter.foreign_code
    with enter(-1.0):
        within = adapter.fingerprint
        assert adapter.foreign_code
    with enter(-2.0):
        other = adapter.fingerprint

    assert len({before, within, other}) == 3
    assert adapter.fingerprint == before
    assert not adapter.foreign_code


# -- containers of somebody's own -------------------------------------------------------------------------------------


class Forging(collections.OrderedDict[Any, Any]):
    """Gives a hook that is not in it."""

    by = 1.0

    def __bool__(self) -> bool:
        return True

    def items(self) -> Any:
        return []

    def __deepcopy__(self, known: Any) -> "Forging":
        return copy.copy(self)


class ForgingMore(Forging):
    by = 2.0


@pytest.mark.parametrize("name", ["_forward_hooks", "_forward_hooks_with_kwargs", "_backward_hooks", "_modules"])
def test_a_container_of_somebodys_own_class_counts(name: str) -> None:
    prints = set()
    for kind in (collections.OrderedDict, Forging, ForgingMore):
        net = body().eval()
        setattr(net[1], name, kind(getattr(net[1], name)))
        adapter = adapters.wrap(net)
        prints.add(adapter.fingerprint)
        assert adapter.foreign_code == (kind is not collections.OrderedDict)

    assert len(prints) == 3


def test_one_for_the_hooks_of_all_networks_counts() -> None:
    adapter = adapters.wrap(body().eval())
    before = adapter.fingerprint
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(nn.modules.module, "_global_forward_hooks", Forging())
        assert adapter.fingerprint != before
        assert adapter.foreign_code
