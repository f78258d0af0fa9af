"""Verifying: what an honest record passes, and every lie that a record with right checksums can tell."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest
from folders_of_results import DIGITS, at_hand, of, problems, rewritten
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from bench.records.examples import Kept, encode, sha256
from bench.records.packing import pack_integers
from bench.records.record import Cell
from bench.records.store import Store
from bench.verifying.labels import Model
from bench.verifying.verify import verified


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
