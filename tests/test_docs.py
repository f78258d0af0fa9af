"""What the documents tell people to do works."""

from __future__ import annotations

import importlib.util
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.semi_supervised import LabelPropagation

import adapters
from adapters.errors import NotWrappable
from adapters.sklearn import table
from adapters.sklearn.transformers.table import TABLE as TRANSFORMERS
from bench.cli import catalogue
from bench.testing import check_adapter
from tests.speed.growth import FAMILIES
from tests.speed.placed import PAGE, placed

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENT = (DOCS / "adapters.md").read_text(encoding="utf-8")


def block(label: str, document: str = DOCUMENT) -> str:
    """The one code block of the document with this label."""
    (found,) = re.findall(rf"```python {re.escape(label)}\n(.*?)```", document, flags=re.DOTALL)
    return str(found)


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The family of the document, added as it says: one file, and one line in the table."""
    path = tmp_path / "propagation.py"
    path.write_text(block("file=propagation.py"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("adapters.sklearn.propagation", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    for name, entry in eval("{" + block("line") + "}", vars(table)).items():
        monkeypatch.setitem(table.TABLE, name, entry)
    return module


def test_a_family_is_added_by_one_file_and_one_line(added: ModuleType) -> None:
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    known = np.where(np.arange(500) % 5, -1, y[:500])
    estimator = LabelPropagation(gamma=2).fit(x[:500], known)
    adapter = adapters.wrap(estimator)
    assert type(adapter).__name__ == "PropagationAdapter"
    report = check_adapter(adapter, x[500:560], y[500:560])
    assert report, report
    far = torch.rand(200, 64, generator=torch.Generator().manual_seed(0)) * 4 - 2
    with np.errstate(invalid="ignore"):  # its kernel underflows far from all points
        for batch in (torch.from_numpy(x[700:1700]), far, far * 100):
            np.testing.assert_array_equal(adapter.predict(batch), estimator.predict(batch.numpy()))
    assert adapter.input_gradient(far, adapter.predict(far)).abs().amax(1).min() > 0


@pytest.mark.usefixtures("added")
def test_what_the_example_does_not_compile_it_refuses() -> None:
    x, y = load_digits(return_X_y=True)
    with pytest.raises(NotWrappable, match="LabelPropagation with kernel='knn' is not compiled"):
        adapters.wrap(LabelPropagation(kernel="knn").fit(x[:100], y[:100]))


def test_an_adapter_of_ones_own_passes_the_checks() -> None:
    given: dict[str, Any] = {}
    exec(block("own"), given)
    x, y = load_digits(return_X_y=True)
    means = np.stack([x[y == label].mean(0) for label in range(10)]) / 16
    check_adapter(given["Prototypes"](torch.tensor(means)), x[:100] / 16, y[:100]).raise_if_failed()


def test_without_the_line_the_family_is_not_known() -> None:
    x, y = load_digits(return_X_y=True)
    with pytest.raises(NotWrappable, match="LabelPropagation is not among"):
        adapters.wrap(LabelPropagation().fit(x[:100] / 16, y[:100]))


@pytest.mark.parametrize("family", catalogue.families(), ids=lambda family: f"{family['name']}-{family['gradient']}")
def test_the_document_has_every_family_as_the_command_lists_it(family: dict[str, Any]) -> None:
    estimators = ", ".join(f"`{name}`" for name in family["estimators"])
    assert f"| {family['name']} | {family['gradient']} | {estimators} |\n" in DOCUMENT


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_the_document_has_every_transformer(name: str) -> None:
    kind = name.rpartition(".")[2]
    assert f"`{kind}`" in DOCUMENT or "_selection." in name or kind in ("FunctionTransformer", "ColumnTransformer")


def test_the_files_that_contributing_names_are_there() -> None:
    root = Path(__file__).parents[1]
    named = re.findall(r"`((?:bench|adapters|suites|tests|docs)/[^` ]+)`", (root / "CONTRIBUTING.md").read_text())
    assert len(named) > 10
    for path in named:
        place = root / path
        assert (place.parent if place.stem.isupper() else place).exists(), path


def test_whatever_has_results_becomes_an_executor() -> None:
    names: dict[str, Any] = {}
    exec(block("executor", (DOCS / "scale.md").read_text(encoding="utf-8")), names)
    with ThreadPoolExecutor(2) as elsewhere, names["Waiting"](elsewhere.submit, 2) as executor:
        assert list(executor.map(pow, [2, 3], [5, 2])) == [32, 9]
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result()


def test_what_a_command_wrote_into_a_page_is_written_anew_and_the_rest_stays() -> None:
    """By modules of tests/speed, in minutes."""
    text = PAGE.read_text(encoding="utf-8")
    commands = [f"python -m tests.speed.{name}" for name in ("growth", "searched", "searched maxima", "goals", "gaps")]
    for command in commands:
        begin, end = f"<!-- written by {command} -->", f"<!-- end of {command} -->"
        head, _, rest = text.partition(begin)
        found, _, tail = rest.partition(end)
        assert len(found.split()) > 30
        assert placed(text, command, " 1.5 \\1\n") == f"{head}{begin}\n\n1.5 \\1\n\n{end}{tail}"
        assert placed(text, command, found) == text
    with pytest.raises(ValueError, match="one pair of lines"):
        placed(text, "python -m nothing", "")
    grown = text.partition("<!-- written by python -m tests.speed.growth -->")[2].partition("<!-- end of")[0]
    assert [grown.count(f"\n| {family} ") for family in FAMILIES] == [len(each[2]) for each in FAMILIES.values()]
