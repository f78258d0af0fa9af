"""What is certified, attacked and open, and how attacks hold certificates to account."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from boards import GRID, A, answers, one
from handmade import Answer, result, suite_of, viewed

from bench.board.rows import BRACKET, WORST, Row, rows
from bench.board.statistics import wilson
from bench.records.packing import pack_floats, pack_integers
from bench.records.record import Cell, Examples, Result
from bench.table import as_csv, as_json

PROOF = "  - {attack: worst-case, norm: linf}"
TRUE = (0, 1, 2, 0, 1, 2)
INF = float("inf")
NOWHERE = [INF] * 5 + [0.0]
"""Distances where no witness was found; the last example is mislabelled as it is."""


def proof(asked: Cell, radius: Sequence[float], exact: Sequence[int], distance: Sequence[float] = NOWHERE) -> Result:
    """A certificate of six examples, whose witnesses at these finite distances are mislabelled."""
    labels = [true if np.isinf(far) else (true + 1) % 3 for true, far in zip(TRUE, distance, strict=True)]
    made = result(asked, labels, TRUE, distance=distance)
    assert made.examples is not None
    columns: dict[str, Any] = made.examples.model_dump() | {
        "radius": pack_floats(np.asarray(radius, np.float32)),
        "exact": pack_integers(np.asarray(exact)),
    }
    return made.model_copy(update={"examples": Examples(**columns)})


def proving(answer: Answer, *certificates: tuple[Any, ...]) -> Answer:
    """Answers, and those of the suite's certificates, in order of their `seconds`, the shortest first."""

    def given(asked: Cell) -> Any:
        if asked.craft.attack.name != "worst-case":
            return answer(asked)
        place = 0 if asked.craft.attack.parameters["seconds"] == 10 else 1
        return proof(asked, *certificates[place])

    return given


def board(answer: Answer, attacks: str = f"{GRID}\n{PROOF}", **more: Any) -> list[Row]:
    return rows(viewed(suite_of(attacks, rank_eps=0.1), answer, guests=[A], **more))


FGSM = answers({("a", 0.1): [0, 1, 2, 0, 0, 1], ("a", 0.2): [0, 1, 2, 1, 0, 1]})
"""Right when clean: five. At 0.1 the fifth falls, at 0.2 the fourth as well."""


def test_certified_accuracy_is_of_all_examples_and_open_is_what_is_between() -> None:
    found = board(proving(FGSM, ([0.3, 0.15, 0.05, 0.0, 0.0, 0.0], [0, 0, 0, 0, 0, 1])))
    worst = one(found, attack=WORST)
    assert (worst.n, worst.robust_accuracy, worst.certified, worst.open) == (6, 4 / 6, 2 / 6, 2 / 6)
    assert (worst.ci_low, worst.ci_high) == wilson(4, 6)
    assert (worst.certified_low, worst.certified_high) == wilson(2, 6)
    by_size = {row.eps: (row.robust_accuracy, row.certified, row.open) for row in found if row.attack == BRACKET}
    assert by_size == {0.1: (4 / 6, 2 / 6, 2 / 6), 0.2: (3 / 6, 1 / 6, 2 / 6)}
    assert {row.decided_by for row in found if row.attack == BRACKET} == {"fgsm"}


@pytest.mark.parametrize(("radius", "proved"), [(0.1, 1 / 6), (np.nextafter(np.float32(0.1), np.float32(0)), 0.0)])
def test_a_radius_certifies_the_sizes_that_it_reaches(radius: float, proved: float) -> None:
    """0.1 in float32 is a little more than the suite's, the float32 below it less."""
    found = board(proving(FGSM, ([radius, 0.01, 0, 0, 0, 0], [0] * 6)))
    assert one(found, attack=WORST).certified == proved


def test_witnesses_count_as_any_attacks() -> None:
    radius, distance = [0.3, 0.3, 0.05, 0, 0, 0], [INF, INF, 0.06, INF, INF, 0.0]
    found = board(proving(FGSM, (radius, [0, 0, 1, 0, 0, 1], distance)))
    worst = one(found, attack=WORST)
    assert (worst.robust_accuracy, worst.certified, worst.open) == (3 / 6, 2 / 6, 1 / 6)


def test_several_certificates_count_together_example_by_example() -> None:
    attacks = f"{GRID}\n{PROOF}\n{PROOF.replace('}', ', seconds: 20}')}"
    first, second = ([0.3, 0, 0, 0, 0, 0], [0] * 6), ([0, 0.3, 0, 0, 0, 0], [0] * 6)
    assert one(board(proving(FGSM, first, second), attacks), attack=WORST).certified == 2 / 6


NOTHING_PROVED = {
    "unsupported": Result(status="unsupported", reason="nothing is known to be proved"),
    "no time": ([0.0] * 6, [0, 0, 0, 0, 0, 1]),
}


@pytest.mark.parametrize("given", NOTHING_PROVED.values(), ids=NOTHING_PROVED)
def test_where_nothing_certifies_there_is_no_number_rather_than_0_and_all_that_stands_is_open(given: Any) -> None:
    def answer(asked: Cell) -> Any:
        if isinstance(given, Result) and asked.craft.attack.name == "worst-case":
            return given
        return proving(FGSM, given)(asked)

    worst = one(board(answer), attack=WORST)
    assert (worst.status, worst.robust_accuracy) == ("ok", 4 / 6)
    assert (worst.certified, worst.certified_low, worst.certified_high, worst.open) == (None, None, None, 4 / 6)


def test_a_certificate_that_decides_and_certifies_none_at_a_size_says_0() -> None:
    found = board(proving(answers({("a", 0.1): [1, 2, 0, 1, 2, 1]}), ([0.01] * 5 + [0], [1] * 6)))
    assert (one(found, attack=WORST).certified, one(found, attack=WORST).open) == (0.0, 0.0)


WRONG = [0.1, 0.1, 0.1, 0.1, 0.11, 0.0]
"""The fifth example falls at 0.1."""


def test_an_attack_within_a_proved_radius_is_a_loud_error_and_the_certificate_counts_for_nothing() -> None:
    found = board(proving(FGSM, (WRONG, [0] * 6)))
    for row in (one(found, attack=WORST), *(row for row in found if row.role == "certificate")):
        assert row.status == "error"
        assert row.reason == (
            "wrong certificate, an error of ours: fgsm of 0.1 fools an example within the proved radius, "
            "such as number 4"
        )
        assert (row.certified, row.open, row.robust_accuracy) == (None, None, None)
        assert row.rank is None


def test_an_attack_of_another_size_or_by_distance_holds_it_to_account_as_well() -> None:
    far = board(proving(FGSM, ([0.3, 0, 0, 0.2, 0, 0], [0] * 6)))  # the fourth falls at 0.2, which is not ranked by
    assert "fgsm of 0.2" in str(one(far, attack=WORST).reason)
    two = f"{GRID}\n{PROOF}\n{PROOF.replace('}', ', seconds: 20}')}"
    witness = ([0.0] * 6, [0] * 6, [0.04, INF, INF, INF, INF, 0.0])
    near = board(proving(FGSM, ([0.05, 0, 0, 0, 0, 0], [0] * 6), witness), two)
    assert "worst-case fools an example within the proved radius, such as number 0" in str(
        one(near, attack=WORST).reason
    )


def test_what_is_mislabelled_as_it_is_cannot_be_certified() -> None:
    found = board(proving(FGSM, ([0, 0, 0, 0, 0, 0.01], [0] * 6, [INF] * 6)))
    assert "clean fools an example" in str(one(found, attack=WORST).reason)


def drawn(answer: Answer, risk: float, *certificate: Any) -> Answer:
    """Answers, and a certificate that may be wrong."""
    given = proving(answer, certificate)

    def told(asked: Cell) -> Any:
        found = given(asked)
        return found.model_copy(update={"risk": risk}) if asked.craft.attack.name == "worst-case" else found

    return told


def test_the_error_probability_of_a_proof_stands_beside_what_it_certifies() -> None:
    found = board(drawn(FGSM, 0.001, [0.3, 0.15, 0.05, 0.0, 0.0, 0.0], [0, 0, 0, 0, 0, 1]))
    assert {row.certified_risk for row in found if row.attack in (WORST, BRACKET)} == {0.001}
    exact = board(proving(FGSM, ([0.3, 0.15, 0.05, 0.0, 0.0, 0.0], [0, 0, 0, 0, 0, 1])))
    assert {row.certified_risk for row in exact} == {None}


def test_an_abstention_within_a_radius_contradicts_no_proof_of_what_is_estimated() -> None:
    """It counts as fooled all the same: what is certified is never more than what is left."""
    nothing = answers({("a", 0.1): [-1, 1, 2, 0, 1, 1], ("a", 0.2): [-1, -1, 2, 0, 1, 1]})
    sure = [0.3] * 5 + [0.0], [0, 0, 0, 0, 0, 1]
    worst = one(board(drawn(nothing, 0.001, *sure)), attack=WORST)
    assert (worst.status, worst.robust_accuracy, worst.certified) == ("ok", 4 / 6, 4 / 6)
    assert one(board(proving(nothing, sure)), attack=WORST).status == "error"


@pytest.mark.parametrize(("risk", "status"), [(1e-9, "error"), (0.2, "ok")])
def test_more_wrong_labels_than_chance_explains_contradict_it(risk: float, status: str) -> None:
    """Two of five at 0.1."""
    wrong = answers({("a", 0.1): [1, 2, 2, 0, 1, 1], ("a", 0.2): [1, 2, 2, 0, 1, 1]})
    worst = one(board(drawn(wrong, risk, [0.3] * 5 + [0.0], [0, 0, 0, 0, 0, 1])), attack=WORST)
    assert worst.status == status
    if status == "error":
        assert "fgsm of 0.1 fools 2 examples within the proved radius" in str(worst.reason)


@pytest.mark.parametrize("others", ["fgsm, norm: l2, eps: 0.1", "fgsm, norm: linf, eps: 0.1, clip: false"])
def test_a_certificate_answers_for_its_own_norm_and_range_alone(others: str) -> None:
    attacks = f"{GRID}\n{PROOF}\n  - {{attack: {others}}}"

    def answer(asked: Cell) -> Any:
        if asked.craft.attack.name == "fgsm" and (asked.threat.norm == "l2" or asked.threat.clip is None):
            return [1, 2, 0, 1, 2, 0]
        return FGSM(asked)

    worst = one(board(proving(answer, ([0.3, 0, 0, 0, 0, 0], [0] * 6)), attacks), attack=WORST)
    assert (worst.status, worst.certified) == ("ok", 1 / 6)


def test_certified_is_counted_on_the_examples_of_the_attacked_number() -> None:
    """An attack on a sample makes both ends the sample's."""
    attacks = f"{GRID}\n{PROOF}\n  - {{attack: sign-noise, norm: linf, eps: 0.1, n: 3}}"

    def answer(asked: Cell) -> Any:
        return list(TRUE)[: asked.craft.slice.n]

    found = board(proving(answer, ([0.3] * 6, [0] * 6, [INF] * 6)), attacks)
    worst = one(found, attack=WORST)
    assert (worst.n, worst.robust_accuracy, worst.certified, worst.open) == (3, 1.0, 1.0, 0.0)


def test_programs_are_told_of_both_ends() -> None:
    found = [row.as_dict() for row in board(proving(FGSM, ([0.3, 0, 0, 0, 0, 0], [0] * 6)))]
    (plain,) = [row for row in json.loads(as_json(found)) if row["attack"] == WORST]
    (line,) = [row for row in csv.DictReader(io.StringIO(as_csv(found))) if row["attack"] == WORST]
    for name in ("robust_accuracy", "certified", "certified_low", "certified_high", "open"):
        assert float(line[name]) == plain[name]


def test_a_suite_without_certificates_has_no_brackets() -> None:
    assert [row for row in board(FGSM, GRID) if row.attack == BRACKET] == []
