"""Products that are combinations of other columns are no columns of a basis."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.linear.basis import PRODUCTS, fit_basis
from mlcli.linear.redundant import NOTHING, find_redundant

rng = np.random.default_rng(0)
ANGLE = rng.uniform(0, 2 * np.pi, 200)
KIND = rng.integers(0, 3, 200)
# A number, 0 and 1, two categories of three, sine and cosine.
X = np.c_[rng.normal(size=200), rng.integers(0, 2, 200), KIND == 1, KIND == 2, np.sin(ANGLE),
          np.cos(ANGLE)]  # fmt: skip


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
    with (empty_folder / "o" / "weights.csv").open() as file:
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
