"""Suite files: what they may say, and one clear line with its place for what they may not."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from bench import zoo
from bench.datasets import open_dataset
from bench.errors import UsageError
from bench.planning.suite import ARCHIVE, Suite, earlier, load_suite, names, parse_suite
from bench.threats import Criterion

HEAD = "suite: tiny\ndataset: {name: digits}\n"


def entry(text: str, more: str = "") -> Suite:
    """A suite of one attack, which stands on line 4."""
    return parse_suite(f"{HEAD}attacks:\n  - {{{text}}}\n{more}", "tiny.yaml")


@pytest.mark.parametrize("name", names())
def test_every_shipped_suite_loads(name: str) -> None:
    """With the dataset and the models that it names there to be had."""
    suite = load_suite(name)
    assert suite.suite == name
    assert suite.summary
    assert suite.dataset.split in open_dataset(suite.dataset.name).sizes
    assert set(suite.models) <= set(zoo.names(suite.dataset.name))


def test_the_suites_that_ship() -> None:
    assert names() == [
        "digits-fgsm",
        "digits-worst-case",
        "fashion-mnist-fgsm",
        "mnist-anchors",
        "mnist-fgsm",
        "mnist-rubbish",
        "mnist-transfer",
        "mnist-worst-case",
        "paper-cifar10",
        "paper-mnist",
        "paper-mnist-3v7",
    ]


ARCHIVED = {
    "digits-fgsm@1": "54edf5b236e6bda1b90ace852f4d5401c038bcd73324298f710d9ff61bdf3b9a",
    "fashion-mnist-fgsm@1": "41d3b550eefd3f6a693a12e531cae3c4ce5586a47ef4988f873f41e835c958e1",
    "mnist-fgsm@1": "49ab0d0a8f5b8910225cf3657d19391cf0e2d4625b453e6e1c7e39f56beb624c",
    "mnist-worst-case@1": "7855b3c811cc2663c9b1041582d0dcdeb265695d9ea8972bcf72e9d66299c0e0",
}
"""SHA-256 of the files of earlier versions: these are never edited."""


def test_files_of_earlier_versions_are_never_edited() -> None:
    found = {name: file for suite in names() for name in earlier(suite) for file in [ARCHIVE / f"{name}.yaml"]}
    assert {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in found.items()} == ARCHIVED
    assert sorted(item.name for item in ARCHIVE.iterdir()) == [f"{name}.yaml" for name in sorted(ARCHIVED)]


@pytest.mark.parametrize("spec", ARCHIVED)
def test_an_earlier_version_of_a_suite_is_had_by_its_number(spec: str) -> None:
    name, _, number = spec.partition("@")
    old, new = load_suite(spec), load_suite(name)
    assert (old.suite, old.version) == (name, int(number))
    assert old.version < new.version
    assert load_suite(f"{name}@{new.version}") == new
    assert load_suite(str(ARCHIVE / f"{spec}.yaml")) == old  # its own file is no other suite of that name


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("mnist-fgsm@7", "no version '7' of suite mnist-fgsm; there are: mnist-fgsm, mnist-fgsm@1"),
        ("mnist-transfer@2", "no version '2' of suite mnist-transfer; there are: mnist-transfer"),
        ("mnist-fgms@1", "unknown suite 'mnist-fgms'"),
        ("mnist-fgsm@../mnist-fgsm", "no version '../mnist-fgsm' of suite mnist-fgsm"),
    ],
)
def test_versions_that_are_not_there(spec: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        load_suite(spec)


@pytest.mark.parametrize("name", ["digits-fgsm", "fashion-mnist-fgsm", "mnist-fgsm"])
def test_what_ranks_are_made_of(name: str) -> None:
    """FGSM by the training loss and by the margin at the same sizes, and an iterated check over all examples."""
    suite = load_suite(name)
    alike = [entry for entry in suite.attacks if entry.attack == "fgsm" and entry.clip and entry.sources == "self"]
    assert [entry.made.model_dump()["loss"] for entry in alike] == ["training", "margin"]
    assert alike[0].eps == alike[1].eps
    (check,) = [entry for entry in suite.attacks if entry.attack == "iterated-fgsm"]
    assert suite.rank_by is not None
    assert (check.n, check.eps, check.made.model_dump()["loss"]) == (None, (suite.rank_by.eps,), "margin")


def test_a_new_version_asks_again_for_what_is_published_of_the_old() -> None:
    """All but its check on a sample, which gave way to one over all examples: records are reused."""
    old, new = load_suite("mnist-fgsm@1"), load_suite("mnist-fgsm")
    assert [entry for entry in old.attacks if entry not in new.attacks] == [old.attacks[-1]]


def test_the_defaults_of_an_entry() -> None:
    (only,) = entry("attack: fgsm, norm: linf, eps: 0.1").attacks
    assert only.eps == (0.1,)
    assert only.clip is True
    assert only.sources == "self"
    assert only.models is None
    assert only.n is None
    assert only.judged_by == Criterion()
    assert only.made.model_dump() == {"loss": "training", "label": "true", "target": None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1", (0.1,)),
        ("8/255", (8 / 255,)),
        ("1e-3", (0.001,)),
        ("'0.3'", (0.3,)),
        ("1", (1.0,)),
        ("[8/255, 0.1, 1e-3]", (8 / 255, 0.1, 0.001)),
        (" 2 / 255 ", (2 / 255,)),
    ],
)
def test_epsilons(text: str, expected: tuple[float, ...]) -> None:
    assert entry(f"attack: fgsm, norm: linf, eps: {text}").attacks[0].eps == expected


def test_a_criterion_in_short_and_at_length() -> None:
    expected = Criterion(kind="confident", threshold=0.7)
    for text in ("{confident: 0.7}", "{kind: confident, threshold: 0.7}"):
        (only,) = entry(f"attack: gaussian-rubbish, n: 10, criterion: {text}").attacks
        assert only.judged_by == expected
    assert entry("attack: fgsm, norm: l2, eps: 1, target: next").attacks[0].judged_by.kind == "targeted"


FGSM = "attack: fgsm, norm: linf, eps: 0.1"
BAD_ENTRIES = [
    ("attack: fgms, norm: linf, eps: 0.1", "unknown attack 'fgms'; did you mean fgsm?"),
    (f"{FGSM}, los: margin", "unknown key 'los'; did you mean loss?"),
    (f"{FGSM}, epsilon: 1", "unknown key 'epsilon'; did you mean eps"),
    (f"{FGSM}, loss: margn", "loss 'margn' of attack fgsm", "'margin'"),
    ("attack: iterated-fgsm, norm: linf, eps: 0.1, steps: 0", "steps 0 of attack iterated-fgsm"),
    (f"{FGSM}, parameters: {{}}", "unknown key 'parameters'"),
    ("norm: linf, eps: 0.1", "key 'attack' is missing"),
    ("attack: 3", "attack", "string", "3"),
    ("attack: fgsm, norm: l7, eps: 0.1", "norm", "none of linf, l2, l1, l0", "'l7'"),
    ("attack: fgsm, eps: 0.1", "attack fgsm needs norm: linf or l2 or l1 or l0, not None"),
    ("attack: gradient-aligned-subspace, norm: linf, eps: 1", "subspace needs norm: l2, not linf"),
    ("attack: fgsm, norm: linf", "attack fgsm needs eps"),
    ("attack: fgsm, norm: linf, eps: []", "attack fgsm needs eps"),
    ("attack: fgsm, norm: linf, eps: -0.1", "eps -0.1 is not positive", "8/255"),
    ("attack: fgsm, norm: linf, eps: 0", "eps 0 is not positive"),
    ("attack: fgsm, norm: linf, eps: abc", "eps 'abc' is no number", "8/255"),
    ("attack: fgsm, norm: linf, eps: nan", "eps nan is not positive and finite"),
    ("attack: fgsm, norm: linf, eps: .nan", "eps nan is not positive and finite"),
    ("attack: fgsm, norm: linf, eps: .inf", "eps inf is not positive and finite"),
    ("attack: fgsm, norm: linf, eps: 1/0", "eps '1/0' is no number"),
    ("attack: fgsm, norm: linf, eps: 1/2/3", "eps '1/2/3' is no number"),
    ("attack: fgsm, norm: linf, eps: true", "eps True is no number"),
    ("attack: fgsm, norm: linf, eps: [0.1, [0.2]]", "eps [0.2] is no number"),
    (f"{FGSM}, n: 0", "n", "greater than or equal to 1", "0"),
    (f"{FGSM}, clip: maybe", "clip", "'maybe'"),
    (f"{FGSM}, sources: []", "sources"),
    (f"{FGSM}, sources: linear-svm", "sources: give self, all or a list, such as sources: [linear-svm]"),
    (f"{FGSM}, models: []", "models"),
    (f"{FGSM}, models: maxout", "models", "'maxout'"),
    (f"{FGSM}, gradient: no-such", "gradient", "'exact', 'surrogate' or 'none'", "'no-such'"),
    (f"{FGSM}, gradient: []", "gradient", "at least 1 item"),
    ("attack: rays, norm: linf, eps: 0.1", "attack rays looks for the nearest input at any distance: leave out eps"),
    ("attack: rays, norm: l2", "attack rays needs norm: linf, not l2"),
    ("attack: rays, norm: linf, queries: 0", "queries 0 of attack rays"),
    ("attack: rays, norm: linf, enough: -1", "enough -1 of attack rays"),
    ("attack: sign-noise, norm: linf, eps: 0.1, sources: all", "sign-noise is crafted on no model: leave out sources"),
    ("attack: gaussian-rubbish", "needs n: how many inputs"),
    ("attack: gaussian-rubbish, n: 10, eps: 0.1, norm: linf", "bound to no ball", "leave out norm and eps"),
    ("attack: gaussian-rubbish, n: 10, criterion: {confident: 1.5}", "less than 1", "1.5"),
    (f"{FGSM}, criterion: {{confident: 0.5}}", "criterion confident is for generated inputs"),
    (f"{FGSM}, criterion: {{kind: targeted}}", "give attack fgsm a target, such as target: next"),
    (f"{FGSM}, criterion: {{kind: wrong}}", "'misclassified'", "'wrong'"),
]


@pytest.mark.parametrize(("text", "pieces"), [(text, pieces) for text, *pieces in BAD_ENTRIES])
def test_a_bad_entry_is_one_line_that_says_where_and_what(text: str, pieces: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        entry(text)
    message = str(caught.value)
    assert message.startswith("tiny.yaml, line 4: ")
    assert "\n" not in message
    for piece in pieces:
        assert piece in message


GOOD = f"attacks:\n  - {{{FGSM}}}\n"
BAD_FILES = [
    ("", 0, "a suite is a mapping"),
    ("- a\n", 0, "a suite is a mapping"),
    (f"dataset: {{name: digits}}\n{GOOD}", 1, "key 'suite' is missing"),
    (f"suite: tiny\n{GOOD}", 1, "key 'dataset' is missing"),
    (HEAD, 1, "key 'attacks' is missing"),
    (f"{HEAD}attacks: []\n", 3, "attacks"),
    (f"{HEAD}attacks: 5\n", 3, "list, not 5"),
    (f"{HEAD}attacks: [5]\n", 3, "attacks.0"),
    (f"suite: tiny\ndataset: 3\n{GOOD}", 2, "dataset"),
    (f"suite: tiny\ndataset: {{split: test}}\n{GOOD}", 2, "key 'name' is missing"),
    (f"suite: a/b\ndataset: {{name: digits}}\n{GOOD}", 1, "'a/b'"),
    (f"suite: no\ndataset: {{name: digits}}\n{GOOD}", 1, "YAML reads 'no' as False"),
    (f"{HEAD}{GOOD}modles: []\n", 5, "unknown key 'modles'; did you mean models?"),
    (f"{HEAD}{GOOD}models: maxout\n", 5, "models"),
    (f"{HEAD}{GOOD}models: [maxout, 3]\n", 5, "models.1"),
    (f"{HEAD}{GOOD}version: 0\n", 5, "version"),
    (f"{HEAD}{GOOD}board: round\n", 5, "'round'"),
    (f"{HEAD}{GOOD}rank_by: {{norm: linf}}\n", 5, "key 'eps' is missing"),
    (f"{HEAD}{GOOD}rank_by: {{eps: -1}}\n", 5, "eps -1 is not positive"),
    (f"{HEAD}{GOOD}rank_by: {{eps: 0.1, epz: 1}}\n", 5, "unknown key 'epz'; did you mean eps?"),
    (f"{HEAD}{GOOD}rank_by:\n  eps: 0.1\n  norm: l3\n", 7, "'l3'"),
    (f"{HEAD}{GOOD}rank_by: {{eps: 2.5, norm: l0}}\n", 5, "eps 2.5 of l0 is a number of features"),
    (f"{HEAD}{GOOD}suite: tiny\n", 5, "key 'suite' stands here twice"),
    (f"{HEAD}{GOOD}rank_by: {{eps: 0.2}}\n", 0, "rank_by eps 0.2: no clipped linf attack"),
    (f"{HEAD}{GOOD.replace('}', ', gradient: none}')}rank_by: {{eps: 0.1}}\n", 0, "rank_by eps 0.1: no clipped linf"),
    (f"{HEAD}{GOOD}rank_by: {{eps: 0.1000001}}\n", 0, "rank_by eps 0.1000001: no clipped linf attack over all exam"),
    (
        f"{HEAD}models: [maxout]\n{GOOD.replace('}', ', models: [maxot]}')}",
        0,
        "of attack fgsm 'maxot'; did you mean ma",
    ),
    (f"{HEAD}{GOOD.replace('}', ', models: [maxout]}')}", 0, "unknown model of attack fgsm 'maxout'; known: none"),
    (f"{HEAD}attacks: publisht\n", 3, "'publisht'"),
    (f"{HEAD}attacks: published\n", 0, "nothing is published on dataset digits, split test"),
    ("suite: tiny\nattacks: published\n", 1, "key 'dataset' is missing"),
    ("suite: tiny\ndataset: {name: mnist}\nmodels: [maxout]\nattacks: published\n", 0, "models follow from attacks"),
]


@pytest.mark.parametrize(("text", "line", "says"), BAD_FILES)
def test_a_bad_file_is_one_line_that_says_where_and_what(text: str, line: int, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_suite(text, "tiny.yaml")
    message = str(caught.value)
    assert message.startswith(f"tiny.yaml, line {line}: " if line else "tiny.yaml: ")
    assert "\n" not in message
    assert says in message


def test_a_suite_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(HEAD + GOOD)
    assert load_suite(str(path)) == parse_suite(HEAD + GOOD, "mine.yaml")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read suite file .*none\.yaml: No such file"):
        load_suite(str(tmp_path / "none.yaml"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not UTF-8 text"):
        load_suite(str(tmp_path / "binary.yaml"))


def test_an_unknown_suite_is_answered_with_near_names() -> None:
    with pytest.raises(UsageError, match="unknown suite 'mnist-fgms'; did you mean mnist-fgsm"):
        load_suite("mnist-fgms")


@pytest.mark.parametrize("name", ["digits-fgsm", "mnist-fgsm", "fashion-mnist-fgsm"])
def test_models_that_give_labels_alone_are_attacked_by_labels(name: str) -> None:
    """And down to the least size that the suite names."""
    suite = load_suite(name)
    (entry,) = [entry for entry in suite.attacks if entry.gradient == ("none",)]
    assert (entry.made.needs, entry.made.measures, entry.norm, entry.clip) == ("labels", True, "linf", True)
    assert entry.parameters["enough"] == min(eps for other in suite.attacks for eps in other.eps)
