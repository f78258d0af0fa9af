"""The other end of `adapters.remote`: an adapter asked by questions of a name, tensors and plain options.

| question | tensors | options | gives |
|:--|:--|:--|:--|
| `info` | | | what `adapters.remote.Told` holds; tensors `low` and `high` where there are bounds |
| `outputs` | `x` | | `labels`, `scores` and `probabilities` where there are; `written`: `x`, if it wrote into it |
| `reference_predict` | `x` | | `labels`; likewise |
| `logits`, `loss` | `x`, `y` | `loss`, `autograd`, `token` | `values`, and whether they are `differentiable` |
| `product` | `x`, `y`, `weight` | as before, and `of` | `gradient`: the vector-Jacobian product of those values |
| `input_gradient` | `x`, `y` | `loss` | `gradient` |
| `structure` | | `shape` | what `adapters.structures.wire` packs |
| `in_float64` | `x` | | whether it `works` |

Each can be asked of a part (`part`, its number) and of a copy in float64 (`double`). Questions do not depend on one
another, so that a new process can go on where another one ended; what is kept between them only saves time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapters.base import Adapter
from adapters.errors import InvalidOutput
from adapters.inside import (
    classes_told_apart,
    has_own_code,
    in_float64,
    is_handed_classes,
    kind,
    parts,
    training_modules,
)
from adapters.remote import Reply
from adapters.structures.wire import packed


class Answering:
    """One adapter that answers questions."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._twins: dict[int | None, Adapter | None] = {}
        self._graph: tuple[int, Tensor, Tensor] | None = None
        """The last differentiable values, by the asker's token: a product with them need not compute them again."""

    def answer(self, question: str, tensors: Mapping[str, Tensor], options: Mapping[str, Any]) -> Reply:
        """The reply to a question.

        Raises:
            Exception: whatever the model raises.
        """
        if question == "product" and self._graph is not None and options.get("token") == self._graph[0]:
            return self._product(*self._graph[1:], tensors["weight"])
        self._graph = None
        adapter = self._viewed(tensors, options)
        match question:
            case "info":
                return _info(adapter)
            case "outputs" | "reference_predict":
                return self._labelled(question, adapter, tensors["x"])
            case "logits" | "loss":
                return self._valued(question, adapter, tensors, options)
            case "product":
                self._valued(options["of"], adapter, tensors, options)
                if self._graph is None:
                    raise InvalidOutput("the model's scores cannot be differentiated")
                return self._product(*self._graph[1:], tensors["weight"])
            case "input_gradient":
                with torch.inference_mode(False), torch.enable_grad():
                    found = adapter.input_gradient(tensors["x"], tensors["y"], options["loss"])
                return _reply(adapter, {"gradient": found})
            case "structure":
                return Reply(*packed(adapter.structure(tuple(options["shape"]))))
            case "in_float64":
                return Reply({}, {"works": self._twin(options.get("part"), tensors["x"]) is not None})
        raise ValueError(f"no question {question!r}")

    def _viewed(self, tensors: Mapping[str, Tensor], options: Mapping[str, Any]) -> Adapter:
        part = options.get("part")
        if options.get("double") and "x" in tensors:
            twin = self._twin(part, tensors["x"])
            if twin is not None:
                return twin
        return self._part(part)

    def _part(self, part: int | None) -> Adapter:
        return self._adapter if part is None else list(parts(self._adapter))[part]

    def _twin(self, part: int | None, x: Tensor) -> Adapter | None:
        if part not in self._twins:
            with torch.inference_mode(False):
                self._twins[part] = in_float64(self._part(part), x[:1])
        return self._twins[part]

    def _labelled(self, question: str, adapter: Adapter, x: Tensor) -> Reply:
        before = x.clone()
        if question == "outputs":
            found = dict(zip(("labels", "scores", "probabilities"), adapter.outputs(x), strict=True))
        else:
            found = {"labels": adapter.reference_predict(x)}
        if not torch.equal(x, before):
            found["written"] = x
        return _reply(adapter, {name: value for name, value in found.items() if value is not None})

    def _valued(
        self, question: str, adapter: Adapter, tensors: Mapping[str, Tensor], options: Mapping[str, Any]
    ) -> Reply:
        token = options.get("token")
        with torch.inference_mode(False), torch.set_grad_enabled(bool(options.get("autograd"))):
            point = tensors["x"] if token is None else tensors["x"].detach().clone().requires_grad_()
            if question == "logits":
                values = adapter.logits(point)
            else:
                values = adapter.loss(point, tensors["y"], options["loss"])
        differentiable = isinstance(values, Tensor) and values.requires_grad
        if token is not None and differentiable:
            self._graph = token, point, values
        return _reply(adapter, {"values": values}, differentiable=differentiable)

    def _product(self, point: Tensor, values: Tensor, weight: Tensor) -> Reply:
        (found,) = torch.autograd.grad(values, point, weight, retain_graph=True)
        return _reply(self._adapter, {"gradient": found})


def _reply(adapter: Adapter, tensors: dict[str, Tensor], **values: Any) -> Reply:
    """A reply of these tensors, which says of a model elsewhere than on the host which of them came from there.

    Raises:
        InvalidOutput: one of them is none.
    """
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise InvalidOutput(f"{name} are {type(tensor).__name__}, not a tensor")
    if adapter.device.type != "cpu":
        values["on_host"] = [name for name, tensor in tensors.items() if tensor.device.type == "cpu"]
    return Reply(tensors, values)


def _info(adapter: Adapter) -> Reply:
    tensors = {}
    if adapter.bounds is not None:
        low, high = (torch.from_numpy(np.array(side, dtype=np.float64)) for side in adapter.bounds)
        tensors = {"low": low, "high": high}
    unseen = getattr(adapter, "unseen", None)
    if unseen is None:
        unseen = [note for note in adapter.notes if note == "no-version"]
    known = getattr(adapter, "known_classes", None)
    return Reply(
        tensors,
        {
            "family": str(adapter.family),
            "gradient": adapter.gradient,
            "confidence_kind": adapter.confidence_kind,
            "stochastic": bool(adapter.stochastic),
            "takes_missing": bool(adapter.takes_missing),
            "logits_decide": bool(adapter.logits_decide),
            "input_shape": None if adapter.input_shape is None else [int(extent) for extent in adapter.input_shape],
            "classes": None if adapter.classes is None else list(_plain(adapter.classes)),
            "notes": [str(note) for note in adapter.notes],
            "fingerprint": adapter.fingerprint,
            "seen": adapter.fingerprint_of_the_seen,
            "unseen": [str(what) for what in unseen],
            "remedy": str(getattr(adapter, "remedy", "")),
            "kind": kind(adapter),
            "known_classes": None if known is None else [int(each) for each in known],
            "told_apart": classes_told_apart(adapter),
            "parts": sum(1 for _ in parts(adapter)),
            "training": training_modules(adapter),
            "own_code": has_own_code(adapter),
            "handed_classes": is_handed_classes(adapter),
        },
    )


def _plain(classes: tuple[Any, ...]) -> Iterator[Any]:
    """Labels as JSON holds them."""
    for label in classes:
        value = label.item() if isinstance(label, np.generic) else label
        yield value if isinstance(value, (int, float, str, bool, type(None))) else str(value)
