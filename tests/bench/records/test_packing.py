"""Per-example values inside JSON: equal values are equal text, for ever."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records.packing import b85decode, pack_floats, pack_integers, unpack_floats, unpack_integers


@given(st.lists(st.integers(-1, 2**40), max_size=50))
def test_integers_come_back(values: list[int]) -> None:
    assert unpack_integers(pack_integers(np.asarray(values, dtype=np.int64))).tolist() == values


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=50))
def test_floats_come_back(values: list[float]) -> None:
    assert unpack_floats(pack_floats(np.asarray(values, dtype=np.float32))).tolist() == values


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "1:0:"),
        ([-1], "1:1:00"),
        ([0, 1, 2, 0, 1, -1], "2:6:c>("),
        (list(range(10)), "4:10:Awy+{sQ"),
        ([255, -1, 7], "9:3:00AHX"),
    ],
)
def test_the_text_never_changes(values: list[int], text: str) -> None:
    assert pack_integers(np.asarray(values, dtype=np.int64)) == text


def test_the_text_of_floats_never_changes() -> None:
    assert pack_floats(np.array([0.5, -1.0, 3e38])) == "0000#004l$=CNUa"


def test_the_type_of_the_integers_does_not_show() -> None:
    assert pack_integers(np.array([3, 1], np.uint8)) == pack_integers(np.array([3, 1], np.int64))


def test_ten_thousand_digits_take_six_kilobytes() -> None:
    labels = np.random.default_rng(0).integers(0, 10, 10_000)
    assert len(pack_integers(labels)) < 6_300


def test_only_an_abstention_may_be_negative() -> None:
    with pytest.raises(ValueError, match="at least -1"):
        pack_integers(np.array([0, -2]))


@pytest.mark.parametrize("text", ["", "4:10", "x:1:00", "4:10:\n", "64"])
def test_what_is_no_packing_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several kinds
        unpack_integers(text)


@pytest.mark.parametrize("text", ["4:100:", "4:2:00000", "0:0:", "99:1:00000", "4:-1:"])
def test_a_column_cut_short_is_no_column(text: str) -> None:
    """Padding would read as abstentions, which are no mistakes."""
    with pytest.raises(ValueError, match="are not"):
        unpack_integers(text)


@given(st.binary(max_size=50))
def test_bytes_come_back_from_the_standard_librarys_base85(content: bytes) -> None:
    assert b85decode(base64.b85encode(content).decode()).tobytes() == content


@given(st.text(st.characters(max_codepoint=300) | st.sampled_from("0~|s8W"), max_size=12))
def test_base85_is_refused_where_the_standard_library_refuses_it(text: str) -> None:
    try:
        expected = base64.b85decode(text)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - of several kinds
            b85decode(text)
    else:
        assert b85decode(text).tobytes() == expected


@given(st.lists(st.integers(-1, 300), min_size=1, max_size=12), st.data())
def test_one_text_for_one_column(values: list[int], data: st.DataObject) -> None:
    """A character changed gives other values, or none."""
    text = pack_integers(np.asarray(values))
    place = data.draw(st.integers(0, len(text) - 1))
    other = text[:place] + data.draw(st.sampled_from("0123456789aZ~:+ _")) + text[place + 1 :]
    if other != text:
        try:
            found = unpack_integers(other).tolist()
        except ValueError:
            return
        assert found != values
