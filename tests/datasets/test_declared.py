"""Columns of words, dates and gaps: how files of each kind are read, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from table_files import put

from mlcli.datasets.columns import MOST_CATEGORIES, Declared
from mlcli.datasets.rows import ModelInputs, batches
from mlcli.datasets.source import open_source
from mlcli.errors import InputError

ALL = Declared(("sex", "the region"), ("when",), "median", True)


def frame(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    x[3:6] = np.nan
    return pd.DataFrame(
        {
            "when": pd.date_range("2019-01-30", periods=n, freq="40D"),
            "sex": rng.choice(["f", "m"], n),
            "the region": rng.choice(["süd, west", 'so "called"', None], n),
            "x": x,
            "y": rng.normal(size=n),
            "kind": rng.choice(["so", "or so"], n),
        }
    )


def files(folder: Path, table: pd.DataFrame) -> list[str]:
    """The same table as CSV with a byte order mark, TSV and Parquet."""
    text = table.assign(when=table["when"].dt.strftime("%d.%m.%Y"))
    text.to_csv(folder / "a.csv", index=False, encoding="utf-8-sig")
    text.to_csv(folder / "a.tsv", index=False, sep="\t")
    table.to_parquet(folder / "a.parquet")
    return [str(folder / f"a.{kind}") for kind in ("csv", "tsv", "parquet")]


def refused(path: str, **given: Any) -> str:
    with pytest.raises(InputError) as caught:
        open_source(path, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_kind_of_file_gives_the_same_columns(tmp_path: Path) -> None:
    table = frame()
    features = ("when", "sex", "the region", "x")
    found = []
    for path in files(tmp_path, table):
        source = open_source(path, target="y", features=features, declared=ALL)
        assert source.feature_names == (
            "when",
            "sine of year of when",
            "cosine of year of when",
            "sex=m",
            "the region=süd, west",
            "the region=missing",
            "x",
            "x=missing",
        )
        found.append(source.replicate(0, 0).X)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    X = found[0]
    days = (table["when"] - pd.Timestamp("1970-01-01")).dt.days.to_numpy()
    np.testing.assert_allclose(X[:, 0], 1970 + days / 365.2425, rtol=1e-12)
    np.testing.assert_array_equal(X[:, 3], table["sex"] == "m")
    np.testing.assert_array_equal(X[:, 4], table["the region"] == "süd, west")
    np.testing.assert_array_equal(X[:, 5], table["the region"].isna())
    np.testing.assert_array_equal(X[:, 6], table["x"])
    np.testing.assert_array_equal(X[:, 7], table["x"].isna())


def test_new_rows_become_the_same_numbers(tmp_path: Path) -> None:
    for path in files(tmp_path, frame()):
        features = ("when", "sex", "the region", "x")
        data = open_source(path, target="y", features=features, declared=ALL).replicate(0, 0)
        wanted = ModelInputs(data.feature_names, "y", preparation=data.preparation)
        X = np.concatenate([part.X for part in batches(path, wanted, 7)])
        np.testing.assert_array_equal(X, data.X)


def test_an_npz_file_may_hold_arrays_of_text(tmp_path: Path) -> None:
    words, t = np.array(["b", "a", "b", "c"]), np.arange(4.0)
    np.savez(tmp_path / "a.npz", word=words, size=np.array([1, 2, 2, 1]), t=t)
    declared = Declared(("word", "size"))
    data = open_source(str(tmp_path / "a.npz"), declared=declared).replicate(0, 0)
    assert data.feature_names == ("word=b", "word=c", "size=2")
    np.testing.assert_array_equal(data.X, [[1, 0, 0], [0, 0, 1], [1, 0, 1], [0, 1, 0]])


def test_whole_numbers_of_parquet_are_the_categories_of_text(tmp_path: Path) -> None:
    rows = pd.DataFrame({"zip": [7.0, 12.0, 7.0, np.nan], "t": [1, 2, 3, 4]})
    rows.to_parquet(tmp_path / "a.parquet")
    text = put(tmp_path, "a.csv", "zip,t\n7,1\n12,2\n7,3\n,4\n")
    for path in (str(tmp_path / "a.parquet"), text):
        source = open_source(path, declared=Declared(("zip",)))
        assert source.feature_names == ("zip=7", "zip=missing")


def test_a_target_of_text_becomes_named_classes(tmp_path: Path) -> None:
    table = frame()
    for path in files(tmp_path, table):
        source = open_source(path, target="kind", features=("y",))
        data = source.replicate(0, 0)
        assert source.class_names == data.class_names == ("or so", "so")
        assert source.task == "classification"
        np.testing.assert_array_equal(data.t, table["kind"] == "so")
        assert data.names_of([1.0, 0.0]) == ("so", "or so")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("1\n2\nx\n1\n2\n1\n", "must be a number in every row, got 'x' in line 4; try correcting"),
        ("a\na\na\na\na\na\n", "of two classes or more, got only 'a'"),
        ("a\nb\nc\nd\ne\nf\n", "got 6 words in 6 rows"),
    ],
)
def test_a_target_of_text_that_cannot_be_classes_is_refused(
    tmp_path: Path, target: str, words: str
) -> None:
    rows = "".join(f"{i},{cell}\n" for i, cell in enumerate(target.split()))
    said = refused(put(tmp_path, "a.csv", "x,t\n" + rows))
    assert words in said
    assert "--categorical" not in said


def test_the_error_for_undeclared_text_names_the_flag(tmp_path: Path) -> None:
    path = files(tmp_path, frame())[0]
    for column, flag in (
        ("sex", "--categorical sex"),
        ("when", "--dates when"),
        ("the region", "--categorical 'the region'"),
    ):
        assert refused(path, target="y", features=(column,)).endswith(flag)
    assert "--impute median" in refused(path, target="y", features=("x",))


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (Declared(("sexx",)), "has no column 'sexx'; try 'sex'"),
        (Declared(("y",)), "--categorical must be without the target"),
        (Declared(("sex",), ("sex",)), "'sex' in both"),
        (Declared(("kind",)), "--categorical must be some of the features, got 'kind'"),
        (Declared(("sex",), ("the region",), "mean"), "must be a date in every row"),
    ],
)
def test_declared_columns_must_exist_and_be_features(
    tmp_path: Path, declared: Declared, words: str
) -> None:
    path = files(tmp_path, frame())[0]
    features = ("sex", "the region")
    assert words in refused(path, target="y", features=features, declared=declared)


def test_the_row_of_an_invalid_date_is_named(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "d,t\n2024-01-01,1\n2024-02-30,2\n2024-03-01,3\n")
    said = refused(path, declared=Declared((), ("d",)))
    assert "must be a date in every row" in said
    assert "'2024-02-30' in row 2" in said


def test_dates_are_read_in_the_one_form_that_reads_all(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "d,t\n1/12/2020,1\n1/31/2020,2\n")
    X = open_source(path, declared=Declared((), ("d",))).replicate(0, 0).X
    np.testing.assert_allclose(np.diff(X[:, 0]), 19 / 365.2425, rtol=1e-9)


def test_a_name_with_a_comma_is_proposed_as_a_list_takes_it(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", '"sugar, g","land, of",t\n1,x,1\n2,y,2\n')
    assert refused(path).endswith("""--categorical '"land, of"'""")
    for given in ({"features": ("sugar",)}, {"declared": Declared(("sugar",))}):
        assert refused(path, **given).endswith("""has no column 'sugar'; try '"sugar, g"'""")
    # A target is one name.
    assert refused(path, target="sugar, m").endswith("has no column 'sugar, m'; try 'sugar, g'")


MONTHLY = [f"{month:02d}/01/2010" for month in range(1, 13)]


def monthly(cells: list[str]) -> str:
    return "d,t\n" + "".join(f"{cell},{i}\n" for i, cell in enumerate(cells))


def test_dates_with_two_readings_are_refused(tmp_path: Path) -> None:
    said = refused(put(tmp_path, "a.csv", monthly(MONTHLY)), declared=Declared((), ("d",)))
    for words in (
        "column 'd' of",
        "'02/01/2010', which is 2010-01-02 or 2010-02-01",
        "try --dates d:dmy or --dates d:mdy, or writing them as 2010-02-01",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("more", "given", "days"),
    [
        ([], "d:mdy", 31),
        ([], "d:dmy", 1),
        (["10/13/2010"], "d", 31),
        (["13/10/2010"], "d", 1),
        (["10/13/2010"], "d:mdy", 31),
    ],
)
def test_an_order_or_a_part_above_12_decides(
    tmp_path: Path, more: list[str], given: str, days: int
) -> None:
    path = put(tmp_path, "a.csv", monthly(MONTHLY + more))
    X = open_source(path, declared=Declared((), (given,))).replicate(0, 0).X
    np.testing.assert_allclose(X[1, 0] - X[0, 0], days / 365.2425, rtol=1e-7)


def test_a_date_with_equal_day_and_month_is_not_ambiguous(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", monthly(["01/01/2010", "03/03/2010", "12/12/2010"]))
    X = open_source(path, declared=Declared((), ("d",))).replicate(0, 0).X
    np.testing.assert_allclose(np.diff(X[:, 0]), np.array([61, 284]) / 365.2425, rtol=1e-7)


def test_dates_with_points_have_the_day_first(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", monthly([cell.replace("/", ".") for cell in MONTHLY]))
    X = open_source(path, declared=Declared((), ("d",))).replicate(0, 0).X
    np.testing.assert_allclose(np.diff(X[:, 0]), 1 / 365.2425, rtol=1e-7)


@pytest.mark.parametrize(
    ("cells", "dates", "words"),
    [
        (
            ["13/10/2010", "01/02/2010"],
            ("d:mdy",),
            "written as %m/%d/%Y, got '13/10/2010' in row 1",
        ),
        (MONTHLY, ("d:mdy", "d"), "--dates must be columns, each named once, got 'd' twice"),
        (MONTHLY, ("d:ymd",), "has no column 'd:ymd'"),
    ],
)
def test_a_wrong_order_is_refused(
    tmp_path: Path, cells: list[str], dates: tuple[str, ...], words: str
) -> None:
    assert words in refused(put(tmp_path, "a.csv", monthly(cells)), declared=Declared((), dates))


def test_the_name_of_a_date_column_may_contain_a_colon(tmp_path: Path) -> None:
    text = monthly([*MONTHLY, "13/10/2010"]).replace("d,t", "d:mdy,t")
    source = open_source(put(tmp_path, "a.csv", text), declared=Declared((), ("d:mdy",)))
    assert source.feature_names[0].startswith("d:mdy")


@pytest.mark.parametrize(
    ("content", "declared", "words"),
    [
        ("c,t\na,1\na,2\n", Declared(("c",)), "feature 'c' of .* is 'a' in every row"),
        ("c,t\n,1\n,2\n", Declared(("c",)), "is 'missing' in every row"),
        ("c,x,t\na,,1\nb,,2\n", Declared(("c",), (), "mean"), "feature 'x' of .* has no values"),
        ("c,c=b,t\na,1,1\nb,2,2\n", Declared(("c",)), "would be called 'c=b'"),
        ("d,t\n2020-01-01,1\n2020-01-01,2\n", Declared((), ("d",)), "same date in every row"),
        ("d,t\n,1\n,2\n", Declared((), ("d",), "mean"), "feature 'd' of .* has no values"),
        ("x,t\n,1\n2,\n3,1\n", Declared((), (), "mean"), "1 missing value.*in column 't'.*--drop"),
        ("x,t\n,1\ninf,2\n3,1\n", Declared((), (), "mean"), "1 infinite value"),
    ],
)
def test_constant_and_empty_declared_columns_are_refused(
    tmp_path: Path, content: str, declared: Declared, words: str
) -> None:
    import re

    assert re.search(words, refused(put(tmp_path, "a.csv", content), declared=declared))


def test_an_identifier_is_not_a_category(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "c,t\n" + "".join(f"n{i},{i}\n" for i in range(10_000)))
    said = refused(path, declared=Declared(("c",)))
    assert f"must be at most {MOST_CATEGORIES} categories, got 10000" in said


def test_only_tables_in_memory_can_be_prepared(tmp_path: Path) -> None:
    declared = Declared((), (), "mean")
    assert "--impute can't be used with iris" in refused("iris", declared=declared)
    assert "--impute can't be used with noisy-cubic" in refused("noisy-cubic", declared=declared)
    pd.DataFrame({"x": [1.0, 2, 3], "t": [1.0, 2, 3]}).to_parquet(tmp_path / "a.parquet")
    path = str(tmp_path / "a.parquet")
    assert "is read in batches" in refused(path, declared=declared, stream_rows=2)


def test_categories_of_dropped_rows_are_dropped(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "c,x,t\na,1,1\nb,2,2\nrare,,3\na,4,4\n")
    source = open_source(path, declared=Declared(("c",)), drop_missing=True)
    assert source.feature_names == ("c=b", "x")
    assert source.n_rows == 3


def test_draws_of_one_file_share_their_columns(tmp_path: Path) -> None:
    rows = "0,a,1\n0,b,2\n1,a,3\n1,a,4\n"
    path = put(tmp_path, "a.csv", "draw,c,t\n" + rows)
    source = open_source(path, draw_column="draw", declared=Declared(("c",), unseen="average"))
    assert source.feature_names == ("c=b",)
    second = source.replicate(1, 0)
    np.testing.assert_array_equal(second.fitted_to().X, [[0.0], [0.0]])


def test_defaults_of_declared_columns_are_not_part_of_the_run_key() -> None:
    from mlcli.experiments.fit_poly.config import FitPolyConfig

    key = FitPolyConfig().identity()
    assert not {"categorical", "dates", "impute", "indicate_missing", "unseen"} & key.keys()
    assert FitPolyConfig(impute="mean").identity() == key | {"impute": "mean"}
    assert FitPolyConfig(categorical="a,b").identity() == key | {"categorical": ["a", "b"]}
