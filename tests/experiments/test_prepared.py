"""Declared preprocessing in every command, on tables of statsmodels, against scikit-learn."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlcli.datasets.split import stratified_indices, train_test_indices
from mlcli.experiments.bias_variance.config import BiasVarianceConfig
from mlcli.experiments.bias_variance.ensemble import open_ensemble
from mlcli.experiments.cross_validation.refits import refit_with_preparation
from mlcli.experiments.cross_validation.scores import prepared_alike, scores_of
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.fit_poly.prepare import FitPolyPrepared
from mlcli.experiments.fit_poly.replicate import run_replicate
from mlcli.experiments.kfold.config import KfoldConfig
from mlcli.experiments.kfold.prepare import KfoldPrepared, spec_of
from mlcli.experiments.logistic.classes import fit_from_config
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.experiments.logistic.replicate import split_of
from mlcli.experiments.networks.problem import problem_of
from mlcli.experiments.source import source_of
from mlcli.experiments.train_mlp.config import TrainMlpConfig
from mlcli.rng import stream

Run = Callable[..., Any]
JOBS = ("clerical", "farming", "clerical", "teacher", "managerial", "professional")


def shipped(name: str) -> pd.DataFrame:
    """A table of statsmodels, whose import would take longer than all the rest."""
    spec = find_spec("statsmodels")
    assert spec is not None
    assert spec.origin is not None
    return pd.read_csv(Path(spec.origin).parent / "datasets" / name / f"{name}.csv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`fair` with its occupations as words and gaps; `co2` as it is; `grunfeld`; iris by name."""
    from sklearn.datasets import load_iris

    home, rng = tmp_path_factory.mktemp("prepared"), np.random.default_rng(0)
    fair = shipped("fair").sample(400, random_state=0)
    fair["occupation"] = [JOBS[int(number) - 1] for number in fair["occupation"]]
    fair.loc[rng.random(400) < 0.1, "religious"] = np.nan
    fair.loc[rng.random(400) < 0.05, "educ"] = np.nan
    fair["happy"] = np.where(fair["rate_marriage"] > 4, "yes!", "no way")
    fair.drop(columns=["affairs", "occupation_husb"]).to_csv(home / "fair.csv", index=False)
    shipped("co2").iloc[:300].to_csv(home / "co2.csv", index=False)
    shipped("grunfeld").to_csv(home / "grunfeld.csv", index=False)
    iris = load_iris(as_frame=True)
    table = iris.data.assign(species=[iris.target_names[t] for t in iris.target])
    table.to_csv(home / "iris.csv", index=False)
    return home


def given(folder: Path, **more: Any) -> dict[str, Any]:
    """A config's values for the marriages of `fair`."""
    features = ("age", "yrs_married", "religious", "educ", "occupation")
    common = {"data": str(folder / "fair.csv"), "target": "rate_marriage", "features": features}
    return common | {"categorical": ("occupation",), "impute": "mean", "unseen": "average"} | more


def pipeline(model: Any) -> Any:
    """The same by scikit-learn."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    numbers = ["age", "yrs_married", "religious", "educ"]
    columns = ColumnTransformer(
        [
            ("numbers", SimpleImputer(), numbers),
            ("jobs", OneHotEncoder(drop="first"), ["occupation"]),
        ]
    )
    return make_pipeline(columns, model)


def test_fit_poly_is_a_pipeline_of_a_column_transformer(folder: Path) -> None:
    from sklearn.linear_model import LinearRegression

    config = FitPolyConfig(**given(folder), degrees=(1,), seed=3)
    table = pd.read_csv(folder / "fair.csv")
    t = table["rate_marriage"]
    for index in range(3):
        found = run_replicate(FitPolyPrepared(config, source_of(config)), index, None).scores[
            "arnoldi"
        ]
        rows = stream(3, "split", index)
        train, test = train_test_indices(len(table), config.test_fraction, rows)
        theirs = pipeline(LinearRegression()).fit(table.iloc[train], t.iloc[train])
        mse = ((theirs.predict(table.iloc[test]) - t.iloc[test]) ** 2).mean()
        assert found.test_mse[0] == pytest.approx(mse, rel=1e-9)


def test_each_fold_of_kfold_is_fitted_to_its_own_training_rows(folder: Path) -> None:
    from sklearn.linear_model import LinearRegression

    config = KfoldConfig(**given(folder), basis="linear", path_penalty="none")
    data, (folds,) = KfoldPrepared(config, source_of(config)).first
    assert prepared_alike(data, folds) is None
    scores = scores_of(spec_of(config), data, folds, None)
    table = pd.read_csv(folder / "fair.csv")
    t = table["rate_marriage"]
    for split in range(folds.n_splits):
        train, test = folds.train_rows(split), folds.test_rows(split)
        theirs = pipeline(LinearRegression()).fit(table.iloc[train], t.iloc[train])
        mse = ((theirs.predict(table.iloc[test]) - t.iloc[test]) ** 2).mean()
        assert scores.test[0, 0, split] == pytest.approx(mse, rel=1e-9)
    assert scores.n_refits == folds.n_splits


def test_penalised_folds_are_scikit_learns_ridge(folder: Path) -> None:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    config = KfoldConfig(
        **given(folder),
        basis="linear",
        penalty="l2",
        strength_min=0.1,
        strength_max=1.0,
        n_strengths=2,
    )
    data, (folds,) = KfoldPrepared(config, source_of(config)).first
    scores = scores_of(spec_of(config), data, folds, None)
    table = pd.read_csv(folder / "fair.csv")
    train, test = folds.train_rows(4), folds.test_rows(4)
    t = table["rate_marriage"]
    for place, strength in enumerate((1.0, 0.1)):
        # (3.13) takes half the mean square, and l2 |w|^2.
        ridge = make_pipeline(StandardScaler(), Ridge(2 * strength * train.size))
        theirs = pipeline(ridge).fit(table.iloc[train], t.iloc[train])
        mse = ((theirs.predict(table.iloc[test]) - t.iloc[test]) ** 2).mean()
        assert scores.test[0, place, 4] == pytest.approx(mse, rel=1e-9)


def test_without_gaps_the_shortcut_is_the_refits(folder: Path) -> None:
    config = KfoldConfig(
        data=str(folder / "grunfeld.csv"),
        target="invest",
        categorical=("firm",),
        degrees=(1,),
        basis="linear",
        path_penalty="none",
    )
    data, (folds,) = KfoldPrepared(config, source_of(config)).first
    quick = scores_of(spec_of(config), data, folds, None)
    assert quick.n_refits == 0
    refit = refit_with_preparation(spec_of(config), data, 1, 0.0)
    for split in range(folds.n_splits):
        test = folds.test_rows(split)
        y = refit(folds.train_rows(split), test, 0)
        mse = ((y - data.t[test]) ** 2).mean()
        assert quick.test[0, 0, split] == pytest.approx(mse, rel=1e-9)


def test_logistic_is_scikit_learns(folder: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    config = LogisticConfig(**given(folder, target="happy"), penalty="none", standardize=False)
    split = split_of(config, source_of(config), 1)
    assert split.classes.names == ("no way", "yes!")
    table = pd.read_csv(folder / "fair.csv")
    labels = split.classes.labels
    np.testing.assert_array_equal(labels, table["happy"] == "yes!")
    rng = stream(config.seed, "split", 1)
    train, test = stratified_indices(labels, config.test_fraction, rng)
    model = fit_from_config(config, split.X[train], labels[train], 2)
    newton = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12)
    theirs = pipeline(make_pipeline(StandardScaler(), newton))
    theirs.fit(table.iloc[train], labels[train])
    P = theirs.predict_proba(table.iloc[test])
    np.testing.assert_allclose(model.predict(split.X[test]), P, atol=1e-6)


def test_test_rows_have_no_say_in_what_is_learnt(folder: Path, tmp_path: Path) -> None:
    table = pd.read_csv(folder / "fair.csv")
    config = FitPolyConfig(**given(folder), degrees=(1, 2), test_fraction=0.3)
    _, test = train_test_indices(len(table), 0.3, stream(config.seed, "split", 0))
    changed = table.copy()
    for name in ("age", "religious", "educ"):
        changed.loc[test, name] = 1000.0 + np.arange(test.size)
    changed.loc[test[:50], "age"] = np.nan
    changed.to_csv(tmp_path / "fair.csv", index=False)
    other = FitPolyConfig(**given(tmp_path), degrees=(1, 2), test_fraction=0.3)
    both = [FitPolyPrepared(c, source_of(c)) for c in (config, other)]
    one, two = (run_replicate(each, 0, None).scores["arnoldi"] for each in both)
    np.testing.assert_array_equal(one.train_mse, two.train_mse)
    assert (one.test_mse != two.test_mse).all()


def test_each_seed_of_networks_sees_rows_of_its_own(folder: Path) -> None:
    config = TrainMlpConfig(**given(folder), task="regression", n_seeds=3, precision="float64")
    problem = problem_of(config, source_of(config))
    table = pd.read_csv(folder / "fair.csv")
    assert len(problem.X) == 3 * len(table)
    for index, split in enumerate(problem.splits):
        rows = split.train - index * len(table)
        X = problem.X[split.train]
        mean = table["religious"].iloc[rows].mean()
        gaps = table["religious"].iloc[rows].isna().to_numpy()
        assert gaps.any()
        np.testing.assert_allclose(X[gaps, 2], mean, rtol=1e-12)
        np.testing.assert_array_equal(problem.t[split.train, 0], table["rate_marriage"].iloc[rows])
        assert not {*split.train, *split.validation} & {*split.test}


def test_a_bootstrap_fills_from_the_part_that_it_draws_from(folder: Path) -> None:
    config = BiasVarianceConfig(**given(folder), degrees=(1,), n_datasets=2)
    ensemble = open_ensemble(config, source_of(config), 0, 1)
    table = pd.read_csv(folder / "fair.csv")
    rng = stream(config.seed, "split", 0)
    train, test = train_test_indices(len(table), config.test_fraction, rng)
    gaps = table["religious"].iloc[test].isna().to_numpy()
    mean = table["religious"].iloc[train].mean()
    np.testing.assert_allclose(ensemble.X_test[gaps, 2], mean, rtol=1e-12)


QUICK: Mapping[str, tuple[str, ...]] = {
    "fit-poly": ("--degrees", "1,2", "--n-seeds", "2"),
    "kfold": ("--degrees", "1", "--n-seeds", "1", "--n-nested", "1"),
    "bayes": ("--degree", "1", "--degrees", "1"),
    "logistic": ("--target", "happy", "--n-seeds", "2"),
    "train-mlp": ("--n-epochs", "2", "--n-seeds", "3", "--hidden", "8"),
    "train-mlp of words": ("--target", "happy", "--n-epochs", "2", "--n-seeds", "2"),
    "kfold of words": (
        "--target",
        "happy",
        "--loss",
        "zero-one",
        "--scheme",
        "stratified",
        "--degrees",
        "1",
        "--n-seeds",
        "1",
        "--n-nested",
        "1",
    ),
}


def flags(folder: Path) -> list[str]:
    named = [
        "--data",
        str(folder / "fair.csv"),
        "--features",
        "age,yrs_married,religious,educ,occupation",
        "--target",
        "rate_marriage",
    ]
    return [
        *named,
        "--categorical",
        "occupation",
        "--impute",
        "mean",
        "--unseen",
        "average",
        "--indicate-missing",
        "--no-plots",
        "--quiet",
        "--jobs",
        "1",
    ]


@pytest.mark.parametrize("name", QUICK)
def test_a_model_takes_new_rows_as_they_are_written(mlcli: Run, folder: Path, name: str) -> None:
    command = name.split()[0]
    done = mlcli(command, *flags(folder), *QUICK[name], "--out", "run", "--json")
    assert done.code == 0, done.err
    info = json.loads(Path("run/model/model.json").read_text())
    assert info["schema"] == 3
    found = mlcli("predict", "run", str(folder / "fair.csv"), "--quiet")
    assert found.code == 0, found.err
    rows = list(csv.DictReader(io.StringIO(found.out)))
    assert len(rows) == 400
    assert all(next(iter(row.values())) for row in rows)
    if "target" not in info or info["target"] == "happy":
        assert {row["class"] for row in rows} <= {"no way", "yes!"}
    scored = mlcli("evaluate", "run", str(folder / "fair.csv"), "--json")
    assert scored.code == 0, scored.err
    assert scored.json["n_rows"] == 400


@pytest.mark.usefixtures("every_digit")
def test_predictions_are_those_of_the_training_to_the_last_bit(mlcli: Run, folder: Path) -> None:
    quick = ("--n-epochs", "2", "--n-seeds", "3", "--hidden", "8", "--task", "regression")
    done = mlcli("train-mlp", *flags(folder), *quick, "--out", "run")
    assert done.code == 0, done.err
    with Path("run/tables/predictions.csv").open() as file:
        said = list(csv.DictReader(file))
    found = mlcli("predict", "run", str(folder / "fair.csv"), "--quiet", "--seed-index", "0")
    rows = list(csv.DictReader(io.StringIO(found.out)))
    assert [float(row["predicted"]) for row in said] == [
        float(rows[int(row["row"])]["prediction"]) for row in said
    ]


def test_an_ensemble_is_the_mean_of_its_seeds(mlcli: Run, folder: Path) -> None:
    quick = ("--n-epochs", "2", "--n-seeds", "3", "--hidden", "8", "--task", "regression")
    assert mlcli("train-mlp", *flags(folder), *quick, "--out", "run").code == 0

    def predicted(*more: str) -> np.ndarray:
        found = mlcli("predict", "run", str(folder / "fair.csv"), "--quiet", *more)
        rows = csv.DictReader(io.StringIO(found.out))
        return np.array([float(row["prediction"]) for row in rows])

    alone = [predicted("--seed-index", str(seed)) for seed in range(3)]
    np.testing.assert_array_equal(predicted(), np.mean(alone, axis=0))


def test_dates_of_co2_carry_its_seasons(mlcli: Run, folder: Path) -> None:
    on = ["--data", str(folder / "co2.csv"), "--target", "co2", "--dates", "date"]
    refused = mlcli("fit-poly", *on, "--no-plots")
    assert refused.code == 2
    assert "in column 'co2'; try --drop-missing" in refused.err
    on += ["--drop-missing", "--n-seeds", "2", "--no-plots", "--quiet", "--jobs", "1"]
    done = mlcli("fit-poly", *on, "--degrees", "2", "--json", "--out", "run")
    assert done.code == 0, done.err
    assert done.json["degree_2"]["test_mse"]["mean"] < 0.6
    Path("new.csv").write_text("date\n19600102\n\n1960-07-02\n")
    found = mlcli("predict", "run", "new.csv")
    rows = list(csv.DictReader(io.StringIO(found.out)))
    assert [bool(row["prediction"]) for row in rows] == [True, True]
    assert float(rows[0]["prediction"]) == pytest.approx(316.4, abs=1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "invest,value,capital,firm,year\n1,2,3,Tesla,1950\n",
            "column 'firm' of new.csv must be a category of the training rows, American Steel,",
        ),
        ("invest,value,capital,year\n1,2,3,1950\n", "new.csv has no column 'firm'"),
        (
            "invest,value,capital,firm,year\n1,2,x,IBM,1950\n",
            "column 'capital' of new.csv must be a number in every row, got 'x' in line 2",
        ),
    ],
)
def test_new_rows_that_do_not_fit_are_refused(
    mlcli: Run, folder: Path, content: str, words: str
) -> None:
    on = ["--data", str(folder / "grunfeld.csv"), "--target", "invest", "--categorical", "firm"]
    on += ["--degrees", "1", "--n-seeds", "2", "--no-plots", "--quiet", "--out", "run"]
    assert mlcli("fit-poly", *on, "--jobs", "1").code == 0
    Path("new.csv").write_text(content)
    found = mlcli("predict", "run", "new.csv", "--out", "out.csv")
    assert found.code == 2
    assert words in found.err
    assert "--categorical" not in found.err
    assert not Path("out.csv").exists()


def test_species_are_called_by_name(mlcli: Run, folder: Path) -> None:
    on = ["--data", str(folder / "iris.csv"), "--target", "species", "--n-seeds", "2"]
    done = mlcli("logistic", *on, "--no-plots", "--json", "--out", "run", "--jobs", "1")
    assert done.code == 0, done.err
    assert done.json["classes"] == ["setosa", "versicolor", "virginica"]
    scored = mlcli("evaluate", "run", str(folder / "iris.csv"), "--json").json
    assert scored["metrics"]["accuracy"]["value"] > 0.95
    for given, words in (
        ("daisy", "a class of the model, setosa, versicolor, virginica"),
        ("3", "a class of the model"),
    ):
        text = (folder / "iris.csv").read_text().replace("virginica", given)
        Path("other.csv").write_text(text)
        wrong = mlcli("evaluate", "run", "other.csv")
        assert wrong.code == 2
        assert words in wrong.err


def wine(target: str, features: int = 2) -> None:
    """A number, words in so many columns and a date; the target is words, or numbers."""
    names = [f"w{i}" for i in range(features)]
    quality = {"words": ("good", "bad"), "numbers": (1.5, 2.5)}[target]
    lines = [",".join(["acid", *names, "when", "t"])]
    for i in range(20):
        words = ["pfalz" if i % 3 else "mosel"] * features
        lines.append(",".join([str(i / 7), *words, f"2020-01-{i + 1:02}", str(quality[i % 2])]))
    Path("wine.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("command", "numbers"),
    [
        ("fit-poly", True),
        ("kfold", True),
        ("bayes", True),
        ("bias-variance", True),
        ("descent", True),
        ("train-mlp --task regression", True),
        ("logistic", False),
        ("train-mlp", False),
        ("baseline", False),
        ("kfold --loss zero-one", False),
    ],
)
def test_all_columns_of_words_are_named_the_target_first(
    mlcli: Run, empty_folder: Path, command: str, numbers: bool
) -> None:
    wine("words")
    done = mlcli(*command.split(), "--data", "wine.csv")
    assert (done.code, done.out) == (2, "")
    flags = "--categorical w0,w1 --dates when\n"
    if numbers:
        assert done.err == (
            f"mlcli: target 't' of {command.split()[0]} must be numbers, got words (bad, good), as "
            "in columns 'w0', 'w1', 'when' too; try `mlcli logistic`, `mlcli train-mlp` or "
            f"`mlcli kfold --loss zero-one`, with {flags}"
        )
    else:
        assert done.err == (
            "mlcli: columns 'w0', 'w1', 'when' of wine.csv must be numbers in every row, got "
            f"words; try naming the numeric columns with --features, or {flags}"
        )


def test_a_few_columns_of_words_are_named(mlcli: Run, empty_folder: Path) -> None:
    wine("numbers", 7)
    done = mlcli("fit-poly", "--data", "wine.csv")
    assert "columns 'w0', 'w1', 'w2', 'w3', 'w4' and 3 more of wine.csv must be numbers" in done.err
    assert done.err.endswith("or --categorical and --dates with the names of these\n")
    done = mlcli("fit-poly", "--data", "wine.csv", "--features", "acid,w0")
    assert "column 'w0' of wine.csv must be a number in every row" in done.err
    # One odd cell makes no column of words.
    text = Path("wine.csv").read_text().replace("\n1.0,", "\nmuch,")
    Path("wine.csv").write_text(text)
    done = mlcli("fit-poly", "--data", "wine.csv", "--features", "acid")
    assert "column 'acid' of wine.csv must be a number in every row, got 'much'" in done.err


def test_one_species_against_the_others(mlcli: Run, folder: Path) -> None:
    on = ["--data", str(folder / "iris.csv"), "--target", "species", "--positive", "0"]
    done = mlcli("logistic", *on, "--n-seeds", "2", "--no-plots", "--json", "--out", "run")
    assert done.json["classes"] == ["not setosa", "setosa"]
    scored = mlcli("evaluate", "run", str(folder / "iris.csv"), "--json").json
    assert np.sum(scored["confusion"], axis=1).tolist() == [100, 50]


def test_a_class_is_positive_by_its_word(mlcli: Run, folder: Path) -> None:
    on = ["--data", str(folder / "iris.csv"), "--target", "species", "--n-seeds", "2", "--no-plots"]
    by_number = mlcli("logistic", *on, "--positive", "2", "--json", "--out", "number").json
    by_word = mlcli("logistic", *on, "--positive", "virginica", "--json", "--out", "word").json
    # What was asked for is recorded as it was asked.
    assert (by_word.pop("positive"), by_number.pop("positive")) == ("virginica", 2.0)
    assert by_word == by_number
    assert by_word["classes"] == ["not virginica", "virginica"]
    shown = mlcli("logistic", *on, "--positive", "virginica", "--out", "word").out
    assert "The positive class, C_1, is virginica; the other is not virginica." in shown
    assert "positive class" not in mlcli("logistic", *on, "--out", "three").out
    wrong = mlcli("logistic", *on, "--positive", "rose")
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err == (
        "mlcli: --positive must be a label of target 'species', got 'rose'; "
        "try one of setosa, versicolor, virginica\n"
    )


@pytest.mark.parametrize(
    "command", ["fit-poly", "kfold", "bayes", "bias-variance", "descent", "train-mlp", "baseline"]
)
def test_numbers_are_not_predicted_of_words(mlcli: Run, folder: Path, command: str) -> None:
    more = ["--task", "regression"] if command in ("train-mlp", "baseline") else []
    done = mlcli(command, "--data", str(folder / "iris.csv"), "--target", "species", *more)
    assert done.code == 2
    assert "must be numbers, got words (setosa, versicolor, virginica)" in done.err
    assert not Path("runs").exists()


def test_every_method_of_baseline_fills_gaps_in_its_own_fold(mlcli: Run, folder: Path) -> None:
    more = (
        "--n-folds",
        "2",
        "--n-seeds",
        "1",
        "--n-epochs",
        "2",
        "--task",
        "regression",
        "--methods",
        "linear,neighbours,mlp",
    )
    done = mlcli("baseline", *flags(folder), *more, "--json")
    assert done.code == 0, done.err
    assert set(done.json["models"]) == {"constant", "linear", "neighbours", "mlp"}
    assert done.json["n_features"] == 10


def test_a_category_of_test_rows_alone_is_refused_before_any_work(
    mlcli: Run, folder: Path, tmp_path: Path
) -> None:
    text = (folder / "grunfeld.csv").read_text()
    (tmp_path / "g.csv").write_text(text + "1,2,3,Tesla,1950\n")
    on = ["--data", str(tmp_path / "g.csv"), "--target", "invest", "--categorical", "firm"]
    done = mlcli("kfold", *on, "--degrees", "1", "--no-plots")
    assert done.code == 2
    assert "no training row has 'Tesla' in column 'firm'" in done.err
    assert "--unseen average" in done.err
    assert not Path("runs").exists()
    more = ("--unseen", "average", "--n-seeds", "1", "--n-nested", "1", "--no-plots", "--jobs", "1")
    assert mlcli("kfold", *on, "--degrees", "1", *more).code == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--indicate-missing"], "must be used with impute"),
        (["--unseen", "average"], "must be used with categorical"),
        (["--impute", "mode"], "one of mean, median, most-frequent"),
    ],
)
def test_flags_that_mean_nothing_alone(mlcli: Run, more: list[str], words: str) -> None:
    done = mlcli("fit-poly", *more)
    assert done.code == 2
    assert words in done.err
