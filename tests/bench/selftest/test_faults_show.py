"""The self-test fails where an attack, a certificate or the judge does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench import registry
from bench.attacks.base import Certified
from bench.attacks.fgsm import FGSM
from bench.attacks.pgd import PGD
from bench.attacks.worst_case import WorstCase
from bench.cli.app import main
from bench.selftest.run import each_of, families, selftest, table
from bench.selftest.score import Score
from bench.selftest.trial import Found
from bench.table import Table


def scores(*named: str, models: int = 30, seed: int = 0) -> list[Score]:
    return list(selftest(families(named or ("linear",)), models, seed=seed))


def complaints(*found: Score) -> list[str]:
    return [line for score in found for line in score.complaints()]


def changed_proofs(monkeypatch: pytest.MonkeyPatch, change: Callable[[Certified], Certified], **only: Any) -> None:
    """Change what the certificate proves; `witness=False` leaves out what it finds mislabelled."""
    craft = WorstCase.craft

    def changed(self: Any, source: Any, x: Any, *given: Any) -> Iterator[Certified]:
        for found in craft(self, source, x, *given):
            yield change(found if only.get("witness", True) else found._replace(candidates=x))

    monkeypatch.setattr(WorstCase, "craft", changed)


def test_a_certificate_beyond_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    changed_proofs(monkeypatch, lambda found: found._replace(radius=found.radius * 1.001), witness=False)
    (plain, _) = scores(models=3)
    assert plain.proofs == plain.examples
    assert "linear, model 0 of seed 0, linf: example 0 is certified to" in complaints(plain)[0]


def test_a_certificate_that_its_own_witness_contradicts_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    changed_proofs(monkeypatch, lambda found: found._replace(radius=found.radius * 1.001))
    assert any("worst-case: a certificate reaches a candidate" in line for line in complaints(*scores(models=3)))


@pytest.mark.parametrize("family", ["linear", "forest", "maxout"])
def test_open_everywhere_does_not_pass(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changed_proofs(
        monkeypatch,
        lambda found: found._replace(radius=torch.zeros_like(found.radius), exact=torch.zeros_like(found.exact)),
    )
    (plain, _) = scores(family, models=8)
    assert plain.proofs == 0
    assert [line for line in complaints(plain) if "decided; it has to be" in line]


def test_attacks_that_find_nothing_do_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the certificate finds does not count as found by attacks."""
    monkeypatch.setattr("bench.selftest.turns.CLIMBING", ("uniform-noise",))
    (plain, masked) = scores(models=26)
    assert [line for line in complaints(plain) if "% fooled by attacks, of what can be; it has to be 95%" in line]
    assert complaints(masked) == []


def test_what_goes_by_gradients_alone_does_not_pass_masked_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.selftest.turns.ASKING", ("projection",))
    (_, masked) = scores("bayes", models=30)
    assert [line for line in complaints(masked) if "fooled by attacks" in line]


def test_an_attack_that_beats_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the judge lets candidates through that are too far away."""
    moved = FGSM.craft, PGD.craft

    def farther(craft: Any) -> Any:
        def crafted(self: Any, source: Any, x: Any, y: Any, goals: Any, budgets: Any, draws: Any) -> Any:
            wider = [budget.model_copy(update={"eps": 2 * budget.eps}) for budget in budgets]
            return craft(self, source, x, y, goals, wider, draws)

        return crafted

    for kind, craft in zip((FGSM, PGD), moved, strict=True):
        monkeypatch.setattr(kind, "craft", farther(craft))
    assert any("pgd: invalid-candidate: an L_inf distance" in line for line in complaints(*scores(models=4)))
    monkeypatch.setattr("bench.threats.linf.LInf.violation", lambda self, delta, x, eps: -self.lengths(delta))
    (plain, _) = scores(models=4)
    assert plain.attacks
    assert any(
        "pgd fools example" in line and "; the nearest mislabelled input is at" in line for line in complaints(plain)
    )


def test_an_attack_that_breaks_is_a_failure_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> Any:
        raise ZeroDivisionError("oh")
        yield

    monkeypatch.setattr(PGD, "craft", broken)
    assert "pgd: exception: crafting: ZeroDivisionError: oh" in complaints(*scores(models=1))[0]


def test_an_attack_of_another_package_is_tested_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = []

    class Theirs(FGSM):
        name = "theirs"

        def craft(self, *given: Any) -> Any:
            turns.append(given)
            return super().craft(*given)

    monkeypatch.setattr("test_faults_show.Theirs", Theirs, raising=False)
    with registry.adding("attack", "theirs", "test_faults_show:Theirs"):
        assert complaints(*scores(models=24)) == []
    assert turns


# -- counting ---------------------------------------------------------------------------------------------------------


def counted(radius: float, nearest: float, sizes: tuple[float, ...] = (0.5, 2.0)) -> Score:
    score, truth = Score("family", 1.0, 1.0), np.full(200, 1.0)
    found = Found({"attack": np.full(200, nearest)}, np.full(200, radius), np.full(200, np.inf))
    score.add("model", truth, np.array(sizes), found)
    return score


def test_the_truth_itself_is_reached_on_both_sides() -> None:
    score = counted(1.0, 1.0)
    assert (score.attacks, score.proofs, score.decided, score.pairs, score.found, score.due) == (
        0,
        0,
        400,
        400,
        200,
        200,
    )
    assert complaints(score) == []


@pytest.mark.parametrize(("radius", "nearest", "attacks", "proofs"), [(1.0, 0.999, 200, 0), (1.001, 1.0, 0, 200)])
def test_beyond_it_nothing_is_allowed(radius: float, nearest: float, attacks: int, proofs: int) -> None:
    score = counted(radius, nearest)
    assert (score.attacks, score.proofs, len(complaints(score))) == (attacks, proofs, 200)


def test_a_size_at_the_truth_counts_for_nothing() -> None:
    assert counted(0.5, 2.0, sizes=(1.001,)).pairs == 0


def test_shares_of_a_handful_are_no_reason_to_complain() -> None:
    score = Score("family", 1.0, 1.0)
    score.add("model", np.ones(9), np.array([0.5, 2.0]), Found({"attack": np.full(9, np.inf)}, np.zeros(9), None))
    assert (score.decided, score.pairs, complaints(score)) == (0, 18, [])


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_table_fits_80_columns_of_a_deep_run() -> None:
    found = [
        Score(name, 0.9, 0.9, 1000, 8000, 0, 0, True, 100, 97, 100, 99, 999.4) for name in ("naive-by", "x, masked")
    ]
    drawn: Table = table(found)
    assert max(map(len, drawn.markdown().splitlines())) <= 80
    assert "| (masked) |" in drawn.markdown()


def test_deep_is_ten_thousand_models_in_all() -> None:
    assert (each_of(True, None, 10), each_of(True, None, 3), each_of(False, None, 10), each_of(False, 7, 10)) == (
        1000,
        3334,
        50,
        7,
    )


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["selftest", *arguments])
    return int(end.value.code or 0)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--family", "linear", "--family", "linear", "--models", "3", "--progress", "none") == 0
    shown = capsys.readouterr().out
    assert shown.count("| linear") == 1
    assert run("--family", "tree", "--models", "2", "--seed", "7", "--json", "--progress", "none") == 0
    plain, masked = json.loads(capsys.readouterr().out)
    assert (plain["name"], plain["models"], plain["complaints"], masked["name"]) == ("tree", 2, [], "tree, masked")


def test_a_log_has_what_was_asked_and_what_it_came_to(tmp_path: Path) -> None:
    log = tmp_path / "new" / "log.txt"
    assert run("--family", "linear", "--models", "2", "--log", str(log), "--progress", "none") == 0
    lines = log.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "bench selftest: 2 models of 1 families, seed 0"
    assert "torch" in lines[1]
    assert sum(line.startswith("| linear ") for line in lines) == 1
    assert lines[-1] == "Nothing is beyond the truth, and every family reaches its share of it."


def test_a_log_of_a_failure_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed_proofs(monkeypatch, lambda found: found._replace(radius=found.radius + 1), witness=False)
    log = tmp_path / "log.txt"
    assert run("--family", "tree", "--models", "1", "--log", str(log), "--progress", "none") == 1
    assert "tree, model 0 of seed 0, linf: example 0 is certified to 1." in log.read_text(encoding="utf-8")


def test_a_failure_is_a_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed_proofs(monkeypatch, lambda found: found._replace(radius=found.radius + 1), witness=False)
    assert run("--family", "tree", "--models", "9", "--progress", "none") == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if "is certified to" in line]
    assert len(lines) == 50
    assert lines[0].startswith("tree, model 0 of seed 0, linf: example 0 is certified to 1.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--family", "trees"], "unknown self-test family 'trees'; did you mean tree?"),
        (["--deep", "--models", "3"], "--deep and --models: give one of them"),
        (["--log", "."], "--log .: a folder; name a file"),
    ],
)
def test_errors_of_use(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err
