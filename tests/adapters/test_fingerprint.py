"""The fingerprint of a network: all that decides its outputs, and nothing else."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import dense, points
from torch import Tensor, nn
from torch.nn import functional as F

import adapters
from adapters.registry import from_file


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
