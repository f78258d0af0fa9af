"""A model that is asked elsewhere: in a process of its own, over whatever carries questions and tensors.

The judge and the attacks see an adapter like any other: outputs, differentiable scores and losses, input gradients,
the original's labels, in the precision asked for. What comes back is data from a stranger: each tensor is held against
the shape that the question has, and nothing in it is ever run.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, Protocol, Self, get_args

import numpy as np
import torch
from torch import Tensor

from adapters.base import Adapter, GradientKind, Loss, Outputs
from adapters.errors import InvalidOutput
from adapters.structures.base import Structure
from adapters.structures.wire import unpacked

Kind = Literal["estimator", "network", "function", "adapter"]
"""What a model was before it was wrapped."""
_HEXADECIMAL = frozenset("0123456789abcdef")
_tokens = itertools.count(1)


class Reply(NamedTuple):
    """What a model elsewhere says to one question."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]
    """Numbers, texts, lists of them: what JSON holds."""


class Channel(Protocol):
    """The way to a model elsewhere, for one question at a time."""

    def ask(self, question: str, tensors: Mapping[str, Tensor], options: Mapping[str, Any]) -> Reply:
        """The reply to one of the questions of `adapters.answering`.

        Raises:
            AdapterError: the model raised it, or is gone; MemoryError where its memory is short.
        """
        ...


class Told(NamedTuple):
    """What a model elsewhere says of itself, each item of the type that it has to be."""

    family: str
    gradient: GradientKind
    confidence_kind: str | None
    stochastic: bool
    takes_missing: bool
    logits_decide: bool
    input_shape: tuple[int, ...] | None
    classes: tuple[Any, ...] | None
    bounds: tuple[np.ndarray, np.ndarray] | None
    notes: tuple[str, ...]
    fingerprint: str
    seen: str
    """The fingerprint without what is drawn for the unseen."""
    unseen: tuple[str, ...]
    """What its fingerprint could not see into: of these two processes hold different models."""
    remedy: str
    """What to do about that."""
    kind: Kind
    known_classes: tuple[int, ...] | None
    told_apart: int | None
    parts: int
    training: int
    own_code: bool
    handed_classes: bool

    @classmethod
    def of(cls, reply: Reply) -> Told:
        """Of the reply to `info`.

        Raises:
            InvalidOutput: something in it is not what it should be.
        """
        values = reply.values

        def item(name: str, *kinds: type) -> Any:
            value = values.get(name)
            if not isinstance(value, kinds) or (isinstance(value, str) and len(value) > 200):
                raise InvalidOutput(f"what the model's process tells of it has no {name}: {str(value)[:80]!r}")
            return value

        def several(name: str, *kinds: type, most: int = 1000) -> tuple[Any, ...]:
            found = item(name, list)
            if len(found) > most or not all(isinstance(value, kinds) for value in found):
                raise InvalidOutput(f"what the model's process tells of it has no {name}: {str(found)[:80]!r}")
            return tuple(found)

        none = type(None)
        fingerprint, seen, gradient, kind = (item(name, str) for name in ("fingerprint", "seen", "gradient", "kind"))
        for digest in (fingerprint, seen):
            if len(digest) != 64 or not _HEXADECIMAL.issuperset(digest):
                raise InvalidOutput(f"what the model's process tells of it has no fingerprint: {digest[:80]!r}")
        for name, value, known in (("gradient", gradient, GradientKind), ("kind", kind, Kind)):
            if value not in get_args(known):
                raise InvalidOutput(f"what the model's process tells of it has no {name}: {value[:80]!r}")
        low, high = reply.tensors.get("low"), reply.tensors.get("high")
        return cls(
            item("family", str), gradient, item("confidence_kind", str, none), item("stochastic", bool),
            item("takes_missing", bool), item("logits_decide", bool),
            None if values.get("input_shape") is None else several("input_shape", int),
            None if values.get("classes") is None else several("classes", int, float, str, bool, none, most=100_000),
            None if low is None or high is None else (low.double().numpy(), high.double().numpy()),
            several("notes", str), fingerprint, seen, several("unseen", str), item("remedy", str), kind,
            None if values.get("known_classes") is None else several("known_classes", int, most=100_000),
            item("told_apart", int, none), item("parts", int),
            item("training", int), item("own_code", bool), item("handed_classes", bool),
        )  # fmt: skip


class Remote(Adapter):
    """A model behind a channel."""

    def __init__(self, channel: Channel, view: Mapping[str, Any] | None = None) -> None:
        """
        Args:
            channel: the way to it.
            view: which part of the model to ask, as `parts` and `in_float64` have it; None for the whole.

        Raises:
            InvalidOutput: what it says of itself makes no sense.
        """
        self._channel, self._view = channel, dict(view or {})
        self.told = Told.of(channel.ask("info", {}, self._view))
        super().__init__(input_shape=self.told.input_shape, classes=self.told.classes, bounds=self.told.bounds)
        self.family = self.told.family  # type: ignore[misc]  # an instance speaks for the model that it asks
        self.gradient, self.confidence_kind = self.told.gradient, self.told.confidence_kind
        self.stochastic, self.takes_missing = self.told.stochastic, self.told.takes_missing
        self.known_classes = self.told.known_classes
        self.notes = list(self.told.notes)
        self.remedy = self.told.remedy

    # -- what it is asked ---------------------------------------------------------------------------------------------

    def outputs(self, x: Tensor) -> Outputs:
        reply = self._asked("outputs", {"x": x.detach()})
        self._written(x, reply)
        labels = reply.tensors.get("labels")
        if labels is None:
            raise InvalidOutput("the model's process gives no labels")
        return Outputs(labels, reply.tensors.get("scores"), reply.tensors.get("probabilities"))

    def reference_predict(self, x: Tensor) -> Tensor:
        reply = self._asked("reference_predict", {"x": x.detach()})
        self._written(x, reply)
        return _of_shape(reply, "labels", (len(x),))

    def logits(self, x: Tensor) -> Tensor:
        return self._followed("logits", x, {}, {}, (len(x), None))

    def loss(self, x: Tensor, y: Tensor, kind: Loss = "training") -> Tensor:
        return self._followed("loss", x, {"y": y}, {"loss": kind}, (len(x),))

    def input_gradient(self, x: Tensor, y: Tensor, loss: Loss = "training") -> Tensor:
        gradient = _of_shape(self._asked("input_gradient", {"x": x.detach(), "y": y}, loss=loss), "gradient", x.shape)
        if bool(gradient.isnan().any()):
            raise InvalidOutput("the input gradient is NaN")
        return gradient

    def structure(self, shape: tuple[int, ...]) -> Structure:
        reply = self._channel.ask("structure", {}, {**self._view, "shape": list(shape)})
        found = unpacked({name: value.cpu() for name, value in reply.tensors.items()}, reply.values)
        try:
            fits = found.scores(torch.zeros(1, *shape)).shape == (1, len(found.classes))
        except (RuntimeError, IndexError, ValueError):
            fits = False
        if not fits:
            raise InvalidOutput(f"the model's process tells of a {found.kind} for no inputs of shape {tuple(shape)}")
        return found

    @property
    def logits_decide(self) -> bool:
        return self.told.logits_decide

    @property
    def fingerprint(self) -> str:
        return self.told.fingerprint

    @property
    def fingerprint_of_the_seen(self) -> str:
        return self.told.seen

    @property
    def unseen(self) -> tuple[str, ...]:
        """What the fingerprint could not see into."""
        return self.told.unseen

    # -- what checks ask besides --------------------------------------------------------------------------------------

    def parts(self) -> list[Remote]:
        """The models that it is put together of, as `adapters.inside.parts` tells them there."""
        found = [Remote(self._channel, {**self._view, "part": place}) for place in range(min(self.told.parts, 1000))]
        for part in found:
            part.device = self.device
        return found

    def in_float64(self, x: Tensor) -> Remote | None:
        """The same model, or a copy there, computing in float64; None where neither works."""
        if self._asked("in_float64", {"x": x.detach()}).values.get("works") is not True:
            return None
        twin = copy.copy(self)
        twin._view = {**self._view, "double": True}
        return twin

    # -- inside -------------------------------------------------------------------------------------------------------

    def _asked(self, question: str, tensors: Mapping[str, Tensor], **options: Any) -> Reply:
        reply = self._channel.ask(question, tensors, {**self._view, **options})
        device = tensors["x"].device
        on_host = reply.values.get("on_host")  # by the model's own doing, for all to see
        on_host = on_host if isinstance(on_host, list) else []
        for name, value in reply.tensors.items():
            if device.type != "cpu" and name not in on_host:
                reply.tensors[name] = value.to(device)
        return reply

    def _followed(
        self, question: str, x: Tensor, others: Mapping[str, Tensor], options: Mapping[str, Any], shape: _Shape
    ) -> Tensor:
        """A question whose answer autograd follows back to `x`, where it follows `x` at all."""
        follows = x.requires_grad and torch.is_grad_enabled()
        token = next(_tokens) if follows else None
        tensors = {"x": x.detach(), **others}
        asked = {**options, "token": token, "autograd": torch.is_grad_enabled()}
        reply = self._asked(question, tensors, **asked)
        values = _of_shape(reply, "values", shape)
        if not follows or reply.values.get("differentiable") is not True:
            return values

        def pulled(weight: Tensor) -> Tensor:
            weighed = self._asked("product", {**tensors, "weight": weight.detach()}, of=question, **asked)
            return _of_shape(weighed, "gradient", x.shape)

        linked: Tensor = _Linked.apply(x, [values], pulled)  # type: ignore[no-untyped-call]
        return linked

    def _written(self, x: Tensor, reply: Reply) -> None:
        """Do to the batch what the model did to it there, for those who look whether it did."""
        if "written" in reply.tensors:
            with torch.no_grad():
                x.copy_(_of_shape(reply, "written", x.shape))

    def copied(self) -> Self:
        """There is one model, and one way to it."""
        return copy.copy(self)

    def _move(self, device: torch.device) -> None:
        """The model stays where it is; batches are brought to it."""

    def _outputs(self, x: Tensor) -> Outputs:
        return self.outputs(x)

    def _state(self) -> Iterable[object]:
        yield self.told.fingerprint


_Shape = tuple[int | None, ...] | torch.Size


def _of_shape(reply: Reply, name: str, shape: _Shape) -> Tensor:
    """A tensor of a reply, if it has this shape, None for any extent."""
    value = reply.tensors.get(name)
    if value is None or value.ndim != len(shape):
        found = "none" if value is None else f"one of shape {tuple(value.shape)}"
        raise InvalidOutput(f"the model's {name} should be a tensor of {len(shape)} dimensions; there is {found}")
    if any(wanted not in (None, extent) for wanted, extent in zip(shape, value.shape, strict=True)):
        raise InvalidOutput(f"the model's {name} have shape {tuple(value.shape)} for {shape[0]} examples")
    return value


class _Linked(torch.autograd.Function):
    """Values computed elsewhere, and the way back from them to the input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, values: list[Tensor], pulled: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.pulled = pulled
        return values[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor, None, None]:
        return ctx.pulled(weight), None, None
