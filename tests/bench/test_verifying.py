"""Verifying: what an honest record passes, and every lie that a record with right checksums can tell."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

import bench
from bench.datasets import open_dataset
from bench.planning.suite import Suite
from bench.progress import quiet
from bench.records import verdicts
from bench.records.examples import Kept, encode, sha256
from bench.records.packing import pack_integers
from bench.records.record import Cell, Record
from bench.records.store import Store
from bench.verifying.eight_bit import pixels, rounded
from bench.verifying.geometry import lengths, outside
from bench.verifying.labels import Model
from bench.verifying.verify import verified

DIGITS = open_dataset("digits")
SUITE = Suite.model_validate(
    {
        "suite": "verified",
        "dataset": {"name": "digits"},
        "models": [],
        "attacks": [
            {"attack": "fgsm", "norm": "linf", "eps": [0.1], "loss": "margin"},
            {"attack": "deepfool", "norm": "l2"},
        ],
    }
)


@pytest.fixture(scope="module")
def tree() -> DecisionTreeClassifier:
    x, y = DIGITS.examples("train", np.arange(400)).reshape(400, -1), DIGITS.labels("train")[:400]
    return DecisionTreeClassifier(max_depth=6, random_state=0).fit(x, y)


@pytest.fixture(scope="module")
def results(tree: DecisionTreeClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    bench.run(SUITE, models={"tree": tree}, out=out, isolate=False, save_examples=20)
    return out / "results"


@pytest.fixture
def store(results: Path, tmp_path: Path) -> Store:
    shutil.copytree(results, tmp_path / "results")
    return Store(tmp_path / "results")


def of(store: Store, attack: str) -> tuple[Record, Kept]:
    record = next(found for found in store.records().values() if found.cell.craft.attack.name == attack)
    kept = store.examples(record)
    assert kept is not None
    return record, kept


def rewritten(store: Store, record: Record, kept: Kept | None = None, **result: Any) -> None:
    """A liar's record: all of its checksums are right."""
    run = record.run
    if kept is not None:
        content = encode(kept)
        run = run.model_copy(update={"examples": sha256(content)})
    changed = record.model_copy(update={"run": run, "result": record.result.model_copy(update=result)})
    store.replace(record.id, changed.json_text().encode())
    if kept is not None:
        store.keep(changed, content)


def problems(store: Store, model: Model | None = None) -> list[str]:
    return [
        line for _, verdict in verified(store, lambda id: DIGITS, lambda record: model) for line in verdict.problems
    ]


def at_hand(tree: DecisionTreeClassifier, store: Store) -> Model:
    record, _ = of(store, "fgsm")

    def ask(x: NDArray[np.float32]) -> tuple[NDArray[np.int64], None]:
        return tree.predict(x.reshape(len(x), -1)).astype(np.int64), None

    return Model(record.cell.target.fingerprint, ask)


def test_an_honest_folder_passes_and_a_model_at_hand_raises_its_level(
    store: Store, tree: DecisionTreeClassifier
) -> None:
    assert {v.level for _, v in verified(store, lambda id: DIGITS)} == {"arithmetic checked"}
    found = [v for _, v in verified(store, lambda id: DIGITS, lambda record: at_hand(tree, store))]
    assert {v.level for v in found} == {"re-verified"}
    assert [v.examples for v in found].count(20) == 2


def test_without_the_data_or_the_inputs_a_record_stays_self_reported(store: Store) -> None:
    assert {v.level for _, v in verified(store, lambda id: "not at hand")} == {"self-reported"}
    shutil.rmtree(store.folder / "examples")
    found = {r.cell.craft.attack.name: v for r, v in verified(store, lambda id: DIGITS) if r is not None}
    assert found["fgsm"].level == "self-reported"
    assert found["clean"].level == "arithmetic checked"  # there is nothing to keep of it


def moved(kept: Kept, change: Callable[[NDArray[np.float32]], None]) -> Kept:
    adversarial = kept.adversarial.copy()
    change(adversarial)
    return replace(kept, adversarial=adversarial)


def test_an_input_outside_the_ball_by_two_millionths(store: Store) -> None:
    record, kept = of(store, "fgsm")
    x = DIGITS.examples("test", kept.index)
    place = np.unravel_index(np.argmin(x), x.shape)
    rewritten(store, record, moved(kept, lambda a: a.__setitem__(place, np.float32(0.1 + 2e-6))))
    assert any("outside eps 0.1" in line for line in problems(store))


def test_one_that_is_inside_but_for_rounding_is_none(store: Store) -> None:
    record, kept = of(store, "fgsm")
    x = DIGITS.examples("test", kept.index)
    place = np.unravel_index(np.argmin(x), x.shape)
    rewritten(store, record, moved(kept, lambda a: a.__setitem__(place, np.nextafter(np.float32(0.1), np.float32(1)))))
    assert not any("outside" in line for line in problems(store))


@pytest.mark.parametrize(("value", "why"), [(np.nan, "NaN"), (np.inf, "NaN or infinity"), (-0.01, "leaves the range")])
def test_values_that_cannot_be(store: Store, value: float, why: str) -> None:
    record, kept = of(store, "fgsm")
    rewritten(store, record, moved(kept, lambda a: a.__setitem__((0, 0, 0, 0), value)))
    assert any(why in line for line in problems(store))


def test_a_wrong_label(store: Store, tree: DecisionTreeClassifier) -> None:
    record, kept = of(store, "fgsm")
    labels = kept.predicted.copy()
    labels[0] = (labels[0] + 1) % 10
    rewritten(store, record, replace(kept, predicted=labels))
    assert "1 of the labels kept with inputs are not the record's" in problems(store)


def test_a_label_that_the_record_tells_as_well_is_found_by_the_model(
    store: Store, tree: DecisionTreeClassifier
) -> None:
    """A mistake turned into another mistake changes no count."""
    record, kept = of(store, "fgsm")
    true = DIGITS.labels("test")
    place = next(int(i) for i in kept.index if record.result.predicted[i] != true[i])
    other = next(k for k in range(10) if k not in (true[place], record.result.predicted[place]))
    labels = record.result.predicted.copy()
    labels[place] = other
    examples = record.result.examples
    assert examples is not None
    changed = examples.model_copy(update={"predicted": pack_integers(labels)})
    rewritten(store, record, replace(kept, predicted=labels[kept.index]), examples=changed)
    assert problems(store) == []
    assert problems(store, at_hand(tree, store)) == ["the model labels 1 of 20 kept inputs otherwise than it tells"]


def test_an_edited_count(store: Store) -> None:
    record, _ = of(store, "fgsm")
    wrong = record.result.errors
    assert wrong is not None
    rewritten(store, record, errors=wrong - 9, successes=wrong - 9)
    assert f"errors is {wrong - 9}, and its labels come to {wrong}" in problems(store)


def test_an_edited_file_is_no_record(store: Store) -> None:
    record, _ = of(store, "fgsm")
    text = store.path(record.id).read_text()
    store.path(record.id).write_text(text.replace(f'"errors": {record.result.errors}', '"errors": 0'))
    (found,) = [v for r, v in verified(store, lambda id: DIGITS) if r is None]
    assert (found.level, found.id) == ("wrong", record.id)
    assert "SHA-256" in found.problems[0]


def levels(store: Store, model: Model) -> set[str]:
    return {verdict.level for _, verdict in verified(store, lambda id: DIGITS, lambda record: model)}


def test_a_swapped_model(store: Store, tree: DecisionTreeClassifier) -> None:
    """With a fingerprint of its own, and with that of the other."""
    x, y = DIGITS.examples("train", np.arange(90)).reshape(90, -1), DIGITS.labels("train")[:90]
    other = at_hand(DecisionTreeClassifier(max_depth=2, random_state=0).fit(x, y), store)
    assert levels(store, other) == {"wrong"}
    other = replace(other, fingerprint="f" * 64)
    assert levels(store, other) == {"wrong"}
    assert all("another fingerprint, ffff" in line and "another model" in line for line in problems(store, other))


def test_a_model_whose_code_alone_is_another_makes_no_record_wrong(store: Store, tree: DecisionTreeClassifier) -> None:
    """It gives the same labels; nor does it make a record re-verified. What changed since is said as far as known."""
    record, _ = of(store, "fgsm")
    then = record.run.model_copy(update={"versions": {"numpy": "1.0", "potemkin-bench": version("potemkin-bench")}})
    store.replace(record.id, record.model_copy(update={"run": then}).json_text().encode())
    model = replace(at_hand(tree, store), fingerprint="f" * 64)
    assert levels(store, model) == {"other version"}
    found = [
        v for r, v in verified(store, lambda id: DIGITS, lambda record: model) if r is not None and r.id == record.id
    ]
    assert "same labels" in found[0].notes[0]
    assert f"(numpy 1.0 then, {version('numpy')} now)" in found[0].notes[0]
    assert found[0].examples == 20  # the arithmetic of which was checked


def test_a_folder_with_two_versions_of_a_model_has_no_wrong_records_of_the_older_one(
    store: Store, tree: DecisionTreeClassifier
) -> None:
    clean = next(found for found in store.records().values() if found.cell.craft.attack.name == "clean")
    target = clean.cell.target.model_copy(update={"fingerprint": "f" * 64})
    cell = Cell.model_validate(clean.cell.model_dump() | {"target": target})
    store.publish(clean.model_copy(update={"id": cell.id, "cell": cell}))
    model = replace(at_hand(tree, store), fingerprint="f" * 64)
    found = {r.cell.target.fingerprint[:4]: v for r, v in verified(store, lambda id: DIGITS, lambda _: model) if r}
    assert {fingerprint: verdict.level for fingerprint, verdict in found.items()} == {
        "ffff": "re-verified",
        clean.cell.target.fingerprint[:4]: "other version",
    }


def test_a_truncated_array(store: Store) -> None:
    record, kept = of(store, "fgsm")
    path = store.examples_path(record)
    path.write_bytes(path.read_bytes()[:-100])
    assert any("SHA-256" in line for line in problems(store))
    content = encode(kept)[:-100]
    run = record.run.model_copy(update={"examples": sha256(content)})
    torn = record.model_copy(update={"run": run})
    store.replace(record.id, torn.json_text().encode())
    store.keep(torn, content)
    assert any("no whole archive" in line for line in problems(store))
    found = []
    for gone in (0, 19):  # one fewer may be what its seed draws, two different ones are not
        rewritten(store, record, kept.only(np.delete(np.arange(20), gone)))
        found += problems(store)
    assert "kept inputs other than those that its seed draws" in found


def test_distances_and_the_largest_of_them(store: Store) -> None:
    record, kept = of(store, "deepfool")
    near = np.flatnonzero(np.isfinite(record.result.distance[kept.index]))  # type: ignore[index]
    x = DIGITS.examples("test", kept.index)
    half = moved(kept, lambda a: a.__setitem__(near[0], (x[near[0]] + a[near[0]]) / 2))
    rewritten(store, record, half)
    assert "distances that are not those of kept inputs" in problems(store)
    assert record.result.largest is not None
    rewritten(store, record, kept, largest=record.result.largest / 100)
    assert any("largest perturbation" in line for line in problems(store))


def test_no_note_is_written_where_a_link_leads(store: Store, tmp_path: Path) -> None:
    """A folder that was received may have one to anywhere."""
    (tmp_path / "elsewhere").mkdir()
    (store.folder / verdicts.FOLDER).symlink_to(tmp_path / "elsewhere")
    found = [verdict for _, verdict in verified(store, lambda id: DIGITS)]
    with pytest.raises(bench.UsageError, match="is a link, and nothing is written where it leads"):
        verdicts.keep(store, found[0])
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_note_is_bound_to_the_very_file_and_merge_leaves_it_behind(store: Store, tmp_path: Path) -> None:
    from bench.running.merging import merge

    for _, verdict in verified(store, lambda id: DIGITS):
        verdicts.keep(store, verdict)
    ids = list(store.records())
    assert set(verdicts.levels([store], ids).values()) == {"arithmetic checked"}
    record, _ = of(store, "fgsm")
    rewritten(store, record, errors=0, successes=0)
    assert record.id not in verdicts.levels([store], ids)
    into = Store(tmp_path / "into" / "results")
    into.prepare()
    merge(into, [store], quiet)
    assert verdicts.levels([into], ids) == {}


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.5))
def test_rounding_to_8_bits_stays_in_every_ball(seed: int, eps: float) -> None:
    draw = np.random.default_rng(seed)
    x = pixels(draw.integers(0, 256, (3, 1, 4, 4)).astype(np.uint8))
    far = np.clip(x + draw.uniform(-eps, eps, x.shape), 0, 1).astype(np.float32)
    back = pixels(rounded(x, far))
    assert (np.abs(back.astype(float) - x) <= np.abs(far.astype(float) - x)).all()
    assert (np.abs(back.astype(float) - far) < 1 / 255 + 1e-6).all()


def test_rounding_keeps_what_is_of_8_bits_and_goes_towards_the_clean_pixel() -> None:
    x = pixels(np.array([[[[0, 255, 100]]]], dtype=np.uint8))
    assert rounded(x, x).ravel().tolist() == [0, 255, 100]
    assert rounded(x, np.float32([[[[0.3, 0.7, 0.5]]]])).ravel().tolist() == [76, 179, 127]  # 0.3 is 76.5 / 255


def test_distances_by_hand() -> None:
    x, far = np.zeros((1, 3)), np.array([[3.0, 0.0, -4.0]])
    assert [float(lengths(norm, x, far)[0]) for norm in ("linf", "l2", "l1", "l0")] == [4, 5, 7, 2]
    assert [bool(outside(norm, x, far * np.nan, 9.0)[0]) for norm in ("linf", "l2", "l1", "l0")] == [True] * 4
    with pytest.raises(ValueError, match="cannot be verified"):
        lengths("l3", x, far)


def test_the_path_uses_no_attack_and_no_judge() -> None:
    rooms = ("bench.attacks", "bench.running.j", "bench.planning", "torch")
    probe = f"import sys, bench.verifying.verify; print([n for n in sys.modules if n.startswith({rooms})])"
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"


def test_boards_show_the_least_verdict_of_a_row_and_none_where_nobody_verified(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the leaderboard.md of a folder that publishes, which others can make from its records."""
    from bench.report.boards import tables
    from bench.running.shelf import Shelf, board_of, leaderboard

    shelf = Shelf(store.folder.parent, with_published=False)
    before = board_of(SUITE, DIGITS, shelf)
    assert {row.verdict for row in before} == {None}
    assert "Verified" not in [table.title for table in tables(SUITE, before)]
    shutil.rmtree(store.folder / "examples")
    for _, verdict in verified(store, lambda id: DIGITS):
        verdicts.keep(store, verdict)
    after = board_of(SUITE, DIGITS, shelf)
    assert {row.attack: row.verdict for row in after if row.attack in ("clean", "fgsm")} == {
        "clean": "arithmetic checked",
        "fgsm": "self-reported",
    }
    assert "Verified" in [table.title for table in tables(SUITE, after)]
    assert "### Verified" in leaderboard(shelf)
    monkeypatch.chdir(store.folder.parent)
    published = leaderboard(Shelf(Path()))
    assert "### verified v1" in published
    assert "### Verified" not in published


def test_the_command_tells_of_each_kind_of_note_in_a_line_and_adds_up_what_they_count(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.cli.verify import _noted

    pairs = []
    for record in store.records().values():
        for notes in (("3 of 16 mistakes last", "no data"), ("4 of 5 mistakes last", "7 labels are near-ties")):
            verdict = verdicts.Verdict.model_construct(id=record.id, level="wrong", notes=notes)
            pairs.append((record, verdict))
    first = pairs[0][0]
    like = f", such as {first.cell} ({first.id[:12]})"
    assert _noted(pairs[:4]) == [
        f"4 records: 14 of 42 mistakes last{like}",
        f"2 records: no data{like}",
        f"2 records: 14 labels are near-ties{like}",
    ]


def test_the_command_ends_with_1_where_a_record_is_wrong_or_a_model_at_hand_is_of_none(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import typer

    from bench.cli.verify import command

    def ended(**options: Any) -> int:
        with pytest.raises(typer.Exit) as found:
            command(store.folder.parent, isolate=False, **options)
        return int(found.value.exit_code)

    assert ended() == 0
    (tmp_path / "mine.py").write_text(
        "import adapters\nfrom sklearn.dummy import DummyClassifier\n\n\n"
        "@adapters.register('mine', dataset='digits')\ndef mine():\n    raise AssertionError('nobody asks it')\n"
    )
    assert ended(model=[str(tmp_path / "mine.py")]) == 1
    assert "NOT ASKED: no record here is of a model of" in capsys.readouterr().err
    with pytest.raises(bench.UsageError, match="unknown model 'treee'"):
        ended(model=["treee"])
    assert ended(model=["knn"]) == 1
    rewritten(store, of(store, "fgsm")[0], errors=0, successes=0)
    assert ended() == 1
    assert "WRONG: tree, fgsm, linf eps 0.1" in capsys.readouterr().out
