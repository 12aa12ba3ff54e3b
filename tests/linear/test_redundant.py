"""Products that are combinations of other columns are no columns of a basis."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from mlcli.classification.classifier import coefficients
from mlcli.datasets.source import open_source
from mlcli.estimators.logistic import LogisticClassifier
from mlcli.experiments.bias_variance.config import BiasVarianceConfig
from mlcli.experiments.bias_variance.models import fit_strengths
from mlcli.experiments.cross_validation.refits import penalised_refit
from mlcli.experiments.cross_validation.scores import linear_scores
from mlcli.experiments.cross_validation.spec import CrossValidationSpec
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.fit_poly.prepare import FitPolyPrepared
from mlcli.experiments.logistic.classes import fit_from_config
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.experiments.logistic.replicate import split_of
from mlcli.experiments.logistic.streamed import StreamedColumns, StreamedRanges
from mlcli.export.monomials import monomials_of
from mlcli.linear.basis import PRODUCTS, fit_basis
from mlcli.linear.design import build
from mlcli.linear.redundant import NOTHING, Related, find_redundant
from mlcli.models.functions import Standardised
from mlcli.selection.folds import k_fold
from mlcli.selection.penalised import standardised_blocks

rng = np.random.default_rng(0)
ANGLE = rng.uniform(0, 2 * np.pi, 200)
KIND = rng.integers(0, 3, 200)
# A number, 0 and 1, two categories of three, sine and cosine.
X = np.c_[
    rng.normal(size=200),
    rng.integers(0, 2, 200),
    KIND == 1,
    KIND == 2,
    np.sin(ANGLE),
    np.cos(ANGLE),
]


@pytest.mark.parametrize("kind", PRODUCTS)
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_what_is_left_spans_the_same_with_full_rank(kind: str, degree: int) -> None:
    known = find_redundant(X, [range(2, 4)], [(4, 5)])
    box = (X.min(axis=0), X.max(axis=0), degree)
    whole, fewer = fit_basis(kind, *box), fit_basis(kind, *box, redundant=known)
    Phi, kept = whole.evaluate(X), fewer.evaluate(X)
    rank = np.linalg.matrix_rank(Phi)
    assert kept.shape[1] == fewer.n_columns == np.linalg.matrix_rank(kept) == rank
    assert (fewer.n_columns < whole.n_columns) == (degree > 1)
    names = list("abcdef")
    at = [whole.terms(names).index(term) for term in fewer.terms(names)]
    np.testing.assert_array_equal(kept, Phi[:, at])
    np.testing.assert_array_equal(fewer.degrees(), whole.degrees()[at])


def test_only_what_the_rows_have_is_redundant() -> None:
    other = X.copy()
    other[0, 1] = 2.0
    other[0, 2:4] = 1.0
    other[0, 4] = 0.5
    found = find_redundant(other, [range(2, 4)], [(4, 5)])
    assert (found.squares, found.cosines, found.pairs) == (
        frozenset({2, 3}),
        frozenset(),
        frozenset(),
    )
    # Without a constant 1 - s^2 is not there, nor is what Legendre's polynomials need.
    known = find_redundant(X, [], [(4, 5)])
    box = (X.min(axis=0), X.max(axis=0), 2)
    terms = fit_basis("polynomial", *box, intercept=False, redundant=known).terms(list("abcdef"))
    assert "f^2" in terms
    assert "b^2" not in terms
    assert not fit_basis("legendre", *box, intercept=False, redundant=known).left_out
    assert not fit_basis("legendre", *box, redundant=NOTHING).left_out


def test_bayes_says_what_it_leaves_out_and_predicts_and_exports_without(
    mlcli: Callable[..., Any], empty_folder: Path
) -> None:
    import onnxruntime as ort

    rows = np.c_[X[:, :2], X[:, 0] + X[:, 1] + rng.normal(0, 0.1, 200)]
    np.savetxt("a.csv", rows, "%.17g", ",", header="x,b,t", comments="")
    run = ("bayes", "--data", "a.csv", "--degree", "2", "--degrees", "1,2", "--no-plots")
    done = mlcli(*run, "--out", "o")
    assert done.code == 0, done.err
    assert "note: left out, being combinations of other columns: P2(b)\n" in done.err
    assert mlcli(*run, "--out", "o", "--json").json["left_out"] == ["P2(b)"]
    with (empty_folder / "o" / "tables/weights.csv").open() as file:
        assert "P2(b)" not in {row["term"] for row in csv.DictReader(file)}
    predicted = mlcli("predict", "o", "a.csv").out.splitlines()[1:]
    means = np.array([float(line.split(",")[0]) for line in predicted])
    exported = mlcli("export", "o", "--to", "onnx", "--out", "m.onnx")
    assert exported.code == 0, exported.err
    session = ort.InferenceSession("m.onnx")
    (name,) = (one.name for one in session.get_inputs())
    dtype = np.float64 if "double" in session.get_inputs()[0].type else np.float32
    found = session.run(None, {name: X[:, :2].astype(dtype)})[0]
    np.testing.assert_allclose(np.asarray(found).reshape(200, -1)[:, 0], means, atol=1e-4)
    assert mlcli("verify", "o").code == 0


LABELS = (X[:, 0] + X[:, 1] + rng.logistic(size=200) > 0.5).astype(int)


@pytest.mark.parametrize("intercept", [True, False])
def test_a_penalty_does_not_split_the_weight_of_a_column_of_0_and_1(intercept: bool) -> None:
    config = LogisticConfig(
        basis="polynomial", degree=2, penalty="l2", l2=0.01, intercept=intercept
    )
    b_and_x = X[:, [1, 0]]
    found = fit_from_config(config, b_and_x, LABELS, 2)
    assert found.design.basis.left_out_terms(["b", "x"]) == ["b^2"]
    # The same minimum from columns that are written out, without b^2.
    b, x = b_and_x.T
    A = np.c_[b, x, b * x, x**2]
    units = A.std(axis=0) if intercept else np.sqrt((A**2).mean(axis=0))
    known = LogisticRegression(C=1 / (2 * 0.01 * 200), fit_intercept=intercept, tol=1e-10)
    known.fit(A / units, LABELS)
    weights = coefficients(found)[0][int(intercept) :, 0]
    np.testing.assert_allclose(weights, known.coef_[0] / units, rtol=1e-5)
    # Powers for scikit-learn, in which the square has the coefficient 0.
    function = Standardised(found.design, found.fit.W, intercept)
    powers = monomials_of(function)
    assert powers is not None
    assert powers.C[3].item() == 0.0
    Z = (b_and_x - powers.shift) / powers.scale
    Phi = fit_basis("polynomial", [-1.0, -1.0], [1.0, 1.0], 2).evaluate(Z)
    np.testing.assert_allclose(Phi @ powers.C, function(b_and_x), atol=1e-12)


@pytest.mark.parametrize("basis", ["polynomial", "legendre"])
def test_logistic_says_what_it_leaves_out_and_predicts_and_exports_without(
    mlcli: Callable[..., Any], empty_folder: Path, basis: str
) -> None:
    rows = np.c_[X[:, :2], LABELS]
    np.savetxt("a.csv", rows, "%.17g", ",", header="x,b,t", comments="")
    run = (
        "logistic",
        "--data",
        "a.csv",
        "--basis",
        basis,
        "--degree",
        "2",
        "--penalty",
        "l2",
        "--n-seeds",
        "1",
        "--n-study",
        "10",
        "--no-plots",
        "--out",
        "o",
    )
    done = mlcli(*run)
    assert done.code == 0, done.err
    name = {"polynomial": "b^2", "legendre": "P2(b)"}[basis]
    assert f"note: left out, being combinations of other columns: {name}\n" in done.err
    for path in ("details.json", "model/model.json"):
        assert json.loads(Path("o", path).read_text())["left_out"] == [name]
    with Path("o/model/coefficients.csv").open() as file:
        assert name not in {row["term"] for row in csv.DictReader(file)}
    config = LogisticConfig(basis=basis, degree=2, penalty="l2")  # type: ignore[arg-type]
    split = split_of(config, open_source("a.csv", target="t"), 0)
    labels = split.classes.labels[split.train]
    model = fit_from_config(config, split.X[split.train], labels, 2)
    predicted = mlcli("predict", "o", "a.csv").out.splitlines()[1:]
    found = np.array([float(line.split(",")[-1]) for line in predicted])
    np.testing.assert_array_equal(found, model.predict(X[:, :2])[:, 1])
    for to, ending in (("onnx", "onnx"), ("sklearn", "skops")):
        exported = mlcli("export", "o", "--to", to, "--out", f"m.{ending}")
        assert exported.code == 0, exported.err


def test_batches_of_rows_leave_out_the_squares_of_0_and_1_too() -> None:
    config = LogisticConfig(basis="polynomial", degree=2)
    ranges = StreamedRanges(2, 2)
    for rows in (slice(100), slice(100, None)):
        ranges.add(X[rows, :2], LABELS[rows])
    columns = StreamedColumns(config, ranges, X[:50, :2])
    columns.add(X[:, :2])
    found = columns.design()
    known = build("polynomial", X[:, :2], LABELS * 1.0, 2, intercept=True, scaled=True)
    assert found.basis.left_out == known.basis.left_out == (5,)
    np.testing.assert_allclose(found.columns(X[:, :2]), known.A, atol=1e-12)
    # A number that is neither, in the last batch.
    ranges.add(np.array([[0.0, 2.0]]), np.array([1]))
    assert not ranges.binary.any()


def test_ridge_of_fit_poly_leaves_out_the_squares_of_0_and_1(
    mlcli: Callable[..., Any], empty_folder: Path
) -> None:
    t = X[:, 0] + X[:, 1] + rng.normal(0, 0.1, 200)
    np.savetxt("a.csv", np.c_[X[:, :2], t], "%.17g", ",", header="x,b,t", comments="")
    done = mlcli(
        "fit-poly",
        "--data",
        "a.csv",
        "--degrees",
        "2",
        "--penalty",
        "l2",
        "--l2",
        "0.1",
        "--n-seeds",
        "2",
        "--test-fraction",
        "0",
        "--no-plots",
        "--out",
        "o",
    )
    assert done.code == 0, done.err
    assert "note: left out, being combinations of other columns: b^2\n" in done.err
    assert json.loads(Path("o/details.json").read_text())["left_out"] == ["b^2"]
    x, b = X[:, :2].T
    A = np.c_[x, b, x**2, x * b]
    A = (A - A.mean(axis=0)) / A.std(axis=0)
    # (3.13) halves the mean square.
    known = Ridge(alpha=2 * 0.1 * 200, tol=1e-12).fit(A, t).predict(A)
    predicted = mlcli("predict", "o", "a.csv").out.splitlines()[1:]
    means = [float(line.split(",")[0]) for line in predicted]
    np.testing.assert_allclose(means, known, rtol=1e-10)
    assert mlcli("verify", "o").code == 0


def test_seeds_may_leave_out_other_columns_than_the_first_one(
    mlcli: Callable[..., Any], empty_folder: Path
) -> None:
    # A single 2 is among the training rows of some seeds.
    b = X[:40, 1].copy()
    b[7] = 2.0
    np.savetxt(
        "a.csv", np.c_[X[:40, 0], b, X[:40, 0] + b], "%.17g", ",", header="x,b,t", comments=""
    )
    done = mlcli(
        "fit-poly",
        "--data",
        "a.csv",
        "--degrees",
        "2",
        "--n-seeds",
        "6",
        "--n-path",
        "3",
        "--test-fraction",
        "0.5",
        "--no-plots",
        "--out",
        "o",
    )
    assert done.code == 0, done.err
    config = FitPolyConfig(degrees=(2,), test_fraction=0.5)
    prepared = FitPolyPrepared(config, open_source("a.csv", target="t"))
    found = [prepared.rows(i).X_train[:, 1].max() for i in range(6)]
    assert set(found) == {1.0, 2.0}
    with Path("o/tables/coefficients.csv").open() as file:
        terms = [row["term"] for row in csv.DictReader(file)]
    assert ("b^2" in terms) == (found[0] == 2.0)
    assert len(terms) == 4 + (found[0] == 2.0)


RELATED: Related = ([range(2, 4)], [(4, 5)])


def test_folds_of_ridge_use_the_columns_that_are_left() -> None:
    spec = CrossValidationSpec((2,), penalty="l2", strengths=(0.1,))
    t = X[:, 0] * X[:, 1] + X[:, 2] + X[:, 4] ** 2 + rng.normal(0, 0.1, 200)
    folds = k_fold(200, 4, np.random.default_rng(0))
    found = linear_scores(spec, X, t, folds, None, RELATED).test[0, 0]
    redundant = find_redundant(X, *RELATED)
    A = fit_basis("polynomial", X.min(axis=0), X.max(axis=0), 2, redundant=redundant).evaluate(X)
    A = (A[:, 1:] - A[:, 1:].mean(axis=0)) / A[:, 1:].std(axis=0)
    known = []
    for split_ in range(4):
        train, test = folds.train_rows(split_), folds.test_rows(split_)
        ridge = Ridge(alpha=2 * 0.1 * train.size, tol=1e-12).fit(A[train], t[train])
        known.append(((t[test] - ridge.predict(A[test])) ** 2).mean())
        refit = penalised_refit(spec, X, t, 2, 0.1, RELATED)(train, test, 0)
        np.testing.assert_allclose(refit, ridge.predict(A[test]), atol=1e-10)
    np.testing.assert_allclose(found, known, rtol=1e-9)


def test_many_rows_have_the_same_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    t = X[:, 0] + rng.normal(0, 0.1, 200)
    blocks = [np.arange(120), np.arange(120, 200)]
    plain = standardised_blocks("polynomial", X, t, (1, 2, 3), blocks, related=RELATED)
    monkeypatch.setattr("mlcli.selection.penalised.MANY_ROWS", 100)
    fast = standardised_blocks("polynomial", X, t, (1, 2, 3), blocks, related=RELATED)
    assert fast[0].columns.sizes == plain[0].columns.sizes
    assert fast[0].design.basis.left_out == plain[0].design.basis.left_out != ()
    every = slice(None)
    np.testing.assert_allclose(fast[0].columns.rows(every), plain[0].columns.rows(every), atol=1e-8)
    np.testing.assert_allclose(fast[0].design.columns(X), plain[0].design.A, atol=1e-8)
    for one, other in zip(fast[1], plain[1], strict=True):
        np.testing.assert_allclose(one.R.T @ one.R, other.R.T @ other.R, atol=1e-7)
        assert (np.tril(one.R, -1) == 0).all()


@pytest.mark.parametrize("model", ["linear", "logistic"])
def test_kfold_says_what_its_model_leaves_out(
    mlcli: Callable[..., Any], empty_folder: Path, model: str
) -> None:
    lines = [
        f"{x!r},{'uvw'[int(k)]},{int(t)}"
        for x, k, t in zip(X[:, 0].tolist(), KIND, LABELS, strict=True)
    ]
    Path("a.csv").write_text("\n".join(["x,k,t", *lines]))
    done = mlcli(
        "kfold",
        "--data",
        "a.csv",
        "--categorical",
        "k",
        "--degrees",
        "2",
        "--penalty",
        "l2",
        "--loss",
        "zero-one",
        "--model",
        model,
        "--n-strengths",
        "2",
        "--n-seeds",
        "1",
        "--n-nested",
        "0",
        "--no-plots",
        "--out",
        "o",
    )
    assert done.code == 0, done.err
    assert "columns: k=v^2, k=v*k=w, k=w^2\n" in done.err
    left_out = ["k=v^2", "k=v*k=w", "k=w^2"]
    for path in ("details.json", "model/model.json"):
        assert json.loads(Path("o", path).read_text())["left_out"] == left_out
    with Path("o/model/coefficients.csv").open() as file:
        terms = {row["term"] for row in csv.DictReader(file)}
    assert terms == {"0", "x", "k=v", "k=w", "x^2", "x*k=v", "x*k=w"}
    assert len(mlcli("predict", "o", "a.csv").out.splitlines()) == 201


def test_bias_variance_penalises_the_columns_that_are_left(
    mlcli: Callable[..., Any], empty_folder: Path
) -> None:
    t = X[:, 0] + X[:, 1] + rng.normal(0, 0.1, 200)
    np.savetxt("a.csv", np.c_[X[:, :2], t], "%.17g", ",", header="x,b,t", comments="")
    done = mlcli(
        "bias-variance",
        "--data",
        "a.csv",
        "--degrees",
        "2",
        "--penalty",
        "l2",
        "--n-datasets",
        "3",
        "--n-strengths",
        "2",
        "--n-seeds",
        "1",
        "--no-plots",
        "--out",
        "o",
    )
    assert done.code == 0, done.err
    assert "note: left out, being combinations of other columns: b^2\n" in done.err
    assert json.loads(Path("o/details.json").read_text())["left_out"] == ["b^2"]
    config = BiasVarianceConfig(degrees=(2,), penalty="l2", n_strengths=2)
    basis = fit_strengths(config, X, t, RELATED).basis
    known = find_redundant(X, *RELATED)
    assert (
        basis.left_out == fit_basis("polynomial", [0.0] * 6, [1.0] * 6, 2, redundant=known).left_out
    )


def test_coefficients_of_the_estimator_are_those_of_all_products() -> None:
    model = LogisticClassifier("polynomial", 2, l2=0.01).fit(X[:, [1, 0]], LABELS)
    b, x = X[:, [1, 0]].T
    assert model.coef_.shape == (1, 5)
    assert model.coef_[0, 2] == 0.0
    a = model.intercept_ + np.c_[b, x, b**2, b * x, x**2] @ model.coef_[0]
    np.testing.assert_allclose(model.decision_function(X[:, [1, 0]]), a, atol=1e-12)
