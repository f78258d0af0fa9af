"""`bench compare`: what A and B may be, and a small project in continuous integration that it holds to its baseline."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from cli_help import Bench, Said, refused

import bench as package
from bench.datasets import Dataset
from bench.records import ran
from bench.records.store import Store

DOCUMENT = (Path(__file__).parents[3] / "docs" / "compare.md").read_text(encoding="utf-8")
MODEL = """\
import adapters, numpy, torch
from bench.datasets import open_dataset


@adapters.register("mine", dataset="digits")
def mine():
    data = open_dataset("digits")
    x, y = data.examples("train", slice(None)).reshape(-1, 64), data.labels("train")
    means = torch.from_numpy(numpy.stack([x[y == k].mean(0) for k in range(10)]))
    layer = torch.nn.Linear(64, 10)
    layer.weight.data, layer.bias.data = 5 * means, -2.5 * (means**2).sum(1)
    layer.weight.data += SPOILED * torch.randn(10, 64, generator=torch.Generator().manual_seed(0))
    return torch.nn.Sequential(torch.nn.Flatten(), layer).eval()
"""
SUITE = """\
suite: robustness
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: linf, eps: 0.1}
rank_by: {eps: 0.1}
"""
NOISE = SUITE.replace("fgsm", "sign-noise")
BOTH = SUITE.replace("rank_by", "  - {attack: sign-noise, norm: linf, eps: 0.1}\nrank_by")


def written(spoiled: float) -> None:
    Path("model.py").write_text(MODEL.replace("SPOILED", str(spoiled)))


@pytest.fixture
def project(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A project with a suite, a model and the records of its baseline."""
    Path("robustness.yaml").write_text(SUITE)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "page.md")
    written(0)
    assert bench("suite", "robustness.yaml", "--model", "model.py", "--out", "baseline").code == 0
    return bench


def job(bench: Bench) -> list[Said]:
    """The workflow of the document: its steps that run the command, until one fails."""
    (text,) = re.findall(r"```yaml file=robustness.yml\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    steps = yaml.safe_load(text)["jobs"]["robustness"]["steps"]
    said: list[Said] = []
    for step in (step["run"] for step in steps if step.get("run", "").startswith("bench ")):
        said.append(bench(*shlex.split(os.path.expandvars(step))[1:]))
        if said[-1].code:
            break
    return said


def test_the_workflow_passes_an_unchanged_model(project: Bench) -> None:
    ran, compared = job(project)
    assert (ran.code, compared.code) == (0, 0)
    assert "Passed: no drop of the ranked column that is sure to be beyond 1 points." in compared.out
    assert "**Passed**" in Path("page.md").read_text()
    assert ElementTree.parse("robustness.xml").getroot().get("failures") == "0"


def test_the_workflow_fails_a_less_robust_model(project: Bench) -> None:
    written(0.7)
    compared = job(project)[-1]
    assert compared.code == 1
    assert "FAILED: candidate:mine: regression: a drop of" in compared.out
    assert "**FAILED**" in Path("page.md").read_text()
    assert ElementTree.parse("robustness.xml").getroot().get("failures") == "1"


def test_the_workflow_fails_where_nothing_is_comparable(project: Bench) -> None:
    """The model has another name, or was only looked at."""
    Path("model.py").write_text(Path("model.py").read_text().replace('"mine"', '"other"'))
    renamed = job(project)[-1]
    assert renamed.code == 1
    assert "mine: it is gone" in renamed.out
    written(0)
    for kind in Path("candidate/results").iterdir():
        for path in kind.glob("*.json"):
            path.unlink()
    project("suite", "robustness.yaml", "--model", "model.py", "--out", "candidate", "--limit", 50)
    short = project("compare", "baseline", "candidate", "--suite", "robustness.yaml", "--fail-on-regression")
    assert short.code == 1
    assert "nothing is comparable: slices differ" in short.out


def test_a_board_below_its_bound_fails(project: Bench) -> None:
    call = ("suite", "robustness.yaml", "--model", "model.py", "--out", "baseline", "--fail-under")
    assert project(*call, "worst=10", "--fail-under", "clean=50").code == 0
    below = project(*call, "worst=99.5")
    assert below.code == 1
    assert "FAILED: mine: worst 99.5% asked for, and it has" in below.out
    refused(project(*call, "wurst=10"), "wurst", "worst")
    refused(project(*call, "worst=10", "--shard", "1/2"), "shard")


def test_versions_and_folders_are_named_and_nearest_names_told(project: Bench) -> None:
    written(0.2)
    assert project("suite", "robustness.yaml", "--model", "model.py", "--out", "baseline").code == 0
    call = ("--suite", "robustness.yaml", "--format", "json")
    refused(project("compare", "baseline:mine@zzz", "baseline:mine", *call), "no versions begin so", "newest first")
    said = project("compare", "baseline:mine@", "baseline:mine@zzz", *call).err
    new, old = (name.partition("@")[2] for name in re.findall(r"mine@[0-9a-f]+", said))
    found = json.loads(project("compare", f"baseline:mine@{old}", "baseline:mine", *call).out)["pairs"][0]
    assert found["baseline"]["fingerprint"].startswith(old)
    assert found["candidate"]["fingerprint"].startswith(new)
    assert found["version"] == "another version"
    back = json.loads(project("compare", "mine", f"mine@{old}", "--out", "baseline", *call).out)["pairs"][0]
    assert back["ranked"]["difference"] == -found["ranked"]["difference"]
    refused(project("compare", "baseline:mine", "baseline:mien", *call), "unknown model 'mien'", "did you mean mine?")
    refused(project("compare", "baseline", "nowhere/", *call), "no results in nowhere/", "--out")
    refused(project("compare", "baseline", "mine", *call, "--out", "baseline"), "baseline:mine")
    refused(project("compare", "baseline", "nowhere", *call), "nowhere: no folder of results", "check the path")
    refused(project("compare", "nowhere:mine", "mine", *call), "no results in nowhere")
    assert "robustness v1" in project("compare", "baseline", "baseline").out  # whose text is in the folder
    assert "robustness v1" in project("compare", "baseline", "baseline", "--suite", "robustness").out
    next(Path("baseline/results/suites").iterdir()).unlink()
    refused(project("compare", "baseline", "baseline"), "--suite NAME|FILE.yaml")
    refused(project("compare", "baseline", "baseline", *call, "--model", "mien"), "did you mean mine?")
    refused(project("compare", "baseline", "baseline", *call, "--fail-on-regression", "nan"), "percentage points")
    refused(project("compare", "baseline", "baseline", *call, "--examples", "few"), "--examples few")


def test_two_versions_of_a_suite_are_told_apart_by_name(project: Bench) -> None:
    """What was asked in both is compared; the worst cases are of different attacks, so that the gate fails."""
    later = SUITE.replace("eps: 0.1}\nrank", "eps: [0.1, 0.2]}\nrank") + "version: 2\n"
    Path("robustness.yaml").write_text(later)
    assert project("suite", "robustness.yaml", "--model", "model.py", "--out", "candidate").code == 0
    said = project("compare", "baseline", "candidate", "--fail-on-regression")
    assert said.code == 1
    assert said.out.startswith("### robustness v1 and robustness v2: candidate:mine beside baseline:mine")
    assert "- not asked of baseline:mine (fgsm 0.2)" in said.out
    assert "suite versions differ: the worst is of other attacks in robustness v1 and robustness v2" in said.out
    assert "FAILED: candidate:mine: nothing is comparable" in said.out
    named = project("compare", "./baseline", "candidate", "--suite", "robustness.yaml", "--fail-on-regression")
    assert named.code == 0  # the later one asks more
    assert "both sides are held to that" in named.err
    assert named.out.startswith("### robustness v1: ")


def test_of_two_texts_of_one_version_the_baselines_counts(project: Bench) -> None:
    """Or else a candidate could choose what it is held to."""
    for text, out in ((BOTH, "baseline"), (NOISE, "candidate")):
        Path("robustness.yaml").write_text(text)
        assert project("suite", "robustness.yaml", "--model", "model.py", "--out", out).code == 0
    missing = "missing cell: fgsm, linf eps 0.1"
    for named in ((), ("--suite", "robustness"), ("--suite", "robustness.yaml")):
        said = project("compare", "baseline", "candidate", *named, "--fail-on-regression")
        assert said.code == 1
        assert f"FAILED: candidate:mine: {missing}" in said.out
    assert "baseline was run on another text of robustness (v1)" in said.err
    assert package.compare("baseline", "candidate").regressions() == {"candidate:mine": missing}
    assert set(package.compare("baseline:mine", "candidate:mine").regressions().values()) == {missing}
    kept = Store(Path("candidate/results"))
    (last,) = ran.notes(kept)
    (kept.folder / ran.FOLDER / last.file).unlink()
    ran.note(kept, "renamed", 1, last.text.replace('"robustness"', '"renamed"'), last.dataset)
    refused(project("compare", "baseline", "candidate", "--fail-on-regression"), "no suite was run on", "--suite")


def test_a_picture_and_files_for_programs(project: Bench) -> None:
    pytest.importorskip("matplotlib")
    written(0.7)
    assert project("suite", "robustness.yaml", "--model", "model.py", "--out", "candidate").code == 0
    call = ("compare", "baseline", "candidate", "--suite", "robustness.yaml", "--examples", "all")
    said = project(*call, "--figure", "flips.png", "--json", "found.json")
    assert said.code == 0
    assert "| lost" in said.out
    assert Path("flips.png").read_bytes().startswith(b"\x89PNG")
    (found,) = json.loads(Path("found.json").read_text())["pairs"]
    lost = re.findall(r"^\| lost +\| +(\d+) ", said.out, flags=re.MULTILINE)
    assert [int(position) for position in lost] == found["ranked"]["lost"]
    same = project("compare", "baseline", "baseline", "--suite", "robustness.yaml", "--figure", "none.png")
    assert same.code == 2
    assert "no example flipped" in same.err


def test_in_python_as_the_document_says(elsewhere: Path, digits: Dataset) -> None:
    from sklearn.linear_model import LogisticRegression

    (text,) = re.findall(r"```python compare\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    x, y = digits.examples("train", slice(500)).reshape(500, -1), digits.labels("train")[:500]
    Path("tiny.yaml").write_text(SUITE)
    old, new = (LogisticRegression(max_iter=200, C=each).fit(x, y) for each in (1.0, 0.01))
    given = {"old": old, "new": old}
    pytest.importorskip("pandas")
    exec(text.replace('"digits-fgsm"', '"tiny.yaml"'), given)
    found = given["found"]
    assert isinstance(found, package.Compared)
    assert "candidate:mine beside baseline:mine" in str(found)
    assert "<table" in found._repr_html_()
    assert np.allclose(given["frame"].difference, 0)
    other = package.run("tiny.yaml", models={"mine": new}, out="after")
    assert set(package.compare("before:mine", "after:mine", suite="tiny.yaml").regressions(0)) <= {"after:mine"}
    assert package.compare(given["before"], other).as_dict()["pairs"][0]["version"] == "another version"
    Path("later.yaml").write_text(SUITE.replace("eps: 0.1}\nrank", "eps: [0.1, 0.2]}\nrank") + "version: 2\n")
    later = package.run("later.yaml", models={"mine": old}, out="later")
    plain = package.compare(given["before"], later).as_dict()
    assert plain["suite"] == "robustness v1 and robustness v2"
    assert [row["label"] for row in plain["pairs"][0]["rows"]] == ["clean", "fgsm 0.1"]
    apart = {each["attack"]: each["why"] for each in plain["pairs"][0]["not_comparable"]}
    assert apart["fgsm"] == "not asked of baseline:mine"
    assert apart["worst-of-all"].startswith("suite versions differ")
    Path("both.yaml").write_text(BOTH)
    Path("noise.yaml").write_text(NOISE)
    both, noise = (package.run(f"{each}.yaml", models={"mine": old}, out=each) for each in ("both", "noise"))
    for baseline in (both, "both:mine"):
        assert set(package.compare(baseline, noise).regressions().values()) == {"missing cell: fgsm, linf eps 0.1"}
    two = package.run("tiny.yaml", models={"mine": old, "other": new}, out="two")
    short = package.run("tiny.yaml", models={"mine": old, "other": new}, out="short", limit=50)
    assert set(package.compare(two, short).regressions()) == {"candidate:mine", "candidate:other"}
    with pytest.raises(package.UsageError, match="no records to compare"):
        package.compare(package.Board(other.suite, other.rows, []), other)
