"""Kept adversarial inputs: which are kept, and files that are read as data within limits."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records import examples
from bench.records.cell import Slice
from bench.records.examples import Kept, chosen, chosen_of_part, decode, encode, order_of, sha256, united

KEPT = Kept(
    index=np.array([3, 8]),
    adversarial=np.array([[0.25, 0.5], [1.0, 0.0]], dtype=np.float32),
    predicted=np.array([1, -1]),
    confidence=np.array([0.75, 0.5], dtype=np.float32),
)


def archive(how: int = zipfile.ZIP_DEFLATED, **arrays: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as out:
        for name, body in arrays.items():
            out.writestr(f"{name}.npy", body)
    return file.getvalue()


def npy(values: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(values))
    return file.getvalue()


WHOLE = {"index": npy(np.array([3])), "adversarial": npy(np.zeros((1, 2), np.float32)), "predicted": npy(np.array([1]))}


def test_a_file_gives_back_what_was_kept_and_numpy_reads_it() -> None:
    content = encode(KEPT)
    found = decode(content)
    for name in ("index", "adversarial", "predicted", "confidence"):
        assert np.array_equal(getattr(found, name), getattr(KEPT, name))
    assert found.clean_confidence is None
    with np.load(io.BytesIO(content), allow_pickle=False) as plain:
        assert plain["adversarial"].dtype == np.float32
        assert plain["adversarial"].tolist() == [[0.25, 0.5], [1.0, 0.0]]


def test_the_bytes_of_a_file_tell_no_time() -> None:
    assert sha256(encode(KEPT)) == sha256(encode(KEPT))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no whole archive"),
        (encode(KEPT)[:-30], "no whole archive"),
        (archive(index=WHOLE["index"]), "it holds"),
        (archive(**WHOLE, more=npy([1])), "it holds"),
        (archive(**WHOLE | {"predicted": npy(np.array([1, 2]))}), "shape"),
        (archive(**WHOLE | {"index": npy(np.array([-1]))}), "ascend"),
        (archive(**WHOLE | {"adversarial": npy(np.zeros((1, 2)))}), "no whole array"),
        (archive(**WHOLE | {"adversarial": WHOLE["adversarial"][:-1]}), "no whole array"),
        (archive(**WHOLE | {"predicted": npy(np.array([1], dtype=object))[:128]}), "no whole array"),
        (archive(zipfile.ZIP_LZMA, **WHOLE), "another way than deflated"),
    ],
    ids=["empty", "torn", "lacking", "more", "lengths", "index", "float64", "truncated", "objects", "lzma"],
)
def test_what_is_no_file_of_ours_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decode(content)


@pytest.mark.parametrize("honest", [True, False])
def test_what_unpacks_to_a_hundred_times_its_size_is_a_bomb_unless_it_is_small(
    honest: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inputs that are all alike are written as they are, so that nobody's result is one."""
    monkeypatch.setattr(examples, "FREE", 1_000_000)
    alike = Kept(np.arange(3), np.zeros((3, 100_000), np.float32), np.zeros(3, np.int64))
    content = encode(alike)
    assert len(content) > alike.adversarial.nbytes
    if honest:
        assert (decode(content).adversarial == 0).all()
        return
    with zipfile.ZipFile(io.BytesIO(content)) as whole:
        bomb = archive(**{name[:-4]: whole.read(name) for name in whole.namelist()})
    with pytest.raises(ValueError, match="unpacks to more than 100 times its size"):
        decode(bomb)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = archive(**WHOLE | {"adversarial": npy(np.zeros((1, 500_000), np.float32))})
    assert len(bomb) < 10_000
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        decode(bomb, cap=1000)


@given(st.integers(1, 40), st.integers(1, 50), st.integers(1, 12), st.randoms())
def test_parts_keep_what_the_whole_would(n: int, most: int, part: int, random: object) -> None:
    """Whatever the parts are, the same examples are chosen."""
    order = order_of(random.randrange(100), "data", Slice(split="test", stop=n, of=n))  # type: ignore[attr-defined]
    success = np.array([random.random() < 0.4 for _ in range(n)])  # type: ignore[attr-defined]
    kept = []
    for start in range(0, n, part):
        cut = slice(start, start + part)
        kept.append(start + chosen_of_part(order[cut], success[cut], most, n))
    some = np.concatenate(kept)
    wanted = chosen(order, success, most)
    assert len(wanted) == min(most, n)
    assert some[chosen(order[some], success[some], most)].tolist() == wanted.tolist()


def test_half_is_kept_whatever_came_of_it_and_then_successes() -> None:
    order, success = np.arange(8), np.array([0, 0, 0, 1, 0, 0, 1, 1], dtype=bool)
    assert chosen(order, success, 4).tolist() == [0, 1, 3, 6]
    assert chosen(order, np.zeros(8, dtype=bool), 4).tolist() == [0, 1, 2, 3]
    assert chosen(order, success, 100).tolist() == list(range(8))


def test_an_array_that_one_part_lacks_is_left_out() -> None:
    other = Kept(index=np.array([9]), adversarial=np.zeros((1, 2), np.float32), predicted=np.array([0]))
    whole = united([KEPT, other])
    assert whole.index.tolist() == [3, 8, 9]
    assert whole.confidence is None
