"""Names of attacks, datasets and suites: ours and other packages', with one line for what is amiss."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import registry
from bench.attacks import attack_class, make_attack
from bench.datasets import open_dataset
from bench.errors import UsageError
from bench.planning.suite import load_suite
from bench.running.shelf import known_boards

Install = Callable[..., None]

GOOD = """\
from bench.attacks.fgsm import FGSM
from bench.datasets.digits import digits

class Mine(FGSM):
    name = "mine"
"""
SUITE = "suite: {}\ndataset: {{name: digits}}\nattacks: [{{attack: {}}}]\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package of one module, with its entry points by group; all are forgotten afterwards."""

    modules: list[str] = []

    def installed(distribution: str, module: str, text: str, **points: dict[str, str]) -> None:
        modules.append(module)
        package = tmp_path / module
        package.mkdir()
        (package / "__init__.py").write_text(text, encoding="utf-8")
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", "utf-8")
        lines = [
            line
            for group, named in points.items()
            for line in (f"[potemkin.{group}]", *(f"{name} = {target}" for name, target in named.items()))
        ]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        registry._offers.cache_clear()

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_warned", set())
    yield installed
    registry._offers.cache_clear()
    for module in modules:
        sys.modules.pop(module, None)


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*registry.OURS, "suite"])
def test_every_name_of_ours_stands_for_something(kind: str) -> None:
    assert registry.names(kind)
    for name in registry.names(kind):
        assert registry.get(kind, name) is not None


@pytest.mark.parametrize("alias", ["bim"])
def test_an_alias_is_the_attack_itself(alias: str) -> None:
    assert attack_class(alias) is attack_class("iterated-fgsm")
    assert make_attack(alias, {"steps": 3}) == make_attack("iterated-fgsm", {"steps": 3})
    assert alias not in registry.names("attack")


@pytest.mark.parametrize(
    ("kind", "name", "near"),
    [
        ("attack", "fgms", "fgsm"),
        ("attack", "pdg", "pgd"),
        ("dataset", "mnits", "mnist"),
        ("suite", "minst-fgsm", "mnist"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_right_ones(kind: str, name: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"unknown {kind} '{name}'; did you mean .*{near}"):
        registry.get(kind, name)


def test_a_name_may_be_added_for_a_while() -> None:
    with registry.adding("attack", "mine", "bench.attacks.fgsm:FGSM"):
        assert registry.get("attack", "mine") is attack_class("fgsm")
        with pytest.raises(UsageError, match="is no Attack whose name is 'mine'"):
            attack_class("mine")
    assert "mine" not in registry.names("attack")


def test_what_is_wrong_with_ours_is_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    with registry.adding("attack", "gone", "bench.attacks.gone:Gone"), pytest.raises(ModuleNotFoundError):
        list(registry.each("attack", attack_class))
    assert capsys.readouterr().err == ""


# -- other packages ---------------------------------------------------------------------------------------------------


def test_a_package_adds_an_attack_a_dataset_and_a_suite(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offered = {
        "attacks": {"mine": "good:Mine"},
        "datasets": {"my-digits": "good:digits"},
        "suites": {"my-suite": "good:mine.yaml"},
    }
    install("a-good-one", "good", GOOD, **offered)
    attack = "{attack: mine, norm: linf, eps: 0.1}"
    (tmp_path / "good" / "mine.yaml").write_text(
        f"suite: my-suite\ndataset: {{name: my-digits}}\nattacks: [{attack}]\n"
    )
    assert make_attack("mine", {"loss": "margin"}).name == "mine"
    assert open_dataset("my-digits").sizes == open_dataset("digits").sizes
    assert [entry.attack for entry in load_suite("my-suite").attacks] == ["mine"]
    assert {"my-suite", "mnist-fgsm"} <= {suite.suite for suite in registry.each("suite", load_suite)}
    assert capsys.readouterr().err == ""


def test_knowing_the_names_imports_no_package(install: Install) -> None:
    install("broken-one", "broken", "raise RuntimeError('no luck')", attacks={"theirs": "broken:Theirs"})
    assert "theirs" in registry.names("attack")
    assert attack_class("fgsm").name == "fgsm"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("raise RuntimeError('no\\nluck')", "RuntimeError: no luck"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import a_module_that_is_not_there", "No module named 'a_module_that_is_not_there'"),
        ("def broken(:", "SyntaxError"),
        ("", "has no attribute 'Theirs'"),
    ],
)
def test_one_that_does_not_import_is_one_line_and_nothing_else(
    text: str, says: str, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("broken-one", "broken", text, attacks={"theirs": "broken:Theirs", "too": "broken:Theirs"})
    for _ in range(2):
        assert {kind.name for kind in registry.each("attack", attack_class)} == set(registry.OURS["attack"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: package broken-one does not import (")
    assert says in line
    with pytest.raises(UsageError, match="package broken-one does not import"):
        attack_class("theirs")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot read suite file"),
        (SUITE.format("other", "clean"), "calls itself other"),
        (SUITE.format("theirs", "fgms"), "line 3: unknown attack 'fgms'"),
    ],
)
def test_a_suite_that_cannot_be_read_is_one_line_and_nothing_else(
    text: str | None, says: str, install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install("bad-one", "bad", "", suites={"theirs": "bad:theirs.yaml"})
    if text is not None:
        (tmp_path / "bad" / "theirs.yaml").write_text(text, encoding="utf-8")
    assert {suite.suite for suite in registry.each("suite", load_suite)} == set(registry._suite_files())
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: package bad-one: suite 'theirs': ")
    assert says in line


def test_boards_go_on_without_a_suite_on_a_dataset_that_does_not_import(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = {"datasets": {"their-data": "bad.data:data"}, "suites": {"theirs": "bad:theirs.yaml"}}
    install("bad-one", "bad", "", **points)
    (tmp_path / "bad" / "theirs.yaml").write_text(SUITE.format("theirs", "clean").replace("digits", "their-data"))
    assert {suite.suite for suite, _ in known_boards()} == set(registry._suite_files())
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: package bad-one does not import (ModuleNotFoundError: No module named 'bad.data')")


@pytest.mark.parametrize("name", ["fgsm", "pgd"])
def test_no_package_may_take_a_name_of_ours(name: str, install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    ours = attack_class(name)
    install("a-good-one", "good", GOOD, attacks={name: "good:Mine"})
    assert attack_class(name) is ours
    assert capsys.readouterr().err == (
        f"warning: packages potemkin-bench and a-good-one both offer attack '{name}'; that of potemkin-bench is taken\n"
    )


def test_of_two_packages_with_one_name_the_first_in_order_stays(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    for letter in "ba":
        install(f"{letter}-one", letter, f"{GOOD}\n    summary = {letter!r}\n", attacks={"mine": f"{letter}:Mine"})
    assert attack_class("mine").summary == "a"
    assert capsys.readouterr().err == (
        "warning: packages a-one and b-one both offer attack 'mine'; that of a-one is taken\n"
    )
