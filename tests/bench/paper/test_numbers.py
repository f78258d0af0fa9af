"""The published numbers as data: complete, consistent, and strict about what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.paper.numbers import Numbers, load_numbers
from bench.paper.protocol import entry_of

IDS = """
fgsm-softmax fgsm-maxout fgsm-conv-maxout fgsm-imagenet-demo rotation
logreg-3v7-clean logreg-3v7-fgsm logreg-figure l1-maxout
at-maxout-240-plain at-maxout-240-adv at-maxout-1600-plain at-maxout-1600-adv at-robust at-before at-transfer-in
at-transfer-out noise-sign noise-uniform at-filters at-curve hidden-perturbation differentiable-adv
rbf-fgsm rbf-clean-confidence
agree-softmax-maxout agree-rbf-maxout agree-softmax-maxout-both agree-rbf-maxout-both agree-rbf-softmax-both eps-trace
mp-dbm-clean mp-dbm-fgsm ensemble-whole ensemble-member
rubbish-maxout rubbish-maxout-sigmoid rubbish-softmax rubbish-rbf rubbish-conv-maxout rubbish-skew-maxout
rubbish-skew-conv rubbish-trained fooling-mean fooling-extremes fooling-figure
families small-distances maps subspace wrong-almost-everywhere cross-technique cross-training-data substitute
ensemble-transfer remote-api malware physical defences adv-training-others vat vat-rcv1 rl rbf-intuitive
"""
"""Every result of the paper and of the slides."""

ROW = """\
title: Toy
sources: {paper: A paper}
groups:
  - title: One
    source: paper
    numbers:
      - id: one
        where: section 1
        what: Something.
"""


@pytest.fixture(scope="module")
def numbers() -> Numbers:
    return load_numbers()


def loaded(rest: str, folder: Path) -> Numbers:
    path = folder / "numbers.yaml"
    path.write_text(ROW + "".join(f"        {line}\n" for line in rest.splitlines()), encoding="utf-8")
    return load_numbers(path)


def test_none_is_missing_and_none_is_invented(numbers: Numbers) -> None:
    assert [number.id for number in numbers.all] == IDS.split()


def test_every_measurement_is_an_entry_of_a_suite(numbers: Numbers) -> None:
    assert [entry_of(measure).attack for measure in numbers.measures] == [m.attack for m in numbers.measures]


def test_the_published_values(numbers: Numbers) -> None:
    """As printed; a slip of the hand here would be a wrong verdict."""
    values = {number.id: number.published for number in numbers.all}
    assert values["fgsm-softmax"] == {"error": (0.999,), "confidence": (0.793,)}
    assert values["fgsm-maxout"] == {"error": (0.894,), "confidence": (0.976,)}
    assert values["at-maxout-1600-adv"] == {"error": (0.0077, 0.0077, 0.0077, 0.0077, 0.0083)}
    assert values["at-robust"] == {"error": (0.179,), "confidence": (0.814,)}
    assert values["rbf-fgsm"] == {"error": (0.554,), "confidence": (0.012,)}
    agreements = [value for id, value in values.items() if id.startswith("agree-")]
    assert agreements == [{"agreement": (share,)} for share in (0.546, 0.160, 0.846, 0.543, 0.536)]
    assert values["rubbish-maxout"] == {"error": (0.9835,), "confidence": (0.928,)}


def test_what_was_attacked_says_how_it_is_clipped(numbers: Numbers) -> None:
    """The paper never does: whoever compares must know which we took."""
    for number in numbers.all:
        attacked = [measure for measure in number.measure.values() if measure.eps is not None]
        if attacked and "clip" in number.conditions:
            assert number.open.clipping or number.id == "rotation", number.id


def test_own_fgsm_of_the_adversarially_trained_never_stands_alone(numbers: Numbers) -> None:
    (robust,) = [number for number in numbers.all if number.id == "at-robust"]
    beside = robust.beside.values()
    assert {"fgsm", "iterated-fgsm"} <= {
        measure.attack for measure in beside if measure.model == robust.conditions["model"]
    }
    assert "maxout" in {measure.source for measure in beside}


def test_measurements_inherit_the_conditions(tmp_path: Path) -> None:
    text = """\
conditions: {model: maxout, attack: fgsm, norm: linf, eps: 1/4, clip: false}
claim: error > 0.5
measure: {error: error, confidence: {number: confidence_on_mistakes, eps: 0.1}}
beside: {clipped: {number: error, clip: true}}
"""
    (number,) = loaded(text, tmp_path).all
    error, confidence, clipped = (*number.measure.values(), *number.beside.values())
    assert (error.number, error.model, error.eps, error.clip) == ("error", "maxout", 0.25, False)
    assert (confidence.number, confidence.eps, confidence.clip) == ("confidence_on_mistakes", 0.1, False)
    assert (clipped.eps, clipped.clip) == (0.25, True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lacks: a reason\nfigure: true", "line 7.*exactly one of measure, figure and lacks"),
        ("", "line 7.*exactly one of measure, figure and lacks"),
        ("lacks: a reason\npublished: {error: 0.5}", "needs its tolerance"),
        ("lacks: a reason\npublished: {error: 0.5}\ntolerance: {error: 0.1}", "because"),
        ("measure: {error: {number: error, model: maxout}}", "needs a claim"),
        ("measure: {error: {number: error, model: maxout}}\nclaim: error is large", "line 11.*is no comparison"),
        ("measure: {error: {number: error, model: maxout}}\nclaim: noise > 0.5", "not measured"),
        ("measure: {error: {number: mistakes, model: maxout}}\nclaim: error > 0.5", "line 10.*number"),
        ("measure: {error: {number: error, model: maxout, epsilon: 1}}\nclaim: error > 0.5", "line 10.*epsilon"),
        ("measure: {error: {number: error, model: maxout, label: 1}}\nclaim: error > 0.5", "label goes with"),
        ("measure: {error: {number: agreement, model: maxout}}\nclaim: error > 0.5", "needs a source"),
        ("lacks: a reason\nopened: {clipping: none}", "line 11.*opened"),
        ("lacks: a reason\nopen: {cropping: none}", "line 11.*cropping"),
        ("lacks: a reason\nlacks: another", "line 11.*twice"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"numbers.yaml, {says}" if says.startswith("line") else says):
        loaded(text, tmp_path)


def test_an_id_stands_once(tmp_path: Path) -> None:
    number = ROW[ROW.index("      - id") :] + "        lacks: a reason\n"
    path = tmp_path / "numbers.yaml"
    path.write_text(ROW[: ROW.index("      - id")] + number + number, encoding="utf-8")
    with pytest.raises(UsageError, match="id one stands here twice"):
        load_numbers(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        load_numbers(tmp_path / "none.yaml")
