"""The command: three uses end to end, and bad input as one clear line with exit code 2."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from adapters.sklearn.table import SEARCHES, TABLE
from bench.cli.app import COMMANDS, main
from bench.zoo.kinds import ESTIMATORS, NETS, SIGMOIDS, family_and_gradient, kind_class

SUITE = """\
suite: tiny
summary: small and quick
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: linf, eps: [0.1, 0.2]}
  - {attack: sign-noise, norm: linf, eps: 0.2}
rank_by: {eps: 0.2}
"""
MODELS = """\
import adapters, numpy, torch


@adapters.register("net", dataset="digits")
def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()


@adapters.register("three")
def three():
    return adapters.black_box(lambda x: numpy.full(len(x), 3), version="1")


@adapters.register("other", dataset="mnist")
def other():
    raise AssertionError("not for this dataset")


torch.manual_seed(1)
wide = torch.nn.Linear(5, 10)
broken = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 7)).eval()
number = 3
"""


ROOT = Path(__file__).resolve().parents[3]


class Said(NamedTuple):
    code: int
    out: str
    err: str


Bench = Callable[..., Said]


@pytest.fixture
def bench(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    """The command in an empty folder with a suite, `tiny.yaml`, and models, `mine.py`."""
    (elsewhere / "tiny.yaml").write_text(SUITE)
    (elsewhere / "mine.py").write_text(MODELS)

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return call


def refused(said: Said, *pieces: str) -> None:
    """Exit code 2, nothing on standard output, and one line on standard error that holds the pieces."""
    assert said.code == 2, said
    assert said.out == ""
    assert said.err.startswith("bench: ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    for piece in pieces:
        assert piece in said.err


def cells(out: str = "bench-out") -> dict[str, int]:
    """Record files and the moment that each was written."""
    return {path.name: path.stat().st_mtime_ns for path in Path(out, "results/cells").glob("*.json")}


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "pieces"),
    [
        (["suite", "mnist-fgms"], ["unknown suite 'mnist-fgms'", "mnist-fgsm"]),
        (["suite", "none.yaml"], ["cannot read suite file none.yaml", "No such file"]),
        (["suite"], ["Missing argument"]),
        (["suit"], ["suit", "suite"]),
        (["suite", "tiny.yaml", "--modle", "x"], ["--modle"]),
        (["suite", "tiny.yaml", "--limit", "0"], ["--limit"]),
        (["suite", "tiny.yaml", "--limit", "few"], ["--limit", "integer"]),
        (["suite", "tiny.yaml", "--device", "tpu"], ["--device", "tpu", "cuda"]),
        (["suite", "tiny.yaml", "--rerun", "some"], ["--rerun", "some", "failed"]),
        (["suite", "tiny.yaml", "--model", "nett"], ["unknown model 'nett'"]),
        (["suite", "digits-fgsm", "--model", "maxuot", "--dry-run"], ["unknown model 'maxuot'; did you mean maxout?"]),
        (["suite", "tiny.yaml", "--model", "none.py"], ["no file", "none.py", "FILE.py:OBJECT"]),
        (["suite", "tiny.yaml", "--model", "none.py:net"], ["no file", "none.py"]),
        (["suite", "tiny.yaml", "--model", "mine.py:nte"], ["mine.py has no object 'nte'", "net"]),
        (["suite", "tiny.yaml", "--model", "mine.py:number"], ["model number: cannot wrap int", "black_box"]),
        (["suite", "tiny.yaml", "--model", "mine.py:wide"], ["model wide", "shape", "(1, 8, 8)", "input_shape="]),
        (["suite", "tiny.yaml", "--model", "mine.py:net", "--model", "mine.py"], ["'net' is given twice"]),
        (["list", "modles"], ["modles", "models"]),
        (["show", "abc"], ["no record 'abc'", "bench-out"]),
        (["leaderboard", "tinny"], ["unknown suite 'tinny'"]),
        (["leaderboard", "tiny.yaml"], ["no records of suite tiny yet"]),
        (["leaderboard", "tiny.yaml", "--format", "xml"], ["xml", "json"]),
        (["leaderboard", "--check"], ["no leaderboard.md here"]),
        (["train", "maxuot"], ["maxuot", "maxout"]),
        (["train", "maxout", "--dataset", "mnits"], ["mnits", "mnist"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value and "bench" not in value[0] else None,
)
def test_bad_input_is_one_line(arguments: list[str], pieces: list[str], bench: Bench) -> None:
    refused(bench(*arguments), *pieces)
    assert cells() == {}


@pytest.mark.parametrize(
    ("change", "pieces"),
    [
        (("fgsm", "fgms"), ["tiny.yaml, line 5: unknown attack 'fgms'; did you mean fgsm?"]),
        (("digits", "digit"), ["unknown dataset 'digit'; did you mean digits?"]),
        (("digits}", "digits, split: tset}"), ["unknown split of dataset digits 'tset'; did you mean test?"]),
        (("digits}", "digits, path: x}"), ["unknown option of dataset 'digits' 'path'"]),
        (("rank_by", "rank_bi"), ["tiny.yaml, line 7: unknown key 'rank_bi'; did you mean rank_by?"]),
        (("summary: small and quick", "suite: tiny"), ["tiny.yaml, line 2: key 'suite' stands here twice"]),
        (("eps: 0.2}\nr", "eps: -0.1}\nr"), ["tiny.yaml, line 6: eps -0.1 is not positive", "8/255"]),
        (("eps: 0.2}\nr", "eps: abc}\nr"), ["tiny.yaml, line 6: eps 'abc' is no number", "8/255"]),
        (("eps: 0.2}\nr", "eps: nan}\nr"), ["tiny.yaml, line 6: eps nan is not positive and finite"]),
        (("attacks", "models: [maxuot]\nattacks"), ["unknown model of suite tiny 'maxuot'; did you mean maxout?"]),
        (("linf, eps: 0.2}", "linf, eps: 0.2, sources: [maxout]}"), ["sign-noise is crafted on no model"]),
    ],
)
def test_a_bad_suite_file_is_one_line(change: tuple[str, str], pieces: list[str], bench: Bench) -> None:
    assert change[0] in SUITE
    Path("tiny.yaml").write_text(SUITE.replace(*change))
    refused(bench("suite", "tiny.yaml", "--model", "mine.py"), *pieces)
    assert cells() == {}


@pytest.mark.parametrize("eps", ["8/255", "1e-3"])
def test_sizes_that_plain_yaml_takes_for_text(eps: str, bench: Bench) -> None:
    Path("tiny.yaml").write_text(SUITE.replace("[0.1, 0.2]", eps))
    assert bench("suite", "tiny.yaml", "--model", "mine.py", "--dry-run").code == 0


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("import nothing_of_this_name\n", ["does not import: ModuleNotFoundError", "nothing_of_this_name"]),
        ("def (\n", ["does not import: SyntaxError", "line 1"]),
        ("raise ValueError('two\\nlines')\n", ["does not import: ValueError: two"]),
        ("import sys\nsys.exit(3)\n", ["does not import: SystemExit: 3"]),
        ("model = 3\n", ["registers no model", "@adapters.register", ":OBJECT"]),
        ("import adapters\nadapters.register('a b')(3)\n", ["model name 'a b'"]),
        ("import adapters\nadapters.register('a')(3)\nadapters.register('a')(4)\n", ["'a' is registered twice"]),
        (
            "import adapters\nadapters.register('a', dataset='mnist')(3)\n",
            ["has no model for dataset digits; it has a (for mnist)"],
        ),
        (
            "import adapters\n@adapters.register('a')\ndef f():\n    return open('/no/file')\n",
            ["model a cannot be made: FileNotFoundError"],
        ),
    ],
)
def test_a_bad_model_file_is_one_line(text: str, pieces: list[str], bench: Bench) -> None:
    Path("bad.py").write_text(text)
    refused(bench("suite", "tiny.yaml", "--model", "bad.py"), *pieces)
    assert cells() == {}


def test_a_file_in_place_of_the_out_folder(bench: Bench) -> None:
    Path("taken").write_text("mine")
    said = bench("suite", "tiny.yaml", "--model", "mine.py:net", "--out", "taken")
    refused(said, "cannot write into taken/results", "--out")
    assert Path("taken").read_text() == "mine"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none(bench: Bench) -> None:
    refused(
        bench("suite", "tiny.yaml", "--model", "mine.py:net", "--device", "cuda"),
        "bench: --device cuda",
        "use --device cpu or auto",
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["suite", "mnist-fgms"], "unknown suite 'mnist-fgms'"),
        (["check", "maxuot"], "unknown model 'maxuot'"),
        (["list", "modles"], "modles"),
        (["show", "abc"], "no record 'abc'"),
        (["train", "maxuot"], "unknown model 'maxuot'"),
        (["leaderboard", "mnist-fgms"], "unknown suite 'mnist-fgms'"),
        (["merge", "out", "nowhere"], "no results in nowhere"),
        (["paper", "--data", "nowhere"], "nowhere"),
    ],
    ids=COMMANDS,
)
def test_debug_shows_where(arguments: list[str], says: str, bench: Bench) -> None:
    for found in (bench(*arguments, "--debug"), bench("--debug", *arguments)):
        assert found.code == 2
        assert "Traceback" in found.err
        assert says in found.err.splitlines()[-1]
    assert "--debug" in bench(arguments[0], "--help").out


def test_help_names_the_choices(bench: Bench) -> None:
    text = bench("suite", "--help").out
    for choices in ("full|quick", "auto|cpu|cuda", "failed|all", "auto|plain|none"):
        assert choices in text


# -- reference models -------------------------------------------------------------------------------------------------


def test_a_reference_model_that_the_suite_does_not_name(bench: Bench) -> None:
    """It is made by its recipe, attacked like any other, and on the boards of that call."""
    said = bench("suite", "tiny.yaml", "--model", "softmax-regression", "--model", "mine.py:net")
    assert (said.code, "Ran 8 cells." in said.out) == (0, True), said
    for board in (said.out, Path("bench-out/leaderboard.md").read_text()):
        assert "| softmax-regression" in board
        assert "| net" in board
    assert "Nothing to do" in bench("suite", "tiny.yaml", "--model", "softmax-regression").out


# -- a suite from end to end ------------------------------------------------------------------------------------------


def test_run_then_nothing_to_do(bench: Bench) -> None:
    first = bench("suite", "tiny.yaml", "--model", "mine.py", "--device", "cpu")
    assert first.code == 0
    assert "### tiny v1: small and quick" in first.out
    assert "| net" in first.out
    assert "| three" in first.out
    assert "Ran 8 cells, 2 of them unsupported." in first.out
    assert "Results in bench-out/results, board in bench-out/leaderboard.md" in first.out
    assert len(cells()) == 8
    assert "tiny v1" in Path("bench-out/leaderboard.md").read_text()
    before = cells()
    second = bench("suite", "tiny.yaml", "--model", "mine.py", "--device", "cpu")
    assert second.code == 0
    assert "Nothing to do: all 8 cells of tiny are done." in second.out
    assert second.out.split("\nNothing")[0] == first.out.split("\nRan")[0]
    assert cells() == before


def test_another_model_only_adds_its_cells(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py:net")
    before = cells()
    said = bench("suite", "tiny.yaml", "--model", "mine.py:net", "--model", "mine.py:three")
    assert "Ran 4 cells" in said.out
    assert before.items() < cells().items()


def test_dry_run_says_what_would_be_run_and_runs_nothing(bench: Bench) -> None:
    said = bench("suite", "tiny.yaml", "--model", "mine.py:three", "--dry-run")
    assert said.code == 0
    assert "and the cells of three: to be made first" in said.out
    assert not Path("bench-out").exists()


def test_a_short_look_shows_its_n_and_never_ranks(bench: Bench) -> None:
    said = bench("suite", "tiny.yaml", "--model", "mine.py:net", "--limit", 50)
    assert said.code == 0
    rows = json.loads(bench("leaderboard", "tiny.yaml", "--format", "json").out)
    assert {(row["n"], row["rank"]) for row in rows} == {(50, None)}
    bench("suite", "tiny.yaml", "--model", "mine.py:net")
    rows = json.loads(bench("leaderboard", "tiny.yaml", "--format", "json").out)
    assert {(row["n"], row["rank"]) for row in rows} == {(599, 1)}


def test_failed_cells_are_told_of_and_exit_with_1(bench: Bench) -> None:
    run = ("suite", "tiny.yaml", "--model", "mine.py:broken", "--model", "mine.py:three")
    first = bench(*run)
    assert first.code == 1
    assert "4 failed" in first.out
    assert "failed: broken, clean: invalid-output: scores have shape (100, 7), not (100, 10)" in first.out
    assert "--rerun failed" in first.out
    assert len(cells()) == 4
    rows = json.loads(bench("leaderboard", "tiny.yaml", "--format", "json").out)
    assert {row["status"] for row in rows if row["model"] == "broken"} == {"error"}
    assert {row["rank"] for row in rows if row["model"] == "broken"} == {None}
    assert {row["rank"] for row in rows if row["model"] == "three"} == {1}
    # A failed cell is not tried again unasked, and still counts.
    assert bench(*run).code == 1
    assert len(list(Path("bench-out/results/failures").glob("*.json"))) == 4


FLAKY = """\
import adapters, numpy, os


def predict(x):
    if os.path.exists("down"):
        raise ConnectionError("down")
    return numpy.full(len(x), 3)


flaky = adapters.black_box(predict, version="1")
"""


def test_failed_cells_are_tried_again_on_request(bench: Bench) -> None:
    Path("flaky.py").write_text(FLAKY)
    Path("down").touch()
    run = ("suite", "tiny.yaml", "--model", "flaky.py:flaky")
    assert bench(*run).code == 1
    Path("down").unlink()
    assert "Ran 0 cells" not in bench(*run).out
    said = bench(*run, "--rerun", "failed")
    assert said.code == 0
    assert "Ran 2 cells." in said.out
    assert list(Path("bench-out/results/failures").glob("*.json")) == []
    assert "Nothing to do" in bench(*run, "--rerun", "failed").out


def test_a_record_outlives_a_failure_of_its_recomputation(bench: Bench) -> None:
    Path("flaky.py").write_text(FLAKY)
    run = ("suite", "tiny.yaml", "--model", "flaky.py:flaky")
    assert bench(*run).code == 0
    before = cells()
    Path("down").touch()
    said = bench(*run, "--rerun", "all")
    assert "2 failed" in said.out
    assert said.code == 1
    assert cells() == before


def test_recomputing_all_compares(bench: Bench) -> None:
    run = ("suite", "tiny.yaml", "--model", "mine.py:net")
    bench(*run)
    before = cells()
    said = bench(*run, "--rerun", "all")
    assert said.code == 0
    assert "Compared with the records: 4 equal, 0 differ in a handful of near-ties, 0 conflict." in said.out
    assert cells() == before


def test_a_conflict_exits_with_1_and_overwrites_nothing(bench: Bench) -> None:
    Path("flaky.py").write_text(FLAKY)
    run = ("suite", "tiny.yaml", "--model", "flaky.py:flaky")
    bench(*run)
    before = cells()
    Path("flaky.py").write_text(FLAKY.replace("len(x), 3", "len(x), 4"))
    said = bench(*run, "--rerun", "all")
    assert said.code == 1
    assert "2 conflict" in said.out
    assert "flaky, clean: 599 labels differ" in said.out
    assert cells() == before


def test_torn_and_newer_records_are_told_of_and_run_again(bench: Bench) -> None:
    run = ("suite", "tiny.yaml", "--model", "mine.py:net")
    bench(*run)
    board = bench("leaderboard", "tiny.yaml").out
    torn, newer, *_ = sorted(Path("bench-out/results/cells").glob("*.json"))
    torn.write_bytes(torn.read_bytes()[:200])
    newer.write_text(newer.read_text().replace('"schema": 2', '"schema": 3'))
    said = bench(*run)
    assert said.code == 0
    assert f"ignored {torn}: torn or no JSON" in said.err
    assert f"ignored {newer}: schema 3 is newer than this program reads (2)" in said.err
    assert said.err.count("set aside an unusable record as") == 2
    assert "Ran 2 cells." in said.out
    assert len(list(Path("bench-out/results/set-aside").iterdir())) == 2
    assert bench("leaderboard", "tiny.yaml").out == board


# -- reading ----------------------------------------------------------------------------------------------------------

REQUIRED = {
    *("suite", "version", "model", "family", "attack", "norm", "eps", "clip", "source", "target", "n", "status"),
    *("clean_accuracy", "error", "robust_accuracy", "ci_low", "ci_high", "attack_success"),
    *("confidence_on_mistakes", "gradient", "flags", "rank"),
}


def test_the_leaderboard_for_programs(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py")
    rows = json.loads(bench("leaderboard", "tiny.yaml", "--format", "json").out)
    assert all(set(row) >= REQUIRED for row in rows)
    own = next(row for row in rows if (row["model"], row["attack"], row["eps"]) == ("net", "fgsm", 0.1))
    assert own["source"] == own["target"] == own["model"]
    assert (own["suite"], own["version"], own["norm"], own["clip"], own["n"]) == ("tiny", 1, "linf", True, 599)
    assert own["ci_low"] <= own["robust_accuracy"] <= own["ci_high"] <= own["clean_accuracy"] + 0.1
    muted = next(row for row in rows if (row["model"], row["attack"]) == ("three", "fgsm"))
    assert (muted["status"], muted["error"], muted["gradient"]) == ("unsupported", None, "none")
    lines = list(csv.DictReader(io.StringIO(bench("leaderboard", "tiny.yaml", "--format", "csv").out)))
    assert [line["model"] for line in lines] == [row["model"] for row in rows]
    assert set(lines[0]) >= REQUIRED
    assert float(lines[0]["error"]) == rows[0]["error"]


def test_the_leaderboard_for_people(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py")
    board = bench("leaderboard", "tiny.yaml").out
    assert board.startswith("### tiny v1: small and quick")
    assert "| net" in board
    whole = bench("leaderboard").out
    assert whole.startswith("# Leaderboard")
    assert "**robust accuracy**" in whole
    assert "upper bound" in whole


def test_show_a_record(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py:net")
    ids = sorted(name.removesuffix(".json") for name in cells())
    said = bench("show", ids[0][:8])
    assert said.code == 0
    assert ids[0] in said.out
    assert "net (" in said.out
    assert "errors" in said.out
    refused(bench("show", ""), "begins the ids of 4 records")


@pytest.mark.parametrize("kind", ["suites", "models", "attacks", "datasets", "families"])
def test_lists_for_people_and_for_programs(kind: str, bench: Bench) -> None:
    entries = json.loads(bench("list", kind, "--json").out)
    text = bench("list", kind).out
    assert entries
    assert all(entry["name"] in text for entry in entries)


def test_what_the_lists_name(bench: Bench) -> None:
    names = {kind: [entry["name"] for entry in json.loads(bench("list", kind, "--json").out)] for kind in LISTED}
    assert all(set(expected) <= set(names[kind]) for kind, expected in LISTED.items())


LISTED = {
    "suites": ["mnist-fgsm", "digits-fgsm"],
    "models": ["maxout", "softmax-regression", "rbf-svm"],
    "attacks": ["clean", "fgsm", "gaussian-rubbish"],
    "datasets": ["mnist", "digits", "image-folder"],
    "families": ["linear", "svm", "knn", "tree", "forest"],
}


def test_family_and_gradient_of_every_reference_model_are_listed(bench: Bench) -> None:
    """Those still to be made, too; and as their adapters then say."""
    entries = json.loads(bench("list", "models", "--json").out)
    assert all(entry["family"] and entry["gradient"] for entry in entries)
    assert {entry["gradient"] for entry in entries if entry["name"] == "knn"} == {"surrogate"}
    for kind, place in NETS.items():
        assert family_and_gradient(kind) == (kind_class(kind).kind.replace("-", " "), "exact"), place
        assert (kind_class(kind).confidence_kind != "softmax") == (kind in SIGMOIDS), place
    for kind in ESTIMATORS:
        assert family_and_gradient(kind) == _told_by_the_table(kind)


def _told_by_the_table(kind: str) -> tuple[str, str]:
    estimator = kind_class(kind)
    entry = TABLE[f"{estimator.__module__}.{estimator.__qualname__}"]
    return entry.family, entry.gradient


def test_every_compiled_estimator_is_listed_once(bench: Bench) -> None:
    entries = json.loads(bench("list", "families", "--json").out)
    listed = [name.rpartition(".")[2] for entry in entries for name in entry["estimators"]]
    assert sorted(listed) == sorted(path.rpartition(".")[2] for path in [*TABLE, *SEARCHES])
    (svm,) = [entry for entry in entries if "SVC" in entry["estimators"]]
    assert (svm["name"], svm["gradient"]) == ("svm", "exact")


def test_a_stale_leaderboard_fails_its_check(bench: Bench) -> None:
    """In a folder that publishes: records in ./results, the board beside them."""
    assert bench("suite", "tiny.yaml", "--model", "mine.py:net", "--out", ".").code == 0
    Path("leaderboard.md").write_text(bench("leaderboard").out)
    assert bench("leaderboard", "--check").code == 0
    Path("leaderboard.md").write_text("# Leaderboard\n")
    stale = bench("leaderboard", "--check")
    assert stale.code == 1
    assert "does not match the records" in stale.out


def test_published_records_are_reused_unless_ignored(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py:net", "--out", ".")
    run = ("suite", "tiny.yaml", "--model", "mine.py:net")
    assert "Nothing to do" in bench(*run).out
    assert "Ran 4 cells." in bench(*run, "--ignore-published").out


def test_without_arguments_it_helps(bench: Bench) -> None:
    said = bench()
    assert said.code == 0
    assert "Commands:" in said.out
    assert said.out == bench("--help").out


# -- as a program -----------------------------------------------------------------------------------------------------


def program(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from bench.cli.app import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120
    )


def test_the_program_exits_with_the_codes_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SUITE)
    (tmp_path / "mine.py").write_text(MODELS)
    run = program("suite", "tiny.yaml", "--model", "mine.py:net", "--progress", "plain", cwd=tmp_path)
    assert (run.returncode, "Ran 4 cells." in run.stdout) == (0, True), run
    refusal = program("suite", "mnist-fgms", cwd=tmp_path)
    assert (refusal.returncode, refusal.stdout, refusal.stderr.count("\n")) == (2, "", 1)


def test_a_reader_that_leaves_early_sees_no_complaint(tmp_path: Path) -> None:
    code = f"from bench.cli.app import main; main(['leaderboard', '--out', {str(ROOT)!r}])"
    command = f'"{sys.executable}" -c "{code}" | true'
    found = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert found.stderr == ""


def test_a_namesake_of_one_of_our_packages_is_named(tmp_path: Path) -> None:
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters/__init__.py").touch()
    code = "from bench.cli.app import main; main(['list', 'suites'])"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert found.returncode == 2
    assert found.stderr.startswith("bench: package adapters is another one, ")
    assert len(found.stderr.splitlines()) == 1
