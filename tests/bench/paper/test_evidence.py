"""Which trainings of a model count as one, and which are compared."""

from __future__ import annotations

from handmade import model, toy
from one_number import number

from bench.paper.evidence import Known


def test_short_trainings_are_not_averaged_with_whole_ones() -> None:
    infos = {"a": model("a"), "a-seed-1": model("a-seed-1"), "a-seed-2": model("a-seed-2", notes=("quick: 1 epoch",))}
    known = Known(toy(), frozenset(infos), frozenset(infos), infos)
    (measure,) = number().measure.values()
    assert [run.model for run in known.runs(measure, infos)] == ["a", "a-seed-1"]
    short = measure.model_copy(update={"model": "a-seed-2"})
    assert [run.model for run in known.runs(short, infos)] == ["a-seed-2"]


def test_what_is_compared_was_trained_alike() -> None:
    """Else a short training would be blamed for what another had sixty epochs to learn."""
    note = ("quick: 1 epoch",)
    quick = {name: model(name, notes=note, fingerprint=f"{name}-quick") for name in "ab"}
    known = Known(toy(), frozenset("abc"), frozenset(), {"a": quick["a"], "b": model("b"), "c": model("c")}, quick)
    assert known.alike("ab").models == {**quick, "c": model("c")}
    assert known.alike("bc").models["b"] == model("b"), "nothing short among them"
    assert known.alike("ac").models["c"] == model("c"), "no short one was judged"
