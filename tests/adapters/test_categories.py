"""Tables with columns of categories: the user's own labels, or a line that names the column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from boosted import INSTALLED, needs, quiet
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import adapters
from adapters.errors import NotWrappable

pandas = pytest.importorskip("pandas")
pytestmark = [*quiet, pytest.mark.filterwarnings("ignore")]

RNG = np.random.default_rng(0)
STORE, SIZE, CITY, AMOUNT = (
    RNG.choice([10, 20, 30], 400),
    RNG.choice([0.1, 0.2, 0.7], 400),
    RNG.choice(["x", "y"], 400),
    RNG.random(400).astype(np.float32),
)
TARGET = ((STORE == 20) ^ (SIZE == 0.2) ^ (AMOUNT > 0.7)).astype(int)


def table(**columns: Any) -> Any:
    return pandas.DataFrame(columns)


def category(values: Any, **options: Any) -> Any:
    return pandas.Categorical(values, **options)


FRAMES = {
    "integers": table(store=category(STORE), amount=AMOUNT),
    "second": table(amount=AMOUNT, store=category(STORE)),
    "in another order": table(store=category(STORE, categories=[30, 10, 20]), amount=AMOUNT),
    "floats": table(size=category(SIZE), amount=AMOUNT, store=category(STORE)),
    "booleans": table(big=category(STORE > 10), amount=AMOUNT),
    "none": table(store=STORE, amount=AMOUNT),
}


def lightgbm() -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=8, min_child_samples=5, n_jobs=1, verbose=-1)


def histograms() -> Any:
    return HistGradientBoostingClassifier(max_iter=8)


MAKERS = [histograms, *([lightgbm] if "lightgbm" in INSTALLED else [])]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", FRAMES)
def test_labels_are_those_that_the_user_gets_of_the_table(name: str, make: Any) -> None:
    frame = FRAMES[name]
    model = make().fit(frame, TARGET)
    adapter = adapters.wrap(model)
    values = np.column_stack([np.asarray(frame[column]).astype(float) for column in frame])
    for batch in (torch.tensor(values), torch.tensor(values).float()):
        for labels in (adapter.predict(batch), adapter.reference_predict(batch), adapter._compiled(batch).labels):  # type: ignore[attr-defined]
            np.testing.assert_array_equal(labels, model.predict(frame))
        probabilities = adapter.probabilities(batch)
        assert probabilities is not None
        np.testing.assert_allclose(probabilities, model.predict_proba(frame), atol=1e-6)
    unknown = batch.clone()
    unknown[:, [at for at, column in enumerate(frame) if frame[column].dtype == "category"]] = 99
    assert torch.equal(adapter.predict(unknown), adapter._compiled(unknown).labels)  # type: ignore[attr-defined]


@needs["lightgbm"]
def test_lightgbm_codes_are_part_of_the_model() -> None:
    """The same trees over other categories are another model."""
    first = adapters.wrap(lightgbm().fit(FRAMES["integers"], TARGET))
    other = FRAMES["integers"].assign(store=category(STORE + 1))
    assert first.fingerprint != adapters.wrap(lightgbm().fit(other, TARGET)).fingerprint


def xgboost() -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=3, enable_categorical=True)


def catboost() -> Any:
    from catboost import CatBoostClassifier

    return CatBoostClassifier(iterations=3, verbose=0, cat_features=["store"], allow_writing_files=False)


REFUSED = {
    "histograms, words": (histograms, table(amount=AMOUNT, city=category(CITY)), "column 'city', such as 'x'"),
    "lightgbm, words": (lightgbm, table(city=category(CITY), amount=AMOUNT), "column 'city', such as 'x'"),
    "lightgbm, ordered": (
        lightgbm,
        table(store=category(STORE, ordered=True), size=category(SIZE), amount=AMOUNT),
        "column 'size' alone splits by category",
    ),
    "lightgbm, close": (
        lightgbm,
        table(store=category(STORE / 10 + 1e9), amount=AMOUNT),
        "column 'store' that float32 does not tell apart",
    ),
    "xgboost": (xgboost, table(store=category(STORE), amount=AMOUNT), "categorical splits of column 'store'"),
    "catboost": (catboost, table(store=STORE, amount=AMOUNT), "categorical features in column 'store'"),
    "histograms behind an encoder": (
        lambda: make_pipeline(ColumnTransformer([("c", OneHotEncoder(), ["city"])]), LogisticRegression()),
        table(city=CITY, amount=AMOUNT),
        "OneHotEncoder of column 'city' is not compiled",
    ),
    "lightgbm in a vote": (
        lambda: VotingClassifier([("l", lightgbm())]),
        table(store=category(STORE), amount=AMOUNT),
        "part 'l' (LGBMClassifier): LGBMClassifier with categories by value is compiled alone only",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_from_numbers_is_refused_by_the_columns_name(name: str) -> None:
    make, frame, says = REFUSED[name]
    if (library := name.split(",")[0].split(" ")[0]) != "histograms" and library not in INSTALLED:
        pytest.skip(f"{library} is not installed")
    with pytest.raises(NotWrappable) as caught:
        adapters.wrap(make().fit(frame, TARGET))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert any(
        word in str(caught.value)
        for word in ("before the fit", "fit it on numbers", "as numbers", "on what it makes of them")
    )
