"""What predictions and metrics of a model are worth: against plain formulas, and one row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.linear.basis import fit_basis
from mlcli.linear.design import build
from mlcli.linear.polynomial import fit_polynomial
from mlcli.models.functions import (
    InBasis,
    Polynomials,
    Standardised,
    _with_zeros,
    _without_zeros,
    decode,
    decode_basis,
    encode,
    encode_basis,
    evaluate,
    leverages,
)
from mlcli.models.metrics import ClassMetrics, NumberMetrics, entries
from mlcli.models.prediction import ClassPredictions, NumberPredictions

RNG = np.random.default_rng(2)
X = RNG.normal(size=(50, 2))
T = X[:, 0] - X[:, 1] ** 2 + RNG.normal(size=50)


def test_leverage_of_a_basis_is_that_of_the_hat_matrix() -> None:
    basis = fit_basis("gaussian", X.min(axis=0), X.max(axis=0), 3)
    Phi = basis.evaluate(X)
    F = np.linalg.inv(np.linalg.qr(Phi, mode="r"))
    hat = Phi @ np.linalg.pinv(Phi)
    found = InBasis(basis, np.zeros(Phi.shape[1]), F)
    np.testing.assert_allclose(found.leverage(X)[:, 0], np.diagonal(hat), rtol=1e-8)
    assert InBasis(basis, np.zeros(Phi.shape[1])).leverage(X) is None


def test_functions_side_by_side_have_a_column_each() -> None:
    basis = fit_basis("gaussian", X.min(axis=0), X.max(axis=0), 2)
    w = RNG.normal(size=basis.n_columns)
    every = [Polynomials(fit_polynomial(X, T, (0, 2))), InBasis(basis, w, np.eye(w.size))]
    found = evaluate(every, X)
    np.testing.assert_allclose(found[:, 0], T.mean())
    np.testing.assert_allclose(found[:, 2], basis.evaluate(X) @ w)
    assert leverages(every, X).shape == (50, 3)
    # One without a leverage, and none of the table has an interval.
    assert leverages([*every, InBasis(basis, w)], X) is None


def test_arrays_of_a_model_must_fit_each_other() -> None:
    design = build("polynomial", X, T, 2, intercept=True, scaled=True)
    words, tensors = encode([Standardised(design, np.zeros(5))])
    for name, wrong in (("weights", np.zeros(4)), ("column_mean", np.zeros(6))):
        with pytest.raises(ValueError, match="there must be one weight per column"):
            decode(words, tensors | {f"0.{name}": wrong})
    words, tensors = encode([Standardised(design, np.zeros((6, 3)), True)])
    assert decode(words, tensors)[0](X).shape == (50, 3)
    with pytest.raises(ValueError, match="there must be one weight per column"):
        decode(words, tensors | {"0.weights": np.zeros((5, 3))})


def test_each_metric_of_numbers_has_the_interval_of_its_mean() -> None:
    y = T + RNG.normal(size=50)
    scored = NumberMetrics()
    scored.add(NumberPredictions(y, low=y - 1, high=y + 1), T)
    found = scored.estimates(0.9)
    assert scored.n_rows == 50
    # Below 0 there is no error: an end that would be there is moved, the other is Student's.
    for name, values in (("mse", (T - y) ** 2), ("mae", np.abs(T - y))):
        from scipy import stats

        reach = stats.t.ppf(0.95, 49) * values.std(ddof=1) / np.sqrt(50)
        assert found[name].value == pytest.approx(values.mean())
        assert found[name].high - values.mean() == pytest.approx(reach, rel=0.2)
        assert values.mean() - found[name].low == pytest.approx(reach, rel=0.2)
    for end in ("value", "low", "high"):
        assert getattr(found["rmse"], end) == pytest.approx(np.sqrt(getattr(found["mse"], end)))
    assert found["coverage"].low < found["coverage"].value < found["coverage"].high
    assert set(entries(found)) == {"mse", "rmse", "mae", "r2", "coverage"}
    assert entries(found)["mse"]["value"] == found["mse"].value


def test_one_row_has_a_metric_and_no_interval() -> None:
    scored = NumberMetrics()
    scored.add(NumberPredictions(np.array([2.0])), np.array([5.0]))
    found = scored.estimates(0.95)
    assert set(found) == {"mse", "rmse", "mae"}
    assert (found["mse"].value, found["rmse"].value, found["mae"].value) == (9, 3, 3)
    assert found["mse"].low is found["mse"].high is found["rmse"].low is found["rmse"].high is None


def test_classes_without_probabilities_have_an_accuracy_only() -> None:
    scored = ClassMetrics(2)
    scored.add(ClassPredictions(("a", "b"), np.array([0, 1, 1]), None), np.array([0, 1, 0]))
    found = scored.estimates(0.95)
    assert list(found) == ["accuracy"]
    assert found["accuracy"].value == pytest.approx(2 / 3)
    assert scored.counts.tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit-poly", "--degrees", "1", "--n-seeds", "1"),
        ("train-mlp", "--hidden", "4", "--n-epochs", "2", "--n-seeds", "1", "--batch-size", "8"),
    ],
    ids=lambda one: one[0],
)
def test_gaps_of_new_rows_are_filled_as_in_the_training(
    mlcli: Callable[..., Any], empty_folder: Path, arguments: tuple[str, ...]
) -> None:
    """With a gap, and with the statistic of the training rows in its place, the same number."""
    kinds = RNG.choice(["red", "green"], 40)
    x = RNG.normal(size=40).round(3)
    t = 3 * x + (kinds == "red") + 0.1 * RNG.normal(size=40)
    rows = [f"{x[k] if k % 9 else ''},{kinds[k]},{t[k]}" for k in range(40)]
    Path("train.csv").write_text("\n".join(["x,kind,t", *rows, ""]))
    on = ("--data", "train.csv", "--target", "t", "--impute", "median", "--categorical", "kind")
    done = mlcli(*arguments, *on, "--no-plots", "--quiet", "--out", "o")
    assert done.code == 0, done.err
    info = json.loads(Path("o/model/model.json").read_text())
    found = info["filling"] if "filling" in info else info["programs"][0]["members"][0]["filling"]
    median = found["values"][0]
    Path("gap.csv").write_text(f"x,kind\n,red\n{median!r},red\n,green\n{median!r},green\n")
    predicted = mlcli("predict", "o", "gap.csv")
    assert predicted.code == 0, predicted.err
    values = [float(line.split(",")[-1]) for line in predicted.out.splitlines()[1:]]
    assert values[0] == values[1]
    assert values[2] == values[3]
    assert values[0] != values[2]


def test_the_interval_of_an_error_stays_above_0() -> None:
    scored = NumberMetrics()
    scored.add(NumberPredictions(np.zeros(3)), np.array([0.1, 0.2, 10.0]))
    found = scored.estimates(0.95)
    for name in ("mse", "rmse", "mae"):
        assert 0 <= found[name].low < found[name].value < found[name].high
    assert found["r2"].high <= 1


def test_a_matrix_is_written_whole_unless_most_of_it_is_zero() -> None:
    """And whichever way it was written, it comes back."""
    for size, n_filled, whole in ((4, 7, False), (4, 8, True), (4, 9, True), (4, 0, False)):
        matrix = np.zeros(size * size)
        matrix[3 : 3 + n_filled] = 1 + np.arange(n_filled)
        matrix = matrix.reshape(size, size)
        kept = _without_zeros("H", matrix)
        assert set(kept) == ({"H"} if whole else {"H_places", "H_values"})
        assert (_with_zeros("H", size, kept) == matrix).all()
    for places in ([-1], [16]):
        outside = {"H_places": np.array(places), "H_values": np.ones(1)}
        with pytest.raises(ValueError, match="an entry is outside of H"):
            _with_zeros("H", 4, outside)
    nothing = {"H_places": np.zeros(0, np.int64), "H_values": np.zeros(0)}
    with pytest.raises(ValueError, match="more columns than 20000"):
        _with_zeros("H", 20_001, nothing)


def test_a_recurrence_must_be_one_of_the_columns() -> None:
    words, tensors = encode([Polynomials(fit_polynomial(X, T, (1, 3)))])
    assert decode(words, tensors)[0].encode()[0] == words[0]
    p = len(tensors["0.weights"])
    for name, wrong, sentence in (
        ("weights", np.zeros((p, 1)), "one weight per column and degree"),
        ("H", np.zeros((p, p - 1)), "not one of these columns"),
        ("features", np.zeros(p - 1, np.int64), "not one of these columns"),
        ("parents", np.zeros(p + 1, np.int64) - 1, "not one of these columns"),
        ("features", np.full(p, 2), "before its parent"),
        ("parents", np.arange(p), "before its parent"),
    ):
        with pytest.raises(ValueError, match=sentence):
            decode(words, tensors | {f"0.{name}": wrong})
    with pytest.raises(ValueError, match="one weight per column and degree"):
        decode([words[0] | {"degree": 4, "degrees": [1, 4]}], tensors)


def test_products_that_are_left_out_are_some_of_the_basis() -> None:
    basis = fit_basis("polynomial", X.min(axis=0), X.max(axis=0), 2)
    words, tensors = encode_basis(basis)
    assert "left_out" not in words
    assert decode_basis(words, tensors).left_out == ()
    back = decode_basis(words | {"left_out": [4, 3, 4]}, tensors)
    assert back.left_out == (3, 4)
    assert encode_basis(back)[0]["left_out"] == [3, 4]
    assert decode_basis(words | {"left_out": [0, 5]}, tensors).left_out == (0, 5)
    radial = {"basis": "gaussian", "left_out": [1]}
    for wrong in ({"left_out": [-1, 2]}, {"left_out": [2, 6]}, radial):
        with pytest.raises(ValueError, match="left out is none of the basis"):
            decode_basis(words | wrong, tensors)
