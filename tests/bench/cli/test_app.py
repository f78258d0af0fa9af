"""The command as a whole: bad use is one clear line with exit code 2, help, and the program itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_help import MODELS, SUITE, Bench, cells, refused

from bench.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parents[3]


# -- bad use ----------------------------------------------------------------------------------------------------------


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
    ("arguments", "says"),
    [
        (["suite", "mnist-fgms"], "unknown suite 'mnist-fgms'"),
        (["check", "maxuot"], "unknown model 'maxuot'"),
        (["list", "modles"], "modles"),
        (["show", "abc"], "no record 'abc'"),
        (["train", "maxuot"], "unknown model 'maxuot'"),
        (["leaderboard", "mnist-fgms"], "unknown suite 'mnist-fgms'"),
        (["compare", "knn", "maxout", "--suite", "mnist-fgms"], "unknown suite 'mnist-fgms'"),
        (["draw", "mnist-fgms"], "unknown suite 'mnist-fgms'"),
        (["merge", "out", "nowhere"], "no results in nowhere"),
        (["verify", "nowhere"], "no records in nowhere"),
        (["export", "dest"], "no records in bench-out"),
        (["paper", "--data", "nowhere"], "nowhere"),
        (["selftest", "--family", "linaer"], "unknown self-test family 'linaer'"),
    ],
    ids=COMMANDS,
)
def test_debug_shows_where(arguments: list[str], says: str, bench: Bench) -> None:
    for found in (bench(*arguments, "--debug"), bench("--debug", *arguments)):
        assert found.code == 2
        assert "Traceback" in found.err
        assert says in found.err.splitlines()[-1]
    assert "--debug" in bench(arguments[0], "--help").out


# -- help -------------------------------------------------------------------------------------------------------------


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
    run = program("suite", "tiny.yaml", "--model", "mine.py:net", "--no-isolate", "--progress", "plain", cwd=tmp_path)
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
