"""What columns become, against scikit-learn's ColumnTransformer, and what is written of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mlcli.errors import DataError
from mlcli.preparation.columns import Column, Preparation, preparation_from_dict
from mlcli.preparation.filling import filling_from_dict, fit_filling

REGIONS = ("east", "north", "west", "missing")


def cells(n: int = 60, seed: int = 0) -> dict[str, Any]:
    """Columns as they are read: numbers with gaps, places of categories, years."""
    rng = np.random.default_rng(seed)
    x, when = rng.normal(size=n), 2000 + 10 * rng.random(n)
    x[rng.random(n) < 0.2] = np.nan
    when[rng.random(n) < 0.1] = np.nan
    count = rng.integers(0, 4, n).astype(float)
    count[:3] = np.nan
    return {"x": x, "region": rng.integers(0, 4, n).astype(float), "when": when, "count": count}


def preparation(impute: str | None = "mean", unseen: str = "refuse") -> Preparation:
    columns = (
        Column("x", "number", indicator=True),
        Column("region", "category", REGIONS),
        Column("when", "date", form="ISO8601"),
        Column("count", "number"),
    )
    return Preparation(columns, impute, unseen)


@pytest.mark.parametrize("impute", ["mean", "median", "most-frequent"])
def test_preparation_is_that_of_a_column_transformer(impute: str) -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    table, train = cells(), np.arange(40)
    raw = np.column_stack(list(table.values()))  # (N, 4)
    strategy = impute.replace("-", "_")
    theirs = ColumnTransformer(
        [
            ("x", SimpleImputer(strategy=strategy, add_indicator=True), [0]),
            ("region", OneHotEncoder(drop="first", sparse_output=False), [1]),
            ("others", SimpleImputer(strategy=strategy), [2, 3]),
        ]
    ).fit(raw[train])
    made = preparation(impute)
    X = made.expand(table)
    ours = fit_filling(made, X[train])(X)
    np.testing.assert_allclose(ours, theirs.transform(raw), rtol=1e-14)
    assert made.names == (
        "x",
        "x=missing",
        "region=north",
        "region=west",
        "region=missing",
        "when",
        "count",
    )


def test_only_training_rows_decide_what_fills_gaps() -> None:
    made, train = preparation("median", "average"), np.arange(40)
    X = made.expand(cells())
    changed = X.copy()
    changed[40:] = made.expand(cells(seed=1))[40:]
    one, other = fit_filling(made, X[train]), fit_filling(made, changed[train])
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one(X)[train], other(changed)[train])


def test_statistics_read_from_json_are_equal_to_the_last_bit() -> None:
    made = preparation("mean", "average")
    X = made.expand(cells())
    filling = fit_filling(made, X)
    read = json.loads(json.dumps({"made": made.to_dict(), "filling": filling.to_dict()}))
    again = filling_from_dict(preparation_from_dict(read["made"]), read["filling"])
    assert again.preparation == made
    np.testing.assert_array_equal(again.values, filling.values)
    np.testing.assert_array_equal(again(X), filling(X))


def test_an_unseen_category_is_rejected_or_averaged() -> None:
    table = cells()
    table["region"][:30] %= 2
    table["region"][30] = 2.0
    train = np.arange(30)
    made = preparation()
    X = made.expand(table)
    with pytest.raises(DataError, match="no training row has 'west' in column 'region'"):
        fit_filling(made, X[train])(X)
    made = preparation(unseen="average")
    filled = fit_filling(made, X[train])(X)
    share = float((table["region"][:30] == 1).mean())
    np.testing.assert_allclose(filled[30, 2:5], [share, 0.0, 0.0])
    np.testing.assert_array_equal(filled[train, 2], X[train, 2])


def test_the_first_category_can_be_unseen_too() -> None:
    table = cells()
    table["region"][:30] = 1 + table["region"][:30] % 3
    table["region"][30] = 0.0
    made = preparation(unseen="average")
    X = made.expand(table)
    filled = fit_filling(made, X[:30])(X)
    np.testing.assert_allclose(filled[30, 2:5], X[:30, 2:5].mean(axis=0))


def test_without_imputation_gaps_stay() -> None:
    made = preparation(None)
    X = made.expand(cells())
    filling = fit_filling(made, X)
    np.testing.assert_array_equal(np.isnan(filling(X)), np.isnan(X))
    assert not any(filling.fills)


def test_a_column_without_any_value_is_rejected() -> None:
    table = cells()
    table["x"][:20] = np.nan
    made = preparation("mean")
    with pytest.raises(DataError, match="column 'x' has no value in the 20 training rows"):
        fit_filling(made, made.expand(table)[:20])


def test_the_time_of_year_comes_back_every_year() -> None:
    column = Column("when", "date", yearly=True)
    X = column.expand(np.array([2000.25, 2001.25, 2001.5]))
    np.testing.assert_allclose(X[:2, 1:], [[1.0, 0.0], [1.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(X[2, 1:], [0.0, -1.0], atol=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        {"values": [0.0]},
        {"seen": {}},
        {"seen": {"region": [True]}},
        {"values": None},
    ],
)
def test_invalid_statistics_are_rejected(change: dict[str, Any]) -> None:
    made = preparation()
    metadata = fit_filling(made, made.expand(cells())).to_dict() | change
    with pytest.raises((ValueError, TypeError, KeyError)):
        filling_from_dict(made, metadata)


def test_an_unknown_kind_of_column_is_rejected() -> None:
    with pytest.raises(ValueError, match="no kind of column called code"):
        preparation_from_dict(
            {"columns": [{"name": "x", "kind": "code"}], "impute": None, "unseen": "refuse"}
        )
