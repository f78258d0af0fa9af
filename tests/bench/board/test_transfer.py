"""What a row of transfer says beside its error: of the source, of noise, and of mistakes in common."""

from __future__ import annotations

import pytest
from boards import NOISE, TRANSFER, A, B, answers, one
from handmade import suite_of, viewed

from bench.board.rows import rows


def test_transfer_numbers() -> None:
    """Crafted on a, judged on b.

    a when clean: all right but the last. Fooled by its own: examples 0 to 3, of which both have 1, 2 and 3 right when
    clean; b falls for 1 and 3 of those. Over a's mistakes (0 to 3 and the clean one, 5) b agrees on 0 and 1.
    """
    given = {
        "b": [1, 1, 2, 0, 1, 2],
        ("a", "a", 0.1): [1, 2, 0, 2, 1, 1],
        ("b", "a", 0.1): [1, 2, 2, 1, 1, 2],
        ("b", "sign-noise", 0.1): [1, 1, 2, 0, 1, 0],
    }
    suite = suite_of(f"{TRANSFER}\n{NOISE}", ["a", "b"])
    found = rows(viewed(suite, answers(given), references=[A, B]))
    row = one(found, model="b", source="a")
    assert row.transfer is not None
    assert row.error == pytest.approx(3 / 6)
    assert row.transfer.clean_error == pytest.approx(1 / 6)
    assert row.transfer.noise_error == pytest.approx(2 / 6)
    assert (row.transfer.given_source_fooled, row.transfer.given_n) == (pytest.approx(2 / 3), 3)
    assert (row.transfer.agree_rate, row.transfer.agree_n) == (pytest.approx(2 / 5), 5)
    assert (row.transfer.common_rate, row.transfer.common_n) == (pytest.approx(2 / 3), 3)
    # Over the common mistakes a says 1, 2, 2 and b says 1, 2, 1: by chance they meet in 1/3 * 2/3 + 2/3 * 1/3.
    assert row.transfer.common_chance == pytest.approx(4 / 9)
    # Over a's mistakes a says 1, 2, 0, 2, 1 and b says 1, 2, 2, 1, 2.
    assert row.transfer.agree_chance == pytest.approx((2 * 2 + 2 * 3) / 25)
    assert one(found, model="a", source="a").transfer is None


def test_transfer_numbers_that_are_not_known_are_left_blank() -> None:
    suite = suite_of(TRANSFER, ["a", "b"])
    found = rows(viewed(suite, answers({("a", "a", 0.1): None}), references=[A, B]))
    row = one(found, model="b", source="a")
    assert row.transfer is not None
    assert (row.transfer.noise_error, row.transfer.given_source_fooled, row.transfer.agree_rate) == (None, None, None)
