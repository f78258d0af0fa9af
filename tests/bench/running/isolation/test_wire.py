"""What is written comes back; what is no message of ours is told to be none, and never more than that."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from adapters.errors import AdapterError, Ended, InvalidOutput, Raised, Unsupported
from bench.running.isolation.asking import asked
from bench.running.isolation.wire import DTYPES, TENSORS, Garbled, Message, packed, unpacked
from bench.running.workers.protocol import Frame

SHAPES = st.lists(st.integers(0, 4), max_size=4)


def back(message: Message) -> Message:
    header, blob = packed(message)
    return unpacked(Frame(json.loads(json.dumps(header)), bytearray(blob)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(DTYPES)), SHAPES), max_size=4), st.randoms(use_true_random=False))
def test_tensors_of_every_kind_and_shape_come_back(kinds: list[tuple[str, list[int]]], random: Any) -> None:
    tensors: dict[str, Tensor] = {}
    for place, (kind, shape) in enumerate(kinds):
        values = torch.tensor([random.uniform(-99, 99) for _ in range(int(torch.Size(shape).numel()))])
        tensors[f"t{place}"] = values.to(DTYPES[kind]).reshape(shape)
    found = back(Message("answer", {"n": 3}, tensors))
    assert (found.kind, found.values, list(found.tensors)) == ("answer", {"n": 3}, list(tensors))
    for name, tensor in tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)


ONE = {"name": "t", "dtype": "float32", "shape": [2]}


@pytest.mark.parametrize(
    ("header", "blob"),
    [
        ([], b""),
        ({}, b""),
        ({"kind": 3, "values": {}, "tensors": []}, b""),
        ({"kind": "answer", "values": [], "tensors": []}, b""),
        ({"kind": "answer", "values": {}, "tensors": {}}, b""),
        ({"kind": "answer", "values": {}, "tensors": [ONE] * (TENSORS + 1)}, bytes((TENSORS + 1) * 16)),
        ({"kind": "answer", "values": {}, "tensors": [ONE]}, bytes(7)),
        ({"kind": "answer", "values": {}, "tensors": [ONE]}, bytes(160)),
        ({"kind": "answer", "values": {}, "tensors": [{**ONE, "shape": [-2]}]}, bytes(16)),
        ({"kind": "answer", "values": {}, "tensors": [{**ONE, "shape": [True, True]}]}, bytes(16)),
        ({"kind": "answer", "values": {}, "tensors": [{**ONE, "shape": [1 << 62]}]}, bytes(16)),
        ({"kind": "answer", "values": {}, "tensors": [{**ONE, "shape": [1 << 39, 1 << 39]}]}, bytes(16)),
        ({"kind": "answer", "values": {}, "tensors": [{**ONE, "shape": [1] * 99}]}, bytes(16)),
        ({"kind": "answer", "values": {}, "tensors": [{**ONE, "shape": [0] + [1 << 31] * 7}]}, b""),
        ({"kind": "answer", "values": {}, "tensors": [{**ONE, "dtype": "object"}]}, bytes(16)),
        ({"kind": "answer", "values": {}, "tensors": [{**ONE, "dtype": []}]}, bytes(16)),
        ({"kind": "answer", "values": {}, "tensors": [{**ONE, "name": 3}]}, bytes(16)),
        ({"kind": "answer", "values": {}, "tensors": ["t"]}, bytes(16)),
    ],
    ids=str,
)
def test_what_is_no_message(header: Any, blob: bytes) -> None:
    with pytest.raises(Garbled):
        unpacked(Frame(header, bytearray(blob)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(sorted(DTYPES)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "dtype", "shape"]), inner),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["kind", "values", "tensors"]), JSON), st.binary(max_size=64))
def test_any_header_is_a_message_or_is_none(header: dict[str, Any], blob: bytes) -> None:
    with contextlib.suppress(Garbled):
        unpacked(Frame(header, bytearray(blob)))


def test_bytes_of_a_truth_value_are_0_or_1() -> None:
    header = {"kind": "answer", "values": {}, "tensors": [{"name": "t", "dtype": "bool", "shape": [3]}]}
    found = unpacked(Frame(header, bytearray(bytes([0, 1, 255]) + bytes(13)))).tensors["t"]
    assert found.view(torch.uint8).tolist() == [0, 1, 1]


class Says:
    """A process that says one thing."""

    def __init__(self, header: Any) -> None:
        self.header, self.killed = header, False

    def ask(self, frame: Frame, seconds: float) -> Frame:
        return Frame(self.header, bytearray())

    def kill(self) -> None:
        self.killed = True


def error(**values: Any) -> dict[str, Any]:
    return {"kind": "error", "values": values, "tensors": []}


@pytest.mark.parametrize(
    ("header", "kind", "text"),
    [
        (error(type="Unsupported", text="no gradient"), Unsupported, "no gradient"),
        (error(type="InvalidOutput", text="NaN"), InvalidOutput, "NaN"),
        (error(type="", text="ValueError: two\nlines \x1b[31m"), Raised, "ValueError: two lines  [31m"),
        (error(type="os.system", text="x"), Raised, "x"),
        (error(text="MemoryError: none left", short=True), MemoryError, "MemoryError: none left"),
        (error(), Raised, "None"),
        ({"kind": "exec", "values": {}, "tensors": []}, Ended, "its process answers with something that is no reply"),
        ({"kind": "answer"}, Ended, "its process answers with a header that is none"),
    ],
)
def test_exceptions_are_told_in_words(header: Any, kind: type[Exception], text: str) -> None:
    process: Any = Says(header)
    with pytest.raises(kind) as raised:
        asked(process, Message("outputs", {}, {}), 1.0)
    assert type(raised.value) is kind
    assert str(raised.value) == text
    assert process.killed == (kind is Ended)
    assert isinstance(raised.value, AdapterError | MemoryError)
